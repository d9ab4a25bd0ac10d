"""What a metric is handed goes in; the checked float64 array comes out, or InputError where shapes or values cannot be measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hannun.errors import InputError

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def rows(name: str, values: npt.ArrayLike) -> Array:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim not in (1, 2) or not len(x):
        what = "no values came" if x.ndim in (1, 2) else f"{name} of shape {x.shape} came"
        raise InputError(f"{what}, expected at least one value or row for a query")
    return finite(name, x)


def cutoff(k: int) -> int:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f"k={k!r} came, expected a whole number ≥ 1")
    return int(k)


def matrix(name: str, values: npt.ArrayLike) -> Array:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2:
        raise InputError(f"{name} have shape {x.shape}, expected [queries, documents]")
    return finite(name, x)


def vector(name: str, values: npt.ArrayLike) -> Array:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise InputError(f"{name} has shape {x.shape}, expected a list of numbers")
    return finite(name, x)


def vectors(name: str, values: npt.ArrayLike) -> Array:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or not len(x):
        raise InputError(f"{name} has shape {x.shape}, expected vectors in at least one row [n, dim]")
    return finite(name, x)


def unit(x: Array) -> Array:
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    return np.asarray(x / np.where(norm > 0, norm, 1), dtype=np.float64)


def captions(scores: npt.ArrayLike, owner: npt.ArrayLike) -> tuple[Array, Ints, Ints]:
    s, own = matrix("scores", scores), np.asarray(owner)
    if own.shape != (len(s),) or not np.issubdtype(own.dtype, np.integer) or not np.array_equal(np.unique(own), np.arange(s.shape[1])):
        raise InputError(f"owner has shape {own.shape}, expected which of the pictures 0…{s.shape[1] - 1} each of {len(s)} captions shows")
    _, first = np.unique(own, return_index=True)
    return s, own.astype(np.int64), first.astype(np.int64)


def finite(name: str, x: Array) -> Array:
    if not np.isfinite(x).all():
        raise InputError(f"{name} hold {int((~np.isfinite(x)).sum())} values that are NaN or infinite, expected finite ones")
    return x


def relevance(values: npt.ArrayLike) -> Array:
    x = matrix("relevance", values)
    if (x < 0).any():
        raise InputError(f"relevance holds {x.min():g}, expected 0 or a grade > 0")
    return x


def labels(truth: npt.ArrayLike, guess: npt.ArrayLike) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]:
    t, g = np.asarray(truth), np.asarray(guess)
    if t.ndim != 1 or t.shape != g.shape or not t.size:
        raise InputError(f"labels of shapes {t.shape} and {g.shape} came, expected two lists of one length ≥ 1")
    for each in (t, g):
        if np.issubdtype(each.dtype, np.floating):
            finite("labels", each.astype(np.float64))
    return t, g
