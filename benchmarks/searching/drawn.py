"""Synthetic vectors, words and items, stores of them, and the true ten of a query."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hannun.embeddings import Floats, unit
from hannun.index.edge import Edge
from hannun.index.engine import Layout, Point

DIM = 384
DIMS = (384, 192, 96)
BATCH = 1000


def drawn(size: int, seed: int, part: int = 0) -> Floats:
    """Unit rows [size, DIM] in 2,000 clusters; the variance falls over the dimensions as 1/n, as embeddings' does."""
    spectrum = (np.arange(1, DIM + 1) ** -0.5).astype(np.float32)
    centres = np.random.default_rng(1).normal(size=(2000, DIM)).astype(np.float32) * spectrum
    random = np.random.default_rng((seed, part))
    which = np.random.default_rng(seed).integers(0, 2000, size)  # the parts of one item lie in one cluster
    rows = np.empty((size, DIM), np.float32)
    for start in range(0, size, 50_000):
        some = which[start : start + 50_000]
        rows[start : start + 50_000] = unit(centres[some] + 0.7 * random.normal(size=(len(some), DIM)).astype(np.float32) * spectrum)
    return rows


def terms(size: int, seed: int) -> list[tuple[str, ...]]:
    """Twelve words for each item, as frequent as words are (Zipf)."""
    ranks = np.minimum(np.random.default_rng(seed).zipf(1.3, size=(size, 12)), 30_000)
    return [tuple(f"낱말{r}" for r in row) for row in ranks]


def made(folder: Path, layout: Layout, vectors: dict[str, Floats], words: Sequence[tuple[str, ...]] | None = None) -> Edge:
    """A store with these items, indexed; one that is there is filled from where it stopped."""
    done = folder.with_name(folder.name + ".done")
    store = Edge(folder, layout)
    size = len(next(iter(vectors.values())))
    start, took = store.count(), time.perf_counter()
    for at in range(start - start % BATCH, size, BATCH) if start < size else ():
        rows = range(at, min(at + BATCH, size))
        store.upsert([item(n, {p: v[n] for p, v in vectors.items()}, words[n] if words else ()) for n in rows])
    if not done.exists():
        added = time.perf_counter() - took
        took = time.perf_counter()
        store.optimise()
        done.write_text(json.dumps({"added": size - start, "seconds": added, "optimise": time.perf_counter() - took}))
        print(
            f"   {folder.name}: added {(size - start) / max(added, 1e-9):,.0f}/s, optimised in {time.perf_counter() - took:.0f} s",
            flush=True,
        )
    return store


def item(n: int, vectors: dict[str, Floats], words: tuple[str, ...]) -> Point:
    """An item as a shop has it."""
    facts = {"title": f"상품 {n}", "category": ("원피스", "셔츠", "바지")[n % 3], "price": n % 100_000}
    return Point(str(n), vectors, {"hash": str(n), "text": f"빨간 줄무늬 원피스 {n}", "images": [], "facts": facts}, words)


def exact(rows: Floats, queries: Floats, k: int = 10) -> np.ndarray:
    """The ids [queries, k] of the best by brute force."""
    found = []
    for start in range(0, len(queries), 20):
        scores = queries[start : start + 20] @ rows.T
        top = np.argpartition(-scores, k, axis=1)[:, :k]
        found.append(np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, 1), 1), 1))
    return np.concatenate(found)
