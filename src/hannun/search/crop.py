"""A picture and an aspect go in; the window of it that shows most of what stands out comes out: for thumbnails of one shape.

What stands out is what differs in colour from the picture's border and has edges, more so near the middle (a centre prior; Judd et al. 2009
found it to explain most of where people look). A grid of how well each cell fits a query may be laid over it.
"""

from __future__ import annotations

import math
import re

import numpy as np
import PIL.Image

from hannun.colour import lab
from hannun.embeddings import Floats
from hannun.errors import InputError

SIDE = 64  # pixels that a picture is looked at in
CENTRE = 0.15  # how much the middle counts beside what stands out: where nothing does, the crop is about the middle
_ASPECT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*[:x×/]\s*(\d+(?:\.\d+)?)\s*")

Box = tuple[int, int, int, int]  # left, upper, right, lower, in pixels


def aspect(text: str) -> float:
    """Width over height of "1:1", "16:9", "320x180". Raises InputError."""
    found = _ASPECT.fullmatch(text)
    if found is None or not (w := float(found[1])) or not (h := float(found[2])) or not 0.1 <= w / h <= 10:
        raise InputError(f"the aspect {text!r} came, expected WIDTH:HEIGHT such as 1:1, 4:3 or 320x180, at most ten to one")
    return w / h


def standing_out(picture: PIL.Image.Image) -> Floats:
    """How much each of SIDE × SIDE places stands out, 0 … 1."""
    small = lab(np.asarray(picture.convert("RGB").resize((SIDE, SIDE), PIL.Image.Resampling.BOX)))
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    # The nearest of a border's usual colours: sky above and ground below are both no object.
    sides = (small[:3], small[-3:], small[:, :3], small[:, -3:])
    usual = np.stack([np.median(part.reshape(-1, 3), axis=0) for part in sides])
    apart = np.linalg.norm(small[:, :, None] - usual, axis=-1).min(axis=-1) / max(float(np.std(border)), 10.0)
    light = small[..., 0]
    edges = np.hypot(np.gradient(light, axis=0), np.gradient(light, axis=1)) / 25
    return np.asarray(_smooth(np.minimum(apart, 3) / 3 + 0.5 * np.minimum(edges, 1)) / 1.5, np.float32)


def window(size: tuple[int, int], aspect: float, weight: Floats) -> Box:
    """The largest window of this aspect in a picture of `size` (width, height), where it holds most of the weights [rows, columns].

    Windows that hold the same are tried from the middle outwards.
    """
    width, height = size
    across = width / height > aspect  # whether the window moves from left to right
    long = width if across else height
    short = max(1, min(long, round(height * aspect if across else width / aspect)))
    line = np.asarray(weight, np.float64).sum(axis=0 if across else 1)
    total = np.concatenate([[0.0], np.cumsum(line)]) * 1.0
    places = np.linspace(0, long - short, num=min(long - short, 200) + 1)
    held = np.interp((places + short) / long * len(line), np.arange(len(total)), total) - np.interp(
        places / long * len(line), np.arange(len(total)), total
    )
    middle = np.abs(places - (long - short) / 2)
    best = min(range(len(places)), key=lambda i: (-round(held[i] / max(total[-1], 1e-9), 4), middle[i]))
    at = round(float(places[best]))
    return (at, 0, at + short, height) if across else (0, at, width, at + short)


def crop(picture: PIL.Image.Image, aspect: float, cells: Floats | None = None) -> Box:
    """The window of a picture that a thumbnail of this aspect shows.

    Args:
        picture: RGB.
        aspect: width over height.
        cells: [n] or [rows, columns], how well each cell fits what was asked (a grid as `SeesCells` has it).
    """
    weight: Floats = standing_out(picture)
    away = (np.arange(SIDE) - (SIDE - 1) / 2) / SIDE
    near = np.exp(-(away[:, None] ** 2 + away[None, :] ** 2) / (2 * 0.25**2))
    weight = np.asarray(weight + CENTRE * near, np.float32)
    if cells is not None and cells.size:
        rows = cells.shape[0] if cells.ndim == 2 else math.isqrt(cells.size)
        grid = np.asarray(cells, np.float32).reshape(rows, -1)
        high = grid - grid.min()
        if high.max() > 0:
            told = PIL.Image.fromarray((high / high.max()).astype(np.float32)).resize((SIDE, SIDE), PIL.Image.Resampling.BILINEAR)
            weight = np.asarray(weight * (0.5 + np.asarray(told)), np.float32)
    return window(picture.size, aspect, weight)


def _smooth(x: Floats, passes: int = 2) -> Floats:
    """A 3 × 3 mean, twice."""
    for _ in range(passes):
        padded = np.pad(x, 1, mode="edge")
        x = np.asarray(sum(padded[i : i + x.shape[0], j : j + x.shape[1]] for i in range(3) for j in range(3)) / 9, np.float32)
    return x
