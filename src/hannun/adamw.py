"""Arrays and gradients go in; the arrays, moved one step of AdamW, come out: for the small models that are trained without torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np

from hannun.embeddings import Floats

_FIRST = 0.9
_LEAST = 1e-8


@final
class AdamW:
    """Adam with decoupled weight decay (Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101).

    Args:
        arrays: what is trained, float32; changed where it stands.
        decays: how much of each array goes with a step of rate 1.
        second: of the squared gradients' running mean, the share that a step keeps.
    """

    def __init__(self, arrays: Sequence[Floats], decays: Sequence[float], second: float = 0.999) -> None:
        self._arrays, self._decays, self._second, self._steps = arrays, decays, second, 0
        self._moments = [(np.zeros_like(a), np.zeros_like(a)) for a in arrays]

    def step(self, gradients: Sequence[Floats], rate: float) -> None:
        """Move every array against its gradient."""
        self._steps += 1
        for array, gradient, decay, (first, second) in zip(self._arrays, gradients, self._decays, self._moments, strict=True):
            first += (1 - _FIRST) * (gradient - first)
            second += (1 - self._second) * (gradient**2 - second)
            array *= 1 - rate * decay
            mean, square = first / (1 - _FIRST**self._steps), second / (1 - self._second**self._steps)
            array -= rate * mean / (np.sqrt(square) + _LEAST)
