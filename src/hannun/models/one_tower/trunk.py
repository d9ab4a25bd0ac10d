"""Patches of pictures and tokens of texts go in; their states out of one Transformer come out, each kind read alone, across or together.

OneR (Jang et al. 2023, arXiv:2211.11153): every weight of attention and of the feed-forward layers is shared, and so is [CLS]; a kind has
nothing of its own but a thin embedding. F(X|Y) has X as queries and Y as keys and values in every layer, so that F(X|X) is a plain
Transformer; F(I,T|I,T) is one over both sequences. The patch embedding is random and stays so, which keeps MoCo v3 stable (Chen et al.
2021, arXiv:2104.02057, section 4).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

from hannun.errors import InputError
from hannun.models.attention import attended

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@dataclass(frozen=True)
class OneTowerShape:
    """How large the network is, and what of it the kinds share; saved with it.

    `side` and `patch` are in pixels; `words` is the size of the vocabulary, of which `limit` tokens of a text are read; `hidden` is the
    width inside the heads, `dim` the length of a vector. `trunks` 2 gives each kind a Transformer of its own, of half the layers: two
    towers of as many weights, for comparison; `projectors` 2 gives each a head of its own. `momentum` is where the teacher's moving
    average begins; 0 for no teacher, no predictor and a learned temperature (CLIP). `batch_norm` puts MoCo v3's batch normalisation into
    the heads, which small batches do without.
    """

    side: int = 64
    patch: int = 8
    width: int = 128
    layers: int = 4
    heads: int = 4
    words: int = 4000
    limit: int = 32
    hidden: int = 512
    dim: int = 128
    trunks: int = 1
    projectors: int = 1
    momentum: float = 0.99
    batch_norm: bool = False

    def __post_init__(self) -> None:
        if self.side % self.patch or self.width % self.heads:
            raise InputError(
                f"side={self.side}, patch={self.patch}, width={self.width}, heads={self.heads} came, expected whole patches and heads"
            )
        if self.trunks not in (1, 2) or self.projectors not in (1, 2) or not 0 <= self.momentum < 1:
            raise InputError(
                f"trunks={self.trunks}, projectors={self.projectors}, momentum={self.momentum} came, expected 1 or 2, 1 or 2, 0 … below 1"
            )

    @property
    def grid(self) -> int:
        """Patches along a side."""
        return self.side // self.patch

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @staticmethod
    def from_json(told: Mapping[str, Any]) -> OneTowerShape:
        """The inverse of `to_json`."""
        return OneTowerShape(**told)


class Sequences(NamedTuple):
    """Rows of states [n, t, width] and which of them are there [n, t]; [CLS] is the first of each row."""

    states: Float[Tensor, "n t width"]
    there: Bool[Tensor, "n t"]


@final
class SharedLayer(nn.Module):  # type: ignore[misc]
    """One layer: attention from queries to the keys and values of any sequence, then a feed-forward layer; norms before each."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Sequences, y: Sequences) -> Sequences:
        """States of x after looking at y (itself, for a plain layer)."""
        looked, at = self.before(x.states), self.before(y.states)
        q, k, v = self._parts(self.query(looked)), self._parts(self.key(at)), self._parts(self.value(at))
        seen = attended(q, k, v, y.there[:, None, None, :])
        states = x.states + self.out(seen.transpose(1, 2).flatten(2))
        return Sequences(states + self.feed(self.between(states)), x.there)

    def _parts(self, states: Tensor) -> Tensor:
        return states.unflatten(-1, (self.heads, -1)).transpose(1, 2)


@final
class PatchEmbedding(nn.Module):  # type: ignore[misc]
    """Pixels → patches as states, at fixed places. The projection is random and no training moves it."""

    def __init__(self, shape: OneTowerShape) -> None:
        super().__init__()
        self.patch, inner = shape.patch, 3 * shape.patch**2
        self.project = nn.Linear(inner, shape.width).requires_grad_(False)
        bound = math.sqrt(6 / (inner + shape.width))
        nn.init.uniform_(self.project.weight, -bound, bound)  # MoCo v3's
        nn.init.zeros_(self.project.bias)
        self.norm = nn.LayerNorm(shape.width)
        self.register_buffer("places", sines(shape.grid, shape.width), persistent=False)

    def forward(self, pixels: Float[Tensor, "n 3 side side"]) -> Float[Tensor, "n cells width"]:
        """Patches, row by row."""
        cut = unfold(pixels, self.patch, stride=self.patch).transpose(1, 2)  # [n, grid², 3 · patch²]
        out: Tensor = self.norm(self.project(cut)) + self.places
        return out


