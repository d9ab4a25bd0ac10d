"""The contract of every engine: BM25, exact after every change, and listings in the order of a number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hannun.index.engine import Engine, Listing, Point, Words
from hannun.search.where import parse_where
from tests.contracts.engines.points import Opener, vector, words


def bm25(documents: dict[str, list[str]], query: tuple[str, ...], k: float = 1.2, b: float = 0.75) -> dict[str, float]:
    """BM25 by brute force (Robertson & Zaragoza 2009), idf = ln(1 + (N − n + ½) / (n + ½))."""
    lengths = [len(d) for d in documents.values() if d]
    average = sum(lengths) / len(lengths)
    scores: dict[str, float] = {}
    for id, d in documents.items():
        for term in set(query) & set(d):
            n = sum(term in other for other in documents.values())
            idf = math.log(1 + (len(lengths) - n + 0.5) / (n + 0.5))
            scores[id] = scores.get(id, 0) + idf * d.count(term) * (k + 1) / (d.count(term) + k * (1 - b + b * len(d) / average))
    return scores


def worded(id: str, terms: list[str], **facts: Any) -> Point:
    return Point(id, {"text": vector(1)}, {"facts": facts}, words=tuple(terms), initials=tuple(t[0] for t in terms))


def test_bm25_is_exact_after_every_add_replace_and_delete(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hannun.index.edge.binding.INDEX_FROM", 1)  # kilobytes: so that optimising does what it does to large stores
    engine = opener()
    random = np.random.default_rng(0)
    vocabulary = [f"낱말{n}" for n in range(40)]
    documents: dict[str, list[str]] = {}

    def draw() -> list[str]:
        return [vocabulary[min(39, int(random.exponential(8)))] for _ in range(random.integers(0, 30))]

    def check() -> None:
        for seed in range(6):
            query = tuple(np.random.default_rng(seed).choice(vocabulary[:25], 3, replace=False))
            found = engine.query(Words(query, limit=1000, fields=(), explain=seed == 0))
            truth = bm25(documents, query)
            assert {m.payload["id"]: pytest.approx(m.score, abs=1e-5) for m in found} == truth
            assert [m.score for m in found] == sorted((m.score for m in found), reverse=True)
            assert all(not m.parts or sum(m.parts.values()) == pytest.approx(m.score, abs=1e-5) for m in found)
            assert seed or found[0].parts.keys() <= set(query)

    for step in range(8):
        new = {str(n): draw() for n in random.choice(300, 40, replace=False)}  # later steps replace some
        documents |= new
        engine.upsert([worded(i, d) for i, d in new.items()])
        check()
        gone = [str(i) for i in random.choice(sorted(documents), 15, replace=False)]
        engine.delete(gone)
        documents = {i: d for i, d in documents.items() if i not in gone}
        check()
        if step in (3, 5):
            engine.optimise()
            check()
    changed = {i: draw() for i in sorted(documents)[:30]}
    engine.update([worded(i, d) for i, d in changed.items()])
    documents |= changed
    check()
    engine.close()
    engine = opener()
    check()


def test_words_with_a_condition_pages_and_nothing_found(engine: Engine) -> None:
    engine.upsert([worded(f"{n:02}", ["빨갛다", f"w{n}"], n=n) for n in range(30)])
    assert [m.payload["id"] for m in engine.query(Words(("빨갛다",), parse_where("n >= 25"), limit=3))] == ["25", "26", "27"]
    pages = [m.payload["id"] for start in range(0, 30, 7) for m in engine.query(Words(("빨갛다",), limit=7, offset=start))]
    assert pages == [f"{n:02}" for n in range(30)]
    pool = engine.query(Words(("빨갛다",), limit=7, pool=True))  # seven of those with the best scores, whichever
    assert [m.score for m in pool] == pytest.approx([m.score for m in engine.query(Words(("빨갛다",), limit=7))])
    assert len({m.payload["id"] for m in pool}) == 7
    assert engine.query(Words(())) == [] and engine.query(Words(("none",))) == []
    assert engine.query(Words(("빨",), limit=2, initials=True))[0].payload["id"] == "00"
    assert engine.query(Words(("빨갛다",), limit=1, fields=()))[0].payload == {"id": "00"}


def test_a_listing_is_in_the_order_of_a_number(engine: Engine) -> None:
    engine.upsert([words(f"{n:02}", n=n % 7, price=float(n)) if n % 4 else words(f"{n:02}", n="없음") for n in range(60)])
    engine.upsert([words("99", n=[3, 6])])
    numbered = [(n % 7, f"{n:02}") for n in range(60) if n % 4]
    rest = [f"{n:02}" for n in range(0, 60, 4)]
    rising = [i for _, i in sorted([*numbered, (3, "99")])] + rest
    falling = [i for _, i in sorted([*numbered, (6, "99")], key=lambda r: (-r[0], r[1]))] + rest
    for _ in range(2):
        for order, whole in ((False, rising), (True, falling)):
            pages = [
                m.payload["id"]
                for start in range(0, 63, 9)
                for m in engine.query(Listing(order="n", descending=order, limit=9, offset=start))
            ]
            assert pages == whole
        assert [m.payload for m in engine.query(Listing(parse_where("price > 50"), 2, order="price", fields=()))] == [
            {"id": "51"},
            {"id": "53"},
        ]
        every = [m.payload["id"] for start in range(0, 63, 9) for m in engine.query(Listing(limit=9, offset=start))]
        assert sorted(every) == sorted(rising)
        engine.optimise()
