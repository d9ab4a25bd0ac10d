"""Pictures go in, EfficientNet-Lite2's scores of the 1000 ImageNet classes [n, 1000] come out, without torch.

The whole picture is scaled to a square, not cropped: what a search should find may stand at the edge.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
import PIL.Image

from hannun.embeddings import Floats
from hannun.item import Image
from hannun.mini.session import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SIDE = 260  # pixels, what Lite2 was trained at
CLASSES = 1000
_BATCH = 8  # pictures of one pass: more are no faster on a CPU


@final
class ImageTower:
    """The picture network, loaded when first used; may be shared between threads."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        self._folder, self._threads, self._lock = folder, threads, threading.Lock()
        self._session: InferenceSession | None = None

    def _load(self) -> InferenceSession:
        with self._lock:
            if self._session is None:
                self._session = open_session(self._folder / "image.onnx", self._threads)
            return self._session

    def logits(self, pictures: Iterable[Image]) -> Floats:
        """Class scores before the softmax, float32 [n, 1000]. Raises PictureError for one that cannot be read."""
        found: list[Floats] = []
        source = iter(pictures)
        while few := list(islice(source, _BATCH)):
            pixels = np.stack([_pixels(p) for p in few])
            found.append(self._load().run(["logits"], {"pixels": pixels})[0])
        return np.concatenate(found) if found else np.zeros((0, CLASSES), np.float32)


def _pixels(picture: Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """RGB values, uint8 [SIDE, SIDE, 3]."""
    loaded = picture.load(SIDE)
    if loaded.size != (SIDE, SIDE):
        loaded = loaded.resize((SIDE, SIDE), PIL.Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(loaded, dtype=np.uint8)
