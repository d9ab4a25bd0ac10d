"""A `Sheet` (colour, cloth, support) and a random source go in; the garment of the asked kind is drawn on the sheet.

Each garment is a handful of outlines in a unit square, drawn from back to front. The random source varies what shops vary:
the length of a hem, sleeves or none, one or two rows of buttons.
This file is long because it is a list: a drawing after another, none of which calls another.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from hannun.catalogue.drawing import RGB, Sheet, box, darker, half, lighter, luminance, oval, path, trim

_GOLD, _STEEL, _WOOD, _SKIN, _IVORY, _RUBBER = (
    (214, 170, 84),
    (176, 180, 188),
    (188, 140, 92),
    (226, 210, 192),
    (250, 248, 242),
    (70, 66, 64),
)


def _hung(sheet: Sheet, y: float) -> None:
    """What holds a garment that has a neck at height `y`: drawn between its back and its front."""
    if sheet.support == "옷걸이":
        sheet.line([*path("M50 0"), *oval(52, -3.5, 3.5, 3.5, 120, -150), (50, y - 4)][1:], (150, 152, 158), 1.1)
        sheet.piece(half(f"M50 {y - 5} Q54 {y - 5} 58 {y - 1} L76 {y + 10} L76 {y + 13} L50 {y + 3}"), _WOOD)
    elif sheet.support == "마네킹":
        sheet.piece(box(48.5, 80, 3, 26), (120, 100, 84), bulge=0.6)
        sheet.piece(half("M50 104 Q66 104 68 108 L50 108.5"), (120, 100, 84))
        sheet.piece(half(f"M50 {y - 17} L56 {y - 17} Q56.5 {y - 4} 64 {y} L64 {y + 14} L50 {y + 20}"), _SKIN)
        sheet.piece(half(f"M50 {y - 20} Q56 {y - 20} 56.5 {y - 17} L50 {y - 16}"), _WOOD)


def _clipped(sheet: Sheet, y: float, reach: float) -> None:
    """A hanger with two clips for what has a waistband whose top is at `y`."""
    if sheet.support == "옷걸이":
        sheet.line([(50, y - 5), *oval(52, y - 13, 3.2, 3.2, 150, 380)], (150, 152, 158), 1.1)
        sheet.rod(f"M{50 - reach} {y - 5} L{50 + reach} {y - 5}", _STEEL, 1.4)
        for x in (50 - reach, 50 + reach - 4):
            sheet.piece(box(x, y - 6, 4, 9, 1), (96, 98, 106))


def _buttons(sheet: Sheet, x: float, heights: range, r: float = 1.3) -> None:
    colour = _IVORY if luminance(sheet.colour) < 200 else lighter(_RUBBER, 0.2)
    for y in heights:
        sheet.spot(x, y, r, colour)


def _dress(s: Sheet, rng: random.Random) -> None:
    hem, wide, sleeves = rng.choice((84, 90, 97)), rng.choice((76, 82, 88)), rng.choice(("none", "puff", "puff", "long"))
    if sleeves == "long":
        s.piece("M66 8 Q76 10 79 22 L86 58 Q82 61 77.5 60 L69 30 Z", turn=-14, pair=True, folds="M80 34 Q76 36 73 34")
        s.line("M77 57.5 L86 55.5", pair=True)
    s.piece(oval(50, 9, 15, 6), darker(s.colour, 0.5), bulge=0.4)
    _hung(s, 9)
    s.piece(half("M50 21 Q58 20 62 6.5 L68 7.5 Q68 20 71 28 Q66 37 64 47 L50 49"), folds="M66 31 Q60 36 56 35 M34 31 Q40 36 44 35")
    if sleeves == "puff":
        s.piece("M66.5 7 Q80 9 84 25 Q79 31 70.5 29 Q67 18 66.5 7 Z", turn=-20, pair=True, folds="M71 12 Q75 20 75 29 M68 15 Q70 22 72 29")
        s.line("M71 27 Q78 29 83.5 23.5", pair=True, width=0.7)
    folds = "M55 50 Q58 70 64 95 M45 50 Q42 72 37 95 M50 54 Q51 75 50 95 M61 50 Q68 70 76 92 M39 50 Q32 70 24 92"
    s.piece(
        half(f"M50 46 L64 46 Q{68 + (wide - 76) / 3} 64 {wide} {hem - 4} Q{wide - 14} {hem} 66 {hem - 0.5} Q58 {hem - 1} 50 {hem + 1}"),
        folds=folds,
    )
    s.line(half(f"M50 {hem - 2.5} Q{wide - 16} {hem - 2.5} {wide - 1.2} {hem - 7}")[:15], pair=True)
    s.line("M38 6.8 Q41.5 20.5 50 21 Q58.5 20.5 62 6.8", trim(s.colour), 1.5)
    s.piece(half("M50 45 L64.3 44.2 L64.6 49 L50 50.2"), trim(s.colour), bulge=0.6)
    if rng.random() < 0.5:
        s.piece("M50 47.5 L60 42.5 Q62 47 60.5 52.5 Z", trim(s.colour), pair=True)
        s.spot(50, 47.5, 1.8, trim(s.colour, 0.4))


def _tshirt(s: Sheet, rng: random.Random) -> None:
    s.piece(oval(50, 14, 12, 5), darker(s.colour, 0.5), bulge=0.4)
    _hung(s, 14)
    s.piece("M66 13 Q82 16 87 26 L98 46 Q92 52 82 53 L73 40 Z", turn=-30, pair=True, folds="M88 40 Q82 42 77 38")
    s.line("M81.5 50.5 Q91 49.5 96.5 44", pair=True, width=0.4, dash=0.7)
    s.piece(half("M50 23.5 Q60 22 62.5 11.5 L70 14 Q74 24 75.5 42 Q74 66 76 89 Q62 91.5 50 91.5"),
            folds="M74 44 Q66 52 58 53 M26 44 Q34 52 42 53 M30 88 Q33 74 30 62 M69 88 Q66 78 69 68")  # fmt: skip
    s.line("M25 86.8 Q50 90.5 75 86.8", width=0.4, dash=0.7)
    s.line("M37.5 12 Q40 23 50 23.6 Q60 23 62.5 12", trim(s.colour, 0.5), 3.0)
    s.line("M37.5 12 Q40 23 50 23.6 Q60 23 62.5 12", trim(s.colour, 0.22), 2.4)
    if s.cloth is None and rng.random() < 0.4:
        s.piece(box(58, 34, 10, 11, 1), folds="")
        s.line("M58 37 L68 37", width=0.5)


def _sleeves(s: Sheet, cuff: RGB | None, bulge: float = 1.0) -> None:
    """Two long sleeves, a little away from the body."""
    s.piece(
        "M65 13 Q79 15 83 27 L95 76 Q91 81 83 81 L71 44 Z",
        turn=-15,
        pair=True,
        bulge=bulge,
        folds="M88 46 Q82 50 78 48 M91 62 Q87 64 82 62",
    )
    s.piece("M82.5 77 Q90 78 95 73.5 L96.5 81 Q91 85.5 84 85 Z", cuff, pair=True, turn=-15)


def _shirt(s: Sheet, rng: random.Random) -> None:
    short = rng.random() < 0.3
    s.piece(oval(50, 12, 10, 5), darker(s.colour, 0.5), bulge=0.4)
    _hung(s, 12)
    if short:
        s.piece("M66 13 Q81 16 86 26 L95 46 Q89 51 80 52 L72 40 Z", turn=-28, pair=True, folds="M87 40 Q81 42 77 38")
        s.line("M79.5 49 Q89 48 93.5 43", pair=True)
    else:
        _sleeves(s, None)
        s.spot(91, 80.5, 0.9, _IVORY, pair=True)
    s.piece(
        half("M50 22 L60 11 L68 13.5 Q73 24 74 42 Q72.5 64 74.5 84 Q69 92 60 92.5 L50 90"),
        folds="M73 45 Q65 52 60 53 M27 45 Q35 52 40 53 M33 88 Q36 74 33 62 M66 88 Q63 76 66 66",
    )
    s.line("M47.6 22 L47.6 90 M52.4 22 L52.4 90", width=0.45)
    _buttons(s, 50, range(28, 90, 11))
    s.piece("M57 37 L67.5 37 L67.5 47 L62.2 50.5 L57 47 Z", bulge=0.35)
    s.line("M57 39.5 L67.5 39.5", width=0.4)
    s.piece(half("M50 10 Q57 9 60.5 11 L58 14.5 L50 13"), trim(s.colour, 0.15), bulge=0.5)
    s.piece("M60.3 9.5 Q63.5 13 63 16 L55.5 27 L50 20 Z", turn=-40, pair=True, bulge=0.7)


def _skirt(s: Sheet, rng: random.Random) -> None:
    hem, wide, pleated = rng.choice((74, 82, 92)), rng.choice((82, 88, 93)), rng.random() < 0.5
    _clipped(s, 16, 17)
    lines = "M54 23 Q58 50 62 95 M46 23 Q42 50 38 95 M60 23 Q68 50 76 92 M40 23 Q32 50 24 92"
    s.piece(
        half(
            f"M50 20 L67 20 Q74 48 {wide} {hem - 6} Q{wide - 8} {hem} {wide - 16} {hem - 1}"
            f" Q66 {hem + 3} 60 {hem + 1} Q55 {hem + 3} 50 {hem + 2}"
        ),
        folds=lines + " M50 24 L50 95",
    )
    if pleated:
        s.line(f"M55 21 L{50 + (wide - 50) * 0.3} {hem + 1} M61 21 L{50 + (wide - 50) * 0.65} {hem - 0.5}", pair=True, width=0.6)
    else:
        s.line(f"M50 {hem - 2} Q{wide - 18} {hem - 2} {wide - 1.5} {hem - 9.5}", pair=True)
    s.piece(half("M50 15 L67 15 L67.5 22 L50 22.8"), trim(s.colour, 0.2), bulge=0.6)
    s.spot(50, 18.8, 1.5, _GOLD)


def _waist(s: Sheet, y: float, reach: float) -> None:
    s.piece(half(f"M50 {y} L{50 + reach} {y} L{50 + reach + 0.6} {y + 6.5} L50 {y + 7}"), trim(s.colour, 0.14), bulge=0.5)
    for x in (50 - reach * 0.62, 50 + reach * 0.62):
        s.piece(box(x - 0.9, y - 0.6, 1.8, 8), trim(s.colour, 0.25), bulge=0.3)
    s.spot(50, y + 3.4, 1.5, _GOLD)
    s.line(f"M{50 - reach} {y + 16} Q{50 - reach * 0.55} {y + 15} {50 - reach * 0.5} {y + 7}", pair=True, width=0.6)
    s.line(f"M50 {y + 7} L50 {y + 27} M50 {y + 22} Q54 {y + 20} 54 {y + 7}", width=0.5)


def _trousers(s: Sheet, rng: random.Random) -> None:
    ankle = rng.choice((8, 10.5, 15))
    _clipped(s, 4, 15)
    leg = f"M50 9 L68 9 Q71.5 30 {63 + ankle} 97 L{63 - ankle} 97 Q54.5 60 51 42 L50 40"
    s.piece(
        half(leg),
        folds=f"M60 30 Q62 60 63 95 M40 30 Q38 60 37 95 M51 40 Q58 38 63 32 M49 40 Q42 38 37 32"
        f" M{66 - ankle} 62 Q64 66 66 64 M33 66 Q36 68 40 65",
    )
    s.line(f"M50 40 L{50.4} 41", width=0.8)
    s.line(f"M{63 - ankle} 94 L{63 + ankle} 94", pair=True, width=0.45, dash=0.7)
    _waist(s, 4, 17.6)


def _shorts(s: Sheet, rng: random.Random) -> None:
    cuffed, drawn = rng.random() < 0.5, rng.random() < 0.5
    _clipped(s, 16, 19)
    s.piece(
        half("M50 21 L72 21 Q78 44 84 73 Q72 78 57 78 Q54 66 51 56 L50 54"),
        folds="M62 44 Q66 60 69 76 M38 44 Q34 60 31 76 M51 54 Q58 52 64 46 M49 54 Q42 52 36 46",
    )
    if cuffed:
        s.piece("M56 71 Q70 71.5 83 67.5 L84.8 74 Q72 79 57 79 Z", trim(s.colour, 0.12), pair=True, bulge=0.6)
    else:
        s.line("M56.5 75 Q70 75 83 70.5", pair=True, width=0.45, dash=0.7)
    _waist(s, 16, 21.5)
    if drawn:
        s.rod("M48 21 Q44 32 46 38", _IVORY, 0.8)
        s.rod("M52 21 Q57 30 55 36", _IVORY, 0.8)


def _coat(s: Sheet, rng: random.Random) -> None:
    double, belted = rng.random() < 0.6, rng.random() < 0.45
    s.piece(oval(50, 11, 10, 5), darker(s.colour, 0.5), bulge=0.4)
    _hung(s, 11)
    s.piece("M66 11 Q79 13 83 24 L93 66 Q88 70 80 70 L71 38 Z", turn=-14, pair=True, folds="M87 38 Q81 42 77 40 M89 54 Q85 56 80 54")
    s.line("M80 64.5 L91.7 60.5", pair=True, width=0.8)
    s.piece(half("M50 34 L60 9 L68 11 Q73 22 73.5 40 Q74 66 80 95 Q66 98 50 98"),
            folds="M73 40 Q66 46 60 46 M27 40 Q34 46 40 46 M65 58 Q68 78 72 96 M35 58 Q32 78 28 96")  # fmt: skip
    s.piece("M42 9.5 L58 9.5 L50 34 Z", _IVORY if luminance(s.colour) < 190 else (96, 100, 112), bulge=0.5)
    s.line("M54 40 L55 97.5" if double else "M50 36 L50.5 97.8", width=0.7)
    s.piece("M58.5 7.5 L63 9 L71 21 L64.5 23.5 L66 28 L51 45 Q50 40 50 33 Z", turn=-25, pair=True, bulge=0.7)
    s.line("M64.5 23.5 L60 19", pair=True, width=0.7)
    s.piece("M60 65 L72.5 63.5 L73.5 68 L60.5 69.5 Z", turn=-8, pair=True, bulge=0.6)
    if belted:
        s.piece(half("M50 48 L74.2 47 L74.6 53 L50 54.2"), trim(s.colour, 0.18), bulge=0.6)
        s.line(box(45.5, 46.8, 9, 8.6, 1.5), _GOLD, 1.3)
    for y in (60, 72, 84) if belted else (48, 60, 72):
        s.spot(45 if double else 47, y, 1.7, _GOLD if luminance(s.colour) < 90 else _RUBBER)
        if double:
            s.spot(58, y, 1.7, _GOLD if luminance(s.colour) < 90 else _RUBBER)


def _hoodie(s: Sheet, rng: random.Random) -> None:
    zipped = rng.random() < 0.35
    s.piece(half("M50 -3 Q68 -2 68 14 L64 24 L50 28"), turn=0)
    s.piece(half("M50 3 Q61 4 61 15 Q58 23 50 25"), darker(s.colour, 0.5), bulge=0.5)
    _hung(s, 13)
    _sleeves(s, trim(s.colour, 0.18))
    s.piece(
        half("M50 27 Q60 25 64 13 L68 13.5 Q74 26 75 44 Q73.5 66 75.5 84 L50 86"),
        folds="M74 45 Q66 53 60 54 M26 45 Q34 53 40 54 M30 82 Q33 72 30 64 M70 82 Q67 74 70 66",
    )
    s.piece("M61 14 Q66 10 68.5 14 Q66 26 52 31 Q49 29 49.5 26.5 Q59 24 61 14 Z", turn=-30, pair=True, bulge=0.9)
    s.piece(half("M50 84 L75.8 82.5 L74.5 91.5 L50 92.5"), trim(s.colour, 0.18), bulge=0.7)
    for x in range(27, 75, 3):
        s.line(f"M{x} 85 L{x} 91", trim(s.colour, 0.3), 0.35)
    s.piece(half("M50 58 L62 58 L70 72 L68.5 81 L50 82"), bulge=0.5)
    s.line("M61.6 59.5 L68.6 72.2", pair=True, width=0.4, dash=0.7)
    if zipped:
        s.rod("M50 29 L50 91", _STEEL, 0.9)
    for d in ("M45 28 Q44 38 45 47", "M55 28 Q56.5 38 55 45"):
        s.rod(d, _IVORY if luminance(s.colour) < 200 else (120, 122, 130), 0.8)


def _sweater(s: Sheet, rng: random.Random) -> None:
    turtle = rng.random() < 0.5
    s.piece(oval(50, 12, 11, 5), darker(s.colour, 0.5), bulge=0.4)
    _hung(s, 12)
    _sleeves(s, trim(s.colour, 0.2), 1.3)
    s.piece(
        half("M50 22 Q59 21 61.5 11 L69 13.5 Q75 25 76 44 Q75 66 76 84 L50 86"), bulge=1.3, folds="M74 45 Q66 53 60 54 M26 45 Q34 53 40 54"
    )
    for x in range(30, 72, 5):  # knitted columns of small v stitches
        s.line("".join(f"M{x - 1} {y} L{x} {y + 1.4} L{x + 1} {y} " for y in range(27, 82, 3)), width=0.3)
    s.piece(half("M50 83.5 L76 82 L74.5 91.5 L50 92.5"), trim(s.colour, 0.2), bulge=0.8)
    for x in range(27, 75, 3):
        s.line(f"M{x} 84.5 L{x} 91", trim(s.colour, 0.34), 0.4)
    if turtle:
        s.piece(half("M50 3 Q58 2.5 60.5 5 Q62 12 63 17 Q58 21 50 21.5"), trim(s.colour, 0.12), bulge=0.9)
        for x in range(39, 63, 3):
            s.line(f"M{x} 5 L{50 + (x - 50) * 1.12} 19", trim(s.colour, 0.3), 0.4)
    else:
        for width, t in ((4.4, 0.45), (3.6, 0.2)):
            s.line("M38 11.5 Q40 22 50 22.4 Q60 22 62 11.5", trim(s.colour, t), width)


def _sneaker(s: Sheet, rng: random.Random) -> None:
    high = rng.random() < 0.4
    top = 18 if high else 32
    s.piece(f"M33 {top + 8} Q35 {top - 7} 43 {top - 8} L49 {top + 12} L44 46 Z", trim(s.colour, 0.12))
    s.piece(
        f"M11 74 Q6 56 11 {top + 4} Q14 {top - 1} 19 {top + 2} Q26 {top + 10} 36 {top + 3} L41 {top + 1} Q46 44 56 51"
        " Q66 57 80 60 Q92 63 93 74 Z",
        bulge=0.8,
        folds="M30 52 Q36 62 34 72",
    )
    s.piece("M80 60 Q92 63 93.5 75 L73 75 Q72 66 80 60 Z", _IVORY, bulge=0.7)
    s.piece(f"M11 {top + 4} Q14 {top - 1} 19 {top + 2} Q18 56 21 75 L11 75 Q6 56 11 {top + 4} Z", trim(s.colour, 0.2), bulge=0.7)
    s.piece(f"M36 {top + 3} L41 {top + 1} Q46 44 56 51 L68 57 L64 63 Q50 58 42 50 Q37 44 36 {top + 3} Z", trim(s.colour, 0.16), bulge=0.6)
    lace = _IVORY if luminance(s.colour) < 215 else (90, 94, 110)
    for k in range(5 if high else 4):
        t = k / (4 if high else 3)
        x, y = 40 + 23 * t, top + 8 + (50 - top) * t**0.8
        s.rod([(x - 3.2, y + 3.2), (x + 4.6, y - 3.6)], lace, 1.3)
    s.piece("M8.5 73 L94 73 Q97 79 92 84 L14 84 Q7 82 8.5 73 Z", _IVORY, bulge=0.8)
    s.line("M10 79.5 L93.5 79.5", trim(s.colour, 0.1) if luminance(s.colour) < 215 else (170, 174, 186), 1.1)
    s.echo(-4, -11)


def _pump(s: Sheet, rng: random.Random) -> None:
    heel = rng.choice((88, 84))
    s.piece(f"M13 42 Q14 58 22 64 L19.5 {heel} L14.5 {heel} Q13.5 66 10 50 Z", darker(s.colour, 0.15), bulge=0.7)
    s.piece("M12 36 Q22 38 26 46 Q40 66 62 66 Q70 60 66 58 Q52 60 42 48 Q30 32 20 30 Z", lighter(_SKIN, 0.35), bulge=0.3)
    s.piece(
        "M11 34 Q15 30 18 36 Q26 54 44 64 Q58 70 67 59 Q86 62 97 78 Q98 83 92 84 L68 84 Q50 82 38 72 Q28 63 20 65 Q10 54 11 34 Z",
        folds="M74 66 Q82 70 89 79",
        bulge=0.7,
    )
    s.line("M20 65.5 Q28 63.5 38 72.5 Q50 83 68 85 L94 85", _RUBBER, 1.3)
    s.glow("M76 66 Q86 69 91 77 Q84 71 75 69 Z", 0.4)
    if rng.random() < 0.6:
        s.piece("M68 63 L61 56 Q58 62 61 68 Z M68 63", trim(s.colour, 0.25))
        s.piece("M68 63 L77 58 Q79 64 75 70 Z", trim(s.colour, 0.25))
        s.spot(68.5, 63.4, 1.9, trim(s.colour, 0.4))
    s.echo(-5, -12)


def _boot(s: Sheet, rng: random.Random) -> None:
    zipped = rng.random() < 0.5
    s.piece(oval(41, 13, 16, 4.5), darker(s.colour, 0.62), bulge=0.4)
    s.piece(
        "M25 12 Q41 20 57 12 Q56 40 59 53 Q66 60 80 65 Q91 70 91 84 L28 85 Q24 60 25 12 Z",
        folds="M59 52 Q50 58 42 56 M57 46 Q48 50 40 48",
        bulge=0.8,
    )
    s.line("M25.6 17.5 Q41 25 56.7 17.5", trim(s.colour, 0.4), 0.9)
    s.piece("M26 80 L91.5 80 Q94 86 91 88 L62 88 L58 86 L45 86 L45 94 L27 94 Z", _RUBBER, bulge=0.7)
    s.line("M70 64.5 Q68 74 71 80", width=0.7)
    if zipped:
        s.rod("M36 21 Q36 50 37 78", _STEEL, 0.9)
        s.piece(box(34.9, 22, 2.2, 6, 1), _GOLD)
    else:
        s.piece("M25.6 42 L57.6 40 L58.6 47 L25.6 49 Z", trim(s.colour, 0.35), bulge=0.6)
        s.line(box(40, 39.5, 8, 10, 1.5), _GOLD, 1.3)
    s.echo(-8, -6)


def _bag(s: Sheet, rng: random.Random) -> None:
    strap, style = trim(s.colour, 0.4) if s.colour[0] > 60 else _WOOD, rng.choice(("tote", "flap", "flap"))
    if style == "tote":
        s.rod("M36 40 Q33 6 50 5 Q67 6 64 40", darker(strap, 0.3), 2.6)
        s.piece(
            "M14 34 L86 34 Q89 64 90 92 Q90 95 86 95 L14 95 Q10 95 10 92 Q11 64 14 34 Z", folds="M28 38 Q26 66 22 92 M72 38 Q74 66 78 92"
        )
        s.line("M14 38.5 L86 38.5 M12 89 L88.5 89", width=0.45, dash=0.9)
        s.rod("M33 52 L34 36 Q34 14 50 13 Q66 14 66 36 L67 52", strap, 3)
        s.piece(box(42, 58, 16, 9, 1.5), strap, bulge=0.6)
    else:
        s.rod("M26 42 Q24 8 50 7 Q76 8 74 42", strap, 3.2)
        s.piece("M16 38 L84 38 Q92 62 93 84 Q93 92 85 92 L15 92 Q7 92 7 84 Q8 62 16 38 Z", folds="M18 70 Q14 80 14 88 M82 70 Q86 80 86 88")
        s.piece("M15 37 Q50 33 85 37 Q89 48 88 58 Q70 70 50 70 Q30 70 12 58 Q11 48 15 37 Z", bulge=1.1)
        s.line("M14.5 56.5 Q31 67.5 50 67.5 Q69 67.5 85.5 56.5", width=0.45, dash=0.9)
        s.piece(box(45, 62, 10, 11, 2), _GOLD)
        s.spot(50, 67.5, 1.5, darker(_GOLD, 0.5))
        s.spot(26, 40.5, 2.4, _GOLD, pair=True)


def _backpack(s: Sheet, rng: random.Random) -> None:
    strap = trim(s.colour, 0.4)
    s.piece("M76 30 Q90 34 91 60 L90 88 Q84 92 78 90 Z", strap, pair=True)
    s.rod("M41 9 Q41 1 50 1 Q59 1 59 9", strap, 2.8)
    s.piece(half("M50 7 Q76 7 79 34 L82 86 Q82 95 73 95 L50 95.5"), folds="M26 40 Q30 50 27 58 M74 40 Q70 50 73 58", bulge=1.3)
    s.rod("M23.5 40 Q27 13 50 13 Q73 13 76.5 40", _STEEL, 0.8)
    s.piece(box(24, 54, 52, 34, 7), bulge=1.0)
    s.rod("M27 62 L73 62", _STEEL, 0.9)
    s.piece(box(66, 61, 2.6, 8, 1.2), _GOLD)
    s.piece(box(74, 37, 2.6, 8, 1.2), _GOLD)
    s.piece(box(42, 28, 16, 10, 2), strap, bulge=0.6)
    if rng.random() < 0.6:
        s.line(box(43.4, 29.4, 13.2, 7.2, 1.4), lighter(strap, 0.4), 0.4)


def _hat(s: Sheet, rng: random.Random) -> None:
    style = rng.choice(("cap", "cap", "bucket", "brim"))
    if style == "cap":
        s.piece("M52 60 Q78 54 96 66 Q101 72 95 75 Q76 68 50 72 Z", trim(s.colour, 0.22))
        s.line("M56 66 Q78 62 94 71", trim(s.colour, 0.4), 0.4, dash=0.9)
        s.piece(
            "M10 66 Q6 26 42 23 Q80 22 80 62 Q60 58 42 64 Q26 68 14 74 Q10 72 10 66 Z",
            folds="M42 24 Q28 40 28 66 M42 24 Q60 38 62 58",
            bulge=1.4,
        )
        s.line("M42 23 Q30 40 29 67 M42 23 Q59 36 62 58.6", width=0.6)
        s.spot(42, 23, 2.4, trim(s.colour, 0.3))
        s.spot(20, 44, 1.2, trim(s.colour, 0.5))
        s.spot(68, 40, 1.2, trim(s.colour, 0.5))
    elif style == "bucket":
        s.piece(half("M50 56 L74 54 Q84 66 95 76 Q74 88 50 88"), folds="M66 60 Q72 72 78 82 M34 60 Q28 72 22 82")
        for k in (0, 1, 2):
            s.line(f"M{18 - 4 * k} {70 + 3.4 * k} Q50 {84 + 2.6 * k} {82 + 4 * k} {70 + 3.4 * k}", width=0.35, dash=0.9)
        s.piece(half("M50 22 Q66 22 68 27 Q72 44 75 60 Q64 67 50 67"), bulge=1.3)
        s.line("M32 27 Q50 34 68 27", width=0.6)
        s.line("M25.5 59 Q50 71 74.5 59", width=0.5, dash=0.9)
    else:
        s.piece(oval(50, 66, 47, 17))
        s.line(oval(50, 65.4, 44, 15, 0, 180), width=0.4, dash=0.9)
        s.piece(half("M50 24 Q70 22 74 40 L77 64 Q66 73 50 73"), folds="M50 25 Q46 34 50 42", bulge=1.3)
        s.piece(half("M50 62 Q66 61.5 75.8 54.5 L77 63.5 Q66 73 50 73"), trim(s.colour, 0.45) if s.colour[0] > 60 else _IVORY, bulge=0.7)
        if rng.random() < 0.6:
            s.piece("M72 62 L84 55 Q86 62 83 69 Z", trim(s.colour, 0.5) if s.colour[0] > 60 else _IVORY)


def _sock(s: Sheet, rng: random.Random) -> None:
    tall = rng.choice((4, 4, 22))
    s.piece(
        f"M30 {tall} L56 {tall} Q55 40 57 52 Q62 62 78 70 Q90 78 84 89 Q77 97 62 92 Q44 87 35 77 Q28 68 30 50 Z",
        folds="M57 52 Q50 58 42 56 M58 58 Q50 66 44 64 M36 40 Q38 30 36 20",
    )
    s.piece("M30.3 56 Q28 69 36 78 Q40 82 45 85 Q50 72 30.3 56 Z", trim(s.colour, 0.2), bulge=0.7)
    s.piece("M74 68 Q90 76 85 88.5 Q78 97 65 93 Q62 80 74 68 Z", trim(s.colour, 0.2), bulge=0.8)
    s.piece(
        f"M29 {tall - 1} Q43 {tall + 1} 57 {tall - 1} L56.6 {tall + 9} Q43 {tall + 11} 29.6 {tall + 9} Z", trim(s.colour, 0.2), bulge=0.8
    )
    for x in range(32, 56, 3):
        s.line(f"M{x} {tall + 1} L{x} {tall + 9}", trim(s.colour, 0.36), 0.4)
    s.echo(-15, -3)


def _scarf(s: Sheet, rng: random.Random) -> None:
    def end(shape: str, x: float, width: float, y: float, turn: float) -> None:
        for k in range(9):
            fx = x + width * (k + 0.5) / 9
            s.rod([(fx, y - 1), (fx + rng.uniform(-0.8, 0.8), y + 8)], s.colour, 1.0)
        s.piece(
            shape,
            turn=turn,
            bulge=0.6,
            folds=f"M{x + width * 0.35} 44 L{x + width * 0.3} {y - 4} M{x + width * 0.7} 44 L{x + width * 0.72} {y - 6}",
        )
        s.line(f"M{x + 0.6} {y - 4} L{x + width - 0.6} {y - 4}", trim(s.colour, 0.3), 1.1)

    s.piece(oval(50, 17, 23, 11), darker(s.colour, 0.32), bulge=0.5)
    end("M33 34 L52 34 Q49 60 47 78 L26 78 Q30 56 33 34 Z", 26, 21, 78, 8)
    end("M48 32 L68 34 Q71 60 74 87 L51 87 Q50 60 48 32 Z", 51, 23, 87, -6)
    s.piece(
        "M24 14 Q30 27 50 28 Q70 27 76 14 Q84 26 76 36 Q64 46 48 45 Q30 44 23 35 Q18 25 24 14 Z",
        turn=12,
        bulge=0.7,
        folds="M26 24 Q38 36 56 37 M40 42 Q60 42 76 28 M64 30 Q56 36 48 36",
    )


def _mitten(s: Sheet, rng: random.Random) -> None:
    s.piece("M58 44 Q68 36 76 40 Q84 46 76 56 Q66 66 56 72 Z", turn=30)
    s.piece(
        "M26 70 Q20 44 24 26 Q29 6 44 6 Q58 7 61 26 Q63 46 58 71 Q42 75 26 70 Z", folds="M58 52 Q60 58 57 66 M32 24 Q31 40 33 54", bulge=1.2
    )
    s.piece("M25 67 Q42 72 59 68 L60.5 86 Q42 91 24 86 Z", trim(s.colour, 0.2), bulge=0.9)
    for x in range(28, 60, 3):
        s.line(f"M{x} 71 L{x - 0.3} 86.5", trim(s.colour, 0.36), 0.4)
    if rng.random() < 0.5:
        s.piece(oval(42, 88, 5), _IVORY)
    mitten = s.image.rotate(8)
    s.image.paste(mitten)
    s.echo(-9, -5)


@dataclass(frozen=True)
class Garment:
    """How one kind of garment is drawn, named, hung and priced."""

    kind: str
    english: str  # as in a title
    slug: str  # as in an id
    category: str
    draw: Callable[[Sheet, random.Random], None]
    supports: tuple[str, ...]  # the poses that need something to hold it
    price: int  # won, of the plain one


_BODY, _HANG = ("옷걸이", "마네킹"), ("옷걸이",)
GARMENTS: dict[str, Garment] = {
    g.kind: g
    for g in (
        Garment("원피스", "dress", "dress", "원피스", _dress, _BODY, 49000),
        Garment("티셔츠", "T-shirt", "tshirt", "티셔츠", _tshirt, _BODY, 19000),
        Garment("셔츠", "shirt", "shirt", "셔츠", _shirt, _BODY, 36000),
        Garment("치마", "skirt", "skirt", "치마", _skirt, _HANG, 32000),
        Garment("바지", "trousers", "trousers", "바지", _trousers, _HANG, 42000),
        Garment("반바지", "shorts", "shorts", "바지", _shorts, _HANG, 26000),
        Garment("코트", "coat", "coat", "코트", _coat, _BODY, 159000),
        Garment("후드티", "hoodie", "hoodie", "후드티", _hoodie, _HANG, 45000),
        Garment("스웨터", "sweater", "sweater", "스웨터", _sweater, _BODY, 52000),
        Garment("운동화", "sneakers", "sneakers", "신발", _sneaker, (), 69000),
        Garment("구두", "high heels", "heels", "신발", _pump, (), 79000),
        Garment("부츠", "boots", "boots", "신발", _boot, (), 99000),
        Garment("가방", "handbag", "bag", "가방", _bag, (), 65000),
        Garment("배낭", "backpack", "backpack", "가방", _backpack, (), 58000),
        Garment("모자", "hat", "hat", "모자", _hat, (), 24000),
        Garment("양말", "socks", "socks", "양말", _sock, (), 5000),
        Garment("목도리", "scarf", "scarf", "목도리", _scarf, (), 28000),
        Garment("장갑", "mittens", "mittens", "장갑", _mitten, (), 18000),
    )
}
