"""Training pairs and a Collection go in; the same pairs with hard negatives, and a report of what was left out and why, come out.

A hard negative is what a search finds near the query and what does not answer it. The second half is the difficulty: most of what
stands high beside the positive answers too. So candidates come from a window of ranks, must score clearly below the positive
(TopK-PercPos: below 95 % of it; Moreira et al. 2024, NV-Retriever), and are neither the same thing again (by content hash, by
nearly equal picture or text), nor the same product, nor what another pair calls right for the same query. Queries and items are
texts, pictures, or both.
"""

from __future__ import annotations

import json
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import PIL.Image

from hannun.collection import Collection
from hannun.errors import HannunError, InputError
from hannun.files import whole
from hannun.item import Image, Item, Member, Pair
from hannun.journal import Journal, digest
from hannun.search.hits import Hit
from hannun.train.pairs import label

#: Moreira et al. 2024, section 4: a negative scores below 95 % of the positive.
BELOW = 0.95
#: Bits of 64 that the difference hashes of two pictures may differ in to be one picture: as in imagehash's practice.
ALIKE = 6
CHUNK = 32  # pairs: what is mined again at most after a kill


@dataclass(frozen=True)
class Window:
    """What may be a hard negative.

    `first` … `last` are ranks among what the search finds, positives not counted, 1 the best. `below` is the share of the
    positive's score, and `margin` the distance from it, that a negative must stay under. `product` names a fact: items of
    equal value are one product. `alike` is the distance of picture hashes up to which two pictures are one. `count`
    negatives are taken: the hardest, or with `seed` drawn evenly from the window.
    """

    first: int = 1
    last: int = 100
    count: int = 7
    below: float = BELOW
    margin: float = 0.0
    product: str = ""
    alike: int = ALIKE
    seed: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last:
            raise InputError(f"ranks {self.first}…{self.last} came, expected 1 ≤ first ≤ last")
        if self.count < 1 or not 0 < self.below <= 1 or self.margin < 0:
            raise InputError(f"count={self.count}, below={self.below}, margin={self.margin} came, expected ≥ 1, 0 … 1 and ≥ 0")


@dataclass
class MiningReport:
    """How many pairs got negatives, how many negatives, and why candidates and pairs were left out."""

    pairs: int = 0
    mined: int = 0
    negatives: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """For a terminal."""
        out = [f"{self.mined} of {self.pairs} pairs have hard negatives, {self.negatives} in all"]
        return [*out, *(f"  left out {n:>7}  {reason}" for reason, n in self.dropped.most_common())]


#: Reasons, in the order in which they are asked.
QUERY = "the query itself"
POSITIVE = "the positive, or equal to it"
OTHERS = "a positive of the same query in another pair"
PRODUCT = "the same product as the positive"
PICTURE = "nearly the positive's picture"
TEXT = "nearly the positive's text"
SCORE = "scores too near the positive"
TWICE = "equal to a negative that the pair has"
LOST = "pairs whose positive is not among what was found"
FAILED = "pairs whose query cannot be read"


def mine(
    pairs: Sequence[Pair], collection: Collection, window: Window, report: MiningReport, progress: Callable[[int], None] | None = None
) -> Iterator[Pair]:
    """Each pair with its own negatives and, after them, its hard negatives, hardest first; `report` is filled on the way.

    The positives must be in the collection, by id or by content. A pair that gets none comes out as it was.
    """
    miner = _Miner(pairs, collection, window)
    for number in range(len(pairs)):
        yield miner.mined(number, report)
        if progress is not None:
            progress(1)


