"""The number of a user's events goes in; which stand alone and which are merged into buckets comes out, so that cost hardly grows.

The last RECENT events stand alone. Older ones are merged by BASE, those still older by BASE², …, each level keeping about KEPT buckets
(an exponential histogram: Datar et al. 2002). So 100 events make 73 tokens and 10,000 make 106. Which events a bucket holds follows from
their number alone, and buckets only ever join: what is kept of yesterday and today's events give the same tokens as the whole history.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
import numpy.typing as npt

RECENT, KEPT, BASE = 64, 8, 4

Sizes = npt.NDArray[np.int64]


@lru_cache(maxsize=65_536)
def _cover(events: int, recent: int, kept: int) -> tuple[int, ...]:
    sizes: list[int] = []
    width, keep, left = 1, recent, events
    while left:
        merged = BASE * max(0, (left - keep) // BASE)
        sizes = [width] * (left - merged) + sizes
        width, keep, left = width * BASE, kept, merged // BASE
    return tuple(sizes)


def cover(events: int, recent: int = RECENT, kept: int = KEPT) -> Sizes:
    """How many events each token holds, oldest first; they sum to `events`."""
    return np.array(_cover(events, recent, kept), np.int64)


@final
@dataclass(frozen=True, eq=False)
class MergedHistory:
    """What is kept of a user's `events` so far: for each token of their cover the sum of its events' vectors and of their times.

    `sums` float32 [t, d]; `times` float64 [t], seconds; `last` the time of the last event.
    """

    events: int
    sums: npt.NDArray[np.float32]
    times: npt.NDArray[np.float64]
    last: float

    @staticmethod
    def none(dim: int) -> MergedHistory:
        """Of a user who has done nothing yet."""
        return MergedHistory(0, np.zeros((0, dim), np.float32), np.zeros(0), float("nan"))

    def grown(self, sums: npt.NDArray[np.float32], times: npt.NDArray[np.float64], places: Places) -> MergedHistory:
        """With further events after it: `sums` [t, d] of their vectors by the token they fall into, their times [n] in order.

        Equal, to rounding, to what all events at once give.
        """
        count, cells = self.events + len(times), len(places.sizes)
        whole = sums.copy()
        np.add.at(whole, places.old, self.sums)
        when = np.zeros(cells) + np.bincount(places.new, times, cells) + np.bincount(places.old, self.times, cells)
        return MergedHistory(count, whole, when, float(times[-1]))


@final
@dataclass(frozen=True, eq=False)
class Places:
    """The tokens of a history that has grown: how many events each holds, and which one the former tokens and the new events fall into."""

    sizes: Sizes
    old: Sizes
    new: Sizes

    @staticmethod
    def of(before: int, new: int, recent: int = RECENT, kept: int = KEPT) -> Places:
        """Of `new` events after the `before` first ones."""
        sizes, former = cover(before + new, recent, kept), cover(before, recent, kept)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        return Places(sizes, owner[np.cumsum(former) - former], owner[before:])
