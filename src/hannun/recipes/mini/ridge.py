"""Pictures' features and what is said of them go in; a picture head that sees by one linear map, found without steps, comes out.

Drawings and clothes are too few for a Transformer to begin at chance in a few hundred steps. The ridge regression from features to the
vectors of sentences is solved at once, and is one of the networks that the head can be: layers that add nothing, every place read by the
same map, all places counted alike. Its layer norm takes away the mean over the values, so the map's outputs lie beside that direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hannun.recipes.mini.backbone import DEEP
from hannun.recipes.mini.pools import Views
from hannun.recipes.mini.towers import WIDTH, PictureHead

LOUD = 20.0  # states are this many times the map's outputs, far above the layer norm's epsilon
PENALTIES = (0.1, 0.3, 1.0, 3.0)  # shares of the features' mean spread, of which held-out pictures choose
APART = 1e-5  # noise that no vector shows
HELD = 8  # every so manyth picture


@dataclass(frozen=True, eq=False)
class Linear:
    """A map from standardised features: `deep` [384, 1280] of the last layer, `cell` [384, CELL] of textures and colours."""

    deep: Tensor
    cell: Tensor
    penalty: float


@torch.no_grad()  # type: ignore[untyped-decorator]
def features(head: PictureHead, views: Views, rows: Sequence[int]) -> Tensor:
    """[n, 1280 + CELL]: the last layer over the whole picture and the mean of its cells, standardised as the head does."""
    out = []
    for at in range(0, len(rows), 64):
        maps, cells, _, _ = views.take(list(rows[at : at + 64]))
        whole = ((head.top(maps)[1].mean(1) - head.deep_mean) / head.deep_spread).clamp(-6, 6)
        own = ((cells - head.cell_mean) / head.cell_spread).clamp(-6, 6).mean(1)
        out.append(torch.cat([whole, own], dim=1))
    return torch.cat(out)


def solved(x: Tensor, y: Tensor, weight: Tensor) -> Linear:
    """The map of the least weighted squared error from x [n, p] to unit rows y [n, 384] less their mean, by the best of PENALTIES."""
    mean = (weight[:, None] * y).sum(0) / weight.sum()
    held = torch.arange(len(x)) % HELD == 0
    aim = y - mean

    def fitted(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scaled = x[rows] * weight[rows, None]
        values, axes = torch.linalg.eigh(scaled.T @ x[rows] / weight[rows].sum())
        return values, axes, axes.T @ (scaled.T @ aim[rows]) / weight[rows].sum()

    values, axes, right = fitted(~held)
    found = {}
    for penalty in PENALTIES:
        told = normalize(x[held] @ (axes @ (right / (values + penalty * values.mean())[:, None])), dim=-1)
        place = (told @ y[held].T > (told * y[held]).sum(-1, keepdim=True)).sum(1)
        found[penalty] = float((1 / (1 + place.float())).mean())
    best = max(found, key=found.__getitem__)
    values, axes, right = fitted(torch.ones_like(held))
    matrix = (axes @ (right / (values + best * values.mean())[:, None])).T
    return Linear(matrix[:, :DEEP], matrix[:, DEEP:], best)


def beside_the_mean(width: int = WIDTH) -> Tensor:
    """[width, width − 1]: orthonormal columns, each with a sum of 0."""
    square = torch.eye(width)
    square[:, 0] = width**-0.5
    return torch.linalg.qr(square)[0][:, 1:]


def shared(kinds: Sequence[Tensor]) -> Tensor:
    """Orthonormal rows [k, 384] that span the means of kinds of texts, each of them unit rows [n, 384].

    What all texts of a kind have in common tells no two pictures apart, but would lift some of them above all others, whatever is asked.
    """
    means = torch.stack([k.mean(0) for k in kinds])
    return torch.linalg.qr(means.T)[0].T.contiguous()


@torch.no_grad()  # type: ignore[untyped-decorator]
def become(head: PictureHead, linear: Linear, away: Tensor) -> None:
    """Make the head see by the map alone, less its part in the rows of `away` [k, 384], in place.

    The last of the 384 values, which says least, is always 0.
    """
    basis = beside_the_mean(head.joint.in_features)
    deep, cell = (LOUD * basis @ (m - away.T @ (away @ m))[:-1] for m in (linear.deep, linear.cell))
    for layer in (head.whole, head.enter, head.glance):
        layer.weight.copy_(deep)
        layer.bias.zero_()
    head.also.weight.copy_(cell)
    head.also.bias.zero_()
    head.place.zero_()
    for added in head.layers:
        for last in (added.out, added.down):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
    head.joint.weight.zero_()
    head.joint.weight[:-1].copy_(basis.T)
    for silent in (head.joint.bias, head.weigh.weight, head.weigh.bias):
        silent.zero_()
    # Weights that are equal to the bit become one constant in an export, and other heads then find no name to go by.
    for n, value in enumerate(head.parameters()):
        value += APART * torch.randn(value.shape, generator=torch.Generator().manual_seed(n))
