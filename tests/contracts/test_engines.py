"""The contract of every engine: what is stored comes back, conditions hold, and scores are the formula's, computed here in numpy."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hannun.embeddings import Floats, unit
from hannun.errors import CollectionBusy, HannunError, InputError
from hannun.index.edge import Edge
from hannun.index.engine import AGREEMENT, HAS_IMAGE, HAS_TEXT, Engine, Plan, Point
from hannun.search.where import parse_where

DIM = 16
Opener = Callable[[tuple[str, ...]], Engine]

# A new engine is one line here: how to open it (again) at a place.
ENGINES: dict[str, Callable[[Path, tuple[str, ...]], Engine]] = {
    "edge": lambda place, parts: Edge(place / "shard", parts, DIM),
}


@pytest.fixture(params=ENGINES)
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    opened: list[Engine] = []

    def open_it(parts: tuple[str, ...] = ("text", "image")) -> Engine:
        opened.append(ENGINES[request.param](tmp_path, parts))
        return opened[-1]

    yield open_it
    for engine in opened[-1:]:
        with contextlib.suppress(HannunError):
            engine.close()


@pytest.fixture
def engine(opener: Opener) -> Engine:
    return opener(("text", "image"))


@pytest.fixture(scope="module", params=ENGINES)
def crowded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for the tests that only read, with the 90 points of `crowd(90, seed=1)`."""
    engine = ENGINES[request.param](tmp_path_factory.mktemp("crowded"), ("text", "image"))
    engine.upsert(crowd(90, seed=1))
    yield engine
    engine.close()


