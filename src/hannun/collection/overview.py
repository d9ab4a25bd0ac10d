"""An engine's points go in, what a whole collection looks like comes out: facts to choose by, near-duplicates, a map, counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hannun.collection.points import DIGESTS, batched
from hannun.collection.records import Map
from hannun.collection.settings import Settings
from hannun.collection.storage import Storage
from hannun.embeddings import Floats, unit
from hannun.errors import HannunError, InputError, WhereError, neighbours
from hannun.facts import names
from hannun.files import on_disk
from hannun.index.engine import Condition, Engine, Listing, Present, Scalar
from hannun.item import Image
from hannun.search import dupes, project
from hannun.search.dupes import Group
from hannun.search.hits import PARTS, foremost, reference

_FEW = 50  # distinct values up to which a fact is one to choose by
_SHOWN = 6  # facts that are offered to choose by, where none are named


def require_fact(engine: Engine, what: str, field: str) -> bool:
    """Whether items have a value of this fact. Raises WhereError with the neighbours of a name that no item has."""
    if engine.query(Listing(Present(field), limit=1, fields=())):
        return True
    known: set[str] = set()
    for payload in engine.scan(["facts"]):
        known |= names(payload.get("facts") or {})
    if field in known:  # in a dict, or with nothing in it
        return False
    hint = neighbours(field, known) if known else "its items have no facts"
    raise WhereError(f"{what}: no item has the fact {field!r}; {hint}")


def offered(engine: Engine) -> list[str]:
    """The facts that a page would offer to choose by."""
    values, often = dict[str, set[Scalar]](), dict[str, int]()
    for payload in engine.scan(["facts"]):
        for name, value in (payload.get("facts") or {}).items():
            for v in value if isinstance(value, list) else [value]:
                if isinstance(v, str | int | float | bool) and len(values.setdefault(name, set())) <= _FEW:
                    values[name].add(v)
            often[name] = often.get(name, 0) + 1
    few = [n for n, v in values.items() if 2 <= len(v) <= min(_FEW, max(2, often[n] // 2))]  # a title tells items apart
    return sorted(few, key=lambda n: (-often[n], n))[:_SHOWN]


def near_duplicates(engine: Engine, root: Path, threshold: float | None, condition: Condition | None) -> list[Group]:
    """Groups of items that are nearly the same; see `Collection.dupes`."""
    if threshold is not None and (isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 < threshold <= 1):
        raise InputError(f"threshold={threshold!r} came, expected a cosine above 0, at most 1")
    payloads = {str(p["id"]): p for p in engine.scan(["id", DIGESTS, "images"], condition)}
    digests = {id: p.get(DIGESTS) or () for id, p in payloads.items()}
    kinds: dict[str, tuple[list[str], list[Floats]]] = {}
    for some in batched(sorted(digests), 1000):
        for id, row in engine.vectors(list(some)).items():
            part = foremost(row, engine.layout.parts)
            ids, rows = kinds.setdefault(part, ([], []))
            ids.append(id)
            rows.append(row[part])
    found = []
    for part, (ids, rows) in kinds.items():
        least = dupes.PICTURES if part == Image.kind else dupes.THRESHOLD
        pairs = dupes.near(np.stack(rows), least if threshold is None else threshold)
        if part == Image.kind:
            pictures = [payloads[i].get("images") or () for i in ids]
            pairs = dupes.alike(pairs, lambda n, pictures=pictures: _looks(pictures[n], root))  # type: ignore[misc]
        found += dupes.groups(ids, pairs, {i: digests[i] for i in ids})
    return sorted(found, key=lambda g: (-len(g.ids), -g.similarity, g.ids))


def _looks(pictures: Sequence[Any], root: Path) -> Floats | None:
    """How an item's one picture looks; None where it has several, or it has gone: there its vector alone speaks."""
    try:
        return dupes.looks(Image(reference(pictures[0], root)).load(4 * dupes.GRID)) if len(pictures) == 1 else None
    except HannunError:
        return None


def plane(engine: Engine, limit: int, condition: Condition | None, seed: int) -> Map:
    """Items on a plane; see `Collection.map`."""
    ids = sorted(str(p["id"]) for p in engine.scan(["id"], condition))
    if len(ids) > limit:
        ids = sorted(np.random.default_rng(seed).choice(ids, limit, replace=False).tolist())
    stored = engine.vectors(ids)
    ids = [i for i in ids if i in stored]
    parts = [foremost(stored[i], engine.layout.parts) for i in ids]
    rows = np.stack([stored[i][p] for i, p in zip(ids, parts, strict=True)]) if ids else np.zeros((0, 2), np.float32)
    for part in set(parts):  # pictures and texts lie in different corners of the space: each kind about its own centre
        kind = [n for n, p in enumerate(parts) if p == part]
        rows[kind] -= rows[kind].mean(axis=0)
    points, explained = project.plane(unit(rows), seed)
    return Map(tuple(ids), points, explained)


def summary(name: str, engine: Engine, storage: Storage, settings: Settings) -> dict[str, Any]:
    """Counts and settings; see `Collection.info`."""
    texts = pictures = 0
    named: dict[str, int] = {}
    others: dict[str, int] = {}
    for payload in engine.scan(["text", "images", PARTS, "facts"]):
        texts += bool(payload.get("text"))
        pictures += bool(payload.get("images"))
        for kind in payload.get(PARTS) or {}:
            others[f"with_{kind}"] = others.get(f"with_{kind}", 0) + 1
        for fact in payload.get("facts") or {}:
            named[fact] = named.get(fact, 0) + 1
    s = settings
    return {
        "path": name,
        "format": s.format,
        "items": engine.count(),
        "with_text": texts,
        "with_picture": pictures,
        **dict(sorted(others.items())),
        "encoder": s.encoder,
        "fingerprint": s.fingerprint,
        "dims": list(s.dims),
        "part_vectors": bool(s.kinds),
        "kinds": list(s.kinds),
        "words": s.words,
        "analysis": s.analysis,
        "dictionary": list(s.dictionary),
        "tokens": s.tokens,
        "quantise": s.quantise,
        "careful": s.careful,
        "prefix": s.prefix,
        "facts": dict(sorted(named.items())),
        "roots": dict(s.roots),
        "bytes": on_disk(storage.root) if storage.stores_files else 0,
    }
