"""Hidden states of tokens and their mask go in; one vector for each sequence comes out, whichever side the padding is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hannun.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

POOLINGS = ("lasttoken", "mean", "vision")


def last_token(hidden: Float[Tensor, "b t d"], mask: Shaped[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    """The state of each sequence's last unmasked token: hidden [b, t, d], mask [b, t] of 0 and 1 → [b, d].

    The position is read from the mask and not from the padding side. Every row of the mask needs a 1.
    """
    positions = torch.arange(mask.shape[1], device=mask.device)
    last = (mask.bool() * (positions + 1)).argmax(dim=1)
    return hidden[torch.arange(len(hidden), device=hidden.device), last.to(hidden.device)]


def mean(hidden: Float[Tensor, "b t d"], mask: Shaped[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    """The mean of each sequence's unmasked tokens: hidden [b, t, d], mask [b, t] of 0 and 1 → [b, d] in float32."""
    weight = mask.unsqueeze(-1).to(hidden.device).float()
    return (hidden.float() * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)


def vision_span(hidden: Float[Tensor, "b t d"], mask: Shaped[Tensor, "b t"], pictured: Shaped[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    """The mean of each sequence's picture tokens, or of all its tokens where it has none: pictured [b, t] of 0 and 1 → [b, d]."""
    span = mask.bool() & pictured.bool()
    return mean(hidden, torch.where(span.any(dim=1, keepdim=True), span, mask.bool()))


def pooled(
    hidden: Float[Tensor, "b t d"], mask: Shaped[Tensor, "b t"], how: str, pictured: Shaped[Tensor, "b t"] | None
) -> Float[Tensor, "b d"]:
    """Pooling by name: "lasttoken" (the state of [EOS]), "mean" or "vision" → [b, d] in float32."""
    if how == "lasttoken":
        return last_token(hidden, mask).float()
    if how == "mean":
        return mean(hidden, mask)
    if how == "vision":
        return vision_span(hidden, mask, pictured)
    raise InputError(f"pooling {how!r} came, expected 'lasttoken', 'mean' or 'vision'")
