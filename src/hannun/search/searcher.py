"""A query and how to rank (Options) go in, ranked Hits come out: candidates, fusion, reranking, grouping, diversity, reasons."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, final

import numpy as np

from hannun.embeddings import Floats, unit
from hannun.encoder import Encoder
from hannun.errors import HannunError, InputError, MissingError
from hannun.facts import values
from hannun.index import lexical
from hannun.index.conditions import word
from hannun.index.engine import All, Among, Condition, Engine, Match, Not, Plan, Words
from hannun.item import Item
from hannun.metrics import maxsim
from hannun.search import diversify, fuse, rerank
from hannun.search.background import TAIL, Background
from hannun.search.hits import Found, Hit, Patches, Why, stored_item
from hannun.search.query import Asked, Pointed, pointed
from hannun.search.where import parse_where, written

CANDIDATES = 100  # per part; the union of these is rescored exactly
MAX_LIMIT = 10_000
ALSO = 5  # further hits of a group that are told
PICTURES = "pictures"  # the payload's key for the vectors of an item's single pictures, where it has several

Fusion = Literal["scores", "ranks"]
Rerank = Literal["tokens"] | Callable[[Item, Sequence[Item]], Sequence[float]]


@dataclass(frozen=True)
class Options:
    """How to rank; see `hannun.collection.Collection.search` for each. Raises InputError for a value out of range."""

    mix: float = 0.5
    weights: tuple[float, float] | None = None
    words: float = 0.0
    fusion: Fusion = "scores"
    where: str | None = None
    limit: int = 10
    offset: int = 0
    group_by: str | None = None
    dim: int | None = None
    rerank: Rerank | None = None
    diversity: float = 0.0
    shuffle: int = 0
    explain: bool = False

    def __post_init__(self) -> None:
        _whole("limit", self.limit, 1, MAX_LIMIT)
        _whole("offset", self.offset, 0, MAX_LIMIT)
        _whole("shuffle", self.shuffle, 0, diversify.DEPTH)
        _share("mix", self.mix, "only the query's picture", "only its words")
        _share("words", self.words, "meaning and looks alone", "words alone")
        _share("diversity", self.diversity, "pure relevance", "as varied as can be")
        if self.fusion not in ("scores", "ranks"):
            raise InputError(f"fusion={self.fusion!r} came, expected 'scores' or 'ranks'")
        if self.weights is not None:
            _ = self.part_weights
        if self.rerank is not None and self.rerank != "tokens" and not callable(self.rerank):
            raise InputError(f"rerank={self.rerank!r} came, expected 'tokens' or a function of (query, items) that gives scores")
        if self.group_by is not None and not (isinstance(self.group_by, str) and self.group_by.strip()):
            raise InputError(f"group_by={self.group_by!r} came, expected the name of a fact")

    @cached_property
    def part_weights(self) -> dict[str, float]:
        """The weights of an item's text and picture, made to sum to 1."""
        given = self.weights if self.weights is not None else (0.5, 0.5)
        if not isinstance(given, Sequence) or len(given) != 2 or not all(isinstance(w, int | float) for w in given):
            raise InputError(f"weights={given!r} came, expected two numbers: (item's text, item's picture)")
        wt, wi = given
        if not (math.isfinite(wt) and math.isfinite(wi) and wt >= 0 and wi >= 0 and wt + wi > 0):
            raise InputError(f"weights=({wt}, {wi}) came, expected two numbers ≥ 0, not both 0: (item's text, item's picture)")
        return {"text": wt / (wt + wi), "image": wi / (wt + wi)}

    @cached_property
    def condition(self) -> Condition | None:
        """The parsed `where`."""
        return None if self.where is None else parse_where(self.where)


