"""Points and requests go in, Qdrant's own form of them (that of its REST interface, as plain dicts) comes out.

The embedded engine and the cluster read the same form: `edge` turns it into the binding's objects, `cluster` into the
client's. What the formula, the words and the filters need lies in each payload under one key of ours, `OURS`, which no
reader ever sees.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from hannun.embeddings import Floats
from hannun.errors import InputError
from hannun.index.conditions import INITIALS as INITIALS
from hannun.index.conditions import LONG as LONG
from hannun.index.conditions import OURS as OURS
from hannun.index.conditions import WORDS as WORDS
from hannun.index.conditions import Json as Json
from hannun.index.conditions import condition as condition
from hannun.index.conditions import has_term as has_term
from hannun.index.conditions import kept as kept
from hannun.index.conditions import key as key
from hannun.index.conditions import plain as plain
from hannun.index.conditions import uid as uid
from hannun.index.conditions import value as value
from hannun.index.conditions import values as values
from hannun.index.conditions import word as word
from hannun.index.engine import RISE, All, Among, Condition, Layout, Listing, Plan, Point, Request, Words
from hannun.item import joined

TOKENS = "tokens"
#: Where the cosine of two parts is kept, of the pair that stores knew before there were others; of every other pair see `agreement_path`.
_FIRST_PAIR = {("text", "image"): "ti"}
_PAIRS = "a"
_FUNNEL = 4  # times the candidates are taken where whole vectors are searched and a prefix of them orders
FIELDS = 32  # facts that get an index of their own
# How many times as many of the quantised nearest are rescored by their whole vectors, at least.
_OVERSAMPLING = {"int8": 1.5, "binary": 4.0}


def prefix_name(part: str, dim: int) -> str:
    """The name of the short copy of a part."""
    return f"{part}-{dim}"


def names(layout: Layout) -> dict[str, int]:
    """Every dense vector of a layout with its length: the whole ones, then the short copies."""
    whole = {p: layout.dims[0] for p in layout.parts}
    return whole | {prefix_name(p, layout.prefix): layout.prefix for p in layout.parts if layout.prefix}


def check_layout(layout: Layout) -> None:
    """Raises InputError where a layout contradicts itself."""
    if not layout.parts or not layout.dims or min(layout.dims) < 1 or list(layout.dims) != sorted(set(layout.dims), reverse=True):
        raise InputError(f"{layout} came, expected at least one part, and dims that fall from the whole length, such as (384, 192, 96)")
    if layout.prefix and layout.prefix not in layout.dims[1:]:
        raise InputError(f"prefix={layout.prefix} came, expected one of the declared shorter dims {layout.dims[1:]}, or 0")
    if layout.quantise not in ("none", *_OVERSAMPLING):
        raise InputError(f"quantise={layout.quantise!r} came, expected 'none', 'int8' or 'binary'")


# ------------------------------------------------------------------------------------------------------------------ points


def point(p: Point, layout: Layout) -> Json:
    """{"id", "vector", "payload"}. Raises InputError for vectors that would spoil the index."""
    dim = layout.dims[0]
    if not p.vectors or not p.vectors.keys() <= set(layout.parts):
        raise InputError(f"{p.id!r} came with vectors {sorted(p.vectors)}, expected at least one of {layout.parts}")
    if not all(v.shape == (dim,) and np.isfinite(v).all() for v in p.vectors.values()):
        raise InputError(f"{p.id!r} came with a vector that is not {dim} finite numbers; the encoder is broken")
    vector: Json = {n: v.tolist() for n, v in p.vectors.items()}
    if layout.prefix:
        vector |= {prefix_name(n, layout.prefix): unit(v[: layout.prefix]).tolist() for n, v in p.vectors.items()}
    if p.tokens is not None and len(p.tokens):
        if not layout.tokens:
            raise InputError(f"{p.id!r} came with token vectors, but this store was made without; make a new one from this encoder")
        if p.tokens.ndim != 2 or p.tokens.shape[1] != layout.tokens or not np.isfinite(p.tokens).all():
            raise InputError(f"{p.id!r} came with token vectors {p.tokens.shape}, expected rows of {layout.tokens} finite numbers")
        vector[TOKENS] = p.tokens.tolist()
    return {"id": uid(p.id), "vector": vector, "payload": payload(p, geometry(p.vectors, layout))}


def payload(p: Point, known: Json) -> Json:
    """What is stored of a point beside its vectors; `known` is its geometry."""
    ours = {**known, **kept(p.payload.get("facts") or {})}
    for name, said in (("w", p.words), ("c", p.initials)):
        if said:
            ours |= {name: " ".join(said), f"{name}l": len(said)}
    return {**p.payload, "id": p.id, OURS: ours}


def known(ours: Mapping[str, Any]) -> Json:
    """What of a stored payload hangs on the vectors, and stays when the payload is replaced."""
    return {k: v for k, v in ours.items() if k in ("p", "n", _PAIRS, *_FIRST_PAIR.values())}


def geometry(vectors: Mapping[str, Floats], layout: Layout) -> Json:
    """What the formula reads: 1 where a point has a part ("p"), the norm of each prefix ("n"), the cosine of each two parts by dim."""
    there = [p for p in layout.parts if p in vectors]
    norms: Json = {}
    pairs: dict[tuple[str, str], Json] = {pair: {} for pair in combinations(there, 2)}
    for dim in layout.dims:
        heads = {n: vectors[n][:dim].astype(np.float64) for n in there}
        lengths = {n: float(np.linalg.norm(v)) for n, v in heads.items()}
        if dim != layout.dims[0]:
            norms[str(dim)] = lengths
        for (a, b), agreements in pairs.items():
            scale = lengths[a] * lengths[b]
            agreements[str(dim)] = float(heads[a] @ heads[b]) / scale if scale else 0.0
    found: Json = {"p": dict.fromkeys(vectors, 1)}
    named = {_FIRST_PAIR[pair]: cosines for pair, cosines in pairs.items() if pair in _FIRST_PAIR}
    others = {_pair_name(pair): cosines for pair, cosines in pairs.items() if pair not in _FIRST_PAIR}
    return found | ({"n": norms} if norms else {}) | named | ({_PAIRS: others} if others else {})


def _pair_name(pair: tuple[str, str]) -> str:
    return "-".join(pair)


def agreement_path(first: str, second: str, dim: int) -> str:
    """The path of the stored cosine of two parts, given in the layout's order, cut to `dim` values."""
    pair = first, second
    return f"{OURS}.{_FIRST_PAIR[pair]}.{dim}" if pair in _FIRST_PAIR else f"{OURS}.{_PAIRS}.{_pair_name(pair)}.{dim}"


