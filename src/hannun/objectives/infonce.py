"""Query and key vectors go in; the InfoNCE loss (van den Oord et al. 2018), symmetric as in CLIP (Radford et al. 2021), comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hannun.objectives.tiles import contrast, cosines

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

#: CLIP's start and bound of the learnable scale: temperature 0.07, and never below 0.01 (Radford et al. 2021, section 2.5).
START_TEMPERATURE = 0.07
LARGEST_SCALE = 100.0


def infonce(
    queries: Float[Tensor, "n d"],
    keys: Float[Tensor, "m d"],
    scale: Float[Tensor, ""] | float,
    *,
    ignore: Bool[Tensor, "n m"] | None = None,
    labels: tuple[Int[Tensor, "n c"], Int[Tensor, "m c"]] | None = None,
    margin: float | None = None,
    owners: Int[Tensor, " h"] | None = None,
    log_q: Float[Tensor, " m"] | None = None,
    symmetric: bool = True,
    tile: int | None = None,
) -> Float[Tensor, ""]:
    """Mean cross-entropy of finding key i for query i; scalar. Memory O(n + m): scores are made in tiles.

    Args:
        queries: [n, d], unit rows.
        keys: [m, d] with m = n + h: key i is the positive of query i, and the last h keys are further (hard) negatives.
        scale: 1 / temperature.
        ignore: [n, n + h], True where a key answers a query although it is not its own (a false negative).
        labels: the same said in O(n): see `false_negatives`.
        margin: ignore keys that score above the own key's cosine + margin (Zhang et al. 2025, Qwen3-Embedding, take 0.1).
        owners: [h], the query of each hard negative; it counts for that one only. By default it counts for every query.
        log_q: [n + h], log-probability that the sampling puts each key into a batch; subtracted from its logit, own key
            included (the log-Q correction, Yi et al. 2019), in the direction query → key.
        symmetric: average in the direction key → query, over the first n keys.
        tile: query rows at a time; by default as many as 2^22 scores hold.

    The diagonal always counts. Raises ValueError when the shapes do not fit.
    """
    n, m = len(queries), len(keys)
    if m < n or keys.shape[-1] != queries.shape[-1]:
        raise ValueError(f"queries {tuple(queries.shape)} and keys {tuple(keys.shape)} came, expected [n, d] and [n or more, d]")
    if ignore is not None and ignore.shape != (n, m):
        raise ValueError(f"ignore {tuple(ignore.shape)} came, expected {(n, m)}")
    if owners is not None and len(owners) != m - n:
        raise ValueError(f"{len(owners)} owners came for {m - n} hard negatives")
    if log_q is not None and len(log_q) != m:
        raise ValueError(f"log_q {tuple(log_q.shape)} came, expected {(m,)}")
    mask = false_negatives(n, ignore=ignore, labels=labels, margin=margin, owners=owners)
    return contrast(cosines(queries, keys), n, m, scale, ignore=mask, log_q=log_q, symmetric=symmetric, tile=tile)


def false_negatives(
    n: int,
    *,
    ignore: Bool[Tensor, "n m"] | None = None,
    labels: tuple[Int[Tensor, "n c"], Int[Tensor, "m c"]] | None = None,
    margin: float | None = None,
    owners: Int[Tensor, " h"] | None = None,
) -> Callable[[slice, Tensor], Tensor] | None:
    """Which keys do not count for which queries, as `contrast` asks it tile by tile: (rows, scores [t, m]) → bool [t, m].

    `labels` is (query labels [n, c], key labels [m, c]), integers of c kinds side by side: content hash, product, picture
    hash, …; a key is ignored where any kind is equal, and a negative label is equal to nothing. See `infonce` for the
    others. None where nothing was given.
    """
    if ignore is None and labels is None and margin is None and (owners is None or not len(owners)):
        return None

    def mask(rows: slice, scores: Tensor) -> Tensor:
        out = torch.zeros_like(scores, dtype=torch.bool)
        if ignore is not None:
            out |= ignore[rows]
        if labels is not None:
            for asked, known in zip(labels[0][rows].T, labels[1].T, strict=True):
                out |= (asked[:, None] == known[None, :]) & (asked >= 0)[:, None]
        index = torch.arange(rows.start, rows.stop, device=scores.device)
        if margin is not None:
            out |= scores > scores.gather(1, index[:, None]) + margin
        if owners is not None:
            out[:, n:] |= owners[None, :] != index[:, None]
        return out

    return mask


def same(labels: Int[Tensor, " n"]) -> Bool[Tensor, "n n"]:
    """[n] integer labels → [n, n], True where two rows share a label: what `infonce` should ignore (equal text, equal picture)."""
    return labels[:, None] == labels[None, :]


def bounded(log_scale: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """The scale of a learnable log-scale: its exponential, never above LARGEST_SCALE, where the gradient stops."""
    return log_scale.exp().clamp(max=LARGEST_SCALE)
