"""Which part of a picture answers for a category: a trained head's window, or unknown where none shows it."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from hannun.annotate.annotator import Finding
from hannun.annotate.looks import OUTLINE, shape
from hannun.annotate.region import KIND, OfCategory, windows
from hannun.annotate.trained import ATTRIBUTES, TrainedHeads
from hannun.catalogue.outfits import outfits
from hannun.item import Image, Item
from hannun.mini.model import Mini
from hannun.recipes.fashion_attributes import shown


class Seen:
    """An annotator that tells the size of what it is shown."""

    name, version, keys = "seen", "1", ("크기",)

    def annotate(self, items: list[Item]) -> list[tuple[Finding, ...]]:
        return [(Finding("크기", "x".join(map(str, it.images[0].load().size)), 1.0),) for it in items]


def test_a_garment_is_asked_by_its_category_and_what_is_not_there_is_unknown() -> None:
    trained, tower = TrainedHeads.load(ATTRIBUTES), Mini()
    categories = ("상의", "원피스", "치마", "바지", "신발")
    right = []
    for o in outfits(6, 9):
        for w in o.garments:
            box, likely = OfCategory(Seen(), tower, w.category, categories, trained).box(o.picture)
            right.append(shown(box, o.garments) == w.category)
            assert 0 <= likely <= 1
    assert np.mean(right) >= 0.75
    plain = Item("plain", (Image(PIL.Image.new("RGB", (200, 200), (240, 240, 240))),))
    asked = OfCategory(Seen(), tower, "신발", categories, trained)
    (answer,) = asked.annotate([plain])[0]
    assert (answer.key, answer.value) == ("크기", None) and answer.score < 0.2
    assert asked.annotate([Item("none", ())]) == [()]


def test_windows_of_drawn_outfits_are_of_one_garment_or_of_none() -> None:
    (o,) = outfits(1, 9)
    first, second = o.garments
    assert shown(first.box, o.garments) == first.category and shown(second.box, o.garments) == second.category
    assert shown(windows(o.picture)[-1], o.garments) == "없음"
    assert KIND in TrainedHeads.load(ATTRIBUTES).heads


def test_the_outline_says_how_long_a_thing_is() -> None:
    ground = PIL.Image.new("RGB", (100, 200), "white")
    ground.paste((200, 30, 30), (25, 50, 75, 150))
    got = shape(ground)
    assert got[-1] == pytest.approx(2 * np.log(0.5))
    cells = got[:-1].reshape(OUTLINE, OUTLINE)
    assert cells[8, 8] > 0.9 and cells[0].max() < 0.1 and (cells[8] > 0.5).sum() == 8 and (cells[:, 8] > 0.5).sum() == 8
