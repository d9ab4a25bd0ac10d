"""Scenes with known boxes: the boxes hold what was laid there, lie apart, and test scenes are made of what is held out."""

from __future__ import annotations

import itertools

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from hannun.catalogue import COLOURS
from hannun.datasets import scenes
from tests.conftest import ROOT

DATA = ROOT.parent / "shared/data"


def apart(one: scenes.Box, other: scenes.Box) -> bool:
    return one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]


def test_drawn_things_lie_in_their_boxes_and_apart() -> None:
    for s in scenes.drawn(4, 2):
        assert len(s.things) == 3 and s.picture.size == (scenes.SIDE, scenes.SIDE)
        assert all(apart(a.box, b.box) for a, b in itertools.combinations(s.things, 2))
        assert len({t.ko for t in s.things}) == 3 and all(t.ko and t.en.isascii() for t in s.things)
        adjectives = {c.adjective for c in COLOURS.values()}
        assert all(any(t.ko.startswith(a) for a in adjectives) for t in s.things)
        for t in s.things:
            left, upper, right, lower = t.box
            assert 0 <= left < right <= scenes.SIDE and 0 <= upper < lower <= scenes.SIDE
            assert scenes.SIZES[0] * scenes.SIDE - 2 <= max(right - left, lower - upper) <= scenes.SIZES[1] * scenes.SIDE + 2


def test_the_same_seed_draws_the_same_and_splits_differ() -> None:
    (a,), (b,), (c,) = scenes.drawn(1, 2), scenes.drawn(1, 2), scenes.drawn(1, 2, "dev")
    assert a.things == b.things and a.picture.tobytes() == b.picture.tobytes()
    assert a.things != c.things


def test_a_thing_is_cut_out_of_its_white_ground() -> None:
    picture = PIL.Image.new("RGB", (100, 80), (254, 254, 253))
    pen = PIL.ImageDraw.Draw(picture)
    pen.rectangle((30, 20, 69, 59), fill=(200, 40, 40))
    pen.rectangle((45, 35, 54, 44), fill=(255, 255, 255))  # white within stays the thing's
    cut = scenes.cut_out(picture)
    assert cut is not None and cut.mode == "RGBA" and 36 <= cut.width <= 40 and 36 <= cut.height <= 40
    alpha = np.asarray(cut.getchannel("A"))
    assert alpha[cut.height // 2, cut.width // 2] == 255
    assert scenes.cut_out(PIL.Image.new("RGB", (100, 80), (90, 90, 90))) is None  # no white ground
    assert scenes.cut_out(PIL.Image.new("RGB", (100, 80), (255, 255, 255))) is None  # nothing on it


@pytest.mark.skipif(not (DATA / "fashion/dev-000.tar").exists(), reason="the data sets are not in ../shared/data")
def test_photos_are_pasted_on_photos() -> None:
    made = scenes.pasted(DATA, 12, 0, "dev")
    assert len(made) == 12
    for s in made:
        assert len(s.things) == 2 and apart(s.things[0].box, s.things[1].box) and s.things[0].en != s.things[1].en
        assert all(any("가" <= c <= "힣" for c in t.ko) for t in s.things)
