"""A picture and a query's vector go in; how near each place of the picture is to the query, and a box around the nearest, come out.

An encoder that sees cells (`encoder.SeesCells`) is asked for those of the whole picture, or of windows that lie over one another, whose
maps are averaged: mini's 3 × 3 cells of a third of the picture say where a thing is far better than those of the whole (docs/locate.md).
One function serves explanations, thumbnails and `hannun locate`. A map has a hottest place whatever is asked: whether the thing is there
at all is for `relevance` to say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw

from hannun.embeddings import Floats, unit
from hannun.encoder import Encoder, SeesCells, cells
from hannun.errors import InputError
from hannun.item import Image
from hannun.search.hits import PatchMap

Box = tuple[int, int, int, int]  # left, upper, right, lower, in pixels


@dataclass(frozen=True)
class Windows:
    """Where a picture is looked at: (share of each side, how many along a side); `places` along a side of the map, 0 for the cells' own."""

    parts: tuple[tuple[float, int], ...]
    places: int = 0

    def boxes(self, width: int, height: int) -> list[Box]:
        """The windows in pixels, row by row; the first and the last of a side touch the picture's edges."""
        return [
            (*first, *last)
            for share, many in self.parts
            for y in _spans(height, share, many)
            for x in _spans(width, share, many)
            for first, last in (zip(x, y, strict=True),)
        ]


#: One look at the whole: 15 ms of a core. Nine looks: what one item's explanation costs. 34 looks: what `locate` takes; all chosen on dev
#: scenes (docs/log.md).
WHOLE = Windows(((1.0, 1),))
QUICK = Windows(((0.45, 3),), 12)
FINE = Windows(((0.45, 3), (1 / 3, 5)), 36)
SHARE = 0.75  # of the way from the coldest to the hottest place, from which a place is the thing's: best box overlap on dev scenes
ENOUGH = 36  # cells of one look from which windows are not needed: the network sees finely by itself


@dataclass(frozen=True)
class Looked:
    """What an encoder saw of a picture of `size`: unit vectors [windows, cells, dim] of `grid` cells in each of the windows."""

    size: tuple[int, int]
    boxes: tuple[Box, ...]
    vectors: Floats
    grid: tuple[int, int]
    places: int


@dataclass(frozen=True)
class Located:
    """Where a query is: the map, its hottest place and a box around it in the picture's pixels, and the cosine there."""

    heat: PatchMap
    peak: tuple[float, float]
    box: Box
    score: float


def sees_cells(encoder: Encoder) -> SeesCells:
    """The encoder as one that sees cells. Raises InputError for one that sees none."""
    found = cells(encoder)
    if found is None:
        raise InputError(f"{encoder.name} gives no vectors for the places of a picture, expected a model that does, such as mini or one_r")
    return found


def looks(sees: SeesCells, windows: Windows = FINE) -> Windows:
    """The windows to look at with this encoder: the whole alone, where its cells are fine enough."""
    return WHOLE if sees.grid[0] * sees.grid[1] >= ENOUGH else windows


def look(sees: SeesCells, picture: Image, windows: Windows) -> Looked:
    """What the encoder sees of a picture through windows. Raises PictureError for one that cannot be read."""
    if windows == WHOLE:
        size = picture.size()
        return Looked(size, ((0, 0, *size),), sees.patches([picture]), sees.grid, windows.places)
    loaded = picture.load()
    boxes = tuple(windows.boxes(*loaded.size))
    return Looked(loaded.size, boxes, sees.patches([Image(loaded.crop(b)) for b in boxes]), sees.grid, windows.places)


