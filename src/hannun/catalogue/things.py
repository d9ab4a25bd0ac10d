"""A `Sheet` with one colour goes in; an everyday object is drawn on it: an apple, a teapot, a bicycle, a cat.

The colour is the object's main one; what an object always has (a green leaf, grey steel, a black tyre) keeps its own.
This file is long because it is a list: a drawing after another, none of which calls another.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from hannun.catalogue.drawing import Sheet, box, darker, half, lighter, luminance, oval, trim

_LEAF, _BARK, _STEEL, _TYRE, _GLASS, _IVORY = (88, 156, 72), (126, 84, 54), (182, 186, 194), (52, 52, 58), (196, 226, 240), (252, 249, 242)
_GOLD, _INK, _WAFER, _CHERRY = (224, 178, 80), (46, 42, 50), (222, 172, 104), (208, 40, 56)


def _apple(s: Sheet, rng: random.Random) -> None:
    s.piece(half("M50 31 Q62 20 76 25 Q94 33 90 58 Q85 84 66 92 Q57 94 50 89"), bulge=1.5)
    s.glow("M24 44 Q28 32 40 32 Q34 40 32 52 Q28 60 24 56 Z", 0.45)
    s.line("M50 34 Q48 20 54 10", _BARK, 2.6)
    s.piece("M54 22 Q62 6 84 10 Q78 26 54 22 Z", _LEAF, folds="M56 21 Q68 14 80 12")


def _banana(s: Sheet, rng: random.Random) -> None:
    s.piece(
        "M18 16 L26 14 Q30 44 50 58 Q68 68 92 62 L95 68 Q76 90 48 82 Q18 70 18 16 Z", bulge=1.4, folds="M24 30 Q30 60 56 74 Q72 80 88 70"
    )
    s.line("M22 22 Q28 58 54 70 Q74 76 91 66", trim(s.colour, 0.2), 0.6)
    s.piece("M17.5 17 L16.5 8 L24 7 L26.4 15 Z", _BARK)
    s.piece("M91 62 L95 61 L97 66 L94.5 69 Z", darker(_BARK, 0.4))


def _mug(s: Sheet, rng: random.Random) -> None:
    s.rod("M72 42 Q94 38 93 58 Q91 76 70 74", s.colour, 6)
    s.piece("M16 32 L74 32 L72 84 Q71 92 62 92 L28 92 Q19 92 18 84 Z", bulge=1.6)
    s.piece(oval(45, 32, 29, 7.5), lighter(s.colour, 0.2), bulge=0.4)
    s.piece(oval(45, 33, 25.5, 5.6), (104, 66, 42), bulge=0.5)
    s.glow("M24 46 L30 46 L30 82 Q25 80 25 74 Z", 0.35)
    for x in (34, 46, 58):
        s.line(f"M{x} 24 Q{x - 5} 18 {x} 12 Q{x + 5} 6 {x} 0", (206, 212, 220), 1.5)


def _umbrella(s: Sheet, rng: random.Random) -> None:
    s.rod("M50 46 L50 86 Q50 96 42 96 Q35 95 36 88", _BARK, 2.6)
    s.line("M50 12 L50 4", _STEEL, 1.8)
    for d, t in (("M4 54 Q8 12 50 10 Q24 22 20 50 Q12 44 4 54 Z", 0.16), ("M20 50 Q24 22 50 10 Q40 24 39 50 Q30 43 20 51 Z", 0.0)):
        s.piece(d, darker(s.colour, t), pair=True, bulge=0.8)
    s.piece("M39 50 Q40 24 50 10 Q60 24 61 50 Q50 42 39 50 Z", lighter(s.colour, 0.12), bulge=0.8)


def _clock(s: Sheet, rng: random.Random) -> None:
    s.piece(oval(50, 50, 46), bulge=1.3)
    s.piece(oval(50, 50, 37.5), _IVORY, bulge=0.6)
    for k in range(12):
        a = k * math.pi / 6
        inner = 29 if k % 3 == 0 else 32
        s.line(
            [(50 + inner * math.sin(a), 50 - inner * math.cos(a)), (50 + 34.5 * math.sin(a), 50 - 34.5 * math.cos(a))],
            _INK,
            2.2 if k % 3 == 0 else 1.2,
        )
    hour, minute = rng.randint(0, 11), rng.randint(0, 11) * 5
    for a, length, width, ink in (
        (math.pi * (hour + minute / 60) / 6, 18, 2.8, _INK),
        (math.pi * minute / 30, 27, 1.9, _INK),
        (rng.uniform(0, 6.3), 29, 0.8, _CHERRY),
    ):
        s.line([(50 - 4 * math.sin(a), 50 + 4 * math.cos(a)), (50 + length * math.sin(a), 50 - length * math.cos(a))], ink, width)
    s.spot(50, 50, 2.4, _CHERRY)


def _book(s: Sheet, rng: random.Random) -> None:
    s.piece("M24 92 L80 92 L84 86 L84 12 L78 8 L24 8 Z", darker(s.colour, 0.25), bulge=0.4)
    s.piece("M26 82 L82 82 L82 91 L26 91 Q21 87 26 82 Z", _IVORY, bulge=0.4)
    for y in (84.5, 87, 89.3):
        s.line(f"M25 {y} L82 {y}", (214, 206, 192), 0.4)
    s.piece("M22 10 Q22 6 27 6 L80 6 L80 82 L28 82 Q23 82 22 88 Z", bulge=0.6)
    s.line("M30 6 L30 82", width=0.9)
    cover = lighter(s.colour, 0.82) if luminance(s.colour) < 190 else (96, 74, 60)
    s.line(box(37, 14, 36, 60, 1), cover, 0.7)
    s.line("M44 28 L66 28 M44 35 L66 35 M48 42 L62 42", cover, 2.2)
    s.piece(oval(55, 58, 6.5), cover, bulge=0.5)
    s.piece("M66 82 L72 82 L72 99 L69 95 L66 99 Z", _CHERRY if s.colour != _CHERRY and s.colour[0] < 190 else _GOLD)


def _chair(s: Sheet, rng: random.Random) -> None:
    dark = darker(s.colour, 0.25)
    s.piece("M34 56 L39 56 L38 90 L34 90 Z", dark, bulge=0.6)
    s.piece("M72 56 L77 56 L79 88 L75 88 Z", dark, bulge=0.6)
    s.piece("M26 4 L32 3 L37 56 L31 58 Z", bulge=0.8)
    s.piece("M66 3 L72 4 L76 54 L70 56 Z", bulge=0.8)
    s.piece("M30 7 Q50 3 69 7 L70 15 Q50 11 31 15 Z", bulge=0.8)
    for k in range(4):
        s.piece(f"M{37 + k * 7.5} 13 L{40.5 + k * 7.5} 13 L{43 + k * 7} 53 L{39.5 + k * 7} 53 Z", bulge=0.6)
    s.piece("M26 60 L78 54 L84 60 L84 66 L22 70 L20 65 Z", lighter(s.colour, 0.1), bulge=0.9)
    s.line("M20.5 65.3 L84 60.5", width=0.7)
    s.piece("M23 69 L29 69 L27 99 L22 99 Z", bulge=0.8)
    s.piece("M77 66 L83 66 L86 96 L81 96 Z", bulge=0.8)
    s.line("M28 84 L82 82", dark, 2.2)


def _bicycle(s: Sheet, rng: random.Random) -> None:
    for x in (22, 78):
        s.line(oval(x, 68, 19.5), _TYRE, 3)
        s.line(oval(x, 68, 17.6), _STEEL, 0.9)
        for k in range(8):
            a = k * math.pi / 8
            s.line([(x - 17 * math.cos(a), 68 - 17 * math.sin(a)), (x + 17 * math.cos(a), 68 + 17 * math.sin(a))], (160, 164, 172), 0.35)
        s.spot(x, 68, 2.2, _STEEL)
    s.line(oval(47, 68, 6), _INK, 1.4)
    for d in ("M22 68 L38 40 L47 68 L22 68", "M38 42 L68 38 L47 68", "M78 68 Q72 50 66 28"):
        s.rod(d, s.colour, 2.4)
    s.rod("M38 42 L35 32", _STEEL, 1.5)
    s.piece("M25 29 Q34 26 44 30 Q40 34 34 34 Q27 34 25 29 Z", (94, 62, 44))
    s.rod("M66 28 L64 22 Q70 18 78 22 Q82 26 78 29", _INK, 1.7)
    s.line("M47 68 L52 78 M49 79 L56 78 M47 68 L42 58 M39 58 L45 57", _INK, 1.3)
    if rng.random() < 0.5:
        s.piece("M74 30 L92 30 L89 44 L77 44 Z", _WAFER)
        s.line("M75 35 L91 35 M76 39.5 L90 39.5 M80 30 L81 44 M86 30 L85 44", darker(_WAFER, 0.3), 0.6)


def _wheel(s: Sheet, x: float, y: float, r: float) -> None:
    s.piece(oval(x, y, r), _TYRE)
    s.piece(oval(x, y, r * 0.56), _STEEL)
    s.spot(x, y, r * 0.2, _STEEL)


def _car(s: Sheet, rng: random.Random) -> None:
    s.piece("M3 66 Q3 54 14 52 L26 49 Q36 33 48 31 L64 31 Q76 33 84 48 Q96 51 97 62 L96 73 Q95 76 90 76 L9 76 Q4 76 3 66 Z", bulge=1.2)
    s.piece("M32 49 Q39 37 48 35.5 L54 35.5 L54 49 Z", _GLASS, bulge=0.5)
    s.piece("M58 35.5 L64 35.5 Q73 38 78 48 L58 49 Z", _GLASS, bulge=0.5)
    s.line("M56 35 L57 74 M31 52 L32 70 M79 52 L77 64", width=0.6)
    s.line("M5 62 L95 61", width=0.5)
    s.rod("M47 55 L52 55", _STEEL, 1.0)
    s.piece("M3.5 58 Q9 56 10 60 L4 64 Z", (255, 238, 170))
    s.piece("M96.8 57 L91 56 L91 63 L97 63 Z", (220, 60, 60))
    for x in (24, 77):
        s.piece(oval(x, 75, 12.5, 12, 180, 360), darker(s.colour, 0.6), bulge=0.2)
        _wheel(s, x, 76, 10.5)


def _bus(s: Sheet, rng: random.Random) -> None:
    s.piece(box(2, 22, 96, 58, 7), bulge=1.0)
    s.piece(box(2.4, 58, 95.2, 7), lighter(s.colour, 0.75) if luminance(s.colour) < 200 else (90, 120, 170), bulge=0.2)
    for x in (22, 38, 54, 70):
        s.piece(box(x, 30, 13.5, 19, 2), _GLASS, bulge=0.4)
    s.piece(box(86, 30, 11, 24, 2), _GLASS, bulge=0.4)
    s.piece(box(5, 30, 14, 47, 1.5), _GLASS, bulge=0.4)
    s.line("M12 30 L12 77", _INK, 0.8)
    s.spot(94, 71, 2.4, (255, 236, 160))
    for x in (32, 76):
        s.piece(oval(x, 80, 11.5, 11, 180, 360), darker(s.colour, 0.6), bulge=0.2)
        _wheel(s, x, 81, 9.5)


def _house(s: Sheet, rng: random.Random) -> None:
    roof = rng.choice(((112, 70, 58), (88, 92, 106), (150, 66, 56)))
    s.piece(box(68, 12, 11, 24), (168, 112, 92), bulge=0.5)
    s.piece(box(14, 42, 72, 52), bulge=0.7)
    for y in range(50, 94, 7):
        s.line(f"M14.5 {y} L85.5 {y}", width=0.3)
    s.piece("M50 8 L97 44 Q97 50 91 49 L50 19 L9 49 Q3 50 3 44 Z", roof)
    s.piece("M50 18 L86 44 L14 44 Z", bulge=0.2)
    s.piece(oval(50, 33, 6), _GLASS, bulge=0.4)
    s.line("M44 33 L56 33 M50 27 L50 39", _IVORY, 1.0)
    s.piece(box(42, 62, 17, 32, 1), (120, 78, 52), bulge=0.6)
    s.spot(55.5, 79, 1.3, _GOLD)
    for x in (19, 65):
        s.piece(box(x, 56, 16, 18), _GLASS, bulge=0.3)
        s.line(box(x, 56, 16, 18), _IVORY, 1.6)
        s.line(f"M{x + 8} 56 L{x + 8} 74 M{x} 65 L{x + 16} 65", _IVORY, 1.0)
        s.piece(box(x - 1.5, 74, 19, 4, 1), _LEAF, bulge=0.6)


def _tree(s: Sheet, rng: random.Random) -> None:
    s.piece("M44 54 L56 54 Q56 82 64 97 L36 97 Q44 82 44 54 Z", _BARK, folds="M48 60 Q48 80 45 95 M53 62 Q54 80 57 94")
    s.line("M50 68 Q58 60 66 54 M49 72 Q40 64 34 58", _BARK, 2.6)
    for x, y, r, t in (
        (28, 50, 19, 0.18),
        (72, 50, 19, 0.18),
        (50, 52, 20, 0.12),
        (34, 30, 20, 0.06),
        (66, 31, 20, 0.06),
        (50, 21, 20, 0.0),
    ):
        wavy = [
            (
                x + r * (1 + 0.06 * math.sin(8 * k * 0.13 + x)) * math.cos(k * 0.13),
                y + r * (1 + 0.06 * math.sin(8 * k * 0.13 + x)) * math.sin(k * 0.13),
            )
            for k in range(49)
        ]
        s.piece(wavy, darker(s.colour, t), bulge=1.3)
    for _ in range(46):
        a, r = rng.uniform(0, 6.3), rng.uniform(0, 1) ** 0.5
        x, y = 50 + 34 * r * math.cos(a), 38 + 26 * r * math.sin(a)
        s.line(f"M{x} {y} L{x + 1.6} {y + 1}", rng.choice((lighter(s.colour, 0.35), darker(s.colour, 0.25))), 1.3)


def _cat(s: Sheet, rng: random.Random) -> None:
    nose = (232, 130, 140)
    eye = rng.choice(((120, 190, 90), (240, 190, 60), (90, 170, 220)))
    s.rod("M72 88 Q96 90 92 68 Q88 56 94 50", s.colour, 6)
    s.piece(half("M50 46 Q70 46 76 72 Q80 92 70 96 L50 97"), folds="M38 70 Q40 84 39 96 M62 70 Q60 84 61 96", bulge=1.2)
    s.piece(oval(50, 76, 12, 17), lighter(s.colour, 0.3), bulge=0.3)
    s.piece("M36 93 Q36 87 42 87 Q48 87 48 97 L34 97 Q33 95 36 93 Z", lighter(s.colour, 0.2), pair=True)
    s.piece("M56 22 L77 4 Q81 20 78 36 Z", pair=True)
    s.piece("M62 20 L74 10 Q76 18 75 28 Z", nose, pair=True, bulge=0.4)
    s.piece(half("M50 16 Q74 15 79 36 Q80 54 62 59 L50 60.5"), bulge=1.2)
    for d in ("M50 17 L50 26", "M43 18 L44.5 26", "M57 18 L55.5 26"):
        s.line(d, trim(s.colour, 0.35), 1.8)
    s.piece(oval(62, 37, 6, 6.6), eye, pair=True, bulge=0.5)
    s.piece(oval(62, 37, 2.3, 5.6), _INK, pair=True, bulge=0)
    s.spot(60.8, 34.6, 1.1, (255, 255, 255))
    s.spot(36.8, 34.6, 1.1, (255, 255, 255))
    s.piece("M46.5 46 L53.5 46 L50 50 Z", nose, bulge=0.5)
    ink = (236, 236, 240) if luminance(s.colour) < 60 else _INK
    s.line("M50 50 Q50 55 43 54 M50 50 Q50 55 57 54", ink, 0.9)
    s.line("M64 49 L88 45 M64 52 L88 54", ink, 0.5, pair=True)


def _fish(s: Sheet, rng: random.Random) -> None:
    s.piece("M72 50 Q84 34 97 28 Q92 50 97 74 Q84 66 72 50 Z", trim(s.colour, 0.15), folds="M76 49 L94 34 M77 50 L93 50 M76 51 L94 68")
    s.piece("M34 30 Q46 8 66 20 L66 34 Z", trim(s.colour, 0.15), folds="M42 26 L50 17 M50 28 L58 18")
    s.piece("M44 70 Q52 86 64 82 L62 66 Z", trim(s.colour, 0.15))
    s.piece("M3 52 Q14 26 44 26 Q66 28 80 50 Q66 74 42 75 Q14 74 3 52 Z", bulge=1.4)
    for column in range(5):
        for row in range(-2, 3):
            x, y = 38 + column * 7.5, 50 + row * 8 + (column % 2) * 4
            if abs(y - 50) < 19 - column * 3:
                s.line(oval(x, y, 4.5, 4.5, -80, 80), trim(s.colour, 0.22), 0.7)
    s.line("M30 31 Q38 50 30 71", trim(s.colour, 0.3), 0.9)
    s.piece("M42 54 Q54 52 56 62 Q46 68 40 62 Z", trim(s.colour, 0.2))
    s.piece(oval(19, 45, 5.5), _IVORY, bulge=0.5)
    s.spot(18, 45, 3, _INK)
    s.line("M4 54 Q9 57 13 56", trim(s.colour, 0.5), 1.0)


def _balloon(s: Sheet, rng: random.Random) -> None:
    for x, y, t in ((28, 34, 0.15), (72, 32, 0.08), (50, 24, 0.0)):
        colour = darker(s.colour, t)
        s.line([(x, y + 27), (50 + (x - 50) * 0.25, 80), (50, 104)], (130, 130, 138), 0.6)
        s.piece(f"M{x - 3} {y + 29} L{x + 3} {y + 29} L{x} {y + 24} Z", darker(colour, 0.15))
        s.piece(
            [(x + 20 * math.sin(a) * (1 - 0.1 * math.cos(a)), y - 25 * math.cos(a)) for a in (k * math.pi / 24 for k in range(48))],
            colour,
            bulge=1.6,
        )
        s.glow(oval(x - 8, y - 10, 3.4, 6.5), 0.55)


def _flowerpot(s: Sheet, rng: random.Random) -> None:
    for k, (x, y) in enumerate(((14, 26), (30, 10), (50, 2), (70, 10), (86, 26), (26, 38), (74, 38))):
        nx, ny = -(y - 60) * 0.16, (x - 50) * 0.16
        mx, my = (x + 50) / 2, (y + 60) / 2
        s.piece(
            f"M50 62 Q{mx + nx} {my + ny} {x} {y} Q{mx - nx} {my - ny} 50 62 Z", darker(_LEAF, 0.16 * (k % 3)), folds=f"M50 60 L{x} {y}"
        )
    s.piece("M24 62 L76 62 L69 94 Q68 97 64 97 L36 97 Q32 97 31 94 Z", bulge=1.4)
    s.piece(box(20, 56, 60, 10, 2), bulge=1.2)


def _bulb(s: Sheet, rng: random.Random) -> None:
    for k in range(7):
        a = math.pi * (k / 6 + 1)
        s.line([(50 + 41 * math.cos(a), 40 + 41 * math.sin(a)), (50 + 49 * math.cos(a), 40 + 49 * math.sin(a))], trim(s.colour, 0.12), 2.2)
    s.piece(half("M50 8 Q82 8 82 40 Q81 54 70 62 Q65 68 64 76 L50 76"), bulge=1.3)
    s.glow("M28 40 Q28 20 44 16 Q34 26 34 44 Z", 0.6)
    s.line("M43 75 L40 46 L46 54 L50 46 L54 54 L60 46 L57 75", (150, 100, 40), 1.0)
    for y in (76, 82, 88):
        s.piece(box(37, y, 26, 6, 2.4), _STEEL)
    s.piece(half("M50 94 L59 94 Q56 100 50 100"), _INK)


def _key(s: Sheet, rng: random.Random) -> None:
    s.piece(box(46, 40, 8, 58, 2), bulge=0.9)
    s.piece("M53 78 L68 78 L68 83 L62 83 L62 87 L70 87 L70 93 L53 93 Z", bulge=0.9)
    s.piece(half("M50 2 Q76 2 76 24 Q75 42 57 46 L50 46"), bulge=1.1)
    s.piece(box(42, 45, 16, 6, 2), trim(s.colour, 0.2))
    s.cut(oval(50, 20, 11))
    s.line(oval(50, 20, 11), darker(s.colour, 0.42), 0.8)
    s.line("M49 54 L49 94", lighter(s.colour, 0.4), 0.9)


def _glasses(s: Sheet, rng: random.Random) -> None:
    s.rod("M92 44 Q99 34 92 26 Q86 20 78 22", darker(s.colour, 0.1), 2.2, pair=True)
    lens = oval(73, 52, 20, 19) if rng.random() < 0.5 else box(52, 37, 42, 31, 11)
    s.glow(lens, 0.5, (206, 228, 240))
    s.glow([(100 - x, y) for x, y in lens], 0.5, (206, 228, 240))
    s.glow("M60 60 L72 40 L77 40 L65 62 Z", 0.6)
    s.glow("M20 60 L32 40 L37 40 L25 62 Z", 0.6)
    s.rod([*lens, lens[0]], s.colour, 4, pair=True)
    s.rod("M46 46 Q50 41 54 46", s.colour, 3.4)


def _cake(s: Sheet, rng: random.Random) -> None:
    s.piece(oval(50, 86, 48, 10), (236, 238, 242))
    sponge = (244, 216, 160)
    s.piece("M12 48 L88 48 L88 82 Q70 92 50 92 Q30 92 12 82 Z", sponge, bulge=1.1)
    s.line("M12 66 Q50 80 88 66", _IVORY, 3)
    drips = "M12 44 L88 44 L88 60 Q84 68 80 60 Q76 56 72 64 Q68 72 63 64 Q58 60 54 68 Q49 76 45 66 Q41 60 36 66"
    drips += " Q31 72 27 62 Q23 56 19 62 Q14 66 12 58 Z"
    s.piece(drips, bulge=1.1)
    s.piece(oval(50, 44, 38, 11), lighter(s.colour, 0.12), bulge=0.7)
    for x, y in ((24, 42), (37, 48), (63, 48), (76, 42), (62, 38), (38, 38)):
        s.spot(x, y, 3.6, _CHERRY if s.colour[0] < 200 or s.colour[1] > 120 else _IVORY)
    for x in (44, 50, 56):
        s.piece(box(x - 1.2, 22, 2.4, 22, 0.5), (120, 180, 220), bulge=0.5)
        s.piece(f"M{x} 12 Q{x + 3.4} 18 {x} 22 Q{x - 3.4} 18 {x} 12 Z", (255, 190, 60), bulge=0.6)


def _teapot(s: Sheet, rng: random.Random) -> None:
    s.rod("M24 46 Q2 40 4 60 Q8 78 28 78", s.colour, 5)
    s.piece("M70 62 Q84 60 84 46 Q85 38 92 34 L98 40 Q94 66 74 82 Z")
    s.piece(half("M50 34 Q82 36 82 66 Q80 86 66 90 L50 91"), bulge=1.6)
    s.piece("M34 90 L66 90 L68 94 L32 94 Z", trim(s.colour, 0.2))
    s.piece(half("M50 25 Q64 26 68 37 Q60 41 50 41"), lighter(s.colour, 0.12))
    s.spot(50, 22.5, 4.2, trim(s.colour, 0.15))
    s.glow("M26 58 Q28 46 38 43 Q33 52 32 66 Q27 68 26 58 Z", 0.45)
    for x in (40, 50, 60):
        for k in range(5):
            a = k * 2 * math.pi / 5
            s.spot(x + 2.6 * math.cos(a), 66 + 2.6 * math.sin(a), 1.5, _IVORY if luminance(s.colour) < 200 else (90, 130, 190))
        s.spot(x, 66, 1.3, _GOLD)


def _guitar(s: Sheet, rng: random.Random) -> None:
    s.piece("M46 -6 L54 -6 L56 8 L44 8 Z", darker(s.colour, 0.5))
    for y in (-3, 1, 5):
        s.spot(43, y, 1.3, _STEEL)
        s.spot(57, y, 1.3, _STEEL)
    s.piece(half("M50 44 Q60 40 66 46 Q71 54 66 62 Q66 68 74 74 Q82 88 70 99 Q62 104 50 104"), bulge=1.2)
    s.line(half("M50 47 Q60 43 64 48 Q68 54 63.5 62 Q64 69 71.5 75.5 Q78 87 68 96.5 Q61 101 50 101"), lighter(s.colour, 0.45), 0.7)
    s.piece(oval(50, 66, 8), (40, 28, 24), bulge=0.3)
    s.line(oval(50, 66, 9.4), lighter(s.colour, 0.55), 1.0)
    s.piece(box(46.6, 8, 6.8, 52), (84, 56, 42), bulge=0.5)
    for k in range(9):
        s.line(f"M46.8 {12 + k * 5.2} L53.2 {12 + k * 5.2}", _STEEL, 0.5)
    s.piece(box(41, 86, 18, 4, 1), (60, 40, 32))
    for x in (48, 49.3, 50.7, 52):
        s.line(f"M{x} 4 L{x} 88", (236, 232, 220), 0.35)


def _pencil(s: Sheet, rng: random.Random) -> None:
    s.piece(box(41, -4, 18, 10, 3), (240, 150, 160))
    s.piece(box(40.5, 5, 19, 9), _STEEL, bulge=1.2)
    s.line("M41 8 L59 8 M41 11 L59 11", darker(_STEEL, 0.3), 0.6)
    s.piece(box(41, 14, 18, 64), bulge=1.3)
    s.line("M47 14 L47 78 M53 14 L53 78", trim(s.colour, 0.2), 0.7)
    s.piece("M41 77 Q44 81 47 77.5 Q50 81 53 77.5 Q56 81 59 77 L51.5 99 L48.5 99 Z", (238, 206, 160))
    s.piece("M47.5 94 L52.5 94 L50 101 Z", _INK if luminance(s.colour) > 60 else s.colour)


def _sailboat(s: Sheet, rng: random.Random) -> None:
    s.rod("M50 2 L50 74", _BARK, 2)
    s.piece("M53 6 Q84 36 88 66 L53 66 Z", _IVORY, folds="M60 20 Q70 40 72 64")
    s.piece("M47 14 Q24 40 16 66 L47 66 Z", (236, 232, 222), folds="M40 28 Q30 46 28 64")
    s.piece("M50 -4 L64 0 L50 5 Z", s.colour)
    s.piece("M6 72 L94 72 Q88 90 76 94 L24 94 Q12 90 6 72 Z", bulge=1.2)
    s.line("M8 77 L92 77", lighter(s.colour, 0.7) if luminance(s.colour) < 190 else (120, 130, 150), 2)
    for y in (97, 102):
        s.line("".join(f"M{x} {y} Q{x + 6} {y - 4} {x + 12} {y} " for x in range(2, 90, 14)), (96, 166, 214), 1.5)


def _airplane(s: Sheet, rng: random.Random) -> None:
    s.piece("M38 44 L62 16 L70 16 L62 44 Z", darker(s.colour, 0.2))
    s.piece("M84 44 L92 22 L99 22 L97 50 Z", trim(s.colour, 0.15))
    s.piece("M2 54 Q6 42 24 42 L84 42 L98 46 Q98 54 84 58 L66 64 L22 65 Q6 64 2 54 Z", lighter(s.colour, 0.04), bulge=1.2)
    s.piece("M9 48 Q14 43.5 22 44 L21 50 L8 51 Z", _GLASS, bulge=0.5)
    for x in range(30, 82, 8):
        s.piece(box(x, 47, 4, 5, 1.6), _GLASS, bulge=0.2)
    s.line("M4 57.5 L90 56", lighter(s.colour, 0.75) if luminance(s.colour) < 200 else (90, 140, 210), 1.5)
    s.piece("M34 58 L58 56 L76 88 L66 89 Z", trim(s.colour, 0.08))
    s.piece(box(46, 70, 14, 8, 4), _STEEL)
    s.piece("M82 52 L94 52 L101 62 L94 62 Z", trim(s.colour, 0.1))


def _icecream(s: Sheet, rng: random.Random) -> None:
    s.piece("M30 52 L70 52 L51.5 101 Q50 103 48.5 101 Z", _WAFER, bulge=1.0)
    for k in range(5):
        s.line(f"M{32 + k * 8} 54 L{50 + k * 4 - 6} {96 - abs(k - 1) * 9}", darker(_WAFER, 0.22), 0.8, pair=True)
    s.piece(oval(50, 24, 19), lighter(s.colour, 0.16), bulge=1.4)
    s.piece(
        "M24 48 Q22 28 50 28 Q78 28 76 48 Q78 58 71 56 Q68 53 65 57 Q60 62 56 57 Q52 53 47 58 Q42 62 38 57 Q34 53 30 56 Q22 58 24 48 Z",
        bulge=1.4,
    )
    for _ in range(14):
        x, y, a = rng.uniform(36, 64), rng.uniform(11, 46), rng.uniform(0, 3.1)
        s.line(
            [(x, y), (x + 2.6 * math.cos(a), y + 2.6 * math.sin(a))],
            rng.choice((_CHERRY, (80, 160, 220), (255, 205, 70), (110, 180, 90))),
            1.2,
        )
    s.spot(50, 3.5, 5, _CHERRY)


def _butterfly(s: Sheet, rng: random.Random) -> None:
    s.piece("M52 50 Q62 6 92 10 Q104 20 92 42 Q84 54 52 54 Z", pair=True, bulge=1.1, folds="M54 48 Q70 34 88 20 M54 50 Q74 46 90 36")
    s.piece("M52 53 Q80 52 88 66 Q92 84 76 91 Q62 90 52 58 Z", darker(s.colour, 0.1), pair=True, bulge=1.1)
    s.line("M58 32 Q66 11 90 12.5 Q100 22 90 41", darker(s.colour, 0.6), 1.8, pair=True)
    for x, y, r in ((83, 24, 5), (74, 38, 3.6), (76, 74, 5)):
        s.spot(x, y, r, lighter(s.colour, 0.75), pair=True)
    s.line("M50 32 Q54 18 62 12 M62 12 L63 12", _INK, 1.2, pair=True)
    s.piece(oval(50, 56, 3.6, 24), _INK)
    s.spot(50, 32, 4, _INK)


def _lamp(s: Sheet, rng: random.Random) -> None:
    s.glow("M30 50 L70 50 L92 96 L8 96 Z", 0.4, (255, 240, 180))
    s.rod("M50 46 L50 90", _GOLD, 2.6)
    s.piece(half("M50 87 Q66 87 70 96 L50 98"), _GOLD)
    s.piece("M36 6 L64 6 L84 50 Q50 58 16 50 Z", bulge=1.4, folds="M44 8 L34 52 M56 8 L66 52")
    s.line("M35 9 Q50 12 65 9 M18 47 Q50 55 82 47", trim(s.colour, 0.3), 1.3)
    s.line("M62 54 L62 66", _STEEL, 0.6)
    s.spot(62, 67, 1.5, _GOLD)


def _gift(s: Sheet, rng: random.Random) -> None:
    ribbon = (255, 214, 90) if s.colour[2] > 110 or s.colour[1] < 100 else (206, 44, 60)
    s.piece(box(14, 44, 72, 52, 2), bulge=0.9)
    s.piece(box(43, 44, 14, 52), ribbon, bulge=0.5)
    s.piece(box(8, 30, 84, 17, 2), lighter(s.colour, 0.1), bulge=0.9)
    s.piece(box(42.5, 30, 15, 17), ribbon, bulge=0.5)
    s.piece("M50 30 Q52 6 72 8 Q88 14 76 26 Q66 32 50 30 Z", ribbon, pair=True, folds="M54 27 Q64 16 74 15")
    s.piece(box(45, 22, 10, 10, 3), darker(ribbon, 0.1))


def _scissors(s: Sheet, rng: random.Random) -> None:
    s.piece("M47 58 L67 2 Q72 10 70 18 L55 62 Z", (204, 208, 216))
    s.piece("M53 58 L33 2 Q28 10 30 18 L45 62 Z", (218, 221, 228))
    s.line("M66 6 L51 58", (244, 246, 250), 0.6)
    for side in (1, -1):
        x = 50 + side * 17
        s.line([(50 + side * -2, 56), (50 + side * 6, 66), (50 + side * 10, 70)], darker(s.colour, 0.42), 6.6)
        s.line([(50 + side * -2, 56), (50 + side * 6, 66), (50 + side * 10, 70)], s.colour, 5.6)
        s.rod(oval(x, 81, 11.5, 15), s.colour, 5)
    s.spot(50, 56, 2.6, _STEEL)


@dataclass(frozen=True)
class Thing:
    """How one kind of object is drawn and named, and the colours it is known in."""

    kind: str
    english: str
    slug: str
    draw: Callable[[Sheet, random.Random], None]
    colours: tuple[str, ...]
    stands: bool  # on its feet or wheels: never tilted


_TOYS = ("빨강", "파랑", "노랑", "초록", "분홍", "하양", "검정", "하늘색", "주황", "보라")
THINGS: dict[str, Thing] = {
    t.kind: t
    for t in (
        Thing("사과", "apple", "apple", _apple, ("빨강", "초록", "노랑"), False),
        Thing("바나나", "banana", "banana", _banana, ("노랑", "초록", "갈색"), False),
        Thing("컵", "mug", "mug", _mug, _TOYS, True),
        Thing("우산", "umbrella", "umbrella", _umbrella, _TOYS, False),
        Thing("시계", "clock", "clock", _clock, _TOYS, False),
        Thing("책", "book", "book", _book, (*_TOYS, "갈색", "남색"), False),
        Thing("의자", "chair", "chair", _chair, ("갈색", "하양", "검정", "빨강", "노랑", "초록", "하늘색"), True),
        Thing("자전거", "bicycle", "bicycle", _bicycle, _TOYS, True),
        Thing("자동차", "car", "car", _car, (*_TOYS, "회색", "남색"), True),
        Thing("버스", "bus", "bus", _bus, ("파랑", "초록", "노랑", "빨강", "하양", "주황"), True),
        Thing("집", "house", "house", _house, ("하양", "노랑", "분홍", "하늘색", "베이지", "초록", "빨강"), True),
        Thing("나무", "tree", "tree", _tree, ("초록", "노랑", "주황", "분홍", "빨강"), True),
        Thing("고양이", "cat", "cat", _cat, ("검정", "하양", "회색", "주황", "갈색", "베이지"), True),
        Thing("물고기", "fish", "fish", _fish, ("주황", "파랑", "빨강", "노랑", "보라", "초록", "분홍"), False),
        Thing("풍선", "balloons", "balloons", _balloon, _TOYS, False),
        Thing("화분", "flowerpot", "flowerpot", _flowerpot, ("갈색", "하양", "주황", "파랑", "회색", "분홍", "노랑", "검정"), True),
        Thing("전구", "light bulb", "bulb", _bulb, ("노랑", "하양", "주황", "파랑", "분홍", "초록"), False),
        Thing("열쇠", "key", "key", _key, ("노랑", "회색", "갈색", "검정", "빨강", "파랑"), False),
        Thing("안경", "glasses", "glasses", _glasses, ("검정", "빨강", "갈색", "파랑", "보라", "분홍", "초록"), False),
        Thing("케이크", "cake", "cake", _cake, ("분홍", "하양", "갈색", "초록", "보라", "노랑", "하늘색"), True),
        Thing("주전자", "teapot", "teapot", _teapot, _TOYS, True),
        Thing("기타", "guitar", "guitar", _guitar, ("갈색", "주황", "검정", "빨강", "파랑", "하양", "초록"), False),
        Thing("연필", "pencil", "pencil", _pencil, ("노랑", "빨강", "파랑", "초록", "검정", "분홍", "보라"), False),
        Thing("돛단배", "sailboat", "sailboat", _sailboat, ("빨강", "파랑", "갈색", "초록", "노랑", "남색"), True),
        Thing("비행기", "aeroplane", "aeroplane", _airplane, ("하양", "파랑", "빨강", "노랑", "하늘색", "주황"), False),
        Thing("아이스크림", "ice cream", "icecream", _icecream, ("분홍", "하양", "갈색", "초록", "노랑", "보라", "하늘색"), False),
        Thing("나비", "butterfly", "butterfly", _butterfly, ("파랑", "노랑", "주황", "보라", "분홍", "하양", "초록"), False),
        Thing("스탠드", "table lamp", "lamp", _lamp, ("하양", "초록", "노랑", "빨강", "파랑", "분홍", "검정"), True),
        Thing("선물 상자", "gift box", "gift", _gift, _TOYS, True),
        Thing("가위", "scissors", "scissors", _scissors, ("빨강", "파랑", "노랑", "초록", "검정", "분홍", "보라"), False),
    )
}
