"""An encoded item goes in, the point that the engine keeps of it comes out: vectors, words, and a payload of plain JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import PIL.Image

from hannun.collection.settings import Settings
from hannun.collection.storage import Storage
from hannun.encode import Encoded
from hannun.errors import InputError
from hannun.facts import called, noted
from hannun.index import lexical
from hannun.index.engine import Point
from hannun.item import PLACE, SOURCE, STATE, Image, Item, Member, plain_facts
from hannun.search.albums import PICTURES, packed
from hannun.search.hits import PARTS

ORIGIN = {"source": SOURCE, "place": PLACE, "state": STATE}  # the payload's key → the fact that an item carries it in
DIGESTS = "digests"  # the payload's key for the hashes of an item's pictures
T = TypeVar("T")


def point(row: Encoded, storage: Storage) -> Point:
    """The point of an encoded item, without its words; pictures that came as bytes are stored on the way."""
    pictures = []
    for picture, data in zip(row.item.images, row.pictures, strict=True):
        pictures.append(storage.store_picture(data) if data is not None else _stored(picture, storage))
    payload: dict[str, Any] = {"hash": row.hash, "facts": plain_facts(row.item.facts), "images": pictures}
    if row.item.text:
        payload["text"] = row.item.text
    if others := row.item.json_parts():
        payload[PARTS] = others
    payload |= origin(row.item)
    if row.digests:
        payload[DIGESTS] = list(row.digests)
    if "pictures" in row.vectors:
        payload[PICTURES] = packed(row.vectors["pictures"])
    vectors = {k: v for k, v in row.vectors.items() if k not in ("pictures", "tokens")}
    return Point(row.item.id, vectors, payload, tokens=row.vectors.get("tokens"))


def origin(it: Item) -> dict[str, str]:
    """Where an item was read, under the keys that a payload has for it; empty where it was handed over."""
    return {key: it.facts[name] for key, name in ORIGIN.items() if it.facts.get(name)}


def relocated(it: Item, payload: Mapping[str, Any], storage: Storage) -> dict[str, Any] | None:
    """The payload of an item that is as it was, with where it and its pictures lie now; None where that is as it was too."""
    now: dict[str, Any] = origin(it)
    if now and not any(isinstance(p.source, bytes | PIL.Image.Image) for p in it.images):
        now["images"] = [_stored(p, storage) for p in it.images]
    return {**payload, **now} if any(payload.get(k) != v for k, v in now.items()) else None


def worded(points: Sequence[Point], settings: Settings) -> list[Point]:
    """The same points with the words of their texts, where the collection keeps words; a picture without a text has those of its name
    and its folder, and each those that annotators found."""
    if not settings.words:
        return list(points)
    texts = (_words(p.payload) for p in points)
    every = zip(points, lexical.documents(texts, settings.dictionary), strict=True)
    return [replace(p, words=terms.words, initials=terms.initials) for p, terms in every]


def _words(payload: Mapping[str, Any]) -> str:
    told = payload.get("facts") or {}
    return "\n".join(w for w in (str(payload.get("text") or "") or called(told), noted(told)) if w)


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
