"""Token states of a text encoder go in; 77 states and a pooled vector in another model's space come out.

A sentence's words stand elsewhere in Korean than in English, so the states of one cannot be moved into those of the other place by place.
Learned queries, one for each of the 77 places and one for the pooled vector, gather what belongs there from all of the sentence (Perceiver,
Jaegle et al. 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


@dataclass(frozen=True)
class StateShape:
    """Widths: of what is read, of the states and the pooled vector that are given, of the inside; layers and heads."""

    reads: int
    width: int
    pooled: int
    inside: int = 256
    layers: int = 2
    heads: int = 4
    length: int = 77


class StateAttention(nn.Module):  # type: ignore[misc]
    """Attention of queries [n, q, w] over a source [n, s, v], projected back to w; `mask` [n, s] is True where there is something."""

    def __init__(self, width: int, source: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = nn.Linear(width, width), nn.Linear(source, width), nn.Linear(source, width)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "n q w"], source: Float[Tensor, "n s v"], mask: Bool[Tensor, "n s"] | None = None
    ) -> Float[Tensor, "n q w"]:
        q, k, v = (
            layer(y).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, y in ((self.query, x), (self.key, source), (self.value, source))
        )
        # Written out: so few places need no fused kernel, and PyTorch's one for CPUs goes back in bfloat16 ten times more slowly than this.
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None, :], float("-inf"))
        return self.out((scores.softmax(-1).to(v.dtype) @ v).transpose(1, 2).flatten(2))


class GatherLayer(nn.Module):  # type: ignore[misc]
    """Places look at the sentence, then at each other, then each at itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.cross, self.own = StateAttention(width, width, heads), StateAttention(width, width, heads)
        self.inner = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Float[Tensor, "n q w"], source: Float[Tensor, "n s w"], mask: Bool[Tensor, "n s"]) -> Float[Tensor, "n q w"]:
        x = x + self.cross(self.norms[0](x), source, mask)
        y = self.norms[1](x)
        x = x + self.own(y, y)
        return x + self.inner(self.norms[2](x))


class StateHead(nn.Module):  # type: ignore[misc]
    """Token states [n, s, reads] and their mask [n, s] → states [n, 77, width] and pooled vectors [n, pooled]."""

    def __init__(self, shape: StateShape) -> None:
        super().__init__()
        self.shape = shape
        self.into = nn.Sequential(nn.LayerNorm(shape.reads), nn.Linear(shape.reads, shape.inside))
        self.places = nn.Parameter(torch.randn(shape.length + 1, shape.inside) * 0.02)
        self.layers = nn.ModuleList(GatherLayer(shape.inside, shape.heads) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.inside)
        self.tokens, self.pooled = nn.Linear(shape.inside, shape.width), nn.Linear(shape.inside, shape.pooled)
        for zero in (self.tokens, self.pooled):
            nn.init.zeros_(zero.weight)
            nn.init.zeros_(zero.bias)
        # What all prompts have in common is most of a state, and a few values of it vary more than all others together.
        for name, size in (("common", (shape.length, shape.width)), ("middle", (shape.pooled,))):
            self.register_buffer(name, torch.zeros(size))
        for name, size in (("spread", (shape.width,)), ("reach", (shape.pooled,))):
            self.register_buffer(name, torch.ones(size))

    def measure(self, tokens: Float[Tensor, "n t width"], pooled: Float[Tensor, "n pooled"]) -> None:
        """Begin at the mean of states and vectors that are to be given, and count in their deviations from it."""
        for values, mean, deviation in ((tokens, self.common, self.spread), (pooled, self.middle, self.reach)):
            mean.copy_(values.mean(0))
            apart = (values - values.mean(0)).flatten(0, -2).square().mean(0).sqrt()
            deviation.copy_(apart.clamp(min=float(apart.mean()) / 100 + 1e-6))

    def forward(
        self, states: Float[Tensor, "n s reads"], mask: Bool[Tensor, "n s"]
    ) -> tuple[Float[Tensor, "n t width"], Float[Tensor, "n pooled"]]:
        source = self.into(states)
        x = self.places.expand(states.shape[0], -1, -1)  # not len(): a number of rows that tracing would hold fast
        for layer in self.layers:
            x = layer(x, source, mask)
        x = self.norm(x)
        return self.common + self.spread * self.tokens(x[:, :-1]), self.middle + self.reach * self.pooled(x[:, -1])
