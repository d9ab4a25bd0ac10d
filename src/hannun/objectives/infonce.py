"""Query and key vectors go in; the InfoNCE loss (van den Oord et al. 2018), symmetric as in CLIP (Radford et al. 2021), comes out."""

from __future__ import annotations

import torch
from torch import Tensor

#: CLIP's start and bound of the learnable scale: temperature 0.07, and never below 0.01 (Radford et al. 2021, section 2.5).
START_TEMPERATURE = 0.07
LARGEST_SCALE = 100.0


def infonce(queries: Tensor, keys: Tensor, scale: Tensor | float, *, ignore: Tensor | None = None, symmetric: bool = True) -> Tensor:
    """Mean cross-entropy of finding key i for query i; scalar.

    `queries` is [n, d], `keys` [n + h, d]: key i is the positive of query i, and the last h keys are further (hard) negatives.
    `ignore` [n, n + h] is True where a key answers a query although it is not its own (a false negative); its diagonal does
    not count. `scale` is 1 / temperature. `symmetric` averages in the direction key → query, over the first n keys.
    Vectors should be unit rows. Raises ValueError when the shapes do not fit.
    """
    n = len(queries)
    if keys.shape[0] < n or keys.shape[-1] != queries.shape[-1]:
        raise ValueError(f"queries {tuple(queries.shape)} and keys {tuple(keys.shape)} came, expected [n, d] and [n or more, d]")
    scores = queries @ keys.T * scale
    if ignore is not None:
        if ignore.shape != scores.shape:
            raise ValueError(f"ignore {tuple(ignore.shape)} came, expected {tuple(scores.shape)}")
        own = torch.eye(n, len(keys), dtype=torch.bool, device=scores.device)
        scores = scores.masked_fill(ignore & ~own, float("-inf"))
    target = torch.arange(n, device=scores.device)
    loss = torch.nn.functional.cross_entropy(scores, target)
    if not symmetric:
        return loss
    return (loss + torch.nn.functional.cross_entropy(scores[:, :n].T, target)) / 2


def same(labels: Tensor) -> Tensor:
    """[n] integer labels → [n, n], True where two rows share a label: what `infonce` should ignore (equal text, equal picture)."""
    return labels[:, None] == labels[None, :]
