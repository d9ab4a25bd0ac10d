"""Pictures go in; the number of text boxes in them and the share of area that these cover come out (detection only, nothing is read).

The detector is PP-OCR's as `rapidocr` ships it. It enlarges the shorter side to 736 pixels by default; `SIDE` is the size chosen here by
agreement with that default (`benchmarks/curate.py`, part "ocr").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import PIL.Image
import PIL.ImageDraw

from hannun.annotate.lines import detector

SIDE = 640  # pixels of the longer side: the least that decides as the default does on 97 % of the choosing half (docs/curate.md)
DEFAULT_SIDE = 736  # rapidocr's own: of the shorter side
TALLEST = 0.3  # of the picture's shorter side: a taller "line" is a thing; the detector takes lone garments for text (docs/curate.md)


@dataclass(frozen=True)
class Boxes:
    """How many text boxes, and the share of the picture inside their union, 0…1."""

    count: int
    share: float


@final
class TextDetector:
    """rapidocr's text detection, loaded when first used. `side` None is the package's own default, the shorter side at 736 pixels."""

    def __init__(self, side: int | None = SIDE, threads: int = 1) -> None:
        self.side, self._threads = side, threads
        self._model: Any = None

    def _load(self) -> Any:
        if self._model is None:
            self._model = detector(self._threads, *((self.side, "max") if self.side else (DEFAULT_SIDE, "min")))
        return self._model

    def find(self, picture: PIL.Image.Image) -> Boxes:
        """The boxes of one RGB picture."""
        if self.side and max(picture.size) > self.side:  # Pillow shrinks better than the detector's own nearest steps
            scale = self.side / max(picture.size)
            size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            picture = picture.resize(size, PIL.Image.Resampling.BILINEAR, reducing_gap=2.0)
        found = self._load()(np.asarray(picture)[:, :, ::-1])
        boxes = [] if found.boxes is None else [b for b in found.boxes if _height(b) <= TALLEST * min(picture.size)]
        return Boxes(len(boxes), covered(boxes, picture.size))


def _height(box: Any) -> float:
    """The shorter of a quadrangle's two sides, in pixels."""
    return float(min(np.linalg.norm(box[0] - box[1]), np.linalg.norm(box[1] - box[2])))


def covered(boxes: list[Any], size: tuple[int, int]) -> float:
    """The share of a picture of `size` that lies inside at least one of the quadrangles (each [4, 2] pixels)."""
    if not boxes:
        return 0.0
    scale = 128 / max(size)
    small = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    mask = PIL.Image.new("1", small)
    draw = PIL.ImageDraw.Draw(mask)
    for box in boxes:
        draw.polygon([(float(x) * scale, float(y) * scale) for x, y in box], fill=1)
    return float(np.asarray(mask).mean())
