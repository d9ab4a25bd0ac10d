"""The contract of every engine: what the grammar of conditions says is what an engine finds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from hannun.errors import HannunError, InputError
from hannun.index.engine import Engine, Layout, Point
from hannun.search.where import parse_where
from tests.contracts.engines.points import DIMS, ENGINES, Opener, ids, plan, vector, words


@pytest.fixture(scope="module", params=ENGINES)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for the tests that only read, with the rows of SHOP."""
    engine = ENGINES[request.param](tmp_path_factory.mktemp("shop"), Layout(("text", "image"), DIMS))
    engine.upsert([words(id, **facts) for id, facts in SHOP.items()])
    yield engine
    engine.close()


SHOP: dict[str, dict[str, Any]] = {
    "1": {"색": "빨강", "price": 9900, "rate": 4.5, "new": True, "tags": ["여름", "면"], "code": "007"},
    "2": {"색": "파랑", "price": 50000, "rate": 4.0, "new": False, "tags": ["겨울"], "code": "7"},
    "3": {"색": "빨 강", "price": 50000.5, "rate": 5, "tags": ["여름", "겨울"], "code": 7},
    "4": {"price": -5, "new": 1, "sizes": [95, 100], "색.이름": "x"},
    "5": {"new": "true", "price": "비쌈", "소재 이름": "면 100%"},
    "6": {},
}


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("색 = 빨강", "1"),
        ("색 = '빨 강'", "3"),
        ("색 != 빨강", "23456"),
        ("not 색 = 빨강", "23456"),
        ("price = 9900", "1"),
        ("price = 9900.0", "1"),
        ("price < 50000", "14"),
        ("price <= 50000", "124"),
        ("price > 50000", "3"),
        ("price >= 50000", "23"),
        ("price < 0", "4"),
        ("price = 비쌈", "5"),
        ("rate = 4.5", "1"),
        ("rate = 5", "3"),
        ("rate >= 4.5", "13"),
        ("new = true", "1"),
        ("new = false", "2"),
        ("new != true", "23456"),
        ("new = 1", "4"),
        ("new = 'true'", "5"),
        ("new in (true, false)", "12"),
        ("tags = 여름", "13"),
        ("tags != 여름", "2456"),
        ("tags in (면, 겨울)", "123"),
        ("tags not in (면, 겨울)", "456"),
        ("tags = 여름 and tags = 겨울", "3"),
        ("sizes = 95", "4"),
        ("sizes > 99", "4"),
        ("sizes in (90, 105)", ""),
        ("code = 007", "1"),
        ("code = '7'", "2"),
        ("code = 7", "3"),
        ("색 in (빨강, 파랑) and price > 10000", "2"),
        ("색 = 빨강 or 색 = 파랑 or new = 1", "124"),
        ("not (색 in (빨강, 파랑) or price < 0)", "356"),
        ("not not 색 = 빨강", "1"),
        ("`색.이름` = x", "4"),
        ("색.이름 = x", "4"),
        ("`소재 이름` = '면 100%'", "5"),
        ("id = 3", "3"),
        ("id in (3, 4, 99)", "34"),
        ("id != 3", "12456"),
        ("none = 1", ""),
        ("none != 1", "123456"),
    ],
)
def test_conditions(shop: Engine, where: str, found: str) -> None:
    assert ids(shop, where) == list(found)
    assert shop.count(parse_where(where)) == len(found)
    assert sorted(m.payload["id"] for m in shop.query(plan(vector(1), where=parse_where(where)))) == list(found)


# Whole numbers about 2**53 and at the ends of 64 bits, dates, times, dicts, lists and texts.
LARGE = 202405010000000123
ORDERS: dict[str, dict[str, Any]] = {
    "1": {
        "no": LARGE,
        "day": "2025-11-01",
        "open": "09:30",
        "meta": {"size": "M", "n": 1, "of": [{"k": "a"}, {"k": "b"}]},
        "title": "코트 롱",
    },
    "2": {"no": LARGE + 1, "day": "2025-11-01 10:00:00", "open": "18:00", "meta": {"size": "L", "n": 2}, "tags": ["여름밤", "꽃"]},
    "3": {"no": 2**53 + 1, "day": "2025-11-01T08:00:00+09:00", "meta.size": "S", "title": "롱코트", "tags": ["여름"]},
    "4": {"no": 2**53, "day": ["2024-02-29", "2026-05-05T10:00:00.123456Z"], "title": "100% 면"},
    "5": {"no": 2**63 - 1, "day": "2025.11.01", "tags": [], "empty": {}},
    "6": {"no": -(2**63), "meta": {"size": True}},
}


