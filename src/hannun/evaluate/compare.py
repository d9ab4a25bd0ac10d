"""Two or more reports go in; their figures side by side come out, with paired intervals and p-values against the first.

Two reports are compared query by query, so only figures over the same queries of the same data are: a hash of what every suite read
says which. P-values are of the randomisation test and are adjusted for the number of figures in a suite (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hannun import metrics
from hannun.errors import InputError
from hannun.evaluate.figure import Figure
from hannun.evaluate.report import EvalReport, SuiteResult

LEVEL = 0.05
SWAPS = 100  # rounds of the test for each figure of a suite: adjusted, the least p-value is then 0.01


@dataclass(frozen=True)
class Difference:
    """One figure of another model less the first model's: with its interval, p-value, and that adjusted for the suite's figures."""

    suite: str
    name: str
    first: float
    other: float
    difference: float
    low: float
    high: float
    p: float
    adjusted: float
    lower: bool  # whether smaller is better

    @property
    def verdict(self) -> str:
        """ "better", "worse", or "" where chance explains it."""
        if self.adjusted > LEVEL or not self.difference:
            return ""
        return "better" if (self.difference > 0) != self.lower else "worse"


@dataclass(frozen=True)
class Comparison:
    """The models' names, the first one the base, and each other's differences from it; `left_out` says what could not be compared."""

    models: tuple[str, ...]
    rows: tuple[tuple[Difference, ...], ...]
    left_out: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "models": list(self.models),
            "differences": {
                m: [{**vars(d), "verdict": d.verdict} for d in rows] for m, rows in zip(self.models[1:], self.rows, strict=True)
            },
            "left_out": list(self.left_out),
        }


def compare(reports: Sequence[EvalReport], *, rounds: int = 1000, seed: int = 0) -> Comparison:
    """Every report but the first against the first. Raises InputError where nothing can be compared."""
    if len(reports) < 2:
        raise InputError(f"{len(reports)} report came, expected two or more to compare")
    base = reports[0]
    names = _names(reports)
    left_out: list[str] = []
    rows = []
    for name, other in zip(names[1:], reports[1:], strict=True):
        found: list[Difference] = []
        for suite, pairs in _pairs(base, other, name, left_out).items():
            tests = [
                metrics.paired(
                    b.outcomes,
                    a.outcomes,
                    statistic=None if a.kind == "mean" else a.statistic,
                    rounds=rounds,
                    seed=seed,
                    groups=a.groups,
                    swaps=max(rounds, SWAPS * len(pairs)),
                )
                for a, b in pairs
            ]
            adjusted = metrics.holm([t[-1] for t in tests])
            found += [
                Difference(suite, a.name, a.value, b.value, *t, float(h), a.lower)
                for (a, b), t, h in zip(pairs, tests, adjusted, strict=True)
            ]
        rows.append(tuple(found))
    if not any(rows):
        raise InputError(f"{', '.join(names)}: no figure over the same queries of the same data; {'; '.join(left_out)[:300]}")
    return Comparison(tuple(names), tuple(rows), tuple(left_out))


def _pairs(base: EvalReport, other: EvalReport, name: str, left_out: list[str]) -> dict[str, list[tuple[Figure, Figure]]]:
    theirs = {r.suite: r for r in other.results}
    found: dict[str, list[tuple[Figure, Figure]]] = {}
    for mine in base.results:
        their = theirs.get(mine.suite)
        if their is None:
            left_out.append(f"{name} has no {mine.suite}")
            continue
        if _data(mine) != _data(their):
            left_out.append(f"{mine.suite} of {name} was measured on other data")
            continue
        by_name = {f.name: f for f in their.figures}
        for f in mine.figures:
            g = by_name.get(f.name)
            if f.kind == "value":
                continue
            if g is None or g.outcomes.shape != f.outcomes.shape or g.kind != f.kind:
                left_out.append(f"{mine.suite}: {f.name} of {name} is not over the same queries")
            else:
                found.setdefault(mine.suite, []).append((f, g))
    return found


def _data(result: SuiteResult) -> dict[str, str]:
    """The hashes of what was read: files, and contents in the order in which they were asked for."""
    return dict(result.data)


def _names(reports: Sequence[EvalReport]) -> list[str]:
    """The models' names, made different by their dims or fingerprints where two are called the same."""
    plain = [str(r.model["name"]) for r in reports]
    dims = [f"{n}@{r.model['dim']}" for n, r in zip(plain, reports, strict=True)]
    prints = [f"{n} ({str(r.model['fingerprint'])[:8]})" for n, r in zip(plain, reports, strict=True)]
    for names in (plain, dims, prints):
        if len(set(names)) == len(names):
            return names
    return [f"{n} [{k}]" for k, n in enumerate(plain, start=1)]
