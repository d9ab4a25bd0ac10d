"""Rows go in, hits come out: `hannun.open()` gives a Collection, one folder that holds vectors, texts and facts.

    hannun.json   what made the vectors: encoder, fingerprint, dims, calibration, and which shard is in force
    shard-N/      the vector engine's files, the only place where items are kept
    pictures/     pictures that were handed over as bytes, by content hash
    lock, owner   one process at a time owns a collection

Every item is one point, written in one step after its vectors are made, with the hash of its content in it. So a killed
run leaves whole items or none, and running again skips what is there: nothing is lost, and nothing is there twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, final

import filelock
import numpy as np

from hannun import encode, hangul
from hannun.embeddings import Floats
from hannun.encode import Encoded, Outcome, Unchanged
from hannun.encoder import Calibration, Encoder
from hannun.errors import CollectionBusy, EncoderMismatch, InputError, MissingError, StorageError
from hannun.index.edge import Edge
from hannun.index.engine import AGREEMENT, HAS_IMAGE, HAS_TEXT, Point
from hannun.item import Content, Image, Item, Member, Problem, item
from hannun.load import load
from hannun.search import searcher
from hannun.search.searcher import Hit
from hannun.search.where import parse_where
from hannun.sources import SOURCE, facts

FORMAT = 1
_OPTIMISE_FROM = 20_000  # points; below, exact search is fast enough not to wait for an index
Progress = Callable[[int], None]


@dataclass
class Report:
    """What became of the items handed to `add`, `reindex` or `prune`; `problems` lists each that could not be read, and why."""

    added: int = 0
    unchanged: int = 0
    removed: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Settings:
    """The collection's own file: what its vectors were made by."""

    encoder: str
    fingerprint: str
    dims: tuple[int, ...]
    parts: bool
    calibration: Calibration
    shard: str = "shard-1"

    @staticmethod
    def of(encoder: Encoder, shard: str = "shard-1") -> Settings:
        """The settings that an encoder's vectors have."""
        return Settings(encoder.name, encoder.fingerprint, encoder.dims, encoder.parts, encoder.calibration, shard)

    @property
    def vectors(self) -> tuple[str, ...]:
        """The names of the stored vectors."""
        return ("text", "image") if self.parts else ("joint",)


def open(path: str | Path, encoder: Encoder | None = None, *, create: bool = True) -> Collection:
    """Open the collection at `path`, or begin one there.

    Args:
        path: a folder, by custom named `something.hannun`.
        encoder: makes the vectors; left out, the one that made the collection is loaded by name ("mini" for a new one).
        create: whether to begin a collection where there is none.

    Raises:
        MissingError: there is none and `create` is false.
        CollectionBusy: another process has it open.
        EncoderMismatch: it was made by another encoder than the one given.
        StorageError: the disk is full, read-only, or the files are damaged.
        InputError: the folder holds something else.
    """
    folder = Path(path)
    if not create and not (folder / "hannun.json").exists():
        raise MissingError(f"{folder}: no collection there; make one with `hannun index PATH --to {folder}`")
    return Collection(folder, encoder)


