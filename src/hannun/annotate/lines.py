"""A picture goes in, the lines of print in it come out, each cut out upright, dark on light: what a recogniser wants to see.

Where lines stand PP-OCR's detector tells, as `rapidocr` ships it (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt
import PIL.Image

from hannun import runtime
from hannun.embeddings import Floats
from hannun.errors import DependencyError

SIDE = 960  # pixels of the longer side: lines of receipts are found at this size, and at half of it most are not (docs/log.md)
HEIGHT, GAP = 48, 24  # pixels of a line that is cut out, and white between two on a page
WIDEST = 2400
MOST = 60  # lines of a picture


def detector(threads: int, side: int, kind: str) -> Any:
    """PP-OCR's text detection alone. `side` pixels of the longer ("max") or shorter ("min") side. Raises DependencyError."""
    runtime.onnxruntime()  # before rapidocr loads it
    try:
        from rapidocr import RapidOCR
    except ImportError:
        raise DependencyError("text detection needs rapidocr; pip install -c constraints.txt '.[read]' in Hannun's folder") from None
    ocr = RapidOCR(
        params={
            "Global.use_cls": False,
            "Global.use_rec": False,
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        }
    )
    ocr._load_det_model()  # only through this are two of its three networks left out
    model = ocr.text_det
    model.limit_side_len, model.limit_type = side, kind
    return model


@final
class LineFinder:
    """The detector, loaded when first used."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._model: Any = None

    def cut(self, picture: PIL.Image.Image) -> list[PIL.Image.Image]:
        """The lines of an RGB picture from the top down, grey, HEIGHT pixels high, MOST at most (the largest)."""
        if self._model is None:
            self._model = detector(self._threads, SIDE, "max")
        scale = min(1.0, SIDE / max(picture.size))
        small = picture
        if scale < 1:
            size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            small = picture.resize(size, PIL.Image.Resampling.BILINEAR, reducing_gap=2.0)
        found = self._model(np.asarray(small)[:, :, ::-1])
        boxes = [] if found.boxes is None else [np.asarray(b, np.float32) / scale for b in found.boxes]
        if len(boxes) > MOST:
            boxes = sorted(boxes, key=lambda b: -_height(b))[:MOST]
        boxes.sort(key=lambda b: (float(b[:, 1].mean()), float(b[:, 0].mean())))
        return [line(picture, b) for b in boxes]


def line(picture: PIL.Image.Image, box: Floats) -> PIL.Image.Image:
    """What stands in a quadrangle [4, 2] (from the upper left, clockwise), upright and dark on light."""
    width = max(float(np.linalg.norm(box[0] - box[1])), float(np.linalg.norm(box[3] - box[2])))
    wide = int(np.clip(round(width * HEIGHT / max(_height(box), 1.0)), 8, WIDEST))
    corners = [float(x) for point in (box[0], box[3], box[2], box[1]) for x in point]
    cut = picture.transform((wide, HEIGHT), PIL.Image.Transform.QUAD, corners, PIL.Image.Resampling.BICUBIC).convert("L")
    return PIL.Image.fromarray(inked(np.asarray(cut, np.float32)))


def inked(values: Floats) -> npt.NDArray[np.uint8]:
    """A grey line [h, w] with its ground white and its ink black, uint8.

    Which is which the middle tells, where the board is and not what stands around it: Otsu's threshold (1979) parts it in two, and the
    larger part is the ground.
    """
    height, width = values.shape
    middle = values[height // 5 : height - height // 5, width // 20 : width - width // 20]
    counts = np.bincount(middle.astype(np.int64).ravel(), minlength=256).astype(np.float64)
    below, weighed = np.cumsum(counts), np.cumsum(counts * np.arange(256))
    above, mean = below[-1] - below, weighed[-1] / below[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.nan_to_num((mean * below - weighed) ** 2 / (below * above))
    threshold = int(between.argmax())
    dark, light = middle[middle <= threshold], middle[middle > threshold]
    if not len(light) or not len(dark):  # of one grey
        return np.full(values.shape, 255, np.uint8)
    ground, ink = (float(dark.mean()), float(light.mean())) if len(dark) > len(light) else (float(light.mean()), float(dark.mean()))
    return np.asarray(255 * np.clip((values - ink) / (ground - ink), 0, 1), np.uint8)


def page(lines: Sequence[PIL.Image.Image]) -> PIL.Image.Image:
    """The lines one below another on white."""
    sheet = PIL.Image.new("L", (max(x.width for x in lines) + 2 * GAP, len(lines) * (HEIGHT + GAP) + GAP), 255)
    for n, cut in enumerate(lines):
        sheet.paste(cut, (GAP, GAP + n * (HEIGHT + GAP)))
    return sheet


def _height(box: Floats) -> float:
    return max(float(np.linalg.norm(box[0] - box[3])), float(np.linalg.norm(box[1] - box[2])))
