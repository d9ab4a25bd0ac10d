"""Points and requests go in, Matches come out of a Qdrant Edge shard: one folder, in this process, no server.

    layout.json   what is kept of each point
    current       the name of the generation in force
    g1/ g2/ …     the engine's own files; all but the one in force are leftovers, removed when the store is opened

The engine's `optimize` holds the interpreter for as long as it runs. So a child process does it on a copy, while this one
goes on with the generation in force and remembers the ids that it writes; these are carried over, and `current` then
changes in one step. Until that step the old generation holds all that was ever acknowledged, from it on the new one does:
whoever is killed at any moment finds one of the two, whole.

Where the folder cannot be written, or its disk is full, the store is read from a copy (`hannun.index.disk`) and takes no changes.
What is damaged is found by checksums (`hannun.index.integrity`).

The engine's BM25 goes on counting what was deleted or replaced in the parts of a store that have been optimised. From the
first such write on (`_stale`) words are weighed by us: document frequencies are counted by the engine, lengths are summed
here. `words.json` holds the sums between two openings; it is gone while the store is open, so that a killed process leaves
none, and they are counted again when they are needed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, final

import numpy as np
import qdrant_edge as qe

from hannun import checksums
from hannun.checksums import Damage
from hannun.embeddings import Floats
from hannun.errors import CollectionBusy, InputError, StorageError
from hannun.files import on_disk, sync, write_whole
from hannun.index import answer, disk, integrity
from hannun.index import request as form
from hannun.index.engine import Condition, Layout, Match, Point, Request, Scalar, Words
from hannun.index.request import Json

_PAGE = 1000
_INDEX_FROM = 10_000  # kilobytes of vectors (some 7,000 points); below, exact search takes a few milliseconds
_LOG = 32 * 2**20  # bytes written before the engine is told to flush: the more of them, the longer that holds the interpreter
_ROUNDS = 4
_CARRY = 200  # points carried over at once; small, so that others get their turn
_DELETE = 5000  # points deleted at once, so that they take little of the engine's log
_SAMPLE = 1000  # points looked at to find the facts that are worth an index

# What the child does; the engine lowers the priority of its threads itself. It dies with its parent where the system can see
# to that; else its copy is removed under it.
_CHILD = """
import ctypes, json, os, signal, sys
import qdrant_edge as qe

folder, parent, words, numbers = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]), json.loads(sys.argv[4])
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
if os.name == "posix" and os.getppid() != parent:
    sys.exit(1)
shard = qe.EdgeShard.load(folder)
there = {p.replace(chr(34), "") for p in shard.info().payload_schema}
disk = qe.Memory.Cached
for paths, index in ((words, qe.KeywordIndexParams(memory=disk)), (numbers, qe.FloatIndexParams(memory=disk))):
    for path in paths:
        if path.replace(chr(34), "") not in there:
            shard.update(qe.UpdateOperation.create_field_index(path, index))
