"""Queries, what each should find and a sample of the rest go in; the softmax loss over all, estimated from the sample, comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hannun.objectives.tiles import cosines, over_tiles

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


def sampled_softmax(
    queries: Float[Tensor, "n d"],
    positives: Float[Tensor, "n d"],
    drawn: Float[Tensor, "m d"],
    scale: Float[Tensor, ""] | float,
    *,
    expected: Float[Tensor, " m"],
    same: Bool[Tensor, "n m"],
    tile: int | None = None,
) -> Float[Tensor, ""]:
    """Mean cross-entropy of finding each query's own positive among all there is; scalar (Bengio and Senécal 2003).

    Against `infonce`, whose negatives are the other queries' positives: cost grows with n · m, not n · (n + m), and the own positive
    counts as it is, so that what is rare is taught as much as what is common.

    Args:
        queries: [n, d], unit rows.
        positives: [n, d], unit rows: row i is what query i should find.
        drawn: [m, d], unit rows, a sample of everything that could be found, the same for all queries.
        scale: 1 / temperature.
        expected: [m], how often each of them is expected in such a sample; its share of the sum is divided by it.
        same: [n, m], True where one of the sample is the query's own positive, which counts once.
        tile: query rows at a time; by default as many as 2^22 scores hold.

    Raises ValueError when the shapes do not fit.
    """
    n, m = len(queries), len(drawn)
    if positives.shape != queries.shape or expected.shape != (m,) or same.shape != (n, m):
        came = f"positives {tuple(positives.shape)}, expected {tuple(expected.shape)} and same {tuple(same.shape)}"
        raise ValueError(f"{came} came, expected {tuple(queries.shape)}, {(m,)} and {(n, m)}")
    scores, own = cosines(queries, drawn), scale * (queries.float() * positives.float()).sum(-1)
    rare = expected.log()

    def work(rows: slice) -> tuple[Tensor, ...]:
        others = (scale * scores(rows) - rare).masked_fill(same[rows], -torch.inf)
        return ((torch.logaddexp(own[rows], others.logsumexp(-1)) - own[rows]).sum(),)

    (sums,) = over_tiles(work, n, m, tile)
    return torch.stack(sums).sum() / n
