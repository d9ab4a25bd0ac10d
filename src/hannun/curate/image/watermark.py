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
from hannun.errors import EncoderMismatch, InputError, MissingError
from hannun.item import Image
from hannun.mini.model import Mini

WEIGHTS = Path(__file__).with_name("watermark.npz")
SIDE = 512  # pixels of the shorter side that a picture is worth decoding at for this
MIDDLE = 0.6  # of either side: what the second look sees
_ARRAYS = ("scale", "inner", "inner_bias", "outer")
_REMEDY = "make it: python -m hannun.recipes.watermark --data FOLDER --clipart FOLDER"


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


def apart(x: Floats) -> Floats:
    """Features [n, 2 · 9 · 384] as cells [n, 18, 384], each less the mean of its view's nine."""
    cells = x.reshape(len(x), 2, 9, -1)
    return np.asarray((cells - cells.mean(axis=2, keepdims=True)).reshape(len(x), 18, -1), np.float32)


@dataclass(frozen=True)
class Head:
    """Detectors that look at every cell alike, and the tower they were trained on.

    A cell is seen as how it differs from the mean of its view's cells, so that what is in the picture matters little; what a detector says
    of a cell counts by the cell's place. `scale` [384], `inner` [384, k], `inner_bias` [k], `outer` [18, k].
    """

    scale: Floats
    inner: Floats
    inner_bias: Floats
    outer: Floats
    outer_bias: float
    fingerprint: str

    def score(self, x: Floats) -> Floats:
        """Probabilities [n] of features [n, 2 · 9 · 384]."""
        hidden = np.maximum(0, apart(x) * self.scale @ self.inner + self.inner_bias)
        sums = np.einsum("nck,ck->n", hidden, self.outer) + self.outer_bias
        return np.asarray(1 / (1 + np.exp(-sums)), dtype=np.float32)

    def save(self, path: Path) -> None:
        """Half-precision weights, in one .npz."""
        arrays = {k: getattr(self, k).astype(np.float16) for k in _ARRAYS}
        with path.open("wb") as f:
            np.savez_compressed(f, **arrays, outer_bias=np.float32(self.outer_bias), fingerprint=np.array(self.fingerprint))

    @staticmethod
    def load(path: Path = WEIGHTS) -> Head:
        """What `save` wrote. Raises MissingError, or InputError for a head of another make."""
        if not path.exists():
            raise MissingError(f"{path}: no such weights; {_REMEDY}")
        with np.load(path, allow_pickle=False) as f:
            if lacks := [k for k in _ARRAYS if k not in f]:
                raise InputError(f"{path}: is a watermark head of another make (it lacks {', '.join(lacks)}); {_REMEDY}")
            scale, inner, inner_bias, outer = (f[k].astype(np.float32) for k in _ARRAYS)
            if outer.ndim != 2:
                raise InputError(f"{path}: is a watermark head of another make (outer of shape {outer.shape}); {_REMEDY}")
            return Head(scale, inner, inner_bias, outer, float(f["outer_bias"]), str(f["fingerprint"]))


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
