"""The Transformer over latent pictures: patches go where they came from, and what no patch divides is refused."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")

import torch
from torch import Tensor, nn

from hannun.errors import InputError
from hannun.models.diffusion_transformer import Painter, PainterShape
from hannun.models.state_head import StateAttention

STATES, POOLED = torch.randn(1, 77, 8), torch.randn(1, 8)


def painter(patch: int) -> Painter:
    torch.manual_seed(0)
    return Painter(PainterShape(4, 3, 8, 8, 32, 1, 2, patch)).eval()


@pytest.mark.parametrize(("patch", "places"), [(1, 16), (2, 4), (4, 1)])
def test_a_patch_is_one_place(patch: int, places: int) -> None:
    network = painter(patch)
    assert network.places.shape == (places, 32)
    assert network(torch.randn(2, 3, 4, 4), torch.rand(2), STATES.expand(2, -1, -1), POOLED.expand(2, -1)).shape == (2, 3, 4, 4)


def test_a_cell_changes_its_own_patch_alone() -> None:
    """With attention closed, as at the start, and an open way out: the bottom left of 2 × 2 patches is made of its own cells."""
    network = painter(2)
    nn.init.normal_(network.out.weight)
    latents = torch.randn(1, 3, 4, 4)
    changed = latents.clone()
    changed[0, 1, 3, 0] += 1  # the last row, the first column

    def drawn(values: Tensor) -> Tensor:
        made: Tensor = network(values, torch.tensor([0.5]), STATES, POOLED)[0]
        return made

    apart = (drawn(changed) - drawn(latents)).abs().amax(0) > 1e-6
    assert apart[2:, :2].all() and apart.sum() == 4


def test_a_side_that_no_patch_divides() -> None:
    with pytest.raises(InputError, match="4 cells a side came in patches of 3"):
        painter(3)


def test_attention_is_what_torch_says_and_leaves_out_what_is_masked() -> None:
    torch.manual_seed(0)
    attention = StateAttention(8, 6, 2)
    x, source, mask = torch.randn(2, 3, 8), torch.randn(2, 5, 6), torch.tensor([[True] * 5, [True, True, False, False, False]])
    q, k, v = (
        layer(y).unflatten(-1, (2, 4)).transpose(1, 2)
        for layer, y in ((attention.query, x), (attention.key, source), (attention.value, source))
    )
    expected = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None])
    torch.testing.assert_close(attention(x, source, mask), attention.out(expected.transpose(1, 2).flatten(2)))
    torch.testing.assert_close(attention(x, source, mask)[1:], attention(x[1:], source[1:, :2]))