shard.optimize()
shard.flush()
shard.close()
"""


@contextmanager
def _storage(path: Path) -> Iterator[None]:
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
        self._stale = True
        self._sums: dict[str, list[int]] | None = None  # of words and initials: points that have them, and their lengths
        with _storage(folder):
            _finish(folder)
            if not (folder / "current").exists():
                self._begin(layout)
            self._reading = disk.reading_only(folder)
            self._known = integrity.known(folder)
            integrity.raise_for(integrity.damaged(folder, self._known, integrity.read_at_opening(self._known)))
            try:
                self.layout = _layout(json.loads((folder / "layout.json").read_text("utf-8")))
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
            _create(self._folder, layout)
        else:
            if layout is None:
                raise StorageError(f"{self._folder}: was made by an early Hannun; open it as a collection, which knows its dims")
            _modernise(self._folder, layout)

    def _load(self) -> None:
        place = self._folder / self._generation
        if self._reading:
            self._aside = disk.aside(place)
            place = Path(self._aside.name) / self._generation
        else:
            integrity.begin(self._folder)
        try:
            self._shard = qe.EdgeShard.load(str(place))
            self._indexed = _indexed(self._shard)
        except BaseException:
            if self._aside is not None:
                self._aside.cleanup()
            raise
        self._recall()
        if not self._reading:
            for old in self._folder.glob("g*"):
                if old.name != self._generation:
                    shutil.rmtree(old, ignore_errors=True)

    # ------------------------------------------------------------------------------------------------------------- writing

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert or replace whole points."""
        rows = {r["id"]: r for r in (form.point(p, self.layout) for p in points)}
        if rows:
            self._write(_upsert(list(rows.values())), rows, sum(map(form.size, rows.values())))

    def update(self, points: Sequence[Point]) -> None:
        """Replace payloads and words; the vectors stay."""
        with self._writing:
            found = self._retrieve([p.id for p in points], [form.OURS])
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
        with self._writing, self._turn, _storage(self._folder):
            self._require_writing()
            disk.require(size, self._folder, disk.ROOM if any(rows.values()) else disk.LITTLE)
            (self._folder / "words.json").unlink(missing_ok=True)
            if self._touched is not None:
                self._touched.update(rows)  # before it is written: carried over once too often does no harm
            self._tally(rows)
            try:
                self._shard.update(operation)
            except BaseException:
                self._sums = None  # who knows what of it was written
                raise
            self._unflushed += size
            if self._unflushed > _LOG:
                self._shard.flush()
                self._unflushed = 0

    def _tally(self, rows: Mapping[str, Json | None]) -> None:
        """Take the points that are written out of the sums, and what they become into them."""
        if self._sums is None:
            self._stale = True
            return
        old = self._shard.retrieve(list(rows), [f"{form.OURS}.wl", f"{form.OURS}.cl"], False)
        self._stale = self._stale or (bool(old) and self._generation != "g1")
        for payloads, sign in ((((r.payload or {}) for r in old), -1), ((r["payload"] for r in rows.values() if r), 1)):
            _add(self._sums, payloads, sign)

    def _require_writing(self) -> None:
        if self._reading:
            raise StorageError(
                f"{self._folder}: was opened for reading only ({self._reading}); "
                "make it writable or free some space, then run the same again"
            )

    def _recall(self) -> None:
        """Take up the sums where they are there and whole; else they are counted when they are needed."""
        with suppress(OSError, KeyError, TypeError, ValueError, AttributeError):
            told = checksums.verified((self._folder / "words.json").read_bytes()) or {}
            sums = {k: [int(n) for n in told["sums"][k]] for k in ("w", "c")}
            if all(len(pair) == 2 for pair in sums.values()):
                self._stale, self._sums = bool(told["stale"]), sums

    # ------------------------------------------------------------------------------------------------------------- reading

    def get(self, ids: Sequence[str], fields: Sequence[str] | None = None) -> dict[str, Mapping[str, Any]]:
        """Payloads by id."""
        found = self._retrieve(ids, None if fields is None else ["id", *fields]).values()
        return {r.payload["id"]: r.payload for r in found if r.payload}

    def vectors(self, ids: Sequence[str]) -> dict[str, Mapping[str, Floats]]:
        """Vectors by id."""
        wanted = [*self.layout.parts, *([form.TOKENS] if self.layout.tokens else [])]
        found = self._retrieve(ids, ["id"], wanted).values()
        rows = ((r.payload, r.vector) for r in found)
        return {p["id"]: {n: np.asarray(x, dtype=np.float32) for n, x in v.items()} for p, v in rows if p and isinstance(v, dict)}

    def points(self, ids: Sequence[str] | None = None) -> Iterator[Point]:
        """Whole points."""
        if ids is None:
            for rows in self._pages(None, True, True):
                yield from (self._whole(r) for r in rows)
        else:
            for start in range(0, len(ids), _CARRY):
                for r in self._retrieve(ids[start : start + _CARRY], True, True).values():
                    yield self._whole(r)

    def _whole(self, record: qe.Record) -> Point:
        vectors = record.vector if isinstance(record.vector, dict) else {}
        return form.whole(record.payload or {}, vectors, self.layout)

    def _retrieve(self, ids: Sequence[str], fields: bool | list[str] | None, vectors: bool | list[str] = False) -> dict[str, qe.Record]:
        """Records by the engine's ids; `fields` None is all that is not ours."""
        wanted = _but_ours() if fields is None else fields
        with self._turn, _storage(self._folder):
            return {str(r.id): r for r in self._shard.retrieve([form.uid(i) for i in ids], wanted, vectors)}

    def query(self, request: Request) -> list[Match]:
        """Run a request."""
        if isinstance(request, Words) and request.terms and self._stale:
            return answer.said_anew(self, request, self._ask, self._frequencies(request))
        return answer.matches(self, request, self._ask, lambda field: form.plain(form.key(field)) in self._indexed)

    def _ask(self, query: Json) -> list[Match]:
        asked = request_of(query)
        with self._turn, _storage(self._folder):
            found = self._shard.query(asked)
        return [Match(float(p.score if p.order_value is None else p.order_value), p.payload or {}) for p in found]

    def _frequencies(self, request: Words) -> answer.Frequencies:
        with self._turn, _storage(self._folder):
            if self._sums is None:
                sums: dict[str, list[int]] = {"w": [0, 0], "c": [0, 0]}
                for rows in self._pages(None, [f"{form.OURS}.wl", f"{form.OURS}.cl"], False):
                    _add(sums, ((r.payload or {}) for r in rows), 1)
                self._sums = sums
            path = form.said(request)
            having = {}
            for term in dict.fromkeys(request.terms):
                asked = qe.CountRequest(exact=True, filter=filter_of(form.has_term(path, term)))
                having[term] = int(self._shard.count(asked))
            points, length = self._sums[path.rpartition(".")[2]]
        return answer.Frequencies(points, length, having)

    def facets(self, field: str, where: Condition | None = None, limit: int = 100) -> list[tuple[Scalar, int]]:
        """Values of a fact and how many points have each: by the engine's index where there is one, else counted one by one."""
        path = form.values(field)
        if form.plain(path) not in self._indexed:
            return answer.counted(self, field, where, limit)
        condition = None if where is None else filter_of(form.condition(where))
        with self._turn, _storage(self._folder):
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
            with self._turn, _storage(self._folder):
                records, offset = self._shard.scroll(request)
            yield records
            if offset is None:
                return

    def count(self, where: Condition | None = None) -> int:
        """Exact count."""
        condition = None if where is None else filter_of(form.condition(where))
        with self._turn, _storage(self._folder):
            return int(self._shard.count(qe.CountRequest(exact=True, filter=condition)))

    # -------------------------------------------------------------------------------------------------------------- upkeep

    def optimise(self) -> None:
        """Build HNSW indexes where there are enough points for them (Malkov & Yashunin 2016), and indexes of the facts."""
        with self._optimising, _storage(self._folder):
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
        words, numbers = [form.values(f) for f in facts], [*form.read(self.layout), *map(form.key, facts)]
        command = [sys.executable, "-c", _CHILD, str(place), str(os.getpid()), json.dumps(words), json.dumps(numbers)]
        paths = os.pathsep.join(p for p in sys.path if p)
        with self._turn:
            if self._closed:
                return False
            self._child = subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": paths},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        told = self._child.communicate()[1].decode("utf-8", "replace").strip().splitlines()
        status, self._child = self._child.returncode, None
        if status and not self._closed:
            why = told[-1] if told else f"it ended with status {status}"
            raise StorageError(f"{self._folder}: could not be optimised ({why}); it is as it was, free some space and try again")
        return not status

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
                if len(touched) < _CARRY:
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
                    self._indexed = _indexed(self._shard)
                    self._unflushed, self._stale = 0, stale
        finally:
            with self._turn:
                other.close()
            shutil.rmtree(self._folder / spent, ignore_errors=True)

    def _carry(self, ids: Sequence[str], shard: qe.EdgeShard) -> bool:
        """Make these points there what they are here; returns whether some were there, which its BM25 goes on counting."""
        stale = False
        for start in range(0, len(ids), _CARRY):
            some: list[qe.PointId] = [*ids[start : start + _CARRY]]
            with self._turn:
                if self._closed:
                    return stale
                stale = bool(shard.retrieve(some, False, False)) or stale
                here = self._shard.retrieve(some, True, True)
                there = {str(r.id) for r in here}
                gone = [i for i in some if i not in there]
                if here:
                    shard.update(qe.UpdateOperation.upsert_points([qe.Point(r.id, r.vector or {}, r.payload) for r in here]))
                if gone:
                    shard.update(qe.UpdateOperation.delete_points(gone))
        return stale

    def check(self) -> list[Damage]:
        """The files that are not what was written, of those that an open store can judge: what the engine rewrites was read at opening."""
        with self._writing:
            sums = {n: s for n, s in self._known.items() if self._reading or integrity.fixed(n)}
        return integrity.damaged(self._folder, sums, sums)

    def backup(self, target: Path) -> None:
        """Copy the generation in force, with its checksums. Raises StorageError where a file is damaged."""
        if target.exists():
            raise InputError(f"{target}: is there already, expected the name of a folder to be made")
        integrity.raise_for(self.check())
        begun = target.with_name(target.name + ".begun")
        with _storage(target):
            shutil.rmtree(begun, ignore_errors=True)
            begun.mkdir(parents=True)
            with self._writing:  # the files as they are: what a killed process would leave, which the engine's log makes whole
                generation, sums, stale, known = self._generation, self._sums, self._stale, self._known
                disk.copy(self._folder / generation, begun / generation)
            _settle(begun, self.layout, generation)
            if sums is not None:
                write_whole(begun / "words.json", checksums.signed({"stale": stale, "sums": sums}))
            integrity.finish(begun, generation, known)
            os.replace(begun, target)

    def flush(self) -> None:
        """The engine's log is on the disk when this returns, and with it everything written.

        The engine's own flush would hold the interpreter; it is called at the end, and when the log has grown long.
        """
        with _storage(self._folder):
            if self._reading:
                return
            for file in (self._folder / self._generation / "wal").iterdir():
                sync(file)

    def close(self) -> None:
        """Flush and release the files."""
        with self._writing, self._turn, _storage(self._folder):
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
                    if self._sums is not None:
                        write_whole(self._folder / "words.json", checksums.signed({"stale": self._stale, "sums": self._sums}))
                integrity.finish(self._folder, self._generation, self._known)


