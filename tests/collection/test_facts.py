"""Facts change, are counted and listed without encoding."""

from __future__ import annotations

from pathlib import Path

import pytest

from hannun import collection
from hannun.collection import Collection
from hannun.errors import InputError
from tests.collection.contents import rows
from tests.toy import Toy


def test_facts_change_without_encoding(tmp_path: Path) -> None:
    toy = Toy()
    with collection.open(tmp_path / "c", toy) as shop:
        shop.add(rows(10, sale=True))
        done = toy.encoded
        assert shop.update({"price": 5, "sale": None, "색": "빨강"}, ["1", "none"], where="n >= 8") == 3 and toy.encoded == done
        assert shop.get("1").facts == {"n": 1, "price": 5, "색": "빨강"} and shop.get("2").facts == {"n": 2, "sale": True}
        assert sorted(it.id for it in shop.items("색 = 빨강")) == ["1", "8", "9"] and shop.count("sale = true") == 7
        assert {h.id for h in shop.search("원피스", where="price = 5")} == {"1", "8", "9"}
        assert [h.id for h in shop.search("원피스 8", words=1, where="price = 5", limit=1)] == ["8"]  # words are still there
        assert shop.add(rows(10, sale=True)).unchanged == 10  # the content is as it was, so the changes stand
        assert shop.update({"price": 6}) == 0
        for bad, message in (({"text": "x"}, "a change of 'text' came"), ({"x": object()}, "a fact is")):
            with pytest.raises(InputError, match=message):
                shop.update(bad, ["1"])
        with pytest.raises(InputError, match="expected a list"):
            shop.update({"price": 6}, "12")
    with collection.open(tmp_path / "c", toy) as shop:
        assert shop.get("9").facts == {"n": 9, "price": 5, "색": "빨강"}


def test_facets(shop: Collection) -> None:
    shop.add(
        [{"id": str(n), "text": "a", "색": ["빨강", "파랑"][n % 3 == 0], "tags": ["x", "y"][: n % 3], "n": n, "all": 1} for n in range(60)]
    )
    assert shop.facets(["색"]) == {"색": [("빨강", 40), ("파랑", 20)]}
    assert shop.facets(["색", "tags"], where="n < 6") == {"색": [("빨강", 4), ("파랑", 2)], "tags": [("x", 4), ("y", 2)]}
    assert shop.facets(["색"], limit=1) == {"색": [("빨강", 40)]}
    with pytest.raises(InputError, match="no item has the fact 'none'"):
        shop.facets(["none"])
    assert set(shop.facets()) == {"색", "tags"}  # n has too many values to choose by, `all` only one
    shop.update({"all": 2}, ["1"])
    assert set(shop.facets()) == {"색", "tags", "all"}
    with pytest.raises(InputError, match="expected a list of names"):
        shop.facets("색")


def test_items_by_condition_and_by_id(shop: Collection) -> None:
    shop.add(rows(6))
    assert sorted(it.id for it in shop.items(where="n > 3")) == ["4", "5"] and shop.count("n > 3") == 2 and shop.count() == 6
    assert [it.id for it in shop.items(ids=["5", "none", "0"])] == ["5", "0"]
    with pytest.raises(InputError, match="expected one of them"):
        shop.items("n = 1", ["1"])
    assert set(shop.vectors(["1", "none"])) == {"1"} and shop.vectors(["1"])["1"]["text"].shape == (64,)
