"""LAION-5B's watermark detector weights (an EfficientNet-B3 with a three-layer head, saved by timm) go in; a Scorer comes out.

The network is written out here (Tan and Le 2019, arXiv:1905.11946) under timm's names for its weights, so that their file loads as it is
and timm is not needed. Class 0 is "watermark" in their file.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import PIL.Image
import torch
from torch import Tensor, nn

from hannun.curate.image.scorer import Scorer, pixels, probability
from hannun.errors import InputError

SIDE = 256  # pixels, squeezed to a square: as both scripts of theirs that run it (inference.py, example_use.py) resize to
BILINEAR = PIL.Image.Resampling.BILINEAR  # torchvision's way of resizing where none is named
WIDTH, DEPTH = 1.2, 1.4  # of B3 over B0
# Kind of block, kernel, stride, expansion, channels, repeats: EfficientNet-B0's stages.
_STAGES = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1))


def _channels(count: int) -> int:
    wide = count * WIDTH
    rounded = max(8, int(wide + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wide else rounded


class _Squeeze(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, reduced: int) -> None:
        super().__init__()
        self.conv_reduce, self.conv_expand = nn.Conv2d(width, reduced, 1), nn.Conv2d(reduced, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.conv_expand(nn.functional.silu(self.conv_reduce(mean))))


class _Block(nn.Module):  # type: ignore[misc]
    """An inverted residual block; without expansion it has timm's names of a depthwise-separable one."""

    def __init__(self, kernel: int, stride: int, expansion: int, before: int, after: int) -> None:
        super().__init__()
        wide = before * expansion
        self.expands, self.residual = expansion > 1, stride == 1 and before == after
        if self.expands:
            self.conv_pw, self.bn1 = nn.Conv2d(before, wide, 1, bias=False), nn.BatchNorm2d(wide)
        self.conv_dw = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)
        self.se = _Squeeze(wide, max(1, before // 4))
        last = nn.Conv2d(wide, after, 1, bias=False)
        if self.expands:
            self.bn2, self.conv_pwl, self.bn3 = nn.BatchNorm2d(wide), last, nn.BatchNorm2d(after)
        else:
            self.bn1, self.conv_pw, self.bn2 = nn.BatchNorm2d(wide), last, nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        silu = nn.functional.silu
        if self.expands:
            y = silu(self.bn2(self.conv_dw(silu(self.bn1(self.conv_pw(x))))))
            y = self.bn3(self.conv_pwl(self.se(y)))
        else:
            y = self.bn2(self.conv_pw(self.se(silu(self.bn1(self.conv_dw(x))))))
        return x + y if self.residual else y


class EfficientNetB3(nn.Module):  # type: ignore[misc]
    """Pictures [n, 3, side, side] → class scores [n, classes]."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        stem = _channels(32)
        self.conv_stem, self.bn1 = nn.Conv2d(3, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem)
        stages, before = [], stem
        for kernel, stride, expansion, channels, repeats in _STAGES:
            blocks = []
            for n in range(math.ceil(repeats * DEPTH)):
                blocks.append(_Block(kernel, stride if n == 0 else 1, expansion, before, _channels(channels)))
                before = _channels(channels)
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        head = _channels(1280)
        self.conv_head, self.bn2 = nn.Conv2d(before, head, 1, bias=False), nn.BatchNorm2d(head)
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        """Pictures [n, 3, side, side] → class scores [n, classes]."""
        silu = nn.functional.silu
        y = silu(self.bn2(self.conv_head(self.blocks(silu(self.bn1(self.conv_stem(x)))))))
        scores: Tensor = self.classifier(y.mean((2, 3)))
        return scores


def network() -> EfficientNetB3:
    """The network with LAION's head: 1536 → 625 → 256 → 2."""
    layers = (nn.Linear(1536, 625), nn.ReLU(), nn.Dropout(0.3), nn.Linear(625, 256), nn.ReLU(), nn.Linear(256, 2))
    return EfficientNetB3(nn.Sequential(*layers))


def detector(path: Path) -> Scorer:
    """The Scorer of their file. Raises InputError for weights of another network."""
    net = network()
    try:
        weights: Any = torch.load(path, map_location="cpu", weights_only=True)
        net.load_state_dict(weights.get("state_dict", weights))
    except (RuntimeError, AttributeError, ValueError, EOFError, OSError, pickle.UnpicklingError) as e:
        reason = (str(e).splitlines() or ["?"])[0][:160]
        raise InputError(f"{path}: does not hold the weights of LAION's watermark detector ({reason})") from None
    net.eval()

    def score(pictures: Sequence[PIL.Image.Image]) -> list[float]:
        with torch.no_grad():
            return probability(net(torch.from_numpy(pixels(pictures, SIDE, BILINEAR))).numpy(), [0]) if pictures else []

    return score
