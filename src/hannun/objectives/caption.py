"""Next-token scores and the tokens that came go in; the captioning loss of CoCa (Yu et al. 2022), summed by text or averaged, comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

#: CoCa weighs the captioning loss twice the contrastive one (arXiv:2205.01917, section 4.1: λcap 2, λcon 1).
CAPTION, CONTRAST = 2.0, 1.0


def said(
    scores: Float[Tensor, "k vocabulary"], targets: Int[Tensor, " k"], rows: Int[Tensor, " k"], texts: int, smoothing: float = 0.0
) -> tuple[Float[Tensor, " texts"], Float[Tensor, " texts"]]:
    """−log p of the tokens of each text, summed, and how many they are: [texts] each, in float32.

    Args:
        scores: of the positions that count alone: neither padding nor what was told beforehand is among them.
        targets: the token that came at each.
        rows: which text each belongs to, 0 … texts − 1.
        texts: how many texts there are; one without a position has 0 and 0.
        smoothing: the share that is spread evenly over the vocabulary (Szegedy et al. 2016), 0 … below 1.

    Raises ValueError when the shapes do not fit.
    """
    if scores.ndim != 2 or targets.shape != scores.shape[:1] or rows.shape != targets.shape:
        came = f"scores {tuple(scores.shape)}, targets {tuple(targets.shape)} and rows {tuple(rows.shape)}"
        raise ValueError(f"{came} came, expected [k, vocabulary], [k] and [k]")
    each = cross_entropy(scores.float(), targets, reduction="none", label_smoothing=smoothing)
    zero = torch.zeros(texts, device=scores.device)
    return zero.index_add(0, rows, each), zero.index_add(0, rows, torch.ones_like(each))


def counted(tokens: Int[Tensor, "n t"], real: Bool[Tensor, "n t"], told: int) -> Bool[Tensor, "n t"]:
    """Which tokens a caption is trained to say: those that are `real` by the mask, never by an id, after the first `told`; [n, t] bool."""
    if tokens.shape != real.shape:
        raise ValueError(f"tokens {tuple(tokens.shape)} and a mask {tuple(real.shape)} came, expected one shape")
    places = torch.arange(tokens.shape[1], device=tokens.device)
    return real.bool() & (places >= told)


def caption(sums: Float[Tensor, " n"], counts: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """The mean of −log p over all tokens of all texts, from what `said` gives of each; scalar. 0 where there is no token."""
    if sums.shape != counts.shape:
        raise ValueError(f"sums {tuple(sums.shape)} and counts {tuple(counts.shape)} came, expected one shape")
    return sums.sum() / counts.sum().clamp(min=1)
