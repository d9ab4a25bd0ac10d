"""Outlines in a unit square (0…100, as SVG-like path strings) go in; a shaded, supersampled RGBA picture of one thing comes out.

A `Sheet` is the transparent surface one thing is drawn on, piece by piece from back to front. Every piece gets the same
treatment (texture, roundness, light from the upper left, soft folds, a darker edge), so that the shapes can stay data.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFilter
from numpy.typing import NDArray

RGB = tuple[int, int, int]
Points = list[tuple[float, float]]
Shape = str | Points

UNIT = 7  # pixels per unit: the 100 units of a thing are later shown on some 250 pixels, so edges are supersampled 2.5 times
MARGIN = 12  # units around the square, for hooks, stands and tilted parts
SIDE = (100 + 2 * MARGIN) * UNIT
_COARSE = 4  # shading is soft, so it is worked out on a grid four times coarser

_TOKEN = re.compile(r"[MLQCZ]|-?\d*\.?\d+")


def path(d: str) -> Points:
    """The points of a path of absolute M, L, Q, C and Z commands, curves flattened."""
    points: Points = []
    numbers: list[float] = []
    command = ""
    size = {"M": 2, "L": 2, "Q": 4, "C": 6}
    for token in _TOKEN.findall(d):
        if token.isalpha():
            command = token
            continue
        numbers.append(float(token))
        if len(numbers) < size[command]:
            continue
        controls = list(zip(numbers[::2], numbers[1::2], strict=True))
        if len(controls) == 1:
            points.append(controls[0])
        else:
            points += [_bezier([points[-1], *controls], k / 14) for k in range(1, 15)]
        numbers = []
    return points


def _bezier(controls: Sequence[tuple[float, float]], t: float) -> tuple[float, float]:
    while len(controls) > 1:
        controls = [(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for a, b in itertools.pairwise(controls)]
    return controls[0]


def paths(d: str) -> list[Points]:
    """Several strokes written in one string, one per M."""
    return [path("M" + part) for part in d.split("M")[1:]]


def flip(points: Points) -> Points:
    """The mirror image, left for right."""
    return [(100 - x, y) for x, y in points]


def half(d: str) -> Points:
    """A symmetric outline from its right half, which runs from the middle line at the top to the middle line at the bottom."""
    right = path(d)
    return right + flip(right)[::-1]


def oval(x: float, y: float, rx: float, ry: float | None = None, start: float = 0, end: float = 360) -> Points:
    """Points on an ellipse, clockwise from `start` to `end` degrees."""
    ry, steps = rx if ry is None else ry, 48
    angles = [math.radians(start + (end - start) * k / steps) for k in range(steps + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def box(x: float, y: float, width: float, height: float, r: float = 0.0) -> Points:
    """A rectangle from its upper left corner, the corners rounded by `r`."""
    if not r:
        return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    centres = ((x + width - r, y + r, 270), (x + width - r, y + height - r, 0), (x + r, y + height - r, 90), (x + r, y + r, 180))
    return [p for cx, cy, a in centres for p in oval(cx, cy, r, r, a, a + 90)[::8]]


def blend(a: RGB, b: RGB, t: float) -> RGB:
    """The colour `t` of the way from `a` to `b`."""
    return (round(a[0] + (b[0] - a[0]) * t), round(a[1] + (b[1] - a[1]) * t), round(a[2] + (b[2] - a[2]) * t))


def luminance(colour: RGB) -> float:
    """How bright a colour looks, 0…255."""
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def darker(colour: RGB, t: float = 0.3) -> RGB:
    """The colour taken towards black."""
    return blend(colour, (12, 10, 16), t)


def lighter(colour: RGB, t: float = 0.4) -> RGB:
    """The colour taken towards white."""
    return blend(colour, (255, 255, 255), t)


def trim(colour: RGB, t: float = 0.28) -> RGB:
    """The shade for collars, bands and seams: darker, or lighter where the cloth is already dark."""
    return lighter(colour, t * 0.75) if luminance(colour) < 60 else darker(colour, t)


def _pixels(points: Points) -> list[tuple[float, float]]:
    return [((x + MARGIN) * UNIT, (y + MARGIN) * UNIT) for x, y in points]


class Sheet:
    """One thing on a transparent ground: its main colour, the cloth it is made of, and what has been drawn so far."""

    def __init__(self, colour: RGB, cloth: PIL.Image.Image | None = None, support: str = "") -> None:
        self.colour = colour
        self.cloth = cloth  # None: plain, the colour itself
        self.support = support  # the pose, where it asks for a hanger or a mannequin
        self.image = PIL.Image.new("RGBA", (SIDE, SIDE))
        self._draw = PIL.ImageDraw.Draw(self.image)

    def piece(
        self, shape: Shape, paint: RGB | None = None, folds: str = "", turn: float = 0, pair: bool = False, bulge: float = 1.0
    ) -> None:
        """Fills an outline with the cloth (or one paint), shades it and draws its edge.

        `folds` are soft creases; `turn` turns the pattern, as a sleeve does; `pair` draws the mirror image too; `bulge` is
        how round the piece looks, 0 for flat.
        """
        outline = path(shape) if isinstance(shape, str) else shape
        creases = paths(folds)
        self._fill(outline, paint, creases, turn, bulge)
        if pair:
            self._fill(flip(outline), paint, [flip(c) for c in creases], -turn, bulge)

    def _fill(self, outline: Points, paint: RGB | None, creases: list[Points], turn: float, bulge: float) -> None:
        points = _pixels(outline)
        pad, xs, ys = 4 * _COARSE, [x for x, _ in points], [y for _, y in points]
        left, top = (max(0, int(min(v)) - pad) // _COARSE * _COARSE for v in (xs, ys))
        right, bottom = (min(SIDE, -(-(int(max(v)) + pad) // _COARSE) * _COARSE) for v in (xs, ys))
        size = (right - left, bottom - top)
        mask = PIL.Image.new("L", size)
        PIL.ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in points], fill=255)
        strokes = [[((x - left) / _COARSE, (y - top) / _COARSE) for x, y in _pixels(c)] for c in creases]
        shade = _shade(mask, strokes, bulge)[..., None]
        if paint is None and self.cloth is not None:
            body = np.asarray(self._texture((left, top, right, bottom), turn), dtype=np.float32)
        else:
            body = np.array(paint or self.colour, dtype=np.float32)
        if luminance(paint or self.colour) > 225:  # white cloth scatters light into its own shadows
            shade = 1 + 0.62 * (shade - 1)
        lit = body * shade + 70 * np.clip(shade - 1, 0, None)  # highlights are added, or black cloth would have none
        self.image.paste(PIL.Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8)), (left, top), mask)
        self._draw.line([*points, points[0]], fill=(*darker(paint or self.colour, 0.42), 255), width=3, joint="curve")

    def _texture(self, region: tuple[int, int, int, int], turn: float) -> PIL.Image.Image:
        assert self.cloth is not None
        if not turn:
            return self.cloth.crop(region)
        # The crop is taken from the middle of the turned cloth, so that the empty corners stay outside.
        width, height = region[2] - region[0], region[3] - region[1]
        left, top = (SIDE - width) // 2, (SIDE - height) // 2
        return self.cloth.rotate(-turn, PIL.Image.Resampling.BILINEAR).crop((left, top, left + width, top + height))

    def line(self, shape: Shape, colour: RGB | None = None, width: float = 0.5, dash: float = 0.0, pair: bool = False) -> None:
        """Strokes with round ends; the default colour is a seam's. `dash` is the length of a stitch in units."""
        fill = (*(colour or trim(self.colour, 0.34)), 255)
        thickness = max(2, round(width * UNIT))
        strokes = paths(shape) if isinstance(shape, str) else [shape]
        for stroke in strokes + ([flip(s) for s in strokes] if pair else []):
            for run in _dashes(stroke, dash) if dash else [stroke]:
                points = _pixels(run)
                self._draw.line(points, fill=fill, width=thickness, joint="curve")
                if thickness > 3:
                    for x, y in (points[0], points[-1]):
                        r = thickness / 2 - 0.5
                        self._draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)

    def rod(self, shape: Shape, colour: RGB, width: float, pair: bool = False) -> None:
        """A round bar (handle, strap, frame): a stroke with a darker edge and a thin light along it."""
        self.line(shape, darker(colour, 0.42), width + 0.8, pair=pair)
        self.line(shape, colour, width, pair=pair)
        self.line(shape, lighter(colour, 0.25), width * 0.25, pair=pair)

    def spot(self, x: float, y: float, r: float, colour: RGB, pair: bool = False) -> None:
        """A small disc with a darker rim and a light: a button, an eyelet, an eye."""
        for cx in (x, 100 - x) if pair else (x,):
            for dx, radius, fill in ((0.0, r, darker(colour, 0.4)), (0.0, r * 0.82, colour), (-0.3 * r, r * 0.26, lighter(colour, 0.7))):
                a, b = _pixels([(cx + dx - radius, y + dx - radius), (cx + dx + radius, y + dx + radius)])
                self._draw.ellipse((*a, *b), fill=(*fill, 255))

    def cut(self, shape: Shape) -> None:
        """Makes a hole through everything drawn so far."""
        points = _pixels(path(shape) if isinstance(shape, str) else shape)
        self._draw.polygon(points, fill=(0, 0, 0, 0))

    def glow(self, shape: Shape, opacity: float = 0.45, colour: RGB = (255, 255, 255)) -> None:
        """A translucent shape on what has been drawn: a reflection, a lens, a shadow."""
        layer = PIL.Image.new("RGBA", (SIDE, SIDE), (*colour, 0))
        PIL.ImageDraw.Draw(layer).polygon(_pixels(path(shape) if isinstance(shape, str) else shape), fill=(*colour, round(255 * opacity)))
        self.image.alpha_composite(layer)

    def echo(self, dx: float, dy: float) -> None:
        """Puts a slightly darker copy behind, moved by (dx, dy) units: the other one of a pair."""
        front, back = self.image.copy(), PIL.Image.new("RGBA", (SIDE, SIDE))
        r, g, b, a = front.split()
        dim = PIL.Image.merge("RGBA", [*(c.point([round(v * 0.93) for v in range(256)]) for c in (r, g, b)), a])
        back.paste(dim, (round(dx * UNIT), round(dy * UNIT)))
        back.alpha_composite(front)
        self.image.paste(back)


