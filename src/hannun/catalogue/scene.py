"""A drawn thing, the name of a pose and the name of a background go in; the finished picture comes out, with its shadow."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import PIL.Image
import PIL.ImageChops
import PIL.ImageDraw
import PIL.ImageFilter

from hannun.catalogue.surfaces import BACKGROUNDS, FRAME

_LANCZOS, _BICUBIC = PIL.Image.Resampling.LANCZOS, PIL.Image.Resampling.BICUBIC
_SHADE = (26, 20, 34)


@dataclass(frozen=True)
class Pose:
    """How large, how turned and how far from the middle a thing is shown; each is drawn from its range."""

    scale: tuple[float, float]  # of the sheet's side to the frame's; the thing itself fills four fifths of its sheet
    turn: tuple[float, float]  # degrees, clockwise
    shift: tuple[float, float]  # of the frame's side, either way


POSES: dict[str, Pose] = {
    "정면": Pose((1.0, 1.14), (-3, 3), (0, 0.02)),
    "왼쪽 기울임": Pose((0.94, 1.06), (-18, -8), (0, 0.03)),
    "오른쪽 기울임": Pose((0.94, 1.06), (8, 18), (0, 0.03)),
    "멀리": Pose((0.62, 0.74), (-5, 5), (0, 0.1)),
    "옷걸이": Pose((0.94, 1.02), (-4, 4), (0, 0.02)),
    "마네킹": Pose((0.94, 1.0), (0, 0), (0, 0.02)),
    "가까이": Pose((1.36, 1.56), (-6, 6), (0, 0.04)),
    "크게 기울임": Pose((0.92, 1.0), (28, 52), (0, 0.03)),
    "구석": Pose((0.64, 0.74), (-8, 8), (0.13, 0.18)),
}
UPRIGHT = ("정면", "멀리", "가까이", "구석")  # the poses that leave a car on its wheels
SUPPORTED = ("옷걸이", "마네킹")  # the poses that need a hanger or a mannequin


def compose(thing: PIL.Image.Image, pose: str, background: str, stands: bool, rng: random.Random) -> PIL.Image.Image:
    """The thing in its pose on its ground, 320 × 320: supersampled until it is laid down."""
    p, big = POSES[pose], 2 * FRAME
    scale = big * rng.uniform(*p.scale) / thing.width
    turn = math.radians(rng.uniform(*p.turn) * (rng.choice((-1, 1)) if pose == "크게 기울임" else 1) * (0 if stands else 1))
    mirror = rng.choice((-1, 1))
    dx, dy = (rng.choice((-1, 1)) * rng.uniform(*p.shift) * big for _ in "xy")
    if scale < 0.6:  # halve first: a bilinear sample would skip pixels
        thing, scale = thing.reduce(2), 2 * scale
    c, s, middle, centre = math.cos(turn) / scale, math.sin(turn) / scale, big / 2, thing.width / 2
    x, y = middle + dx, middle + dy
    back = (mirror * c, mirror * s, centre - mirror * (c * x + s * y), -s, c, centre + s * x - c * y)
    layer = thing.transform((big, big), PIL.Image.Transform.AFFINE, back, PIL.Image.Resampling.BILINEAR).resize((FRAME, FRAME), _LANCZOS)
    picture = BACKGROUNDS[background](rng)
    standing = stands or pose == "마네킹"
    _cast(picture, layer.getchannel("A"), standing, 1.6 if pose == "옷걸이" else 1.0)
    picture.paste(layer, (0, 0), layer)
    return picture


def _cast(ground: PIL.Image.Image, alpha: PIL.Image.Image, standing: bool, distance: float) -> None:
    """Lays the thing's shadow: pooled under what stands, offset to the lower right under what lies or hangs."""
    if standing and (frame := alpha.getbbox()) is not None:
        left, _, right, bottom = frame
        pool = PIL.Image.new("L", ground.size)
        height = max(8, (right - left) // 12)
        PIL.ImageDraw.Draw(pool).ellipse((left - 4, bottom - height, right + 10, bottom + height * 0.7), fill=150)
        ground.paste(_SHADE, (0, 0), pool.filter(PIL.ImageFilter.GaussianBlur(6)))
        return
    for offset, blur, strength in ((3 * distance, 2.5, 0.25), (9 * distance, 9 * distance, 0.34)):
        soft = alpha.resize((FRAME // 2, FRAME // 2)).filter(PIL.ImageFilter.GaussianBlur(blur / 2)).resize(ground.size)
        moved = PIL.ImageChops.offset(soft, round(offset * 0.7), round(offset))
        ground.paste(_SHADE, (0, 0), moved.point([round(v * strength) for v in range(256)]))


def lay_paper(sheet: PIL.Image.Image, pose: str, background: str, size: tuple[int, int], rng: random.Random) -> PIL.Image.Image:
    """A sheet of paper on its ground; in the pose "정면" it fills the picture but for a narrow edge."""
    turn = {"정면": 0.0, "왼쪽 기울임": rng.uniform(-5, -2), "오른쪽 기울임": rng.uniform(2, 5)}[pose]
    ground = BACKGROUNDS[background](rng).resize((size[1], size[1]), _BICUBIC).crop((0, 0, *size))
    scale = (0.95 if not turn else 0.88) * size[0] / sheet.width
    small = sheet.convert("RGBA").resize((round(sheet.width * scale * 1.5), round(sheet.height * scale * 1.5)), _LANCZOS)
    turned = small.rotate(-turn, _BICUBIC, expand=True)
    turned = turned.resize((round(turned.width / 1.5), round(turned.height / 1.5)), _LANCZOS)
    place = ((size[0] - turned.width) // 2, (size[1] - turned.height) // 2)
    shadow = PIL.Image.new("L", size)
    shadow.paste(turned.getchannel("A").point([v // 2 for v in range(256)]), (place[0] + 3, place[1] + 5))
    ground.paste(_SHADE, (0, 0), shadow.filter(PIL.ImageFilter.GaussianBlur(4)))
    ground.paste(turned, place, turned)
    return ground
