"""Decoded pictures go in; what mini's picture network (`image.onnx`, frozen, in onnxruntime) sees of them comes out.

A picture may be cut into tiles that are looked at one by one besides the whole, as LLaVA-NeXT does with large pages: print is
too small for 260 pixels.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import PIL.Image

from hannun import runtime
from hannun.embeddings import Floats
from hannun.errors import MissingError

BATCH = 8


@final
class MiniImage:
    """`image.onnx`: pixels uint8 [n, side, side, 3] → `dense` [n, width] and `patches` [n, cells, width], unit rows of mini's space."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise MissingError(f"{path}: no such weights, expected mini's picture network")
        self.path = path
        self._session: Any = None

    def _open(self) -> Any:
        if self._session is None:
            ort = runtime.onnxruntime()
            options = ort.SessionOptions()
            options.log_severity_level = 3
            affinity = getattr(os, "sched_getaffinity", None)
            threads = os.environ.get("OMP_NUM_THREADS")
            options.intra_op_num_threads = int(threads) if threads else len(affinity(0)) if affinity else os.cpu_count() or 1
            self._session = ort.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        return self._session

    @property
    def side(self) -> int:
        """Pixels of the square that the network reads."""
        return int(self._open().get_inputs()[0].shape[1])

    def see(self, pictures: Sequence[PIL.Image.Image], tiles: tuple[int, int] = (1, 1)) -> list[Floats]:
        """For each picture [1 + cells × (1 + tiles), width]: its vector, the whole's cells, then each tile's cells, row by row."""
        columns, rows = tiles
        views = [v for p in pictures for v in (p, *(_tiles(p, columns, rows) if columns * rows > 1 else ()))]
        dense, patches = [], []
        for at in range(0, len(views), BATCH):
            pixels = np.stack([self._pixels(v) for v in views[at : at + BATCH]])
            d, p = self._open().run(["dense", "patches"], {"pixels": pixels})
            dense.append(d)
            patches.append(p)
        if not views:
            return []
        seen, cells = np.concatenate(dense), np.concatenate(patches)
        each = len(views) // len(pictures)
        return [np.concatenate([seen[i : i + 1], cells[i : i + each].reshape(-1, cells.shape[-1])]) for i in range(0, len(views), each)]

    def _pixels(self, picture: PIL.Image.Image) -> Any:
        side = self.side
        if picture.size != (side, side):
            picture = picture.resize((side, side), PIL.Image.Resampling.BICUBIC, reducing_gap=3.0)
        return np.asarray(picture, dtype=np.uint8)


def _tiles(picture: PIL.Image.Image, columns: int, rows: int) -> list[PIL.Image.Image]:
    width, height = picture.size
    edges = [(c * width // columns, r * height // rows) for r in range(rows + 1) for c in range(columns + 1)]
    at = {(c, r): edges[r * (columns + 1) + c] for r in range(rows + 1) for c in range(columns + 1)}
    boxes = [(*at[c, r], *at[c + 1, r + 1]) for r in range(rows) for c in range(columns)]
    return [picture.crop((a, b, max(a + 1, x), max(b + 1, y))) for a, b, x, y in boxes]
