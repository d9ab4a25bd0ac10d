"""A collection's points and the paths that its items were read from go in; items whose files have vanished or moved come out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hannun import hangul
from hannun.collection.points import DIGESTS, batched
from hannun.index.engine import Engine
from hannun.item import parts_of
from hannun.search.hits import PARTS

Moved = list[tuple[str, Mapping[str, Any]]]  # the id that an item has now, and the payload that it had under its former id


def vanished(engine: Engine, below: Sequence[Path], keep: set[str]) -> set[str]:
    """The ids of items that came from files below these paths, unless they, or their file's path, are in `keep`."""
    roots = {hangul.normalise(os.path.abspath(p)) for p in below}  # thousands, where each is a file that has gone
    gone = set()
    for payload in engine.scan(["id", "source"]):
        source = payload.get("source")
        if source and not {payload["id"], source} & keep and not roots.isdisjoint(_upwards(source)):
            gone.add(str(payload["id"]))
    return gone


def _upwards(path: str) -> Iterator[str]:
    """An absolute path and every folder that it lies in."""
    yield path
    while path:
        path = path.rpartition("/")[0]
        yield path or "/"


def moved(engine: Engine, seen: set[str]) -> Moved:
    """The items of files that are gone, each with the id under which the same content has been `seen`."""
    fields = ["id", "source", "text", DIGESTS, PARTS, "facts"]
    here: dict[tuple[Any, ...], list[str]] = {}
    gone: list[tuple[tuple[Any, ...], Mapping[str, Any]]] = []
    for payload in engine.scan(fields):
        id, source = str(payload["id"]), payload.get("source")
        content = payload.get("text"), tuple(payload.get(DIGESTS) or ()), parts_of(payload.get(PARTS) or {})
        if id in seen:
            here.setdefault(content, []).append(id)
        elif source and id.partition("#")[0] == source and not os.path.exists(source):
            gone.append((content, payload))
    return [(here[content].pop(0), old) for content, old in gone if here.get(content)]


def pass_on_facts(engine: Engine, pairs: Moved) -> None:
    """Give items the facts that they had under their former ids and have no longer."""
    for some in batched(pairs, 200):
        former = {new: old.get("facts") or {} for new, old in some}
        points = [p for p in engine.points(list(former)) if former[p.id].keys() - (p.payload.get("facts") or {}).keys()]
        merged = [replace(p, payload={**p.payload, "facts": {**former[p.id], **(p.payload.get("facts") or {})}}) for p in points]
        engine.update(merged)
