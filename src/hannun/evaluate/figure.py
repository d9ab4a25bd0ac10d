"""Outcomes, one for each query, go in; one figure of a table with its interval comes out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from hannun import metrics
from hannun.errors import InputError
from hannun.metrics import Array, Ints

Kind = Literal["mean", "spearman", "macro_f1", "value"]


@dataclass(frozen=True, eq=False)
class Figure:
    """One line of a table.

    `outcomes` are what is drawn again for an interval: one value for each query [n] ("mean"), or two columns [n, 2]: cosine and
    gold score ("spearman"), true and guessed class ("macro_f1"). A "value" is a measured number [1] that is no mean of anything
    and has no interval. `groups` [n] names what varies by itself where queries do not (the picture of a caption, the person of a
    window). `lower` marks figures that are better when smaller.
    """

    name: str
    outcomes: Array
    kind: Kind = "mean"
    groups: Ints | None = None
    note: str = ""
    lower: bool = False

    def __post_init__(self) -> None:
        columns = {"mean": 1, "value": 1, "spearman": 2, "macro_f1": 2}[self.kind]
        if self.outcomes.ndim != columns or (columns == 2 and self.outcomes.shape[1] != 2):
            raise InputError(f"{self.name}: outcomes of shape {self.outcomes.shape} came, expected [n] or, for two columns, [n, 2]")
        if not len(self.outcomes):
            raise InputError(f"{self.name}: there is nothing to measure; an empty set has no figure, not the figure 0")
        if not np.isfinite(self.outcomes).all():
            raise InputError(f"{self.name}: outcomes hold values that are NaN or infinite; the encoder or the suite is broken")
        if self.groups is not None and self.groups.shape != (len(self.outcomes),):
            raise InputError(f"{self.name}: {self.groups.shape} groups came for {len(self.outcomes)} outcomes")

    @property
    def value(self) -> float:
        """The figure itself."""
        return self.statistic(self.outcomes)

    def statistic(self, outcomes: Array) -> float:
        """The figure of other outcomes of the same kind; NaN where they have none (all equal: no order)."""
        if self.kind in ("mean", "value"):
            return float(outcomes.mean())
        first, second = outcomes[:, 0], outcomes[:, 1]
        if self.kind == "macro_f1":
            return metrics.macro_f1(first, second)
        return metrics.spearman(first, second) if np.ptp(first) and np.ptp(second) else float("nan")

    def interval(self, rounds: int = 1000, seed: int = 0) -> tuple[float, float] | None:
        """Its 95 % bootstrap interval over queries or groups; None for a plain value."""
        if self.kind == "value":
            return None
        return metrics.bootstrap(self.outcomes, statistic=self.statistic, rounds=rounds, seed=seed, groups=self.groups)


def value(name: str, number: float, note: str = "", lower: bool = False) -> Figure:
    """A measured number that is no mean of queries."""
    return Figure(name, np.array([number], np.float64), "value", note=note, lower=lower)


def hits(name: str, ranks: Ints, ks: tuple[int, ...] = (1, 5, 10), groups: Ints | None = None, note: str = "") -> list[Figure]:
    """R@k for every k, from the rank of each query's one right answer."""
    return [Figure(f"{name} R@{k}", (ranks <= k).astype(np.float64), groups=groups, note=note) for k in ks]


def gains(name: str, ranks: Ints, k: int = 10, groups: Ints | None = None, note: str = "") -> Figure:
    """nDCG@k where each query has one right answer: 1 / log2(1 + rank) within the first k."""
    return Figure(f"{name} nDCG@{k}", np.where(ranks <= k, 1 / np.log2(1.0 + ranks), 0.0), groups=groups, note=note)


def labels(name: str, truth: npt.ArrayLike, guess: npt.ArrayLike, groups: Ints | None = None, note: str = "") -> list[Figure]:
    """Accuracy and macro-F1 of guessed classes (whole numbers)."""
    t, g = np.asarray(truth, dtype=np.float64), np.asarray(guess, dtype=np.float64)
    both = Figure(f"{name} macro-F1", np.stack([t, g], axis=1), "macro_f1", groups, note)
    return [Figure(f"{name} accuracy", (t == g).astype(np.float64), groups=groups, note=note), both]


def prefixed(prefix: str, figures: list[Figure]) -> list[Figure]:
    """The same figures under longer names."""
    return [replace(f, name=f"{prefix} {f.name}") for f in figures]
