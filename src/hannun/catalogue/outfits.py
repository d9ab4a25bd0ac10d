"""A seed goes in; drawn pictures of two garments at once come out, each garment with its own colour, pattern and shape told.

Garments of the catalogue vary as they come; here a top's sleeves and neck, a skirt's cut, a shoe's toe and shaft, and how long a garment
is are chosen and told, so that "what is the skirt like?" has another answer than "what is the top like?". Drawn, and nothing else.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import PIL.Image

from hannun.catalogue import surfaces
from hannun.catalogue.drawing import Sheet, darker, half, oval, trim
from hannun.catalogue.palette import COLOURS, PATTERNS

SIDE = 320  # pixels of the picture
CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "상의": {"소매기장": ("민소매", "반팔", "긴팔"), "넥라인": ("라운드넥", "브이넥", "카라넥"), "총기장": ("크롭", "기본", "롱")},
    "치마": {"스커트스타일": ("A라인", "주름", "H라인"), "총기장": ("크롭", "기본", "롱")},
    "신발": {"토스타일": ("라운드 토", "포인티드 토", "오픈 토"), "발목높이": ("로우", "하이")},
}
_GROUNDS = tuple(surfaces.BACKGROUNDS)
_UNSEEN = 5  # of the colours, every so-many-th pair with a pattern is kept for measuring


@dataclass(frozen=True)
class Worn:
    """One garment of an outfit: its category, and its attributes by name; `box` is where it was drawn."""

    category: str
    facts: dict[str, str]
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Outfit:
    """A picture and the two garments in it."""

    id: str
    picture: PIL.Image.Image
    garments: tuple[Worn, Worn]


def outfits(count: int, seed: int, held_out: bool = False) -> list[Outfit]:
    """`count` drawn pictures of two garments of two categories; `held_out` ones have combinations of colour and pattern of their own."""
    return [_outfit(f"outfit-{seed}-{n}", random.Random(f"outfits/{seed}/{n}/{held_out}"), held_out) for n in range(count)]


def _outfit(id: str, rng: random.Random, held_out: bool) -> Outfit:
    first, second = rng.sample(list(CHOICES), 2)
    if second == "상의" or first == "신발":  # as they are worn: the top above, shoes below
        first, second = second, first
    above = rng.random() < 0.6
    picture = surfaces.BACKGROUNDS[rng.choice(_GROUNDS)](rng).resize((SIDE, SIDE))
    places = ((88, 4), (88, 164)) if above else ((2, 80), (164, 80))
    worn = []
    colours: list[str] = []
    for category, (x, y) in zip((first, second), places, strict=True):
        colour, pattern = _cloth(rng, held_out, colours)
        colours.append(colour)
        facts = {k: rng.choice(v) for k, v in CHOICES[category].items()}
        side = rng.randint(138, 156)
        left, top = x + rng.randint(-6, 6), max(0, y + rng.randint(-4, 4))
        drawn = _drawn(category, facts, colour, pattern, rng).resize((side, side), PIL.Image.Resampling.LANCZOS)
        picture.paste(drawn, (left, top), drawn)
        worn.append(Worn(category, {"색": colour, "무늬": pattern, **facts}, (left, top, left + side, top + side)))
    return Outfit(id, picture, (worn[0], worn[1]))


def _cloth(rng: random.Random, held_out: bool, taken: list[str]) -> tuple[str, str]:
    """A colour that the other garment has not, and a pattern."""
    colours, patterns = list(COLOURS), list(PATTERNS)
    while True:
        colour, pattern = rng.choice(colours), rng.choice(patterns)
        kept = (colours.index(colour) * len(patterns) + patterns.index(pattern)) % _UNSEEN == 0
        if kept == held_out and colour not in taken:
            return colour, pattern


def _drawn(category: str, facts: dict[str, str], colour: str, pattern: str, rng: random.Random) -> PIL.Image.Image:
    rgb = COLOURS[colour].rgb
    sheet = Sheet(rgb, surfaces.cloth(pattern, rgb, rng))
    {"상의": _top, "치마": _skirt, "신발": _shoe}[category](sheet, facts)
    return sheet.image


def _top(s: Sheet, facts: dict[str, str]) -> None:
    hem = {"크롭": 62, "기본": 80, "롱": 97}[facts["총기장"]]
    s.piece(oval(50, 13, 12, 5), darker(s.colour, 0.5), bulge=0.4)
    if facts["소매기장"] == "반팔":
        s.piece("M66 13 Q82 16 87 26 L96 44 Q90 50 82 51 L73 40 Z", turn=-30, pair=True)
    elif facts["소매기장"] == "긴팔":
        s.piece("M66 13 Q80 15 84 27 L97 78 Q92 83 84 83 L72 44 Z", turn=-15, pair=True)
    shoulder = "70 14" if facts["소매기장"] != "민소매" else "66 12"
    deep = 40 if facts["넥라인"] == "브이넥" else 23.5
    neck = f"M50 {deep} L61 11.5" if facts["넥라인"] == "브이넥" else f"M50 {deep} Q60 22 62.5 11.5"
    s.piece(half(f"{neck} L{shoulder} Q74 24 75 42 Q74 {hem - 20} 76 {hem - 2} Q62 {hem} 50 {hem}"))
    if facts["넥라인"] == "카라넥":
        s.piece("M60.3 9.5 Q64 13 63.5 17 L55 28 L50 21 Z", trim(s.colour, 0.3), turn=-40, pair=True, bulge=0.7)
        s.line(f"M50 24 L50 {hem - 1}", width=0.8)
    elif facts["넥라인"] == "브이넥":
        s.line(f"M39 11.5 L50 {deep} L61 11.5", trim(s.colour, 0.4), 2.2)
    else:
        s.line("M37.5 12 Q40 23 50 23.6 Q60 23 62.5 12", trim(s.colour, 0.4), 2.6)


def _skirt(s: Sheet, facts: dict[str, str]) -> None:
    hem = {"크롭": 56, "기본": 76, "롱": 98}[facts["총기장"]]
    wide = {"A라인": 90, "주름": 84, "H라인": 68}[facts["스커트스타일"]]
    s.piece(half(f"M50 20 L67 20 Q{(67 + wide) / 2} {hem * 0.5} {wide} {hem - 4} Q{wide - 12} {hem} 50 {hem}"))
    if facts["스커트스타일"] == "주름":
        for k in range(1, 5):
            s.line(f"M{50 + 4 * k} 22 L{50 + (wide - 50) * k / 5} {hem - 2}", darker(s.colour, 0.4), 0.9, pair=True)
        s.line(f"M50 22 L50 {hem - 1}", darker(s.colour, 0.4), 0.9)
    s.piece(half("M50 14 L67 14 L67.5 21 L50 22"), trim(s.colour, 0.3), bulge=0.6)


def _shoe(s: Sheet, facts: dict[str, str]) -> None:
    """A shoe from the side, its toe at the right."""
    shaft = 18 if facts["발목높이"] == "하이" else 46
    toe = {"라운드 토": "Q94 62 93 74 Q92 80 84 80", "포인티드 토": "Q90 66 100 79 L100 80", "오픈 토": "L80 66 L80 80"}[facts["토스타일"]]
    s.piece(f"M14 {shaft} Q24 {shaft - 3} 34 {shaft} L40 {max(shaft + 12, 52)} Q56 56 72 61 {toe} L14 80 Q10 60 14 {shaft} Z")
    s.piece("M10 79 L97 79 Q98 87 90 88 L12 88 Q9 84 10 79 Z", (238, 236, 230), bulge=0.5)
    if facts["토스타일"] == "오픈 토":
        s.piece("M80 70 Q92 70 94 79 L80 79 Z", (226, 190, 164), bulge=0.8)
    s.line(f"M14 {shaft} Q24 {shaft - 3} 34 {shaft}", trim(s.colour, 0.4), 2.0)
