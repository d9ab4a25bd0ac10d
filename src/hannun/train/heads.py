"""Vectors of texts, and states of the pictures that belong to them, go in; the matrix of a head for mini comes out, without torch.

The head is residual and zero at first: training can only move pictures away from what mini says already, towards their own texts, which
stay. The loss is InfoNCE both ways between the pictures and the different texts of a batch (van den Oord et al. 2018,
arXiv:1807.03748), nested (Kusupati et al. 2022, arXiv:2205.13147). What belongs to a text is never its negative, and a text with several
pictures is pulled to all of them (Khosla et al. 2020, arXiv:2004.11362).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hannun.adamw import AdamW
from hannun.embeddings import Floats

Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]
WARM = 20  # steps in which the rate rises


@dataclass(frozen=True)
class HeadSettings:
    """The numbers of a training, all ours. `decay` pulls the matrix to zero, which is the model as it was."""

    steps: int = 200
    batch: int = 512
    rate: float = 2e-3
    temperature: float = 0.05
    decay: float = 1.0
    dims: tuple[int, ...] = (384, 96)
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Matched:
    """What is trained on.

    Attributes:
        base: unit vectors [n, d] of pictures, as mini gives them.
        states: [n, p], standardised, of the same pictures.
        texts: unit vectors [m, d].
        pairs: [k, 2], (picture, text) numbers of what belongs together.
        groups: [m], a number for each text: a text of the same group as one of a picture's own is no negative of it.
        beside: pair number → pairs that come into its batch, because they look right and are not.
    """

    base: Floats
    states: Floats
    texts: Floats
    pairs: Ints
    groups: Ints
    beside: Mapping[int, Ints] = field(default_factory=dict)


def contrast(pictures: Floats, texts: Floats, right: Truths, counted: Truths, temperature: float) -> tuple[float, Floats, Floats]:
    """InfoNCE both ways, and its gradients by pictures [n, d] and texts [m, d].

    `right` [n, m] belong together, one at least in each row and column; only what is `counted` [n, m] stands below the line.
    """
    scores = np.where(counted, pictures @ texts.T / temperature, -np.inf)
    total, gradient = 0.0, np.zeros(scores.shape, np.float32)
    for axis in (1, 0):
        e = np.exp(scores - scores.max(axis=axis, keepdims=True))
        share = e / e.sum(axis=axis, keepdims=True)
        wanted = right / right.sum(axis=axis, keepdims=True)
        rows = scores.shape[1 - axis]
        total -= float((wanted * np.log(share.clip(1e-12))).sum()) / rows / 2
        gradient += (share - wanted) / rows / 2
    gradient /= temperature
    return total, np.asarray(gradient @ texts, np.float32), np.asarray(gradient.T @ pictures, np.float32)


def train(data: Matched, settings: HeadSettings, watch: Callable[[int], None] | None = None) -> Floats:
    """The matrix [p, d] for these pairs; the same for the same seed. `watch` is told of each step."""
    rng = np.random.default_rng(settings.seed)
    ways = directions(data.texts)
    inner = np.zeros((data.states.shape[1], len(ways)), np.float32)
    moved = AdamW([inner], [settings.decay], second=0.98)
    known = np.sort(data.pairs[:, 0] * len(data.texts) + data.pairs[:, 1])
    order = np.zeros(0, np.int64)
    for step in range(settings.steps):
        while len(order) < min(settings.batch, len(data.pairs)):
            order = np.concatenate([order, rng.permutation(len(data.pairs))])
        taken, order = order[: settings.batch], order[settings.batch :]
        more = [data.beside[n] for n in taken.tolist() if n in data.beside]
        gradient = slope(data, inner @ ways, np.unique(np.concatenate([taken, *more])), known, settings)[1] @ ways.T
        rate = settings.rate * min(1.0, (step + 1) / WARM) * 0.5 * (1 + np.cos(np.pi * step / settings.steps))
        moved.step([gradient], rate)
        if watch is not None:
            watch(step + 1)
    return np.asarray(inner @ ways, np.float32)


def directions(texts: Floats) -> Floats:
    """Orthonormal rows [r, d] of the ways in which texts [m, d] differ. Pictures move along these alone: what mini sees besides is kept.

    Where texts name kinds of clothes, for one, their pictures keep what mini says of colours.
    """
    _, sizes, rows = np.linalg.svd(texts - texts.mean(axis=0), full_matrices=False)
    return np.asarray(rows[sizes > 1e-3 * max(float(sizes[0]), 1e-9)], np.float32)


def slope(data: Matched, matrix: Floats, taken: Ints, known: Ints, settings: HeadSettings) -> tuple[float, Floats]:
    """The loss of these pairs and its gradient by the matrix. `known` are all pairs as picture × texts + text, sorted."""
    pairs = data.pairs[taken]
    rows, seen = np.unique(pairs[:, 0], return_inverse=True)
    columns = np.unique(pairs[:, 1])
    keys = rows[:, None] * len(data.texts) + columns[None, :]
    right = known[np.searchsorted(known, keys).clip(max=len(known) - 1)] == keys
    same = np.zeros_like(right)
    np.logical_or.at(same, seen, data.groups[columns][None, :] == data.groups[pairs[:, 1]][:, None])
    states, texts = data.states[rows], data.texts[columns]
    z = data.base[rows] + states @ matrix
    total, back = 0.0, np.zeros_like(z)
    for dim in settings.dims:
        u, length = _normalised(z[:, :dim])
        loss, gradient, _ = contrast(u, _normalised(texts[:, :dim])[0], right, right | ~same, settings.temperature)
        total += loss / len(settings.dims)
        back[:, :dim] += (gradient - u * (u * gradient).sum(1, keepdims=True)) / length / len(settings.dims)
    return total, np.asarray(states.T @ back, np.float32)


def _normalised(z: Floats) -> tuple[Floats, Floats]:
    """Unit rows and the lengths they had."""
    length = np.linalg.norm(z, axis=1, keepdims=True).clip(1e-6)
    return np.asarray(z / length, np.float32), np.asarray(length, np.float32)


def centres(vectors: Floats, count: int, seed: int = 0, rounds: int = 10) -> Floats:
    """Unit vectors [≤ count, d] in the middle of what lies together (spherical k-means, Dhillon and Modha 2001)."""
    rng = np.random.default_rng(seed)
    found = vectors[rng.choice(len(vectors), min(count, len(vectors)), replace=False)]
    for _ in range(rounds):
        nearest = (vectors @ found.T).argmax(axis=1)
        sums = np.zeros_like(found)
        np.add.at(sums, nearest, vectors)
        found = np.where(np.bincount(nearest, minlength=len(found))[:, None] > 0, _normalised(sums)[0], found)
    return np.asarray(found, np.float32)