@final
class TokenEmbedding(nn.Module):  # type: ignore[misc]
    """Ids of tokens → states, at learned places."""

    def __init__(self, shape: OneTowerShape) -> None:
        super().__init__()
        self.words = nn.Embedding(shape.words, shape.width)
        self.order = nn.Parameter(torch.randn(shape.limit, shape.width) * 0.02)
        self.norm = nn.LayerNorm(shape.width)

    def forward(self, ids: Int[Tensor, "n t"]) -> Float[Tensor, "n t width"]:
        """Tokens in their order."""
        out: Tensor = self.norm(self.words(ids)) + self.order[: ids.shape[1]]
        return out


@final
class Trunk(nn.Module):  # type: ignore[misc]
    """[CLS], the thin embeddings of the kinds that it reads, and the layers. What it gives ends in a norm."""

    def __init__(self, shape: OneTowerShape, layers: int, image: bool = True, text: bool = True) -> None:
        super().__init__()
        self.seen = PatchEmbedding(shape) if image else None
        self.said = TokenEmbedding(shape) if text else None
        self.cls = nn.Parameter(torch.randn(shape.width) * 0.02)
        self.layers = nn.ModuleList(SharedLayer(shape.width, shape.heads) for _ in range(layers))
        self.norm = nn.LayerNorm(shape.width)

    def image(self, pixels: Float[Tensor, "n 3 side side"]) -> Sequences:
        """[CLS] and the patches."""
        assert self.seen is not None
        states = self.seen(pixels)
        return self._begun(states, torch.ones(states.shape[:2], dtype=torch.bool, device=states.device))

    def text(self, ids: Int[Tensor, "n t"], mask: Int[Tensor, "n t"]) -> Sequences:
        """[CLS] and the tokens."""
        assert self.said is not None
        return self._begun(self.said(ids), mask.bool())

    def _begun(self, states: Tensor, there: Tensor) -> Sequences:
        n = len(states)
        first = self.cls.expand(n, 1, -1)
        return Sequences(torch.cat([first, states], dim=1), torch.cat([there.new_ones(n, 1), there], dim=1))

    def alone(self, x: Sequences) -> Float[Tensor, "n t width"]:
        """F(X|X)."""
        for layer in self.layers:
            x = layer(x, x)
        return self.norm(x.states)

    def across(self, x: Sequences, y: Sequences) -> tuple[Float[Tensor, "n t width"], Float[Tensor, "n u width"]]:
        """F(X|Y) and F(Y|X): in every layer each has the other's states for keys and values."""
        for layer in self.layers:
            x, y = layer(x, y), layer(y, x)
        return self.norm(x.states), self.norm(y.states)

    def together(self, x: Sequences, y: Sequences) -> Float[Tensor, "n s width"]:
        """F(X,Y|X,Y): both as one sequence, with one [CLS]."""
        joined = Sequences(torch.cat([x.states, y.states[:, 1:]], dim=1), torch.cat([x.there, y.there[:, 1:]], dim=1))
        return self.alone(joined)


def sines(grid: int, width: int) -> Float[Tensor, "cells width"]:
    """Places of a square grid, row by row, as fixed sines and cosines (MoCo v3): half of the values for rows, half for columns."""
    quarter = width // 4
    rate = 1 / 10_000 ** (torch.arange(quarter) / quarter)
    turns = torch.arange(grid)[:, None] * rate
    line = torch.cat([turns.sin(), turns.cos()], dim=1)  # [grid, width / 2]
    rows, columns = line[:, None].expand(grid, grid, -1), line[None].expand(grid, grid, -1)
    made = torch.cat([rows, columns], dim=-1).reshape(grid * grid, -1)
    return nn.functional.pad(made, (0, width - made.shape[1]))