# --------------------------------------------------------------------------------------------------------------------- files


def _create(folder: Path, layout: Layout) -> None:
    # Made beside its place and moved there whole: a shard whose making was killed midway can neither be loaded nor made again.
    begun = folder.with_name(folder.name + ".begun")
    shutil.rmtree(begun, ignore_errors=True)
    begun.mkdir(parents=True)
    disk.require(0, begun)
    (begun / "g1").mkdir()
    shard = qe.EdgeShard.create(str(begun / "g1"), _config(layout))
    for path in (form.WORDS, form.INITIALS):
        # The client's local mode knows only the default tokeniser; our terms are letters and digits in lower case, which it keeps.
        index = qe.TextIndexParams(scoring=qe.TextScoringParams(), memory=qe.Memory.Cold)
        shard.update(qe.UpdateOperation.create_field_index(path, index))
    shard.flush()
    shard.close()
    _settle(begun, layout, "g1")
    write_whole(begun / "words.json", checksums.signed({"stale": False, "sums": {"w": [0, 0], "c": [0, 0]}}))
    if folder.exists():
        folder.rmdir()
    os.replace(begun, folder)


def _modernise(folder: Path, layout: Layout) -> None:
    """A shard of the first format (the engine's files in the folder itself, no words) becomes a store with generations."""
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    old = qe.EdgeShard.load(str(folder))
    fresh = Edge(new, layout)
    offset: Any = None
    while True:
        records, offset = old.scroll(qe.ScrollRequest(offset=offset, limit=_CARRY, with_payload=True, with_vector=True))
        points = []
        for r in records:
            payload = {k: v for k, v in (r.payload or {}).items() if k not in ("_t", "_i", "_ti", "_truths")}
            vectors = r.vector if isinstance(r.vector, dict) else {}
            points.append(Point(str(payload["id"]), {n: np.asarray(v, np.float32) for n, v in vectors.items()}, payload))
        fresh.upsert(points)
        if offset is None:
            break
    fresh.close()
    old.close()
    os.replace(folder, folder.with_name(folder.name + ".format-1"))
    _finish(folder)


