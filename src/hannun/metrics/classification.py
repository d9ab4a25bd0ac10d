"""Labels or scores of classes go in, accuracy, the guessed classes and macro-F1 come out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hannun.errors import InputError
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


def calibration_error(sure: npt.ArrayLike, right: npt.ArrayLike, bins: int = 15) -> float:
    """The expected calibration error: how far probabilities of guesses [n] are from the share of them that is right, over equal bins.

    The bins are 1/bins wide and count by how many guesses fall into each (Guo et al. 2017; 15 bins are the paper's).
    """
    p, r = checks.vector("sure", sure), np.asarray(right, np.float64)
    if p.shape != r.shape:
        raise InputError(f"{p.shape} probabilities and {r.shape} outcomes came, expected one for each")
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    gaps = np.abs(np.bincount(place, p, bins) - np.bincount(place, r, bins))
    return float(gaps.sum() / max(counts.sum(), 1))