def nearness(looked: Looked, query: Floats) -> PatchMap:
    """The cosine of a query [dim, or fewer] with each place: of one look with its cells, of several the mean of their maps."""
    near = unit(looked.vectors[..., : len(query)]) @ query
    rows, columns = looked.grid
    if not looked.places:
        return PatchMap(rows, columns, tuple(float(v) for v in near[0]))
    total = np.zeros((looked.places, looked.places), np.float64)
    counts = np.zeros_like(total)
    for (left, upper, right, lower), values in zip(looked.boxes, near, strict=True):
        across = _span(left, right, looked.size[0], looked.places)
        down = _span(upper, lower, looked.size[1], looked.places)
        flat = PIL.Image.fromarray(values.reshape(rows, columns).astype(np.float32))
        size = (across.stop - across.start, down.stop - down.start)
        total[down, across] += np.asarray(flat.resize(size, PIL.Image.Resampling.BILINEAR))
        counts[down, across] += 1
    heat = total / np.maximum(counts, 1)
    return PatchMap(looked.places, looked.places, tuple(float(v) for v in heat.ravel()))


def located(looked: Looked, query: Floats) -> Located:
    """Where the query is."""
    heat = nearness(looked, query)
    table = np.array(heat.values).reshape(heat.rows, heat.columns)
    row, column = divmod(int(table.argmax()), heat.columns)
    x, y = looked.size[0] / heat.columns, looked.size[1] / heat.rows
    low, high = float(table.min()), float(table.max())
    hot = table >= low + SHARE * (high - low)
    left, upper, right, lower = _around(hot, row, column)
    box = (math.floor(left * x), math.floor(upper * y), math.ceil(right * x), math.ceil(lower * y))
    return Located(heat, ((column + 0.5) * x, (row + 0.5) * y), box, high)


def overlay(picture: PIL.Image.Image, found: Located) -> PIL.Image.Image:
    """The picture with the map over it, dark where it is cold, and the box in red."""
    heat = np.array(found.heat.values, np.float32).reshape(found.heat.rows, found.heat.columns)
    warm = (heat - heat.min()) / max(float(heat.max() - heat.min()), 1e-6)
    smooth = PIL.Image.fromarray(warm).resize(picture.size, PIL.Image.Resampling.BICUBIC)
    share = np.clip(np.asarray(smooth), 0, 1)[..., None] ** 2
    glow = np.array((255.0, 96.0, 32.0), np.float32)
    pixels = np.asarray(picture.convert("RGB"), np.float32)
    mixed = pixels * (0.35 + 0.65 * share) + 0.25 * share * (glow - pixels)
    out = PIL.Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))
    line = max(2, round(max(picture.size) / 200))
    PIL.ImageDraw.Draw(out).rectangle((found.box[0], found.box[1], found.box[2] - 1, found.box[3] - 1), outline=(255, 40, 40), width=line)
    return out


def _spans(side: int, share: float, many: int) -> Iterator[tuple[int, int]]:
    """Where each of `many` windows of a side begins and ends, in pixels: one at least, however thin the picture."""
    for n in range(many):
        start = n * (1 - share) * side / max(1, many - 1)
        first = min(side - 1, round(start))
        yield first, min(side, max(first + 1, round(start + share * side)))


def _span(start: int, stop: int, side: int, places: int) -> slice:
    """The places of a map that a window covers, one at least."""
    first = min(places - 1, round(start * places / side))
    return slice(first, min(places, max(first + 1, round(stop * places / side))))


def _around(hot: npt.NDArray[np.bool_], row: int, column: int) -> tuple[int, int, int, int]:
    """The box (left, upper, right, lower) of what is hot and joined to a place by its sides or corners."""
    waiting, seen = [(row, column)], {(row, column)}
    while waiting:
        r, c = waiting.pop()
        for near in ((r + a, c + b) for a in (-1, 0, 1) for b in (-1, 0, 1)):
            inside = 0 <= near[0] < hot.shape[0] and 0 <= near[1] < hot.shape[1]
            if inside and near not in seen and hot[near]:
                seen.add(near)
                waiting.append(near)
    rows, columns = [r for r, _ in seen], [c for _, c in seen]
    return min(columns), min(rows), max(columns) + 1, max(rows) + 1


def queries(encoder: Encoder, texts: Sequence[str]) -> Floats:
    """Unit vectors [n, dim] of what is looked for. Raises InputError for an empty one."""
    return encoder.encode_query([{"text": t} for t in texts]).dense
