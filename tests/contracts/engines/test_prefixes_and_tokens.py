"""The contract of every engine: queries of a declared length, and token vectors that rescore the nearest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hannun.embeddings import Floats, unit
from hannun.errors import InputError
from hannun.index.engine import Engine, Plan, Point
from tests.contracts.engines.points import DIM, DIMS, Opener, crowd, expected, plan, vector


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
