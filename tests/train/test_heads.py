"""Heads: the loss by hand, its gradient by differences, what training does, and where the middles lie."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from hannun.embeddings import unit
from hannun.train.heads import HeadSettings, Matched, centres, contrast, slope, train

SMALL = HeadSettings(steps=60, batch=8, rate=0.05, decay=0.0, dims=(8, 4))


def toy(n: int = 12, texts: int = 4, width: int = 8, states: int = 10) -> Matched:
    """Pictures of `texts` things, whose states tell which, and whose own vectors tell nothing."""
    rng = np.random.default_rng(0)
    things = np.arange(n) % texts
    seen = np.eye(states, dtype=np.float32)[things] + 0.01 * rng.standard_normal((n, states)).astype(np.float32)
    return Matched(
        unit(rng.standard_normal((n, width))),
        seen,
        unit(rng.standard_normal((texts, width))),
        np.stack([np.arange(n), things], axis=1),
        np.arange(texts),
    )


def test_the_loss_is_what_one_counts_out() -> None:
    eye, all_of_it = np.eye(2, dtype=np.float32), np.ones((2, 2), bool)
    loss, by_pictures, by_texts = contrast(eye, eye, all_of_it & (eye > 0), all_of_it, 1.0)
    wrong = 1 / (1 + math.e)  # softmax of (1, 0) gives the wrong one so much; two rows share it
    assert loss == pytest.approx(-math.log(1 - wrong))
    assert by_pictures.tolist() == [pytest.approx([-wrong / 2, wrong / 2]), pytest.approx([wrong / 2, -wrong / 2])] == by_texts.tolist()
    assert contrast(eye, eye, eye > 0, eye > 0, 1.0)[0] == 0  # what does not count is no negative


def test_the_gradient_is_the_slope() -> None:
    data, settings = toy(6, 3), replace(SMALL, temperature=0.5)
    known = np.sort(data.pairs[:, 0] * len(data.texts) + data.pairs[:, 1])
    rng = np.random.default_rng(1)
    matrix = 0.3 * rng.standard_normal((10, 8)).astype(np.float32)
    _, gradient = slope(data, matrix, np.arange(6), known, settings)
    direction = rng.standard_normal(matrix.shape).astype(np.float32)
    step = 1e-2
    higher, lower = (slope(data, matrix + s * step * direction, np.arange(6), known, settings)[0] for s in (1, -1))
    assert (higher - lower) / (2 * step) == pytest.approx(float((gradient * direction).sum()), rel=1e-2)


def test_training_brings_pictures_to_their_words_and_repeats_itself() -> None:
    data = toy()
    matrix = train(data, SMALL)
    scores = unit(data.base + data.states @ matrix) @ data.texts.T
    assert (scores.argmax(1) == data.pairs[:, 1]).all()
    assert (matrix == train(data, SMALL)).all() and (matrix != train(data, replace(SMALL, seed=1))).any()


def test_what_is_of_one_group_is_not_pushed_away() -> None:
    data = toy(4, 4)
    one = replace(data, groups=np.zeros(4, np.int64))
    assert not train(one, SMALL).any()  # nothing is a negative of anything: no slope at all


def test_what_only_looks_right_comes_into_the_batch() -> None:
    data = toy(4, 4)
    known = np.sort(data.pairs[:, 0] * 4 + data.pairs[:, 1])
    alone = slope(data, np.zeros((10, 8), np.float32), np.array([0]), known, SMALL)[0]
    assert alone == pytest.approx(0, abs=1e-6)  # one pair contrasts with nothing
    beside = replace(data, beside={n: np.array([(n + 1) % 4]) for n in range(4)})
    assert train(beside, replace(SMALL, batch=1, steps=5)).any() and not train(data, replace(SMALL, batch=1, steps=5)).any()


def test_pictures_move_along_what_texts_differ_in_alone() -> None:
    data = replace(toy(12, 2), texts=np.eye(8, dtype=np.float32)[:2], groups=np.arange(2))
    matrix = train(data, replace(SMALL, dims=(8,)))
    assert matrix.any() and np.abs(matrix[:, 2:]).max() < 1e-6 and matrix[:, :2].sum(1) == pytest.approx(0, abs=1e-5)


def test_centres_lie_where_things_are() -> None:
    here = unit(np.array([[1, 0.01], [1, -0.01], [0.01, 1], [-0.01, 1]], np.float32))
    found = centres(here, 2, seed=3)
    assert sorted(np.round(np.abs(found), 2).tolist()) == [[0.0, 1.0], [1.0, 0.0]] or len(np.unique(found.round(2), axis=0)) == 2
