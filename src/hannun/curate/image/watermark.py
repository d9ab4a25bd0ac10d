"""Pictures go in; a watermark score for each, 0…1, comes out: a small head on the embedded picture tower's features.

The tower sees the whole picture and its middle, where most marks stand, each as 3 × 3 cells. `hannun.recipes.watermark` trains
the head on marks that it draws and writes `watermark.npz`, with the fingerprint of the tower: another's features mean nothing to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import PIL.Image

from hannun.embeddings import Floats
from hannun.errors import EncoderMismatch, MissingError
from hannun.item import Image
from hannun.mini.model import Mini

WEIGHTS = Path(__file__).with_name("watermark.npz")
SIDE = 512  # pixels of the shorter side that a picture is worth decoding at for this
MIDDLE = 0.6  # of either side: what the second look sees


def features(pictures: Sequence[PIL.Image.Image], tower: Mini) -> Floats:
    """What the head reads, float32 [n, 2 · 9 · 384]: cells of the whole and of the middle."""
    if not pictures:
        return np.zeros((0, 2 * 9 * 384), np.float32)
    views = [Image(v) for p in pictures for v in (p, middle(p))]
    cells = tower.patches(views)
    return cells.reshape(len(pictures), -1)


def middle(picture: PIL.Image.Image) -> PIL.Image.Image:
    """The middle of a picture, MIDDLE of either side."""
    width, height = picture.size
    dx, dy = width * (1 - MIDDLE) / 2, height * (1 - MIDDLE) / 2
    box = (round(dx), round(dy), max(round(dx) + 1, round(width - dx)), max(round(dy) + 1, round(height - dy)))
    return picture.crop(box)


@dataclass(frozen=True)
class Head:
    """A network of one hidden layer over standardised features, and the tower it was trained on."""

    mean: Floats
    scale: Floats
    inner: Floats
    inner_bias: Floats
    outer: Floats
    outer_bias: float
    fingerprint: str

    def score(self, x: Floats) -> Floats:
        """Probabilities [n] of features [n, d]."""
        hidden = np.maximum(0, (x - self.mean) * self.scale @ self.inner + self.inner_bias)
        return np.asarray(1 / (1 + np.exp(-(hidden @ self.outer + self.outer_bias))), dtype=np.float32)

    def save(self, path: Path) -> None:
        """Half-precision weights, in one .npz."""
        arrays = {k: getattr(self, k).astype(np.float16) for k in ("mean", "scale", "inner", "inner_bias", "outer")}
        with path.open("wb") as f:
            np.savez_compressed(f, **arrays, outer_bias=np.float32(self.outer_bias), fingerprint=np.array(self.fingerprint))

    @staticmethod
    def load(path: Path = WEIGHTS) -> Head:
        """What `save` wrote. Raises MissingError."""
        if not path.exists():
            raise MissingError(f"{path}: no such weights; make them: python -m hannun.recipes.watermark --data FOLDER --clipart FOLDER")
        with np.load(path, allow_pickle=False) as f:
            mean, scale, inner, inner_bias, outer = (f[k].astype(np.float32) for k in ("mean", "scale", "inner", "inner_bias", "outer"))
            return Head(mean, scale, inner, inner_bias, outer, float(f["outer_bias"]), str(f["fingerprint"]))


@final
class Watermarks:
    """The Scorer of the embedded head. Raises EncoderMismatch where the head was trained on another tower than the one at hand."""

    def __init__(self, head: Head | None = None, tower: Mini | None = None) -> None:
        self._head, self._tower = head or Head.load(), tower or Mini()
        if self._head.fingerprint != self._tower.fingerprint:
            raise EncoderMismatch(
                f"the watermark head was trained on the picture tower {self._head.fingerprint}, here is {self._tower.fingerprint}; "
                "train it again with: python -m hannun.recipes.watermark --data FOLDER --clipart FOLDER"
            )

    def __call__(self, pictures: Sequence[PIL.Image.Image]) -> list[float]:
        """A score for each RGB picture."""
        return [round(float(s), 4) for s in self._head.score(features(pictures, self._tower))]
