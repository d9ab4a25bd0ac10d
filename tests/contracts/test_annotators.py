"""The contract of every annotator: order, independence, *unknown*, versions, and pictures that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from hannun import catalogue, load
from hannun.annotate import schema
from hannun.annotate.annotator import Annotator
from hannun.annotate.trained import WEIGHTS, Tagger
from hannun.annotate.zero_shot import ZeroShot
from hannun.item import Image, Item, item
from tests.toy import Toy


@pytest.fixture(scope="module", params=["zero-shot", "zero-shot of a toy", "trained"])
def annotator(request: pytest.FixtureRequest) -> Annotator:
    few = schema.read().only(["색", "무늬"])
    if request.param == "zero-shot":
        return ZeroShot(load("mini"), few)
    if request.param == "trained":
        if not WEIGHTS.is_file():
            pytest.skip("no heads come with this Hannun: python -m hannun.recipes.fashion_search makes them")
        return Tagger()
    return ZeroShot(Toy(), few)


@pytest.fixture(scope="module")
def items() -> list[Item]:
    every = {e.id: e for e in catalogue.entries()}
    drawn = [Item(i, (Image(every[i].picture()),)) for i in ("dress-red-plain", "coat-blue-floral")]
    return [
        *drawn,
        item({"id": "글", "text": "글만 있다"}),
        Item("깨진", (Image(b"no picture"),)),
        Item("없는", (Image(Path("gone.jpg")),)),
    ]


def test_findings_come_in_order_of_keys_and_items(annotator: Annotator, items: list[Item]) -> None:
    found = annotator.annotate(items)
    assert len(found) == len(items) and all(tuple(f.key for f in fs) == annotator.keys for fs in found[:2])
    assert found[2:] == [(), (), ()]
    assert all(0 <= f.score <= 1 and (f.value is None or f.value) for fs in found for f in fs)


def test_an_item_alone_has_the_same_findings(annotator: Annotator, items: list[Item]) -> None:
    together = annotator.annotate(items)[1]
    (alone,) = annotator.annotate([items[1]])
    assert [f.value for f in alone] == [f.value for f in together]
    assert all(abs(a.score - b.score) < 1e-3 for a, b in zip(alone, together, strict=True))
    assert annotator.annotate([]) == []


def test_the_version_names_it(annotator: Annotator) -> None:
    assert annotator.version.startswith(annotator.name) and annotator.version != annotator.name


def test_a_red_thing_is_not_called_blue(annotator: Annotator, items: list[Item]) -> None:
    if annotator.version == ZeroShot(Toy(), schema.read().only(["색", "무늬"])).version:
        pytest.skip("the toy knows no colours")
    colour = next(f for f in annotator.annotate(items[:1])[0] if f.key == "색")
    assert colour.value in ("빨강", None)