@pytest.fixture(scope="module", params=ENGINES)
def orders(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The same with the rows of ORDERS."""
    engine = ENGINES[request.param](tmp_path_factory.mktemp("orders"), Layout(("text", "image"), DIMS))
    engine.upsert([words(id, **facts) for id, facts in ORDERS.items()])
    yield engine
    engine.close()


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (f"no = {LARGE}", "1"),
        (f"no != {LARGE}", "23456"),
        (f"no in ({LARGE}, {2**53})", "14"),
        (f"no > {LARGE}", "25"),
        (f"no >= {LARGE}", "125"),
        (f"no < {LARGE + 1}", "1346"),
        (f"no <= {LARGE + 1}", "12346"),
        (f"no > {2**53} and no < {LARGE}", "3"),
        (f"no >= {2**63 - 1}", "5"),
        (f"no < {2**63 - 1}", "12346"),
        (f"no < {2**63}", "123456"),
        (f"no >= {2**63}", ""),
        (f"no <= {-(2**63)}", "6"),
        (f"no > {-(2**63)}", "12345"),
        ("no > 1e30", ""),
        ("no < 1e30", "123456"),
        ("day >= 2025-11-01", "124"),  # eight in the morning in Korea is the day before in UTC
        ("day < 2025-11-01", "34"),
        ("day > 2025-11-01", "24"),
        ("day >= '2025-11-01 10:00'", "24"),
        ("day > 2026-05-05T10:00:00.123455Z", "4"),
        ("day > 2026-05-05T10:00:00.123456Z", ""),
        ("day = 2025-11-01", "1"),
        ("open >= 09:30", "12"),
        ("open > 09:30", "2"),
        ("meta.size = M", "1"),
        ("meta.size in (S, L)", "23"),
        ("meta.size = true", "6"),
        ("meta.n > 1", "2"),
        ("meta.of.k = b", "1"),
        ("meta.size is null", "45"),
        ("meta is null", "345"),
        ("tags is null", "1456"),
        ("tags is not null", "23"),
        ("empty is null", "12346"),
        ("tags contains 여름", "3"),
        ("tags not contains 여름", "12456"),
        ("title contains 코트", "13"),
        ("title contains 100", "4"),
        ("title like '롱%'", "3"),
        ("title like '100\\%%'", "4"),
        ("tags like '여름%'", "23"),
        ("meta.size like 'M%'", "1"),
        ("meta.of.k contains b", "1"),
    ],
)
def test_numbers_dates_dicts_and_lists(orders: Engine, where: str, found: str) -> None:
    assert ids(orders, where) == list(found)


def test_a_condition_on_a_large_number_takes_no_neighbour_along(engine: Engine) -> None:
    engine.upsert([words(str(n), no=LARGE + n) for n in range(3)])
    assert dict(engine.facets("no")) == {LARGE: 1, LARGE + 1: 1, LARGE + 2: 1}
    assert engine.delete_where(parse_where(f"no = {LARGE + 1}")) == 1
    assert ids(engine) == ["0", "2"]


def test_facets_of_what_lies_in_dicts(orders: Engine) -> None:
    assert dict(orders.facets("meta.n")) == {1: 1, 2: 1}


def test_conditions_hold_alike_after_optimising(opener: Opener) -> None:
    engine = opener(("text", "image"))
    engine.upsert([words(id, **facts) for id, facts in ORDERS.items()])
    engine.optimise()
    for where, found in ((f"no > {LARGE}", "25"), ("day > 2025-11-01", "24"), ("meta.n > 1", "2"), ("title contains 코트", "13")):
        assert ids(engine, where) == list(found)


def test_a_field_that_cannot_be_asked_for_is_an_error_and_not_a_crash(engine: Engine) -> None:
    engine.upsert([Point("1", {"text": vector(1)}, {"facts": {'a"b': 1, "": 2, "a[0]": 3, "a'b\\": 4}})])
    with pytest.raises(InputError, match="double quotes"):
        ids(engine, '`a"b` = 1')
    assert ids(engine, "`a[0]` = 3") == ["1"]
    for odd in ("`a'b\\` = 4", "`\\` = 1", "`a]b` = 1", "`.` = 1", "`$` = 1"):
        with contextlib.suppress(HannunError):
            ids(engine, odd)


def test_facets_count_every_kind_of_value(engine: Engine) -> None:
    engine.upsert([words(i, **facts) for i, facts in SHOP.items()])
    engine.upsert([words("7", 색="빨강", new=True, rate=5.0, long="가" * 500)])
    for _ in range(2):  # one by one, then by the engine's index
        assert engine.facets("색") == [("빨강", 2), ("빨 강", 1), ("파랑", 1)]
        assert sorted(engine.facets("tags")) == [("겨울", 2), ("면", 1), ("여름", 2)]
        assert [(type(v), v, n) for v, n in engine.facets("new")] == [(bool, True, 2), (bool, False, 1), (int, 1, 1), (str, "true", 1)]
        assert engine.facets("rate") == [(5, 2), (4, 1), (4.5, 1)]
        assert engine.facets("색", parse_where("price < 50000")) == [("빨강", 1)]
        assert engine.facets("색", limit=1) == [("빨강", 2)]
        assert engine.facets("none") == [] and engine.facets("long") == []
        assert ids(engine, f"long = '{'가' * 500}'") == ["7"] and ids(engine, f"long = '{'가' * 501}'") == []
        engine.optimise()


def test_conditions_hold_when_the_facts_are_indexed(engine: Engine) -> None:
    engine.upsert([words(id, **facts) for id, facts in SHOP.items()])
    engine.optimise()
    engine.upsert([words("9", price=9900, 새것="x")])  # and for what came later
    text = {"색 = 빨강": "1", "색 != 빨강": "234569", "price = 비쌈": "5", "tags in (면, 겨울)": "123", "새것 = x": "9"}
    numbers = {"price = 9900": "19", "price >= 50000": "23", "new = 1": "4", "sizes > 99": "4", "code = 7": "3", "rate >= 4.5": "13"}
    for where, found in {**text, **numbers, "new = true": "1"}.items():
        assert ids(engine, where) == list(found), where
