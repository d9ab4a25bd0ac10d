"""Lists that were shown go in, how varied they are comes out: the catalogue's coverage, the distance within a list."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hannun.errors import InputError
from hannun.metrics import checks
from hannun.metrics.checks import Array


def coverage(lists: npt.ArrayLike, catalogue: int) -> float:
    """The share of a catalogue's items that at least one of the lists [n, k] shows; items are numbered 0…catalogue − 1 (Ge et al. 2010)."""
    shown = np.asarray(lists)
    if shown.ndim != 2 or not np.issubdtype(shown.dtype, np.integer):
        raise InputError(f"lists have shape {shown.shape} and type {shown.dtype}, expected whole numbers [lists, k]")
    if catalogue < 1 or (shown.size and not (shown.min() >= 0 and shown.max() < catalogue)):
        raise InputError(
            f"lists that name items up to {shown.max(initial=0)} came with a catalogue of {catalogue}, expected 0…{catalogue - 1}"
        )
    return len(np.unique(shown)) / catalogue


def intra_list_distance(vectors: npt.ArrayLike) -> Array:
    """The mean of 1 − cosine over all pairs in each list, 0 for equal items: how varied a list is (Ziegler et al. 2005).

    Args:
        vectors: [lists, k, dim], k ≥ 2.
    """
    x = checks.finite("vectors", np.asarray(vectors, dtype=np.float64))
    if x.ndim != 3 or x.shape[1] < 2:
        raise InputError(f"vectors have shape {x.shape}, expected [lists, k, dim] with k ≥ 2")
    x = checks.unit(x)
    total, k = x.sum(axis=1), x.shape[1]
    pairs = ((total**2).sum(axis=1) - (x**2).sum(axis=(1, 2))) / (k * (k - 1))  # the mean cosine of all ordered pairs
    return np.asarray(1 - pairs, dtype=np.float64)
