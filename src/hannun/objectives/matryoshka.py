"""An objective and nested dimensions go in; the weighted mean of the objective over truncated, renormalised vectors comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn.functional import normalize

if TYPE_CHECKING:
    from jaxtyping import Float


def matryoshka(
    objective: Callable[[Tensor, Tensor], Tensor],
    first: Float[Tensor, "*n d"],
    second: Float[Tensor, "*m d"],
    dims: Sequence[int],
    weights: Sequence[float] | None = None,
) -> Float[Tensor, ""]:
    """Matryoshka representation learning (Kusupati et al. 2022): `objective` on the first k values, for each k in `dims`; scalar.

    `first` and `second` are [..., d]: dense rows [n, d] or token vectors [n, t, d] alike; their prefixes are made unit rows again
    before `objective` sees them (a padded token stays zero). What else an objective needs (masks, scores, a teacher) comes along in its
    closure. Weights default to equal ones, as in the paper, and are scaled to sum to 1. Raises ValueError for a dimension beyond d.
    """
    if not dims or max(dims) > first.shape[-1] or min(dims) < 1:
        raise ValueError(f"dims {tuple(dims)} came, expected some between 1 and {first.shape[-1]}")
    shares = [1.0] * len(dims) if weights is None else list(weights)
    if len(shares) != len(dims):
        raise ValueError(f"{len(shares)} weights came for {len(dims)} dims")
    total = first.new_zeros(())
    for dim, share in zip(dims, shares, strict=True):
        total = total + share / sum(shares) * objective(normalize(first[..., :dim], dim=-1), normalize(second[..., :dim], dim=-1))
    return total
