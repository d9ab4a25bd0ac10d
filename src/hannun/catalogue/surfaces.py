"""The name of a pattern or background and a random source go in; a cloth texture or a picture of the ground comes out.

A pattern covers a whole `Sheet` and is masked to the garment by the pieces that are cut from it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFilter
from numpy.typing import NDArray

from hannun.catalogue.drawing import RGB, SIDE, UNIT, Points, blend, darker, lighter, luminance

FRAME = 320  # pixels of a finished picture's side

_WHITE, _CREAM, _NAVY, _RED, _INK = (255, 255, 255), (255, 243, 214), (28, 42, 96), (206, 44, 52), (44, 40, 46)
_YELLOW, _PINK, _GREEN, _BROWN = (255, 214, 70), (255, 170, 192), (40, 120, 74), (112, 66, 40)


def accent(colour: RGB, rng: random.Random) -> RGB:
    """A pattern's second colour: one that stands out from the cloth."""
    light = luminance(colour)
    if light > 225:
        return rng.choice((_NAVY, _RED, _INK, _GREEN))
    if light > 178:
        return rng.choice((_NAVY, _BROWN, _RED, _INK))
    if light > 130:
        return rng.choice((_WHITE, _NAVY, _INK, _CREAM))
    return rng.choice((_WHITE, _WHITE, _CREAM, _YELLOW if light < 105 else _WHITE, _PINK if light < 60 else _CREAM))


def cloth(pattern: str, colour: RGB, rng: random.Random) -> PIL.Image.Image | None:
    """The texture of a cloth; None for plain cloth, which is its colour alone."""
    return None if pattern == "민무늬" else PATTERNS[pattern](colour, accent(colour, rng), rng)


def _units() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    line = (np.arange(SIDE) / UNIT).astype(np.float32)
    return line[None, :], line[:, None]


def _mix(colour: RGB, other: RGB, weight: NDArray[np.float32]) -> PIL.Image.Image:
    table = np.linspace(colour, other, 101).round().astype(np.uint8)  # few distinct weights: look them up
    return PIL.Image.fromarray(table[(weight * 100).astype(np.uint8)])


def _stripes(colour: RGB, other: RGB, rng: random.Random) -> PIL.Image.Image:
    x, y = _units()
    angle = math.radians(rng.choice((0, 0, 0, 90, 45)) + rng.uniform(-2, 2))
    period, share = rng.uniform(7.5, 11), rng.uniform(0.3, 0.42)
    along = x * math.sin(angle) + y * math.cos(angle)
    return _mix(colour, other, (np.mod(along, period) < share * period).astype(np.float32))


def _check(colour: RGB, other: RGB, rng: random.Random) -> PIL.Image.Image:
    x, y = _units()
    period, tartan = rng.uniform(11, 15), rng.random() < 0.5
    bands = [np.mod(v, period) < (0.36 if not tartan else 0.28) * period for v in (x, y)]
    weight = 0.46 * bands[0].astype(np.float32) + 0.46 * bands[1].astype(np.float32)
    if tartan:
        for v in (x, y):
            weight = np.maximum(weight, 0.8 * (np.abs(np.mod(v, period) - 0.65 * period) < 0.45))
    return _mix(colour, other, weight)


def _star(x: float, y: float, r: float, turn: float) -> Points:
    angles = [turn + k * math.pi / 5 for k in range(10)]
    return [(x + q * math.cos(a), y + q * math.sin(a)) for a, q in zip(angles, (r, 0.42 * r) * 5, strict=True)]


def _heart(x: float, y: float, r: float, turn: float) -> Points:
    points = []
    for k in range(24):
        t = 2 * math.pi * k / 24
        hx, hy = 16 * math.sin(t) ** 3, -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) - 2
        c, s = math.cos(turn), math.sin(turn)
        points.append((x + r / 16 * (hx * c - hy * s), y + r / 16 * (hx * s + hy * c)))
    return points


