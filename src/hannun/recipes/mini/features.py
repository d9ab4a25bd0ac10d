"""Pictures go in; their backbone features in several views, cached on disk and resumable, come out as memory maps.

View 0 is the whole picture squashed to 260 px, as at run time; every other view is a mild random crop in slightly other light,
flipped half the time, drawn from the picture's key so that a rebuilt cache is the same cache.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from hannun import runtime
from hannun.datasets.pictures import Picture
from hannun.errors import PictureError
from hannun.files import whole
from hannun.recipes.mini import backbone

Halves = npt.NDArray[np.float16]
TOP = 20  # classes kept of the backbone's 1,000 probabilities
CHUNK = 256
LIGHT = 0.15  # how far brightness goes up or down; a third of it for each colour: more would change the colours' names


@dataclass(frozen=True)
class CachedFeatures:
    """Row i belongs to `keys[i]`: its map (row i of `maps` end to end), cells [n, 9, CELL], the TOP class shares and classes [n, 20]."""

    keys: tuple[str, ...]
    maps: tuple[Halves, ...]  # files of at most CHUNK pictures, each [m, 81, MAP], mapped into memory
    cells: Halves
    share: Halves
    classes: npt.NDArray[np.int16]


def view(picture: PIL.Image.Image, key: str, number: int) -> npt.NDArray[np.uint8]:
    """The picture as the backbone sees it in view `number`: uint8 [260, 260, 3]."""
    if not number:
        return _squashed(picture)
    rng = random.Random(f"{key} {number}")
    scale = rng.uniform(0.65, 1.0)
    width, height = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    left, top = rng.randint(0, picture.width - width), rng.randint(0, picture.height - height)
    picture = picture.crop((left, top, left + width, top + height))
    if rng.random() < 0.5:
        picture = picture.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT)
    light = rng.uniform(1 - LIGHT, 1 + LIGHT)
    gains = [light * rng.uniform(1 - LIGHT / 3, 1 + LIGHT / 3) for _ in range(3)]  # brightness, and the balance of the colours
    lit: npt.NDArray[np.uint8] = np.clip(_squashed(picture) * np.array(gains, np.float32) + 0.5, 0, 255).astype(np.uint8)
    return lit


def _squashed(picture: PIL.Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(picture.resize((backbone.SIDE, backbone.SIDE), PIL.Image.Resampling.BICUBIC), dtype=np.uint8)


def cache(folder: Path, name: str, number: int, pictures: Sequence[Picture], tell: Callable[[str], None] = print) -> None:
    """Write view `number` of the pictures under `folder`; chunks that are there already are kept, so a killed run goes on."""
    ort = runtime.onnxruntime()
    graph = folder / "backbone.onnx"
    if not graph.exists():
        folder.mkdir(parents=True, exist_ok=True)
        backbone.export(graph)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session: Any = None
    begun, done = time.monotonic(), 0
    for start in range(0, len(pictures), CHUNK):
        part = folder / f"{name}.{number}.{start // CHUNK:04d}.npz"
        if part.exists():
            continue
        session = session or ort.InferenceSession(str(graph), options)
        rows = pictures[start : start + CHUNK]
        keys, maps, cells, share, classes = [], [], [], [], []
        for p in rows:
            try:
                pixels = view(p.image.load(backbone.SIDE), p.key, number)
            except PictureError as e:
                tell(f"left out: {e}")
                continue
            m, c, logits = session.run(None, {"pictures": pixels[None]})
            probability = np.exp(logits[0] - logits[0].max())
            probability /= probability.sum()
            best = np.argsort(-probability)[:TOP]
            keys.append(p.key)
            maps.append(m[0].astype(np.float16))
            cells.append(c[0].astype(np.float16))
            share.append(probability[best].astype(np.float16))
            classes.append(best.astype(np.int16))
        np.save(part.with_suffix(".npy"), np.stack(maps))
        with whole(part) as f:
            np.savez(f, keys=json.dumps(keys), cells=np.stack(cells), share=np.stack(share), classes=np.stack(classes))
        done += len(rows)
        rate = done / (time.monotonic() - begun)
        left = (len(pictures) - start - len(rows)) / rate
        tell(f"features {name} view {number}: {start + len(rows)}/{len(pictures)}, {rate:.0f}/s, {left:.0f} s left")


def load(folder: Path, name: str, number: int) -> CachedFeatures:
    """All cached chunks of one source's view, in order."""
    keys: list[str] = []
    maps: list[Halves] = []
    parts: list[tuple[Halves, Halves, npt.NDArray[np.int16]]] = []
    for path in sorted(folder.glob(f"{name}.{number}.*.npz")):
        with np.load(path) as f:
            keys += json.loads(str(f["keys"]))
            parts.append((f["cells"], f["share"], f["classes"]))
        maps.append(np.load(path.with_suffix(".npy"), mmap_mode="r"))
    return CachedFeatures(tuple(keys), tuple(maps), *(np.concatenate([p[i] for p in parts]) for i in range(3)))