@final
class _Miner:
    """Pairs are mined one by one, in any order, each as if the others had been mined before."""

    def __init__(self, pairs: Sequence[Pair], collection: Collection, window: Window) -> None:
        self._pairs, self._collection, self._window = pairs, collection, window
        self._looks = _Looks()
        self._right: dict[str, set[str]] = {}
        for pair in pairs:
            self._right.setdefault(label(pair.query), set()).add(self._looks.label(pair.positive))
        self._remembered: OrderedDict[str, list[Hit]] = OrderedDict()

    def mined(self, number: int, report: MiningReport) -> Pair:
        """The pair of this number with its negatives."""
        pair = self._pairs[number]
        report.pairs += 1
        key = label(pair.query)
        right = self._right[key]
        found = self._remembered.get(key)
        if found is None:
            try:
                found = self._collection.search(pair.query, limit=min(10_000, self._window.last + 20 + len(right)))
            except HannunError:
                report.dropped[FAILED] += 1
                return pair
            self._remembered[key] = found
            if len(self._remembered) > 256:
                self._remembered.popitem(last=False)
        rng = np.random.default_rng((self._window.seed or 0, number))  # its own, so that it draws alike in a run that begins with it
        negatives = _chosen(pair, found, right, self._window, self._looks, report, rng)
        report.mined += bool(negatives)
        report.negatives += len(negatives)
        return replace(pair, negatives=(*pair.negatives, *negatives))

    def inputs(self) -> str:
        """A hash of everything that the result depends on: the pairs, the window, the encoder, and what the collection holds."""
        there = 0
        for it in self._collection:  # in no stated order
            stamps = [_stamp(p.source) for p in it.images if isinstance(p.source, Path)]
            there ^= int(digest(it.id, label(it), _plain([it.facts, stamps])), 16)
        sides = [(s, self._looks.label(s)) for p in self._pairs for s in (p.query, p.positive, *p.negatives)]
        given = [digest(s.id, looks, _plain(s.facts)) for s, looks in sides]
        given += [p.source for p in self._pairs]
        return digest(self._collection.encoder.fingerprint, repr(self._window), f"{there:x}", *given)


def _plain(facts: Any) -> str:
    return json.dumps(facts, sort_keys=True, default=str)


def _stamp(file: Path) -> tuple[int, int]:
    """What changes with a file's bytes, without reading them."""
    try:
        stat = file.stat()
    except OSError:
        return (0, 0)
    return (stat.st_mtime_ns, stat.st_size)


def _chosen(
    pair: Pair, found: Sequence[Hit], right: set[str], window: Window, looks: _Looks, report: MiningReport, rng: np.random.Generator
) -> list[Item]:
    positive = looks.label(pair.positive)
    own = next((h for h in found if h.id == pair.positive.id or looks.label(h.item) == positive), None)
    if own is None:
        report.dropped[LOST] += 1
        return []
    limit = min(own.score - (1 - window.below) * abs(own.score), own.score - window.margin)
    kept: list[Item] = []
    taken = {looks.label(n) for n in pair.negatives}
    rank = 0
    for hit in found:
        reason = _reason(hit, own, pair, positive, right, window, looks)
        if reason in (QUERY, POSITIVE, OTHERS):
            report.dropped[reason] += hit.id != own.id  # the positive in its place is no candidate
            continue
        rank += 1
        if rank < window.first:
            continue
        if rank > window.last:
            break
        if reason is None and not hit.score < limit:
            reason = SCORE
        if reason is None and looks.label(hit.item) in taken:
            reason = TWICE
        if reason is not None:
            report.dropped[reason] += 1
            continue
        taken.add(looks.label(hit.item))
        kept.append(hit.item)
        if len(kept) == window.count and window.seed is None:
            break
    if window.seed is not None and len(kept) > window.count:
        kept = [kept[i] for i in sorted(rng.choice(len(kept), window.count, replace=False))]
    return kept


def _reason(hit: Hit, own: Hit, pair: Pair, positive: str, right: set[str], window: Window, looks: _Looks) -> str | None:
    """Why a hit is no negative, whatever its score; None where nothing speaks against it."""
    this = looks.label(hit.item)
    if hit.id == pair.query.id or this == looks.label(pair.query):
        return QUERY
    if hit.id == own.id or this == positive:
        return POSITIVE
    if this in right:
        return OTHERS
    if window.product:
        values = hit.item.facts.get(window.product), own.item.facts.get(window.product, pair.positive.facts.get(window.product))
        if values[0] is not None and values[0] == values[1]:
            return PRODUCT
    if hit.item.images and own.item.images:
        if looks.distance(hit.item, own.item) <= window.alike:
            return PICTURE
    elif hit.item.text and own.item.text and plain(hit.item.text) == plain(own.item.text):
        return TEXT
    return None


