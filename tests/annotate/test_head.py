"""Heads on features that a reader can tell apart, their temperatures and thresholds, and what cannot be trained."""

from __future__ import annotations

import numpy as np
import pytest

from hannun.annotate.head import HeadTraining, TagHead, calibrated, softmax, train
from hannun.errors import InputError
from hannun.metrics import calibration_error

QUICK = HeadTraining(hidden=8, epochs=60, batch=16, rate=0.02, drop=0.0)


def blobs(n: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes about the corners of a triangle in five dimensions."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return (np.eye(5)[y] + noise * rng.normal(size=(n, 5))).astype(np.float32), y


def test_what_is_apart_is_told_apart() -> None:
    x, y = blobs(150, 0.1)
    head = train(x, y, ("가", "나", "다"), QUICK)
    assert (head.probabilities(x).argmax(1) == y).all()
    assert np.allclose(head.probabilities(x).sum(1), 1, atol=1e-5)


def test_the_same_seed_gives_the_same_weights() -> None:
    x, y = blobs(60, 0.3)
    one, other = (train(x, y, ("가", "나", "다"), QUICK) for _ in range(2))
    assert np.array_equal(one.outer, other.outer)


def test_a_class_without_a_picture_is_an_error() -> None:
    x, y = blobs(30, 0.1)
    with pytest.raises(InputError, match="'라'"):
        train(x, y, ("가", "나", "다", "라"))


def test_a_temperature_makes_probabilities_honest() -> None:
    """Scores that are four times too high are as sure of what is wrong as of what is right."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 3000)
    honest = rng.normal(0, 1.5, (3000, 3))
    y = np.array([rng.choice(3, p=p / p.sum()) for p in softmax(honest).astype(np.float64)])
    zeros = np.zeros(6, np.float32)
    outer = np.concatenate([4 * np.eye(3, dtype=np.float32), -4 * np.eye(3, dtype=np.float32)])
    loud = TagHead(("가", "나", "다"), zeros, zeros + 1, np.eye(6, dtype=np.float32), zeros, outer, np.zeros(3, np.float32))
    x = np.concatenate([honest, -honest], axis=1).astype(np.float32).clip(-4.9, 4.9)
    assert np.allclose(loud.logits(x), 4 * x[:, :3], atol=1e-4)
    quiet = calibrated(loud, x, y, 0.9)
    assert 3.4 < quiet.temperature < 4.6

    def error(head: TagHead) -> float:
        p = head.probabilities(x)
        return calibration_error(p.max(1), p.argmax(1) == y)

    assert error(quiet) < 0.04 < 0.15 < error(loud)
    p = quiet.probabilities(x)
    said = p.max(1) >= quiet.threshold
    assert 0.1 < said.mean() < 0.9 and (p.argmax(1) == y)[said].mean() >= 0.9


def test_a_threshold_is_zero_where_all_is_right() -> None:
    x, y = blobs(90, 0.05)
    assert calibrated(train(x, y, ("가", "나", "다"), QUICK), x, y, 0.9).threshold == 0