def _scatter(rng: random.Random, gap: float, jitter: float) -> Points:
    """Places on a staggered grid, in pixels, a little beyond the edges."""
    start, step, rows = rng.uniform(0, gap), gap * 0.87, int(124 / gap / 0.87) + 2
    return [
        ((start + (c + 0.5 * (r % 2)) * gap + rng.uniform(-jitter, jitter)) * UNIT, (r * step + rng.uniform(-jitter, jitter)) * UNIT)
        for r in range(rows)
        for c in range(-1, int(124 / gap) + 2)
    ]


def _dots(colour: RGB, other: RGB, rng: random.Random) -> PIL.Image.Image:
    image = PIL.Image.new("RGB", (SIDE, SIDE), colour)
    draw, gap = PIL.ImageDraw.Draw(image), rng.uniform(8, 11.5)
    r = gap * 0.27 * UNIT
    for x, y in _scatter(rng, gap, 0):
        draw.ellipse((x - r, y - r, x + r, y + r), fill=other)
    return image


def _motifs(
    shape: Callable[[float, float, float, float], Points], tilt: float, colour: RGB, other: RGB, rng: random.Random
) -> PIL.Image.Image:
    image = PIL.Image.new("RGB", (SIDE, SIDE), colour)
    draw, gap = PIL.ImageDraw.Draw(image), rng.uniform(11, 14)
    for x, y in _scatter(rng, gap, 0.7):
        draw.polygon(shape(x, y, gap * UNIT * rng.uniform(0.33, 0.4), rng.uniform(-tilt, tilt)), fill=other)
    return image


def _stars(colour: RGB, other: RGB, rng: random.Random) -> PIL.Image.Image:
    return _motifs(lambda x, y, r, turn: _star(x, y, r * 1.12, turn - math.pi / 2), 0.3, colour, other, rng)


def _hearts(colour: RGB, other: RGB, rng: random.Random) -> PIL.Image.Image:
    return _motifs(_heart, 0.3, colour, other, rng)


def _flowers(colour: RGB, other: RGB, rng: random.Random) -> PIL.Image.Image:
    image = PIL.Image.new("RGB", (SIDE, SIDE), colour)
    draw, gap = PIL.ImageDraw.Draw(image), rng.uniform(13, 16)
    leaf = (150, 196, 112) if 70 < luminance(colour) < 150 and colour[1] > colour[0] else (76, 140, 76)
    heart = _YELLOW if luminance(other) < 245 or luminance(colour) < 150 else (240, 150, 50)
    heart = (226, 120, 40) if other == _YELLOW else heart
    for x, y in _scatter(rng, gap, 1.2):
        r, turn = gap * UNIT * rng.uniform(0.3, 0.4), rng.uniform(0, 6.3)
        for side in (0.63, 3.77):
            lx, ly = x + 1.25 * r * math.cos(turn + side), y + 1.25 * r * math.sin(turn + side)
            draw.polygon(
                [
                    (lx + r * 0.42 * math.cos(a) * (1 if a % 2 else 0.8), ly + r * 0.24 * math.sin(a))
                    for a in (0, 0.8, 1.6, 2.4, 3.1, 3.9, 4.7, 5.5)
                ],
                fill=leaf,
            )
        for k in range(5):
            a = turn + k * 2 * math.pi / 5
            px, py, p = x + 0.56 * r * math.cos(a), y + 0.56 * r * math.sin(a), 0.43 * r
            draw.ellipse((px - p, py - p, px + p, py + p), fill=other if k % 2 == 0 else blend(other, colour, 0.1))
        c = 0.3 * r
        draw.ellipse((x - c, y - c, x + c, y + c), fill=heart)
    return image


PATTERNS: dict[str, Callable[[RGB, RGB, random.Random], PIL.Image.Image]] = {
    "줄무늬": _stripes, "체크": _check, "도트": _dots, "꽃무늬": _flowers, "별무늬": _stars, "하트무늬": _hearts,
}  # fmt: skip


