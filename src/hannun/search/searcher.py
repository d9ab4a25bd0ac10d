"""A query (words, a picture, both, likes and dislikes) goes in; a Plan for the engine, then Hits, come out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hannun.embeddings import Floats, unit
from hannun.encoder import Calibration, Encoder
from hannun.errors import InputError
from hannun.index.engine import Engine, Match, Plan
from hannun.item import Content, Image, Item, Member, Text, item, require_content
from hannun.search import diversify
from hannun.search.where import parse_where

CANDIDATES = 100  # per part; the union of these is rescored exactly
MAX_LIMIT = 10_000


@dataclass(frozen=True)
class Hit:
    """One result: the item's id, its score (higher is better; a calibrated cosine, at most 1), and the item itself."""

    id: str
    score: float
    item: Item


def search(
    engine: Engine,
    encoder: Encoder,
    query: Content,
    root: Path,
    *,
    mix: float = 0.5,
    weights: tuple[float, float] | None = None,
    where: str | None = None,
    limit: int = 10,
    offset: int = 0,
    diversity: float = 0.0,
    shuffle: int = 0,
) -> list[Hit]:
    """The items nearest to a query. See `hannun.open(...).search` for the parameters; `root` is the collection's folder."""
    if not 0 <= diversity <= 1:
        raise InputError(f"diversity={diversity} came, expected 0 (pure relevance) … 1")
    _whole("shuffle", shuffle, 0, diversify.DEPTH)
    if not diversity and not shuffle:
        return [hit(m, root) for m in engine.query(plan(encoder, query, mix=mix, weights=weights, where=where, limit=limit, offset=offset))]
    _whole("limit", limit, 1, MAX_LIMIT)
    _whole("offset", offset, 0, MAX_LIMIT)
    wanted = min(max(diversify.DEPTH, limit + offset), MAX_LIMIT)
    found = engine.query(plan(encoder, query, mix=mix, weights=weights, where=where, limit=wanted))
    return [hit(m, root) for m in _varied(engine, found, diversity, shuffle)[offset : offset + limit]]


def _varied(engine: Engine, found: list[Match], diversity: float, shuffle: int) -> list[Match]:
    """The top of a list in a new order by how its items look (or read, where an item has no picture); the rest follows."""
    top = found[: diversify.DEPTH]
    stored = engine.vectors([str(m.payload["id"]) for m in top])
    # An item looks like its picture; where it has none, it is as unlike the others as its text is.
    rows = [row[next(p for p in ("image", "text", "joint") if p in row)] for row in (stored[str(m.payload["id"])] for m in top)]
    vectors = np.stack(rows) if rows else np.zeros((0, 1), np.float32)
    if diversity:
        order = diversify.mmr(np.array([m.score for m in top], np.float32), vectors, diversity)
        top, vectors = [top[i] for i in order], vectors[order]
    order = diversify.shuffle(vectors, shuffle)
    return [top[i] for i in order] + found[len(top) :]


def plan(
    encoder: Encoder,
    query: Content,
    *,
    mix: float = 0.5,
    weights: tuple[float, float] | None = None,
    where: str | None = None,
    limit: int = 10,
    offset: int = 0,
) -> Plan:
    """What to ask the engine. Raises InputError for values out of range, and for `weights` with a joint-only encoder."""
    _whole("limit", limit, 1, MAX_LIMIT)
    _whole("offset", offset, 0, MAX_LIMIT)
    if not isinstance(mix, int | float) or not 0 <= mix <= 1:
        raise InputError(f"mix={mix} came, expected 0 (only the query's picture) … 1 (only its words)")
    asked = require_content(item(query, id="query"))
    condition = None if where is None else parse_where(where)
    if not encoder.parts:
        if weights is not None:
            raise InputError(
                f"weights came, but the encoder {encoder.name!r} makes one joint vector of text and picture; leave weights out"
            )
        if mix != 0.5 and asked.text and asked.images:
            raise InputError(f"mix came, but the encoder {encoder.name!r} reads words and picture in one sequence; leave mix out")
        return Plan(encoder.encode_query([asked]).dense[0], {"joint": 1.0}, {"joint": 1.0}, condition, limit, offset, CANDIDATES)
    if weights is not None and (len(weights) != 2 or not all(isinstance(w, int | float) for w in weights)):
        raise InputError(f"weights={weights!r} came, expected two numbers: (item's text, item's picture)")
    wt, wi = weights or (0.5, 0.5)
    if not (math.isfinite(wt) and math.isfinite(wi) and wt >= 0 and wi >= 0 and wt + wi > 0):
        raise InputError(f"weights=({wt}, {wi}) came, expected two numbers ≥ 0, not both 0: (item's text, item's picture)")
    shares = {"text": mix, "image": 1 - mix} if asked.text and asked.images else {"text": 1.0} if asked.text else {"image": 1.0}
    vector = query_vector(encoder, asked, shares)
    weighed = {"text": wt / (wt + wi), "image": wi / (wt + wi)}
    return Plan(vector, weighed, gains(encoder.calibration, shares, weighed), condition, limit, offset, CANDIDATES)


def query_vector(encoder: Encoder, asked: Item, shares: Mapping[str, float]) -> Floats:
    """The unit query vector [dim]: the weighted mean of the query's own words and pictures; an encoder with part vectors."""
    total = np.zeros(encoder.dims[0], dtype=np.float32)
    if asked.text and shares.get("text"):
        total += shares["text"] * encoder.encode_query([asked.text]).dense[0]
    if asked.images and shares.get("image"):
        pictures = encoder.encode_query([{"image": p.source} for p in asked.images]).dense
        total += shares["image"] * unit(pictures.mean(axis=0))
    return unit(total)


def gains(calibration: Calibration, shares: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """What to multiply the cosine of each kind of item by, so that unrelated items of every kind spread alike.

    `shares` says how much of the query is words and picture, `weights` how much an item's text and picture count. The
    spread of the average of two parts follows from the parts' own, taken as independent, and from its length before
    renormalising. The largest gain is 1, so that no score exceeds 1.
    """
    spread = {d: math.sqrt(sum((s * calibration.background[q][d][1]) ** 2 for q, s in shares.items())) for d in ("text", "image")}
    wt, wi = weights["text"], weights["image"]
    length = math.sqrt(max(wt * wt + wi * wi + 2 * wt * wi * calibration.agreement, 1e-6))
    both = math.hypot(wt * spread["text"], wi * spread["image"]) / length
    inverse = {k: 1 / max(v, 1e-6) for k, v in {**spread, "text+image": both}.items()}
    return {k: v / max(inverse.values()) for k, v in inverse.items()}


def hit(match: Match, root: Path) -> Hit:
    """A Match with its item put together again from the payload."""
    return Hit(str(match.payload["id"]), match.score, stored_item(match.payload, root))


def stored_item(payload: Mapping[str, Any], root: Path) -> Item:
    """The Item that a payload was made of."""
    text: Sequence[Text] = [Text(payload["text"])] if payload.get("text") else []
    pictures = [Image(reference(p, root)) for p in payload.get("images", ())]
    return Item(str(payload["id"]), (*text, *pictures), payload.get("facts") or {})


def reference(stored: str | Mapping[str, Any], root: Path) -> Path | Member:
    """Where a stored picture lies: an absolute path, one in the collection's folder `root`, or a place in a tar."""
    if isinstance(stored, str):
        return root / stored
    return Member(Path(stored["archive"]), int(stored["offset"]), int(stored["size"]), str(stored["name"]))


def _whole(name: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{name}={value!r} came, expected a whole number {low}…{high:,}")
