"""Queries from many threads go in one by one, their vectors come out of few batches: an Encoder around an Encoder.

Everything that waits is grouped by role, instruction, kinds (words, pictures, both …) and length, so that a short query is never
padded to a long one's length nor waits for it. One thread encodes: what was asked comes first, what is being indexed gets a fixed
share of its time, in small slices. Vectors of queries are remembered (least recently used go first), and equal queries that
arrive together are encoded once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, NamedTuple, final

import numpy as np

from hannun.embeddings import Embeddings, Floats, concatenate
from hannun.encoder import Calibration, Encoder, cells
from hannun.errors import HannunError
from hannun.item import Content, Item, item, joined, require_content
from hannun.part import KEY, digest

Role = Literal["query", "document"]
Seen = Callable[[str, int, float], None]

_SLICE = 16  # documents encoded at a time, so that a query that arrives meanwhile waits for no more
_SHARE = 0.2  # of the encoder's time goes to indexing while queries are waiting


class Vector(NamedTuple):
    """One content's unit vector [dim], and its token vectors where the encoder gives them."""

    dense: Floats
    tokens: Floats | None


class _Group(NamedTuple):
    role: Role
    instruction: str | None
    kind: str
    length: int


@dataclass(frozen=True)
class _Waiting:
    content: Item
    since: float
    answer: Future[Vector]


