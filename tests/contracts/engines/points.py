"""The engines under contract, small points and vectors to put into them, and their ranking by brute force."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hannun.embeddings import Floats, unit
from hannun.errors import CollectionBusy
from hannun.index.edge import Edge
from hannun.index.engine import Engine, Layout, Plan, Point
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
