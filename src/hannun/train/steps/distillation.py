"""Parallel texts, a teacher and a frozen encoder go in; the step that puts a student's states where the teacher's are comes out.

Of each pair both texts are read by the student and held to what the teacher makes of the second: so Korean goes where English is, and
English stays there. Token states, the pooled vector and, in a second stage, a contrast of pooled vectors each have a weight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hannun.errors import InputError
from hannun.numbered import NumberedBatches
from hannun.objectives import distill
from hannun.objectives.infonce import infonce
from hannun.train.loop import Step

Parallel = tuple[str, str]  # what the student learns to read, and what the teacher reads


@dataclass(frozen=True)
class Distillation:
    """Weights of the losses on token states and on pooled vectors, and of the contrast of pooled vectors at `temperature`."""

    tokens: float = 1.0
    pooled: float = 1.0
    contrast: float = 0.0
    temperature: float = 0.05

    def __post_init__(self) -> None:
        if min(self.tokens, self.pooled, self.contrast) < 0 or not (self.tokens or self.pooled or self.contrast):
            raise InputError(f"weights {self.tokens}, {self.pooled} and {self.contrast} came, expected none below 0 and one above")


@final
class ParallelBatches(NumberedBatches):
    """A stream of batches of pairs, drawn from sources by their weights: a function of the seed and the number. Raises InputError."""

    def __init__(self, sources: Mapping[str, Sequence[Parallel]], weights: Mapping[str, float], size: int, seed: int = 0) -> None:
        self._sources = {k: list(v) for k, v in sources.items() if v and weights.get(k, 1.0) > 0}
        if not self._sources or size < 2:
            raise InputError("no parallel texts came, or batches of fewer than two; expected pairs of a text and its English")
        total = sum(weights.get(k, 1.0) for k in self._sources)
        self._shares = [weights.get(k, 1.0) / total for k in self._sources]
        self.size, self.seed, self.number = size, seed, 0

    def next(self) -> list[Parallel]:
        """The next batch."""
        rng = np.random.default_rng([self.seed, self.number])
        self.number += 1
        names = list(self._sources)
        chosen = rng.choice(len(names), size=self.size, p=self._shares)
        return [(found := self._sources[names[n]])[int(rng.integers(len(found)))] for n in chosen]


#: Texts → padded token states [n, t, reads] of the frozen encoder, and their mask [n, t].
Reads = Callable[[Sequence[str]], tuple[Tensor, Tensor]]
#: Texts → the teacher's states [n, 77, d] and pooled vectors [n, e].
Teaches = Callable[[Sequence[str]], tuple[Tensor, Tensor]]


def distilled(stream: ParallelBatches, reads: Reads, teaches: Teaches, settings: Distillation) -> Step:
    """The step: takes the stream's next batch, whatever its number. Hand the stream to `train` as `batches` too."""

    def go(module: nn.Module, number: int) -> dict[str, Tensor]:
        pairs = stream.next()
        targets = teaches([p[1] for p in pairs])
        return losses(module, reads([t for side in (0, 1) for t in (p[side] for p in pairs)]), targets, settings)

    return go


def losses(module: nn.Module, read: tuple[Tensor, Tensor], targets: tuple[Tensor, Tensor], settings: Distillation) -> dict[str, Tensor]:
    """The named losses of one batch: `read` holds the first texts and then the second ones, `targets` the teacher's of the second."""
    states, mask = read
    tokens, pooled = module(states, mask)
    wanted, vector = targets
    out: dict[str, Tensor] = {}
    if settings.tokens:
        out["tokens"] = settings.tokens * distill.states(tokens, torch.cat([wanted, wanted]))
    if settings.pooled:
        out["pooled"] = settings.pooled * distill.pooled(pooled, torch.cat([vector, vector]))
    if settings.contrast:
        n = len(vector)
        # Prompts repeat in a batch, and an equal vector of the teacher is no negative.
        same = torch.cdist(vector, vector) < 1e-4
        scale = 1 / settings.temperature
        keys = normalize(vector, dim=-1)
        both = [infonce(normalize(side, dim=-1), keys, scale, ignore=same, symmetric=True) for side in (pooled[:n], pooled[n:])]
        out["contrast"] = settings.contrast * torch.stack(both).mean()
    return out