def plain(text: str) -> str:
    """A text without what does not change what it says: case, white space, punctuation."""
    return re.sub(r"[\W_]+", "", text.casefold())


@final
class _Looks:
    """Content hashes and picture hashes of items, each computed once."""

    def __init__(self) -> None:
        self._labels: dict[str, str] = {}
        self._hashes: dict[str, int | None] = {}

    def label(self, it: Item) -> str:
        """Equal for items of equal content, wherever their pictures lie: they are told by their bytes."""
        place = label(it)
        if place not in self._labels:
            try:
                self._labels[place] = label(replace(it, parts=tuple(Image(p.read()) if isinstance(p, Image) else p for p in it.parts)))
            except HannunError:
                self._labels[place] = place
        return self._labels[place]

    def distance(self, a: Item, b: Item) -> int:
        """Bits in which the hashes of two items' first pictures differ; 64 where one cannot be read."""
        first, second = self._hash(a.images[0]), self._hash(b.images[0])
        return 64 if first is None or second is None else (first ^ second).bit_count()

    def _hash(self, picture: Image) -> int | None:
        key = label(Item("", (picture,)))
        if key not in self._hashes:
            try:
                self._hashes[key] = difference_hash(picture.load(64))
            except HannunError:
                self._hashes[key] = None
        return self._hashes[key]


def difference_hash(picture: PIL.Image.Image) -> int:
    """64 bits: in an 8 × 9 grey thumbnail, is each cell brighter than its left neighbour (dHash, Krawetz 2013)."""
    grey = np.asarray(picture.convert("L").resize((9, 8), PIL.Image.Resampling.BOX), dtype=np.int16)
    return int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big")


def write(
    pairs: Sequence[Pair], collection: Collection, window: Window, report: MiningReport, to: Path, progress: Callable[[int], None]
) -> None:
    """What `mine` gives, as .jsonl that `hannun.train.pairs.read` reads; written whole or not at all.

    Chunks of CHUNK pairs are kept as they are done: a run that was killed goes on after them. Raises StorageError.
    """
    miner = _Miner(pairs, collection, window)
    journal = Journal(to.with_name(to.name + ".work"))
    inputs = miner.inputs()
    with whole(to) as f:
        for start in range(0, len(pairs), CHUNK):
            some = range(start, min(start + CHUNK, len(pairs)))
            kept = json.loads(journal.get(digest(inputs, str(start), str(CHUNK)), lambda some=some: _chunk(miner, some)))  # type: ignore[misc]
            f.write(kept["rows"].encode())
            report.pairs += len(some)
            report.mined += kept["mined"]
            report.negatives += kept["negatives"]
            report.dropped.update(kept["dropped"])
            progress(len(some))
    journal.close()


def _chunk(miner: _Miner, some: Iterable[int]) -> bytes:
    """The rows of these pairs, and what is to be reported of them."""
    report = MiningReport()
    rows = "".join(_row(miner.mined(n, report)) for n in some)
    told = {"rows": rows, "mined": report.mined, "negatives": report.negatives, "dropped": report.dropped}
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _row(pair: Pair) -> str:
    row = {"query": _side(pair.query), "positive": _side(pair.positive), "negatives": [_side(n) for n in pair.negatives]}
    facts = {k: v for k, v in pair.query.facts.items() if k not in row}
    return json.dumps({**facts, **row, "source": pair.source}, ensure_ascii=False) + "\n"


def _side(it: Item) -> Mapping[str, Any]:
    row: dict[str, Any] = {"id": it.id}
    if it.text:
        lines = it.text.split("\n")  # a line break inside a str is white space like any other: lines are told apart by a list
        row["text"] = lines if len(lines) > 1 else it.text
    pictures = [_place(p) for p in it.images]
    if pictures:
        row["image"] = pictures[0] if len(pictures) == 1 else pictures
    return row | it.json_parts()


def _place(picture: Image) -> Any:
    match picture.source:
        case Path() as path:
            return str(path.absolute())
        case Member(archive, offset, size, name):
            return {"archive": str(archive.absolute()), "offset": offset, "size": size, "name": name}
    raise InputError(f"{picture} has no place on disk; index it from a file or a shard")
