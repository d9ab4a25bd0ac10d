"""Events of many users go in, flat; a vector after every token of each history, and vectors of items in the same space, come out.

An event is the sum of what it was about (the item's content vector, projected, and an embedding of its id where it is known), what was
done, where, in which region, at what price, and how long after the event before. A Transformer with causal attention, biased by the
distance in events and in time (logarithmic, after Chi et al. 2022, KERPLE; that time counts, after Li et al. 2020, TiSASRec), reads the
tokens of `cover`; the vector after the last one is the user's. Kang and McAuley 2018 (SASRec) is the nearest known relative.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag, normalize, scaled_dot_product_attention

from hannun.models.sequence.cover import KEPT, RECENT
from hannun.objectives.infonce import START_TEMPERATURE, bounded

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

GAPS, COUNTS = 32, 16  # buckets of gaps between events, and of how many a token holds
PRICES, PRICE_STEPS = 96, 4.0  # buckets of prices, and how many each time a price doubles: up to 16 million
DISTANCES = 4  # what attention is told of how far two tokens are apart: the logarithm and the inverse, in events and in time
FEW = 64  # names whose counts in each token are a small matrix


@dataclass(frozen=True)
class UserShape:
    """How large the network is.

    `dims` are its vectors' lengths, the full one first; `content` is the length of content vectors, 0 for none, and `reads` the name of the
    encoder that makes them. `recent` and `kept` are those of `cover`. `prices`: whether it reads what events cost; `gaps`: whether
    it reads how long after the one before each of them was. `wide`: how many times as wide the inside of a block is.
    """

    dims: tuple[int, ...] = (64, 32)
    layers: int = 2
    heads: int = 2
    content: int = 0
    dropout: float = 0.2
    recent: int = RECENT
    kept: int = KEPT
    reads: str = ""
    prices: bool = False
    gaps: bool = False
    wide: int = 4

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @staticmethod
    def from_json(told: Mapping[str, Any]) -> UserShape:
        """The inverse of `to_json`."""
        return UserShape(**{**told, "dims": tuple(told["dims"])})


@dataclass(frozen=True)
class LogNames:
    """What a log's values are called, by their numbers; 0 is what is not known. `items` are the items' ids, from number 1 on."""

    items: tuple[str, ...]
    actions: tuple[str, ...] = ()
    surfaces: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class EventRows:
    """Events of all users of a batch, flat: rows of a table of item vectors, and numbers of what is known of them."""

    item: Int[Tensor, " e"]
    action: Int[Tensor, " e"]
    surface: Int[Tensor, " e"]
    region: Int[Tensor, " e"]
    price: Int[Tensor, " e"]  # its bucket, from 1 on; 0 where none is told
    gap: Float[Tensor, " e"]  # seconds since the event before; negative for the first


@dataclass(frozen=True)
class TokenRows:
    """Tokens of the histories of a batch, oldest first, padded at the end: how many events each holds (0: none), their mean time."""

    sizes: Int[Tensor, "b t"]
    times: Float[Tensor, "b t"]  # seconds, from any begin

    @property
    def last(self) -> Int[Tensor, " b"]:
        """Where the last token of each history stands."""
        return (self.sizes > 0).sum(1) - 1


def bucket(values: Tensor, count: int, steps: float) -> Tensor:
    """Which of `count` buckets a value from 0 on lies in: `steps` buckets each time 1 + value doubles."""
    return (torch.log2(1 + values.clamp(min=0)) * steps).long().clamp(max=count - 1)


@final
class _UserBlock(nn.Module):  # type: ignore[misc]
    def __init__(self, dim: int, heads: int, wide: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.wide = nn.Sequential(nn.Linear(dim, wide * dim), nn.GELU(), nn.Linear(wide * dim, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "b t d"], bias: Float[Tensor, "b h t t"]) -> Float[Tensor, "b t d"]:
        b, t, d = x.shape
        q, k, v = self.qkv(self.first(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        seen = scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=self.dropout.p if self.training else 0.0)
        x = x + self.dropout(self.out(seen.transpose(1, 2).reshape(b, t, d)))
        into, bend, back = self.wide
        out: Tensor = x + self.dropout(back(self.dropout(bend(into(self.second(x))))))
        return out


@final
class UserNetwork(nn.Module):  # type: ignore[misc]
    """The user tower and the item tower. `content` [items + 1, c] are frozen content vectors, row 0 of zeros; none where c is 0."""

    def __init__(self, shape: UserShape, known: LogNames, content: Float[Tensor, "n c"] | None = None) -> None:
        super().__init__()
        dim = shape.dims[0]
        self.shape, self.known, self.dims = shape, known, shape.dims
        self.ids = nn.Embedding(len(known.items) + 1, dim, padding_idx=0)
        self.action = nn.Embedding(len(known.actions) + 1, dim)
        self.surface = nn.Embedding(len(known.surfaces) + 1, dim)
        self.region = nn.Embedding(len(known.regions) + 1, dim)
        self.count = nn.Embedding(COUNTS, dim)
        self.price = nn.Embedding(PRICES + 1, dim) if shape.prices else None
        self.gap = nn.Embedding(GAPS + 1, dim) if shape.gaps else None
        self.apart = nn.Linear(DISTANCES, shape.heads, bias=False)
        nn.init.zeros_(self.apart.weight)
        self.masked = nn.Parameter(torch.zeros(dim))
        for table in (self.ids, self.action, self.surface, self.region, self.count, self.price, self.gap):
            if table is not None:
                nn.init.normal_(table.weight, std=0.02)
        with torch.no_grad():
            self.ids.weight[0] = 0
        self.project = nn.Linear(shape.content, dim, bias=False) if shape.content else None
        if self.project is not None:
            nn.init.normal_(self.project.weight, std=0.05)
        rows = content if content is not None else torch.zeros(len(known.items) + 1, shape.content)
        self.content = nn.Parameter(rows, requires_grad=False)
        self.begin, self.norm, self.out = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.Linear(dim, dim)
        self.dropout = nn.Dropout(shape.dropout)
        self.blocks = nn.ModuleList(_UserBlock(dim, shape.heads, shape.wide, shape.dropout) for _ in range(shape.layers))
        self.log_scale = nn.Parameter(torch.tensor(-math.log(START_TEMPERATURE)))

    @property
    def scale(self) -> Tensor:
        """1 / temperature of the cosine of a user and an item."""
        return bounded(self.log_scale)

    def tower(self, items: Int[Tensor, " n"], keep: Bool[Tensor, " n"] | None = None) -> Float[Tensor, "n d"]:
        """Vectors of known items, not of unit length; where `keep` is False the id is passed over, and the content alone speaks."""
        ids = self.ids(items)
        if self.project is None:
            return ids
        return self.told(self.content[items]) + (ids if keep is None else ids * keep[:, None])

    def told(self, content: Float[Tensor, "n c"]) -> Float[Tensor, "n d"]:
        """Vectors of content alone, in the space of users and items, not of unit length. Raises ValueError for a model without content."""
        if self.project is None:
            raise ValueError("the model was trained without content")
        out: Tensor = self.project(content)
        return out

    def sums(self, table: Float[Tensor, "n d"], rows: EventRows, owner: Int[Tensor, " e"], cells: int) -> Float[Tensor, "cells d"]:
        """The sum of the vectors of each token's events; `owner` [e] is each event's token, ascending.

        `table` has the vectors of the items that `rows.item` counts in. No event's own vector is made: long histories would cost it.
        """
        begins = torch.searchsorted(owner, torch.arange(cells, device=owner.device))
        out = embedding_bag(rows.item, table, begins, mode="sum")
        named = [(self.action, rows.action), (self.surface, rows.surface), (self.region, rows.region)]
        named += [(self.price, rows.price)] if self.price is not None else []
        named += [(self.gap, torch.where(rows.gap < 0, GAPS, bucket(rows.gap, GAPS, 1.0)))] if self.gap is not None else []
        for words, numbers in named:
            many = len(words.weight)
            if many > FEW:
                out = out + embedding_bag(numbers, words.weight, begins, mode="sum")
            elif many > 1:  # else the log tells nothing of it
                counts = torch.bincount(owner * many + numbers, minlength=cells * many).view(cells, many)
                out = out + counts.to(out.dtype) @ words.weight
        return out

    def forward(self, sums: Float[Tensor, "b t d"], tokens: TokenRows) -> Float[Tensor, "b t d"]:
        """The state after each token, not of unit length; `sums` are those of the vectors of each token's events."""
        sizes = tokens.sizes
        x = sums / sizes.clamp(min=1)[..., None] + self.count(bucket(sizes - 1, COUNTS, 1.0))
        x = self.dropout(self.begin(x))
        bias = self._bias(tokens)
        for block in self.blocks:
            x = block(x, bias)
        out: Tensor = self.out(self.norm(x))
        return out

    def users(self, sums: Float[Tensor, "b t d"], tokens: TokenRows) -> Float[Tensor, "b d"]:
        """Unit vectors of users: the state after their last token."""
        states = self(sums, tokens)
        return normalize(states[torch.arange(len(states)), tokens.last], dim=-1)

    def _bias(self, tokens: TokenRows) -> Float[Tensor, "b h t t"]:
        """What attention adds by distance, -inf for what is later."""
        ends = tokens.sizes.cumsum(1).float()
        middle = ends - tokens.sizes / 2
        events = (middle[:, :, None] - middle[:, None, :]).abs()
        days = (tokens.times[:, :, None] - tokens.times[:, None, :]).abs() / 86_400
        bias = self.apart(torch.stack([torch.log1p(events), 1 / (1 + events), torch.log1p(days), 1 / (1 + 24 * days)], dim=-1))
        t = tokens.sizes.shape[1]
        later = torch.ones(t, t, dtype=torch.bool, device=bias.device).triu(1)
        return bias.masked_fill(later[None, :, :, None], -torch.inf).permute(0, 3, 1, 2)
