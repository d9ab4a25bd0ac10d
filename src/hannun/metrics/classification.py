"""Labels or scores of classes go in, accuracy, the guessed classes and macro-F1 come out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hannun.metrics import checks
from hannun.metrics.checks import Ints
from hannun.metrics.ranking import pessimistic_rank


def accuracy(truth: npt.ArrayLike, guess: npt.ArrayLike) -> float:
    """The share of equal labels in two lists [n]."""
    t, g = checks.labels(truth, guess)
    return float((t == g).mean())


def guess(scores: npt.ArrayLike, truth: npt.ArrayLike) -> Ints:
    """The class [n] with the highest of the scores [n, classes]; where the true class shares the highest score, another one that has it."""
    s, t = checks.matrix("scores", scores), np.asarray(truth)
    ranks = pessimistic_rank(s, t)
    rows = np.arange(len(s))
    rivals = s.copy()
    rivals[rows, t] = -np.inf
    return np.asarray(np.where(ranks == 1, t, rivals.argmax(axis=1)), dtype=np.int64)


def macro_f1(truth: npt.ArrayLike, guess: npt.ArrayLike) -> float:
    """The mean of the F1 of every class that occurs in either list; a class that is never rightly guessed has F1 0.

    F1 of a class = 2·hits / (times it is true + times it is guessed) (van Rijsbergen 1979).
    """
    t, g = checks.labels(truth, guess)
    classes, place = np.unique(np.concatenate([t, g]), return_inverse=True)
    first, second = place[: len(t)], place[len(t) :]
    true, said, hits = (np.bincount(x, minlength=len(classes)) for x in (first, second, first[first == second]))
    return float((2 * hits / (true + said)).mean())