def _finish(folder: Path) -> None:
    """The end of `_modernise`, which a killed process may have left to us."""
    first = folder.with_name(folder.name + ".format-1")
    if first.exists():
        if not folder.exists():
            os.replace(folder.with_name(folder.name + ".new"), folder)
        shutil.rmtree(first, ignore_errors=True)


def _indexed(shard: qe.EdgeShard) -> frozenset[str]:
    return frozenset(map(form.plain, shard.info().payload_schema))


def _config(layout: Layout) -> qe.EdgeConfig:
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
    return qe.EdgeConfig(vectors=vectors, optimizers=qe.EdgeOptimizersConfig(indexing_threshold=_INDEX_FROM))


def _layout(data: Json) -> Layout:
    return Layout(tuple(data["parts"]), tuple(data["dims"]), data["tokens"], data["quantise"], data["prefix"])


def _settle(folder: Path, layout: Layout, generation: str) -> None:
    """Write what makes a folder with a generation in it a store."""
    write_whole(folder / "layout.json", json.dumps(asdict(layout)).encode())
    write_whole(folder / "current", generation.encode())


def _add(sums: dict[str, list[int]], payloads: Iterable[Mapping[str, Any]], sign: int) -> None:
    for payload in payloads:
        ours = payload.get(form.OURS) or {}
        for name, pair in sums.items():
            if length := ours.get(f"{name}l"):
                pair[0] += sign
                pair[1] += sign * length