def _dashes(points: Points, length: float) -> list[Points]:
    runs: list[Points] = []
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        count = max(1, round(math.hypot(x1 - x0, y1 - y0) / (2 * length)))
        for k in range(count):
            a, b = k / count, (k + 0.55) / count
            runs.append([(x0 + (x1 - x0) * a, y0 + (y1 - y0) * a), (x0 + (x1 - x0) * b, y0 + (y1 - y0) * b)])
    return runs


def _shade(mask: PIL.Image.Image, creases: Sequence[Points], bulge: float) -> NDArray[np.float32]:
    """Brightness factors for a piece, about 1: round at the edge, lit from the upper left, darker along its creases."""
    small = mask.reduce(_COARSE)
    soft = np.asarray(small.filter(PIL.ImageFilter.GaussianBlur(6)), dtype=np.float32) / 255
    down, across = np.gradient(soft)
    shade = 1.02 - 0.3 * bulge * (1 - soft) + 1.7 * bulge * (down + across)
    shade *= np.linspace(1.02, 0.97, shade.shape[0], dtype=np.float32)[:, None]
    if creases:
        layer = PIL.Image.new("L", small.size)
        draw = PIL.ImageDraw.Draw(layer)
        for crease in creases:
            draw.line(crease, fill=255, width=3, joint="curve")
        dark = np.asarray(layer.filter(PIL.ImageFilter.GaussianBlur(1.9)), dtype=np.float32) / 255
        shade += 0.2 * np.roll(dark, (-3, -4), (0, 1)) - 0.42 * dark
    return np.asarray(PIL.Image.fromarray(shade.astype(np.float32)).resize(mask.size, PIL.Image.Resampling.BILINEAR))
