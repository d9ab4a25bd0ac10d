"""What every annotator does: items go in, for each its findings come out, in the order of the annotator's keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hannun.item import Item


@dataclass(frozen=True)
class Finding:
    """One fact about an item: its name, its value (None: unknown), and how probable the value is, 0 … 1.

    `words` are what else it is called: they go into the words that a collection is searched by, beside the value itself.
    """

    key: str
    value: str | None
    score: float
    words: tuple[str, ...] = ()


class Annotator(Protocol):
    """Finds facts about items; `tests/contracts/test_annotators.py` is its contract.

    The same item gives the same findings, whatever stands beside it. An item that it cannot look at (no picture, or an unreadable one) has
    none. A finding below the annotator's threshold is unknown: its value is None and its score that of the likeliest value.
    """

    @property
    def name(self) -> str:
        """What a user calls it."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the same item could get other findings: weights, schema, prompts, thresholds."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the facts that it finds."""
        ...

    def annotate(self, items: Sequence[Item]) -> list[tuple[Finding, ...]]:
        """The findings of each item."""
        ...
