"""Ids and changed facts go in; points are removed or hold the new facts, and stored pictures that no item has any more are gone.

The caller holds the collection's lock: no picture may be swept away between its being stored and its item's being there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hannun import hangul
from hannun.collection.points import ORIGIN, batched, relocated, worded
from hannun.collection.settings import Settings
from hannun.collection.storage import Storage, own_pictures
from hannun.errors import InputError
from hannun.facts import called, facts, noted
from hannun.index.engine import Engine, Point
from hannun.item import PLACE, Item, content_of

_AT_ONCE = 200  # points


def changes_of(changes: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """The facts that a change sets, and the names of those that it removes (None). Raises InputError for a change of content."""
    named = {hangul.normalise(str(k)): v for k, v in changes.items()}
    if content := [k for k in named if k == "id" or k in content_of(named)]:
        raise InputError(f"a change of {content[0]!r} came, expected facts; `add` the item again with its new content")
    return facts({k: v for k, v in named.items() if v is not None}), {k for k, v in named.items() if v is None}


def change(engine: Engine, settings: Settings, ids: Iterable[str], told: Mapping[str, Any], gone: set[str]) -> None:
    """Merge facts into those of items; a picture that is called otherwise by them gets its words anew."""
    for some in batched(sorted(ids), _AT_ONCE):
        changed: list[Point] = []
        renamed: list[Point] = []
        for point in engine.points(some):
            former = point.payload.get("facts") or {}
            now = {k: v for k, v in {**former, **told}.items() if k not in gone}
            new = replace(point, payload={**point.payload, "facts": now})
            same = (called(now), noted(now)) == (called(former), noted(former))
            (changed if same else renamed).append(new)
        engine.update([*changed, *worded(renamed, settings)])
    engine.flush()


def relocate(engine: Engine, storage: Storage, items: Iterable[Item]) -> None:
    """Write where items lie that are as they were, where that has changed."""
    known = {it.id: it for it in items if PLACE in it.facts}
    there = engine.get(list(known), [*ORIGIN, "images"])
    now = {id: told for id, payload in there.items() if (told := relocated(known[id], payload, storage)) is not None}
    if now:
        engine.update([replace(p, payload={**p.payload, **now[p.id]}) for p in engine.points(list(now))])


def remove(engine: Engine, storage: Storage, ids: set[str]) -> int:
    """Remove items and the stored pictures that no other item has; how many items were named."""
    own = pictures_of(engine, ids)
    engine.delete(sorted(ids))
    engine.flush()
    sweep(engine, storage, own)
    return len(ids)


def pictures_of(engine: Engine, ids: Iterable[str]) -> set[str]:
    """The stored pictures of the items that are there."""
    return set().union(*(own_pictures(p) for p in engine.get(sorted(ids), ["images"]).values()))


def stored_pictures(points: Iterable[Point]) -> set[str]:
    """The stored pictures of points."""
    return set().union(*(own_pictures(p.payload) for p in points))


def sweep(engine: Engine, storage: Storage, places: set[str]) -> None:
    """Remove stored pictures, unless an item still has them."""
    if places:
        for payload in engine.scan(["images"]):
            places = places - own_pictures(payload)
        storage.drop_pictures(places)
