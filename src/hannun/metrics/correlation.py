"""Two lists of numbers go in, their rank correlation comes out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hannun.errors import InputError
from hannun.metrics import checks
from hannun.metrics.checks import Array


def average_ranks(values: npt.ArrayLike) -> Array:
    """The ranks, from 1, of values [n] in rising order; equal values share the mean of the ranks they take."""
    x = checks.vector("values", values)
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Spearman's correlation of two lists [n]: Pearson's of their average ranks (Spearman 1904).

    Here a tie is no win to deny, so it takes the average rank. Raises InputError where one list is constant: no order, no correlation.
    """
    x, y = checks.vector("a", a), checks.vector("b", b)
    if len(x) != len(y) or len(x) < 2:
        raise InputError(f"lists of {len(x)} and {len(y)} values came, expected two of one length ≥ 2")
    x, y = average_ranks(x), average_ranks(y)
    x, y = x - x.mean(), y - y.mean()
    length = float(np.sqrt((x @ x) * (y @ y)))
    if not length:
        raise InputError("a list of equal values came, expected values that can be ordered")
    return float(np.clip(x @ y / length, -1, 1))
