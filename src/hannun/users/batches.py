"""Histories go in; batches of windows with what came after each of their events come out, a function of the seed and their number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hannun.errors import HannunError, InputError
from hannun.models.sequence.cover import cover
from hannun.models.sequence.history import event_rows, token_rows
from hannun.models.sequence.network import EventRows, TokenRows
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
class WindowBatch:
    """`owner` [e] is the token of each event, counted over all rows of `tokens`; `asked` [n] the tokens that predict, `target` [n] what.

    `known` [n] is when the last event was that the token knows, `due` [n] when the target was.
    """

    events: EventRows
    tokens: TokenRows
    owner: Tensor
    asked: Tensor
    target: Tensor
    known: npt.NDArray[np.float64]
    due: npt.NDArray[np.float64]


@final
class WindowBatches:
    """A stream of batches of windows. Raises InputError where no user has two events."""

    def __init__(self, histories: Histories, sampling: Sampling) -> None:
        self.histories, self.sampling, self.number = histories, sampling, 0
        self.eligible = np.flatnonzero(np.diff(histories.starts) >= 2)
        if not len(self.eligible):
            raise InputError("no user has two events, expected some with a past and a future; give a longer log")
        self.popular = np.bincount(histories.events.item)  # by row of the item table

    def __str__(self) -> str:
        return f"{self.number}"

    def state(self) -> dict[str, Any]:
        """The number of the next batch."""
        return {"number": self.number}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.number = int(state["number"])

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
        """A window of each of these users."""
        s, parts, sizes, times = self.sampling, [], [], []
        owner, asked, target, known, due, before = [], [], [], [], [], []
        events = self.histories.events
        for row, user in enumerate(users):
            begin, end = int(self.histories.starts[user]), int(self.histories.starts[user + 1])
            last = end - 1  # events before it are read
            if end - begin - 1 > s.recent:
                last = begin + int(rng.integers(s.recent // 2, end - begin))
            first = max(begin, last - s.reach)
            made = cover(last - first, s.recent, s.kept)
            part = events.part(slice(first, last))
            parts.append(part)
            before.append(float(events.time[first - 1]) if first > begin else float("nan"))
            sizes.append(made)
            times.append(np.add.reduceat(part.time, np.cumsum(made) - made) / made)
            tokens = np.arange(len(made))
            owner.append((row, np.repeat(tokens, made)))
            single = tokens[made == 1]
            at = first + np.cumsum(made)[single] - 1
            after = np.minimum(at + rng.integers(1, s.future + 1, len(at)), end - 1)
            asked.append((row, single))
            target.append(events.item[after])
            known.append(events.time[at])
            due.append(events.time[after])
        rows = token_rows(sizes, times)
        width = rows.sizes.shape[1]
        wanted = np.concatenate(target)
        usable = wanted > 0
        return WindowBatch(
            event_rows(parts, before),
            rows,
            torch.from_numpy(np.concatenate([r * width + o for r, o in owner])),
            torch.from_numpy(np.concatenate([r * width + a for r, a in asked])[usable]),
            torch.from_numpy(wanted[usable]),
            np.concatenate(known)[usable],
            np.concatenate(due)[usable],
        )