@final
class Batched:
    """An Encoder whose `encode_query` may be called by any number of threads; `close` ends its own thread."""

    def __init__(
        self, inner: Encoder, *, batch: int = 16, wait: float = 0.0, remember: int = 4096, seen: Seen = lambda kind, rows, seconds: None
    ) -> None:
        """`batch` is the most contents of one pass, `wait` how many seconds the first of a batch waits for more, `remember` how many
        vectors are kept, at least as many as are asked for at a time. `seen` is told the kind, the size and the seconds of each batch."""
        self._inner, self._batch, self._wait, self._remember, self._seen = inner, batch, wait, remember, seen
        self._changed = threading.Condition()
        self._waiting: dict[_Group, deque[_Waiting]] = {}
        self._bulk: deque[tuple[Sequence[Content], str | None, Future[Embeddings]]] = deque()
        self._known: OrderedDict[tuple[_Group, str], Future[Vector]] = OrderedDict()
        self._spent = {"asked": 0.0, "indexed": 0.0}
        self._closing = False
        self.hits = self.misses = 0
        self._thread = threading.Thread(target=self._work, name="hannun-batch", daemon=True)
        self._thread.start()

    @property
    def inner(self) -> Encoder:
        """The encoder that does the work."""
        return self._inner

    @property
    def name(self) -> str:
        """The inner encoder's."""
        return self._inner.name

    @property
    def fingerprint(self) -> str:
        """The inner encoder's: batching changes no vector."""
        return self._inner.fingerprint

    @property
    def dims(self) -> tuple[int, ...]:
        """The inner encoder's."""
        return self._inner.dims

    @property
    def kinds(self) -> tuple[str, ...]:
        """The inner encoder's."""
        return self._inner.kinds

    @property
    def side(self) -> int:
        """The inner encoder's."""
        return self._inner.side

    @property
    def calibration(self) -> Calibration:
        """The inner encoder's."""
        return self._inner.calibration

    @property
    def sees_cells(self) -> bool:
        """Whether the inner encoder sees the cells of pictures."""
        return cells(self._inner) is not None

    @property
    def waiting(self) -> int:
        """How many contents wait to be encoded."""
        return sum(map(len, self._waiting.values()))

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Vectors [n, dim], made together with those that other threads ask for."""
        answers = [self.ask(c, "query", instruction) for c in contents]
        return together([a.result() for a in answers], self.dims[0])

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Vectors [n, dim] for what is being indexed: made in slices, between the queries."""
        pieces: list[Embeddings] = []
        for start in range(0, len(contents), _SLICE):
            answer: Future[Embeddings] = Future()
            with self._changed:
                self._open()
                self._bulk.append((contents[start : start + _SLICE], instruction, answer))
                self._changed.notify_all()
            pieces.append(answer.result())
        return concatenate(pieces, self.dims[0])

    def ask(self, content: Content, role: Role, instruction: str | None = None) -> Future[Vector]:
        """One content's vector, soon. Raises InputError for empty content."""
        it = require_content(item(content, id="-"))
        group = _Group(role, instruction, joined(it.kinds), len(it.text or "").bit_length())
        key = (group, digest(it.parts, KEY))
        with self._changed:
            self._open()
            if found := self._known.get(key):
                self._known.move_to_end(key)
                self.hits += 1
                return found
            self.misses += 1
            answer: Future[Vector] = Future()
            self._known[key] = answer
            answer.add_done_callback(lambda done: self._forget_failed(key, done))
            while len(self._known) > self._remember:
                self._known.popitem(last=False)
            self._waiting.setdefault(group, deque()).append(_Waiting(it, time.monotonic(), answer))
            self._changed.notify_all()
        return answer

    async def soon(self, contents: Sequence[Content], role: Role, instruction: str | None = None) -> list[Vector]:
        """The same for a caller on an event loop, who must not block."""
        # A shared answer must not be cancelled when one of those who wait for it goes away.
        answers = [asyncio.shield(asyncio.wrap_future(self.ask(c, role, instruction))) for c in contents]
        return list(await asyncio.gather(*answers))

    def close(self) -> None:
        """Answer everything that waits, then end."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _open(self) -> None:
        if self._closing:
            raise HannunError("the service is shutting down; ask again when it is back")

    def _forget_failed(self, key: tuple[_Group, str], done: Future[Vector]) -> None:
        if done.exception() is not None:
            with self._changed:
                self._known.pop(key, None)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._bulk:
                    if self._closing:
                        return
                    self._changed.wait()
                group = self._ready()
                if group is None:
                    slice_ = self._bulk.popleft()
                    rows: list[_Waiting] = []
                else:
                    queue = self._waiting[group]
                    rows = [queue.popleft() for _ in range(min(self._batch, len(queue)))]
                    if not queue:
                        del self._waiting[group]
            started = time.monotonic()
            if group is None:
                self._index(*slice_)
            else:
                self._answer(group, rows)
            took = time.monotonic() - started
            kind, size = ("indexed", len(slice_[0])) if group is None else (group.kind, len(rows))
            self._spent["indexed" if group is None else "asked"] += took
            self._seen(kind, size, took)

    def _ready(self) -> _Group | None:
        """The group to encode next, or None for a slice of what is being indexed. Waits for a batch to fill; holds the lock."""
        if not self._waiting:
            self._spent = dict.fromkeys(self._spent, 0.0)  # shares are of the time since both had something to do
            return None
        if self._bulk and self._spent["indexed"] < _SHARE * sum(self._spent.values()):
            return None
        if not self._bulk:
            self._spent = dict.fromkeys(self._spent, 0.0)
        group = min(self._waiting, key=lambda g: self._waiting[g][0].since)
        until = self._waiting[group][0].since + self._wait
        while len(self._waiting[group]) < self._batch and (left := until - time.monotonic()) > 0 and not self._closing:
            self._changed.wait(left)
        return group

    def _answer(self, group: _Group, rows: list[_Waiting]) -> None:
        try:
            for row, vector in zip(rows, self._encode(group, [r.content for r in rows]), strict=True):
                row.answer.set_result(vector)
        except Exception as e:
            if len(rows) == 1:
                rows[0].answer.set_exception(e)
            else:  # one of them is at fault: the others must not suffer for it
                for row in rows:
                    self._answer(group, [row])

    def _encode(self, group: _Group, contents: list[Item]) -> list[Vector]:
        encode = self._inner.encode_query if group.role == "query" else self._inner.encode_document
        made = encode(contents, instruction=group.instruction)
        tokens = made.tokens or [None] * len(made)
        return [Vector(d, t) for d, t in zip(made.dense, tokens, strict=True)]

    def _index(self, contents: Sequence[Content], instruction: str | None, answer: Future[Embeddings]) -> None:
        try:
            answer.set_result(self._inner.encode_document(contents, instruction=instruction))
        except Exception as e:
            answer.set_exception(e)


def together(vectors: Sequence[Vector], dim: int) -> Embeddings:
    """Vectors one under another."""
    dense = np.stack([v.dense for v in vectors]) if vectors else np.zeros((0, dim), np.float32)
    tokens = tuple(v.tokens for v in vectors if v.tokens is not None)
    return Embeddings(dense, tokens if vectors and len(tokens) == len(vectors) else None)
