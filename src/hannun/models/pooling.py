"""Hidden states of tokens and their mask go in; one vector for each sequence comes out, whichever side the padding is on."""

from __future__ import annotations

from typing import Any


def last_token(hidden: Any, mask: Any) -> Any:
    """The state of each sequence's last unmasked token: hidden [b, t, d], mask [b, t] of 0 and 1 → [b, d].

    The position is read from the mask and not from the padding side. Every row of the mask needs a 1.
    """
    import torch

    positions = torch.arange(mask.shape[1], device=mask.device)
    last = (mask.bool() * (positions + 1)).argmax(dim=1)
    return hidden[torch.arange(len(hidden), device=hidden.device), last.to(hidden.device)]


def mean(hidden: Any, mask: Any) -> Any:
    """The mean of each sequence's unmasked tokens: hidden [b, t, d], mask [b, t] of 0 and 1 → [b, d] in float32."""
    weight = mask.unsqueeze(-1).to(hidden.device).float()
    return (hidden.float() * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
