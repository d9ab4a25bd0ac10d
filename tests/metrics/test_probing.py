"""A logistic regression beside scikit-learn's, and which examples are shown."""

from __future__ import annotations

import numpy as np
import pytest

from hannun import metrics
from hannun.errors import InputError


def clouds(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return random.normal(0, 1, (n, 5)) + np.eye(3, 5)[y] * 3, y


def test_two_classes_on_a_line_are_parted_in_the_middle() -> None:
    scores = metrics.logistic([[0.0], [1.0], [9.0], [10.0]], [0, 0, 1, 1], [[4.0], [6.0]])
    assert scores.argmax(axis=1).tolist() == [0, 1] and scores[0, 0] - scores[0, 1] == pytest.approx(scores[1, 1] - scores[1, 0], rel=1e-3)


def test_it_guesses_as_scikit_learn_does() -> None:
    linear = pytest.importorskip("sklearn.linear_model", reason="what it is compared with")
    x, y = clouds(90, 0)
    other, truth = clouds(300, 1)
    ours = metrics.logistic(x, y, other)
    z = (x - x.mean(0)) / x.std(0)
    theirs = linear.LogisticRegression(C=1.0, max_iter=500).fit(z, y).decision_function((other - x.mean(0)) / x.std(0))
    assert (ours.argmax(1) == theirs.argmax(1)).mean() > 0.99 and metrics.accuracy(truth, ours.argmax(1)) > 0.9
    centred = ours - ours.mean(1, keepdims=True)
    assert np.abs(centred - (theirs - theirs.mean(1, keepdims=True))).max() < 0.3


def test_a_class_without_an_example_is_never_guessed() -> None:
    scores = metrics.logistic([[0.0], [1.0]], [0, 2], [[0.5]])
    assert scores.shape == (1, 3) and scores[0, 1] == -np.inf
    with pytest.raises(InputError, match="expected"):
        metrics.logistic([[0.0]], [0, 1], [[0.5]])


def test_examples_are_drawn_of_each_class() -> None:
    y = np.array([0, 0, 0, 1, 1, 2])
    assert sorted(y[metrics.shown(y, 2, 0)].tolist()) == [0, 0, 1, 1, 2]
    assert metrics.shown(y, 2, 0).tolist() == metrics.shown(y, 2, 0).tolist()
    assert len({tuple(metrics.shown(y, 1, seed)) for seed in range(20)}) > 1
