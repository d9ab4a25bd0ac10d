"""A log and a model's names go in; the histories of its users, as the network reads them, come out, and what of them it does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from hannun.models.sequence.history import History, prices
from hannun.models.sequence.network import LogNames
from hannun.sources.logs import BehaviourLog

LEAST = 5  # events of an action, surface or region that gets an embedding of its own


@final
@dataclass(frozen=True, eq=False)
class Histories:
    """All users' events end to end, where each user's begin ([users + 1]), and the users' ids. `said`: what is not known, a line each."""

    events: History
    starts: npt.NDArray[np.int64]
    users: tuple[str, ...]
    said: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.users)

    def of(self, user: int) -> History:
        """One user's."""
        return self.events.part(slice(int(self.starts[user]), int(self.starts[user + 1])))


def names_of(log: BehaviourLog) -> LogNames:
    """What is to be known of a log: the items that it has events of, and actions, surfaces and regions that LEAST events have."""
    there = np.unique(log.item)
    found: dict[str, tuple[str, ...]] = {}
    for name, numbers in log.named.items():
        counts = np.bincount(numbers[numbers >= 0], minlength=len(log.names[name]))
        found[name] = tuple(n for n, c in zip(log.names[name], counts, strict=True) if c >= LEAST)
    return LogNames(tuple(log.items[n] for n in there), found.get("action", ()), found.get("surface", ()), found.get("region", ()))


def histories(log: BehaviourLog, known: LogNames) -> Histories:
    """The log's users, their items as rows of the table of known items."""
    said: list[str] = []
    rows = {name: n for n, name in enumerate(known.items, start=1)}
    table = np.array([rows.get(name, 0) for name in log.items] or [0], np.int64)
    item = table[log.item] if len(log) else np.zeros(0, np.int64)
    _tell(said, item == 0, "of items that the model does not know: their action and time count alone")
    action, surface, region = (
        _numbers(log, name, words, said)
        for name, words in (("action", known.actions), ("surface", known.surfaces), ("region", known.regions))
    )
    price = np.zeros(len(log), np.int64) if log.value is None else prices(log.value)
    return Histories(History(item, action, surface, region, price, log.time), log.starts, log.users, tuple(said))


def _numbers(log: BehaviourLog, name: str, words: Sequence[str], said: list[str]) -> npt.NDArray[np.int64]:
    if name not in log.named:
        return np.zeros(len(log), np.int64)
    rows = {word: n for n, word in enumerate(words, start=1)}
    table = np.array([*(rows.get(word, 0) for word in log.names[name]), 0], np.int64)
    strange = [word for word, n in zip(log.names[name], table, strict=False) if not n]
    made = table[log.named[name]]
    if words and strange:
        _tell(said, (made == 0) & (log.named[name] >= 0), f"of an unknown {name} ({', '.join(strange[:5])}): it counts as none")
    return made


def _tell(said: list[str], which: npt.NDArray[np.bool_], words: str) -> None:
    if count := int(which.sum()):
        said.append(f"{count:,} events are {words}")
