"""A compiled query in Qdrant's own form goes in, the embedded engine's objects come out; and its exceptions as Hannun's errors."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as qe

from hannun.embeddings import Floats
from hannun.errors import CollectionBusy, InputError, StorageError
from hannun.index import request as form
from hannun.index.engine import Layout
from hannun.index.request import Json

INDEX_FROM = 10_000  # kilobytes of vectors (some 7,000 points); below, exact search takes a few milliseconds


@contextmanager
def engine_errors(path: Path) -> Iterator[None]:
    """Raises what the engine of the store at `path` raises, as StorageError or CollectionBusy with what to do."""
    try:
        yield
    except (StorageError, InputError):
        raise
    except OSError as e:
        raise StorageError(f"{path}: {e.strerror or e}; free some space or make the folder writable, then run the command again") from None
    except BaseException as e:  # the binding raises bare Exceptions, and where its own code gave up a BaseException without a public name
        if not isinstance(e, Exception) and type(e).__name__ != "PanicException":
            raise
        text = " ".join(str(e).split())
        if "WouldBlock" in text:  # its own lock; a process that is going down may hold it a moment longer than the collection's
            raise CollectionBusy(
                f"{path}: another process has this collection open; wait for it or stop it, or share it with `hannun serve`"
            ) from None
        if "No space left" in text or "os error 28" in text:
            raise StorageError(f"{path}: the disk is full; free some space, then run the command again (what was added is kept)") from None
        if "Read-only" in text or "Permission denied" in text or "os error 30" in text or "os error 13" in text:
            raise StorageError(f"{path}: cannot be written (read-only); make it writable or copy the collection elsewhere") from None
        raise StorageError(
            f"{path}: the vector engine failed ({text[:300]}); restore a backup, or index again into a new collection"
        ) from None


def config(layout: Layout) -> qe.EdgeConfig:
    """What the engine is to keep of each point."""
    ram, disk = qe.Memory.Pinned, qe.Memory.Cold
    scalar = qe.ScalarQuantizationConfig(type=qe.ScalarType.Int8, quantile=0.99, memory=ram)
    quantised: dict[str, Any] = {"none": None, "int8": scalar, "binary": qe.BinaryQuantizationConfig(memory=ram)}
    quantisation = quantised[layout.quantise]
    no_graph = qe.HnswIndexConfig(m=0, ef_construct=4, full_scan_threshold=10_000)
    vectors = {}
    for name, size in form.names(layout).items():
        searched = not layout.prefix or name not in layout.parts
        vectors[name] = qe.EdgeVectorParams(
            size=size,
            distance=qe.Distance.Dot,
            quantization_config=quantisation if searched else None,
            hnsw_config=None if searched else no_graph,
            memory=disk if not searched or layout.quantise != "none" else None,
        )
    if layout.tokens:
        vectors[form.TOKENS] = qe.EdgeVectorParams(
            size=layout.tokens,
            distance=qe.Distance.Dot,
            multivector_config=qe.MultiVectorConfig(qe.MultiVectorComparator.MaxSim),
            datatype=qe.VectorStorageDatatype.Float16,
            hnsw_config=no_graph,
            memory=disk,
        )
    return qe.EdgeConfig(vectors=vectors, optimizers=qe.EdgeOptimizersConfig(indexing_threshold=INDEX_FROM))


def indexed(shard: qe.EdgeShard) -> frozenset[str]:
    """The payload fields that have an index."""
    return frozenset(map(form.plain, shard.info().payload_schema))


def stored_layout(data: Json) -> Layout:
    """The layout that a store's layout.json holds."""
    return Layout(tuple(data["parts"]), tuple(data["dims"]), data["tokens"], data["quantise"], data["prefix"])


def request_of(query: Json) -> qe.QueryRequest:
    """The binding's request for a compiled one."""
    wanted, made = query["with_payload"], dict[int, Any]()
    return qe.QueryRequest(
        limit=query["limit"],
        query=_query(query, made),
        prefetches=_prefetches(query, made),
        filter=filter_of(query["filter"]) if "filter" in query else None,
        params=_params(query),
        with_payload=but_ours() if isinstance(wanted, dict) else wanted,
    )


def but_ours() -> qe.PayloadSelector:
    """All of a payload that is not Hannun's own."""
    return qe.PayloadSelector.Exclude([form.OURS])


def floats(values: Any) -> Floats:
    """A vector, or a matrix of token vectors, that came as a list of Python's numbers: `asarray` takes twice as long."""
    if not values or not isinstance(values[0], float):
        return np.asarray(values, dtype=np.float32)
    return np.frombuffer(bytearray(_packer(len(values))(*values)), dtype=np.float32)