def _paper(values: NDArray[np.floating]) -> PIL.Image.Image:
    return PIL.Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def _noise(rng: random.Random, height: int, width: int, blur: tuple[float, float] = (0, 0)) -> NDArray[np.float64]:
    """Smooth noise of a frame's size, mean 0 and standard deviation 1, stretched by sampling a smaller grid."""
    grid = np.random.default_rng(rng.getrandbits(32)).standard_normal((height, width)).astype(np.float32)
    image = PIL.Image.fromarray(grid)
    if any(blur):
        image = image.filter(PIL.ImageFilter.GaussianBlur(blur))
    values = np.asarray(image.resize((FRAME, FRAME), PIL.Image.Resampling.BICUBIC), dtype=np.float64)
    deviation: NDArray[np.float64] = (values - values.mean()) / (values.std() + 1e-9)
    return deviation


def _ramp(top: RGB, bottom: RGB) -> NDArray[np.float64]:
    t = np.linspace(0, 1, FRAME)[:, None, None]
    return np.asarray(np.array(top) * (1 - t) + np.array(bottom) * t + np.zeros((1, FRAME, 1)))


def _studio(centre: RGB, edge: RGB) -> Callable[[random.Random], PIL.Image.Image]:
    def draw(rng: random.Random) -> PIL.Image.Image:
        line = np.linspace(-1, 1, FRAME)
        distance = np.hypot(line[None, :] - rng.uniform(-0.3, 0.3), line[:, None] - rng.uniform(-0.4, 0.2))[..., None] / 1.5
        return _paper(np.array(centre) + (np.array(edge) - np.array(centre)) * np.clip(distance, 0, 1) ** 1.6)

    return draw


def _gradient(top: RGB, bottom: RGB) -> Callable[[random.Random], PIL.Image.Image]:
    return lambda rng: _paper(_ramp(top, bottom) + 0.6 * _noise(rng, FRAME, FRAME)[..., None])


def _planks(colour: RGB, contrast: float) -> Callable[[random.Random], PIL.Image.Image]:
    def draw(rng: random.Random) -> PIL.Image.Image:
        width = rng.choice((54, 64, 80))
        grain = 5 * _noise(rng, 12, 160) + 4 * _noise(rng, 6, 60) + 2 * _noise(rng, FRAME, FRAME)
        plank = np.arange(FRAME) // width
        tone = np.array([rng.uniform(-11, 11) for _ in range(plank.max() + 1)])[plank]
        values = np.array(colour) + contrast * (grain + tone[None, :])[..., None] * np.array([1, 0.9, 0.75])
        values[:, np.arange(FRAME) % width < 2] *= 0.7
        image = _paper(values)
        return image if rng.random() < 0.5 else image.transpose(PIL.Image.Transpose.ROTATE_90)

    return draw


def _linen(rng: random.Random) -> PIL.Image.Image:
    weave = 5 * _noise(rng, FRAME, 40) + 5 * _noise(rng, 40, FRAME) + 3 * _noise(rng, FRAME, FRAME)
    return _paper(np.array((226, 217, 201)) + weave[..., None] + 4 * _noise(rng, 4, 4)[..., None])


def _room(rng: random.Random) -> PIL.Image.Image:
    wall, floor = rng.choice((((214, 226, 222), (196, 164, 128)), ((238, 222, 210), (176, 142, 118)), ((208, 214, 232), (168, 160, 156))))
    line = int(FRAME * rng.uniform(0.68, 0.76))
    values = _ramp(lighter(wall, 0.2), wall)
    values[line:] = _ramp(darker(floor, 0.12), lighter(floor, 0.2))[line - FRAME :]
    values[line - 12 : line] = lighter(wall, 0.75)
    values[line - 13 : line - 12] = values[line : line + 2] = darker(floor, 0.35)
    return _paper(values + 0.8 * _noise(rng, FRAME, FRAME)[..., None])


