"""Directions and lists small enough to work out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hannun.embeddings import unit
from hannun.encoder import UNCALIBRATED, Calibration
from hannun.search.fuse import averaged, convex, gains, ranks, towards

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
    assert averaged({"text": float(q @ t), "image": float(q @ i)}, named, float(t @ i)) == pytest.approx(truth, abs=1e-6)
    assert averaged({"image": float(q @ i)}, named, 0.0) == pytest.approx(float(q @ i), abs=1e-6)
    assert averaged({"text": 1.0, "image": -1.0}, {"text": 0.5, "image": 0.5}, -1.0) == 0.0  # they cancel out: no direction


def test_convex_takes_a_missing_score_as_nothing_and_the_best_words_as_one() -> None:
    assert convex({"a": 0.8, "b": 0.4}, {"b": 6.0, "c": 12.0}, 0.25, 12.0) == pytest.approx(
        {"a": 0.75 * 0.8, "b": 0.75 * 0.4 + 0.25 * 0.5, "c": 0.25}
    )
    assert convex({"a": 0.8}, {}, 0.5, 0.0) == {"a": 0.4}


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