@final
class Searcher:
    """Searches one engine with one encoder (asked for when first needed); `albums`: whether items with several pictures are there."""

    def __init__(
        self,
        engine: Engine,
        encoder: Callable[[], Encoder],
        root: Path,
        albums: bool = False,
        background: Background | None = None,
        dictionary: Sequence[str] = (),
    ) -> None:
        self._engine, self._load, self._root, self._albums, self._background = engine, encoder, root, albums, background
        self._dictionary = dictionary

    def search(self, asked: Asked, o: Options) -> list[Hit]:
        """The hits of a query, best first."""
        query = self._query(asked, o)
        page = slice(o.offset, o.offset + o.limit)
        if self._plain(query):
            found = self._nearest(query, o.limit, o.offset, None)
        else:
            found = self._ranked(query, page.stop)[page]
        self._fill(found)
        return [self._hit(f, query) for f in found]

    def why(self, id: str, asked: Asked, o: Options) -> Hit:
        """The item with this id as a hit of the query, wherever it ranks, and what keeps it out."""
        only = self._query(asked, replace(o, where=None, limit=1, offset=0, explain=True))
        payload = self._engine.get([id]).get(id)
        if payload is None:
            raise MissingError(f"the collection has no item {id!r}; see `hannun search` for ids")
        found = {f.id: f for f in self._candidates(only, CANDIDATES, Among("id", (id,)))}.get(id) or Found(id, 0.0)
        found.payload = payload
        query = self._query(asked, replace(o, limit=1, offset=0))
        notes = [f"`{written(c)}` does not hold" for c in _each(o.condition) if not self._engine.count(All((Among("id", (id,)), c)))]
        if id in asked.named:
            notes.append("it is one of the query's own examples")
        if not notes:
            for f in self._candidates(query, 1000, None):
                if f.id == id:
                    found.rank, found.score = f.rank, f.score
            if not found.rank:
                notes.append("it is not among the nearest 1,000")
        return self._hit(found, only, "; ".join(notes))

    def _query(self, asked: Asked, o: Options) -> _Query:
        if not asked.words and 0 < o.words < 1:
            o = replace(o, words=0.0)  # a picture has no words to rank by
        query = _Query(self._engine, self._load, asked, o, self._background, self._dictionary)
        query.check()
        return query

    def _plain(self, query: _Query) -> bool:
        o = query.options
        return not (o.words or o.group_by or o.rerank or o.diversity or o.shuffle or self._best_pictures(query))

    def _best_pictures(self, query: _Query) -> bool:
        return self._albums and query.weights.get("image", 0) > 0

    def _ranked(self, query: _Query, needed: int) -> list[Found]:
        o = query.options
        varied = bool(o.diversity or o.shuffle)
        depth = max(needed, rerank.DEPTH if o.rerank else 0, diversify.DEPTH if varied else 0)
        if o.group_by is None:
            # What is fused or scored anew looks deeper than it shows.
            reach = _depth(depth) if o.words or self._best_pictures(query) else min(depth, MAX_LIMIT)
            found = self._reranked(self._candidates(query, reach, None), query)
        else:
            reach = _depth(4 * depth)
            while True:
                every = self._candidates(query, reach, None)
                found = self._grouped(self._reranked(every, query), o.group_by)
                if len(found) >= depth or len(every) < reach or reach >= MAX_LIMIT:
                    break
                reach = min(4 * reach, MAX_LIMIT)
        return self._varied(found, o) if varied else found

    def _candidates(self, query: _Query, depth: int, only: Condition | None) -> list[Found]:
        """The best `depth` by meaning, looks and words together, with their ranks."""
        o = query.options
        near = self._nearest(query, depth, 0, only) if o.words < 1 else []
        if o.words:
            near = self._with_words(query, near, depth, only)
        for rank, f in enumerate(near, start=1):
            f.rank = rank
        return near[:depth]

    def _nearest(self, query: _Query, limit: int, offset: int, only: Condition | None) -> list[Found]:
        plan = query.plan(limit, offset, only)
        found = [_found(m) for m in self._engine.query(plan)]
        if self._best_pictures(query) and found:
            self._by_best_picture(query, found)
        for rank, f in enumerate(found, start=offset + 1):
            f.rank = rank
        return found

    def _by_best_picture(self, query: _Query, found: list[Found]) -> None:
        """Score items with several pictures by their nearest one instead of their mean, and put the list in order again.

        Documents are retrieved by their mean picture and ranked by their best, as in Naver's text and image neural matching.
        """
        dim, goal = len(query.pointed.vector), query.pointed
        payloads = self._engine.get([f.id for f in found], [PICTURES])
        several = [f for f in found if payloads.get(f.id, {}).get(PICTURES)]
        stored = self._engine.vectors([f.id for f in several])
        for f in several:
            pictures = unit(unpacked(payloads[f.id][PICTURES])[:, :dim])
            f.picture, near = rerank.best_picture(goal.vector, pictures)
            scores, agreement = {"image": near}, 0.0
            if "text" in stored[f.id]:
                text = unit(stored[f.id]["text"][:dim])
                scores, agreement = {"text": float(goal.vector @ text), "image": near}, float(text @ pictures[f.picture])
            kind = "text+image" if len(scores) == 2 and query.weights["text"] > 0 else "image"
            f.score = query.gains[kind] * fuse.averaged(scores, query.weights, agreement)
            if f.parts:
                f.parts |= scores
        found.sort(key=lambda f: (-f.score, f.id))

    def _with_words(self, query: _Query, near: list[Found], depth: int, only: Condition | None) -> list[Found]:
        o, terms = query.options, query.terms
        said = self._said(query, terms, depth, only)
        # What the scores are measured by is the whole collection's, also where single items are looked at.
        all_said = said if only is None else self._said(query, terms, fuse.POOL, None)
        by_id = {f.id: f for f in near}
        meaning, words = {f.id: f.score for f in near}, {m.payload["id"]: m.score for m in said}
        best = max((m.score for m in all_said), default=0.0)
        reasons = {m.payload["id"]: m.parts for m in said}
        if o.fusion == "ranks" and o.words < 1:
            total = fuse.ranks([([f.id for f in near], 1 - o.words), ([m.payload["id"] for m in said], o.words)])
        else:
            if o.words < 1:  # what one list found and the other did not is scored by the other too, so that the sum is exact
                for f in self._missing(query, [i for i in words if i not in by_id]):
                    by_id[f.id], meaning[f.id] = f, f.score
                unsaid = [i for i in meaning if i not in words]
                every = len(said) < min(depth, MAX_LIMIT)  # that has one of the words
                for m in [] if every or not unsaid else self._said(query, terms, len(unsaid), Among("id", tuple(unsaid))):
                    words[m.payload["id"]], reasons[m.payload["id"]] = m.score, m.parts
                all_near = near if only is None else self._nearest(query, fuse.POOL, 0, None)
                near_scores, said_scores = [f.score for f in all_near[: fuse.POOL]], [m.score for m in all_said[: fuse.POOL]]
                total = fuse.either(meaning, words, query.share, near_scores, said_scores, query.spread)
            else:
                total = {i: s / best for i, s in words.items()}
            if query.asked.avoided:
                unwanted = lexical.query(query.asked.avoided, self._dictionary)
                spoken = self._said(query, unwanted, len(total), Among("id", tuple(total))) if total else []
                worst = max((m.score for m in spoken), default=0.0)
                for m in spoken:
                    total[m.payload["id"]] *= 1 - o.words * m.score / worst
        found = [by_id.get(i) or Found(i, 0.0) for i in total]
        for f in found:
            f.score = total[f.id]
            if o.explain and best and f.id in words:
                f.parts["words"] = words[f.id] / best
                f.terms = tuple(sorted(reasons[f.id].items(), key=lambda t: -t[1]))
        found.sort(key=lambda f: (-f.score, f.id))
        return found

    def _said(self, query: _Query, terms: lexical.Terms, depth: int, only: Condition | None) -> list[Match]:
        initials = not terms.words and bool(terms.initials)
        asked = terms.initials if initials else terms.words
        if not asked:
            return []
        where, pool = _both(query.where, only), query.options.words < 1
        return self._engine.query(Words(tuple(asked), where, min(depth, MAX_LIMIT), 0, initials, (), query.options.explain, pool))

    def _missing(self, query: _Query, ids: Sequence[str]) -> list[Found]:
        return self._nearest(replace_exact(query), len(ids), 0, Among("id", tuple(ids))) if ids else []

    def _reranked(self, found: list[Found], query: _Query) -> list[Found]:
        how = query.options.rerank
        top = found[: rerank.DEPTH]
        if how is None or not top:
            return found
        self._fill(top)
        items = [stored_item(f.payload or {}, self._root) for f in top]
        if how == "tokens":
            scores: Sequence[float] = self._maxsim(query, top, items)
        else:
            own = query.asked.own
            if own is None:
                raise InputError("rerank came with examples alone, expected a query of words or a picture that the reranker can read")
            scores = [float(s) for s in how(own, items)]
            if len(scores) != len(top) or not all(map(math.isfinite, scores)):
                raise InputError(f"the reranker gave {len(scores)} scores for {len(top)} items, expected one finite number for each")
        for f, score in zip(top, scores, strict=True):
            f.score = float(score)
            if query.options.explain:
                f.parts["rerank"] = f.score
        return sorted(top, key=lambda f: (-f.score, f.rank)) + found[len(top) :]

    def _maxsim(self, query: _Query, top: Sequence[Found], items: Sequence[Item]) -> list[float]:
        """MaxSim over stored token vectors, or over ones made now where none are stored."""
        encoder, own = self._load(), query.asked.own
        if own is None:
            raise InputError("rerank='tokens' came with examples alone, expected a query of words or a picture")
        asked = encoder.encode_query([own]).tokens
        if asked is None:
            raise InputError(f"rerank='tokens' came, but the encoder {encoder.name!r} gives no token vectors; leave rerank out")
        stored = self._engine.vectors([f.id for f in top]) if self._engine.layout.tokens else {}
        documents: dict[str, Floats] = {i: v["tokens"] for i, v in stored.items() if "tokens" in v}
        unread: list[tuple[str, Item]] = [(f.id, it) for f, it in zip(top, items, strict=True) if f.id not in documents]
        if unread:
            made = encoder.encode_document([it for _, it in unread]).tokens or ()
            documents |= {i: t for (i, _), t in zip(unread, made, strict=True)}
        return [float(s) for s in maxsim(asked[0], [documents[f.id] for f in top])]

    def _grouped(self, found: Sequence[Found], field: str) -> list[Found]:
        """The best hit for each value of a fact, the others of its group in `also`; an item without the fact is a group of its own."""
        payloads = self._engine.get([f.id for f in found], ["facts"])
        groups: dict[str, Found] = {}  # by word: Python takes True for 1
        out: list[Found] = []
        for f in found:
            several = [f.id] if field == "id" else values(payloads.get(f.id, {}).get("facts") or {}, field)
            if not several:
                out.append(f)
            elif (name := word(several[0])) in groups:
                groups[name].also.append(f)
            else:
                groups[name] = f
                f.group = several[0]
                out.append(f)
        return out

    def _varied(self, found: list[Found], o: Options) -> list[Found]:
        """The top of a list in a new order by how its items look (or read, where an item has no picture); the rest follows."""
        top = found[: diversify.DEPTH]
        stored = self._engine.vectors([f.id for f in top])
        # An item looks like its picture; where it has none, it is as unlike the others as its text is.
        rows = [next(stored[f.id][p] for p in ("image", "text", "joint") if p in stored[f.id]) for f in top]
        vectors = np.stack(rows) if rows else np.zeros((0, 1), np.float32)
        if o.diversity:
            chances = 0 < o.words < 1 and o.fusion == "scores" and o.rerank is None  # their logarithms are as far apart as scores are
            relevance = [math.log(max(f.score, 1e-12)) if chances else f.score for f in top]
            order = diversify.mmr(np.array(relevance, np.float32), vectors, o.diversity)
            top, vectors = [top[i] for i in order], vectors[order]
        order = diversify.shuffle(vectors, o.shuffle)
        return [top[i] for i in order] + found[len(top) :]

    def _fill(self, found: Iterable[Found]) -> None:
        """Fetch the payloads of those candidates that have none yet, and of what stands behind them in their groups."""
        every = [g for f in found for g in (f, *f.also[:ALSO])]
        empty = [f.id for f in every if f.payload is None]
        payloads = self._engine.get(empty) if empty else {}
        for f in every:
            f.payload = f.payload or payloads.get(f.id)

    def _hit(self, f: Found, query: _Query, note: str = "") -> Hit:
        also = tuple(self._hit(g, query) for g in f.also[:ALSO])
        it = stored_item(f.payload or {"id": f.id}, self._root)
        why = self._why(f, it, query, note) if query.options.explain else None
        return Hit(f.id, f.score, it, f.group, also, why)

    def _why(self, f: Found, it: Item, query: _Query, note: str) -> Why:
        parts = {k: v for k, v in f.parts.items() if k in ("text", "image", "joint", "words", "rerank")}
        return Why(parts, f.terms, f.picture, self._patches(it, f.picture or 0, query), f.rank, note)

    def _patches(self, it: Item, picture: int, query: _Query) -> Patches | None:
        if not it.images or query.options.words == 1 or not query.asked.words:
            return None
        seen = getattr(self._load(), "patches", None)  # not of the Encoder protocol: few encoders see cells
        if seen is None:
            return None
        try:
            cells: Floats = seen([it.images[picture]])[0]
        except HannunError:  # the picture has gone since it was indexed; the other reasons still stand
            return None
        near = unit(cells[:, : len(query.pointed.vector)]) @ query.pointed.vector
        side = math.isqrt(len(near))
        return Patches(side, len(near) // side, tuple(float(v) for v in near))


class _Query:
    """A query and its options, with its vector, gains and terms made when first needed."""

    def __init__(
        self,
        engine: Engine,
        encoder: Callable[[], Encoder],
        asked: Asked,
        options: Options,
        background: Background | None = None,
        dictionary: Sequence[str] = (),
        exact: bool = False,
    ) -> None:
        self.engine, self.load, self.asked, self.options, self.background = engine, encoder, asked, options, background
        self.dictionary, self.exact = dictionary, exact

    def check(self) -> None:
        """Raises InputError where the options do not fit the encoder or the query."""
        o, asked = self.options, self.asked
        if o.words == 1 and not asked.words:
            raise InputError("words=1 came with a query that has no words; write some, or leave words out")
        _ = o.condition
        if o.words == 1 and not (o.weights or o.dim or o.rerank):
            return
        encoder = self.load()
        if not encoder.parts:
            if o.weights is not None:
                raise InputError(
                    f"weights came, but the encoder {encoder.name!r} makes one joint vector of text and picture; leave weights out"
                )
            if o.mix != 0.5 and asked.own is not None and asked.own.text and asked.own.images:
                raise InputError(f"mix came, but the encoder {encoder.name!r} reads words and picture in one sequence; leave mix out")
        if o.dim is not None and (isinstance(o.dim, bool) or o.dim not in encoder.dims):
            raise InputError(f"dim={o.dim!r} came, but {encoder.name!r} declares the dims {', '.join(map(str, encoder.dims))}")

    @cached_property
    def weights(self) -> dict[str, float]:
        return self.options.part_weights if "joint" not in self.engine.layout.parts else {"joint": 1.0}

    @cached_property
    def pointed(self) -> Pointed:
        encoder = self.load()
        return pointed(self.engine, encoder, self.asked, self.options.mix, self.weights, self.options.dim or encoder.dims[0])

    @cached_property
    def gains(self) -> dict[str, float]:
        if "joint" in self.weights:
            return {"joint": 1.0}
        calibration, shares = self.load().calibration, self.pointed.shares
        if self.background is None:
            return fuse.gains(calibration, shares, self.weights)
        return self.background.gains(self.pointed.vector, self.weights, fuse.edges(calibration, shares, self.weights, TAIL))

    @cached_property
    def spread(self) -> float:
        return 0.0 if self.background is None else self.background.spread(self.pointed.vector, self.weights, self.gains)

    @cached_property
    def share(self) -> float:
        return self.options.words if self.background is None else fuse.leaning(self.options.words, self.background.letters)

    @cached_property
    def where(self) -> Condition | None:
        named = self.asked.named
        return _both(self.options.condition, Not(Among("id", named)) if named else None)

    @cached_property
    def terms(self) -> lexical.Terms:
        return lexical.query(self.asked.words, self.dictionary)

    def plan(self, limit: int, offset: int, only: Condition | None) -> Plan:
        o = self.options
        plain = not (o.words or o.group_by or o.rerank or o.diversity or o.shuffle)
        fields = None if plain and limit <= o.limit else ()
        # Twice as many as are shown, so that nothing of the averaged top is missed (docs/search.md); what is fused looks as deep already.
        depth = max(CANDIDATES, (1 if o.words else 2) * (limit + offset))
        where = _both(self.where, only)
        vector = self.pointed.vector
        return Plan(vector, self.weights, self.gains, where, limit, offset, depth, exact=self.exact, fields=fields, explain=o.explain)


def replace_exact(query: _Query) -> _Query:
    """The same query, compared with every point that may appear: to score named ones."""
    exact = _Query(query.engine, query.load, query.asked, query.options, query.background, query.dictionary, exact=True)
    exact.__dict__ |= {k: v for k, v in query.__dict__.items() if k in ("pointed", "gains", "weights", "where", "terms")}
    return exact


def packed(pictures: Floats) -> Mapping[str, Any]:
    """The vectors of an item's single pictures [n, dim] as a payload keeps them: half precision, in base64."""
    import base64

    return {"count": len(pictures), "float16": base64.b64encode(pictures.astype(np.float16).tobytes()).decode()}


def unpacked(stored: Mapping[str, Any]) -> Floats:
    """The inverse of `packed`, as unit rows."""
    import base64

    rows = np.frombuffer(base64.b64decode(stored["float16"]), np.float16).reshape(int(stored["count"]), -1)
    return unit(rows)


def _found(match: Match) -> Found:
    parts = {k: float(v) for k, v in match.parts.items()}
    return Found(str(match.payload["id"]), match.score, 0, match.payload if len(match.payload) > 1 else None, parts)


def _both(first: Condition | None, second: Condition | None) -> Condition | None:
    given = tuple(c for c in (first, second) if c is not None)
    return All(given) if len(given) > 1 else given[0] if given else None


def _each(condition: Condition | None) -> tuple[Condition, ...]:
    return () if condition is None else condition.conditions if isinstance(condition, All) else (condition,)


def _depth(needed: int) -> int:
    """How many candidates to fuse for a page that ends at `needed`: the same for neighbouring pages, so that they agree."""
    depth = CANDIDATES
    while depth < 2 * needed:
        depth *= 2
    return min(depth, MAX_LIMIT)


def _whole(name: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{name}={value!r} came, expected a whole number {low}…{high:,}")


def _share(name: str, value: float, zero: str, one: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"{name}={value!r} came, expected 0 ({zero}) … 1 ({one})")