@lru_cache(maxsize=16)
def _packer(size: int) -> Callable[..., bytes]:
    return struct.Struct(f"{size}f").pack


def _prefetches(query: Json, made: dict[int, Any]) -> list[qe.Prefetch]:
    """What a query searches first. Each part is rescored out of one union, so that the same list stands in several places."""
    several = query.get("prefetch")
    if not several:
        return []
    if id(several) not in made:
        made[id(several)] = [
            qe.Prefetch(
                limit=p["limit"],
                query=_query(p, made),
                prefetches=_prefetches(p, made),
                filter=filter_of(p["filter"]) if "filter" in p else None,
                params=_params(p),
            )
            for p in several
        ]
    return list(made[id(several)])


def _query(query: Json, made: dict[int, Any]) -> Any:
    """The engine's query; `made`: what has been made for this request, by the `id` of what it was made of."""
    match query.get("query"):
        case None:
            return None
        case {"nearest": vector} as nearest:
            if id(nearest) not in made:
                made[id(nearest)] = qe.Query.Nearest(vector, using=query["using"])
            return made[id(nearest)]
        case {"text": {"query": text}}:
            return qe.TextQuery(query["using"], text)
        case {"order_by": {"key": key, "direction": direction}}:
            return qe.OrderBy(key, qe.Direction.Desc if direction == "desc" else qe.Direction.Asc)
        case {"formula": formula, "defaults": defaults}:
            return qe.Formula(_expression(formula), defaults=defaults)
        case other:
            raise AssertionError(other)


def _params(query: Json) -> qe.SearchParams | None:
    if "params" not in query:
        return None
    params = dict(query["params"])
    if "quantization" in params:
        params["quantization"] = qe.QuantizationSearchParams(**params["quantization"])
    return qe.SearchParams(**params)


# Most queries have the same paths and weights in their formula.
_variable: Callable[[str], qe.Expression] = lru_cache(maxsize=256)(qe.Expression.Variable)
_constant: Callable[[float], qe.Expression] = lru_cache(maxsize=256)(qe.Expression.Constant)
_OF_SEVERAL: dict[str, Callable[[list[qe.Expression]], qe.Expression]] = {"mult": qe.Expression.Mult, "sum": qe.Expression.Sum}
_OF_ONE: dict[str, Callable[[qe.Expression], qe.Expression]] = {"sqrt": qe.Expression.Sqrt, "abs": qe.Expression.Abs}


def _expression(form: Any) -> qe.Expression:
    if isinstance(form, str):
        return _variable(form)
    if not isinstance(form, dict):
        return _constant(float(form))
    ((operator, given),) = form.items()  # a search makes some sixty of them
    if operator == "div":
        return qe.Expression.Div(_expression(given["left"]), _expression(given["right"]), by_zero_default=given["by_zero_default"])
    if operator in _OF_SEVERAL:
        return _OF_SEVERAL[operator]([_expression(t) for t in given])
    return _OF_ONE[operator](_expression(given))


def filter_of(condition: Json) -> qe.Filter:
    """The binding's filter for a compiled condition."""
    must, should, must_not = ([_clause(c) for c in condition[k]] if k in condition else None for k in ("must", "should", "must_not"))
    return qe.Filter(must=must, should=should, must_not=must_not)


def _clause(condition: Json) -> Any:
    match condition:
        case {"has_id": ids}:
            return qe.HasIdCondition(set(ids))
        case {"key": key, "match": {"text": text}}:
            return qe.FieldCondition(key=key, match=qe.MatchText(text))
        case {"key": key, "match": {"value": value}}:
            return qe.FieldCondition(key=key, match=qe.MatchValue(value))
        case {"key": key, "match": {"any": several}}:
            return qe.FieldCondition(key=key, match=qe.MatchAny(several))
        case {"key": key, "match": {"substring": text}}:
            return qe.FieldCondition(key=key, match=qe.MatchSubstring(text))
        case {"key": key, "match": {"prefix": text}}:
            return qe.FieldCondition(key=key, match=qe.MatchPrefix(text))
        case {"is_empty": {"key": key}}:
            return qe.IsEmptyCondition(key)
        case {"key": key, "range": bounds}:
            return qe.FieldCondition(key=key, range=qe.RangeFloat(**bounds))
        case _:
            return filter_of(condition)


def upsert(rows: Sequence[Json]) -> qe.UpdateOperation:
    """The operation that inserts or replaces these points."""
    return qe.UpdateOperation.upsert_points([qe.Point(r["id"], r["vector"], r["payload"]) for r in rows])
