"""Queries, documents and right answers go in; quality, bytes and latency of every dim × {fp32, int8, binary} come out, knee marked.

Quality is nDCG@10 of exact search over vectors stored that way; the query is kept as fp32 against int8 and binarised against
binary (Hamming distance), as vector engines do. Documents score against the whole of the query's cut. Latency is of one exact search
through all documents with numpy on one machine: a ratio between rows of one table, no promise for an engine.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hannun import metrics
from hannun.embeddings import Embeddings, Floats
from hannun.errors import InputError
from hannun.metrics import Array, Ints

Stored = npt.NDArray[Any]
FORMATS = ("fp32", "int8", "binary")
_REPEATS = 5


@dataclass(frozen=True)
class CurvePoint:
    """One way to store vectors: its quality (mean and outcomes), bytes for a vector, milliseconds for a query."""

    dim: int
    format: str
    quality: float
    outcomes: Array
    bytes: int
    milliseconds: float


def curve(queries: Embeddings, documents: Embeddings, right: Ints, dims: Sequence[int], k: int = 10) -> list[CurvePoint]:
    """Every dim in every format.

    Args:
        queries: [n, dim]; documents: [m, dim].
        right: [n], the right document of each query.
        dims: which to cut to, none above the vectors' own.
    """
    if not len(queries) or len(documents) < 2:
        raise InputError(f"{len(queries)} queries and {len(documents)} documents came, expected at least one and two")
    found = []
    for dim in sorted(dims):
        q, d = queries.truncate(dim), documents.truncate(dim)
        for format in FORMATS:
            asked, stored = _asked(q, format), _stored(d, format)
            ranks = metrics.pessimistic_rank(_scores(asked, stored, format), right)
            gains = np.where(ranks <= k, 1 / np.log2(1.0 + ranks), 0.0)
            size = {"fp32": 4 * dim, "int8": dim, "binary": -(-dim // 8)}[format]
            found.append(CurvePoint(dim, format, float(gains.mean()), gains, size, _milliseconds(asked, stored, format)))
    return found


def _stored(d: Embeddings, format: str) -> Stored:
    return d.binary() if format == "binary" else d.int8() if format == "int8" else d.dense


def _asked(q: Embeddings, format: str) -> Stored:
    return q.binary() if format == "binary" else q.dense


def _scores(asked: Stored, stored: Stored, format: str) -> Floats:
    """[queries, documents], higher is nearer; bits in common for binary."""
    if format == "binary":
        return np.stack([-np.bitwise_count(row ^ stored).sum(axis=1, dtype=np.float32) for row in asked])
    return np.asarray(asked @ stored.T.astype(np.float32), np.float32)


def _milliseconds(asked: Stored, stored: Stored, format: str) -> float:
    """The median time of one query through all documents, stored as they would be."""
    times = []
    for _ in range(_REPEATS):
        begun = time.perf_counter()
        _scores(asked[:1], stored, format)
        times.append(time.perf_counter() - begun)
    return float(np.median(times) * 1000)


def front(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """The points that no other beats in both bytes and quality, smallest first."""
    best: list[CurvePoint] = []
    for p in sorted(points, key=lambda p: (p.bytes, -p.quality)):
        if not best or p.quality > best[-1].quality:
            best.append(p)
    return best


def least(points: Sequence[CurvePoint], share: float) -> CurvePoint:
    """The smallest point that keeps at least `share` of the best quality."""
    best = max(p.quality for p in points)
    return next(p for p in front(points) if p.quality >= share * best)


def knee(points: Sequence[CurvePoint]) -> CurvePoint:
    """Where more bytes stop paying: the point of the front farthest above the line between its ends, over log bytes (Kneedle, 2011)."""
    best = front(points)
    if len(best) < 3:
        return best[-1]
    x = np.log2([p.bytes for p in best])
    y = np.array([p.quality for p in best])
    x, y = (x - x[0]) / (x[-1] - x[0]), (y - y[0]) / (y[-1] - y[0])
    return best[int((y - x).argmax())]
