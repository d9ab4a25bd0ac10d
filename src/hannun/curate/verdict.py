"""A pair goes in; keep, or drop with a named reason and the figures that decided, comes out.

A Filter is any function Pair → Verdict. Pictures and models are measured before: figures lie in the facts of the pair's two items,
so that a filter needs no device, path or model, and a report can draw its threshold over the figures' histogram.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from hannun.item import Item, Pair, Text


@dataclass(frozen=True)
class Verdict:
    """Keep (no reason), or drop for a reason, with the figures that were looked at."""

    reason: str | None = None
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        """Whether the pair stays."""
        return self.reason is None


KEEP = Verdict()
Filter = Callable[[Pair], Verdict]


def text_of(pair: Pair) -> str:
    """The text that is judged, "" where there is none."""
    parts = pair.query.parts
    return parts[0].value if len(parts) == 1 and type(parts[0]) is Text else pair.query.text or ""


def figure(pair: Pair, name: str) -> float | None:
    """A measured figure of the pair, of its text first, then of its picture; None where nothing was measured."""
    value = pair.query.facts.get(name, pair.positive.facts.get(name))
    return None if value is None else float(value)


def real(pair: Pair) -> Verdict:
    """Drops a picture that says a generator made it: what is trained and measured on is to be the world's."""
    return Verdict("picture_generated") if figure(pair, "generated") else KEEP


@final
@dataclass(frozen=True)
class AtLeast:
    """Keeps figures ≥ `bound`; what was not measured is kept. `source` says where the number comes from."""

    fact: str
    bound: float
    reason: str
    source: str = ""

    def __call__(self, pair: Pair) -> Verdict:
        """Drop a figure under the bound."""
        value = figure(pair, self.fact)
        return KEEP if value is None or value >= self.bound else Verdict(self.reason, {self.fact: value})


@final
@dataclass(frozen=True)
class AtMost:
    """Keeps figures ≤ `bound`; what was not measured is kept."""

    fact: str
    bound: float
    reason: str
    source: str = ""

    def __call__(self, pair: Pair) -> Verdict:
        """Drop a figure over the bound."""
        value = figure(pair, self.fact)
        return KEEP if value is None or value <= self.bound else Verdict(self.reason, {self.fact: value})


@final
@dataclass(frozen=True)
class Below:
    """Keeps figures < `bound`; what was not measured is kept."""

    fact: str
    bound: float
    reason: str
    source: str = ""

    def __call__(self, pair: Pair) -> Verdict:
        """Drop a figure at or over the bound."""
        value = figure(pair, self.fact)
        return KEEP if value is None or value < self.bound else Verdict(self.reason, {self.fact: value})


Bound = AtLeast | AtMost | Below


def judge(pair: Pair, filters: Sequence[Filter]) -> Verdict:
    """The first verdict that drops, or KEEP."""
    for one in filters:
        verdict = one(pair)
        if verdict.reason is not None:
            return verdict
    return KEEP


_NOTHING = Item("", ())


def pair_of(text: str, figures: Mapping[str, float], text_figures: Mapping[str, float] | None = None) -> Pair:
    """A pair for filters: a text and the figures of a picture that is not at hand."""
    query = Item("", (Text(text),), text_figures or {}) if text else _NOTHING
    return Pair(query, Item("", (), figures) if figures else _NOTHING)
