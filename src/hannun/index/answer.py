"""A request and an engine's way to ask go in, Matches come out: equal scores, shares, listings and counts, alike for every engine."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from hannun import facts
from hannun.index import request as form
from hannun.index.engine import Among, Condition, Engine, Layout, Listing, Match, Plan, Point, Request, Scalar, Words
from hannun.item import joined

AGREEMENT = "agreement"  # what the cosine of the two parts of a layout of two is called
Ask = Callable[[form.Json], list[Match]]
_SPARE = 4  # points asked for beyond the page: enough to see whether equal scores go on behind it; we order them by id
_DEEPEST = 10_000  # so many equal scores are put in order
_ANEW = 200  # points, at least, that words are weighed anew for
K1, B = 1.2, 0.75  # Robertson & Zaragoza 2009; the engine's own too


def matches(engine: Engine, request: Request, ask: Ask, in_order: Callable[[str], bool]) -> list[Match]:
    """The page of a request. `ask` runs a compiled query; `in_order` tells whether the engine can order by the numbers of a fact."""
    if isinstance(request, Listing):
        return _listing(engine, request, ask, in_order)
    if isinstance(request, Words) and not request.terms:
        return []
    gain = _gain(request, engine.layout)
    found = _whole_page(engine, request, ask)
    if gain != 1:
        found = [Match(m.score * gain, m.payload) for m in found]
    found.sort(key=lambda m: (-m.score, str(m.payload["id"])))
    page = found[request.offset : request.offset + request.limit]
    return _explained(engine, page, request) if request.explain else page


def _whole_page(engine: Engine, request: Request, ask: Ask) -> list[Match]:
    """The page, all before it, and as many more as have the score at its end, so that their ids can order them."""
    if isinstance(request, Words) and request.pool:
        return ask(form.compile(request, engine.layout, 0))
    spare = _SPARE
    while True:
        found = ask(form.compile(request, engine.layout, spare))
        asked, last = request.limit + request.offset + spare, request.offset + request.limit - 1
        if len(found) < asked or asked >= _DEEPEST or abs(found[last].score - found[-1].score) > 1e-7:
            return found
        spare = 4 * asked


def _gain(request: Request, layout: Layout) -> float:
    """What the engine's scores are still to be multiplied by: with several parts the formula has it, MaxSim has none."""
    if not isinstance(request, Plan) or request.tokens is not None:
        return 1.0
    parts = form.counting(request, layout)
    return request.gains[parts[0]] if len(parts) == 1 else 1.0


def _explained(engine: Engine, page: list[Match], request: Plan | Words) -> list[Match]:
    ids = [str(m.payload["id"]) for m in page]
    parts: dict[str, dict[str, float]] = {i: {} for i in ids}
    if isinstance(request, Plan):
        parts |= {p.id: _shares(request, p, engine.layout) for p in engine.points(ids)}
    elif ids:
        for term in dict.fromkeys(request.terms):
            alone = Words((term,), Among("id", tuple(ids)), len(ids), initials=request.initials, fields=())
            for match in engine.query(alone):
                parts[str(match.payload["id"])][term] = match.score
    return [replace(m, parts=parts[i]) for m, i in zip(page, ids, strict=True)]


@dataclass(frozen=True)
class Frequencies:
    """What BM25 weighs by: how many points have words, how many terms these have together, and how many points have each term."""

    points: int
    length: int
    having: Mapping[str, int]


