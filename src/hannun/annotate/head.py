"""Features of pictures with labels go in; a small classifier comes out, whose probabilities are calibrated and which may say *unknown*.

One hidden layer, softmax, AdamW, all in numpy: a minute of one core. The probabilities are divided by a temperature
that is chosen on other pictures (Guo et al. 2017), and the threshold below which nothing is said there too, for a wanted accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hannun.adamw import AdamW
from hannun.embeddings import Floats
from hannun.errors import InputError

Ints = npt.NDArray[np.int64]
CLIP = 5.0  # deviations: what lies further out than training saw counts no more than that
_ARRAYS = ("mean", "scale", "inner", "inner_bias", "outer", "outer_bias")


@dataclass(frozen=True)
class HeadTraining:
    """The numbers of a head's training; all ours. `balance` 1 counts every class alike, 0 every picture."""

    hidden: int = 64
    epochs: int = 40
    batch: int = 64
    rate: float = 2e-3
    decay: float = 0.02
    drop: float = 0.3
    balance: float = 0.5
    seed: int = 0


@dataclass(frozen=True)
class TagHead:
    """A classifier of features [n, d] into `classes`."""

    classes: tuple[str, ...]
    mean: Floats
    scale: Floats
    inner: Floats
    inner_bias: Floats
    outer: Floats
    outer_bias: Floats
    temperature: float = 1.0
    threshold: float = 0.0

    def logits(self, x: Floats) -> Floats:
        """Scores before the softmax [n, classes]."""
        hidden = np.maximum(0, _standard(x, self.mean, self.scale) @ self.inner + self.inner_bias)
        return np.asarray(hidden @ self.outer + self.outer_bias, np.float32)

    def probabilities(self, x: Floats) -> Floats:
        """Calibrated probabilities [n, classes]."""
        return softmax(self.logits(x) / self.temperature)

    def arrays(self) -> dict[str, npt.NDArray[np.float16]]:
        """The weights, in half precision."""
        return {k: getattr(self, k).astype(np.float16) for k in _ARRAYS}


def train(x: Floats, y: Ints, classes: tuple[str, ...], with_: HeadTraining = HeadTraining()) -> TagHead:
    """A head that was trained on features [n, d] with labels [n]. Raises InputError where a class has no picture."""
    counts = np.bincount(y, minlength=len(classes))
    if len(x) != len(y) or not len(y) or counts.min() == 0:
        missing = [c for c, n in zip(classes, counts, strict=True) if not n]
        raise InputError(f"{len(x)} pictures and {len(y)} labels came, without any of {missing[:5]}; expected some of each class")
    rng = np.random.default_rng(with_.seed)
    mean, scale = x.mean(axis=0), 1 / (x.std(axis=0) + 1e-3)
    z = _standard(x, mean, scale)
    weight = (len(y) / (len(classes) * counts)) ** with_.balance
    d, h, c = x.shape[1], with_.hidden, len(classes)
    begin = (rng.normal(0, d**-0.5, (d, h)), np.zeros(h), rng.normal(0, h**-0.5, (h, c)), np.zeros(c))
    p: list[Floats] = [np.asarray(a, np.float32) for a in begin]
    moved = AdamW(p, (with_.decay, 0.0, with_.decay, 0.0))
    steps = with_.epochs * -(-len(y) // with_.batch)
    at = 0
    for _ in range(with_.epochs):
        for rows in np.array_split(rng.permutation(len(y)), -(-len(y) // with_.batch)):
            at += 1
            rate = with_.rate * 0.5 * (1 + np.cos(np.pi * at / steps))
            moved.step(_gradients(p, z[rows], y[rows], weight, with_.drop, rng), rate)
    return TagHead(classes, mean.astype(np.float32), scale.astype(np.float32), p[0], p[1], p[2], p[3])


def calibrated(head: TagHead, x: Floats, y: Ints, accuracy: float) -> TagHead:
    """The head with the temperature of the least log loss on other pictures, and the least threshold that gives the wanted accuracy there.

    Where no threshold does, it is the one above which half of the pictures are.
    """
    logits = head.logits(x)
    grid = np.geomspace(0.3, 6.0, 60)
    losses = [-np.log(softmax(logits / t)[np.arange(len(y)), y] + 1e-9).mean() for t in grid]
    temperature = float(grid[int(np.argmin(losses))])
    p = softmax(logits / temperature)
    sure = p.max(axis=1)
    order = np.argsort(-sure)
    right = np.cumsum(p.argmax(axis=1)[order] == y[order]) / np.arange(1, len(y) + 1)
    there = np.flatnonzero(right >= accuracy)
    at = int(there[-1]) if len(there) else len(y) // 2
    least = 0.0 if at == len(y) - 1 else float(sure[order][at])
    return replace(head, temperature=temperature, threshold=least)


def softmax(logits: npt.ArrayLike) -> Floats:
    """Rows of probabilities."""
    z = np.asarray(logits, np.float32)
    z = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(z / z.sum(axis=-1, keepdims=True), np.float32)


def _standard(x: Floats, mean: Floats, scale: Floats) -> Floats:
    return np.asarray(((x - mean) * scale).clip(-CLIP, CLIP), np.float32)


def _gradients(p: list[Floats], z: Floats, y: Ints, weight: npt.NDArray[np.float64], drop: float, rng: np.random.Generator) -> list[Floats]:
    """Of the mean cross-entropy by both layers' weights and biases; a share of the features and of the hidden values is left out."""
    z = z * (rng.random(z.shape, dtype=np.float32) >= drop) / (1 - drop)
    before = z @ p[0] + p[1]
    kept = (before > 0) * (rng.random(before.shape, dtype=np.float32) >= drop) / np.float32(1 - drop)
    hidden = np.maximum(0, before) * kept
    error = softmax(hidden @ p[2] + p[3])
    error[np.arange(len(y)), y] -= 1
    error *= (weight[y] / len(y))[:, None].astype(np.float32)
    back = (error @ p[2].T) * kept
    return [z.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]