@pytest.fixture(scope="module", params=ENGINES)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The same with the rows of SHOP."""
    engine = ENGINES[request.param](tmp_path_factory.mktemp("shop"), ("text", "image"))
    engine.upsert([words(id, **facts) for id, facts in SHOP.items()])
    yield engine
    engine.close()


def vector(*values: float) -> Floats:
    return unit(np.array([*values, *[0.0] * (DIM - len(values))], np.float32))


def point(id: str, text: Floats | None = None, image: Floats | None = None, **facts: Any) -> Point:
    vectors = {n: v for n, v in (("text", text), ("image", image)) if v is not None}
    agreement = float(text @ image) if text is not None and image is not None else 0.0
    payload = {"facts": facts, HAS_TEXT: int(text is not None), HAS_IMAGE: int(image is not None), AGREEMENT: agreement}
    return Point(id, vectors, payload)


def words(id: str, **facts: Any) -> Point:
    return point(id, vector(1), **facts)


def plan(query: Floats, weights: tuple[float, float] = (0.5, 0.5), gains: tuple[float, float, float] = (1, 1, 1), **rest: Any) -> Plan:
    names = ("text", "image", "text+image")
    return Plan(query, dict(zip(names[:2], weights, strict=True)), dict(zip(names, gains, strict=True)), **rest)


def ids(engine: Engine, where: str | None = None) -> list[str]:
    return sorted(p["id"] for p in engine.scan(["id"], None if where is None else parse_where(where)))


# Storing


def test_a_new_engine_is_empty(engine: Engine) -> None:
    assert isinstance(engine, Engine)
    assert engine.count() == 0 and ids(engine) == [] and engine.get(["x"]) == {}
    assert engine.query(plan(vector(1))) == []
    engine.delete(["x"])
    engine.upsert([])
    engine.optimise()
    engine.flush()


def test_what_is_stored_comes_back_as_it_was(engine: Engine) -> None:
    facts = {
        "s": "빨강 👗",
        "n": 5,
        "f": 0.25,
        "yes": True,
        "no": False,
        "l": ["a", 1, True],
        "d": {"k": [1.5]},
        "big": 2**63 - 1,
        "색 이름": "x",
    }
    engine.upsert([point("가/방 #1", vector(1, 2), vector(2, 1), **facts)])
    payload = engine.get(["가/방 #1", "none"])["가/방 #1"]
    assert payload["facts"] == facts and payload["id"] == "가/방 #1"
    assert {k: type(v) for k, v in payload["facts"].items()} == {k: type(v) for k, v in facts.items()}
    assert set(payload) == {"id", "facts", HAS_TEXT, HAS_IMAGE, AGREEMENT}
    assert payload == engine.query(plan(vector(1)))[0].payload
    stored = engine.vectors(["가/방 #1", "none"])
    assert list(stored) == ["가/방 #1"]
    assert stored["가/방 #1"]["text"] == pytest.approx(vector(1, 2), abs=1e-6)
    assert stored["가/방 #1"]["image"] == pytest.approx(vector(2, 1), abs=1e-6)


def test_only_the_named_fields(engine: Engine) -> None:
    engine.upsert([words("1", price=5)])
    assert engine.get(["1"], []) == {"1": {"id": "1"}}
    assert engine.get(["1"], ["facts"]) == {"1": {"id": "1", "facts": {"price": 5}}}
    assert list(engine.scan(["id", HAS_TEXT])) == [{"id": "1", HAS_TEXT: 1}]


def test_an_id_replaces_the_whole_point(engine: Engine) -> None:
    engine.upsert([point("1", vector(1), vector(0, 1), old=1, both=1)])
    engine.upsert([point("1", None, vector(0, 0, 1), both=2)])
    assert engine.count() == 1
    assert engine.get(["1"])["1"]["facts"] == {"both": 2}
    assert list(engine.vectors(["1"])["1"]) == ["image"]
    assert ids(engine, "old = 1") == [] and ids(engine, "both = 2") == ["1"]


def test_of_one_id_twice_in_a_batch_the_last_stands(engine: Engine) -> None:
    engine.upsert([words("1", n=1), words("1", n=2)])
    assert engine.count() == 1 and engine.get(["1"])["1"]["facts"] == {"n": 2}


def test_delete(engine: Engine) -> None:
    engine.upsert([words(str(n), n=n) for n in range(5)])
    engine.delete(["1", "3", "none", "1"])
    assert ids(engine) == ["0", "2", "4"] and engine.count() == 3
    assert len(engine.query(plan(vector(1), limit=10))) == 3
    engine.upsert([words("1")])
    assert ids(engine) == ["0", "1", "2", "4"]


def test_a_scan_passes_every_point_once(engine: Engine) -> None:
    many = 4_500  # more than two pages
    for start in range(0, many, 1500):
        engine.upsert([words(str(n), n=n) for n in range(start, start + 1500)])
    found = [p["id"] for p in engine.scan(["id"])]
    assert len(found) == len(set(found)) == many == engine.count()
    assert engine.count(parse_where("n >= 4000")) == 500


def test_what_was_written_is_there_after_closing_and_opening(opener: Opener) -> None:
    engine = opener(("text", "image"))
    engine.upsert([point("1", vector(1), vector(0, 1), a="x", yes=True), words("2")])
    engine.delete(["2"])
    before = engine.query(plan(vector(1, 1)))
    engine.close()
    again = opener(("text", "image"))
    assert ids(again) == ["1"] and again.get(["1"])["1"]["facts"] == {"a": "x", "yes": True}
    after = again.query(plan(vector(1, 1)))
    assert [m.payload for m in after] == [m.payload for m in before]
    assert [m.score for m in after] == pytest.approx([m.score for m in before], abs=1e-6)
    again.upsert([words("3")])
    assert ids(again) == ["1", "3"]


def test_files_have_one_owner(opener: Opener) -> None:
    first = opener(("text", "image"))
    first.upsert([words("1")])
    with pytest.raises(CollectionBusy):
        opener(("text", "image"))
    first.close()
    assert ids(opener(("text", "image"))) == ["1"]


@pytest.mark.parametrize(
    "bad",
    [
        Point("x", {}, {}),
        Point("x", {"text": np.array([math.nan] * DIM, np.float32)}, {}),
        Point("x", {"text": np.array([math.inf] + [0] * (DIM - 1), np.float32)}, {}),
        Point("x", {"text": np.ones(DIM + 1, np.float32)}, {}),
    ],
)
def test_vectors_that_would_spoil_the_index_are_refused(engine: Engine, bad: Point) -> None:
    with pytest.raises(InputError):
        engine.upsert([words("1"), bad])
    assert engine.count() == 0  # the batch is written whole or not at all


def test_large_payloads(engine: Engine) -> None:
    text = "가" * 1_000_000
    engine.upsert([Point(str(n), {"text": vector(1)}, {"text": text}) for n in range(3)])
    assert engine.get(["2"])["2"]["text"] == text


# Ranking


def expected(
    query: Floats, points: list[Point], weights: tuple[float, float], gains: tuple[float, float, float]
) -> list[tuple[float, str]]:
    """cos(q, normalise(Σ w·v)) · gain by brute force over what counts of each point, best first."""
    found = []
    for p in points:
        counting = {n: w for n, w in zip(("text", "image"), weights, strict=True) if w > 0 and n in p.vectors}
        if counting:
            joint = unit(np.sum([w * p.vectors[n] for n, w in counting.items()], axis=0))
            gain = dict(zip(("text", "image", "text+image"), gains, strict=True))["+".join(counting)]
            found.append((float(query @ joint) * gain, p.id))
    return sorted(found, reverse=True)


def crowd(n: int, seed: int) -> list[Point]:
    """Random points; a third has only text, a third only a picture."""
    random = np.random.default_rng(seed)
    rows = unit(random.standard_normal((n, 2, DIM)))
    return [point(str(i), rows[i, 0] if i % 3 != 1 else None, rows[i, 1] if i % 3 != 2 else None, n=i, odd=bool(i % 2)) for i in range(n)]


GAINS = [(1.0, 1.0, 1.0), (1.0, 0.4, 0.7), (0.3, 1.0, 0.5)]


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.7, 0.3), (0.1, 0.9), (0.999, 0.001), (1.0, 0.0), (0.0, 1.0)])
@pytest.mark.parametrize("gains", GAINS)
def test_scores_are_the_averaged_cosine_exactly(crowded: Engine, weights: tuple[float, float], gains: tuple[float, float, float]) -> None:
    points = crowd(90, seed=1)
    for seed in range(4):
        query = unit(np.random.default_rng(100 + seed).standard_normal(DIM))
        found = crowded.query(plan(query, weights, gains, limit=90))
        truth = expected(query, points, weights, gains)
        assert [m.score for m in found] == pytest.approx([s for s, _ in truth], abs=2e-6)
        assert {m.payload["id"]: pytest.approx(m.score, abs=2e-6) for m in found} == {i: s for s, i in truth}


def test_the_top_is_exact_when_there_are_more_points_than_candidates(engine: Engine) -> None:
    points = crowd(1500, seed=2)
    engine.upsert(points)
    for seed in range(5):
        query = unit(np.random.default_rng(seed).standard_normal(DIM))
        found = engine.query(plan(query, (0.6, 0.4), (1.0, 0.8, 0.9), limit=10, candidates=200))
        truth = expected(query, points, (0.6, 0.4), (1.0, 0.8, 0.9))[:10]
        assert [m.payload["id"] for m in found] == [i for _, i in truth]


def test_offset_goes_on_where_limit_ended(engine: Engine) -> None:
    engine.upsert(crowd(60, seed=3))
    query = vector(1, 2, 3)
    whole = [m.payload["id"] for m in engine.query(plan(query, limit=60))]
    pieces = [m.payload["id"] for start in range(0, 60, 7) for m in engine.query(plan(query, limit=7, offset=start))]
    assert pieces == whole and len(set(whole)) == 60
    assert engine.query(plan(query, limit=5, offset=100)) == []


@pytest.mark.parametrize("weights", [(0.5, 0.5), (1.0, 0.0)])
def test_equal_scores_come_in_the_order_of_their_ids(engine: Engine, weights: tuple[float, float]) -> None:
    engine.upsert([point(f"{n:02}", vector(1, n % 3), vector(1, n % 3)) for n in np.random.default_rng(0).permutation(54)])
    whole = [f"{n:02}" for start in range(3) for n in range(start, 54, 3)]
    for _ in range(3):
        assert [m.payload["id"] for m in engine.query(plan(vector(1), weights, limit=54))] == whole
        pages = [m.payload["id"] for start in range(0, 54, 6) for m in engine.query(plan(vector(1), weights, limit=6, offset=start))]
        assert pages == whole


@pytest.mark.parametrize("weights", [(0.5, 0.5), (1.0, 0.0)])
def test_a_condition_is_applied_before_ranking(engine: Engine, weights: tuple[float, float]) -> None:
    points = crowd(1200, seed=4)
    engine.upsert(points)
    query = vector(3, 1)
    found = engine.query(plan(query, weights, where=parse_where("n >= 900 and odd = true"), limit=10, candidates=150))
    fitting = [p for p in points if p.payload["facts"]["n"] >= 900 and p.payload["facts"]["odd"]]
    assert [m.payload["id"] for m in found] == [i for _, i in expected(query, fitting, weights, (1, 1, 1))[:10]]
    assert engine.query(plan(query, weights, where=parse_where("n > 5000"))) == []


def test_parts_that_cancel_out_have_no_direction_and_no_score(engine: Engine) -> None:
    engine.upsert([point("nothing", vector(1), vector(-1)), point("some", vector(1), vector(1))])
    found = {m.payload["id"]: m.score for m in engine.query(plan(vector(1)))}
    assert found["some"] == pytest.approx(1)
    assert abs(found.get("nothing", 0.0)) < 1e-3


def test_an_engine_with_one_joint_vector(opener: Opener) -> None:
    engine = opener(("joint",))
    rows = unit(np.random.default_rng(0).standard_normal((30, DIM)))
    engine.upsert([Point(str(n), {"joint": row}, {"facts": {}}) for n, row in enumerate(rows)])
    query = vector(1, 1)
    found = engine.query(Plan(query, {"joint": 1.0}, {"joint": 1.0}, limit=5))
    assert [m.payload["id"] for m in found] == [str(i) for i in np.argsort(-(rows @ query))[:5]]
    assert [m.score for m in found] == pytest.approx(sorted(rows @ query, reverse=True)[:5], abs=1e-6)


# Conditions: what the grammar says and what an engine finds

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


def test_a_field_that_cannot_be_asked_for_is_an_error_and_not_a_crash(engine: Engine) -> None:
    engine.upsert([Point("1", {"text": vector(1)}, {"facts": {'a"b': 1, "": 2, "a[0]": 3, "a'b\\": 4}})])
    with pytest.raises(InputError, match="double quotes"):
        ids(engine, '`a"b` = 1')
    assert ids(engine, "`a[0]` = 3") == ["1"]
    for odd in ("`a'b\\` = 4", "`\\` = 1", "`a]b` = 1", "`.` = 1", "`$` = 1"):
        with contextlib.suppress(HannunError):
            ids(engine, odd)