def read(layout: Layout) -> list[str]:
    """The paths of the numbers that a query of the whole length reads of every candidate: an index of them spares reading payloads."""
    if len(layout.parts) < 2:
        return []
    pairs = (agreement_path(a, b, layout.dims[0]) for a, b in combinations(layout.parts, 2))
    return [*(f"{OURS}.p.{part}" for part in layout.parts), *pairs]


def given(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stored payload without what is ours."""
    return {k: v for k, v in stored.items() if k != OURS} if OURS in stored else stored


def whole(stored: Mapping[str, Any], vectors: Mapping[str, Any], layout: Layout) -> Point:
    """The Point that a stored payload with its vectors was made of."""
    ours = stored.get(OURS) or {}
    arrays = {n: np.asarray(v, np.float32) for n, v in vectors.items() if n in layout.parts or n == TOKENS}
    tokens = arrays.pop(TOKENS, None)
    return Point(str(stored["id"]), arrays, given(stored), tuple(ours.get("w", "").split()), tuple(ours.get("c", "").split()), tokens)


def size(row: Json) -> int:
    """About how many bytes a point takes: in the log, in the store, and of what it replaces."""
    numbers = sum(len(v) * (len(v[0]) if isinstance(v[0], list) else 1) for v in row["vector"].values())
    return 16 * numbers + 4 * len(json.dumps(row["payload"], default=str))


# ---------------------------------------------------------------------------------------------------------------- requests


def compile(request: Request, layout: Layout, spare: int) -> Json:
    """The query for a request: the page and all before it, and `spare` more.

    A Plan becomes: the nearest by each part, united → each rescored by every part, exactly → the formula → the tokens.
    """
    limit = request.limit + request.offset + spare
    shared: Json = {"limit": limit, "with_payload": {"exclude": [OURS]} if request.fields is None else ["id", *request.fields]}
    where = {} if request.where is None else {"filter": condition(request.where)}
    match request:
        case Plan():
            return _plan(request, layout, limit) | shared
        case Words():
            return {
                "query": {"text": {"query": " ".join(request.terms)}},
                "using": INITIALS if request.initials else WORDS,
                **where,
            } | shared
        case Listing(order=str(order)):
            return {"query": {"order_by": {"key": key(order), "direction": "desc" if request.descending else "asc"}}, **where} | shared
        case Listing():
            return where | shared


def said(request: Words) -> str:
    """The path of what a Words request is about."""
    return INITIALS if request.initials else WORDS


def _plan(plan: Plan, layout: Layout, limit: int) -> Json:
    dim, whole_dim, short = len(plan.query), layout.dims[0], layout.prefix
    if plan.query.ndim != 1 or dim not in layout.dims:
        raise InputError(f"a query of {plan.query.shape} numbers came, expected one of the declared dims {layout.dims}")
    if plan.tokens is not None and not layout.tokens:
        raise InputError("a query with token vectors came, but this store has none; leave the reranking by tokens out")
    parts = counting(plan, layout)
    if not parts or not plan.weights.keys() <= set(layout.parts):
        raise InputError(f"weights {dict(plan.weights)} came, expected numbers ≥ 0, not all 0, for some of {layout.parts}")
    where = {} if plan.where is None else {"filter": condition(plan.where)}
    depth = max(plan.candidates, limit)

    # What is searched first, and what it is rescored by: the short copy and the whole vector, or the whole vector alone.
    padded = _padded(plan.query, whole_dim)
    exact: Json = {"exact": True, "quantization": {"ignore": True}}
    funnel = bool(short) and not plan.exact
    norms = dim not in (whole_dim, short)
    # The shorter the copies are that are searched first, the more of them are rescored.
    reach = depth * max(-(-whole_dim // short) if funnel else 1, _FUNNEL if norms and not plan.exact else 1)
    if funnel:
        head = unit(plan.query[:short]).tolist() if dim >= short else _padded(plan.query, short)
        params: Json = {"hnsw_ef": reach, **({"quantization": {"rescore": False}} if layout.quantise != "none" else {})}
        first: Json = {p: {"query": {"nearest": head}, "using": prefix_name(p, short), "params": params} for p in parts}
    else:
        # All candidates are rescored, not only as many as the page takes.
        oversampling = max(_OVERSAMPLING.get(layout.quantise, 1.0), depth / limit if len(parts) == 1 and not norms else 1.0)
        quantised: Json = {} if layout.quantise == "none" else {"quantization": {"rescore": True, "oversampling": oversampling}}
        params = exact if plan.exact else {"hnsw_ef": reach, **quantised}
        first = {p: {"query": {"nearest": padded}, "using": p, "params": params} for p in parts}
    if dim == short:  # the short copies are the very vectors that are asked about
        last: Json = {p: {"query": {"nearest": plan.query.tolist()}, "using": prefix_name(p, short), "params": exact} for p in parts}
    else:
        whole = first if not funnel else {p: {"query": {"nearest": padded}, "using": p} for p in parts}
        last = {p: {"query": whole[p]["query"], "using": p, "params": exact} for p in parts}

    one = parts[0]
    if len(parts) == 1 and not norms:
        query: Json = {**last[one], "prefetch": [{**first[one], **where, "limit": reach}]} if funnel else {**first[one], **where}
        if dim == short and plan.exact:
            query = {**last[one], **where}
    else:
        union: Json = {"prefetch": [{**first[p], **where, "limit": reach} for p in parts]}
        if plan.exact and 0 < _named(plan.where) <= reach:
            union = {}  # all that may appear are within the limit of each part
        rescored = [{**last[p], **where, **union, "limit": reach * len(parts)} for p in parts]
        query = {"query": _formula(plan, parts, dim, norms), "prefetch": rescored}
    if plan.tokens is None:
        return query
    # The best by cosine, ordered anew by their tokens.
    return {"query": {"nearest": plan.tokens.tolist()}, "using": TOKENS, "params": {"exact": True}, "prefetch": [{**query, "limit": depth}]}


def _named(where: Condition | None) -> int:
    """How many points a condition names at most; 0: any number."""
    if isinstance(where, Among) and where.field == "id":
        return len(where.values)
    return min(filter(None, map(_named, where.conditions)), default=0) if isinstance(where, All) else 0


def _formula(plan: Plan, parts: Sequence[str], dim: int, norms: bool) -> Json:
    """Σ w·(q·v) / ‖Σ w·v‖ · gain, over the parts that a point has; and more where one of them is the same as the query."""
    defaults: Json = {}

    def variable(path: str) -> str:
        defaults[path] = 0.0
        return path

    def cosine(part: str) -> Any:
        dot = variable(f"$score[{parts.index(part)}]")
        return {"div": {"left": dot, "right": variable(f"{OURS}.n.{dim}.{part}"), "by_zero_default": 0.0}} if norms else dot

    if len(parts) == 1:
        expression = cosine(parts[0])
    else:
        w, has = plan.weights, {p: variable(f"{OURS}.p.{p}") for p in parts}
        pairs = [(a, b, variable(agreement_path(a, b, dim))) for a, b in combinations(parts, 2)]
        total = {"sum": [{"mult": [w[p], cosine(p)]} for p in parts]}
        own = [{"mult": [w[p] * w[p], has[p]]} for p in parts]
        squared = {"sum": [*own, *({"mult": [2 * w[a] * w[b], path]} for a, b, path in pairs)]}
        gain = {"sum": [{"mult": [factor, *(has[p] for p in some)]} for some, factor in _steps(plan.gains, parts).items()]}
        expression = {"mult": [gain, {"div": {"left": total, "right": {"sqrt": squared}, "by_zero_default": 0.0}}]}
        if plan.same < 1:
            half = 0.5 * RISE / (1 - plan.same)  # (x + |x|) / 2 is x above 0, else 0
            above = {p: {"sum": [cosine(p), -plan.same]} for p in parts}
            other = [{"sum": [1.0, {"mult": [-half, {"sum": [above[p], {"abs": above[p]}]}]}]} for p in parts]
            expression = {"sum": [1.0, {"mult": [-1.0, {"sum": [1.0, {"mult": [-1.0, expression]}]}, *other]}]}
    return {"formula": expression, "defaults": defaults}


def _steps(gains: Mapping[str, float], parts: Sequence[str]) -> dict[tuple[str, ...], float]:
    """What to add up for the gain of a point: of every set of parts that it has all of, one number, of whichever others it has.

    The Möbius transform of the gains over sets, by inclusion and exclusion: of two parts the gain of each, and for both what theirs is
    more than these two together.
    """
    steps: dict[tuple[str, ...], float] = {}
    for size in range(1, len(parts) + 1):
        for some in combinations(parts, size):
            smaller = (steps[less] for n in range(1, size) for less in combinations(some, n))
            steps[some] = float(gains[joined(some)]) - sum(smaller)
    return steps


def counting(plan: Plan, layout: Layout) -> list[str]:
    """The parts that a plan weighs above 0."""
    return [p for p in layout.parts if plan.weights.get(p, 0) > 0]


def sampled(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which facts are worth an index, most frequent first, judged by a sample: those that are short and found in 1 % at least."""
    lengths: dict[str, list[int]] = {}
    for row in facts:
        for name, told in row.items():
            if isinstance(told, str | int | float | list) and not set(name) & {'"', "\\"} and name:
                lengths.setdefault(name, []).append(len(str(told)))
    often = sorted(lengths, key=lambda n: (-len(lengths[n]), n))
    return [n for n in often if len(lengths[n]) * 100 >= len(facts) and sum(lengths[n]) <= 64 * len(lengths[n])][:FIELDS]


def _padded(vector: Floats, dim: int) -> list[float]:
    return [*vector.tolist(), *[0.0] * (dim - len(vector))]


def unit(vector: Floats) -> Floats:
    """A vector [dim] at length 1; a zero vector stays."""
    norm = float(np.linalg.norm(vector))
    return vector / np.float32(norm) if norm else vector
