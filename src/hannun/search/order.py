"""The name of a fact and the facts of items go in; a key comes out that puts the items in the order of that fact.

Numbers come before dates, dates before texts; what has no such fact comes last, upwards and downwards alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from hannun import hangul
from hannun.errors import InputError
from hannun.facts import Scalar, moment, values

DEPTH = 1000  # the best so many of a query are put in the order of a fact, as far as they fit

Row = TypeVar("Row")


@dataclass(frozen=True)
class Order:
    """By which fact, and whether the greatest comes first."""

    field: str
    descending: bool = False

    @classmethod
    def of(cls, written: str) -> Self:
        """`price`, or `-price` for the greatest first. Raises InputError for anything else."""
        name = written.strip() if isinstance(written, str) else ""
        field = name.removeprefix("-").strip()
        if not field:
            raise InputError(f"sort={written!r} came, expected the name of a fact, such as price, or -price for the greatest first")
        return cls(hangul.normalise(field), name.startswith("-"))

    def told(self, id: str, facts: Mapping[str, Any]) -> Scalar | None:
        """What an item is ordered by; of a list its least value, or its greatest where that comes first. None where it has none."""
        found = [id] if self.field == "id" else values(facts, self.field)
        return (max if self.descending else min)(found, key=_place) if found else None

    def sort(self, rows: Sequence[Row], by: Callable[[Row], Scalar | None]) -> list[Row]:
        """The rows in this order; those that are equal stay in the order they came in."""
        having = [(v, r) for r in rows if (v := by(r)) is not None]
        having.sort(key=lambda each: _place(each[0]), reverse=self.descending)
        return [r for _, r in having] + [r for r in rows if by(r) is None]


def _place(value: Scalar) -> tuple[int, float, str]:
    if isinstance(value, str):
        at = moment(value)
        return (2, 0.0, value) if at is None else (1, float(at), "")
    return (0, float(value), "")
