"""Points and Plans go in, Matches come out of a Qdrant Edge shard: one folder, in this process, no server."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import numpy as np
import qdrant_edge as qe

from hannun.embeddings import Floats
from hannun.errors import CollectionBusy, InputError, StorageError
from hannun.index.engine import AGREEMENT, HAS_IMAGE, HAS_TEXT, All, Among, Any_, Compare, Condition, Match, Not, Plan, Point

# The engine takes only u64 and UUID ids; a name-based UUID makes every upsert of one text id land on one point.
_NAMESPACE = uuid.UUID("6f0a9c55-57a6-5d64-9d0b-a1c6f2b8e0d3")
_TRUTHS = "_truths"  # payload key, of the engine's own
_SPARE = 20  # points asked for beyond the page: the engine orders equal scores anew for every request, we order them by id
_PAGE = 2000
# The engine maps its files into memory, and a disk that fills up under a mapped file kills the process (SIGBUS): there is no
# error to catch. So nothing is opened or written without this much room (bytes), which is refused as an error before.
_ROOM = 64 * 2**20
_INDEX_FROM = 10_000  # kilobytes of vectors (some 7,000 points); below, exact search takes a few milliseconds


def _uid(id: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, id))


@contextmanager
def _storage(path: Path) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except OSError as e:
        raise StorageError(f"{path}: {e.strerror or e}; free some space or make the folder writable, then run the command again") from None
    except Exception as e:  # the binding raises bare Exceptions
        text = " ".join(str(e).split())
        if "WouldBlock" in text:  # its own lock; a process that is going down may hold it a moment longer than the collection's
            raise CollectionBusy(f"{path}: another process has this collection open; wait for it or stop it") from None
        if "No space left" in text or "os error 28" in text:
            raise StorageError(f"{path}: the disk is full; free some space, then run the command again (what was added is kept)") from None
        if "Read-only" in text or "Permission denied" in text or "os error 30" in text or "os error 13" in text:
            raise StorageError(f"{path}: cannot be written (read-only); make it writable or copy the collection elsewhere") from None
        raise StorageError(
            f"{path}: the vector engine failed ({text[:300]}); restore a backup, or index again into a new collection"
        ) from None


@final
class Edge:
    """A Qdrant Edge shard with one dot-product vector of `dim` values for each of `parts`."""

    def __init__(self, folder: Path, parts: Sequence[str], dim: int) -> None:
        self._folder, self._parts, self._dim = folder, tuple(parts), dim
        with _storage(folder):
            if not folder.exists() or not any(folder.iterdir()):
                self._create()
            self._room(0, folder)
            self._shard = qe.EdgeShard.load(str(folder))

    def _create(self) -> None:
        # Made beside its place and moved there whole: a shard whose making was killed midway can neither be loaded nor made again.
        begun = self._folder.with_name(self._folder.name + ".begun")
        shutil.rmtree(begun, ignore_errors=True)
        begun.mkdir(parents=True)
        self._room(0, begun)
        vectors = {p: qe.EdgeVectorParams(size=self._dim, distance=qe.Distance.Dot) for p in self._parts}
        optimizers = qe.EdgeOptimizersConfig(indexing_threshold=_INDEX_FROM)
        qe.EdgeShard.create(str(begun), qe.EdgeConfig(vectors=vectors, optimizers=optimizers)).close()
        os.replace(begun, self._folder)

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert or replace whole points."""
        rows: list[qe.Point] = []
        size = 0
        for p in points:
            if not p.vectors:
                raise InputError(f"{p.id!r} came without a vector, expected at least one of {self._parts}")
            if not all(v.shape == (self._dim,) and np.isfinite(v).all() for v in p.vectors.values()):
                raise InputError(f"{p.id!r} came with a vector that is not {self._dim} finite numbers; the encoder is broken")
            truths = _truths(p.payload.get("facts") or {})
            payload = {**p.payload, "id": p.id, **({_TRUTHS: truths} if truths else {})}
            size += 4 * sum(v.nbytes for v in p.vectors.values()) + 4 * len(json.dumps(payload))  # log, store, and what is replaced
            rows.append(qe.Point(_uid(p.id), {n: v.tolist() for n, v in p.vectors.items()}, payload))
        if rows:
            with _storage(self._folder):
                self._room(size, self._folder)
                self._shard.update(qe.UpdateOperation.upsert_points(rows))

    def delete(self, ids: Sequence[str]) -> None:
        """Remove points; unknown ids are no error."""
        if ids:
            with _storage(self._folder):
                self._room(0, self._folder)
                self._shard.update(qe.UpdateOperation.delete_points([_uid(i) for i in ids]))

    def get(self, ids: Sequence[str], fields: Sequence[str] | None = None) -> dict[str, Mapping[str, Any]]:
        """Payloads by id."""
        wanted = True if fields is None else ["id", *fields]
        with _storage(self._folder):
            records = self._shard.retrieve([_uid(i) for i in ids], wanted, False)
        return {r.payload["id"]: _given(r.payload) for r in records if r.payload}

    def vectors(self, ids: Sequence[str]) -> dict[str, Mapping[str, Floats]]:
        """Vectors by id."""
        with _storage(self._folder):
            records = self._shard.retrieve([_uid(i) for i in ids], ["id"], True)
        rows = ((r.payload, r.vector) for r in records)
        return {p["id"]: {n: np.asarray(x, dtype=np.float32) for n, x in v.items()} for p, v in rows if p and isinstance(v, dict)}

    def query(self, plan: Plan) -> list[Match]:
        """Run a plan."""
        request = compile_plan(plan)
        with _storage(self._folder):
            found = self._shard.query(request)
        parts = _counting(plan)
        gain = plan.gains[parts[0]] if len(parts) == 1 else 1.0  # with two, the formula has it
        matches = [Match(float(p.score) * gain, _given(p.payload or {})) for p in found]
        matches.sort(key=lambda m: (-m.score, str(m.payload["id"])))
        return matches[plan.offset : plan.offset + plan.limit]

    def scan(self, fields: Sequence[str], where: Condition | None = None) -> Iterator[Mapping[str, Any]]:
        """Every payload, page by page."""
        offset: Any = None
        condition = None if where is None else compile_where(where)
        while True:
            with _storage(self._folder):
                request = qe.ScrollRequest(offset=offset, limit=_PAGE, filter=condition, with_payload=list(fields), with_vector=False)
                records, offset = self._shard.scroll(request)
            yield from (r.payload or {} for r in records)
            if offset is None:
                return

    def count(self, where: Condition | None = None) -> int:
        """Exact count."""
        with _storage(self._folder):
            return int(self._shard.count(qe.CountRequest(exact=True, filter=None if where is None else compile_where(where))))

    def optimise(self) -> None:
        """Build HNSW indexes where there are enough points for them (Malkov & Yashunin 2016)."""
        with _storage(self._folder):
            taken = sum(f.stat().st_blocks * 512 for f in self._folder.rglob("*") if f.is_file())
            self._room(2 * taken, self._folder)  # segments are written anew
            self._shard.optimize()

    def flush(self) -> None:
        """Write everything through."""
        with _storage(self._folder):
            self._shard.flush()

    def close(self) -> None:
        """Flush and release the files."""
        with _storage(self._folder):
            self._shard.flush()
            self._shard.close()

    def _room(self, size: int, folder: Path) -> None:
        free = shutil.disk_usage(folder).free
        if free < _ROOM + size:
            raise StorageError(
                f"{self._folder}: the disk is full ({free / 2**20:,.0f} MB free, {(_ROOM + size) / 2**20:,.0f} MB needed); "
                "free some space, then run the command again (what was added is kept)"
            )


