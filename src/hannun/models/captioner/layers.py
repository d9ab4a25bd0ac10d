"""States of tokens go in, states come out: the Transformer layers and attentional poolers that a captioner is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, final

from torch import Tensor, cat, nn, randn

from hannun.models.attention import attended

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


class KeysAndValues(NamedTuple):
    """Keys and values of an attention [n, heads, t, width / heads]: what may be kept between the steps of a generation."""

    keys: Tensor
    values: Tensor


@final
class HeadedAttention(nn.Module):  # type: ignore[misc]
    """Multi-head attention (Vaswani et al. 2017) whose keys and values are made apart from its queries, so that they can be kept."""

    def __init__(self, width: int, heads: int, read: int = 0) -> None:
        """`read` is the width of what is attended to, `width` where left out."""
        super().__init__()
        if width % heads:
            raise ValueError(f"width={width} and heads={heads} came, expected a width that is a multiple of the heads")
        self.heads = heads
        self.query, self.pair, self.out = nn.Linear(width, width), nn.Linear(read or width, 2 * width), nn.Linear(width, width)

    def known(self, read: Float[Tensor, "n t read"]) -> KeysAndValues:
        """Keys and values of what is attended to."""
        keys, values = self.pair(read).chunk(2, dim=-1)
        return KeysAndValues(self._apart(keys), self._apart(values))

    def forward(
        self, x: Float[Tensor, "n t width"], known: KeysAndValues, mask: Bool[Tensor, "n 1 t s"] | None = None
    ) -> Float[Tensor, "n t width"]:
        """`mask` is True where a query may look; None lets it look everywhere. Queries of one row may ask of n."""
        found = attended(self._apart(self.query(x)), known.keys, known.values, mask)
        return self.out(found.transpose(1, 2).flatten(2))

    def _apart(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


@final
class DecoderLayer(nn.Module):  # type: ignore[misc]
    """A pre-norm layer: attention to the text itself, to what is seen where the layer has `across`, and two linear layers."""

    def __init__(self, width: int, heads: int, inner: int, drop: float, across: bool) -> None:
        super().__init__()
        self.first, self.own = nn.LayerNorm(width), HeadedAttention(width, heads)
        self.second = nn.LayerNorm(width) if across else None
        self.across = HeadedAttention(width, heads) if across else None
        self.third, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, inner), nn.Linear(inner, width)
        self.drop = nn.Dropout(drop)

    def forward(
        self, x: Tensor, mask: Tensor | None, past: KeysAndValues | None = None, seen: KeysAndValues | None = None
    ) -> tuple[Tensor, KeysAndValues]:
        """States [n, t, width] after the layer, and its keys and values of `past` and of these."""
        y = self.first(x)
        now = self.own.known(y)
        if past is not None:
            now = KeysAndValues(cat([past.keys, now.keys], dim=2), cat([past.values, now.values], dim=2))
        x = x + self.drop(self.own(y, now, mask))
        if self.across is not None and self.second is not None and seen is not None:
            x = x + self.drop(self.across(self.second(x), seen))
        return x + self.drop(self.down(nn.functional.gelu(self.up(self.third(x))))), now


@final
class Pooler(nn.Module):  # type: ignore[misc]
    """Learned queries that attend to tokens (the attentional pooler of CoCa, section 3.2): [n, t, read] → [n, queries, width]."""

    def __init__(self, queries: int, width: int, heads: int, read: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(randn(queries, width) * width**-0.5)
        self.before, self.look, self.after = nn.LayerNorm(read), HeadedAttention(width, heads, read), nn.LayerNorm(width)

    def forward(self, tokens: Float[Tensor, "n t read"], mask: Bool[Tensor, "n t"] | None = None) -> Float[Tensor, "n queries width"]:
        known = self.look.known(self.before(tokens))
        return self.after(self.look(self.queries[None], known, None if mask is None else mask[:, None, None, :]))
