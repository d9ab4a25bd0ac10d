"""A user's own pairs: what is apart, what leaks, what cannot be learnt from, and what facts say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hannun.errors import InputError
from hannun.item import Image, Item, Pair, Problem, Text
from hannun.sources import Reading
from hannun.train import own, pairs
from tests.conftest import draw, encoded


def pair(query: str, picture: int, **facts: str) -> Pair:
    """A pair with a picture of its own content."""
    return Pair(Item(query, (Text(query),)), Item(f"p{picture}", (Image(encoded(draw(seed=picture))),), facts), (), "shop")


def marked(data: tuple[Pair, ...]) -> set[str]:
    return {p.positive.images[0].digest() for p in data}


def test_products_queries_and_pictures_are_on_one_side() -> None:
    given = [pair(f"상품 {n // 2} {n % 2}", n, sku=str(n // 2)) for n in range(40)]
    made = own.apart(given, product="sku")
    assert len(made.train) + len(made.dev) == 40 and len(made.dev) >= own.LEAST
    assert not {p.positive.facts["sku"] for p in made.train} & {p.positive.facts["sku"] for p in made.dev}
    again = own.apart([pair(f"상품 {n}", n % 20) for n in range(40)])  # two queries for each picture
    assert not marked(again.train) & marked(again.dev)


def test_leakage_is_said_and_left_out() -> None:
    given = [pair(f"상품 {n}", n) for n in range(10)]
    made = own.apart(given, [pair("다른 말", 3), pair("상품 5", 99)])
    assert len(made.train) == 9 and not marked(made.train) & marked(made.dev)
    assert any("leakage: 1 training pairs have an answer" in s for s in made.said)
    assert any("leakage: 1 training pairs have a query" in s for s in made.said)


def test_twins_are_taken_once_and_said() -> None:
    made = own.apart([pair(f"상품 {n % 12}", n % 12) for n in range(36)])
    assert len(made.train) + len(made.dev) == 12 and "24 of 36 pairs are there twice" in made.said[0]


def test_one_class_and_nothing_but_twins_are_refused() -> None:
    with pytest.raises(InputError, match="have one query"):
        own.apart([pair("신발", n) for n in range(30)])
    with pytest.raises(InputError, match=r"have one (query|answer)"):
        own.apart([pair("신발", 1)] * 30)
    with pytest.raises(InputError, match="no pair is left"):
        own.apart([pair("신발", 1)], [pair("신발", 1)])


def test_few_classes_are_held_out_by_picture_and_said() -> None:
    made = own.apart([pair("신발" if n % 3 else "가방", n) for n in range(60)])
    assert {p.query.text for p in made.dev} <= {p.query.text for p in made.train} and not marked(made.train) & marked(made.dev)
    assert any("hang together" in s for s in made.said)


def test_facts_of_few_values_become_sentences() -> None:
    given = [pair(f"상품 {n}", n, 색=("빨강", "파랑")[n % 2], 번호=str(n)) for n in range(40)]
    made = own.apart(given, sentence=lambda name, value: f"{name}: {value}")
    assert made.also == ("색",)
    said = [p for p in made.train if p.source == own.ATTRIBUTES]
    assert {p.query.text for p in said} == {"색: 빨강", "색: 파랑"} and all(p.query.facts["색"] == p.positive.facts["색"] for p in said)
    assert all("색" not in p.query.facts for p in made.train if p.source != own.ATTRIBUTES)  # a title asks for one thing


def test_retrieval_counts_both_ways() -> None:
    given = [pair("빨강", 1), pair("파랑", 2), pair("빨강", 3)]
    import numpy as np

    def embed(items: object, role: str) -> np.ndarray:
        rows = {"빨강": [1, 0], "파랑": [0, 1], "p1": [0.6, 0.8], "p2": [0, 1], "p3": [1, 0]}
        return np.array([rows[i.id] for i in items], np.float32)  # type: ignore[attr-defined]

    found = own.retrieval(embed, given)  # 빨강 finds p3 first; p1 is nearer to 파랑
    assert found["query → answer, R@1"].tolist() == [1, 1] and found["answer → query, MRR"].tolist() == [0.5, 1, 1]


def test_several_texts_of_one_side_stay_apart(tmp_path: Path) -> None:
    (pair_of,) = pairs.read(
        [rows(tmp_path / "a.jsonl", {"query": ["빨간", "원피스"], "positive": {"text": ["하나", "둘"]}, "negatives": [3]})]
    )
    assert isinstance(pair_of, Pair)
    assert (pair_of.query.text, pair_of.positive.text, pair_of.negatives[0].text) == ("빨간\n원피스", "하나\n둘", "3")


def rows(path: Path, *given: object) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in given), "utf-8")
    return path


def test_item_tables_clicks_and_columns(tmp_path: Path) -> None:
    for n in (1, 2, 3):
        (tmp_path / f"{n}.png").write_bytes(encoded(draw(seed=n)))
    (tmp_path / "goods.csv").write_text("번호,상품명,사진\n1,빨간 원피스,1.png\n2,파란 셔츠,2.png\n3,그림 없음,\n", "utf-8")
    rows(tmp_path / "clicks.jsonl", {"query": "원피스", "clicked": "1", "shown": ["1", "2"]}, {"query": "셔츠", "clicked": [9]})
    how = Reading({"text": "상품명", "image": "사진", "id": "번호"})
    found = list(pairs.read([tmp_path], reading=how))
    good = [p for p in found if isinstance(p, Pair)]
    assert [(p.query.text, p.positive.id) for p in good] == [("원피스", "1"), ("빨간 원피스", "1"), ("파란 셔츠", "2")]
    assert [n.id for n in good[0].negatives] == ["2"]
    told = [p.reason for p in found if isinstance(p, Problem)]
    assert any("names the item '9'" in t for t in told) and any("has a text alone" in t for t in told)
    with pytest.raises(InputError, match="--columns text=상품명,image=사진,id=번호"):
        list(pairs.read([tmp_path / "goods.csv"]))