def compile_plan(plan: Plan) -> qe.QueryRequest:
    """The engine's request for a plan: union of the nearest by each part → rescored by each part → the formula."""
    query = plan.query.tolist()
    where = None if plan.where is None else compile_where(plan.where)
    parts = _counting(plan)
    limit = plan.limit + plan.offset + _SPARE
    depth = max(plan.candidates, limit)

    def nearest(part: str, limit: int, inner: list[qe.Prefetch], params: qe.SearchParams | None) -> qe.Prefetch:
        return qe.Prefetch(limit=limit, query=qe.Query.Nearest(query, using=part), prefetches=inner, filter=where, params=params)

    if len(parts) == 1:
        return qe.QueryRequest(
            limit=limit,
            query=qe.Query.Nearest(query, using=parts[0]),
            params=qe.SearchParams(hnsw_ef=depth),
            filter=where,
            with_payload=True,
        )

    def rescored(part: str) -> qe.Prefetch:
        union = [nearest(p, depth, [], qe.SearchParams(hnsw_ef=depth)) for p in parts]
        return nearest(part, depth * len(parts), union, qe.SearchParams(exact=True))

    constant, variable, e = qe.Expression.Constant, qe.Expression.Variable, qe.Expression
    wt, wi = plan.weights["text"], plan.weights["image"]
    t, i, ti = variable(HAS_TEXT), variable(HAS_IMAGE), variable(AGREEMENT)
    score = {"text": variable(f"$score[{parts.index('text')}]"), "image": variable(f"$score[{parts.index('image')}]")}
    total = e.Sum([e.Mult([constant(wt), score["text"]]), e.Mult([constant(wi), score["image"]])])
    squared = e.Sum([e.Mult([constant(wt * wt), t]), e.Mult([constant(wi * wi), i]), e.Mult([constant(2 * wt * wi), ti])])
    gt, gi, both = plan.gains["text"], plan.gains["image"], plan.gains["text+image"]
    gain = e.Sum([e.Mult([constant(gt), t]), e.Mult([constant(gi), i]), e.Mult([constant(both - gt - gi), t, i])])
    formula = qe.Formula(
        e.Mult([gain, e.Div(total, e.Sqrt(squared), by_zero_default=0.0)]),
        defaults={"$score[0]": 0.0, "$score[1]": 0.0, HAS_TEXT: 0.0, HAS_IMAGE: 0.0, AGREEMENT: 0.0},
    )
    return qe.QueryRequest(limit=limit, query=formula, prefetches=[rescored(p) for p in parts], with_payload=True)


