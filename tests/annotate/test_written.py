"""Findings as facts: conditions, facets and words of a collection use them, and what is the user's own stays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import hannun
from hannun.annotate.annotator import Finding
from hannun.annotate.written import annotated, changes, tag, versions_of
from hannun.facts import found, noted
from hannun.item import Image, Item
from tests.conftest import draw
from tests.toy import Toy


class Reader:
    """Finds a colour by the mean of a picture's pixels: red, blue, or unknown."""

    name, keys = "toy", ("색",)

    def __init__(self, version: str = "toy-1") -> None:
        self.version, self.looked = version, 0

    def annotate(self, items: Sequence[Item]) -> list[tuple[Finding, ...]]:
        self.looked += len(items)
        return [self._finding(it) if it.images else () for it in items]

    def _finding(self, it: Item) -> tuple[Finding, ...]:
        red, _, blue = it.images[0].load().resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
        if abs(red - blue) < 50:
            return (Finding("색", None, 0.4),)
        return (Finding("색", "빨강", 0.912, ("빨간색", "red")) if red > blue else Finding("색", "파랑", 0.8, ("blue",)),)


def test_findings_become_facts_with_scores_and_a_version() -> None:
    made = changes({"price": 1}, [Finding("색", "빨강", 0.912, ("red",)), Finding("무늬", None, 0.3)], Reader())
    assert made == {"색": "빨강", "무늬": None, "tags": {"색": 0.91, "words": {"toy": "red"}, "by": {"toy": "toy-1"}}}
    facts = {"price": 1, "색": "빨강", "tags": made["tags"]}
    assert found(facts) == {"색"} and noted(facts) == "빨강 red" and versions_of(facts) == {"toy": "toy-1"}
    assert noted({"색": "빨강"}) == "" and noted({"tags": "여름"}) == "" and found({"tags": ["a"]}) == set()


def test_a_fact_of_the_users_own_stays_and_a_finding_is_replaced() -> None:
    second, by = Reader("toy-2"), {"toy": "toy-2"}
    own = changes({"색": "연어색"}, [Finding("색", "빨강", 0.9)], second)
    assert own == {"tags": {"by": by}}
    before = {"색": "빨강", "tags": {"색": 0.9, "words": {"toy": "red"}, "by": {"toy": "toy-1"}}}
    assert changes(before, [Finding("색", "파랑", 0.8)], second) == {"색": "파랑", "tags": {"색": 0.8, "by": by}}
    assert changes(before, [Finding("색", None, 0.2)], second) == {"색": None, "tags": {"by": by}}


def test_several_annotators_leave_each_others_findings_words_and_versions() -> None:
    facts = {"맛": "단맛", "tags": {"맛": 0.7, "words": {"food": "sweet"}, "by": {"food": "food-1"}}}
    made = changes(facts, [Finding("색", "파랑", 0.8, ("blue",))], Reader())
    assert made["tags"] == {"맛": 0.7, "색": 0.8, "words": {"food": "sweet", "toy": "blue"}, "by": {"food": "food-1", "toy": "toy-1"}}
    assert noted({**facts, **made}) == "단맛 파랑 sweet blue"
    other = changes(
        {"색": "빨강", "tags": {"색": 0.9, "words": {"food": "red"}, "by": {"food": "food-1"}}}, [Finding("색", "파랑", 0.8)], Reader()
    )
    assert other["tags"] == {"색": 0.8, "by": {"toy": "toy-1"}}  # found what another had found: that one looks again


def test_what_an_older_version_wrote_is_read() -> None:
    older = {"색": "빨강", "tags": {"색": 0.9, "words": "red", "by": "toy-1"}}
    assert versions_of(older) == {"toy": "toy-1"} and noted(older) == "빨강 red"
    assert changes(older, [Finding("색", "파랑", 0.8)], Reader())["tags"] == {"색": 0.8, "by": {"toy": "toy-1"}}


def test_items_get_findings_before_they_are_added() -> None:
    red, text = Item("1", (Image(draw()),), {"price": 3}), Item("2", (), {})
    first, second = annotated([red, text], Reader())
    assert first.facts == {"price": 3, "색": "빨강", "tags": {"색": 0.91, "words": {"toy": "빨간색 red"}, "by": {"toy": "toy-1"}}}
    assert second.facts == {}


@pytest.fixture
def shop(tmp_path: Path) -> hannun.Collection:
    with hannun.open(tmp_path / "c.hannun", encoder=Toy()) as c:
        rows = [("1", (200, 30, 30)), ("2", (30, 30, 200)), ("3", (120, 120, 120)), ("4", (210, 20, 40))]
        c.add([{"id": i, "image": draw(colour), "text": "옷", **({"색": "연어색"} if i == "4" else {})} for i, colour in rows])
        c.add([{"id": "5", "text": "글"}])
        yield c


def test_a_collection_is_tagged_once_for_each_version(shop: hannun.Collection) -> None:
    reader = Reader()
    report = tag(shop, reader)
    assert (report.items, report.unchanged, report.unseen) == (4, 0, 1)
    assert report.findings == {"색": 2} and report.unknown == {"색": 1} and report.kept == {"색": 1}
    assert shop.get("4").facts["색"] == "연어색" and shop.get("3").facts.get("색") is None
    assert {h.id for h in shop.search("옷", where="색 = 빨강")} == {"1"}
    assert dict(shop.facets(["색"])["색"]) == {"빨강": 1, "파랑": 1, "연어색": 1}
    assert [h.id for h in shop.search("옷", where="tags.색 >= 0.9")] == ["1"]
    looked = reader.looked
    again = tag(shop, reader)
    assert (again.items, again.unchanged) == (0, 4) and reader.looked <= looked + 1  # the text has nothing to remember
    assert tag(shop, Reader("toy-2"), where="색 = 파랑").items == 1 and tag(shop, reader, again=True).items == 4


def test_findings_are_words(shop: hannun.Collection) -> None:
    assert not [h for h in shop.search("빨간색", words=1.0) if h.id == "1" and h.score > 0]
    tag(shop, Reader())
    first = shop.search("빨간색 옷", words=1.0)[0]
    assert first.id == "1"
    assert shop.search("blue", words=1.0)[0].id == "2"
