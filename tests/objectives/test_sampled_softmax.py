"""The sampled softmax: equal to the whole one where the sample is everything, and what it refuses."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")

import torch
from torch.nn.functional import cross_entropy, normalize

from hannun.objectives.sampled_softmax import sampled_softmax


def rows(n: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(n, 8, generator=torch.Generator().manual_seed(seed)), dim=-1)


@pytest.mark.parametrize("tile", [None, 3])
def test_a_sample_of_everything_is_the_whole_softmax(tile: int | None) -> None:
    table, target = rows(20, 0), torch.randint(0, 20, (7,), generator=torch.Generator().manual_seed(1))
    queries = rows(7, 2).requires_grad_()
    same = target[:, None] == torch.arange(20)
    found = sampled_softmax(queries, table[target], table, 5.0, expected=torch.ones(20), same=same, tile=tile)
    whole = cross_entropy(5.0 * queries @ table.T, target)
    assert torch.allclose(found, whole)
    assert torch.allclose(*(torch.autograd.grad(x, queries)[0] for x in (found, whole)), atol=1e-6)


def test_what_is_drawn_twice_as_often_counts_half_each_time() -> None:
    queries, own, other = rows(1, 0), rows(1, 1), rows(1, 2)
    none = torch.zeros(1, 1, dtype=torch.bool)
    once = sampled_softmax(queries, own, other, 1.0, expected=torch.ones(1), same=none)
    twice = sampled_softmax(queries, own, other.repeat(2, 1), 1.0, expected=torch.full((2,), 2.0), same=none.repeat(1, 2))
    assert torch.allclose(once, twice)


def test_shapes() -> None:
    with pytest.raises(ValueError, match="came, expected"):
        sampled_softmax(rows(2, 0), rows(2, 1), rows(3, 2), 1.0, expected=torch.ones(2), same=torch.zeros(2, 3, dtype=torch.bool))
