"""One grammar of conditions: the same items for the same words in a folder, on a cluster, behind a service, as a dict, by tools."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hannun.collection import Collection
from hannun.errors import WhereError
from hannun.serve.cli.main import run
from tests.contracts.test_collections import PLACES
from tests.serve.conftest import start  # noqa: F401

pytestmark = pytest.mark.filterwarnings("ignore")

ROWS: dict[str, dict[str, Any]] = {
    "a": {
        "category": "원피스",
        "price": 30000,
        "date": "2025-11-01",
        "stock": True,
        "tags": ["여름", "면 100%"],
        "meta": {"x": 1, "size": "M"},
    },
    "b": {"category": "치마", "price": 20000, "date": "2025-10-31", "stock": False, "tags": ["겨울"], "meta": {"x": 2, "size": "L"}},
    "c": {"category": "가방", "price": 9900.5, "date": "2024-02-29", "stock": True, "title": "가죽 가방", "code": "007"},
    "d": {"category": "원피스", "price": -1, "date": "2026-01-01T09:30:00+09:00", "title": "Red Dress", "code": "7"},
    "e": {"category": "신발", "open": "09:30", "maker": "O'Neill", "meta": {"deep": {"er": ["p", "q"]}}},
    "f": {"price": 0, "open": "18:00", "title": "가죽 신발", "code": 7, "tags": []},
}

# The condition, and the ids that it holds for.
CONDITIONS: list[tuple[str | Mapping[str, Any], str]] = [
    ("category = 원피스", "ad"),
    ("category == '원피스'", "ad"),
    ("category != 원피스", "bcef"),
    ("not category = 원피스", "bcef"),
    ("category in (원피스, 가방)", "acd"),
    ("category not in (원피스, 가방)", "bef"),
    ("category is null", "f"),
    ("category is not null", "abcde"),
    ("price < 20000", "cdf"),
    ("price <= 20000", "bcdf"),
    ("price > 9900", "abc"),
    ("price = 9900.5", "c"),
    ("price >= -1 and price < 0.5", "df"),
    ("price = 0", "f"),
    ("price is null", "e"),
    ("date >= 2025-11-01", "ad"),
    ("date < 2025-11-01", "bc"),
    ("date = 2025-11-01", "a"),
    ("date >= 2025-01-01 and date < 2026-01-01", "ab"),  # 09:30 in Seoul is 00:30 of the same day in Greenwich: d is of 2026
    ("date > '2025-12-31 23:00'", "d"),
    ("open < 12:00", "e"),
    ("open >= 09:30", "ef"),
    ("stock = true", "ac"),
    ("stock = false", "b"),
    ("stock is null", "def"),
    ("stock != true", "bdef"),
    ("tags contains 여름", "a"),
    ("tags contains '면 100%'", "a"),
    ("tags = 겨울", "b"),
    ("title contains 가죽", "cf"),
    ("title contains Dress", "d"),
    ("title like '가죽%'", "cf"),
    ("title like 'Red%'", "d"),
    ("meta.x = 1", "a"),
    ("meta.x >= 1", "ab"),
    ("meta.size in (M, S)", "a"),
    ("meta.deep.er contains q", "e"),
    ("meta.x is null", "cdef"),
    ("code = 007", "c"),
    ("code = '7'", "d"),
    ("code = 7", "f"),
    ('maker = "O\'Neill"', "e"),
    ("id = c", "c"),
    ("id in (a, f, nobody)", "af"),
    ("category = 원피스 and price > 0 or category = 가방", "ac"),
    ("category = 원피스 and (price > 0 or date > 2025-12-01)", "ad"),
    ("not (price > 0 and stock = true)", "bdef"),
    ({"category": "원피스"}, "ad"),
    ({"category": "원피스", "price": 30000}, "a"),
    ({"category": ["원피스", "가방"]}, "acd"),
    ({"stock": True}, "ac"),
    ({"category": None}, "f"),
    ({"code": "7"}, "d"),
]
MISTAKES: list[tuple[Any, str]] = [
    ("prise < 3", "price"),
    ("meta.y = 1", "meta.x"),
    ("price <", "expected"),
    ("price ~ 3", "expected"),
    ({"prise": 3}, "price"),
    ({"price": {"nested": 1}}, "expected"),
    (7, "expected"),
]


@pytest.fixture(params=PLACES)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Collection]:
    with PLACES[request.param](request, tmp_path) as made:
        assert made.add([{"id": id, "text": f"글 {id}", **facts} for id, facts in ROWS.items()]).added == len(ROWS)
        yield made


def test_every_condition_holds_for_the_same_items(shop: Collection) -> None:
    assert len(CONDITIONS) >= 40
    for where, expected in CONDITIONS:
        assert "".join(sorted(it.id for it in shop.items(where))) == expected, where
        assert shop.count(where) == len(expected), where
        assert "".join(sorted(h.id for h in shop.search("글", where=where, words=0, limit=10))) == expected, where


def test_mistakes_are_one_line_with_what_was_meant(shop: Collection) -> None:
    for where, told in MISTAKES:
        for ask in (lambda w: list(shop.items(w)), shop.count, lambda w: shop.search("글", where=w), lambda w: shop.delete(where=w)):
            with pytest.raises(WhereError) as e:
                ask(where)
            assert told in str(e.value) and "\n" not in str(e.value).partition("\n")[0], where
    assert len(shop) == len(ROWS)


@pytest.mark.usefixtures("toy_models")
def test_on_the_command_line_and_by_tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import asyncio

    from hannun import collection

    place = tmp_path / "shop.hannun"
    texts = [(w, e) for w, e in CONDITIONS if isinstance(w, str)][::5]
    with collection.open(place) as made:
        made.add([{"id": id, "text": f"글 {id}", **facts} for id, facts in ROWS.items()])
    for where, expected in texts:
        assert run(["search", "글", "--in", str(place), "--where", where, "--words", "0", "--json"]) == 0
        assert "".join(sorted(h["id"] for h in json.loads(capsys.readouterr().out))) == expected, where
    pytest.importorskip("mcp", reason="the mcp package is not installed")
    from mcp import Client

    from hannun.serve.mcp.tools import server

    async def talk() -> list[Any]:
        async with Client(server(shop)) as client:
            return [await client.call_tool("search", {"words": "글", "where": w, "pictures": False}) for w, _ in texts]

    with collection.open(place) as shop:
        answers = asyncio.run(talk())
    for (where, expected), answer in zip(texts, answers, strict=True):
        assert "".join(sorted(h["id"] for h in json.loads(answer.content[0].text))) == expected, where
