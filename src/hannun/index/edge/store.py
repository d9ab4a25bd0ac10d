"""Points and requests go in, Matches come out of a Qdrant Edge shard: one folder, in this process, no server.

    layout.json   what is kept of each point
    current       the name of the generation in force
    g1/ g2/ …     the engine's own files; all but the one in force are leftovers, removed when the store is opened

Where the folder cannot be written, or its disk is full, the store is read from a copy (`disk`) and takes no changes.
What is damaged is found by checksums (`integrity`).
How one generation follows another is told in `generations`, what BM25 needs beside the engine in `frequencies`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, final

import qdrant_edge as qe

from hannun.checksums import Damage, Sums
from hannun.embeddings import Floats
from hannun.errors import InputError, StorageError
from hannun.files import on_disk, sync, whole_folder, write_whole
from hannun.index import answer
from hannun.index import request as form
from hannun.index.edge import binding, disk, format1, frequencies, generations, integrity
from hannun.index.edge.binding import engine_errors, filter_of, request_of
from hannun.index.engine import Condition, Layout, Match, Point, Request, Scalar, Words
from hannun.index.request import Json

_PAGE = 1000
_LOG = 32 * 2**20  # bytes written before the engine is told to flush: the more of them, the longer that holds the interpreter
_ROUNDS = 4
_DELETE = 5000  # points deleted at once, so that they take little of the engine's log
_SAMPLE = 1000  # points looked at to find the facts that are worth an index


@final
class Edge:
    """A Qdrant Edge shard with what a layout says of each point. `layout` None: that of the store which is there."""

    def __init__(self, folder: Path, layout: Layout | None = None) -> None:
        self._folder = folder
        # Every call into the engine is under `_turn`; `_writing` is held as long as what is stored must not change.
        self._turn, self._writing, self._optimising = threading.RLock(), threading.RLock(), threading.Lock()
        self._touched: set[str] | None = None  # the engine's ids of what was written since the copy that is being optimised was made
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._aside: tempfile.TemporaryDirectory[str] | None = None  # where it is read from, while its own folder cannot be written
        self._unflushed = 0
        self._lengths = frequencies.Lengths()
        with engine_errors(folder):
            format1.finish(folder)
            if not (folder / "current").exists():
                self._begin(layout)
            self._reading = disk.reading_only(folder)
            self._known = integrity.known(folder)
            integrity.raise_for(integrity.damaged(folder, self._known, integrity.read_at_opening(self._known)))
            try:
                self.layout = binding.stored_layout(json.loads((folder / "layout.json").read_text("utf-8")))
                self._generation = (folder / "current").read_text("utf-8").strip()
            except (ValueError, KeyError, TypeError, AttributeError) as e:
                raise StorageError(f"{folder}: is damaged ({e!r}); {integrity.REMEDY}") from None
            if layout is not None and layout != self.layout:
                raise InputError(f"{folder}: was made as {self.layout}, but {layout} came; index again, or `hannun copy` into a new one")
            if not re.fullmatch(r"g\d+", self._generation) or not (folder / self._generation).is_dir():
                raise StorageError(f"{folder / 'current'}: names {self._generation[:20]!r}, which is not there; {integrity.REMEDY}")
            self._load()

    def _begin(self, layout: Layout | None) -> None:
        """Make a store where there is none, or one of a store of the first format."""
        if not self._folder.exists() or not any(self._folder.iterdir()):
            if layout is None:
                raise StorageError(f"{self._folder}: no store is there; give the path of one, or a layout to make it")
            form.check_layout(layout)
            generations.create(self._folder, layout)
        else:
            if layout is None:
                raise StorageError(f"{self._folder}: was made by an early Hannun; open it as a collection, which knows its dims")
            self._take_over(layout)

    def _take_over(self, layout: Layout) -> None:
        """Make a store of a shard of the first format, and let it take the shard's place."""
        new = format1.beside(self._folder)
        shutil.rmtree(new, ignore_errors=True)
        fresh = Edge(new, layout)
        for some in format1.points(self._folder):
            fresh.upsert(some)
        fresh.close()
        format1.replace(self._folder)

    def _load(self) -> None:
        place = self._folder / self._generation
        if self._reading:
            self._aside = disk.aside(place)
            place = Path(self._aside.name) / self._generation
        else:
            integrity.begin(self._folder)
        try:
            self._shard = qe.EdgeShard.load(str(place))
            self._indexed = binding.indexed(self._shard)
        except BaseException:
            if self._aside is not None:
                self._aside.cleanup()
            raise
        self._lengths.recall(self._folder)
        if not self._reading:
            for old in self._folder.glob("g*"):
                if old.name != self._generation:
                    shutil.rmtree(old, ignore_errors=True)

    # ------------------------------------------------------------------------------------------------------------- writing

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert or replace whole points."""
        rows = {r["id"]: r for r in (form.point(p, self.layout) for p in points)}
        if rows:
            self._write(binding.upsert(list(rows.values())), rows, sum(map(form.size, rows.values())))

    def update(self, points: Sequence[Point]) -> None:
        """Replace payloads and words; the vectors stay."""
        with self._writing:
            found = {str(r.id): r for r in self._retrieve([p.id for p in points], [form.OURS])}
            for p in points:
                if stored := found.get(form.uid(p.id)):
                    known = form.known((stored.payload or {}).get(form.OURS) or {})
                    uid, payload = form.uid(p.id), form.payload(p, known)
                    operation = qe.UpdateOperation.overwrite_payload([uid], payload)
                    self._write(operation, {uid: {"payload": payload}}, 4 * len(json.dumps(payload)))

    def delete(self, ids: Sequence[str]) -> None:
        """Remove points; unknown ids are no error. It is how room is made, so it needs little."""
        for start in range(0, len(ids), _DELETE):
            gone = [form.uid(i) for i in ids[start : start + _DELETE]]
            self._write(qe.UpdateOperation.delete_points(list(gone)), dict.fromkeys(gone), 0)

    def delete_where(self, where: Condition) -> int:
        """Remove the points a condition holds for."""
        with self._writing:
            gone = [str(p["id"]) for p in self.scan(["id"], where)]
            for start in range(0, len(gone), _PAGE):
                self.delete(gone[start : start + _PAGE])
        return len(gone)

    def _write(self, operation: qe.UpdateOperation, rows: Mapping[str, Json | None], size: int) -> None:
        """Write `rows`: what the points with these ids of the engine become; None: they are deleted."""
        with self._writing, self._turn, engine_errors(self._folder):
            self._require_writing()
            disk.require(size, self._folder, disk.ROOM if any(rows.values()) else disk.LITTLE)
            (self._folder / frequencies.FILE).unlink(missing_ok=True)
            if self._touched is not None:
                self._touched.update(rows)  # before it is written: carried over once too often does no harm
            if self._lengths.sums is None:
                self._lengths.stale = True
            else:
                old = self._shard.retrieve(list(rows), list(frequencies.FIELDS), False)
                after = [r["payload"] for r in rows.values() if r]
                self._lengths.change([r.payload or {} for r in old], after, self._generation != "g1")
            try:
                self._shard.update(operation)
            except BaseException:
                self._lengths.sums = None  # the write may be partial: they are counted again
                raise
            self._unflushed += size
            if self._unflushed > _LOG:
                self._shard.flush()
                self._unflushed = 0

    def _require_writing(self) -> None:
        if self._reading:
            raise StorageError(
                f"{self._folder}: was opened for reading only ({self._reading}); "
                "make it writable or free some space, then run the same again"
            )

    # ------------------------------------------------------------------------------------------------------------- reading

    def get(self, ids: Sequence[str], fields: Sequence[str] | None = None) -> dict[str, Mapping[str, Any]]:
        """Payloads by id."""
        found = (r.payload for r in self._retrieve(ids, None if fields is None else ["id", *fields]))
        return {p["id"]: p for p in found if p}

    def vectors(self, ids: Sequence[str]) -> dict[str, Mapping[str, Floats]]:
        """Vectors by id."""
        wanted = [*self.layout.parts, *([form.TOKENS] if self.layout.tokens else [])]
        rows = ((r.payload, r.vector) for r in self._retrieve(ids, ["id"], wanted))
        return {p["id"]: {n: binding.floats(x) for n, x in v.items()} for p, v in rows if p and isinstance(v, dict)}

    def shown(self, ids: Sequence[str], parts: Sequence[str]) -> dict[str, tuple[Mapping[str, Any], Mapping[str, Floats]]]:
        """Payloads and vectors by id."""
        rows = ((r.payload, r.vector) for r in self._retrieve(ids, None, list(parts)))
        return {p["id"]: (p, {n: binding.floats(x) for n, x in v.items()}) for p, v in rows if p and isinstance(v, dict)}

    def points(self, ids: Sequence[str] | None = None) -> Iterator[Point]:
        """Whole points."""
        if ids is None:
            for rows in self._pages(None, True, True):
                yield from (self._whole(r) for r in rows)
        else:
            for start in range(0, len(ids), generations.CARRY):
                for r in self._retrieve(ids[start : start + generations.CARRY], True, True):
                    yield self._whole(r)

    def _whole(self, record: qe.Record) -> Point:
        vectors = record.vector if isinstance(record.vector, dict) else {}
        return form.whole(record.payload or {}, vectors, self.layout)

    def _retrieve(self, ids: Sequence[str], fields: bool | list[str] | None, vectors: bool | list[str] = False) -> list[qe.Record]:
        """Records of those ids that are there; `fields` None is all that is not ours."""
        wanted = binding.but_ours() if fields is None else fields
        with self._turn, engine_errors(self._folder):
            return self._shard.retrieve([form.uid(i) for i in dict.fromkeys(ids)], wanted, vectors)

    def query(self, request: Request) -> list[Match]:
        """Run a request."""
        if isinstance(request, Words) and request.terms and self._lengths.stale:
            return answer.said_anew(self, request, self._ask, self._frequencies(request))
        return answer.matches(self, request, self._ask, lambda field: form.plain(form.key(field)) in self._indexed)

    def _ask(self, query: Json) -> list[Match]:
        asked = request_of(query)
        with self._turn, engine_errors(self._folder):
            found = self._shard.query(asked)
        return [Match(float(p.score if p.order_value is None else p.order_value), p.payload or {}) for p in found]

    def _frequencies(self, request: Words) -> answer.Frequencies:
        with self._turn, engine_errors(self._folder):
            if self._lengths.sums is None:
                self._lengths.count(r.payload or {} for rows in self._pages(None, list(frequencies.FIELDS), False) for r in rows)
            assert self._lengths.sums is not None
            path = form.said(request)
            having = {}
            for term in dict.fromkeys(request.terms):
                asked = qe.CountRequest(exact=True, filter=filter_of(form.has_term(path, term)))
                having[term] = int(self._shard.count(asked))
            points, length = self._lengths.sums[path.rpartition(".")[2]]
        return answer.Frequencies(points, length, having)

    def facets(self, field: str, where: Condition | None = None, limit: int = 100) -> list[tuple[Scalar, int]]:
        """Values of a fact and how many points have each: by the engine's index where there is one, else counted one by one."""
        path = form.values(field)
        if form.plain(path) not in self._indexed:
            return answer.counted(self, field, where, limit)
        condition = None if where is None else filter_of(form.condition(where))
        with self._turn, engine_errors(self._folder):
            hits = self._shard.facet(qe.FacetRequest(path, limit=2 * limit, exact=True, filter=condition)).hits
        return answer.values({str(h.value): h.count for h in hits}, limit)

    def scan(self, fields: Sequence[str], where: Condition | None = None) -> Iterator[Mapping[str, Any]]:
        """Every payload, page by page."""
        for rows in self._pages(None if where is None else filter_of(form.condition(where)), list(fields), False):
            yield from (r.payload or {} for r in rows)

    def _pages(self, where: qe.Filter | None, fields: bool | list[str], vectors: bool) -> Iterator[list[qe.Record]]:
        offset: Any = None
        while True:
            request = qe.ScrollRequest(offset=offset, limit=_PAGE, filter=where, with_payload=fields, with_vector=vectors)
            with self._turn, engine_errors(self._folder):
                records, offset = self._shard.scroll(request)
            yield records
            if offset is None:
                return

    def count(self, where: Condition | None = None) -> int:
        """Exact count."""
        condition = None if where is None else filter_of(form.condition(where))
        with self._turn, engine_errors(self._folder):
            return int(self._shard.count(qe.CountRequest(exact=True, filter=condition)))

    # -------------------------------------------------------------------------------------------------------------- upkeep

    def optimise(self) -> None:
        """Build HNSW indexes where there are enough points for them (Malkov & Yashunin 2016), and indexes of the facts."""
        with self._optimising, engine_errors(self._folder):
            self._require_writing()
            integrity.raise_for(self.check())  # what is written anew gets sums of its own, which may not vouch for damage
            with self._turn:
                sample = self._shard.scroll(qe.ScrollRequest(limit=_SAMPLE, with_payload=["facts"], with_vector=False))[0]
            facts = form.sampled([(r.payload or {}).get("facts") or {} for r in sample])
            fresh = f"g{int(self._generation[1:]) + 1}"
            place = self._folder / fresh
            try:
                with self._writing:
                    if self._closed:
                        return
                    shutil.rmtree(place, ignore_errors=True)
                    # The copy, and the segments that are written anew beside it.
                    disk.require(2 * on_disk(self._folder / self._generation), self._folder)
                    self._touched = set()
                    disk.copy(self._folder / self._generation, place)
                if self._optimised(place, facts):
                    sums = integrity.of_fixed(self._folder, fresh)
                    self._change_to(fresh)
                    with self._writing:
                        if not self._closed:
                            self._known = sums
                            integrity.note(self._folder, sums)
            finally:
                self._touched = None
                if self._generation != fresh:
                    shutil.rmtree(place, ignore_errors=True)

    def _optimised(self, place: Path, facts: Sequence[str]) -> bool:
        """Whether the child came through; it did not where the store has been closed meanwhile."""
        with self._turn:
            if self._closed:
                return False
            self._child = generations.optimiser(place, self.layout, facts)
        told = self._child.communicate()[1].decode("utf-8", "replace").strip().splitlines()
        status, self._child = self._child.returncode, None
        if status and not self._closed:
            why = told[-1] if told else f"it ended with status {status}"
            raise StorageError(f"{self._folder}: could not be optimised ({why}); it is as it was, free some space and try again")
        return not status

    def _carry(self, ids: Sequence[str], shard: qe.EdgeShard) -> bool:
        """`generations.carry`, some at a time, so that others get their turn."""
        stale = False
        for start in range(0, len(ids), generations.CARRY):
            with self._turn:
                if self._closed:
                    return stale
                stale = generations.carry(ids[start : start + generations.CARRY], self._shard, shard) or stale
        return stale

    def _change_to(self, fresh: str) -> None:
        """Carry over what was written since the copy was made, then let the fresh generation be in force."""
        disk.warm(self._folder / fresh)
        with self._turn:
            other = qe.EdgeShard.load(str(self._folder / fresh))
        spent, stale = fresh, False
        try:
            for _ in range(_ROUNDS):  # most of it while others go on writing
                with self._writing:
                    touched, self._touched = sorted(self._touched or ()), set()
                stale = self._carry(touched, other) or stale
                if len(touched) < generations.CARRY:
                    break
            with self._writing:
                stale = self._carry(sorted(self._touched or ()), other) or stale
                if self._closed:
                    return
                for file in (self._folder / fresh / "wal").iterdir():
                    sync(file)
                write_whole(self._folder / "current", fresh.encode())
                with self._turn:
                    spent, self._generation = self._generation, fresh
                    other, self._shard = self._shard, other
                    self._indexed = binding.indexed(self._shard)
                    self._unflushed, self._lengths.stale = 0, stale
        finally:
            with self._turn:
                other.close()
            shutil.rmtree(self._folder / spent, ignore_errors=True)

    def check(self) -> list[Damage]:
        """The files that are not what was written, of those that an open store can judge: what the engine rewrites was read at opening."""
        sums = self._judged()
        return integrity.damaged(self._folder, sums, sums)

    def _judged(self) -> Sums:
        with self._writing:
            return {n: s for n, s in self._known.items() if self._reading or integrity.fixed(n)}

    def backup(self, target: Path) -> None:
        """Copy the generation in force, with its checksums. Raises StorageError where a file is damaged."""
        if target.exists():
            raise InputError(f"{target}: is there already, expected the name of a folder to be made")
        with engine_errors(target), whole_folder(target) as begun:
            with self._writing:  # the files as they are: what a killed process would leave, which the engine's log makes whole
                generation, known, judged = self._generation, self._known, self._judged()
                self._lengths.save(begun)
                read = disk.copy(self._folder / generation, begun / generation)  # the one time that they are read
            if other := {n: s for n, s in judged.items() if read.get(n) != s}:
                integrity.raise_for(integrity.damaged(self._folder, other, other))
            generations.settle(begun, self.layout, generation)
            integrity.finish(begun, generation, known, read)

    def flush(self) -> None:
        """The engine's log is on the disk when this returns, and with it everything written.

        The engine's own flush would hold the interpreter; it is called at the end, and when the log has grown long.
        """
        with engine_errors(self._folder):
            if self._reading:
                return
            for file in (self._folder / self._generation / "wal").iterdir():
                sync(file)

    def close(self) -> None:
        """Flush and release the files."""
        with self._writing, self._turn, engine_errors(self._folder):
            if not self._closed:
                self._closed = True
                if self._child is not None:
                    self._child.kill()
                if self._aside is not None:
                    self._shard.close()
                    self._aside.cleanup()
                    return
                self._shard.flush()
                self._shard.close()
                with suppress(StorageError):  # on a full disk they are counted again, and the store looks as after a kill
                    self._lengths.save(self._folder)
                integrity.finish(self._folder, self._generation, self._known)
