"""Drawn outfits: what is told of each garment is drawn where its box is, and what is held out is never drawn for training."""

from __future__ import annotations

import numpy as np

from hannun.annotate import schema
from hannun.annotate.region import things, windows
from hannun.catalogue.outfits import CHOICES, outfits


def test_two_garments_of_two_categories_with_facts_of_the_schema() -> None:
    topic = schema.read()
    for o in outfits(12, 5):
        first, second = o.garments
        assert first.category != second.category and first.facts["색"] != second.facts["색"]
        for w in o.garments:
            assert set(w.facts) == {"색", "무늬", *CHOICES[w.category]}
            known = {a.key: {v.name for v in a.values} for a in topic.of(w.category).attributes}
            assert all(v in known[k] for k, v in w.facts.items() if k != "색" or v != "하늘색")
            assert set(CHOICES[w.category]) <= set(known)


def test_the_same_seed_gives_the_same_pixels_and_held_out_ones_are_others() -> None:
    one, again = outfits(3, 7), outfits(3, 7)
    assert all(np.array_equal(a.picture, b.picture) and a.garments == b.garments for a, b in zip(one, again, strict=True))
    seen = {(w.facts["색"], w.facts["무늬"]) for o in outfits(40, 1) for w in o.garments}
    held = {(w.facts["색"], w.facts["무늬"]) for o in outfits(40, 1, held_out=True) for w in o.garments}
    assert not seen & held and len(held) > 5


def test_garments_are_found_where_they_were_drawn() -> None:
    """Of the boxes of garments most have a window that shares over a third of their joint area."""
    shares = []
    for o in outfits(12, 9):
        found = windows(o.picture)
        assert found[-1] == (0, 0, 320, 320) and all(0 <= b[0] < b[2] <= 320 and 0 <= b[1] < b[3] <= 320 for b in found)
        for w in o.garments:
            shares.append(max(_overlap(b, w.box) for b in found[:-1]))
    assert np.mean([s > 1 / 3 for s in shares]) > 0.7
    assert things(outfits(1, 9)[0].picture.resize((1, 1)).resize((64, 64))) == []


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0, wide) * max(0, high)
    return shared / (sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)) - shared)