def _counting(plan: Plan) -> list[str]:
    return [p for p, w in plan.weights.items() if w > 0]


def compile_where(condition: Condition) -> qe.Filter:
    """The engine's filter for a condition on facts (or on `id`)."""
    match condition:
        case All(conditions):
            return qe.Filter(must=[compile_where(c) for c in conditions])
        case Any_(conditions):
            return qe.Filter(should=[compile_where(c) for c in conditions])
        case Not(inner):
            return qe.Filter(must_not=[compile_where(inner)])
        case Among(field, values):
            return qe.Filter(should=[compile_where(Compare(field, "=", v)) for v in values])
        case Compare(field, "=", bool(value)):
            return qe.Filter(must=[qe.FieldCondition(key=_key(field, _TRUTHS), match=qe.MatchValue(str(value)))])
        case Compare(field, "=", str(value)):
            return qe.Filter(must=[qe.FieldCondition(key=_key(field), match=qe.MatchValue(value))])
        case Compare(field, op, value) if isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
            bounds = {
                "=": qe.RangeFloat(gte=number, lte=number),
                "<": qe.RangeFloat(lt=number),
                "<=": qe.RangeFloat(lte=number),
                ">": qe.RangeFloat(gt=number),
                ">=": qe.RangeFloat(gte=number),
            }
            return qe.Filter(must=[qe.FieldCondition(key=_key(field), range=bounds[op])])
        case Compare(field, op, value):
            raise InputError(f"{field} {op} {value!r} came, but < <= > >= compare numbers; write the number without quotes, or use = or in")


def _key(field: str, inside: str = "facts") -> str:
    if not field or '"' in field or "\\" in field:
        raise InputError(
            f"a condition on the field {field!r} came, but names with double quotes or backslashes cannot be asked for; rename it"
        )
    return "id" if field == "id" else f'{inside}."{field}"'


def _truths(facts: Mapping[str, Any]) -> dict[str, list[str]]:
    """The facts that are true or false, as words: the binding reads a bool in a filter as the number 1 or 0."""
    lists = {k: v if isinstance(v, list) else [v] for k, v in facts.items()}
    return {k: [str(x) for x in v if isinstance(x, bool)] for k, v in lists.items() if any(isinstance(x, bool) for x in v)}


def _given(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    return {k: v for k, v in payload.items() if k != _TRUTHS} if _TRUTHS in payload else payload
