"""An encoded item goes in, the point that the engine keeps of it comes out: vectors, words, and a payload of plain JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from hannun.collection.settings import Settings
from hannun.collection.storage import Storage
from hannun.encode import Encoded
from hannun.errors import InputError
from hannun.facts import called
from hannun.index import lexical
from hannun.index.engine import Point
from hannun.item import Image, Member
from hannun.search.hits import PARTS
from hannun.search.searcher import PICTURES, packed
from hannun.sources import SOURCE

DIGESTS = "digests"  # the payload's key for the hashes of an item's pictures
T = TypeVar("T")


def point(row: Encoded, storage: Storage) -> Point:
    """The point of an encoded item, without its words; pictures that came as bytes are stored on the way."""
    pictures = []
    for picture, data in zip(row.item.images, row.pictures, strict=True):
        pictures.append(storage.store_picture(data) if data is not None else _stored(picture, storage))
    told = {k: v for k, v in row.item.facts.items() if k != SOURCE}
    payload: dict[str, Any] = {"hash": row.hash, "facts": told, "images": pictures}
    if row.item.text:
        payload["text"] = row.item.text
    if others := row.item.json_parts():
        payload[PARTS] = others
    if source := row.item.facts.get(SOURCE):
        payload["source"] = source
    if row.digests:
        payload[DIGESTS] = list(row.digests)
    if "pictures" in row.vectors:
        payload[PICTURES] = packed(row.vectors["pictures"])
    vectors = {k: v for k, v in row.vectors.items() if k not in ("pictures", "tokens")}
    return Point(row.item.id, vectors, payload, tokens=row.vectors.get("tokens"))


def worded(points: Sequence[Point], settings: Settings) -> list[Point]:
    """The same points with the words of their texts, where the collection keeps words; a picture without a text has those of its name
    and its folder."""
    if not settings.words:
        return list(points)
    texts = (str(p.payload.get("text") or "") or called(p.payload.get("facts") or {}) for p in points)
    every = zip(points, lexical.documents(texts, settings.dictionary), strict=True)
    return [replace(p, words=terms.words, initials=terms.initials) for p, terms in every]


def _stored(picture: Image, storage: Storage) -> str | dict[str, Any]:
    match picture.source:
        case Path() if storage.stores_files and picture.source.is_relative_to(storage.root / "pictures"):
            return picture.source.relative_to(storage.root).as_posix()  # one that the collection keeps, and moves with it
        case Path():
            return str(picture.source.absolute())
        case Member(archive, offset, size, name):
            return {"archive": str(archive.absolute()), "offset": offset, "size": size, "name": name}
    raise InputError(f"{picture} has no place of its own on disk")


def batched(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` things, the last one shorter: `itertools.batched`, which Python 3.11 has not."""
    source = iter(things)
    while batch := list(islice(source, size)):
        yield batch
