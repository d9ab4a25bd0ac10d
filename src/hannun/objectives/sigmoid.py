"""Query and key vectors go in; the pairwise sigmoid loss of SigLIP (Zhai et al. 2023) comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from hannun.objectives.infonce import false_negatives
from hannun.objectives.tiles import cosines, over_tiles

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

#: SigLIP's starts (Zhai et al. 2023, algorithm 1): scale 10 and bias −10, so that the many negatives begin near their answer.
START_SCALE = 10.0
START_BIAS = -10.0


def sigmoid(
    queries: Float[Tensor, "n d"],
    keys: Float[Tensor, "m d"],
    scale: Float[Tensor, ""] | float,
    bias: Float[Tensor, ""] | float,
    *,
    ignore: Bool[Tensor, "n m"] | None = None,
    labels: tuple[Int[Tensor, "n c"], Int[Tensor, "m c"]] | None = None,
    margin: float | None = None,
    owners: Int[Tensor, " h"] | None = None,
    tile: int | None = None,
) -> Float[Tensor, ""]:
    """Mean over queries of −Σ log σ(z · (scale · cosine + bias)), z = 1 for a query's own key and −1 for the others; scalar.

    `queries` [n, d], `keys` [n + h, d] as in `infonce`, whose masks it shares. Raises ValueError when the shapes do not fit.
    """
    n, m = len(queries), len(keys)
    if m < n or keys.shape[-1] != queries.shape[-1]:
        raise ValueError(f"queries {tuple(queries.shape)} and keys {tuple(keys.shape)} came, expected [n, d] and [n or more, d]")
    scores = cosines(queries, keys)
    mask = false_negatives(n, ignore=ignore, labels=labels, margin=margin, owners=owners)

    def work(rows: slice) -> tuple[Tensor, ...]:
        raw = scores(rows)
        logits = raw * scale + bias
        own = torch.arange(rows.start, rows.stop, device=raw.device)[:, None]
        negatives = logsigmoid(-logits).scatter(1, own, logsigmoid(logits).gather(1, own))
        if mask is not None:
            negatives = negatives.masked_fill(mask(rows, raw.detach()).scatter(1, own, False), 0.0)
        return (-negatives.sum(dim=1),)

    return torch.cat(over_tiles(work, n, m, tile)[0]).mean()
