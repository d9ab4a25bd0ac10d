"""The contract of every engine: what is stored comes back, conditions hold, and scores are the formula's, computed here in numpy."""

from __future__ import annotations

import contextlib
import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hannun.embeddings import Floats, unit
from hannun.errors import CollectionBusy, HannunError, InputError
from hannun.index.edge import Edge
from hannun.index.engine import RISE, All, Among, Compare, Engine, Layout, Listing, Plan, Point, Words
from hannun.search.where import parse_where

DIM = 16
DIMS = (16, 8, 4)
Opener = Callable[..., Engine]


def local_cluster(folder: Path, layout: Layout) -> Engine:
    """The client's own local mode: the same requests, run by the client in Python instead of by a server."""
    client = pytest.importorskip("qdrant_client", reason="needs hannun[cluster]")
    from hannun.index.cluster import Cluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Cluster(client.QdrantClient(path=str(folder)), "shop", layout)
        except RuntimeError as e:
            raise CollectionBusy(str(e)) from None


# A new engine is one line here: how to open it (again) at a place.
ENGINES: dict[str, Callable[[Path, Layout], Engine]] = {
    "edge": lambda place, layout: Edge(place / "shard", layout),
    "cluster": lambda place, layout: local_cluster(place / "qdrant", layout),
}


@pytest.fixture(params=ENGINES)
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    opened: list[Engine] = []

    def open_it(parts: tuple[str, ...] = ("text", "image"), **rest: Any) -> Engine:
        opened.append(ENGINES[request.param](tmp_path, Layout(parts, DIMS, **rest)))
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
    engine = ENGINES[request.param](tmp_path_factory.mktemp("crowded"), Layout(("text", "image"), DIMS))
    engine.upsert(crowd(90, seed=1))
    yield engine
    engine.close()


