"""The data folder goes in; the pictures that may be measured on come out, with their own records, by source.

What is held out is decided by id and never by chance: official splits for Flickr8k and fashion, whole base emoji (skin tones and
genders of one emoji are near-duplicates), a committed list for the Korean captions. `recipes/mini_data/pictures.py` draws the same
lines for training; a test proves that both agree.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hannun.evaluate.harness import Harness
from hannun.item import Content, Image, Item
from hannun.shards import read

EMOJI_HELD_OUT = 20  # percent of the base emoji
GALLERY = 1000  # photos in the gallery of the Korean captions


@dataclass(frozen=True)
class Picture:
    """One picture and its source's record."""

    key: str
    image: Image
    facts: dict[str, Any]

    @property
    def content(self) -> Content:
        """What an encoder is shown."""
        return Item(self.key, (self.image,))

    def with_text(self, text: str) -> Content:
        """The picture together with words."""
        return {"text": text, "image": self.image}


def shards(harness: Harness, pattern: str) -> Iterator[Picture]:
    """Every picture in the tar shards that fit the pattern, in order."""
    for path in harness.files(pattern):
        for record in read(path):
            if record.pictures:
                yield Picture(record.key, Image(record.pictures[0]), record.data)


def korean_held_out() -> frozenset[str]:
    """Ids of the Flickr8k photos whose Korean captions are for measuring only."""
    return frozenset(Path(__file__).with_name("flickr8k_ko_held_out.txt").read_text("utf-8").split())


def flickr8k(harness: Harness) -> list[Picture]:
    """The official test photos, with five English `captions` each."""
    return list(shards(harness, "flickr8k/test-*.tar"))


def flickr8k_korean(harness: Harness) -> list[Picture]:
    """The photos of the held-out list, with `captions_ko` and the English sentences they were translated from, `captions_ko_en`."""
    held = korean_held_out()
    rows = (json.loads(line) for line in harness.file("flickr8k/captions_ko.jsonl").read_text("utf-8").splitlines())
    said = {r["id"]: {"captions_ko": r["ko"], "captions_ko_en": r["en"]} for r in rows if r["id"] in held}
    pictures = (p for pattern in ("dev", "train") for p in shards(harness, f"flickr8k/{pattern}-*.tar"))
    return [Picture(p.key, p.image, {**p.facts, **said[p.key]}) for p in pictures if p.key in said]


def fashion(harness: Harness) -> list[Picture]:
    """The test products: `articleType`, `subCategory`, `masterCategory`, `baseColour`, `productDisplayName`."""
    return list(shards(harness, "fashion/test-*.tar"))


_PEOPLE = {0x1F468: 0x1F9D1, 0x1F469: 0x1F9D1, 0x1F466: 0x1F9D2, 0x1F467: 0x1F9D2, 0x1F474: 0x1F9D3, 0x1F475: 0x1F9D3}
_DROPPED = {0xFE0F, 0xFE0E, 0x200D, 0x2640, 0x2642, *range(0x1F3FB, 0x1F400)}


def emoji_base(character: str) -> str:
    """The emoji without skin tone, gender and variation marks: what its near-duplicates share."""
    points = [_PEOPLE.get(p, p) for p in map(ord, character) if p not in _DROPPED]
    return "-".join(f"{p:x}" for p in dict.fromkeys(points))


def emoji_held_out(character: str) -> bool:
    """Whether an emoji is of the fifth of base emoji that is for measuring."""
    return int.from_bytes(hashlib.sha256(f"emoji {emoji_base(character)}".encode()).digest()[:4], "big") % 100 < EMOJI_HELD_OUT


def emoji(harness: Harness) -> list[Picture]:
    """The held-out emoji without skin tones and genders (the shortest of each base): `name_ko`, `name_en`, `char`."""
    best: dict[str, Picture] = {}
    for p in shards(harness, "emoji/*.tar"):
        base = emoji_base(p.facts["char"])
        if emoji_held_out(p.facts["char"]) and (base not in best or len(p.facts["char"]) < len(best[base].facts["char"])):
            best[base] = p
    return list(best.values())