@final
class Collection:
    """Items with their vectors, on disk, owned by this process until `close`. Made by `hannun.open`; a context manager."""

    def __init__(self, folder: Path, encoder: Encoder | None = None) -> None:
        self.folder = folder
        self._root = folder.absolute()
        self._encoder = encoder
        self._checked = False
        try:
            if folder.is_file():
                raise InputError(f"{folder}: is a file, expected the folder of a collection; choose another name")
            foreign = folder.exists() and not (folder / "hannun.json").exists() and any(folder.iterdir())
            if foreign and not (folder / "lock").exists():
                raise InputError(f"{folder}: is a folder with other things in it, expected a collection; choose another name")
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = filelock.FileLock(folder / "lock")
            self._own()
        except OSError as e:
            if isinstance(e, StorageError):
                raise
            raise StorageError(f"{folder}: cannot be opened for writing ({e.strerror or e}); free some space or make it writable") from None
        try:
            with contextlib.suppress(OSError):  # only the words of an error hang on it
                (folder / "owner").write_text(str(os.getpid()))
            self.settings = self._settings()
            if encoder is not None:
                self._check(encoder)
            self._engine = Edge(folder / self.settings.shard, self.settings.vectors, self.settings.dims[0])
        except BaseException:
            self._lock.release()
            raise

    def _own(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            with contextlib.suppress(OSError):
                pid = (self.folder / "owner").read_text()
                raise CollectionBusy(
                    f"{self.folder}: process {pid} has this collection open, and one process at a time owns it; wait for it or stop it"
                ) from None
            raise CollectionBusy(f"{self.folder}: another process has this collection open; wait for it or stop it") from None

    def _settings(self) -> Settings:
        file = self.folder / "hannun.json"
        if not file.exists():
            self._encoder = self._encoder or load()
            self._checked = True
            settings = Settings.of(self._encoder)
            self._write_settings(settings)
            return settings
        try:
            data = json.loads(file.read_text("utf-8"))
            if data["format"] != FORMAT:
                raise InputError(f"{file}: has format {data['format']}, this Hannun reads format {FORMAT}; update Hannun, or index again")
            calibration = Calibration.from_json(data["calibration"])
            return Settings(data["encoder"], data["fingerprint"], tuple(data["dims"]), data["parts"], calibration, data["shard"])
        except InputError:
            raise
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as e:
            raise StorageError(f"{file}: is damaged ({e!r}); restore it from a backup, or index again into a new collection") from None

    def _write_settings(self, settings: Settings) -> None:
        data = {
            "format": FORMAT,
            "encoder": settings.encoder,
            "fingerprint": settings.fingerprint,
            "dims": list(settings.dims),
            "parts": settings.parts,
            "calibration": settings.calibration.to_json(),
            "shard": settings.shard,
        }
        _write_whole(self.folder / "hannun.json", json.dumps(data, ensure_ascii=False, indent=1).encode())

    def _check(self, encoder: Encoder) -> None:
        if encoder.fingerprint != self.settings.fingerprint:
            raise EncoderMismatch(
                f"{self.folder}: was made by encoder {self.settings.encoder!r} ({self.settings.fingerprint}), "
                f"but {encoder.name!r} ({encoder.fingerprint}) came; "
                f"run `hannun reindex {self.folder} --model {encoder.name}` to encode it anew"
            )
        self._checked = True

    @property
    def encoder(self) -> Encoder:
        """The encoder that made the vectors, loaded when first needed. Raises EncoderMismatch where it has changed since."""
        if self._encoder is None:
            self._encoder = load(self.settings.encoder)
        if not self._checked:
            self._check(self._encoder)
        return self._encoder

    def __len__(self) -> int:
        return self._engine.count()

    def __enter__(self) -> Collection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[Item]:
        """Every item, in no stated order."""
        return (searcher.stored_item(p, self._root) for p in self._engine.scan(["id", "text", "images", "facts"]))

    def add(self, contents: Iterable[Content | Problem], progress: Progress | None = None) -> Report:
        """Add rows, or replace those whose id is there; what is there with equal content is left alone.

        Args:
            contents: rows like {"id": "1", "text": "…", "image": "b.jpg", "price": 9900}; other keys become facts. A row without
                an id gets the hash of its content. Unreadable rows are listed in the report and stop nothing.
            progress: told how many items are done, after every chunk.

        Returns:
            What was added, what was unchanged, and the problems.

        Raises:
            InputError: nothing at all could be added (the first problem is told).
            StorageError: the disk is full or read-only; what was added before is kept.
        """
        report = Report()
        seen: set[str] = set()
        for chunk in encode.encode(self._incoming(contents, seen), self.encoder, self._known):
            self._store(chunk, report, self._engine, self.settings.vectors)
            if progress is not None:
                progress(len(chunk))
        self._engine.flush()
        if report.problems and not report.added and not report.unchanged:
            first = report.problems[0]
            raise InputError(f"nothing could be added: {first.where}: {first.reason}" + _more(len(report.problems) - 1))
        return report

    def search(
        self,
        query: Content,
        *,
        mix: float = 0.5,
        weights: tuple[float, float] | None = None,
        where: str | None = None,
        limit: int = 10,
        offset: int = 0,
        diversity: float = 0.0,
        shuffle: int = 0,
    ) -> list[Hit]:
        """The items nearest to a query, best first.

        Args:
            query: words, a picture, or {"text": …, "image": …}.
            mix: the query's own words against its own picture, 1 (only words) … 0 (only the picture).
            weights: how much the text and the picture of an item count; (0.5, 0.5) when left out. An item that has only one
                of them is ranked by that one. Not for encoders that make one joint vector.
            where: a condition on facts, `category = 원피스 and price < 50000`; grammar in `hannun.search.where`.
            limit: how many hits.
            offset: how many to pass over first.
            diversity: 0 pure relevance … 1 as varied as can be (maximal marginal relevance over the top 50).
            shuffle: into how many visual clusters the top 50 is divided; the best of each comes first. 0 is off.

        Raises:
            InputError: an empty query, or a value out of range. WhereError: a condition that cannot be read.
            PictureError: the query's picture cannot be read. EncoderMismatch: the encoder has changed.
        """
        return searcher.search(
            self._engine,
            self.encoder,
            query,
            self._root,
            mix=mix,
            weights=weights,
            where=where,
            limit=limit,
            offset=offset,
            diversity=diversity,
            shuffle=shuffle,
        )

    def get(self, id: str) -> Item:
        """The item with this id. Raises MissingError."""
        found = self._engine.get([id])
        if id not in found:
            raise MissingError(f"{self.folder}: has no item {id!r}")
        return searcher.stored_item(found[id], self._root)

    def delete(self, ids: Sequence[str] = (), where: str | None = None) -> int:
        """Remove the items with these ids, and those a condition holds for. Returns how many were there."""
        if isinstance(ids, str):
            raise InputError(f"ids is the str {ids!r}, expected a list of ids")
        there = set(self._engine.get(list(ids), []))
        if where is not None:
            there |= {str(p["id"]) for p in self._engine.scan(["id"], parse_where(where))}
        self._engine.delete(sorted(there))
        self._engine.flush()
        return len(there)

    def prune(self, below: Sequence[Path], keep: set[str]) -> int:
        """Remove the items that came from files below these paths and whose ids are not in `keep`. Returns how many.

        A table or shard that could not be read at all counts as kept when its own path is in `keep`: its rows have not vanished.
        """
        roots = [hangul.normalise(os.path.abspath(p)) for p in below]
        gone = []
        for payload in self._engine.scan(["id", "source"]):
            source = payload.get("source")
            if source and not {payload["id"], source} & keep and any(source == r or source.startswith(r.rstrip("/") + "/") for r in roots):
                gone.append(str(payload["id"]))
        self._engine.delete(gone)
        self._engine.flush()
        return len(gone)

    def reindex(self, encoder: Encoder, progress: Progress | None = None) -> Report:
        """Encode every item again with another encoder; killed and called again, it goes on where it was.

        The new vectors are made beside the old ones, which stay in force until all are there. Items whose pictures can no
        longer be read stop the change: they are reported, and the collection stays as it was.
        """
        if encoder.fingerprint == self.settings.fingerprint:
            self._encoder, self._checked = encoder, True
            return Report(unchanged=len(self))
        number = int(self.settings.shard.rpartition("-")[2]) + 1
        settings = Settings.of(encoder, f"shard-{number}")
        folder, mark = self.folder / settings.shard, self.folder / f"{settings.shard}.made-by"
        if not mark.exists() or mark.read_text() != settings.fingerprint:
            shutil.rmtree(folder, ignore_errors=True)
            _write_whole(mark, settings.fingerprint.encode())
        engine = Edge(folder, settings.vectors, settings.dims[0])
        try:
            report = Report()
            done = {str(p["id"]): str(p["hash"]) for p in engine.scan(["id", "hash"])}
            waiting = (
                Item(stored.id, stored.parts, {**stored.facts, **({SOURCE: p["source"]} if p.get("source") else {})})
                for p in self._engine.scan(["id", "text", "images", "facts", "source"])
                for stored in [searcher.stored_item(p, self._root)]
            )
            for chunk in encode.encode(waiting, encoder, lambda pairs: {i for i, h in pairs if done.get(i) == h}):
                self._store(chunk, report, engine, settings.vectors)
                if progress is not None:
                    progress(len(chunk))
            engine.delete(sorted(done.keys() - {str(p["id"]) for p in self._engine.scan(["id"])}))  # deleted since an earlier, killed run
            engine.flush()
        finally:
            engine.close()
        if report.problems:
            first = report.problems[0]
            raise MissingError(
                f"{self.folder}: {len(report.problems)} items cannot be encoded again ({first.where}: {first.reason}); "
                "restore their pictures or `hannun delete` them, then run reindex again; the collection is as it was"
            )
        self._write_settings(settings)  # from here on the new shard is in force
        self._engine.close()
        old, self.settings, self._encoder, self._checked = self.settings.shard, settings, encoder, True
        self._engine = Edge(folder, settings.vectors, settings.dims[0])
        mark.unlink(missing_ok=True)
        shutil.rmtree(self.folder / old, ignore_errors=True)
        return report

    def optimise(self) -> bool:
        """Build the engine's search indexes where there are enough items to need them; returns whether it did."""
        if len(self) < _OPTIMISE_FROM:
            return False
        self._engine.optimise()
        return True

    def info(self) -> dict[str, Any]:
        """Counts and settings: items, with text, with picture, encoder, fingerprint, dims, part vectors, bytes on disk."""
        texts = pictures = 0
        facts: dict[str, int] = {}
        for payload in self._engine.scan(["text", "images", "facts"]):
            texts += bool(payload.get("text"))
            pictures += bool(payload.get("images"))
            for name in payload.get("facts") or {}:
                facts[name] = facts.get(name, 0) + 1
        size = sum(f.stat().st_size for f in self.folder.rglob("*") if f.is_file())
        s = self.settings
        return {
            "path": str(self.folder),
            "items": len(self),
            "with_text": texts,
            "with_picture": pictures,
            "encoder": s.encoder,
            "fingerprint": s.fingerprint,
            "dims": list(s.dims),
            "part_vectors": s.parts,
            "facts": dict(sorted(facts.items())),
            "bytes": size,
        }

    def close(self) -> None:
        """Write everything through and let others open the collection."""
        if self._lock.is_locked:
            try:
                self._engine.close()
            finally:
                self._lock.release()

    def _incoming(self, contents: Iterable[Content | Problem], seen: set[str]) -> Iterator[Item | Problem]:
        for number, content in enumerate(contents, start=1):
            if isinstance(content, Problem):
                yield content
                continue
            try:
                it = item(content)
                it = Item(it.id, it.parts, facts(it.facts))
            except InputError as e:
                yield Problem(f"row {number}", str(e))
                continue
            if it.id in seen:
                yield Problem(f"row {number}", f"the id {it.id!r} came before; the first one is kept, give this one another id", it.id)
                continue
            seen.add(it.id)
            yield it

    def _known(self, pairs: Sequence[tuple[str, str]]) -> set[str]:
        there = self._engine.get([i for i, _ in pairs], ["hash"])
        return {i for i, h in pairs if i in there and there[i].get("hash") == h}

    def _store(self, chunk: Sequence[Outcome], report: Report, engine: Edge, names: Sequence[str]) -> None:
        points = []
        for outcome in chunk:
            match outcome:
                case Encoded():
                    points.append(self._point(outcome))
                case Unchanged():
                    report.unchanged += 1
                case Problem():
                    report.problems.append(outcome)
        engine.upsert(points)
        report.added += len(points)

    def _point(self, row: Encoded) -> Point:
        pictures = []
        for picture, data in zip(row.item.images, row.pictures, strict=True):
            pictures.append(self._keep(data) if data is not None else _stored(picture))
        told = {k: v for k, v in row.item.facts.items() if k != SOURCE}
        payload: dict[str, Any] = {"hash": row.hash, "facts": told, "images": pictures}
        if row.item.text:
            payload["text"] = row.item.text
        if source := row.item.facts.get(SOURCE):
            payload["source"] = source
        if "joint" not in row.vectors:
            payload |= _parts(row.vectors)
        return Point(row.item.id, row.vectors, payload)

    def _keep(self, data: bytes) -> str:
        """Put bytes into the picture store and return their place in the collection's folder; equal bytes are kept once."""
        name = hashlib.blake2b(data, digest_size=16).hexdigest()
        place = f"pictures/{name[:2]}/{name}"  # relative, so that the folder may be moved
        target = self.folder / place
        if not target.exists():
            _write_whole(target, data)
        return place


def _parts(vectors: Mapping[str, Floats]) -> dict[str, Any]:
    has_text, has_image = "text" in vectors, "image" in vectors
    agreement = float(np.dot(vectors["text"], vectors["image"])) if has_text and has_image else 0.0
    return {HAS_TEXT: int(has_text), HAS_IMAGE: int(has_image), AGREEMENT: agreement}


def _stored(picture: Image) -> str | dict[str, Any]:
    match picture.source:
        case Path():
            return str(picture.source.absolute())
        case Member(archive, offset, size, name):
            return {"archive": str(archive.absolute()), "offset": offset, "size": size, "name": name}
    raise InputError(f"{picture} has no place of its own on disk")


def _write_whole(target: Path, data: bytes) -> None:
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.replace(part, target)
    except OSError as e:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise StorageError(f"{target}: cannot be written ({e.strerror or e}); free some space, then run the same again") from None


def _more(others: int) -> str:
    return f" (and {others} more like it)" if others > 0 else ""
