"""A collection's items go in; the same items come out in another storage, or in a store of another encoder's vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hannun import encode
from hannun.collection.points import ORIGIN, batched, worded
from hannun.collection.records import Progress, Report, and_more
from hannun.collection.settings import Settings
from hannun.collection.storage import Storage, own_pictures
from hannun.encode import Outcome
from hannun.encoder import Encoder
from hannun.errors import EncoderMismatch, MissingError, StorageError
from hannun.files import write_whole
from hannun.index.engine import Engine, Point
from hannun.item import Item
from hannun.search.hits import STORED, stored_item
from hannun.sources import Roots, placed

Store = Callable[[Sequence[Outcome], Report, Engine], None]  # writes what was encoded into an engine and counts it


@dataclass(frozen=True)
class Side:
    """One side of a copy."""

    engine: Engine
    storage: Storage
    settings: Settings


def copy(source: Side, target: Side, roots: Roots, progress: Progress | None) -> Report:
    """Copy what the target has not with equal content; see `Collection.copy`. `roots` are the target's. The caller flushes."""
    report = Report()
    one, other = source.settings, target.settings
    same = one.words and (one.dictionary, one.analysis) == (other.dictionary, other.analysis)
    for some in batched(sorted(str(p["id"]) for p in source.engine.scan(["id"])), 200):
        hashes = source.engine.get(list(some), ["hash", "facts", *ORIGIN])
        theirs = {i: _renamed(i, told, roots) for i, told in hashes.items()}
        known = target.engine.get(list(theirs.values()), ["hash", "facts"])
        missing = [i for i, told in hashes.items() if not _alike(told, known.get(theirs[i], {}))]
        points = [_carried(_housed(p, theirs[p.id], roots), source, target) for p in source.engine.points(missing)] if missing else []
        target.engine.upsert(points if same else worded(points, target.settings))
        report.added += len(points)
        report.unchanged += len(some) - len(missing)
        if progress is not None:
            progress(encode.Done(len(some), len(some) - len(missing)))
    return report


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(key) == other.get(key) for key in ("hash", "facts"))


def _renamed(id: str, told: Mapping[str, Any], roots: Roots) -> str:
    """The id that an item has in a collection with other roots: two may have different folders of one name."""
    place = told.get("place")
    return placed(roots, told["source"]) + id[len(place) :] if place and (id == place or id.startswith(f"{place}#")) else id


def _housed(point: Point, id: str, roots: Roots) -> Point:
    """A point under its id in a collection with other roots."""
    if not point.payload.get("place"):
        return point
    return replace(point, id=id, payload={**point.payload, "place": placed(roots, point.payload["source"])})


def _carried(point: Point, source: Side, target: Side) -> Point:
    """A point as another storage keeps it: the pictures that this one keeps go along, or are named by where they are."""
    if own := own_pictures(point.payload):
        if target.storage.stores_files:
            for place in own:
                target.storage.store_picture((source.storage.root / place).read_bytes())
        else:
            images = [str(source.storage.root / p) if isinstance(p, str) and p in own else p for p in point.payload["images"]]
            point = replace(point, payload={**point.payload, "images": images})
    return point


def begin(storage: Storage, settings: Settings) -> None:
    """Prepare the store for another encoder's vectors: one that a killed process began for the same encoder is gone on with."""
    mark = storage.root / f"{settings.shard}.made-by"
    if not mark.exists() or mark.read_text() != settings.fingerprint:
        storage.drop(settings.shard)
        write_whole(mark, settings.fingerprint.encode())


def finish(storage: Storage, settings: Settings, former: str) -> None:
    """Remove what nobody needs once the new store is in force."""
    (storage.root / f"{settings.shard}.made-by").unlink(missing_ok=True)
    storage.drop(former)


def encode_anew(source: Side, settings: Settings, encoder: Encoder, store: Store, progress: Progress | None) -> Report:
    """Encode every item of `source` that the store of `settings` has not yet with equal content; hand chunk after chunk to `store`.

    Raises MissingError where an item cannot be encoded again; what was made stays for the next run.
    """
    begin(source.storage, settings)
    engine, report = source.storage.engine(settings), Report()
    try:
        done = {str(p["id"]): str(p["hash"]) for p in engine.scan(["id", "hash"])}
        waiting = (
            Item(stored.id, stored.parts, {**stored.facts, **{fact: p[key] for key, fact in ORIGIN.items() if p.get(key)}})
            for p in source.engine.scan([*STORED, *ORIGIN])
            for stored in [stored_item(p, source.storage.root)]
        )
        for chunk in encode.encode(waiting, encoder, lambda pairs: {i for i, h in pairs if done.get(i) == h}, settings.careful):
            store(chunk, report, engine)
            if progress is not None:
                progress(encode.Done.of(chunk))
        engine.delete(sorted(done.keys() - {str(p["id"]) for p in source.engine.scan(["id"])}))  # deleted since an earlier, killed run
        engine.flush()
    finally:
        engine.close()
    if report.problems:
        first = report.problems[0]
        raise MissingError(
            f"{source.storage.name}: {len(report.problems)} items cannot be encoded again ({first.where}: {first.reason}); "
            "restore their pictures or `hannun delete` them, then run reindex again; the collection is as it was"
        )
    return report


def require_undamaged(engine: Engine) -> None:
    """Raises StorageError where what would be copied is damaged."""
    if damaged := engine.check():
        raise StorageError(f"{damaged[0]}" + and_more(len(damaged) - 1))


def require_one_encoder(source: Settings, target: Settings, to: str) -> None:
    """Raises EncoderMismatch where the collection at `to` was made by another encoder."""
    if target.fingerprint != source.fingerprint:
        raise EncoderMismatch(
            f"{to}: was made by encoder {target.encoder!r} ({target.fingerprint}), this one by {source.encoder!r} ({source.fingerprint}); "
            "copy to another place, or reindex one of them"
        )
