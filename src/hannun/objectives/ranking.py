"""Pairs of vectors with human scores go in; the CoSENT loss (Su 2022), which orders their cosines as the scores do, comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from hannun.objectives.tiles import over_tiles

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

#: Su's λ, and sentence-transformers' `scale`.
SCALE = 20.0


def cosent(
    first: Float[Tensor, "n d"],
    second: Float[Tensor, "n d"],
    scores: Shaped[Tensor, " n"],
    scale: Float[Tensor, ""] | float = SCALE,
    *,
    tile: int | None = None,
) -> Float[Tensor, ""]:
    """log(1 + Σ exp(scale · (cosine of the lower-scored pair − cosine of the higher-scored one))) over all i, j that differ; scalar.

    `first` and `second` are [n, d], pair i has `scores[i]`; ties do not count. In float32 and in tiles. Raises ValueError
    when the lengths differ. A batch in which all scores are equal has loss 0.
    """
    n = len(first)
    if len(second) != n or len(scores) != n:
        raise ValueError(f"{n} and {len(second)} vectors and {len(scores)} scores came, expected the same number of each")
    cosines = cosine_similarity(first.float(), second.float(), dim=-1) * scale
    gold = scores.float()

    def work(rows: slice) -> tuple[Tensor, ...]:
        higher, lower = cosines[rows][:, None], cosines[None, :]
        counts = gold[rows][:, None] > gold[None, :]
        return (torch.logsumexp((lower - higher).masked_fill(~counts, float("-inf")), dim=1),)

    every = torch.cat([cosines.new_zeros(1), *over_tiles(work, n, n, tile)[0]])
    return torch.logsumexp(every[torch.isfinite(every)], dim=0)
