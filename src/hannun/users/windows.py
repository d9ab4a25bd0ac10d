"""A log goes in; what was before, between and after two moments comes out, the same two for all users, and what leaks is found.

One moment for all users, not each user's last event: else a model that learns from one user's March is asked about another one's February.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from hannun.errors import InputError
from hannun.sources.logs import BehaviourLog


@final
@dataclass(frozen=True, eq=False)
class LogWindows:
    """`train` until the first moment, `dev` until the second, `test` after it; `moments` in seconds from 1970."""

    train: BehaviourLog
    dev: BehaviourLog
    test: BehaviourLog
    moments: tuple[float, float]


def windows(log: BehaviourLog, shares: tuple[float, float] = (0.8, 0.9)) -> LogWindows:
    """The log cut where these shares of all events lie before. Events of equal time lie on one side. Raises InputError."""
    if not 0 < shares[0] <= shares[1] <= 1:
        raise InputError(f"shares={shares} came, expected two rising ones between 0 and 1")
    first, second = (float(np.quantile(log.time, s, method="lower")) for s in shares)
    parts = log.time <= first, (log.time > first) & (log.time <= second), log.time > second
    train, dev, test = (log.only(p) for p in parts)
    return LogWindows(train, dev, test, (first, second))


def leaks(cut: LogWindows) -> list[str]:
    """What of the future lies in the past: events on the wrong side of a moment, and events that stand on both sides. Empty where clean."""
    first, second = cut.moments
    early = [("dev", _before(cut.dev, first)), ("test", _before(cut.test, second))]
    found = [*_beyond(cut.train, first, "train", "the first moment"), *_beyond(cut.dev, second, "dev", "the second moment")]
    found += [f"{count} events of {name} lie before it begins" for name, count in early if count]
    for name, log in (("dev", cut.dev), ("test", cut.test)):
        both = len(np.intersect1d(_rows(cut.train), _rows(log)))
        found += [f"{both} events stand both in train and in {name}"] if both else []
    return found


def unseen(history: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> list[str]:
    """Whether examples know their future: the time of the last event of each history, and of what it is to predict. Empty where clean."""
    wrong = int((history > target).sum())
    return [f"{wrong} of {len(target)} examples have a history that ends after what they are to predict"] if wrong else []


def _beyond(log: BehaviourLog, moment: float, name: str, called: str) -> list[str]:
    wrong = int((log.time > moment).sum())
    return [f"{wrong} events of {name} lie after {called}"] if wrong else []


def _before(log: BehaviourLog, moment: float) -> int:
    return int((log.time <= moment).sum())


def _rows(log: BehaviourLog) -> npt.NDArray[np.void]:
    kind = [("user", np.int32), ("item", np.int32), ("time", np.float64)]
    made = np.empty(len(log), kind)
    made["user"], made["item"], made["time"] = log.user, log.item, log.time
    return made