# ------------------------------------------------------------------------------------------- Qdrant's form → the binding's


def request_of(query: Json) -> qe.QueryRequest:
    """The binding's request for a compiled one."""
    wanted = query["with_payload"]
    return qe.QueryRequest(
        limit=query["limit"],
        query=_query(query),
        prefetches=[_prefetch(p) for p in query.get("prefetch", ())],
        filter=filter_of(query["filter"]) if "filter" in query else None,
        params=_params(query),
        with_payload=_but_ours() if isinstance(wanted, dict) else wanted,
    )


def _but_ours() -> qe.PayloadSelector:
    return qe.PayloadSelector.Exclude([form.OURS])


def _prefetch(query: Json) -> qe.Prefetch:
    return qe.Prefetch(
        limit=query["limit"],
        query=_query(query),
        prefetches=[_prefetch(p) for p in query.get("prefetch", ())],
        filter=filter_of(query["filter"]) if "filter" in query else None,
        params=_params(query),
    )


def _query(query: Json) -> Any:
    match query.get("query"):
        case None:
            return None
        case {"nearest": vector}:
            return qe.Query.Nearest(vector, using=query["using"])
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


def _expression(form: Any) -> qe.Expression:
    e = qe.Expression
    match form:
        case str(path):
            return e.Variable(path)
        case {"mult": terms}:
            return e.Mult([_expression(t) for t in terms])
        case {"sum": terms}:
            return e.Sum([_expression(t) for t in terms])
        case {"sqrt": inner}:
            return e.Sqrt(_expression(inner))
        case {"div": {"left": left, "right": right, "by_zero_default": default}}:
            return e.Div(_expression(left), _expression(right), by_zero_default=default)
        case number:
            return e.Constant(float(number))


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


def _upsert(rows: Sequence[Json]) -> qe.UpdateOperation:
    return qe.UpdateOperation.upsert_points([qe.Point(r["id"], r["vector"], r["payload"]) for r in rows])
