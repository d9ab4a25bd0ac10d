"""A way to score some queries against all keys goes in; losses over the whole n × m matrix come out without ever holding it.

A tile is a block of query rows. Its scores are made, reduced, thrown away, and made again in the backward pass, so memory is
that of one tile: O(n + m), not O(n · m). (Gao et al. 2021 cache representations; this does for their product what
FlashAttention, Dao et al. 2022, does for attention's.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

if TYPE_CHECKING:
    from jaxtyping import Float

#: Query rows (a slice) → their scores [t, m] against every key.
Scores = Callable[[slice], Tensor]

#: Values of one tile: 2^22 floats are 16 MB.
TILE = 2**22


def cosines(queries: Float[Tensor, "n d"], keys: Float[Tensor, "m d"]) -> Scores:
    """Scores of dense vectors [n, d] and [m, d]: their dot products, in float32 whatever the autocast."""

    def scores(rows: slice) -> Tensor:
        with torch.autocast(queries.device.type, enabled=False):
            return queries[rows].float() @ keys.float().T

    return scores


def over_tiles(work: Callable[[slice], tuple[Tensor, ...]], n: int, m: int, tile: int | None = None) -> tuple[list[Tensor], ...]:
    """`work(rows)` for every block of `tile` rows (by default as many as TILE holds), each output as a list over blocks.

    With more than one block the inside is computed anew in the backward pass.
    """
    size = max(1, tile or TILE // max(m, 1))
    if size >= n:
        return tuple([x] for x in work(slice(0, n)))
    blocks = [checkpoint(work, slice(a, min(a + size, n)), use_reentrant=False, preserve_rng_state=False) for a in range(0, n, size)]
    return tuple(list(column) for column in zip(*blocks, strict=True))


def contrast(
    scores: Scores,
    n: int,
    m: int,
    scale: Float[Tensor, ""] | float,
    *,
    ignore: Callable[[slice, Tensor], Tensor] | None = None,
    log_q: Float[Tensor, " m"] | None = None,
    symmetric: bool = True,
    tile: int | None = None,
) -> Float[Tensor, ""]:
    """Mean cross-entropy of finding key i for query i among m ≥ n keys, in tiles; scalar.

    `ignore(rows, scores)` → bool [t, m], True where a key does not count for a query (its own always does). `log_q` [m] is
    subtracted from the logits of the direction query → key. `symmetric` averages in the direction key → query, over the
    first n keys; a key's column is put together from the tiles by logsumexp.
    """

    def work(rows: slice) -> tuple[Tensor, ...]:
        raw = scores(rows)
        own = torch.zeros_like(raw, dtype=torch.bool)
        index = torch.arange(rows.start, rows.stop, device=raw.device)
        own[torch.arange(len(index), device=raw.device), index] = True
        logits = raw * scale
        positive = logits[own]
        if ignore is not None:
            logits = logits.masked_fill(ignore(rows, raw.detach()) & ~own, float("-inf"))
        forward = logits if log_q is None else logits - log_q
        answer = positive if log_q is None else positive - log_q[rows]
        found = torch.logsumexp(forward, dim=1) - answer
        return (found, torch.logsumexp(logits[:, :n], dim=0), positive) if symmetric else (found,)

    parts = over_tiles(work, n, m, tile)
    loss = torch.cat(parts[0]).mean()
    if not symmetric:
        return loss
    columns = torch.logsumexp(torch.stack(parts[1]), dim=0)
    return (loss + (columns - torch.cat(parts[2])).mean()) / 2
