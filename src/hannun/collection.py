"""Rows go in, hits come out: `hannun.open()` gives a Collection, one place that holds vectors, words, texts and facts.

Every item is one point, written in one step after its vectors are made, with the hash of its content in it. So a killed
run leaves whole items or none, and running again skips what is there: nothing is lost, and nothing is there twice. Where
a collection's files lie is told in `hannun.home`.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, cast, final

import numpy as np

from hannun import encode, hangul, storage
from hannun.embeddings import Floats, unit
from hannun.encode import Encoded, Outcome, Unchanged
from hannun.encoder import Encoder
from hannun.errors import EncoderMismatch, HannunError, InputError, MissingError, StorageError, WhereError, neighbours
from hannun.facts import facts, names
from hannun.files import on_disk, write_whole
from hannun.home import CONDITIONS, FORMAT, Folder, Home, Quantise, Server, Settings, own_pictures, there, write_settings
from hannun.index import lexical
from hannun.index.conditions import kept
from hannun.index.engine import Condition, Engine, Listing, Point, Present, Scalar
from hannun.item import Content, Image, Item, Member, Problem, item
from hannun.load import load
from hannun.search import dupes, project
from hannun.search.background import Background, sampled
from hannun.search.dupes import Group
from hannun.search.hits import Hit as Hit
from hannun.search.hits import Why as Why
from hannun.search.hits import stored_item
from hannun.search.options import Fusion, Options, Rerank, Share
from hannun.search.query import Example, Known
from hannun.search.query import asked as asked
from hannun.search.query import needs as needs
from hannun.search.searcher import PICTURES, Searcher, packed
from hannun.search.where import Where, needed, parse_where, reads, written
from hannun.sources import SOURCE, Reading, kept_facts
from hannun.sources import contents as contents_of
from hannun.storage import Checked as Checked
from hannun.storage import check as check
from hannun.storage import restore as restore

_OPTIMISE_FROM = 20_000  # points; below, exact search is fast enough not to wait for an index
_DIGESTS = "digests"  # the payload's key for the hashes of an item's pictures
_FEW = 50  # distinct values up to which a fact is one to choose by
_SHOWN = 6  # facts that are offered to choose by, where none are named
Progress = Callable[[int], None]
#: What `add` takes: see `hannun.sources.frames`; frames and tables of other packages are known by what they can do.
Contents = Iterable[Content | Problem] | Content | Any
T = TypeVar("T")


@dataclass
class Report:
    """What became of the items handed to `add`, `reindex`, `prune` or `copy`; `problems` lists each that could not be read, and why."""

    added: int = 0
    unchanged: int = 0
    removed: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Compacted:
    """What `compact` removed: how many pictures and leftovers, and the bytes on the disk that they took."""

    removed: int
    bytes: int


@dataclass(frozen=True, eq=False)
class Map:
    """Items on a plane: `points` [n, 2] within −1…1, what is alike lies near; `explained`: the variance on the two axes it began on."""

    ids: tuple[str, ...]
    points: Floats
    explained: tuple[float, float]


def open(
    path: str | Path,
    encoder: Encoder | None = None,
    *,
    create: bool = True,
    words: bool | None = None,
    dictionary: Sequence[str] | None = None,
    quantise: Quantise | None = None,
    prefix: int | None = None,
) -> Collection:
    """Open the collection at `path`, or begin one there.

    Args:
        path: a folder, by custom named `something.hannun`; `qdrant://host:6333/name` for a Qdrant cluster; `http://host:port` for a
            Hannun service.
        encoder: makes the vectors; left out, the one that made the collection is loaded by name ("mini" for a new one).
        create: whether to begin a collection where there is none.
        words: of a new collection: whether to keep the words of texts for ranking by words (True where left out).
        dictionary: of a new collection: words that the analysis of Korean is to take whole, such as names of products (none where left
            out). It is kept with the collection.
        quantise: of a new collection: "int8" or "binary" vectors are searched first, and rescored by whole ones ("none" where left out).
        prefix: of a new collection: one of the encoder's dims that is searched first, and rescored by whole vectors (0: none).

    Raises:
        MissingError: there is none and `create` is false.
        CollectionBusy: another process has it open.
        EncoderMismatch: it was made by another encoder than the one given.
        StorageError: the disk is full, read-only, or the files are damaged.
        InputError: the folder holds something else, or the collection was made with another `words`, `dictionary`, `quantise` or `prefix`.
    """
    address = str(path)
    if address.startswith(("http://", "https://")):
        from hannun.remote import Remote

        if any(x is not None for x in (words, dictionary, quantise, prefix)):
            raise InputError(
                f"{address}: words, dictionary, quantise or prefix came with the address of a service, which has made its collection; "
                "leave them out"
            )
        return cast(Collection, Remote(address, encoder))  # it has the same methods
    home = _home(path, create)
    try:
        return Collection(home, encoder, words, dictionary, quantise, prefix)
    except BaseException:
        home.close()
        raise


@final
class Collection:
    """Items with their vectors, owned by this process until `close`. Made by `hannun.open`; a context manager.

    `search`, `get` and the like may be called from several threads, also while one adds or deletes.
    """

    def __init__(
        self,
        home: Home,
        encoder: Encoder | None = None,
        words: bool | None = None,
        dictionary: Sequence[str] | None = None,
        quantise: Quantise | None = None,
        prefix: int | None = None,
        settings: Settings | None = None,
    ) -> None:
        whole = None if dictionary is None else lexical.entries(dictionary)
        self._home, self._encoder, self._checked, self._closed = home, encoder, False, False
        self._writing = threading.RLock()
        self._changes = 0
        self._known_names: set[str] = set()
        self._offered: tuple[int, list[str]] | None = None
        self._sample: tuple[int, int, Background | None] | None = None
        stored = home.read()
        if stored is None:
            if settings is None:
                self._encoder = encoder or load()
                self._checked = True
                made = Settings.of(self._encoder)
                settings = replace(made, words=words is not False, dictionary=whole or (), quantise=quantise or "none", prefix=prefix or 0)
                if settings.quantise not in ("none", "int8", "binary"):
                    raise InputError(f"quantise={quantise!r} came, expected 'none', 'int8' or 'binary'")
                if settings.prefix and settings.prefix not in settings.dims[1:]:
                    raise InputError(f"prefix={prefix} came, expected one of the encoder's shorter dims {settings.dims[1:]}, or 0")
            home.write(settings)
            self.settings = settings
        else:
            self.settings = stored
            if encoder is not None:
                self._check(encoder)
            for name, asked_for in (("words", words), ("dictionary", whole), ("quantise", quantise), ("prefix", prefix)):
                if asked_for is not None and asked_for != getattr(stored, name):
                    raise InputError(
                        f"{home.name}: was made with {name}={getattr(stored, name)!r}, but {asked_for!r} came; leave it out, "
                        "or copy the collection into a new one that has it"
                    )
        self._engine = home.engine(self.settings)
        if self.settings.format != FORMAT:
            try:
                self._modernise()
            except BaseException:
                self._engine.close()
                raise

    @property
    def name(self) -> str:
        """The path or address it was opened by."""
        return self._home.name

    def _check(self, encoder: Encoder) -> None:
        if encoder.fingerprint != self.settings.fingerprint:
            raise EncoderMismatch(
                f"{self.name}: was made by encoder {self.settings.encoder!r} ({self.settings.fingerprint}), "
                f"but {encoder.name!r} ({encoder.fingerprint}) came; "
                f"run `hannun reindex {self.name} --model {encoder.name}` to encode it anew"
            )
        self._checked = True

    def _modernise(self) -> None:
        """Bring a collection of format 1 up to date: words are added to what is there. Killed midway, the next opening goes on."""
        for chunk in _batches(self._engine.points(), 500):
            self._engine.upsert([_worded(p, self.settings) for p in chunk] if self.settings.words else list(chunk))
        self._engine.flush()
        self.settings = replace(self.settings, format=FORMAT, conditions=CONDITIONS)
        self._home.write(self.settings)

    @property
    def encoder(self) -> Encoder:
        """The encoder that made the vectors, loaded when first needed. Raises EncoderMismatch where it has changed since."""
        if not self._checked:
            with self._writing:
                if self._encoder is None:
                    self._encoder = load(self.settings.encoder)
                if not self._checked:
                    self._check(self._encoder)
        assert self._encoder is not None
        return self._encoder

    def __len__(self) -> int:
        return self._engine.count()

    def __enter__(self) -> Collection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[Item]:
        """Every item, in no stated order."""
        return self.items()

    def items(self, where: Where | None = None, ids: Sequence[str] | None = None) -> Iterator[Item]:
        """The items a condition holds for, in no stated order; or those with these ids, in their order, passing over unknown ones."""
        if ids is not None:
            if where is not None:
                raise InputError("where and ids came together, expected one of them; write the ids into where: `id in (…)`")
            _listed("ids", ids)
            found = self._engine.get(list(ids))
            return (stored_item(found[i], self._home.root) for i in ids if i in found)
        condition = self._condition(where)
        return (stored_item(p, self._home.root) for p in self._engine.scan(["id", "text", "images", "facts"], condition))

    def count(self, where: Where | None = None) -> int:
        """How many items there are, or how many a condition holds for."""
        return self._engine.count(self._condition(where))

    def add(self, contents: Contents, progress: Progress | None = None) -> Report:
        """Add rows, or replace those whose id is there; what is there with equal content is left alone.

        Args:
            contents: rows like {"id": "1", "text": "…", "image": "b.jpg", "price": 9900}; "image" may be a list; other keys become
                facts. A row without an id gets the hash of its content. Also one text, row or picture alone; a pandas or polars
                DataFrame, an Arrow table, a dataset; or the Path of a folder or file. Unreadable rows are listed in the report and
                stop nothing; a fact that has no JSON is left out of its row, and told once.
            progress: told how many items are done, after every chunk.

        Returns:
            What was added, what was unchanged, and the problems.

        Raises:
            InputError: nothing at all could be added (the first problem is told), or what came holds no contents.
            StorageError: the disk is full or read-only; what was added before is kept.
        """
        report = Report()
        seen: set[str] = set()
        for chunk in encode.encode(self._incoming(contents_of(contents), seen), self.encoder, self._known):
            self._store(chunk, report, self._engine)
            if progress is not None:
                progress(len(chunk))
        self._engine.flush()
        if report.problems and not report.added and not report.unchanged:
            first = report.problems[0]
            raise InputError(f"nothing could be added: {first.where}: {first.reason}" + _more(len(report.problems) - 1))
        return report

    def search(
        self,
        query: Content | None,
        *,
        like: Sequence[Example] = (),
        unlike: Sequence[Example] = (),
        mix: float = 0.5,
        weights: tuple[float, float] | None = None,
        words: Share = "auto",
        fusion: Fusion = "scores",
        where: Where | None = None,
        limit: int = 10,
        offset: int = 0,
        group_by: str | None = None,
        dim: int | None = None,
        rerank: Rerank | None = None,
        diversity: float = 0.0,
        shuffle: int = 0,
        explain: bool = False,
        floor: float = 0.0,
    ) -> list[Hit]:
        """The items nearest to a query, best first.

        Args:
            query: words, a picture, or {"text": …, "image": …}; words after a minus are to be avoided (`원피스 -줄무늬`): items that have
                them come after all others. None where `like` says it all.
            like: examples of what is wanted: texts, pictures, both, or {"id": …} for an item of the collection, which is then left out
                of the hits. Their mean counts as much as the query.
            unlike: examples of what is not wanted; the query turns away from them, and items that have every word of a text among them
                come after all others.
            mix: the query's own words against its own picture, 1 (only words) … 0 (only the picture).
            weights: how much the text and the picture of an item count; (0.5, 0.5) when left out. An item that has only one
                of them is ranked by that one. Of several pictures the nearest counts. Not for encoders that make one joint vector.
            words: the share of the words themselves (BM25 over morphemes) in the rank: 0 meaning and looks alone … 1 words alone.
                "auto": 0.3 where the collection has texts that count and the query no picture, else 0. It is leant on the more, the
                longer the texts are. What has every word of the query comes first, where at most ten items do.
            fusion: how words and meaning are put together: by their "scores", or by their "ranks" (RRF).
            where: a condition on facts, `category = 원피스 and price < 50000`; grammar in `hannun.search.where`.
            limit: how many hits.
            offset: how many to pass over first.
            group_by: the name of a fact: only the best hit for each of its values, with the others in `Hit.also`.
            dim: one of the encoder's dims: compare only so many values of each vector, renormalised.
            rerank: "tokens" (MaxSim over token vectors) or a function of (query, items) that gives scores, for the top 50.
            diversity: 0 pure relevance … 1 as varied as can be (maximal marginal relevance over the top 50).
            shuffle: into how many visual clusters the top 50 is divided; the best of each comes first. 0 is off.
            explain: fill `Hit.why`: which part scored what.
            floor: leave out hits whose `Hit.relevance` is lower (0.5 leaves what fits): fewer than `limit` may come, or none.

        Raises:
            InputError: an empty query, or a value out of range. WhereError: a condition that cannot be read.
            PictureError: the query's picture cannot be read. EncoderMismatch: the encoder has changed.
            MissingError: an example's id is not there.
        """
        self._known_fact("group_by", group_by)
        o = Options(
            mix, weights, words, fusion, self._where(where), limit, offset, group_by, dim, rerank, diversity, shuffle, explain, floor
        )
        return self._searcher(o).search(asked(query, like, unlike), o)

    def similar(
        self, ids: str | Sequence[str], *, weights: tuple[float, float] | None = None, where: Where | None = None, limit: int = 10
    ) -> list[Hit]:
        """More like these: the items nearest to the mean of items of the collection, without these."""
        o = Options(weights=weights, where=self._where(where), limit=limit)
        named = (ids,) if isinstance(ids, str) else tuple(ids)
        return self._searcher(o).search(asked(None, [Known(i) for i in named]), o)

    def why(
        self,
        id: str,
        query: Content | None,
        *,
        like: Sequence[Example] = (),
        unlike: Sequence[Example] = (),
        mix: float = 0.5,
        weights: tuple[float, float] | None = None,
        words: Share = "auto",
        fusion: Fusion = "scores",
        where: Where | None = None,
        dim: int | None = None,
    ) -> Hit:
        """A near miss explained: the item as a hit of a query, wherever it ranks, with what its score is made of and what keeps it out."""
        o = Options(mix, weights, words, fusion, self._where(where), dim=dim)
        return self._searcher(o).why(id, asked(query, like, unlike), o)

    def _searcher(self, o: Options) -> Searcher:
        if o.words not in ("auto", 0) and not self.settings.words:
            raise InputError(
                f"words={o.words} came, but {self.name} was made without words; leave it out, or copy it into a new one with them"
            )
        usual, s = None if o.words == 1 else self._usual(), self.settings
        return Searcher(self._engine, lambda: self.encoder, self._home.root, s.albums, usual, s.dictionary, s.words)

    def _usual(self) -> Background | None:
        """What vectors are like here; sampled again when a quarter of the collection has changed."""
        if self._sample is None or self._changes - self._sample[0] > self._sample[1]:
            changes = self._changes
            self._sample = changes, max(64, self._engine.count() // 4), sampled(self._engine)
        return self._sample[2]

    def readings(self, words: str) -> tuple[str, ...]:
        """What words may have meant, likeliest first, with the keyboard left on the other language (`qkfrks`: 빨간); mostly none."""
        return lexical.readings(words, self.settings.dictionary)

    def get(self, id: str) -> Item:
        """The item with this id. Raises MissingError."""
        found = self._engine.get([id])
        if id not in found:
            raise MissingError(f"{self.name}: has no item {id!r}")
        return stored_item(found[id], self._home.root)

    def vectors(self, ids: Sequence[str]) -> dict[str, Mapping[str, Floats]]:
        """The stored vectors of items by part, for those ids that are there."""
        _listed("ids", ids)
        return self._engine.vectors(list(ids))

    def update(self, changes: Mapping[str, Any], ids: Sequence[str] = (), where: Where | None = None) -> int:
        """Change facts of the items with these ids, and of those a condition holds for; nothing is encoded. Returns how many.

        Args:
            changes: facts to set; a value None removes the fact.
            ids, where: which items.
        """
        _listed("ids", ids)
        gone = {hangul.normalise(str(k)) for k, v in changes.items() if v is None}
        told = facts({k: v for k, v in changes.items() if v is not None})
        if {"id", "text", "image"} & ({*told} | gone):
            raise InputError("a change of 'id', 'text' or 'image' came, expected facts; `add` the item again with its new content")
        with self._writing:
            chosen = self._chosen(ids, where)
            for some in _batches(sorted(chosen), 200):
                changed = []
                for point in self._engine.points(list(some)):
                    now = {**(point.payload.get("facts") or {}), **told}
                    changed.append(replace(point, payload={**point.payload, "facts": {k: v for k, v in now.items() if k not in gone}}))
                self._engine.update(changed)
            self._engine.flush()
            self._changes += len(chosen)
        return len(chosen)

    def delete(self, ids: Sequence[str] = (), where: Where | None = None) -> int:
        """Remove the items with these ids, and those a condition holds for. Returns how many were there."""
        _listed("ids", ids)
        with self._writing:
            return self._remove(self._chosen(ids, where))

    def prune(self, below: Sequence[Path], keep: set[str]) -> int:
        """Remove the items that came from files below these paths and whose ids are not in `keep`. Returns how many.

        A table or shard that could not be read at all counts as kept when its own path is in `keep`: its rows have not vanished.
        """
        roots = [hangul.normalise(os.path.abspath(p)) for p in below]
        gone = set()
        for payload in self._engine.scan(["id", "source"]):
            source = payload.get("source")
            if source and not {payload["id"], source} & keep and any(source == r or source.startswith(r.rstrip("/") + "/") for r in roots):
                gone.add(str(payload["id"]))
        with self._writing:
            return self._remove(gone)

    def moved(self, seen: set[str]) -> int:
        """Remove the items of files that are gone, where the same content was read from another file; returns how many.

        Facts that were added to them since pass over to the others.

        Args:
            seen: the ids that have been read just now.
        """
        fields = ["id", "source", "text", _DIGESTS, "facts"]
        here: dict[tuple[Any, ...], list[str]] = {}
        gone: list[tuple[tuple[Any, ...], Mapping[str, Any]]] = []
        for payload in self._engine.scan(fields):
            id, source = str(payload["id"]), payload.get("source")
            content = payload.get("text"), tuple(payload.get(_DIGESTS) or ())
            if id in seen:
                here.setdefault(content, []).append(id)
            elif source and id.partition("#")[0] == source and not os.path.exists(source):
                gone.append((content, payload))
        pairs = [(here[content].pop(0), old) for content, old in gone if here.get(content)]
        with self._writing:
            for some in _batches(pairs, 200):
                former = {new: old.get("facts") or {} for new, old in some}
                points = [p for p in self._engine.points(list(former)) if former[p.id].keys() - (p.payload.get("facts") or {}).keys()]
                merged = [replace(p, payload={**p.payload, "facts": {**former[p.id], **(p.payload.get("facts") or {})}}) for p in points]
                self._engine.update(merged)
            return self._remove({str(old["id"]) for _, old in pairs})

    def _condition(self, where: Where | None) -> Condition | None:
        """A condition as the engine takes it. Raises WhereError for what cannot be read, and for names that no item has."""
        if where is None:
            return None
        condition = parse_where(where)
        if self.settings.conditions < CONDITIONS and reads(condition):
            self._retell()
        for name in needed(condition):
            self._known_fact("where", name)
        return condition

    def _where(self, where: Where | None) -> str | None:
        condition = self._condition(where)
        return None if condition is None else written(condition)

    def _known_fact(self, what: str, field: str | None) -> None:
        """Raises WhereError with the neighbours of a name that no item has; of an empty collection nothing is known."""
        if not isinstance(field, str) or field in self._known_names or field == "id" or not self._engine.count():
            return
        if self._engine.query(Listing(Present(field), limit=1, fields=())):
            self._known_names.add(field)
            return
        known: set[str] = set()
        for payload in self._engine.scan(["facts"]):
            known |= names(payload.get("facts") or {})
        if field in known:  # in a dict, or with nothing in it
            return
        hint = neighbours(field, known) if known else "its items have no facts"
        raise WhereError(f"{what}: no item has the fact {field!r}; {hint}")

    def _retell(self) -> None:
        """Store beside the facts of an older collection what conditions on dicts, dates and texts within texts read."""
        with self._writing:
            wanted = (str(p["id"]) for p in self._engine.scan(["id", "facts"]) if _reads_more(p.get("facts") or {}))
            for some in _batches(sorted(wanted), 200):
                self._engine.update(list(self._engine.points(list(some))))
            self._engine.flush()
            self._settle(replace(self.settings, conditions=CONDITIONS))

    def _chosen(self, ids: Sequence[str], where: Where | None) -> set[str]:
        condition = self._condition(where)
        there = set(self._engine.get(list(ids), []))
        return there if condition is None else there | {str(p["id"]) for p in self._engine.scan(["id"], condition)}

    def _remove(self, ids: set[str]) -> int:
        own = set().union(*(own_pictures(p) for p in self._engine.get(sorted(ids), ["images"]).values()))
        self._engine.delete(sorted(ids))
        self._engine.flush()
        self._sweep(own)
        self._changes += len(ids)
        return len(ids)

    def _sweep(self, places: set[str]) -> None:
        """Remove stored pictures, unless an item still has them."""
        if places:
            for payload in self._engine.scan(["images"]):
                places -= own_pictures(payload)
            self._home.forget(places)

    def facets(
        self, fields: Sequence[str] | None = None, where: Where | None = None, limit: int = 12
    ) -> dict[str, list[tuple[Scalar, int]]]:
        """How many items have each value of these facts, the most frequent first; a list counts for each of its values.

        Args:
            fields: names of facts; left out, up to 6 of those that have at most 50 distinct values.
            where: count only the items this holds for.
            limit: how many values of each.
        """
        if isinstance(fields, str):
            raise InputError(f"fields is the str {fields!r}, expected a list of names")
        condition = self._condition(where)
        for name in fields or ():
            self._known_fact("facets", name)
        wanted = self._offers() if fields is None else list(fields)
        return {n: self._engine.facets(n, condition, limit) for n in wanted}

    def _offers(self) -> list[str]:
        """The facts that a page would offer to choose by; looked up again when something has changed."""
        if self._offered is None or self._offered[0] != self._changes:
            changes, values, often = self._changes, dict[str, set[Scalar]](), dict[str, int]()
            for payload in self._engine.scan(["facts"]):
                for name, value in (payload.get("facts") or {}).items():
                    for v in value if isinstance(value, list) else [value]:
                        if isinstance(v, str | int | float | bool) and len(values.setdefault(name, set())) <= _FEW:
                            values[name].add(v)
                    often[name] = often.get(name, 0) + 1
            few = [n for n, v in values.items() if 2 <= len(v) <= min(_FEW, max(2, often[n] // 2))]  # a title tells items apart
            self._offered = changes, sorted(few, key=lambda n: (-often[n], n))[:_SHOWN]
        return self._offered[1]

    def dupes(self, threshold: float = dupes.THRESHOLD, where: Where | None = None) -> list[Group]:
        """Groups of items that are nearly the same: by their pictures, or where an item has none by its text. The largest first.

        Args:
            threshold: the lowest cosine that links two items. Items with a picture in common, byte for byte, are always linked.
            where: look only at the items this holds for.
        """
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 < threshold <= 1:
            raise InputError(f"threshold={threshold!r} came, expected a cosine above 0, at most 1")
        condition = self._condition(where)
        digests = {str(p["id"]): p.get(_DIGESTS) or () for p in self._engine.scan(["id", _DIGESTS], condition)}
        kinds: dict[str, tuple[list[str], list[Floats]]] = {}
        for some in _batches(sorted(digests), 1000):
            for id, row in self._engine.vectors(list(some)).items():
                part = next(p for p in ("image", "text", "joint") if p in row)
                ids, rows = kinds.setdefault(part, ([], []))
                ids.append(id)
                rows.append(row[part])
        found = []
        for ids, rows in kinds.values():
            found += dupes.groups(ids, dupes.near(np.stack(rows), threshold), {i: digests[i] for i in ids})
        return sorted(found, key=lambda g: (-len(g.ids), -g.similarity, g.ids))

    def map(self, limit: int = 2000, where: Where | None = None, seed: int = 0) -> Map:
        """Items on a plane, what looks or reads alike near each other; a fair sample where there are more than `limit`."""
        condition = self._condition(where)
        ids = sorted(str(p["id"]) for p in self._engine.scan(["id"], condition))
        if len(ids) > limit:
            ids = sorted(np.random.default_rng(seed).choice(ids, limit, replace=False).tolist())
        stored = self._engine.vectors(ids)
        ids = [i for i in ids if i in stored]
        parts = [next(p for p in ("image", "text", "joint") if p in stored[i]) for i in ids]
        rows = np.stack([stored[i][p] for i, p in zip(ids, parts, strict=True)]) if ids else np.zeros((0, 2), np.float32)
        for part in set(parts):  # pictures and texts lie in different corners of the space: each kind about its own centre
            kind = [n for n, p in enumerate(parts) if p == part]
            rows[kind] -= rows[kind].mean(axis=0)
        points, explained = project.plane(unit(rows), seed)
        return Map(tuple(ids), points, explained)

    def copy(self, to: str | Path, progress: Progress | None = None) -> Report:
        """Copy everything to another folder or a cluster; nothing is encoded. Stopped and run again, it goes on where it was.

        Args:
            to: a place with no collection, or with one made by the same encoder: items that are there with equal content are left alone.
            progress: told how many items are done.
        """
        damaged = self._engine.check()
        if damaged:
            raise StorageError(f"{damaged[0]}" + _more(len(damaged) - 1))
        home = _home(to)
        try:
            target = Collection(home, settings=replace(self.settings, shard="shard-1", conditions=CONDITIONS))
        except BaseException:
            home.close()
            raise
        with target:
            if target.settings.fingerprint != self.settings.fingerprint:
                raise EncoderMismatch(
                    f"{to}: was made by encoder {target.settings.encoder!r} ({target.settings.fingerprint}), "
                    f"this one by {self.settings.encoder!r} ({self.settings.fingerprint}); copy to another place, or reindex one of them"
                )
            report = Report()
            for some in _batches(sorted(str(p["id"]) for p in self._engine.scan(["id"])), 200):
                hashes = self._engine.get(list(some), ["hash", "facts"])
                known = target._engine.get(list(some), ["hash", "facts"])
                missing = [i for i in some if i in hashes and known.get(i) != hashes[i]]
                points = [self._carried(p, home, target.settings) for p in self._engine.points(missing)] if missing else []
                target._engine.upsert(points)
                report.added += len(points)
                report.unchanged += len(some) - len(missing)
                if progress is not None:
                    progress(len(some))
            if self.settings.albums and not target.settings.albums:
                target._settle(replace(target.settings, albums=True))
            target._engine.flush()
        return report

    def _carried(self, point: Point, home: Home, settings: Settings) -> Point:
        """A point as another home keeps it: the pictures that this one keeps go along, or are named by where they are."""
        if own := own_pictures(point.payload):
            if home.keeps:
                for place in own:
                    home.keep((self._home.root / place).read_bytes())
            else:
                images = [str(self._home.root / p) if isinstance(p, str) and p in own else p for p in point.payload["images"]]
                point = replace(point, payload={**point.payload, "images": images})
        same = self.settings.words and self.settings.dictionary == settings.dictionary
        return _worded(point, settings) if settings.words and not same else point

    def backup(self, to: str | Path) -> int:
        """Write a whole copy to a folder, or into one file (`….tar`); others may search and write meanwhile. Returns its bytes on the disk.

        A folder is a collection that opens as it is, a file is made one again by `restore`. Pictures that lie elsewhere stay there.
        Raises InputError where something is there already, StorageError where a file of this collection is damaged.
        """
        target = Path(to)
        if target.exists():
            raise InputError(f"{target}: is there already; choose another name for the backup")
        part, packed_up = target.with_name(target.name + ".part"), target.with_name(target.name + ".packed")
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir(parents=True)
            with self._writing:
                self._engine.backup(part / self.settings.shard)
                pictures = self._home.root / "pictures"
                if self._home.keeps and pictures.is_dir():
                    shutil.copytree(pictures, part / "pictures", copy_function=_linked, ignore=shutil.ignore_patterns("*.part"))
                write_settings(part, self.settings)
            storage.raise_for_pictures(storage.checked_pictures(part))
            if target.suffix == ".tar":
                storage.pack(part, packed_up, target.stem)
                os.replace(packed_up, target)
            else:
                os.replace(part, target)
        except OSError as e:
            if isinstance(e, HannunError):
                raise
            raise StorageError(f"{target}: cannot be written ({e.strerror or e}); free some space, then back up again") from None
        finally:
            shutil.rmtree(part, ignore_errors=True)
            packed_up.unlink(missing_ok=True)
        return target.stat().st_size if target.is_file() else on_disk(target)

    def check(self) -> Checked:
        """What is damaged of all that the collection holds. What the engine rewrites was read at opening; `hannun.collection.check` reads
        a collection that is at rest."""
        pictures = storage.checked_pictures(self._home.root) if self._home.keeps else Checked(0, 0)
        gone = storage.missing_pictures(self._home.root, self._engine.scan(["id", "images"]))
        return replace(pictures, damaged=(*self._engine.check(), *pictures.damaged, *gone))

    def compact(self) -> Compacted:
        """Remove pictures that no item has any more, and what killed processes left behind."""
        if not self._home.keeps:
            raise InputError(f"{self.name}: is a server's, which compacts its own collections; expected a folder")
        with self._writing:
            if not os.access(self._home.root, os.W_OK):
                raise StorageError(f"{self.name}: was opened for reading only (it is read-only); make it writable, then compact again")
            used = set[str]().union(*(own_pictures(p) for p in self._engine.scan(["images"])))
            before = on_disk(self._home.root)
            gone = storage.leftovers(self._home.root, self.settings.shard, used)
            storage.remove(gone)
        return Compacted(len(gone), before - on_disk(self._home.root))

    def reindex(self, encoder: Encoder, progress: Progress | None = None) -> Report:
        """Encode every item again with another encoder; killed and called again, it goes on where it was.

        The new vectors are made beside the old ones, which stay in force until all are there. Items whose pictures can no
        longer be read stop the change: they are reported, and the collection stays as it was.
        """
        if encoder.fingerprint == self.settings.fingerprint:
            self._encoder, self._checked = encoder, True
            return Report(unchanged=len(self))
        if not self._home.keeps:
            raise InputError(
                f"{self.name}: a server's collection cannot be encoded anew in place; reindex a copy on this machine, then copy that"
            )
        number = int(self.settings.shard.rpartition("-")[2]) + 1
        settings = self.settings.made_by(encoder, f"shard-{number}")
        mark = self._home.root / f"{settings.shard}.made-by"
        if not mark.exists() or mark.read_text() != settings.fingerprint:
            self._home.drop(settings.shard)
            write_whole(mark, settings.fingerprint.encode())
        engine = self._home.engine(settings)
        try:
            report = Report()
            done = {str(p["id"]): str(p["hash"]) for p in engine.scan(["id", "hash"])}
            waiting = (
                Item(stored.id, stored.parts, {**stored.facts, **({SOURCE: p["source"]} if p.get("source") else {})})
                for p in self._engine.scan(["id", "text", "images", "facts", "source"])
                for stored in [stored_item(p, self._home.root)]
            )
            for chunk in encode.encode(waiting, encoder, lambda pairs: {i for i, h in pairs if done.get(i) == h}):
                self._store(chunk, report, engine)
                if progress is not None:
                    progress(len(chunk))
            engine.delete(sorted(done.keys() - {str(p["id"]) for p in self._engine.scan(["id"])}))  # deleted since an earlier, killed run
            engine.flush()
        finally:
            engine.close()
        if report.problems:
            first = report.problems[0]
            raise MissingError(
                f"{self.name}: {len(report.problems)} items cannot be encoded again ({first.where}: {first.reason}); "
                "restore their pictures or `hannun delete` them, then run reindex again; the collection is as it was"
            )
        with self._writing:
            settings = replace(settings, albums=self.settings.albums)
            self._home.write(settings)  # from here on the new shard is in force
            old, former = self.settings.shard, self._engine
            self.settings, self._encoder, self._checked = settings, encoder, True
            self._engine = self._home.engine(settings)
            former.close()
            self._sample, self._offered = None, None
        mark.unlink(missing_ok=True)
        self._home.drop(old)
        return report

    def optimise(self) -> bool:
        """Build the engine's search indexes where there are enough items to need them; returns whether it did.

        It takes long; others may search, add and delete meanwhile.
        """
        if len(self) < _OPTIMISE_FROM:
            return False
        self._engine.optimise()
        return True

    def info(self) -> dict[str, Any]:
        """Counts and settings: items, with text, with picture, encoder, fingerprint, dims, part vectors, words, bytes on disk."""
        texts = pictures = 0
        named: dict[str, int] = {}
        for payload in self._engine.scan(["text", "images", "facts"]):
            texts += bool(payload.get("text"))
            pictures += bool(payload.get("images"))
            for name in payload.get("facts") or {}:
                named[name] = named.get(name, 0) + 1
        s = self.settings
        return {
            "path": self.name,
            "format": s.format,
            "items": len(self),
            "with_text": texts,
            "with_picture": pictures,
            "encoder": s.encoder,
            "fingerprint": s.fingerprint,
            "dims": list(s.dims),
            "part_vectors": s.parts,
            "words": s.words,
            "dictionary": list(s.dictionary),
            "tokens": s.tokens,
            "quantise": s.quantise,
            "prefix": s.prefix,
            "facts": dict(sorted(named.items())),
            "bytes": on_disk(self._home.root) if self._home.keeps else 0,
        }

    def close(self) -> None:
        """Write everything through and let others open the collection."""
        if not self._closed:
            self._closed = True
            try:
                self._engine.close()
            finally:
                self._home.close()

    def _incoming(self, contents: Iterable[Content | Problem], seen: set[str]) -> Iterator[Item | Problem]:
        odd: set[str] = set()
        for number, content in enumerate(contents, start=1):
            if isinstance(content, Problem):
                yield content
                continue
            try:
                it = item(content)
            except HannunError as e:  # of this row alone; a picture without an id is read for one, and may be gone
                yield Problem(f"row {number}", str(e))
                continue
            if it.id in seen:
                yield Problem(f"row {number}", f"the id {it.id!r} came before; the first one is kept, give this one another id", it.id)
                continue
            seen.add(it.id)
            if SOURCE not in it.facts:  # what was read of files is plain already
                told, without = kept_facts(it.facts, Reading())
                it = Item(it.id, it.parts, told)
                for name, reason in without:
                    if name not in odd:  # once, however many rows have it
                        yield Problem(f"row {number}, fact {name!r}", reason)
                odd |= {name for name, _ in without}
            yield it

    def _known(self, pairs: Sequence[tuple[str, str]]) -> set[str]:
        there = self._engine.get([i for i, _ in pairs], ["hash"])
        return {i for i, h in pairs if i in there and there[i].get("hash") == h}

    def _store(self, chunk: Sequence[Outcome], report: Report, engine: Engine) -> None:
        rows = [o for o in chunk if isinstance(o, Encoded)]
        report.unchanged += sum(isinstance(o, Unchanged) for o in chunk)
        report.problems += [o for o in chunk if isinstance(o, Problem)]
        with self._writing:  # no picture may be swept away between its being kept and its item's being there
            replaced = set().union(*(own_pictures(p) for p in engine.get([r.item.id for r in rows], ["images"]).values()))
            if not self.settings.albums and any("pictures" in r.vectors for r in rows):
                self._settle(replace(self.settings, albums=True))
            points = [self._point(r) for r in rows]
            engine.upsert(points)
            if engine is self._engine:
                self._sweep(replaced - set().union(*(own_pictures(p.payload) for p in points)))
            self._changes += len(rows)
        report.added += len(rows)

    def _settle(self, settings: Settings) -> None:
        self._home.write(settings)
        self.settings = settings

    def _point(self, row: Encoded) -> Point:
        pictures = []
        for picture, data in zip(row.item.images, row.pictures, strict=True):
            pictures.append(self._home.keep(data) if data is not None else _stored(picture, self._home))
        told = {k: v for k, v in row.item.facts.items() if k != SOURCE}
        payload: dict[str, Any] = {"hash": row.hash, "facts": told, "images": pictures}
        if row.item.text:
            payload["text"] = row.item.text
        if source := row.item.facts.get(SOURCE):
            payload["source"] = source
        if row.digests:
            payload[_DIGESTS] = list(row.digests)
        if "pictures" in row.vectors:
            payload[PICTURES] = packed(row.vectors["pictures"])
        vectors = {k: v for k, v in row.vectors.items() if k not in ("pictures", "tokens")}
        point = Point(row.item.id, vectors, payload, tokens=row.vectors.get("tokens"))
        return _worded(point, self.settings) if self.settings.words else point


def read_settings(path: str | Path, *, create: bool = False) -> Settings | None:
    """What made the collection at `path` (a folder or qdrant://…), without opening it; None where `create` is to begin one there.

    Raises what `open` raises.
    """
    home = _home(path, create)
    try:
        return home.read()
    finally:
        home.close()


def _home(path: str | Path, create: bool = True) -> Home:
    address = str(path)
    if address.startswith(("qdrant://", "qdrants://")):
        server = Server(address)
        if not create and server.read() is None:
            raise MissingError(f"{address}: no collection of Hannun there; copy one with `hannun copy COLLECTION {address}`")
        return server
    if "://" in address:
        raise InputError(f"{address}: is no address of a collection, expected a folder, qdrant://host:6333/name or http://host:port")
    if not create:
        there(Path(path))
    return Folder(Path(path))


def _worded(point: Point, settings: Settings) -> Point:
    terms = lexical.document(str(point.payload.get("text") or ""), settings.dictionary)
    return replace(point, words=terms.words, initials=terms.initials)


def _reads_more(told: Mapping[str, Any]) -> bool:
    """Whether conditions read more of these facts than their words: dicts, lists, dates and times."""
    found = kept(told)
    return len(found) > 1


def _stored(picture: Image, home: Home) -> str | dict[str, Any]:
    match picture.source:
        case Path() if home.keeps and picture.source.is_relative_to(home.root / "pictures"):
            return picture.source.relative_to(home.root).as_posix()  # one that the collection keeps, and moves with it
        case Path():
            return str(picture.source.absolute())
        case Member(archive, offset, size, name):
            return {"archive": str(archive.absolute()), "offset": offset, "size": size, "name": name}
    raise InputError(f"{picture} has no place of its own on disk")


def _linked(source: str, target: str) -> str:
    """A stored picture never changes, so that a second name for it is as good as a copy, where the disk gives one."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def _batches(things: Iterable[T], size: int) -> Iterator[list[T]]:
    source = iter(things)
    while batch := list(islice(source, size)):
        yield batch


def _listed(name: str, ids: Sequence[str]) -> None:
    if isinstance(ids, str):
        raise InputError(f"{name} is the str {ids!r}, expected a list of ids")


def _more(others: int) -> str:
    return f" (and {others} more like it)" if others > 0 else ""