@pytest.fixture(scope="module", params=ENGINES)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The same with the rows of SHOP."""
    engine = ENGINES[request.param](tmp_path_factory.mktemp("shop"), Layout(("text", "image"), DIMS))
    engine.upsert([words(id, **facts) for id, facts in SHOP.items()])
    yield engine
    engine.close()


def vector(*values: float) -> Floats:
    return unit(np.array([*values, *[0.0] * (DIM - len(values))], np.float32))


def point(id: str, text: Floats | None = None, image: Floats | None = None, **facts: Any) -> Point:
    vectors = {n: v for n, v in (("text", text), ("image", image)) if v is not None}
    return Point(id, vectors, {"facts": facts})


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
    assert set(payload) == {"id", "facts"}
    assert payload == engine.query(plan(vector(1)))[0].payload
    stored = engine.vectors(["가/방 #1", "none"])
    assert list(stored) == ["가/방 #1"]
    assert stored["가/방 #1"]["text"] == pytest.approx(vector(1, 2), abs=1e-6)
    assert stored["가/방 #1"]["image"] == pytest.approx(vector(2, 1), abs=1e-6)


def test_only_the_named_fields(engine: Engine) -> None:
    engine.upsert([Point("1", {"text": vector(1)}, {"facts": {"price": 5}, "text": "x"})])
    assert engine.get(["1"], []) == {"1": {"id": "1"}}
    assert engine.get(["1"], ["facts"]) == {"1": {"id": "1", "facts": {"price": 5}}}
    assert list(engine.scan(["id", "text"])) == [{"id": "1", "text": "x"}]


def test_payload_and_vectors_are_read_together(engine: Engine) -> None:
    engine.upsert([point("1", vector(1, 2), vector(0, 1), n=1), point("2", None, vector(0, 0, 1)), words("3", n=3)])
    shown = engine.shown(["1", "none", "2", "1"], ["image"])
    assert {i: payload for i, (payload, _) in shown.items()} == engine.get(["1", "2"])
    stored = engine.vectors(["1", "2"])
    assert all(list(vectors) == ["image"] and (vectors["image"] == stored[i]["image"]).all() for i, (_, vectors) in shown.items())
    assert engine.shown(["2"], ["text"]) == {"2": (engine.get(["2"])["2"], {})}


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


@pytest.mark.parametrize("dim", DIMS)
def test_what_is_the_same_as_the_query_comes_before_what_is_near(opener: Opener, dim: int) -> None:
    """1 − (1 − s)·Π(1 − RISE·r) with r = (cos − 0.9)/0.1 of each part: what is the query as a whole is first, and 0.9 changes nothing."""
    engine, random = opener(("text", "image")), np.random.default_rng(3)
    query, across = unit(np.eye(DIM)[0] + 0.0), np.eye(DIM)[1]

    def at(cosine: float) -> Floats:
        return (cosine * query + np.sqrt(1 - cosine**2) * across).astype(np.float32)

    points = [point("same", None, at(1.0)), point("both", unit(random.standard_normal(DIM)), at(1.0)), point("near", None, at(0.95))]
    points += [point("edge", None, at(0.9)), point("text", at(0.6), None), point("far", None, at(0.2))]
    engine.upsert(points)
    gains = {"text": 1.0, "image": 0.5, "text+image": 0.7}
    weights = {"text": 0.5, "image": 0.5}
    asked = unit(query[:dim])
    plain = {m.payload["id"]: m.score for m in engine.query(Plan(asked, weights, gains, limit=9))}
    found = engine.query(Plan(asked, weights, gains, limit=9, same=0.9))
    for m in found:
        heads = [unit(v[:dim]) for p in points if p.id == m.payload["id"] for v in p.vectors.values()]
        apart = np.prod([1 - RISE * max(float(asked @ h) - 0.9, 0.0) / 0.1 for h in heads])
        assert m.score == pytest.approx(1 - (1 - plain[str(m.payload["id"])]) * apart, abs=2e-5)
    assert {m.payload["id"] for m in found[:2]} == {"same", "both"} and plain["text"] > plain["same"]


THREE = [{"text": 0.2, "image": 0.3, "signal": 0.5}, {"text": 0.6, "signal": 0.4}, {"image": 0.5, "signal": 0.5}]


@pytest.mark.parametrize("weights", THREE)
@pytest.mark.parametrize("dim", DIMS)
def test_the_average_of_any_parts_is_exact(opener: Opener, weights: dict[str, float], dim: int) -> None:
    """Three parts, every set of them, a gain for each set: cos(q, normalise(Σ w·v)) by the definition."""
    parts, random = ("text", "image", "signal"), np.random.default_rng(5)
    sets = [s for n in (1, 2, 3) for s in itertools.combinations(parts, n)]
    points = [Point(str(i), dict(zip(s, unit(random.standard_normal((len(s), DIM))), strict=True)), {}) for i, s in enumerate(sets * 6)]
    engine, gains = opener(parts), {"+".join(s): 1 - 0.1 * n for n, s in enumerate(sets)}
    engine.upsert(points)
    query = unit(random.standard_normal(dim))
    found = {m.payload["id"]: m for m in engine.query(Plan(query, weights, gains, limit=99, explain=True))}
    truth = {}
    for p in points:
        heads = {k: unit(v[:dim]) for k, v in p.vectors.items()}
        if counting := [k for k in parts if k in heads and k in weights]:
            truth[p.id] = float(query @ unit(np.sum([weights[k] * heads[k] for k in counting], axis=0))) * gains["+".join(counting)]
            pairs = {"+".join(pair): float(heads[pair[0]] @ heads[pair[1]]) for pair in itertools.combinations(heads, 2)}
            shares = {k: float(query @ v) for k, v in heads.items()} | pairs
            assert dict(found[p.id].parts) == pytest.approx(shares, abs=1e-5)
    assert {i: m.score for i, m in found.items()} == pytest.approx(truth, abs=5e-6)


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


# Prefixes (Matryoshka), quantised vectors, token vectors


@pytest.mark.parametrize(
    "layout", [{}, {"prefix": 8}, {"prefix": 4}, {"quantise": "int8"}, {"quantise": "binary"}, {"prefix": 4, "quantise": "int8"}]
)
@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.8, 0.2), (1.0, 0.0)])
@pytest.mark.parametrize("dim", DIMS)
def test_a_shorter_query_is_compared_with_renormalised_prefixes(
    opener: Opener, layout: dict[str, Any], weights: tuple[float, float], dim: int
) -> None:
    """Whatever the store keeps and searches first, the scores are those of the vectors cut to the query's length."""
    engine = opener(("text", "image"), **layout)
    points = crowd(60, seed=5)
    engine.upsert(points)
    cut = [Point(p.id, {n: unit(v[:dim]) for n, v in p.vectors.items()}, p.payload) for p in points]
    query = unit(np.random.default_rng(dim).standard_normal(dim))
    found = engine.query(plan(query, weights, (1.0, 0.7, 0.9), limit=60, candidates=60))
    truth = expected(query, cut, weights, (1.0, 0.7, 0.9))
    assert [m.score for m in found] == pytest.approx([s for s, _ in truth], abs=2e-6)
    assert [m.payload["id"] for m in found] == [i for _, i in truth]


@pytest.mark.parametrize("bad", [vector(1)[:5], np.zeros((2, DIM), np.float32), np.zeros(DIM + 1, np.float32)])
def test_a_query_of_another_length_is_refused(engine: Engine, bad: Floats) -> None:
    with pytest.raises(InputError, match="declared dims"):
        engine.query(plan(bad))