def said_anew(engine: Engine, request: Words, ask: Ask, now: Frequencies) -> list[Match]:
    """The page of a Words request, weighed by the frequencies of this moment, k1 and b as in Words.

    The points that an engine with old frequencies finds best, for all terms together and for each, are scored anew; deeper
    and deeper until no point that was not seen can reach the page. Such a point scores at most what the last of each
    term's list gives (Fagin et al. 2003), and at most the last of the common list times the most that a term has gained.
    """
    path, wanted = form.said(request), request.limit + request.offset
    terms, average = tuple(dict.fromkeys(request.terms)), now.length / max(now.points, 1)
    idf = {t: math.log(1 + (now.points - now.having[t] + 0.5) / (now.having[t] + 0.5)) for t in terms}

    def weight(said: list[str], term: str) -> float:
        tf = said.count(term)
        return idf[term] * tf * (K1 + 1) / (tf + K1 * (1 - B + B * len(said) / average))

    depth = max(_ANEW, 2 * wanted)
    while True:
        seen: dict[str, list[str]] = {}
        lists: dict[tuple[str, ...], list[tuple[float, list[str]]]] = {}
        for some in dict.fromkeys([terms, *((t,) for t in terms)]):
            deep = replace(request, terms=some, limit=depth if some == terms else depth // 4, offset=0, explain=False)
            found = ask(form.compile(deep, engine.layout, 0) | {"with_payload": ["id", path]})
            said = [str(m.payload[form.OURS][path.rpartition(".")[2]]).split() for m in found]
            seen |= {str(m.payload["id"]): s for m, s in zip(found, said, strict=True)}
            lists[some] = [(m.score, s) for m, s in zip(found, said, strict=True)]
        lasts, gain = 0.0, 1.0
        for t in terms:
            rows = [(score, weight(s, t)) for score, s in lists[(t,)]]
            lasts += min((w for _, w in rows), default=0.0) if len(rows) == (depth if terms == (t,) else depth // 4) else 0.0
            gain = max([gain, *(w / score for score, w in rows if score > 0)])
        common = lists[terms]
        unseen = min(lasts, gain * common[-1][0]) if len(common) == depth else 0.0
        parts = {i: {t: weight(s, t) for t in terms if t in s} for i, s in seen.items()}
        order = sorted(((sum(p.values()), i) for i, p in parts.items()), key=lambda r: (-r[0], r[1]))
        if depth >= _DEEPEST or not unseen or (len(order) >= wanted and order[wanted - 1][0] > unseen):
            break
        depth = min(4 * depth, _DEEPEST)
    page = order[request.offset : wanted]
    payloads = engine.get([i for _, i in page], request.fields)
    return [Match(s, payloads[i], parts[i] if request.explain else {}) for s, i in page if i in payloads]


def _shares(plan: Plan, stored: Point, layout: Layout) -> dict[str, float]:
    """The cosine of the query with each part, that of each two parts, and MaxSim."""
    heads = {n: form.unit(v[: len(plan.query)]) for n, v in stored.vectors.items()}
    found = {n: float(plan.query @ v) for n, v in heads.items()}
    for pair in combinations([p for p in layout.parts if p in heads], 2):
        found[AGREEMENT if len(layout.parts) == 2 else joined(pair)] = float(heads[pair[0]] @ heads[pair[1]])
    if plan.tokens is not None and stored.tokens is not None:
        found["tokens"] = float((plan.tokens @ stored.tokens.T).max(axis=1).sum())
    return found


def _listing(engine: Engine, request: Listing, ask: Ask, in_order: Callable[[str], bool]) -> list[Match]:
    limit, offset, order = request.limit, request.offset, request.order
    if order is None:
        return ask(form.compile(request, engine.layout, 0))[offset:]
    page: list[str] = []
    if in_order(order):
        again = 0  # points that come more than once, for they have several numbers
        while True:
            wide = replace(request, limit=limit + again, fields=())
            found = [(m.score, str(m.payload["id"])) for m in _whole_page(engine, wide, ask)]
            if len(found) - len({i for _, i in found}) <= again:
                break
            again = len(found) - len({i for _, i in found})
        page = _page(found, request)
    if len(page) < limit:  # those without a number come after the others, and the engine leaves them out
        rows = [(_number(p, request), str(p["id"])) for p in engine.scan(["id", "facts"], request.where)]
        page = _page(rows, request)
    payloads = engine.get(page, request.fields)
    return [Match(0.0, payloads[i]) for i in page if i in payloads]


def _page(rows: Sequence[tuple[float | None, str]], request: Listing) -> list[str]:
    """The ids of a page by number and id; each stands where it comes first (one with several numbers may come again)."""
    sign = -1 if request.descending else 1
    ordered = sorted(rows, key=lambda r: (r[0] is None, sign * (r[0] or 0.0), r[1]))
    return list(dict.fromkeys(i for _, i in ordered))[request.offset : request.offset + request.limit]


def _number(payload: Mapping[str, Any], request: Listing) -> float | None:
    numbers = [float(v) for v in _told(payload, str(request.order)) if isinstance(v, int | float) and not isinstance(v, bool)]
    return (max if request.descending else min)(numbers, default=None)


def _told(payload: Mapping[str, Any], field: str) -> list[Scalar]:
    return facts.values(payload.get("facts") or {}, field)


def counted(engine: Engine, field: str, where: Condition | None, limit: int) -> list[tuple[Scalar, int]]:
    """The values of a fact, counted one point after another."""
    counts: Counter[str] = Counter()
    for payload in engine.scan(["facts"], where):
        counts.update({form.word(v) for v in _told(payload, field)})
    return values(counts, limit)


def values(counts: Mapping[str, int], limit: int) -> list[tuple[Scalar, int]]:
    """Counted words as the values they stand for, most frequent first; long texts are none."""
    ordered = sorted(((w, n) for w, n in counts.items() if not w.startswith(form.LONG)), key=lambda c: (-c[1], c[0]))
    return [(form.value(word), n) for word, n in ordered[:limit]]
