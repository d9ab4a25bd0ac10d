"""Latent pictures and the states of their prompts go in; the step of a training by flow matching comes out.

Of some pictures the prompt is left out, so that the same network knows pictures without words: what guidance pulls away from (Ho and
Salimans 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor, nn

from hannun.errors import InputError
from hannun.numbered import NumberedBatches
from hannun.objectives import flow
from hannun.train.loop import Step

#: Prompts → states [n, 77, d] and pooled vectors [n, e].
Conditions = Callable[[Sequence[str]], tuple[Tensor, Tensor]]


@final
class LatentBatches(NumberedBatches):
    """A stream of batches: latents [n, k, c, c], prompts, noise and times, a function of the seed and the number.

    `prompts` holds for each picture the ways in which it may be asked for; a share `empty` of them is asked for by "". Raises InputError.
    """

    def __init__(self, latents: Tensor, prompts: Sequence[Sequence[str]], size: int, empty: float = 0.1, seed: int = 0) -> None:
        if len(latents) != len(prompts) or not len(latents) or any(not p for p in prompts):
            raise InputError(f"{len(latents)} pictures and {len(prompts)} lists of prompts came, expected as many, and a prompt for each")
        self._latents, self._prompts = latents, prompts
        self.size, self.empty, self.seed, self.number = size, empty, seed, 0

    def next(self) -> tuple[Tensor, list[str], Tensor, Tensor]:
        """Latents, prompts, noise of the latents' shape, and times [n] of the next batch."""
        drawn = torch.Generator().manual_seed(self.seed * 1_000_003 + self.number)
        self.number += 1
        rows = torch.randint(len(self._latents), (self.size,), generator=drawn)
        left_out = torch.rand(self.size, generator=drawn) < self.empty
        ways = torch.randint(1 << 30, (self.size,), generator=drawn)
        asked = [
            "" if gone else self._prompts[r][int(w) % len(self._prompts[r])]
            for r, w, gone in zip(rows.tolist(), ways, left_out.tolist(), strict=True)
        ]
        latents = self._latents[rows].float()
        return latents, asked, torch.randn(latents.shape, generator=drawn), flow.times(self.size, drawn)


def painted(stream: LatentBatches, conditions: Conditions) -> Step:
    """The step: takes the stream's next batch, whatever its number. Hand the stream to `train` as `batches` too."""

    def go(module: nn.Module, number: int) -> dict[str, Tensor]:
        latents, asked, noise, time = stream.next()
        states, pooled = conditions(asked)
        velocity = module(flow.between(latents, noise, time), time, states, pooled)
        return {"flow": flow.flow_matching(velocity, latents, noise)}

    return go
