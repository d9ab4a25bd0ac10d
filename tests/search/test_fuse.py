"""Directions and lists small enough to work out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hannun.embeddings import unit
from hannun.encoder import UNCALIBRATED, Calibration
from hannun.search import fuse
from hannun.search.fuse import NEARER, averaged, chances, edges, either, gains, ranks, towards

X, Y, Z = np.eye(3, dtype=np.float32)


def test_towards_the_mean_of_what_is_wanted() -> None:
    assert towards([X], []) == pytest.approx(X)
    assert towards([X, Y], []) == pytest.approx(unit([1, 1, 0]))


def test_away_from_what_the_unwanted_does_not_share() -> None:
    assert towards([X], [Y], away=0.5) == pytest.approx(unit([1, -0.5, 0]))
    # of (X + Y) only Y is not shared with X, so that X itself is not turned away from
    assert towards([X], [unit([1, 1, 0])], away=0.5) == pytest.approx(unit([1, -0.5, 0]), abs=1e-6)
    assert towards([X], [X]) == pytest.approx(X)  # nothing is left to turn away from
    assert towards([], [X]) == pytest.approx(-X)


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.9, 0.1)])
def test_averaged_is_the_cosine_with_the_renormalised_average(weights: tuple[float, float]) -> None:
    q, t, i = unit(np.random.default_rng(0).normal(size=(3, 8)))
    truth = float(q @ unit(weights[0] * t + weights[1] * i))
    named = dict(zip(("text", "image"), weights, strict=True))
    assert averaged({"text": float(q @ t), "image": float(q @ i)}, named, {"text+image": float(t @ i)}) == pytest.approx(truth, abs=1e-6)
    assert averaged({"image": float(q @ i)}, named, {}) == pytest.approx(float(q @ i), abs=1e-6)
    assert averaged({"text": 1.0, "image": -1.0}, {"text": 0.5, "image": 0.5}, {"text+image": -1.0}) == 0.0  # they cancel out: no direction


def test_chances_fall_by_e_for_each_step_and_the_best_sum_to_one() -> None:
    """2 is one step of 2 below 4, 0 two: 1 : 1/e : 1/e²; what is outside the pool is measured by it."""
    whole = 1 + math.exp(-1)
    assert chances({"a": 4.0, "b": 2.0, "c": 0.0}, [4.0, 2.0], 2.0) == pytest.approx(
        {"a": 1 / whole, "b": math.exp(-1) / whole, "c": math.exp(-2) / whole}
    )
    assert chances({"a": 0.0}, [], 1.0) == {"a": 1.0}


def test_the_surer_ranking_decides() -> None:
    """By meaning a and b are alike; the words know that it is b. Then the other way round."""
    rare, common = 50.0, 1.0
    near, said = {"a": 0.5, "b": 0.49}, {"b": rare}
    assert (found := either(near, said, 0.5, [0.5, 0.49], [rare], 0.1))["b"] > found["a"]
    near, said = {"a": 0.9, "b": 0.1}, {"b": common}
    assert (found := either(near, said, 0.5, [0.9, 0.1], [common], 0.1))["a"] > found["b"]
    assert sum(found.values()) == pytest.approx(1)
    # nobody has the words: each of two items is as likely by them as the other, and meaning decides
    e = math.exp(-4 / NEARER)  # b is four deviations below the best
    assert either({"a": 0.4, "b": 0.0}, {}, 0.25, [0.4, 0.0], [], 0.1) == pytest.approx(
        {"a": 0.75 / (1 + e) + 0.25 / 2, "b": 0.75 * e / (1 + e) + 0.25 / 2}
    )


def test_words_lean_on_how_long_the_texts_are() -> None:
    """The odds of words grow with the letters; of a sentence they are what was asked for, and all or nothing stays that."""
    assert fuse.leaning(0.3, fuse.SENTENCE) == pytest.approx(0.3) and fuse.leaning(0.3, 0) == 0.3
    assert fuse.leaning(0.5, 3 * fuse.SENTENCE) == pytest.approx(0.75)
    assert fuse.leaning(0.5, 9999) == fuse.leaning(0.5, fuse.MOST) and fuse.leaning(0.5, 1) == fuse.leaning(0.5, fuse.FEWEST)
    assert [fuse.leaning(s, 500) for s in (0, 1)] == [0, 1] and [fuse.leaning(s, 5) for s in (0, 1)] == [0, 1]


def test_ranks_are_fused_reciprocally() -> None:
    assert ranks([(["a", "b"], 1.0), (["b"], 1.0)], k=60) == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 1 / 61})
    assert ranks([(["a"], 0.25), (["b"], 0.75)]) == pytest.approx({"a": 0.25 / 61, "b": 0.75 / 61})


def test_gains_make_unrelated_items_of_every_kind_spread_alike() -> None:
    background = {"text": {"text": (0.0, 0.1), "image": (0.0, 0.05)}, "image": {"text": (0.0, 0.2), "image": (0.0, 0.4)}}
    halves = {"text": 0.5, "image": 0.5}
    g = gains(Calibration(background, 0.0), {"text": 1.0}, halves)
    both = math.hypot(0.5 * 0.1, 0.5 * 0.05) / math.hypot(0.5, 0.5)  # t·i is 0 on average: the average has length √½
    assert g["text"] * 0.1 == pytest.approx(g["image"] * 0.05) == pytest.approx(g["text+image"] * both)
    assert max(g.values()) == 1
    assert gains(UNCALIBRATED, {"image": 1.0}, halves) == pytest.approx({"text": 1.0, "image": 1.0, "text+image": 1.0})


def test_edges_lie_so_many_deviations_above_what_is_unrelated() -> None:
    background = {"text": {"text": (0.4, 0.1), "image": (0.1, 0.05)}, "image": {"text": (0.0, 0.2), "image": (0.0, 0.4)}}
    e = edges(Calibration(background, 0.0), {"text": 1.0}, {"text": 0.5, "image": 0.5}, 3.0)
    assert e["text"] == pytest.approx(0.7) and e["image"] == pytest.approx(0.25)
    # t·i is 0 on average, so that the average of the two has length √½ before it is renormalised
    assert e["text+image"] == pytest.approx((0.25 + 3 * math.hypot(0.05, 0.025)) / math.sqrt(0.5))
    assert edges(UNCALIBRATED, {"image": 1.0}, {"text": 0.5, "image": 0.5}, 3.0) == pytest.approx(dict.fromkeys(e, 3.0))