def test_exact_compares_with_every_point(engine: Engine) -> None:
    points = crowd(300, seed=6)
    engine.upsert(points)
    query = unit(np.random.default_rng(9).standard_normal(DIM))
    found = engine.query(plan(query, limit=300, exact=True, candidates=1))
    assert [m.payload["id"] for m in found] == [i for _, i in expected(query, points, (0.5, 0.5), (1, 1, 1))]


TOKEN_DIM = 8


def tokens(seed: int, length: int) -> Floats:
    # Multiples of 1/16: float16, as which they are kept, has these exactly.
    return np.random.default_rng(seed).integers(-8, 9, (length, TOKEN_DIM)).astype(np.float32) / 16


def maxsim(query: Floats, document: Floats) -> float:
    """Σ over the query's tokens of the best of the document's (Khattab & Zaharia 2020)."""
    return float((query @ document.T).max(axis=1).sum())


@pytest.mark.parametrize("prefix", [0, 4])
def test_token_vectors_rescore_the_nearest(opener: Opener, prefix: int) -> None:
    engine = opener(("joint",), tokens=TOKEN_DIM, prefix=prefix)
    rows = unit(np.random.default_rng(0).standard_normal((40, DIM)))
    engine.upsert([Point(str(n), {"joint": r}, {"facts": {}}, tokens=tokens(n, 2 + n % 5) if n % 8 else None) for n, r in enumerate(rows)])
    assert engine.vectors(["3", "8"])["3"]["tokens"] == pytest.approx(tokens(3, 5))
    assert "tokens" not in engine.vectors(["8"])["8"]
    query, asked = unit(rows[3] + rows[5]), tokens(100, 3)
    found = engine.query(Plan(query, {"joint": 1.0}, {"joint": 1.0}, limit=40, candidates=40, tokens=asked, explain=True))
    truth = sorted(((maxsim(asked, tokens(n, 2 + n % 5)), str(n)) for n in range(40) if n % 8), key=lambda t: (-t[0], t[1]))
    assert [m.score for m in found] == pytest.approx([s for s, _ in truth], abs=1e-3)
    assert {m.payload["id"] for m in found} == {i for _, i in truth}  # those without token vectors fall out
    assert all(m.parts["tokens"] == pytest.approx(m.score, abs=1e-3) for m in found)
    few = engine.query(Plan(query, {"joint": 1.0}, {"joint": 1.0}, limit=5, candidates=25, tokens=asked))
    nearest = {str(n) for n in np.argsort(-(rows @ query))[:25]}
    assert {m.payload["id"] for m in few} == {i for _, i in [t for t in truth if t[1] in nearest][:5]}


def test_token_vectors_need_a_layout_that_has_them(engine: Engine) -> None:
    with pytest.raises(InputError, match="made without"):
        engine.upsert([Point("1", {"text": vector(1)}, {}, tokens=tokens(0, 2))])
    with pytest.raises(InputError, match="has none"):
        engine.query(plan(vector(1), tokens=tokens(0, 2)))


# Words


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


# Counting, listing, changing


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


def test_conditions_hold_when_the_facts_are_indexed(engine: Engine) -> None:
    engine.upsert([words(id, **facts) for id, facts in SHOP.items()])
    engine.optimise()
    engine.upsert([words("9", price=9900, 새것="x")])  # and for what came later
    text = {"색 = 빨강": "1", "색 != 빨강": "234569", "price = 비쌈": "5", "tags in (면, 겨울)": "123", "새것 = x": "9"}
    numbers = {"price = 9900": "19", "price >= 50000": "23", "new = 1": "4", "sizes > 99": "4", "code = 7": "3", "rate >= 4.5": "13"}
    for where, found in {**text, **numbers, "new = true": "1"}.items():
        assert ids(engine, where) == list(found), where


def test_an_update_keeps_the_vectors(engine: Engine) -> None:
    old = point("1", vector(1, 2), vector(2, 1), a=1)
    engine.upsert([old, point("2", None, vector(1))])
    before = engine.query(plan(vector(1)))
    engine.update([Point("1", {}, {"facts": {"b": 2}}, words=("새",)), Point("none", {}, {"facts": {"b": 2}})])
    assert engine.count() == 2 and engine.get(["1"])["1"] == {"id": "1", "facts": {"b": 2}}
    assert [(m.payload["id"], m.score) for m in engine.query(plan(vector(1)))] == [
        (m.payload["id"], pytest.approx(m.score)) for m in before
    ]
    assert ids(engine, "b = 2") == ["1"] and ids(engine, "a = 1") == []
    assert [m.payload["id"] for m in engine.query(Words(("새",)))] == ["1"]


