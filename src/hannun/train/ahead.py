"""A mixture goes in; the same batches come out, their pictures decoded and their texts tokenised by threads while the step before runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from typing import Any, final

from hannun.item import Image, Item
from hannun.models.features import Features
from hannun.models.network import decoded
from hannun.train.batches import Batch, Mixture, MixtureSource
from hannun.train.record import TrainingRecord

Reads = Callable[[Batch], Sequence[tuple[str, Sequence[tuple[str, Item]]]]]
_Key = tuple[str, tuple[int, ...]]


@final
class Ahead:
    """A mixture whose batches are made ready `depth` steps ahead, by `workers` threads that decode and one that collates.

    `reads` says what a step will collate: (role, (source, item) rows). `state` is that of the batch handed out last, so a killed run
    sees the batches again that were only made ready.
    """

    def __init__(self, mixture: Mixture, model: Any, reads: Reads, workers: int, depth: int = 2) -> None:
        self._mixture, self._model, self._reads, self._depth = mixture, model, reads, depth
        self._eyes = ThreadPoolExecutor(max(1, workers), thread_name_prefix="hannun-decode")
        self._hand = ThreadPoolExecutor(1, thread_name_prefix="hannun-collate")  # a tokenizer serves one thread at a time
        self._line: deque[tuple[Batch, dict[str, Any], str, Future[dict[_Key, Features]]]] = deque()
        self._ready: dict[_Key, Features] = {}
        self._state, self._said = mixture.state(), str(mixture)

    @property
    def sources(self) -> Mapping[str, MixtureSource]:
        """The mixture's."""
        return self._mixture.sources

    @property
    def record(self) -> TrainingRecord:
        """The mixture's: what is only made ready counts as seen."""
        return self._mixture.record

    def next(self) -> Batch:
        """The next batch. Raises what the mixture or the making of features raised."""
        while len(self._line) <= self._depth:
            batch = self._mixture.next()
            self._line.append((batch, self._mixture.state(), str(self._mixture), self._hand.submit(self._made, batch)))
        batch, self._state, self._said, features = self._line.popleft()
        self._ready = features.result()
        return batch

    def collate(self, model: Any, source: str, items: Sequence[Item], role: str) -> Features:
        """The features of rows of one source, as they were made ready; made now where they were not."""
        found = self._ready.pop((role, tuple(map(id, items))), None)
        return self._mixture.collate(model, source, items, role) if found is None else found

    def state(self) -> dict[str, Any]:
        """Where the stream is, as of the batch handed out last."""
        return self._state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self._line.clear()
        self._ready = {}
        self._mixture.restore(state)
        self._state, self._said = dict(state), str(self._mixture)

    def __str__(self) -> str:
        return self._said

    def _made(self, batch: Batch) -> dict[_Key, Features]:
        out: dict[_Key, Features] = {}
        for role, rows in self._reads(batch):
            for source, run in groupby(rows, key=lambda row: row[0]):
                items = [it for _, it in run]
                looked = list(self._eyes.map(self._looked, items)) if getattr(self._model, "reads_pixels", False) else items
                out[(role, tuple(map(id, items)))] = self._mixture.collate(self._model, source, looked, role)
        return out

    def _looked(self, it: Item) -> Item:
        side = int(self._model.side)
        return replace(it, parts=tuple(Image(decoded(p.load(side))) if isinstance(p, Image) else p for p in it.parts))
