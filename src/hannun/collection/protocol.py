"""What every collection can do, wherever it lies: `Local` keeps its own files or uses a Qdrant server, `Remote` asks a Hannun service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from hannun.collection.records import Checked, Compacted, Contents, Map, Progress, Report
from hannun.collection.settings import Settings
from hannun.embeddings import Floats
from hannun.encoder import Encoder
from hannun.facts import FactRange, Scalar
from hannun.item import Content, Item
from hannun.search.dupes import Group
from hannun.search.hits import Hit
from hannun.search.options import Fusion, Rerank, Share, Weights
from hannun.search.query import Example
from hannun.search.where import Where
from hannun.sources import Roots


class Collection(Protocol):
    """Items with their vectors, opened by `hannun.open`; a context manager. `tests/contracts/test_collections.py` is its contract.

    `search`, `get` and the like may be called from several threads, also while one adds or deletes. Every method raises StorageError
    where the disk or the server behind it fails. What can be done only where the files lie (`prune`, `copy`, `backup`, `check`,
    `compact`, `reindex`) raises InputError for the collection of a service.
    """

    @property
    def name(self) -> str:
        """The path or address it was opened by."""
        ...

    @property
    def settings(self) -> Settings:
        """What its vectors were made by, and what is kept of each item."""
        ...

    @property
    def advice(self) -> str:
        """What would better it, in one line, such as a reindex; empty where nothing would."""
        ...

    @property
    def encoder(self) -> Encoder:
        """The encoder that made the vectors, loaded when first needed.

        Raises EncoderMismatch where it has changed since; InputError for the collection of a service, which encodes by itself.
        """
        ...

    def __len__(self) -> int:
        """How many items there are."""
        ...

    def __contains__(self, id: object) -> bool:
        """Whether there is an item with this id."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def __iter__(self) -> Iterator[Item]:
        """Every item, in no stated order."""
        ...

    def items(self, where: Where | None = None, ids: Sequence[str] | None = None) -> Iterator[Item]:
        """The items a condition holds for, in no stated order; or those with these ids, in their order, passing over unknown ones."""
        ...

    def count(self, where: Where | None = None) -> int:
        """How many items there are, or how many a condition holds for."""
        ...

    def get(self, id: str) -> Item:
        """The item with this id. Raises MissingError."""
        ...

    def vectors(self, ids: Sequence[str]) -> dict[str, Mapping[str, Floats]]:
        """The stored vectors of items by part, for those ids that are there."""
        ...

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
        """The items nearest to a query, best first.

        Args:
            query: words, a picture, or {"text": …, "image": …}, of any kinds that the encoder declares; words after a minus are to be
                avoided (`원피스 -줄무늬`): items that have them come after all others. None where `like` says it all.
            like: examples of what is wanted: texts, pictures, both, or {"id": …} for an item of the collection, which is then left out
                of the hits. Their mean counts as much as the query.
            unlike: examples of what is not wanted; the query turns away from them, and items that have every word of a text among them
                come after all others.
            mix: the query's own words against its own picture (and what else it has), 1 (only words) … 0 (only the picture).
            weights: how much the parts of an item count, by kind: {"text": 0.7, "image": 0.3}; one left out counts 0. For two kinds also as
                a pair. All alike when left out. An item that has only some of them is ranked by these. Of several pictures the nearest
                counts. Not for encoders that make one joint vector.
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
            sort: the name of a fact, `price`, or `-price` for the greatest first: the 1,000 best hits come in its order, as far as they
                fit (`floor`, else 0.5); those without the fact last. With the query None and no examples, all items `where` holds for.
            last: a condition; the items it holds for come after all others: "stock = 0".

        Raises:
            InputError: an empty query, or a value out of range. WhereError: a condition that cannot be read.
            PictureError: the query's picture cannot be read. EncoderMismatch: the encoder has changed.
            MissingError: an example's id is not there.
        """
        ...

    def similar(
        self, ids: str | Sequence[str], *, weights: Weights | None = None, where: Where | None = None, limit: int = 10
    ) -> list[Hit]:
        """More like these: the items nearest to the mean of items of the collection, without these."""
        ...

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
        """A near miss explained: the item as a hit of a query, wherever it ranks, with what its score is made of and what keeps it out."""
        ...

    def readings(self, words: str) -> tuple[str, ...]:
        """What words may have meant that find nothing, likeliest first; mostly none.

        With the keyboard left on the other language (`qkfrks`: 빨간); then, for words that the collection has not, those that it has
        and that sound alike in the other script (나이키: nike) or are a letter or two off (떡뽁이: 떡볶이).
        """
        ...

    def synonyms(self, lines: Sequence[str] | None = None) -> tuple[str, ...]:
        """The synonyms by which words are searched, in force from the next search on; nothing is indexed anew.

        Args:
            lines: new ones in the place of those that are kept, [] for none: `바지, 팬츠, 슬랙스` or `츄리닝 => 운동복`. None changes
                nothing.

        Returns:
            The lines in force. Raises InputError with the line that is none.
        """
        ...

    def add(self, contents: Contents, progress: Progress | None = None) -> Report:
        """Add rows, or replace those whose id is there; what is there with equal content is left alone.

        Args:
            contents: rows like {"id": "1", "text": "…", "image": "b.jpg", "price": 9900}; "image" may be a list; "signal" and "events"
                hold parts of these kinds (`hannun.signals`, `hannun.events`); other keys become facts. A row without an id gets the
                hash of its content. Also one text, row or picture alone; a pandas or polars DataFrame, an Arrow table, a dataset; or
                the Path of a folder or file. Unreadable rows are listed in the report and stop nothing; a fact that has no JSON is left
                out of its row, and told once.
            progress: told how many items are done, after every chunk.

        Returns:
            What was added, what was unchanged, and the problems.

        Raises:
            InputError: nothing at all could be added (the first problem is told), or what came holds no contents.
            StorageError: the disk is full or read-only; what was added before is kept.
        """
        ...

    def update(self, changes: Mapping[str, Any], ids: Sequence[str] = (), where: Where | None = None) -> int:
        """Change facts of the items with these ids, and of those a condition holds for; nothing is encoded. Returns how many.

        Args:
            changes: facts to set; a value None removes the fact.
            ids, where: which items.
        """
        ...

    def delete(self, ids: Sequence[str] = (), where: Where | None = None) -> int:
        """Remove the items with these ids, and those a condition holds for. Returns how many were there."""
        ...

    def rooted(self, folders: Sequence[str]) -> Roots:
        """The names that folders have in the ids of their files, with those of all others; a new one is named now.

        A folder that was moved keeps its name. What an earlier version kept under absolute paths gets its ids of today.

        Args:
            folders: as `hannun.sources.Survey.roots` has them.
        """
        ...

    def unchanged(self, states: Set[str]) -> dict[str, list[str]]:
        """Of files that are slow to read, those that need not be read again: all of their items are there, and as the files are now.

        Args:
            states: what `hannun.sources.changed` tells files by.

        Returns:
            The ids of the items of each such file, by its state.
        """
        ...

    def prune(self, below: Sequence[Path], keep: set[str]) -> int:
        """Remove the items that came from files below these paths and whose ids are not in `keep`. Returns how many.

        A table or shard that could not be read at all counts as kept when its own path or place is in `keep`: its rows have not vanished.
        """
        ...

    def moved(self, seen: set[str]) -> int:
        """Remove the items of files that are gone, where the same content was read from another file; returns how many.

        Facts that were added to them since pass over to the others.

        Args:
            seen: the ids that have been read just now.
        """
        ...

    def facets(
        self, fields: Sequence[str] | None = None, where: Where | None = None, limit: int = 12
    ) -> dict[str, list[tuple[Scalar, int]]]:
        """How many items have each value of these facts, the most frequent first; a list counts for each of its values.

        Args:
            fields: names of facts; left out, up to 6 of those that have at most 50 distinct values.
            where: count only the items this holds for.
            limit: how many values of each.
        """
        ...

    def ranges(self, limit: int = 12) -> list[FactRange]:
        """The least and greatest value of facts that are numbers or dates, at most `limit` of them; those that most items have first."""
        ...

    def dupes(self, threshold: float | None = None, where: Where | None = None) -> list[Group]:
        """Groups of items that are nearly the same: by their pictures, or where an item has none by its text. The largest first.

        Args:
            threshold: the lowest cosine that links two items; left out, 0.94 of two pictures, whose colours must be alike as well, and 0.98
                of two texts. Items with a picture in common, byte for byte, are always linked.
            where: look only at the items this holds for.
        """
        ...

    def map(self, limit: int = 2000, where: Where | None = None, seed: int = 0) -> Map:
        """Items on a plane, what looks or reads alike near each other; a fair sample where there are more than `limit`."""
        ...

    def copy(self, to: str | Path, progress: Progress | None = None) -> Report:
        """Copy everything to another folder or a cluster; nothing is encoded. Stopped and run again, it goes on where it was.

        Args:
            to: a place with no collection, or with one made by the same encoder: items that are there with equal content are left alone.
            progress: told how many items are done.
        """
        ...

    def backup(self, to: str | Path) -> int:
        """Write a whole copy to a folder, or into one file (`….tar`); others may search and write meanwhile. Returns its bytes on the disk.

        A folder is a collection that opens as it is, a file is made one again by `restore`. Pictures that lie elsewhere stay there.
        Raises InputError where something is there already, StorageError where a file of this collection is damaged.
        """
        ...

    def check(self) -> Checked:
        """What is damaged of all that the collection holds. What the engine rewrites was read at opening; `hannun.collection.check` reads
        a collection that is at rest."""
        ...

    def compact(self) -> Compacted:
        """Remove pictures that no item has any more, and what killed processes left behind."""
        ...

    def reindex(self, encoder: Encoder, progress: Progress | None = None) -> Report:
        """Encode every item again with another encoder; killed and called again, it goes on where it was.

        With the same encoder nothing is encoded: words of an earlier analysis are made anew, and the report counts them as added.

        The new vectors are made beside the old ones, which stay in force until all are there. Items whose pictures can no
        longer be read stop the change: they are reported, and the collection stays as it was.
        """
        ...

    def optimise(self) -> bool:
        """Build the engine's search indexes where there are enough items to need them; returns whether it did.

        It takes long; others may search, add and delete meanwhile.
        """
        ...

    def info(self) -> dict[str, Any]:
        """Counts and settings: items, with text, with picture, encoder, fingerprint, dims, part vectors, words, bytes on disk."""
        ...

    def close(self) -> None:
        """Write everything through and let others open the collection."""
        ...
