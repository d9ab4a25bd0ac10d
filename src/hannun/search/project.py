"""Vectors go in, places on a plane come out: what is alike lies near (UMAP's idea, McInnes et al. 2018, in numpy)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hannun.embeddings import Floats

NEIGHBOURS = 15  # UMAP's default
_STEPS, _AWAY = 150, 5  # rounds, and how many strangers each point is pushed from for each neighbour's pull
_A, _B = 1.577, 0.895  # UMAP's curve 1 / (1 + a·d^2b) for min_dist 0.1 and spread 1


def principal(rows: Floats) -> tuple[Floats, tuple[float, float]]:
    """Rows [n, dim] on their two main axes [n, 2], and the share of the variance that each axis explains."""
    if len(rows) < 2:
        return np.zeros((len(rows), 2), np.float32), (0.0, 0.0)
    centred = rows - rows.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    power = sizes**2
    shares = power / max(float(power.sum()), 1e-12)
    flat = centred @ axes[:2].T
    if flat.shape[1] < 2:
        flat, shares = np.pad(flat, ((0, 0), (0, 1))), np.append(shares, 0.0)
    return flat.astype(np.float32), (float(shares[0]), float(shares[1]))


def plane(rows: Floats, seed: int = 0) -> tuple[Floats, tuple[float, float]]:
    """Unit rows [n, dim] as points [n, 2] within −1…1, neighbours near; and what the two main axes they began on explain.

    Made for a few thousand rows: every pair is compared. The same rows and seed give the same points.
    """
    flat, explained = principal(rows)
    n = len(rows)
    if n > NEIGHBOURS:
        flat = _settle(_scaled(flat) * 10, rows, np.random.default_rng(seed))
    return _scaled(flat), explained


def _settle(places: Floats, rows: Floats, random: np.random.Generator) -> Floats:
    n, k = len(rows), NEIGHBOURS
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    other = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
    gap = 1 - np.take_along_axis(cosines, other, axis=1)
    gap -= gap.min(axis=1, keepdims=True)
    weight = np.exp(-gap / np.maximum(gap.mean(axis=1, keepdims=True), 1e-9)).ravel().astype(np.float32)
    a, b = np.repeat(np.arange(n), k), other.ravel()
    at = places.astype(np.float64)
    for step in range(_STEPS):
        rate = 1 - step / _STEPS
        between = at[a] - at[b]
        d2 = (between**2).sum(axis=1) + 1e-9
        pull = (-2 * _A * _B * d2 ** (_B - 1) / (1 + _A * d2**_B) * weight)[:, None] * between
        move = _sums(np.concatenate([a, b]), np.clip(np.concatenate([pull, -pull]), -4, 4), n)
        far = random.integers(0, n, (n, _AWAY))
        apart = at[:, None] - at[far]
        d2 = (apart**2).sum(axis=2) + 1e-9
        push = (2 * _B / ((0.001 + d2) * (1 + _A * d2**_B)))[..., None] * apart
        at += rate * (move / k + np.clip(push, -4, 4).sum(axis=1) / _AWAY)
    return at.astype(np.float32)


def _sums(index: npt.NDArray[np.intp], values: npt.NDArray[np.float64], n: int) -> npt.NDArray[np.float64]:
    """The sums of the rows [m, 2] that go to each of n places."""
    return np.stack([np.bincount(index, values[:, c], n) for c in (0, 1)], axis=1)


def _scaled(flat: Floats) -> Floats:
    if not len(flat):
        return flat
    middle = (flat.max(axis=0) + flat.min(axis=0)) / 2
    reach = float(np.abs(flat - middle).max())
    return np.asarray((flat - middle) / (reach or 1.0), dtype=np.float32)
