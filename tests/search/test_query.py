"""Queries in, what is asked out: examples, words to avoid, and a vector that points where it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hannun.errors import InputError
from hannun.item import Item, Text
from hannun.search.query import Known, asked, needs
from tests.conftest import draw
from tests.toy import Toy


def told(query: Any, **examples: Any) -> tuple[str | None, list[str]]:
    it = asked(query, **examples)
    return (None if it.own is None else it.own.text), [w.text or "" if isinstance(w, Item) else w.id for w in it.unlike]


@pytest.mark.parametrize(
    ("query", "words", "avoided"),
    [
        ("빨간 원피스", "빨간 원피스", []),
        ("원피스 -줄무늬", "원피스", ["줄무늬"]),
        ("-줄무늬 원피스", "원피스", ["줄무늬"]),
        ("원피스 −줄무늬 -체크", "원피스", ["줄무늬", "체크"]),
        ('셔츠 -"꽃 무늬" 남성', "셔츠 남성", ["꽃 무늬"]),
        ("셔츠 -“꽃 무늬”", "셔츠", ["꽃 무늬"]),
        ("t-shirt", "t-shirt", []),
        ("티셔츠 - 반팔", "티셔츠 - 반팔", []),
        ("기온 -5도", "기온 -5도", []),
        ("2020-2021", "2020-2021", []),
        (r"원피스 \-줄무늬", "원피스 -줄무늬", []),
        ("원피스 --줄무늬", "원피스 --줄무늬", []),
        ("가" * 200 + " -줄무늬", "가" * 200 + " -줄무늬", []),  # a long text's dashes are its own
    ],
)
def test_words_after_a_minus_are_avoided(query: str, words: str, avoided: list[str]) -> None:
    assert told(query) == (words, avoided)
    assert told({"text": query}) == (words, avoided)


def test_a_picture_with_words_to_avoid_is_a_query() -> None:
    it = asked({"text": "-줄무늬", "image": draw()})
    assert it.own is not None and it.own.text is None and len(it.own.images) == 1 and len(it.unlike) == 1


def test_only_words_to_avoid_are_no_query() -> None:
    with pytest.raises(InputError, match=r"'-줄무늬' came: only words to avoid"):
        asked("-줄무늬")
    assert told("-줄무늬", like=["셔츠"]) == (None, ["줄무늬"])


def test_examples_are_texts_pictures_ids_and_items() -> None:
    it = asked(None, like=["1", {"id": 1}, {"text": "a", "image": draw()}, Path("b.jpg"), b"x", Item("z", (Text("글"),)), Known("k")])
    assert it.own is None and it.named == ("1", "k")
    assert [type(w).__name__ for w in it.like] == ["Item", "Known", "Item", "Item", "Item", "Item", "Known"]
    assert isinstance(it.like[0], Item) and it.like[0].text == "1"  # a str is always text


@pytest.mark.parametrize(
    ("query", "like", "message"),
    [
        (None, [], "no query came"),
        ("", [], "empty content came"),
        ("a", "ab", "expected a list"),
        ("a", {"id": "1"}, "expected a list"),
        ("a", [""], "empty content"),
        ("a", [{"id": 1.5}], "an id in like is a float"),
        ("a", [{}], "expected 'text' and/or 'image'"),
        ("a", [5], r'int came in like, .* or \{"id": …\}'),
    ],
)
def test_bad_examples_are_told(query: Any, like: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        asked(query, like)


def test_an_empty_query_beside_examples_is_no_query() -> None:
    assert asked("", like=["셔츠"]).own is None


def test_what_a_query_needs_of_the_encoder() -> None:
    both = {"text": "파란색 -줄무늬", "image": draw(seed=1)}
    query = asked(both, like=["치마", {"id": "a"}])
    towers, sequence = Toy(), Toy(parts=False)
    assert [(i.text, len(i.images)) for i in needs(query, towers)] == [("파란색", 0), (None, 1), ("치마", 0), ("줄무늬", 0)]
    assert [(i.text, len(i.images)) for i in needs(query, towers, mix=1)] == [("파란색", 0), ("치마", 0), ("줄무늬", 0)]
    assert [(i.text, len(i.images)) for i in needs(query, sequence)] == [("파란색", 1), ("치마", 0), ("줄무늬", 0)]
    assert needs(asked(None, like=[{"id": "a"}]), towers) == []