def _terrazzo(rng: random.Random) -> PIL.Image.Image:
    image = PIL.Image.new("RGB", (FRAME * 2, FRAME * 2), (242, 238, 230))
    draw = PIL.ImageDraw.Draw(image)
    for _ in range(150):
        x, y, r, n = rng.uniform(0, 640), rng.uniform(0, 640), rng.uniform(4, 13), rng.randint(4, 6)
        start = rng.uniform(0, 6)
        points = [
            (x + r * rng.uniform(0.6, 1) * math.cos(start + a * 6.28 / n), y + r * rng.uniform(0.6, 1) * math.sin(start + a * 6.28 / n))
            for a in range(n)
        ]
        draw.polygon(points, fill=rng.choice(((222, 190, 170), (196, 204, 200), (214, 206, 190), (186, 176, 170), (228, 208, 196))))
    return image.resize((FRAME, FRAME), PIL.Image.Resampling.LANCZOS)


def _tiles(rng: random.Random) -> PIL.Image.Image:
    size = rng.choice((64, 80))
    tone, line = rng.choice(((230, 238, 240), (238, 234, 226), (222, 232, 224))), np.arange(FRAME) % size
    values = np.array(tone) + 1.2 * _noise(rng, FRAME, FRAME)[..., None] + 3 * _noise(rng, 5, 5)[..., None]
    for at, shift in ((0, -26), (1, -26), (2, 10), (size - 1, -8)):
        values[line == at] += shift
        values[:, line == at] += shift
    return _paper(values)


def _marble(rng: random.Random) -> PIL.Image.Image:
    veins = np.abs(_noise(rng, 7, 7) + 0.5 * _noise(rng, 20, 20) + 0.12 * _noise(rng, 60, 60))
    fine = np.abs(_noise(rng, 12, 12) + 0.3 * _noise(rng, 40, 40))
    depth = 62 * np.exp(-((veins / 0.07) ** 2)) + 26 * np.exp(-((fine / 0.05) ** 2)) + 10 * np.exp(-veins)
    return _paper(np.array((245, 244, 242)) - depth[..., None] * np.array([1, 0.98, 0.92]))


def _bricks(rng: random.Random) -> PIL.Image.Image:
    base, width, height = rng.choice(((178, 96, 76), (206, 198, 190))), 64, 26
    values = np.full((FRAME, FRAME, 3), np.array(base) * 0.5 + np.array((218, 212, 204)) * 0.5)
    for row in range(FRAME // height + 1):
        for column in range(-1, FRAME // width + 1):
            x, y = column * width + (row % 2) * width // 2, row * height
            values[y + 2 : y + height - 1, max(0, x + 2) : max(0, x + width - 1)] = np.array(base) + rng.uniform(-14, 14)
    return _paper(values + 5 * _noise(rng, FRAME, FRAME)[..., None] + 4 * _noise(rng, 40, 40)[..., None])


BACKGROUNDS: dict[str, Callable[[random.Random], PIL.Image.Image]] = {
    "흰 스튜디오": _studio((255, 255, 255), (228, 229, 232)),
    "회색 스튜디오": _studio((216, 217, 220), (164, 166, 172)),
    "분홍 파스텔": _studio((254, 226, 228), (246, 204, 210)),
    "민트 파스텔": _studio((214, 242, 232), (186, 226, 214)),
    "노란 파스텔": _studio((255, 246, 214), (248, 230, 180)),
    "하늘 그라데이션": _gradient((176, 210, 240), (250, 240, 232)),
    "밝은 나무": _planks((216, 184, 144), 1.0),
    "린넨": _linen,
    "두 색 벽": _room,
    "테라초": _terrazzo,
    "타일": _tiles,
    "노을 그라데이션": _gradient((116, 98, 168), (252, 186, 140)),
    "짙은 나무": _planks((104, 74, 54), 0.8),
    "대리석": _marble,
    "벽돌": _bricks,
}
