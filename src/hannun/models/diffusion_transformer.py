"""Noisy latents, their times and the states of prompts go in; velocities come out: a Transformer over the cells of a latent picture.

DiT with adaLN-Zero (Peebles and Xie 2023): time and the pooled vector scale, shift and gate every layer; between self-attention and the
inner layer the cells attend to the 77 states of the prompt, as the UNet of latent diffusion does (Rombach et al. 2022).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from hannun.errors import InputError
from hannun.models.state_head import StateAttention

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True)
class PainterShape:
    """Cells a side and channels of a latent picture; widths of the prompt's states and pooled vector; width, layers and heads inside.

    `patch` × `patch` cells are one place of the Transformer (Peebles and Xie 2023): 2 makes a quarter of the places.
    """

    cells: int
    channels: int
    states: int
    pooled: int
    width: int = 192
    layers: int = 6
    heads: int = 6
    patch: int = 1


class PaintLayer(nn.Module):  # type: ignore[misc]
    """One layer; at the start its gates are closed, so that it passes on what it gets."""

    def __init__(self, width: int, states: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.words = nn.LayerNorm(width)
        self.own, self.cross = StateAttention(width, width, heads), StateAttention(width, states, heads)
        self.inner = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))
        self.modulate = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        for zero in (self.modulate[-1], self.cross.out):
            nn.init.zeros_(zero.weight)
            nn.init.zeros_(zero.bias)

    def forward(self, x: Float[Tensor, "n c w"], condition: Float[Tensor, "n w"], states: Float[Tensor, "n t d"]) -> Float[Tensor, "n c w"]:
        shift, scale, gate, shift2, scale2, gate2 = self.modulate(condition)[:, None].chunk(6, dim=-1)
        y = self.norms[0](x) * (1 + scale) + shift
        x = x + gate * self.own(y, y)
        x = x + self.cross(self.words(x), states)
        return x + gate2 * self.inner(self.norms[1](x) * (1 + scale2) + shift2)


class Painter(nn.Module):  # type: ignore[misc]
    """Latents [n, channels, cells, cells] at times [n] under states [n, t, d] and pooled [n, e] → velocities of the latents' shape."""

    def __init__(self, shape: PainterShape) -> None:
        super().__init__()
        if shape.cells % shape.patch:
            raise InputError(f"{shape.cells} cells a side came in patches of {shape.patch}, expected a side that these divide")
        self.shape = shape
        values = shape.channels * shape.patch**2
        self.into = nn.Linear(values, shape.width)
        self.register_buffer("places", _grid(shape.cells // shape.patch, shape.width))
        self.time = nn.Sequential(nn.Linear(shape.width, shape.width), nn.SiLU(), nn.Linear(shape.width, shape.width))
        self.sentence = nn.Sequential(nn.LayerNorm(shape.pooled), nn.Linear(shape.pooled, shape.width))
        self.words = nn.LayerNorm(shape.states)
        self.layers = nn.ModuleList(PaintLayer(shape.width, shape.states, shape.heads) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width, elementwise_affine=False)
        self.modulate = nn.Sequential(nn.SiLU(), nn.Linear(shape.width, 2 * shape.width))
        self.out = nn.Linear(shape.width, values)
        for zero in (self.modulate[-1], self.out):
            nn.init.zeros_(zero.weight)
            nn.init.zeros_(zero.bias)

    def forward(
        self,
        latents: Float[Tensor, "n k c c"],
        time: Float[Tensor, " n"],
        states: Float[Tensor, "n t d"],
        pooled: Float[Tensor, "n e"],
    ) -> Float[Tensor, "n k c c"]:
        patches = pixel_unshuffle(latents, self.shape.patch)
        x = self.into(patches.flatten(2).transpose(1, 2)) + self.places
        condition = self.time(_waves(time, self.shape.width)) + self.sentence(pooled)
        words = self.words(states)
        for layer in self.layers:
            x = layer(x, condition, words)
        shift, scale = self.modulate(condition)[:, None].chunk(2, dim=-1)
        y = self.out(self.norm(x) * (1 + scale) + shift)
        return pixel_shuffle(y.transpose(1, 2).unflatten(2, patches.shape[-2:]), self.shape.patch)


def _waves(values: Float[Tensor, " n"], width: int, longest: float = 10_000.0) -> Float[Tensor, "n width"]:
    """Sines and cosines of values in 0 … 1, counted in thousandths (Vaswani et al. 2017)."""
    half = width // 2
    rates = torch.exp(-math.log(longest) / half * torch.arange(half, device=values.device))
    angles = 1000 * values[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def _grid(cells: int, width: int) -> Float[Tensor, "c width"]:
    """A vector for each cell: waves of its row and of its column."""
    line = _waves(torch.arange(cells) / 1000, width // 2)
    return torch.cat([line[:, None].expand(-1, cells, -1), line[None].expand(cells, -1, -1)], dim=-1).flatten(0, 1)