def test_delete_where(engine: Engine) -> None:
    engine.upsert(crowd(50, seed=7))
    assert engine.delete_where(parse_where("n < 20")) == 20
    assert engine.delete_where(parse_where("n < 20")) == 0
    assert engine.count() == 30 and ids(engine, "n < 21") == ["20"]


def test_whole_points_come_back(opener: Opener) -> None:
    engine = opener(("text", "image"), tokens=TOKEN_DIM, prefix=4)
    points = [
        Point(
            "1", {"text": vector(1, 2), "image": vector(3)}, {"facts": {"a": 1}, "text": "x"}, ("빨갛다", "빨갛다"), ("ㅃㄱ",), tokens(1, 3)
        ),
        Point("2", {"image": vector(2)}, {}),
    ]
    engine.upsert(points)
    for found in (list(engine.points()), list(engine.points(["2", "1", "none"]))):
        for p, q in zip(sorted(found, key=lambda p: p.id), points, strict=True):
            assert (p.id, p.words, p.initials) == (q.id, q.words, q.initials) and p.payload == {**q.payload, "id": q.id}
            assert p.vectors.keys() == q.vectors.keys() and all(p.vectors[n] == pytest.approx(v, abs=1e-6) for n, v in q.vectors.items())
            assert (p.tokens is None) == (q.tokens is None) and (p.tokens is None or p.tokens == pytest.approx(q.tokens))


def test_explaining_tells_the_cosine_of_each_part(engine: Engine) -> None:
    points = crowd(30, seed=8)
    engine.upsert(points)
    for dim in DIMS:
        query = unit(np.random.default_rng(1).standard_normal(dim))
        for match in engine.query(plan(query, limit=30, explain=True)):
            heads = {n: unit(v[:dim]) for n, v in points[int(match.payload["id"])].vectors.items()}
            truth = {n: pytest.approx(float(query @ v), abs=1e-5) for n, v in heads.items()}
            if len(heads) == 2:
                truth["agreement"] = pytest.approx(float(heads["text"] @ heads["image"]), abs=1e-5)
            assert dict(match.parts) == truth


def test_the_given_ids_are_scored(engine: Engine) -> None:
    points = crowd(200, seed=9)
    engine.upsert(points)
    wanted = tuple(str(n) for n in range(0, 200, 9))
    query = vector(1, 5)
    found = engine.query(plan(query, where=Among("id", wanted), limit=len(wanted), exact=True))
    truth = expected(query, [points[int(i)] for i in wanted], (0.5, 0.5), (1, 1, 1))
    assert [m.payload["id"] for m in found] == [i for _, i in truth]
    both = All((Among("id", wanted), Compare("n", ">", 100)))
    assert {m.payload["id"] for m in engine.query(plan(query, where=both, limit=200))} == {i for i in wanted if int(i) > 100}


@pytest.mark.parametrize("weights", [(0.5, 0.5), (1.0, 0.0)])
def test_however_many_scores_are_equal_pages_follow_the_ids(engine: Engine, weights: tuple[float, float]) -> None:
    engine.upsert([point(f"{n:03}", vector(1), vector(1)) for n in np.random.default_rng(0).permutation(400)])
    assert [m.payload["id"] for m in engine.query(plan(vector(1), weights, limit=5))] == [f"{n:03}" for n in range(5)]
    assert [m.payload["id"] for m in engine.query(plan(vector(1), weights, limit=7, offset=200))] == [f"{n:03}" for n in range(200, 207)]


def test_a_backup_opens_as_a_store(engine: Engine, tmp_path: Path) -> None:
    engine.upsert(crowd(30, seed=3))
    engine.backup(tmp_path / "backup")
    with pytest.raises(InputError, match="already"):
        engine.backup(tmp_path / "backup")
    engine.delete(["1"])
    copy = Edge(tmp_path / "backup")
    assert copy.layout == engine.layout and copy.count() == 30 and engine.count() == 29
    copy.close()


@pytest.mark.parametrize(
    "layout",
    [
        Layout((), (8,)),
        Layout(("text",), ()),
        Layout(("text",), (4, 8)),
        Layout(("text",), (8, 4), prefix=5),
        Layout(("text",), (8, 4), prefix=8),
    ],
)
@pytest.mark.parametrize("name", ENGINES)
def test_layouts_that_contradict_themselves_are_refused(tmp_path: Path, name: str, layout: Layout) -> None:
    with pytest.raises(InputError):
        ENGINES[name](tmp_path, layout)


def test_a_store_has_one_layout(opener: Opener) -> None:
    opener().close()
    with pytest.raises(InputError, match="was made as"):
        opener(prefix=4)
    opener()
