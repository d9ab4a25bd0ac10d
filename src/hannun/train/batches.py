"""Sources of different sizes go in; a reproducible stream of batches comes out, each from one source or interleaved from several.

What comes next is a function of the seed and a few numbers that `Mixture.state` gives, so that a resumed run sees what the
killed one would have seen. `draw` goes further, for steps that choose by themselves: there batch i follows from (seed, i).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from hannun import shards
from hannun.errors import HannunError, InputError
from hannun.item import Item, Pair
from hannun.models.features import Features
from hannun.processes import world
from hannun.train import pairs as reading
from hannun.train.record import TrainingRecord

Rows = npt.NDArray[np.int64]


def shares(sizes: Mapping[str, int], temperature: float, weights: Mapping[str, float] | None = None) -> dict[str, float]:
    """How often each source is drawn: size^(1 / temperature) × weight, scaled to sum to 1.

    Temperature 1 draws by size, a large one evenly (Arivazhagan et al. 2019, who use 5).
    """
    raw = {k: n ** (1 / temperature) * (weights or {}).get(k, 1.0) for k, n in sizes.items() if n}
    total = sum(raw.values())
    return {k: v / total for k, v in raw.items()}


def draw(step: int, seed: int, source_shares: Mapping[str, float]) -> tuple[str, np.random.Generator]:
    """The source of one step, and the generator that its batch should be drawn with."""
    rng = np.random.default_rng([seed, step])
    names = list(source_shares)
    return names[int(rng.choice(len(names), p=[source_shares[k] for k in names]))], rng


def distinct(candidates: Sequence[int], size: int, rng: np.random.Generator) -> Rows:
    """Up to `size` different candidates in random order."""
    pool = np.asarray(candidates, dtype=np.int64)
    return rng.choice(pool, size=min(size, len(pool)), replace=False)


def without_twins(rows: Rows, labels: Sequence[int] | npt.NDArray[np.int64]) -> Rows:
    """The rows, in order, without those whose label came before: no positive appears twice in a batch."""
    _, first = np.unique(np.asarray(labels)[: len(rows)], return_index=True)
    return rows[np.sort(first)]


@dataclass(frozen=True)
class MixtureSource:
    """Pairs under one name, in windows that are read one at a time (a list of pairs is one window).

    `size` is the number of pairs, about. `query_prompt` and `document_prompt` are its instructions (None: the model's own).
    `task` names the adapter and prompts that its batches are made for.
    """

    name: str
    windows: Sequence[Callable[[], Sequence[Pair]]]
    size: int
    weight: float = 1.0
    query_prompt: str | None = None
    document_prompt: str | None = None
    task: str = ""


def from_pairs(
    name: str,
    pairs: Sequence[Pair],
    *,
    weight: float = 1.0,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    task: str = "",
) -> MixtureSource:
    """A source that is in memory; its pairs go by its name."""
    named = [p if p.source == name else replace(p, source=name) for p in pairs]
    return MixtureSource(name, [lambda: named], len(named), weight, query_prompt, document_prompt, task)


def from_shards(
    name: str,
    paths: Sequence[Path],
    *,
    window: int = 4,
    read: Callable[[shards.Record, str], Sequence[Pair]] = reading.from_record,
    weight: float = 1.0,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    task: str = "",
) -> MixtureSource:
    """A source that streams from tar shards, `window` of them at a time; pictures stay in the archives until a batch needs them.

    `read` makes Pairs of a record, or raises a HannunError, which leaves that record out. Counting goes once over the
    archives' headers, without reading their content, and takes a record for a pair.
    """
    groups = [list(paths[a : a + window]) for a in range(0, len(paths), window)]

    def opened(group: Sequence[Path]) -> list[Pair]:
        found: list[Pair] = []
        for path in group:
            for record in shards.read(path):
                try:
                    found += read(record, name)
                except HannunError:
                    continue
        return found

    size = sum(1 for path in paths for _ in shards.keys(path))
    windows = [lambda g=g: opened(g) for g in groups]
    return MixtureSource(name, windows, size, weight, query_prompt, document_prompt, task)


@dataclass(frozen=True)
class Batch:
    """Pairs that are contrasted with each other; `number` counts from 0. Every process sees only its own `pairs` of `size`."""

    number: int
    pairs: tuple[Pair, ...]
    size: int


@final
class Mixture:
    """Batches of `size` pairs, whose sources are drawn by `shares`; a source that is through begins anew in another order.

    A batch is of one source, or of several in blocks of `block` pairs (the interleaved sub-batches of VLM2Vec-V2, Meng et al.
    2025: hard enough within, varied enough together). No positive comes twice in a batch: its twin waits for the next one.
    Every process draws the same batch and keeps its part of it, so that a run does not depend on their number; what is left over of a
    batch that their number does not divide is passed over.
    """

    def __init__(
        self,
        sources: Sequence[MixtureSource],
        size: int,
        *,
        seed: int = 0,
        temperature: float = 5.0,
        block: int | None = None,
        same: Callable[[Pair], str] = lambda pair: reading.label(pair.positive),
    ) -> None:
        """Raises InputError for no sources, a batch of fewer than two, or a source with fewer than two different positives."""
        if size < 2:
            raise InputError(f"a batch of {size} came, expected 2 or more: a contrast needs another to contrast with")
        if block is not None and not 1 <= block <= size:
            raise InputError(f"block={block} came, expected 1…{size}")
        if not sources:
            raise InputError("no source of pairs came, expected one or more")
        if len({s.name for s in sources}) < len(sources):
            raise InputError(f"two sources have one name ({', '.join(s.name for s in sources)}); name them apart")
        self._sources, self._size, self._seed, self._block, self._same = {s.name: s for s in sources}, size, seed, block, same
        for s in sources:
            if s.size < 2:
                raise InputError(f"the source {s.name!r} has {s.size} pairs, expected 2 or more")
        self.shares = shares({s.name: s.size for s in sources}, temperature, {s.name: s.weight for s in sources})
        self._number = 0
        self._places = {s.name: _Place(s, seed, n) for n, s in enumerate(sources)}
        self._last = "none yet"
        self.record = TrainingRecord()

    @property
    def sources(self) -> Mapping[str, MixtureSource]:
        """The sources by name."""
        return self._sources

    def small(self) -> list[str]:
        """A line for each source that cannot fill a batch (or block) by itself: its batches are smaller."""
        wanted = self._block or self._size
        return [
            f"the source {s.name!r} has {s.size} pairs, fewer than the batch of {wanted}: its batches hold all of them"
            for s in self._sources.values()
            if s.size < wanted
        ]

    def next(self) -> Batch:
        """The next batch. Raises InputError where a source turns out to have no two different positives."""
        rng = np.random.default_rng([self._seed, self._number])
        names, odds = list(self.shares), list(self.shares.values())
        taken: list[Pair] = []
        used: set[str] = set()
        drawn: list[str] = []
        block = self._block or self._size
        for start in range(0, self._size, block):
            name = names[int(rng.choice(len(names), p=odds))]
            drawn.append(name)
            taken += self._places[name].take(min(block, self._size - start), used, self._same)
        if len(taken) < 2:
            raise InputError(f"the source {drawn[0]!r} gave {len(taken)} different positives, expected 2 or more for a contrast")
        self._last = f"{self._number} ({', '.join(dict.fromkeys(drawn))}: {', '.join(repr(p.query.id) for p in taken[:3])}, …)"
        self._number += 1
        self.record.add(taken)
        return Batch(self._number - 1, *self._dealt(taken))

    def _dealt(self, taken: list[Pair]) -> tuple[tuple[Pair, ...], int]:
        """This process's pairs, and how many all have: as many each, with scores and without (they meet in different losses)."""
        rank, processes = world()
        if processes == 1:
            return tuple(taken), len(taken)
        kinds = [[p for p in taken if ("score" in p.query.facts) == graded] for graded in (False, True)]
        kinds = [k[: len(k) // processes * processes] for k in kinds]
        if not any(kinds):
            few = f"batch {self._last} holds {len(taken)} pairs, expected one or more for each of {processes} processes"
            raise InputError(f"{few}; give a larger batch or source, or start fewer processes")
        return tuple(p for k in kinds for p in k[rank::processes]), sum(map(len, kinds))

    def __str__(self) -> str:
        return self._last

    def collate(self, model: Any, source: str, items: Sequence[Item], role: str) -> Features:
        """A model's features of rows of one source, with that source's prompt and task."""
        s = self._sources[source]
        made: Features = model.collate(items, role, instruction=s.query_prompt if role == "query" else s.document_prompt, task=s.task)
        return made

    def state(self) -> dict[str, Any]:
        """Where the stream is."""
        return {"number": self._number, "places": {k: p.state() for k, p in self._places.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state. Raises InputError where it is of other sources."""
        if set(state["places"]) != set(self._places):
            raise InputError(f"the checkpoint was made with the sources {sorted(state['places'])}, and {sorted(self._places)} came")
        self._number = int(state["number"])
        for name, place in self._places.items():
            place.restore(state["places"][name])


@final
class _Place:
    """How far a source has been read: the epoch, the window in this epoch's order, the pairs of it taken, and those that wait."""

    def __init__(self, source: MixtureSource, seed: int, number: int) -> None:
        self._source, self._seed, self._key = source, seed, number
        self._epoch = self._window = self._taken = 0
        self._waiting: list[tuple[int, int, int]] = []  # (epoch, window, position) of pairs whose twin was in the batch
        self._open: dict[tuple[int, int], Sequence[Pair]] = {}

    def take(self, count: int, used: set[str], same: Callable[[Pair], str]) -> list[Pair]:
        """Up to `count` pairs whose positives are not in `used` yet, which grows; at most one epoch is read for it."""
        out: list[Pair] = []
        still: list[tuple[int, int, int]] = []
        for at in self._waiting:
            pair = self._at(*at)
            if len(out) < count and same(pair) not in used:
                used.add(same(pair))
                out.append(pair)
            else:
                still.append(at)
        read = 0
        while len(out) < count and read < self._source.size:
            order = self._order(self._epoch, self._window)
            if self._taken >= len(order):
                self._taken, self._window = 0, self._window + 1
                if self._window >= len(self._source.windows):
                    self._window, self._epoch = 0, self._epoch + 1
                read += not len(order)
                continue
            at = (self._epoch, self._window, self._taken)
            pair = order[self._taken]
            self._taken += 1
            read += 1
            if same(pair) in used:
                still.append(at)
            else:
                used.add(same(pair))
                out.append(pair)
        self._waiting = still[: self._source.size]
        needed = {(e, w) for e, w, _ in self._waiting} | {(self._epoch, self._window)}
        self._open = {k: v for k, v in self._open.items() if k in needed}
        return out

    def _order(self, epoch: int, window: int) -> Sequence[Pair]:
        """The pairs of the window that comes `window`-th in an epoch, in that epoch's order."""
        if (epoch, window) not in self._open:
            rng = np.random.default_rng([self._seed, self._key, epoch])
            which = int(rng.permutation(len(self._source.windows))[window])
            pairs = self._source.windows[which]()
            shuffled = np.random.default_rng([self._seed, self._key, epoch, which]).permutation(len(pairs))
            self._open[(epoch, window)] = [pairs[i] for i in shuffled]
        return self._open[(epoch, window)]

    def _at(self, epoch: int, window: int, position: int) -> Pair:
        return self._order(epoch, window)[position]

    def state(self) -> dict[str, Any]:
        return {"epoch": self._epoch, "window": self._window, "taken": self._taken, "waiting": [list(w) for w in self._waiting]}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._epoch, self._window, self._taken = int(state["epoch"]), int(state["window"]), int(state["taken"])
        self._waiting = [(int(e), int(w), int(p)) for e, w, p in state["waiting"]]
        self._open = {}
