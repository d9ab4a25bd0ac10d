"""Vectors with labels go in; what a logistic regression on them says of other vectors comes out: how much of the labels vectors hold.

Also which examples of each class are shown in a test with few of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hannun.adamw import AdamW
from hannun.embeddings import Floats
from hannun.errors import InputError
from hannun.metrics import checks
from hannun.metrics.checks import Array, Ints

ROUNDS, RATE = 250, 0.1  # ours: until guesses no longer change


def logistic(x: npt.ArrayLike, labels: npt.ArrayLike, other: npt.ArrayLike, strength: float = 1.0) -> Array:
    """Log-odds [m, classes] of other vectors [m, d] by a multinomial logistic regression on vectors [n, d] with labels [n], 0, 1 ….

    Columns are standardised by `x`. The penalty is ‖w‖² / (2·strength), beside the summed log loss, as scikit-learn's `C` has it; the
    intercept is free. A class without an example has a score of −∞. Raises InputError for shapes that do not fit.
    """
    a, b, y = checks.matrix("x", x), checks.matrix("other", other), np.asarray(labels, np.int64)
    if len(a) != len(y) or not len(y) or a.shape[1] != b.shape[1] or y.min() < 0:
        raise InputError(f"vectors {a.shape}, labels {y.shape} and others {b.shape} came, expected [n, d], [n] from 0 and [m, d]")
    mean, scale = a.mean(axis=0), a.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    z, seen = ((a - mean) / scale).astype(np.float32), np.unique(y)
    target = (y[:, None] == seen).astype(np.float32)
    w: Floats = np.zeros((z.shape[1], len(seen)), np.float32)
    c: Floats = np.zeros(len(seen), np.float32)
    moved = AdamW([w, c], (0.0, 0.0))
    for step in range(ROUNDS):
        logits = z @ w + c
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = p / p.sum(axis=1, keepdims=True) - target
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / ROUNDS))
        gradient: Floats = np.asarray((z.T @ error + w / strength) / len(z), np.float32)
        moved.step([gradient, np.asarray(error.mean(axis=0), np.float32)], rate)
    out = np.full((len(b), int(y.max()) + 1), -np.inf)
    out[:, seen] = ((b - mean) / scale) @ w + c
    return out


def shown(labels: npt.ArrayLike, shots: int, seed: int) -> Ints:
    """The rows of up to `shots` examples of each class that there is, drawn by `seed`, in order."""
    y = np.asarray(labels)
    rng = np.random.default_rng([seed, shots])
    return np.sort(np.concatenate([rng.permutation(np.flatnonzero(y == k))[:shots] for k in np.unique(y)]))
