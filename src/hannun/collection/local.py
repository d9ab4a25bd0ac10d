"""Rows go in, hits come out of a collection that this process keeps: in a folder, or on a Qdrant server.

Every item is one point, written in one step after its vectors are made, with the hash of its content in it. So a killed
run leaves whole items or none, and running again skips what is there: nothing is lost, and nothing is there twice. Where
a collection's files lie is told in `hannun.collection.storage`. This file is long because the protocol is: what takes more than some
lines is done in the files beside it (`writing`, `transfer`, `upgrade`, `overview`, …).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

from hannun import encode, hangul
from hannun.collection import integrity, overview, provenance, transfer, upgrade, writing
from hannun.collection.backup import backup
from hannun.collection.incoming import items_of
from hannun.collection.points import point, worded
from hannun.collection.records import Checked, Compacted, Contents, Map, Progress, Report, require_either, require_list
from hannun.collection.settings import CONDITIONS, FORMAT, Quantise, Settings
from hannun.collection.storage import Storage, own_pictures, storage_at
from hannun.collection.transfer import Side
from hannun.embeddings import Floats
from hannun.encode import Encoded, Outcome, Unchanged
from hannun.encoder import Encoder
from hannun.errors import InputError, MissingError
from hannun.facts import FactRange, called, ranges
from hannun.index import lexical
from hannun.index.engine import Condition, Engine, Scalar
from hannun.item import Content, Item, Problem
from hannun.load import load
from hannun.search import proposals
from hannun.search.background import Background, sampled
from hannun.search.dupes import Group
from hannun.search.hits import STORED, Hit, Hits, stored_item
from hannun.search.options import Fusion, Options, Rerank, Share, Weights
from hannun.search.query import Example, Known, asked
from hannun.search.searcher import Searcher
from hannun.search.synonyms import rules
from hannun.search.where import Where, needed, parse_where, reads, written
from hannun.sources import Roots, Survey, changed, covers, surveyed
from hannun.sources import contents as contents_of

_TEXTS, _BEGUN = 20_000, 200  # texts whose words are proposed, and characters of each; reading more of them would be felt
_OPTIMISE_FROM = 20_000  # points; below, exact search is fast enough not to wait for an index


@final
class Local:
    """Items with their vectors, owned by this process until `close`. Made by `hannun.open`; a context manager.

    `search`, `get` and the like may be called from several threads, also while one adds or deletes.
    """

    def __init__(
        self,
        storage: Storage,
        encoder: Encoder | None = None,
        words: bool | None = None,
        dictionary: Sequence[str] | None = None,
        quantise: Quantise | None = None,
        prefix: int | None = None,
        settings: Settings | None = None,
        careful: bool | None = None,
    ) -> None:
        whole = None if dictionary is None else lexical.entries(dictionary)
        self._storage, self._encoder, self._checked, self._closed = storage, encoder, False, False
        self._writing = threading.RLock()
        self._changes = 0
        self._known_names: set[str] = set()
        self._offered: tuple[int, list[str]] | None = None
        self._sample: tuple[int, int, Background | None] | None = None
        self._words: tuple[int, int, proposals.Vocabulary] | None = None
        stored = storage.read()
        if stored is None:
            if settings is None:
                self._encoder = encoder or load()
                self._checked = True
                settings = Settings.begun_by(self._encoder, words, whole, quantise, prefix, careful)
            storage.write(settings)
            self.settings = settings
        else:
            self.settings = stored
            if encoder is not None:
                self._check(encoder)
            stored.require(storage.name, words=words, dictionary=whole, quantise=quantise, prefix=prefix, careful=careful)
        self._engine = storage.engine(self.settings)
        if self.settings.format != FORMAT:
            try:
                self._modernise()
            except BaseException:
                self._engine.close()
                raise

    @property
    def name(self) -> str:
        """The path or address it was opened by."""
        return self._storage.name

    def _check(self, encoder: Encoder) -> None:
        self.settings.require_encoder(self.name, encoder)
        self._checked = True

    def _modernise(self) -> None:
        """Bring a collection of format 1 up to date: words are added to what is there. Killed midway, the next opening goes on."""
        upgrade.add_words(self._engine, self.settings)
        self.settings = replace(self.settings, format=FORMAT, conditions=CONDITIONS, analysis=lexical.ANALYSIS)
        self._storage.write(self.settings)

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

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and id in self._engine.get([id], [])

    def __repr__(self) -> str:
        count = "closed" if self._closed else f"{len(self):,} items"
        return f"<collection {self.name}: {count}, made by {self.settings.encoder}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[Item]:
        """Every item, in no stated order."""
        return self.items()

    def items(self, where: Where | None = None, ids: Sequence[str] | None = None) -> Iterator[Item]:
        """See `Collection.items`."""
        if ids is not None:
            require_either(where, ids)
            found = self._engine.get(list(ids))
            return (stored_item(found[i], self._storage.root) for i in ids if i in found)
        condition = self._condition(where)
        return (stored_item(p, self._storage.root) for p in self._engine.scan(STORED, condition))

    def count(self, where: Where | None = None) -> int:
        """See `Collection.count`."""
        return self._engine.count(self._condition(where))

    def add(self, contents: Contents, progress: Progress | None = None) -> Report:
        """See `Collection.add`."""
        found, unread = surveyed(contents)
        report = Report(unread=unread)
        seen: set[str] = set()
        if isinstance(found, Survey):
            found, seen = changed(found, self.rooted, self.unchanged)
            report.unchanged = len(seen)
        given = items_of(contents_of(found, self.rooted), seen, self.rooted)
        for chunk in encode.encode(given, self.encoder, self._known, self.settings.careful):
            self._store(chunk, report, self._engine)
            if progress is not None:
                progress(encode.Done.of(chunk))
        self._engine.flush()
        report.require_some()
        return report

    def search(
        self,
        query: Content | None,
        *,
        like: Sequence[Example] = (),
        unlike: Sequence[Example] = (),
        mix: float = 0.5,
        weights: Weights | None = None,
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
        sort: str | None = None,
        last: Where | None = None,
    ) -> list[Hit]:
        """See `Collection.search`."""
        self._known_fact("group_by", group_by)
        told, behind = self._where(where), self._where(last, "last")
        o = Options(
            mix, weights, words, fusion, told, limit, offset, group_by, dim, rerank, diversity, shuffle, explain, floor, sort, behind
        )
        if o.order is not None:
            self._known_fact("sort", o.order.field)
            if query is None and not like:
                return Hits(Searcher(self._engine, lambda: self.encoder, self._storage.root).listed(o))
        return Hits(self._searcher(o).search(asked(query, like, unlike), o))

    def similar(
        self, ids: str | Sequence[str], *, weights: Weights | None = None, where: Where | None = None, limit: int = 10
    ) -> list[Hit]:
        """See `Collection.similar`."""
        o = Options(weights=weights, where=self._where(where), limit=limit)
        named = (ids,) if isinstance(ids, str) else tuple(ids)
        return Hits(self._searcher(o).search(asked(None, [Known(i) for i in named]), o))

    def why(
        self,
        id: str,
        query: Content | None,
        *,
        like: Sequence[Example] = (),
        unlike: Sequence[Example] = (),
        mix: float = 0.5,
        weights: Weights | None = None,
        words: Share = "auto",
        fusion: Fusion = "scores",
        where: Where | None = None,
        dim: int | None = None,
    ) -> Hit:
        """See `Collection.why`."""
        o = Options(mix, weights, words, fusion, self._where(where), dim=dim)
        return self._searcher(o).why(id, asked(query, like, unlike), o)

    def _searcher(self, o: Options) -> Searcher:
        self.settings.require_words(self.name, o.words)
        usual, s = None if o.words == 1 else self._usual(), self.settings
        return Searcher(self._engine, lambda: self.encoder, self._storage.root, s.albums, usual, s.dictionary, s.words, rules(s.synonyms))

    def _usual(self) -> Background | None:
        """What vectors are like here; sampled again when a quarter of the collection has changed."""
        if self._sample is None or self._changes - self._sample[0] > self._sample[1]:
            changes = self._changes
            self._sample = changes, max(64, self._engine.count() // 4), sampled(self._engine)
        return self._sample[2]

    def readings(self, words: str) -> tuple[str, ...]:
        """See `Collection.readings`."""
        typed = lexical.readings(words, self.settings.dictionary)
        return proposals.ordered(typed, words, self._vocabulary())

    def _vocabulary(self) -> proposals.Vocabulary:
        """The words of its texts; read again when a quarter of the collection has changed."""
        if self._words is None or self._changes - self._words[0] > self._words[1]:
            changes, every = self._changes, self._engine.scan(["text", "facts"])
            texts = (str(p.get("text") or called(p.get("facts") or {}))[:_BEGUN] for p in islice(every, _TEXTS))
            self._words = changes, self._engine.count() // 4, proposals.vocabulary(texts)
        return self._words[2]

    def synonyms(self, lines: Sequence[str] | None = None) -> tuple[str, ...]:
        """See `Collection.synonyms`."""
        if lines is not None:
            rules(lines)
            with self._writing:
                self._settle(replace(self.settings, synonyms=tuple(map(hangul.normalise, lines))))
        return self.settings.synonyms

    def get(self, id: str) -> Item:
        """See `Collection.get`."""
        found = self._engine.get([id])
        if id not in found:
            raise MissingError(f"{self.name}: has no item {id!r}")
        return stored_item(found[id], self._storage.root)

    def vectors(self, ids: Sequence[str]) -> dict[str, Mapping[str, Floats]]:
        """See `Collection.vectors`."""
        require_list("ids", ids)
        return self._engine.vectors(list(ids))

    def update(self, changes: Mapping[str, Any], ids: Sequence[str] = (), where: Where | None = None) -> int:
        """See `Collection.update`."""
        require_list("ids", ids)
        told, gone = writing.changes_of(changes)
        with self._writing:
            chosen = self._chosen(ids, where)
            writing.change(self._engine, self.settings, chosen, told, gone)
            self._changes += len(chosen)
        return len(chosen)

    def delete(self, ids: Sequence[str] = (), where: Where | None = None) -> int:
        """See `Collection.delete`."""
        require_list("ids", ids)
        with self._writing:
            return self._remove(self._chosen(ids, where))

    def rooted(self, folders: Sequence[str]) -> Roots:
        """See `Collection.rooted`."""
        known = self.settings.roots
        if all(any(covers(root, folder) for root in known.values()) for folder in folders):
            return known
        with self._writing:
            for folder in folders:
                self._settle(replace(self.settings, roots=provenance.rooted(self._engine, self.settings.roots, folder)))
            return self.settings.roots

    def unchanged(self, states: Set[str]) -> dict[str, list[str]]:
        """See `Collection.unchanged`."""
        return provenance.whole(self._engine, states)

    def prune(self, below: Sequence[Path], keep: set[str]) -> int:
        """See `Collection.prune`."""
        gone = provenance.vanished(self._engine, below, keep)
        with self._writing:
            return self._remove(gone)

    def moved(self, seen: set[str]) -> int:
        """See `Collection.moved`."""
        pairs = provenance.moved(self._engine, seen)
        with self._writing:
            provenance.pass_on_facts(self._engine, pairs)
            return self._remove({str(old["id"]) for _, old in pairs})

    def _condition(self, where: Where | None, what: str = "where") -> Condition | None:
        """A condition as the engine takes it. Raises WhereError for what cannot be read, and for names that no item has."""
        if where is None:
            return None
        condition = parse_where(where)
        if self.settings.conditions < CONDITIONS and reads(condition):
            self._retell()
        for name in needed(condition):
            self._known_fact(what, name)
        return condition

    def _where(self, where: Where | None, what: str = "where") -> str | None:
        condition = self._condition(where, what)
        return None if condition is None else written(condition)

    def _known_fact(self, what: str, field: str | None) -> None:
        """Raises WhereError with the neighbours of a name that no item has; of an empty collection nothing is known."""
        if not isinstance(field, str) or field in self._known_names or field == "id" or not self._engine.count():
            return
        if overview.require_fact(self._engine, what, field):
            self._known_names.add(field)

    def _retell(self) -> None:
        """Store beside the facts of an older collection what conditions on dicts, dates and texts within texts read."""
        with self._writing:
            upgrade.store_conditions(self._engine)
            self._settle(replace(self.settings, conditions=CONDITIONS))

    def _chosen(self, ids: Sequence[str], where: Where | None) -> set[str]:
        condition = self._condition(where)
        there = set(self._engine.get(list(ids), []))
        return there if condition is None else there | {str(p["id"]) for p in self._engine.scan(["id"], condition)}

    def _remove(self, ids: set[str]) -> int:
        removed = writing.remove(self._engine, self._storage, ids)
        self._changes += removed
        return removed

    def check(self) -> Checked:
        """See `Collection.check`."""
        pictures = integrity.checked_pictures(self._storage.root) if self._storage.stores_files else Checked(0, 0)
        gone = integrity.missing_pictures(self._storage.root, self._engine.scan(["id", "images"]))
        return replace(pictures, damaged=(*self._engine.check(), *pictures.damaged, *gone))

    def compact(self) -> Compacted:
        """See `Collection.compact`."""
        if not self._storage.stores_files:
            raise InputError(f"{self.name}: is a server's, which compacts its own collections; expected a folder")
        with self._writing:
            used = set[str]().union(*(own_pictures(p) for p in self._engine.scan(["images"])))
            return integrity.compact(self._storage.root, self.settings.shard, used, self.name)

    def facets(
        self, fields: Sequence[str] | None = None, where: Where | None = None, limit: int = 12
    ) -> dict[str, list[tuple[Scalar, int]]]:
        """See `Collection.facets`."""
        if isinstance(fields, str):
            raise InputError(f"fields is the str {fields!r}, expected a list of names")
        condition = self._condition(where)
        for name in fields or ():
            self._known_fact("facets", name)
        wanted = self._offers() if fields is None else list(fields)
        return {n: self._engine.facets(n, condition, limit) for n in wanted}

    def ranges(self, limit: int = 12) -> list[FactRange]:
        """See `Collection.ranges`."""
        return ranges((p.get("facts") or {} for p in self._engine.scan(["facts"])), limit)

    def _offers(self) -> list[str]:
        """The facts that a page would offer to choose by; looked up again when something has changed."""
        if self._offered is None or self._offered[0] != self._changes:
            changes = self._changes
            self._offered = changes, overview.offered(self._engine)
        return self._offered[1]

    def dupes(self, threshold: float | None = None, where: Where | None = None) -> list[Group]:
        """See `Collection.dupes`."""
        return overview.near_duplicates(self._engine, self._storage.root, threshold, self._condition(where))

    def map(self, limit: int = 2000, where: Where | None = None, seed: int = 0) -> Map:
        """See `Collection.map`."""
        return overview.plane(self._engine, limit, self._condition(where), seed)

    def info(self) -> dict[str, Any]:
        """See `Collection.info`."""
        return overview.summary(self.name, self._engine, self._storage, self.settings)

    def copy(self, to: str | Path, progress: Progress | None = None) -> Report:
        """See `Collection.copy`."""
        transfer.require_undamaged(self._engine)
        storage = storage_at(to)
        try:
            target = Local(storage, settings=replace(self.settings, shard="shard-1", conditions=CONDITIONS))
        except BaseException:
            storage.close()
            raise
        with target:
            transfer.require_one_encoder(self.settings, target.settings, str(to))
            report = transfer.copy(self._side(), target._side(), target.rooted(list(self.settings.roots.values())), progress)
            if self.settings.albums and not target.settings.albums:
                target._settle(replace(target.settings, albums=True))
            target._engine.flush()
        return report

    def backup(self, to: str | Path) -> int:
        """See `Collection.backup`."""
        return backup(self._engine, self._storage, self.settings, to, self._writing)

    def reindex(self, encoder: Encoder, progress: Progress | None = None) -> Report:
        """See `Collection.reindex`."""
        if encoder.fingerprint == self.settings.fingerprint:
            self._encoder, self._checked = encoder, True
            return self._upgraded(progress)
        if not self._storage.stores_files:
            raise InputError(
                f"{self.name}: a server's collection cannot be encoded anew in place; reindex a copy on this machine, then copy that"
            )
        number = int(self.settings.shard.rpartition("-")[2]) + 1
        settings = self.settings.made_by(encoder, f"shard-{number}")
        report = transfer.encode_anew(self._side(), settings, encoder, self._store, progress)
        with self._writing:
            settings = replace(settings, albums=self.settings.albums)
            self._storage.write(settings)  # from here on the new shard is in force
            old, former = self.settings.shard, self._engine
            self.settings, self._encoder, self._checked = settings, encoder, True
            self._engine = self._storage.engine(settings)
            former.close()
            self._sample, self._offered = None, None
        transfer.finish(self._storage, settings, old)
        return report

    def _upgraded(self, progress: Progress | None) -> Report:
        """The same vectors, with all that this version keeps beside them."""
        if self.settings.conditions < CONDITIONS:
            self._retell()
        if not self.settings.older_words:
            return Report(unchanged=len(self))
        report = upgrade.rewrite_words(self._engine, self.settings, self._writing, progress)
        with self._writing:
            self._settle(replace(self.settings, analysis=lexical.ANALYSIS))
            self._changes += report.added
        return report

    @property
    def advice(self) -> str:
        """See `Collection.advice`."""
        return self.settings.advice(self.name)

    def optimise(self) -> bool:
        """See `Collection.optimise`."""
        if len(self) < _OPTIMISE_FROM:
            return False
        self._engine.optimise()
        return True

    def close(self) -> None:
        """Write everything through and let others open the collection."""
        if not self._closed:
            self._closed = True
            try:
                self._engine.close()
            finally:
                self._storage.close()

    def _known(self, pairs: Sequence[tuple[str, str]]) -> set[str]:
        there = self._engine.get([i for i, _ in pairs], ["hash"])
        return {i for i, h in pairs if i in there and there[i].get("hash") == h}

    def _store(self, chunk: Sequence[Outcome], report: Report, engine: Engine) -> None:
        rows = [o for o in chunk if isinstance(o, Encoded)]
        same = [o.item for o in chunk if isinstance(o, Unchanged)]
        report.unchanged += len(same)
        report.problems += [o for o in chunk if isinstance(o, Problem)]
        with self._writing:  # no picture may be swept away between its being kept and its item's being there
            replaced = writing.pictures_of(engine, [r.item.id for r in rows])
            if not self.settings.albums and any("pictures" in r.vectors for r in rows):
                self._settle(replace(self.settings, albums=True))
            points = worded([point(r, self._storage) for r in rows], self.settings)
            engine.upsert(points)
            if engine is self._engine:
                writing.sweep(engine, self._storage, replaced - writing.stored_pictures(points))
                writing.relocate(engine, self._storage, same)
            self._changes += len(rows)
        report.added += len(rows)

    def _side(self) -> Side:
        return Side(self._engine, self._storage, self.settings)

    def _settle(self, settings: Settings) -> None:
        self._storage.write(settings)
        self.settings = settings
