"""Pictures go in, their vectors in the joint space (pooled [n, 384], patches [n, 9, 384]) come out, without torch.

The whole picture is scaled to a square, not cropped: what a search should find may stand at the edge.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt
import PIL.Image

from hannun.embeddings import Floats
from hannun.item import Image
from hannun.mini.session import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SIDE = 260  # pixels, what Lite2 was trained at
CLASSES = 1000
WIDTH = 384
GRID = 3  # cells of a side
_BATCH = 8  # pictures of one pass: more are no faster on a CPU


#: What the network has seen before it speaks, by the name of the value inside image.onnx: channels of its last layer over the whole and
#: fifteen places [n, 16, 1280], and textures and colours of the cells [n, 9, 200].
DEEP, LOOKS = "/head/Clip_1_output_0", "/body/Concat_6_output_0"
CELL = 200  # values of a cell's textures and colours
STATES = WIDTH + 1280 + 2 * CELL  # values of `ImageTower.states`
Pixels = npt.NDArray[np.uint8]


@final
class ImageTower:
    """The picture network, loaded when first used; may be shared between threads."""

    def __init__(
        self, folder: Path, threads: int | None = None, states: bool = False, inner: tuple[str, ...] = (), heads: Path | None = None
    ) -> None:
        """`states` makes ready for `states` and `seen`, which need what lies inside the graph; `inner` names what `inside` gives.

        `heads` is a folder with other values for the heads of the network in `folder` (see `hannun.mini.heads`).
        """
        self._folder, self._threads, self._heads, self._lock = folder, threads, heads, threading.Lock()
        self._inner = (DEEP, LOOKS) if states else inner
        self._session: InferenceSession | None = None

    def _load(self) -> InferenceSession:
        with self._lock:
            if self._session is None:
                self._session = open_session(self._folder / "image.onnx", self._threads, self._inner, self._heads)
            return self._session

    def dense(self, pictures: Iterable[Image]) -> Floats:
        """Unit rows, float32 [n, 384]. Raises PictureError for a picture that cannot be read."""
        return self._run(pictures, "dense", (WIDTH,))

    def patches(self, pictures: Iterable[Image]) -> Floats:
        """Unit vectors of the 3 × 3 cells, row by row, in the same space: float32 [n, 9, 384]."""
        return self._run(pictures, "patches", (GRID * GRID, WIDTH))

    def logits(self, pictures: Iterable[Image]) -> Floats:
        """The backbone's class scores before the softmax, float32 [n, 1000]: what ConSE, the baseline, is made of."""
        return self._run(pictures, "logits", (CLASSES,))

    def states(self, pictures: Iterable[Image]) -> Floats:
        """Float32 [n, STATES]: the vector, the last layer over the whole, and mean and deviation of the cells' textures and colours."""
        given = list(self._runs(pictures, ("dense", DEEP, LOOKS)))
        rows = [np.concatenate([v, deep[:, 0], looks.mean(axis=1), looks.std(axis=1)], axis=1) for v, deep, looks in given]
        return np.concatenate(rows).astype(np.float32) if rows else np.zeros((0, STATES), np.float32)

    def seen(self, pictures: Iterable[Image]) -> tuple[Floats, Floats, Floats]:
        """Vectors [n, 384] as they are before hubs are moved (see `hannun.recipes.mini.hubs`), `logits`, and textures and colours of the
        3 × 3 cells [n, 9 · CELL], of one pass."""
        found = list(self._runs(pictures, ("plain", "logits", LOOKS)))
        if not found:
            return np.zeros((0, WIDTH), np.float32), np.zeros((0, CLASSES), np.float32), np.zeros((0, GRID * GRID * CELL), np.float32)
        dense, logits, cells = (np.concatenate(some) for some in zip(*found, strict=True))
        return dense, logits, cells.reshape(len(cells), -1)

    def inside(self, pictures: Iterable[Image], joined: Callable[[Sequence[Floats]], Floats]) -> Floats:
        """The values named as `inner`, as `joined` makes one array [n, …] of those of a batch."""
        return np.concatenate([joined(values) for values in self._runs(pictures, self._inner)])

    def _run(self, pictures: Iterable[Image], output: str, shape: tuple[int, ...]) -> Floats:
        found = [one for (one,) in self._runs(pictures, (output,))]
        return np.concatenate(found) if found else np.zeros((0, *shape), np.float32)

    def _runs(self, pictures: Iterable[Image], outputs: tuple[str, ...]) -> Iterator[list[Floats]]:
        source = iter(pictures)
        # The next batch is decoded and scaled while the network works on this one.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="hannun-pixels") as ahead:
            waiting = ahead.submit(_batch, source)
            while len(pixels := waiting.result()):
                waiting = ahead.submit(_batch, source)
                yield self._load().run(list(outputs), {"pixels": pixels})


def _batch(source: Iterator[Image]) -> Pixels:
    """The next pictures, uint8 [n ≤ _BATCH, SIDE, SIDE, 3]; n is 0 at the end."""
    few = [_pixels(p) for p in islice(source, _BATCH)]
    return np.stack(few) if few else np.zeros((0, SIDE, SIDE, 3), np.uint8)


def _pixels(picture: Image) -> Pixels:
    """RGB values, uint8 [SIDE, SIDE, 3]."""
    loaded = picture.load(SIDE)
    if loaded.size != (SIDE, SIDE):
        loaded = loaded.resize((SIDE, SIDE), PIL.Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(loaded, dtype=np.uint8)
