"""Words that are the same in a collection, by lines of one's own: wordings of a query, mistakes, and what is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from hannun import collection
from hannun.errors import InputError
from hannun.search.synonyms import MOST, parted, rules, wordings
from tests.toy import Toy

LINES = ["# 옷", "바지, 팬츠, 슬랙스", "츄리닝 => 트레이닝복, 운동복", "", "겨울 외투, 패딩", "LG, 금성"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("검은 바지", ("검은 바지", "검은 팬츠", "검은 슬랙스")),
        ("팬츠를 찾아요", ("팬츠 찾아요", "바지 찾아요", "슬랙스 찾아요")),
        ("츄리닝", ("트레이닝복", "운동복")),
        ("빨간 겨울  외투", ("빨간 겨울 외투", "빨간 패딩")),
        ("겨울 바지", ("겨울 바지", "겨울 팬츠", "겨울 슬랙스")),
        ("바지락 칼국수", ("바지락 칼국수",)),
        ("운동복", ("운동복",)),  # an arrow points one way
        ("lg 냉장고", ("lg 냉장고", "금성 냉장고")),
        ("원피스", ("원피스",)),
        ("", ("",)),
    ],
)
def test_a_query_in_other_words(query: str, expected: tuple[str, ...]) -> None:
    assert wordings(query, rules(LINES)) == expected


def test_a_query_in_pieces() -> None:
    assert parted("검은 바지 두 벌", rules(LINES)) == [("검은",), ("바지", "팬츠", "슬랙스"), ("두 벌",)]


@pytest.mark.parametrize("line", ["바지", "바지 =>", "=> 바지", "바지 => 팬츠 => 슬랙스", "바지,", "!!, ??"])
def test_a_line_that_says_nothing_is_named(line: str) -> None:
    with pytest.raises(InputError, match="line 2 of the synonyms"):
        rules(["가, 나", line])


def test_other_types_and_too_many() -> None:
    with pytest.raises(InputError, match="expected a list of lines"):
        rules("바지, 팬츠")
    with pytest.raises(InputError, match="the limit is"):
        rules(["가, 나"] * (MOST + 1))


def test_synonyms_are_kept_and_find(tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "검은 슬랙스"}, {"id": "b", "text": "트레이닝복 세트"}, {"id": "c", "text": "하얀 셔츠"}]
    with collection.open(tmp_path / "c", Toy()) as shop:
        shop.add([*rows, *({"id": f"x{n}", "text": f"물건 {n}"} for n in range(20))])
        assert not shop.search("바지", words=1)
        assert shop.synonyms(LINES) == tuple(LINES)
        assert [h.id for h in shop.search("바지", words=1)] == ["a"]
        assert shop.search("검은 팬츠", words=1)[0].id == "a"
        assert shop.search("츄리닝", limit=1)[0].id == "b"
        best = shop.search("바지", limit=1)[0]
        assert best.id == "a" and best.relevance == 1.0  # it has every word of the query, by another name
        assert [h.id for h in shop.search("셔츠 -바지", limit=30)][-1] == "a"
        with pytest.raises(InputError, match="line 1"):
            shop.synonyms(["바지"])
    with collection.open(tmp_path / "c", Toy()) as shop:
        assert shop.synonyms() == tuple(LINES)
        assert shop.synonyms([]) == () and not shop.search("바지", words=1)
