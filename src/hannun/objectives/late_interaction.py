"""Token vectors of queries and keys go in; MaxSim scores and their InfoNCE come out.

MaxSim is ColBERT's (Khattab and Zaharia 2020), `top` is XTR's in-batch token retrieval (Lee et al. 2023).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hannun.objectives.infonce import false_negatives
from hannun.objectives.tiles import TILE, Scores, contrast

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Shaped


def maxsim(
    queries: Float[Tensor, "n t k"],
    query_mask: Shaped[Tensor, "n t"],
    keys: Float[Tensor, "m u k"],
    key_mask: Shaped[Tensor, "m u"],
    *,
    mean: bool = True,
    top: int | None = None,
) -> Scores:
    """Scores of token vectors [n, t, k] against [m, u, k] with their masks [n, t] and [m, u] (True for a real token).

    Each query token takes its best key token; a query's score is the mean over its tokens (`mean`, so that queries of all
    lengths share one temperature) or their sum. Padding is −inf for keys, before the maximum, and 0 for queries, after.

    `top` is XTR's in-batch retrieval: a query token counts for a key only where that key's best token is among the `top`
    nearest of all key tokens in the batch, and the sum is divided by how many did.
    """
    real, held = query_mask.bool(), key_mask.bool()

    def scores(rows: slice) -> Tensor:
        asked, counted = queries[rows].float(), real[rows]
        a, t, k = asked.shape
        m, u = keys.shape[:2]
        flat = asked.reshape(a * t, k)
        step = max(1, TILE // max(1, a * t * u))
        blocks = []
        for start in range(0, m, step):
            there = held[start : start + step]
            with torch.autocast(flat.device.type, enabled=False):
                similarity = flat @ keys[start : start + step].float().reshape(-1, k).T  # [a·t, b·u]
            similarity = similarity.masked_fill(~there.reshape(1, -1), float("-inf")).reshape(a, t, len(there), u)
            blocks.append(similarity.amax(dim=-1))
        best = torch.cat(blocks, dim=2).masked_fill(~held.any(dim=1), 0.0)  # [a, t, m]; a key without tokens scores 0
        weight = counted[:, :, None].to(best.dtype).expand_as(best)
        if top is not None:
            weight = weight * (best.detach() >= _threshold(flat.detach(), keys.detach().float(), held, top).reshape(a, t, 1))
            return (best * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
        total = (best * weight).sum(dim=1)
        return total / counted.sum(dim=1).clamp(min=1)[:, None] if mean else total

    return scores


def _threshold(flat: Float[Tensor, "r k"], keys: Float[Tensor, "m u k"], held: Bool[Tensor, "m u"], top: int) -> Float[Tensor, " r"]:
    """The similarity [r] of the `top`-th nearest key token to each query token [r, k]."""
    every = keys[held]
    found = flat.new_full((len(flat), 0), 0.0)
    step = max(1, TILE // max(1, len(flat)))
    for start in range(0, len(every), step):
        found = torch.cat([found, flat @ every[start : start + step].T], dim=1)
        found = found.topk(min(top, found.shape[1]), dim=1).values
    return found[:, -1] if found.shape[1] else flat.new_full((len(flat),), float("inf"))


def late_interaction(
    queries: Float[Tensor, "n t k"],
    query_mask: Shaped[Tensor, "n t"],
    keys: Float[Tensor, "m u k"],
    key_mask: Shaped[Tensor, "m u"],
    scale: Float[Tensor, ""] | float,
    *,
    mean: bool = True,
    top: int | None = None,
    ignore: Bool[Tensor, "n m"] | None = None,
    labels: tuple[Int[Tensor, "n c"], Int[Tensor, "m c"]] | None = None,
    margin: float | None = None,
    owners: Int[Tensor, " h"] | None = None,
    symmetric: bool = True,
    tile: int | None = None,
) -> Float[Tensor, ""]:
    """InfoNCE over MaxSim scores; scalar. The n queries' own keys are the first n of the keys; masks as in `infonce`.

    `tile` is query rows at a time; by default as many as keep their token similarities to one key tile small.
    """
    n, m = len(queries), len(keys)
    if m < n or keys.shape[-1] != queries.shape[-1] or queries.ndim != 3 or keys.ndim != 3:
        raise ValueError(f"tokens {tuple(queries.shape)} and {tuple(keys.shape)} came, expected [n, t, k] and [n or more, u, k]")
    scores = maxsim(queries, query_mask, keys, key_mask, mean=mean, top=top)
    mask = false_negatives(n, ignore=ignore, labels=labels, margin=margin, owners=owners)
    rows = tile or max(1, TILE // max(1, m * queries.shape[1] * keys.shape[1]))
    return contrast(scores, n, m, scale, ignore=mask, symmetric=symmetric, tile=rows)
