"""Histories go in; batches of windows with what came after each of their events come out, a function of the seed and their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hannun.errors import HannunError, InputError
from hannun.models.sequence.cover import Sizes, cover
from hannun.models.sequence.history import History, event_rows, token_rows
from hannun.models.sequence.network import EventRows, TokenRows
from hannun.numbered import NumberedBatches
from hannun.processes import world
from hannun.users.histories import Histories
from hannun.users.windows import unseen


@dataclass(frozen=True)
class Sampling:
    """How examples are drawn: `users` of a batch, `recent` and `kept` as in `cover`, at most `reach` events of a history.

    The target of an event is one of the `future` events after it, all alike; 1 is the next one.
    """

    users: int
    recent: int
    kept: int
    future: int = 1
    reach: int = 2_000
    seed: int = 0


@final
@dataclass(frozen=True, eq=False)
class WindowRows:
    """Windows of like length. `owner` [e] is the token of each event, counted over all rows of `tokens`; `asked` [n] the tokens that
    predict."""

    events: EventRows
    tokens: TokenRows
    owner: Tensor
    asked: Tensor


@final
@dataclass(frozen=True, eq=False)
class WindowBatch:
    """The windows of a batch, and for all that are asked, in the order of `rows`: `target` [n] what is to be predicted, `known` [n] when
    the last event was that the token knows, `due` [n] when the target was."""

    rows: tuple[WindowRows, ...]
    target: Tensor
    known: npt.NDArray[np.float64]
    due: npt.NDArray[np.float64]


def alike(sizes: Sequence[int]) -> Iterator[list[int]]:
    """Positions in groups in which no size is more than twice another: half of most logs' users have a handful of events, and rows are
    padded to the longest beside them."""
    group: list[int] = []
    for n in sorted(range(len(sizes)), key=sizes.__getitem__):
        if group and sizes[n] > 2 * sizes[group[0]]:
            yield group
            group = []
        group.append(n)
    if group:
        yield group


@final
class WindowBatches(NumberedBatches):
    """A stream of batches of windows. Raises InputError where no user has two events."""

    def __init__(self, histories: Histories, sampling: Sampling) -> None:
        self.histories, self.sampling, self.number = histories, sampling, 0
        self.eligible = np.flatnonzero(np.diff(histories.starts) >= 2)
        if not len(self.eligible):
            raise InputError("no user has two events, expected some with a past and a future; give a longer log")
        self.popular = np.bincount(histories.events.item)  # by row of the item table

    @property
    def epoch(self) -> int:
        """Batches until every user has been drawn once."""
        return -(-len(self.eligible) // self.sampling.users)

    def next(self) -> WindowBatch:
        """The next batch. Raises HannunError where an example knows its future."""
        rng = np.random.default_rng([self.sampling.seed, 1, self.number])
        turn, place = divmod(self.number, self.epoch)
        order = np.random.default_rng([self.sampling.seed, 0, turn]).permutation(self.eligible)
        self.number += 1
        batch = self.of(order[place * self.sampling.users : (place + 1) * self.sampling.users], rng)
        if found := unseen(batch.known, batch.due):
            raise HannunError(f"batch {self.number} leaks: {'; '.join(found)}; the log is not in the order of time")
        return batch

    def of(self, users: npt.NDArray[np.int64], rng: np.random.Generator) -> WindowBatch:
        """A window of each of these users; of several processes each has its part of them. Of fewer users than processes all have all,
        and the mean over them is the same."""
        rank, processes = world()
        drawn = [self._window(int(user), rng) for user in users]
        drawn = drawn[rank::processes] if len(drawn) >= processes else drawn
        groups = [[drawn[n] for n in group] for group in alike([len(w.sizes) for w in drawn])]
        made = [w for group in groups for w in group]
        usable = [w.target > 0 for w in made]

        def joined(name: str) -> npt.NDArray[Any]:
            return np.concatenate([getattr(w, name)[keep] for w, keep in zip(made, usable, strict=True)])

        return WindowBatch(tuple(map(_rows, groups)), torch.from_numpy(joined("target")), joined("known"), joined("due"))

    def _window(self, user: int, rng: np.random.Generator) -> _Window:
        s, events = self.sampling, self.histories.events
        begin, end = int(self.histories.starts[user]), int(self.histories.starts[user + 1])
        last = end - 1  # events before it are read
        if end - begin - 1 > s.recent:
            last = begin + int(rng.integers(s.recent // 2, end - begin))
        first = max(begin, last - s.reach)
        sizes = cover(last - first, s.recent, s.kept)
        part = events.part(slice(first, last))
        single = np.flatnonzero(sizes == 1)
        at = first + np.cumsum(sizes)[single] - 1
        after = np.minimum(at + rng.integers(1, s.future + 1, len(at)), end - 1)
        before = float(events.time[first - 1]) if first > begin else float("nan")
        return _Window(part, before, sizes, single, events.item[after], events.time[at], events.time[after])


@final
@dataclass(frozen=True, eq=False)
class _Window:
    events: History
    before: float  # when the event before the first was
    sizes: Sizes
    single: npt.NDArray[np.int64]  # tokens of one event
    target: npt.NDArray[np.int64]
    known: npt.NDArray[np.float64]
    due: npt.NDArray[np.float64]


def _rows(windows: Sequence[_Window]) -> WindowRows:
    sizes = [w.sizes for w in windows]
    tokens = token_rows(sizes, [np.add.reduceat(w.events.time, np.cumsum(s) - s) / s for w, s in zip(windows, sizes, strict=True)])
    width = tokens.sizes.shape[1]
    owner = np.concatenate([row * width + np.repeat(np.arange(len(s)), s) for row, s in enumerate(sizes)])
    asked = np.concatenate([row * width + w.single[w.target > 0] for row, w in enumerate(windows)])
    events = event_rows([w.events for w in windows], [w.before for w in windows])
    return WindowRows(events, tokens, torch.from_numpy(owner), torch.from_numpy(asked))
