"""A collection's points and the paths that its items were read from go in; items whose files have vanished or moved come out.

A collection names the folders that it was made of (`roots`), once each: of two folders with one name the second has a number behind it,
and one that was moved keeps its name. What earlier versions kept under absolute paths gets the ids of today as soon as its folder is
named.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

from hannun import hangul
from hannun.collection.points import DIGESTS, batched
from hannun.index.engine import Engine
from hannun.item import parts_of
from hannun.search.hits import PARTS
from hannun.sources import FLAT, Roots, bound, covers, free_name, holds, on_disk, placed

Moved = list[tuple[str, Mapping[str, Any]]]  # the id that an item has now, and the payload that it had under its former id


def vanished(engine: Engine, below: Sequence[Path], keep: set[str]) -> set[str]:
    """The ids of items that came from files below these paths, unless they, or their file's path, are in `keep`."""
    roots = {hangul.normalise(os.path.abspath(p)) for p in below}  # thousands, where each is a file that has gone
    gone = set()
    for payload in engine.scan(["id", "source", "place"]):
        source = payload.get("source")
        if source and not {payload["id"], source, payload.get("place")} & keep and not roots.isdisjoint(_upwards(source)):
            gone.add(str(payload["id"]))
    return gone


def whole(engine: Engine, states: Set[str]) -> dict[str, list[str]]:
    """Of these states of files (`sources.changed`) those of which every item is there, with the items' ids."""
    found: dict[tuple[str, str], list[str]] = {}
    for payload in engine.scan(["id", "state"]):
        count, _, state = str(payload.get("state") or "").partition(" ")
        if state in states:
            found.setdefault((count, state), []).append(str(payload["id"]))
    return {state: ids for (count, state), ids in found.items() if count == str(len(ids))}


def _upwards(path: str) -> Iterator[str]:
    """An absolute path and every folder that it lies in."""
    yield path
    while path:
        path = path.rpartition("/")[0]
        yield path or "/"


def moved(engine: Engine, seen: set[str]) -> Moved:
    """The items of files that are gone, each with the id under which the same content has been `seen`."""
    fields = ["id", "source", "place", "text", DIGESTS, PARTS, "facts"]
    here: dict[tuple[Any, ...], list[str]] = {}
    gone: list[tuple[tuple[Any, ...], Mapping[str, Any]]] = []
    for payload in engine.scan(fields):
        id, source = str(payload["id"]), payload.get("source")
        content = payload.get("text"), tuple(payload.get(DIGESTS) or ()), parts_of(payload.get(PARTS) or {})
        if id in seen:
            here.setdefault(content, []).append(id)
        elif source and _is_of(id, payload.get("place") or source) and not _exists(source):
            gone.append((content, payload))
    return [(here[content].pop(0), old) for content, old in gone if here.get(content)]


def pass_on_facts(engine: Engine, pairs: Moved) -> None:
    """Give items the facts that they had under their former ids and have no longer."""
    for some in batched(pairs, 200):
        former = {new: old.get("facts") or {} for new, old in some}
        points = [p for p in engine.points(list(former)) if former[p.id].keys() - (p.payload.get("facts") or {}).keys()]
        merged = [replace(p, payload={**p.payload, "facts": {**former[p.id], **(p.payload.get("facts") or {})}}) for p in points]
        engine.update(merged)


def _exists(place: str) -> bool:
    return on_disk(Path(place)).exists()


def _is_of(id: str, place: str) -> bool:
    """Whether an id is a file's own, or that of a row or a page without an id of its own."""
    return id == place or id.startswith(f"{place}#")


def rooted(engine: Engine, known: Roots, root: str) -> Roots:
    """The roots of a collection with this one among them; the ids and places of what was read there before are those of today.

    Killed midway and called again it goes on: the caller keeps the roots when it returns.
    """
    if any(covers(other, root) for other in known.values()):
        return known
    folder = root.removesuffix(FLAT)
    name = free_name({}, folder)
    former = known.get(name, root)
    alike = former != root and former.endswith(FLAT) == root.endswith(FLAT)
    if alike and not _exists(former.removesuffix(FLAT)) and _is_moved(engine, former, root):
        _move(engine, former, folder)
        return {**known, name: root}
    made = bound(known, root)
    _adopt(engine, made, root)
    return made


def _is_moved(engine: Engine, former: str, root: str) -> bool:
    """Whether what was read in a folder that is gone lies in another one now: most of it, at the same places. So does nothing at all."""
    old, new = former.removesuffix(FLAT), root.removesuffix(FLAT)
    sources = {str(s) for p in engine.scan(["source"]) if (s := p.get("source")) and holds(former, s)}
    return 2 * sum(_exists(new + s[len(old) :]) for s in sources) >= len(sources)


def _move(engine: Engine, former: str, folder: str) -> None:
    """Write where files lie that were moved together with their folder."""
    old = former.removesuffix(FLAT)

    def now(place: Any) -> Any:
        if isinstance(place, Mapping):
            return {**place, "archive": now(place["archive"])} if "archive" in place else place
        return folder + place[len(old) :] if isinstance(place, str) and place.startswith(old + "/") else place

    moved = [str(p["id"]) for p in engine.scan(["id", "source"]) if p.get("source") and holds(former, p["source"])]
    for some in batched(sorted(moved), 200):
        changed = []
        for point in engine.points(some):
            images = [now(i) for i in point.payload.get("images") or ()]
            changed.append(replace(point, payload={**point.payload, "source": now(point.payload["source"]), "images": images}))
        engine.update(changed)
    engine.flush()


def _adopt(engine: Engine, roots: Roots, root: str) -> None:
    """Give the ids of today to what earlier versions kept under the absolute paths of its files, below a root."""
    fields = ["id", "source", "place"]
    theirs = [str(p["id"]) for p in engine.scan(fields) if (s := p.get("source")) and not p.get("place") and holds(root, s)]
    for some in batched(sorted(theirs), 200):
        renamed, same = [], []
        for point in engine.points(some):
            source = str(point.payload["source"])
            place = placed(roots, source)
            now = replace(point, payload={**point.payload, "place": place})
            if _is_of(point.id, source):
                renamed.append(replace(now, id=place + point.id[len(source) :]))
            else:
                same.append(now)
        engine.upsert(renamed)
        engine.delete([id for id in some if id not in {p.id for p in same}])
        engine.update(same)
    engine.flush()
