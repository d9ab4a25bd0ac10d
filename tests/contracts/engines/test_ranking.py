"""The contract of every engine: scores are the formula's, computed here in numpy, and pages follow from them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from hannun.embeddings import Floats, unit
from hannun.index.engine import RISE, All, Among, Compare, Engine, Layout, Plan, Point
from hannun.search.where import parse_where
from tests.contracts.engines.points import DIM, DIMS, ENGINES, Opener, crowd, expected, plan, point, vector


@pytest.fixture(scope="module", params=ENGINES)
def crowded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for the tests that only read, with the 90 points of `crowd(90, seed=1)`."""
    engine = ENGINES[request.param](tmp_path_factory.mktemp("crowded"), Layout(("text", "image"), DIMS))
    engine.upsert(crowd(90, seed=1))
    yield engine
    engine.close()


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
