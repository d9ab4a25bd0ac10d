"""A query and how to rank (Options) go in, ranked Hits come out: candidates, fusion, reranking, grouping, diversity, reasons."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import final

import numpy as np

from hannun.embeddings import Floats
from hannun.encoder import Encoder, cells
from hannun.errors import HannunError, InputError, MissingError
from hannun.facts import values
from hannun.index.conditions import word
from hannun.index.engine import All, Among, Condition, Engine, Listing, Match, Not, Words
from hannun.item import Image, Item, joined
from hannun.metrics import maxsim
from hannun.search import diversify, fuse, locate, rerank
from hannun.search.albums import PICTURES, nearest_parts
from hannun.search.background import Background
from hannun.search.hits import Found, Hit, PatchMap, Why, foremost, stored_item
from hannun.search.named import equal
from hannun.search.options import MAX_LIMIT, Options
from hannun.search.order import DEPTH, Order
from hannun.search.prepared import FEW, Prepared, both
from hannun.search.query import Asked
from hannun.search.relevance import FITS
from hannun.search.synonyms import Rule
from hannun.search.where import written

CANDIDATES = 100  # per part; the union of these is rescored exactly
BELOW = 2.0  # what is taken from the scores of what is avoided: no cosine is so far below another
ALSO = 5  # further hits of a group that are told


@final
class Searcher:
    """Searches one engine with one encoder (asked for when first needed); `albums`: whether items with several pictures are there.

    `words`: whether the engine keeps the words of texts; `rules`: of the collection's synonyms.
    """

    def __init__(
        self,
        engine: Engine,
        encoder: Callable[[], Encoder],
        root: Path,
        albums: bool = False,
        background: Background | None = None,
        dictionary: Sequence[str] = (),
        words: bool = True,
        rules: Sequence[Rule] = (),
    ) -> None:
        self._rules = rules
        self._engine, self._load, self._root, self._albums, self._background = engine, encoder, root, albums, background
        self._dictionary, self._words = dictionary, words

    def search(self, asked: Asked, o: Options) -> list[Hit]:
        """The hits of a query, best first."""
        query = self._query(asked, o)
        found = self._ranked(query, o.offset + o.limit)[o.offset : o.offset + o.limit]
        self._judge(found, query)
        return [self._hit(f, query) for f in found if f.relevance is None or f.relevance >= o.floor]

    def listed(self, o: Options) -> list[Hit]:
        """All items that the condition holds for, in the order of a fact: nothing is asked, so that their scores are 0."""
        order = o.order or Order("id")
        rows = [(str(p["id"]), order.told(str(p["id"]), p.get("facts") or {})) for p in self._engine.scan(["id", "facts"], o.condition)]
        last = set() if o.behind is None else {str(p["id"]) for p in self._engine.scan(["id"], both(o.condition, o.behind))}
        rows.sort(key=lambda r: r[0])  # the engine's order is its own
        ordered = order.sort([r for r in rows if r[0] not in last], lambda r: r[1]) + order.sort(
            [r for r in rows if r[0] in last], lambda r: r[1]
        )
        ids = [id for id, _ in ordered[o.offset : o.offset + o.limit]]
        payloads = self._engine.get(ids)
        return [Hit(i, 0.0, stored_item(payloads[i], self._root)) for i in ids if i in payloads]

    def why(self, id: str, asked: Asked, o: Options) -> Hit:
        """The item with this id as a hit of the query, wherever it ranks, and what keeps it out."""
        only = self._query(asked, replace(o, where=None, limit=1, offset=0, explain=True))
        payload = self._engine.get([id]).get(id)
        if payload is None:
            raise MissingError(f"the collection has no item {id!r}; see `hannun search` for ids")
        found = {f.id: f for f in self._candidates(only, CANDIDATES, Among("id", (id,)), 1)}.get(id) or Found(id, 0.0)
        found.payload = payload
        query = self._query(asked, replace(o, limit=1, offset=0))
        notes = [f"`{written(c)}` does not hold" for c in o.conditions if not self._engine.count(All((Among("id", (id,)), c)))]
        if id in asked.named:
            notes.append("it is one of the query's own examples")
        if not notes:
            for f in self._list(query, 1000)[:1000]:
                if f.id == id:
                    found.rank, found.score = f.rank, f.score
            if not found.rank:
                notes.append("it is not among the nearest 1,000")
        self._judge([found], only)
        return self._hit(found, only, "; ".join(notes), locate.QUICK)

    def _query(self, asked: Asked, o: Options) -> Prepared:
        query = Prepared(self._engine, self._load, asked, o, self._background, self._dictionary, self._words, rules=self._rules)
        query.check()
        return query

    def _best_pictures(self, query: Prepared) -> bool:
        return self._albums and query.weights.get(Image.kind, 0) > 0

    def _ranked(self, query: Prepared, needed: int) -> list[Found]:
        """At least the first `needed` of the final order, where there are so many; a longer list begins as a shorter one does."""
        o = query.options
        varied = bool(o.diversity or o.shuffle)
        depth = max(needed, rerank.DEPTH if o.rerank else 0, diversify.DEPTH if varied else 0)
        if o.order is not None:
            return self._ordered(query, o.order)
        if o.group_by is None:
            found = self._reranked(self._list(query, depth), query)
        else:
            found = self._groups(query, depth, o.group_by)
        return self._varied(found, o, query) if varied else found

    def _ordered(self, query: Prepared, order: Order) -> list[Found]:
        """What fits of the best DEPTH, in the order of a fact; equal ones as they rank."""
        o = query.options
        found = self._list(query, DEPTH)[:DEPTH]
        self._judge(found, query)
        found = [f for f in found if f.relevance is None or f.relevance >= (o.floor or FITS)]
        told = {f.id: order.told(f.id, (f.payload or {}).get("facts") or {}) for f in found}
        found = [f for last in (False, True) for f in order.sort([f for f in found if f.last == last], lambda f: told[f.id])]
        return found if o.group_by is None else self._grouped(found, o.group_by)

    def _groups(self, query: Prepared, needed: int, field: str) -> list[Found]:
        """The first `needed` groups among the first MAX_LIMIT items."""
        reach = _behind(needed)
        while True:
            every = self._reranked(self._list(query, reach)[:reach], query)
            place = {f.id: n for n, f in enumerate(every)}
            found = self._grouped(every, field)
            last = place[found[min(needed, len(found)) - 1].id] if found else 0
            if len(every) < reach or reach >= MAX_LIMIT or (len(found) >= needed and reach >= _behind(last + 1)):
                break
            reach = min(max(4 * reach, _behind(last + 1)) if len(found) < needed else _behind(last + 1), MAX_LIMIT)
        for f in found:  # what is told of a group hangs on where its best stands, not on how deep this page looked
            f.also = [g for g in f.also if place[g.id] < _behind(place[f.id] + 1)]
        return found

    def _list(self, query: Prepared, needed: int) -> list[Found]:
        """Everything by meaning, looks and words, at least `needed` where there are so many: first what is not avoided, then what is."""
        needed = max(needed, FEW)  # of these `_equal_first` reads the texts
        if query.avoided is None:
            found = self._deeper(query, needed)
        else:
            found = self._deeper(query.again(only=Not(query.avoided)), needed)
            if len(found) < needed:
                rest = self._deeper(query.again(only=query.avoided), needed - len(found))
                for f in rest:
                    f.score, f.last = f.score - BELOW, True
                found += rest
        found = self._equal_first(query, found)
        for rank, f in enumerate(found, start=1):
            f.rank = rank
        return found

    def _equal_first(self, query: Prepared, found: list[Found]) -> list[Found]:
        """Of the best FEW, whose texts a page fetches anyway, what has the query's very text comes first, with the score of the first.

        A query and a document of one text may have two vectors, and beside a picture a text is half an item: others may be nearer.
        """
        text, top = query.alone, found[:FEW]
        if text is None:
            return found
        self._fill(top, query)
        texts = equal(text, [str((f.payload or {}).get("text") or "") for f in top])
        same = {f.id: f for f, equally in zip(top, texts, strict=True) if equally and not f.last}
        if list(same) == [f.id for f in top[: len(same)]]:
            return found
        for f in same.values():
            f.score = top[0].score
        return [*same.values(), *(f for f in found if f.id not in same)]

    def _deeper(self, query: Prepared, needed: int) -> list[Found]:
        """The first 50 are those of the best 100 candidates, the next 50 those of the best 200 that were not there, and so on.

        A search looks the deeper, the more it shows, and a deeper look may find better candidates. So that pages neither repeat nor
        leave out, these come where the deeper look begins.
        """
        found: list[Found] = []
        seen: set[str] = set()
        depth = CANDIDATES
        while True:
            enough = depth // 2 if found else min(needed, depth // 2)
            candidates = self._candidates(query, depth, None, enough)
            whole = len(candidates) < enough  # there are no more
            fresh = [f for f in candidates if f.id not in seen]
            found += fresh if whole else fresh[: depth // 2 - len(found)]
            if whole or len(found) >= needed:
                return found
            seen.update(f.id for f in found)
            depth *= 2

    def _candidates(self, query: Prepared, depth: int, only: Condition | None, enough: int) -> list[Found]:
        """The best by meaning, looks and words of `depth` candidates by each: `enough` (half as many at most) where there are so many."""
        # What is fused or scored anew looks at all of them; the averaged top is found among twice as many by part (docs/search.md).
        limit = depth if query.words or self._best_pictures(query) else enough
        near = self._nearest(query, limit, depth, only) if query.words < 1 else []
        return self._with_words(query, near, depth, only) if query.words else near

    def _nearest(self, query: Prepared, limit: int, candidates: int, only: Condition | None) -> list[Found]:
        found = [_found(m) for m in self._engine.query(query.plan(limit, candidates, only))]
        if self._best_pictures(query) and found:
            self._by_best_picture(query, found)
        return found

    def _by_best_picture(self, query: Prepared, found: list[Found]) -> None:
        """Score items with several pictures by their nearest one instead of their mean, and put the list in order again.

        Documents are retrieved by their mean picture and ranked by their best, as in Naver's text and image neural matching.
        """
        goal = query.pointed.vector
        payloads = self._engine.get([f.id for f in found], [PICTURES])
        several = [f for f in found if payloads.get(f.id, {}).get(PICTURES)]
        stored = self._engine.vectors([f.id for f in several])
        for f in several:
            parts, f.picture = nearest_parts(stored[f.id], payloads[f.id], query.pointed.vector, query.weights)
            scores = {p: float(v @ goal) for p, v in parts.items()}
            kind = joined(fuse.counted(scores, query.weights))
            f.score = query.gains[kind] * fuse.averaged(scores, query.weights, fuse.agreements(parts, query.weights))
            f.score = fuse.same(f.score, scores, query.weights) if query.several else f.score
            if f.parts:
                f.parts |= scores
        found.sort(key=lambda f: (-f.score, f.id))

    def _with_words(self, query: Prepared, near: list[Found], depth: int, only: Condition | None) -> list[Found]:
        said = self._said(query, depth, only)
        # What the scores are measured by is the whole collection's, also where single items are looked at.
        all_said = said if only is None else self._said(query, fuse.POOL, None)
        by_id = {f.id: f for f in near}
        meaning, words = {f.id: f.score for f in near}, {str(m.payload["id"]): m.score for m in said}
        best = max((m.score for m in all_said), default=0.0)
        reasons = {str(m.payload["id"]): m.parts for m in said}
        if query.words < 1:  # what one list found and the other did not is scored by the other too, so that the sum is exact
            lacking = {*words, *(query.named if only is None else ())} - meaning.keys()
            for f in self._missing(query, sorted(lacking)):
                by_id[f.id], meaning[f.id] = f, f.score
            unsaid = [i for i in meaning if i not in words]
            every = len(said) < depth  # that has one of the words
            for m in [] if every or not unsaid else self._said(query, len(unsaid), Among("id", tuple(unsaid))):
                words[str(m.payload["id"])], reasons[str(m.payload["id"])] = m.score, m.parts
        total = self._fused(query, near, all_said, meaning, words, only)
        found = [by_id.get(i) or Found(i, 0.0) for i in total]
        for f in found:
            f.score = total[f.id]
            if query.options.explain and best and f.id in words:
                f.parts["words"] = words[f.id] / best
                f.terms = tuple(sorted(reasons[f.id].items(), key=lambda t: -t[1]))
        found.sort(key=lambda f: (-f.score, f.id))
        return found

    def _fused(
        self,
        query: Prepared,
        near: Sequence[Found],
        all_said: Sequence[Match],
        meaning: Mapping[str, float],
        words: Mapping[str, float],
        only: Condition | None,
    ) -> dict[str, float]:
        """The scores of all that either ranking has. What has every word of the query comes first, where there are few of it."""
        if query.words == 1:
            best = max((m.score for m in all_said), default=0.0)
            return {i: s / best for i, s in words.items()}
        if query.options.fusion == "ranks":
            by_words = sorted(words, key=lambda i: (-words[i], i))
            by_meaning = sorted(meaning, key=lambda i: (-meaning[i], i))
            total = fuse.ranks([(by_meaning, 1 - query.words), (by_words, query.words)])
        else:
            all_near = near if only is None else self._nearest(query, fuse.POOL, fuse.POOL, None)
            near_scores, said_scores = [f.score for f in all_near[: fuse.POOL]], [m.score for m in all_said[: fuse.POOL]]
            total = fuse.either(meaning, words, query.share, near_scores, said_scores, query.spread)
        return fuse.first(total, query.named)

    def _said(self, query: Prepared, depth: int, only: Condition | None) -> list[Match]:
        terms = query.terms
        initials = not terms.words and bool(terms.initials)
        asked = terms.initials if initials else terms.words
        if not asked:
            return []
        where, pool = both(query.where, only), query.words < 1
        return self._engine.query(Words(tuple(asked), where, depth, 0, initials, (), query.options.explain, pool))

    def _missing(self, query: Prepared, ids: Sequence[str]) -> list[Found]:
        return self._nearest(query.again(exact=True), len(ids), len(ids), Among("id", tuple(ids))) if ids else []

    def _reranked(self, found: list[Found], query: Prepared) -> list[Found]:
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

    def _maxsim(self, query: Prepared, top: Sequence[Found], items: Sequence[Item]) -> list[float]:
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

    def _varied(self, found: list[Found], o: Options, query: Prepared) -> list[Found]:
        """The top of a list in a new order by how its items look (or read, where an item has no picture); the rest follows."""
        top = found[: diversify.DEPTH]
        stored = self._engine.vectors([f.id for f in top])
        # An item looks like its picture; where it has none, it is as unlike the others as its text is.
        rows = [stored[f.id][foremost(stored[f.id], self._engine.layout.parts)] for f in top]
        vectors = np.stack(rows) if rows else np.zeros((0, 1), np.float32)
        if o.diversity:
            chances = 0 < query.words < 1 and o.fusion == "scores" and o.rerank is None  # their logarithms are as far apart as scores are
            relevance = [math.log(max(f.score, 1e-12)) if chances else f.score for f in top]
            order = diversify.mmr(np.array(relevance, np.float32), vectors, o.diversity)
            top, vectors = [top[i] for i in order], vectors[order]
        order = diversify.shuffle(vectors, o.shuffle)
        return [top[i] for i in order] + found[len(top) :]

    def _fill(self, found: Iterable[Found], shown: Prepared | None = None) -> None:
        """Fetch the payloads of those candidates that have none yet, and of what stands behind them in their groups.

        Of what is `shown` for a query also the vectors that its relevance is told by, in the same reading.
        """
        every = [g for f in found for g in (f, *f.also[:ALSO])]
        if shown is None or shown.judge is None:
            empty = [f.id for f in every if f.payload is None]
            payloads = self._engine.get(empty) if empty else {}
            for f in every:
                f.payload = f.payload or payloads.get(f.id)
        elif lacking := [f for f in every if f.payload is None or f.vectors is None]:
            stored = self._engine.shown([f.id for f in lacking], shown.counting)
            for f in lacking:
                if f.id in stored:
                    f.payload, f.vectors = stored[f.id]

    def _judge(self, found: Sequence[Found], query: Prepared) -> None:
        """How surely each is related to the query. By words alone, only what has them all is judged: meaning was not asked for."""
        self._fill(found, query)
        every = {f.id: f for top in found for f in (top, *top.also[:ALSO])}
        if query.judge is not None:
            goal = query.pointed.vector
            for f in every.values():
                if f.vectors is not None:
                    parts, _ = nearest_parts(f.vectors, f.payload or {}, goal, query.weights)
                    cosines = {p: float(v @ goal) for p, v in parts.items()}
                    f.relevance = query.judge(cosines, fuse.agreements(parts, query.weights))
        if query.words and query.whole is not None and every:
            having = query.holders
            if having is None:
                listed = Listing(both(query.whole, Among("id", tuple(every))), len(every), fields=())
                having = frozenset(str(m.payload["id"]) for m in self._engine.query(listed))
            for id in having & every.keys():
                every[id].relevance = 1.0

    def _hit(self, f: Found, query: Prepared, note: str = "", windows: locate.Windows = locate.WHOLE) -> Hit:
        also = tuple(self._hit(g, query) for g in f.also[:ALSO])
        it = stored_item(f.payload or {"id": f.id}, self._root)
        why = self._why(f, it, query, note, windows) if query.options.explain else None
        return Hit(f.id, f.score, it, f.group, also, why, f.relevance)

    def _why(self, f: Found, it: Item, query: Prepared, note: str, windows: locate.Windows) -> Why:
        parts = {k: v for k, v in f.parts.items() if k in (*self._engine.layout.parts, "words", "rerank")}
        return Why(parts, f.terms, f.picture, self._patches(it, f.picture or 0, query, windows), f.rank, note)

    def _patches(self, it: Item, picture: int, query: Prepared, windows: locate.Windows) -> PatchMap | None:
        seeing = cells(self._load()) if it.images and query.words < 1 and query.asked.words else None
        if seeing is None:
            return None
        try:
            looked = locate.look(seeing, it.images[picture], locate.looks(seeing, windows))
        except HannunError:  # the picture has gone since it was indexed; the other reasons still stand
            return None
        return locate.nearness(looked, query.pointed.vector)


def _found(match: Match) -> Found:
    return Found(str(match.payload["id"]), match.score, parts={k: float(v) for k, v in match.parts.items()} if match.parts else {})


def _behind(place: int) -> int:
    """How far down the list the others of a group are looked for, whose best stands at `place`."""
    reach = 4 * CANDIDATES
    while reach < 4 * place:
        reach *= 2
    return reach
