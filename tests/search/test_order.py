"""Hits in the order of a fact: numbers, dates and texts both ways, what lacks it last, what is sold out behind; pages of one order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hannun import collection
from hannun.collection import Collection
from hannun.errors import InputError, WhereError
from hannun.search.order import Order
from tests.toy import Toy

ROWS = [
    {"id": "a", "text": "빨간 원피스 하나", "price": 300, "day": "2026-03-02", "stock": 0},
    {"id": "b", "text": "빨간 원피스 둘", "price": 100, "day": "2026-03-01T10:00:00", "stock": 2},
    {"id": "c", "text": "빨간 원피스 셋", "price": 200, "stock": 1},
    {"id": "d", "text": "빨간 원피스 넷", "day": "2025-12-31", "stock": 5},
    {"id": "e", "text": "빨간 원피스 다섯", "price": 200, "sizes": [95, 110]},
]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Collection]:
    with collection.open(tmp_path / "c", Toy()) as opened:
        opened.add(ROWS)
        yield opened


def ids(shop: Collection, query: str | None, **how: object) -> str:
    return "".join(h.id for h in shop.search(query, **how))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [("price", "bcead"), ("-price", "acebd"), ("day", "dbace"), ("-day", "abdce"), ("id", "abcde"), ("-id", "edcba"), ("sizes", "eabcd")],
)
def test_all_items_are_listed_in_the_order_of_a_fact(shop: Collection, sort: str, expected: str) -> None:
    assert ids(shop, None, sort=sort) == expected
    assert "".join(ids(shop, None, sort=sort, limit=2, offset=n) for n in (0, 2, 4)) == expected


def test_what_fits_comes_in_the_order_of_a_fact_and_pages_go_on(shop: Collection) -> None:
    found = ids(shop, "빨간 원피스", sort="price")
    assert found[:3] in ("bce", "bec") and found[3:] == "ad"
    assert "".join(ids(shop, "빨간 원피스", sort="price", limit=1, offset=n) for n in range(5)) == found
    assert ids(shop, "빨간 원피스", sort="-price", where="price < 300")[-1] == "b"


def test_what_a_condition_holds_for_comes_last(shop: Collection) -> None:
    assert ids(shop, "빨간 원피스 하나")[0] == "a"
    assert ids(shop, "빨간 원피스 하나", last="stock = 0")[-1] == "a"
    assert ids(shop, None, sort="-price", last="stock = 0") == "cebda"
    assert ids(shop, "빨간 원피스", sort="-price", last="stock = 0")[-1] == "a"
    pages = [ids(shop, "빨간 원피스", last="stock = 0", limit=2, offset=n) for n in (0, 2, 4)]
    assert "".join(pages) == ids(shop, "빨간 원피스", last="stock = 0")


def test_mistakes_name_what_would_do(shop: Collection) -> None:
    with pytest.raises(WhereError, match="sort: no item has the fact 'prise'; did you mean 'price'"):
        shop.search("원피스", sort="-prise")
    with pytest.raises(WhereError, match="last: no item has the fact 'stok'; did you mean 'stock'"):
        shop.search("원피스", last="stok = 0")
    for wrong in ("", "-", " "):
        with pytest.raises(InputError, match="expected the name of a fact"):
            shop.search("원피스", sort=wrong)
    with pytest.raises(InputError, match="sort='price' and diversity came"):
        shop.search("원피스", sort="price", diversity=0.5)


def test_numbers_dates_and_texts_of_one_fact_have_one_order() -> None:
    order = Order.of("x")
    rows = [{"x": "나"}, {"x": "2026-01-01"}, {}, {"x": 3}, {"x": "가"}, {"x": -1.5}, {"x": True}, {"x": None}]
    assert [r.get("x") for r in order.sort(rows, lambda r: order.told("", r))] == [-1.5, True, 3, "2026-01-01", "가", "나", None, None]
