"""Histories as arrays go in; what is kept of each, and the users' unit vectors, come out, in batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hannun.embeddings import Floats, unit
from hannun.models.sequence.cover import MergedHistory, Places, cover
from hannun.models.sequence.network import PRICE_STEPS, PRICES, EventRows, TokenRows, UserNetwork

USERS, CELLS, EVENTS = 256, 1_000_000, 200_000  # users of a batch at most, cells of its attention, events looked up at a time

Numbers = npt.NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class History:
    """What one user did, in the order of time: rows of a table of item vectors, numbers of what is known (0: unknown), seconds."""

    item: Numbers
    action: Numbers
    surface: Numbers
    region: Numbers
    price: Numbers
    time: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time)

    def part(self, which: slice) -> History:
        """Some of the events."""
        return History(self.item[which], self.action[which], self.surface[which], self.region[which], self.price[which], self.time[which])


def prices(amounts: npt.NDArray[np.float64]) -> Numbers:
    """The bucket of each amount by its logarithm, from 1 on, whatever the currency; 0 where it is NaN. A rating is an amount too."""
    there = np.isfinite(amounts)
    made = np.log2(1 + np.abs(np.where(there, amounts, 0.0))) * PRICE_STEPS
    return np.where(there, 1 + made.astype(np.int64).clip(max=PRICES - 1), 0)


def gaps(times: npt.NDArray[np.float64], last: float = float("nan")) -> npt.NDArray[np.float32]:
    """Seconds since the event before, of the first since `last`; -1 where there is none."""
    before = np.concatenate([[last], times[:-1]])
    return np.where(np.isnan(before), -1.0, np.maximum(times - before, 0.0)).astype(np.float32)


def event_rows(histories: Sequence[History], last: Sequence[float]) -> EventRows:
    """The events of several histories end to end; `last` is when the event before the first of each was."""

    def joined(name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([getattr(h, name) for h in histories]))

    gap = torch.from_numpy(np.concatenate([gaps(h.time, before) for h, before in zip(histories, last, strict=True)]))
    return EventRows(joined("item"), joined("action"), joined("surface"), joined("region"), joined("price"), gap)


def token_rows(sizes: Sequence[Numbers], times: Sequence[npt.NDArray[np.float64]]) -> TokenRows:
    """Tokens of several histories, padded; times count from each history's last token."""
    width = max(map(len, sizes))
    made, when = np.zeros((len(sizes), width), np.int64), np.zeros((len(sizes), width), np.float32)
    for n, (s, t) in enumerate(zip(sizes, times, strict=True)):
        made[n, : len(s)] = s
        when[n, : len(s)] = t - t[-1]
    return TokenRows(torch.from_numpy(made), torch.from_numpy(when))


@torch.no_grad()  # type: ignore[untyped-decorator]
def grown(
    network: UserNetwork, table: Tensor, histories: Sequence[History], before: Sequence[MergedHistory] | None = None
) -> list[MergedHistory]:
    """What is kept of each user with these events after it; `before` is what was kept until now (nothing, by default)."""
    kept = list(before or [MergedHistory.none(network.dims[0])] * len(histories))
    for run in _runs([len(h) for h in histories], EVENTS):
        some = [n for n in run if len(histories[n])]
        if not some:
            continue
        places = [Places.of(kept[n].events, len(histories[n]), network.shape.recent, network.shape.kept) for n in some]
        ends = np.cumsum([len(p.sizes) for p in places])
        owner = np.concatenate([p.new + end - len(p.sizes) for p, end in zip(places, ends, strict=True)])
        rows = event_rows([histories[n] for n in some], [kept[n].last for n in some])
        made = network.sums(table, rows, torch.from_numpy(owner), int(ends[-1])).numpy()
        for n, place, sums in zip(some, places, np.split(made, ends[:-1]), strict=True):
            kept[n] = kept[n].grown(sums, histories[n].time, place)
    return kept


@torch.no_grad()  # type: ignore[untyped-decorator]
def vectors(network: UserNetwork, kept: Sequence[MergedHistory]) -> Floats:
    """Unit vectors [n, d] of users; zeros for one without events. Each is the same whatever stands beside it, to rounding."""
    out = np.zeros((len(kept), network.dims[0]), np.float32)
    sizes = [cover(k.events, network.shape.recent, network.shape.kept) for k in kept]
    order = sorted((n for n in range(len(kept)) if kept[n].events), key=lambda n: len(sizes[n]))
    for rows in _runs([len(sizes[n]) ** 2 for n in order], CELLS, USERS):
        some = [order[r] for r in rows]
        tokens = token_rows([sizes[n] for n in some], [kept[n].times / sizes[n] for n in some])
        sums = np.zeros((*tokens.sizes.shape, network.dims[0]), np.float32)
        for row, n in enumerate(some):
            sums[row, : len(sizes[n])] = kept[n].sums
        out[some] = network.users(torch.from_numpy(sums), tokens).numpy()
    return unit(out)


def _runs(costs: Sequence[int], most: int, count: int = 1_000_000) -> Iterator[list[int]]:
    """Positions in runs whose costs sum to `most`, of `count` at most, one at least."""
    run: list[int] = []
    total = 0
    for n, cost in enumerate(costs):
        if run and (total + cost > most or len(run) >= count):
            yield run
            run, total = [], 0
        run.append(n)
        total += cost
    if run:
        yield run
