"""How to rank, as it is asked for, goes in; Options, every value within its range, come out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from hannun.errors import InputError
from hannun.index.engine import All, Condition
from hannun.item import Item
from hannun.search import diversify
from hannun.search.order import Order
from hannun.search.where import parse_where

MAX_LIMIT = 10_000

SHARE = 0.3  # of words where a collection has texts: chosen on KorQuAD, ParaKQC and KLUE-STS together (docs/search.md)

#: How much the parts of an item count, by kind (one left out counts 0); for two kinds also as a pair, in their declared order.
Weights = Mapping[str, float] | tuple[float, float]
Fusion = Literal["scores", "ranks"]
Share = float | Literal["auto"]
Rerank = Literal["tokens"] | Callable[[Item, Sequence[Item]], Sequence[float]]


@dataclass(frozen=True)
class Options:
    """How to rank; see `hannun.collection.Collection.search` for each. Raises InputError for a value out of range."""

    mix: float = 0.5
    weights: Weights | None = None
    words: Share = "auto"
    fusion: Fusion = "scores"
    where: str | None = None
    limit: int = 10
    offset: int = 0
    group_by: str | None = None
    dim: int | None = None
    rerank: Rerank | None = None
    diversity: float = 0.0
    shuffle: int = 0
    explain: bool = False
    floor: float = 0.0
    sort: str | None = None
    last: str | None = None

    def __post_init__(self) -> None:
        _whole("limit", self.limit, 1, MAX_LIMIT)
        _whole("offset", self.offset, 0, MAX_LIMIT)
        _whole("shuffle", self.shuffle, 0, diversify.DEPTH)
        _share("mix", self.mix, "only the query's picture", "only its words")
        if self.words != "auto":
            _share("words", self.words, "meaning and looks alone", "words alone")
        _share("floor", self.floor, "everything", "only what has every word of the query")
        _share("diversity", self.diversity, "pure relevance", "as varied as can be")
        if self.fusion not in ("scores", "ranks"):
            raise InputError(f"fusion={self.fusion!r} came, expected 'scores' or 'ranks'")
        if self.rerank is not None and self.rerank != "tokens" and not callable(self.rerank):
            raise InputError(f"rerank={self.rerank!r} came, expected 'tokens' or a function of (query, items) that gives scores")
        if self.group_by is not None and not (isinstance(self.group_by, str) and self.group_by.strip()):
            raise InputError(f"group_by={self.group_by!r} came, expected the name of a fact")
        if self.order is not None:
            for name in ("rerank", "diversity", "shuffle"):
                if getattr(self, name):
                    raise InputError(f"sort={self.sort!r} and {name} came, and each says the order; leave one of them out")

    def part_weights(self, kinds: Sequence[str]) -> dict[str, float]:
        """The weights of an item's parts by kind, of each of the declared `kinds`, made to sum to 1. Raises InputError that names these."""
        given = self.weights
        if given is None:
            return dict.fromkeys(kinds, 1 / len(kinds))
        expected = f"expected a number for some of {', '.join(kinds)}, such as {_example(kinds)}"
        if isinstance(given, Mapping):
            if unknown := [k for k in given if k not in kinds]:
                raise InputError(f"weights={dict(given)} came with {unknown[0]!r}, {expected}")
            numbers: list[Any] = [given.get(k, 0.0) for k in kinds]
        elif isinstance(given, Sequence) and not isinstance(given, str) and len(given) == len(kinds) == 2:
            numbers = list(given)
        else:
            raise InputError(f"weights={given!r} came, {expected}" + (f", or two numbers: {', '.join(kinds)}" if len(kinds) == 2 else ""))
        if not all(isinstance(w, int | float) and math.isfinite(w) and w >= 0 for w in numbers) or not sum(numbers):
            raise InputError(f"weights={given!r} came, expected numbers ≥ 0, not all 0, for {', '.join(kinds)}")
        return {k: w / sum(numbers) for k, w in zip(kinds, numbers, strict=True)}

    @cached_property
    def condition(self) -> Condition | None:
        """The parsed `where`."""
        return None if self.where is None else parse_where(self.where)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions that `where` is made of: each of them must hold."""
        c = self.condition
        return () if c is None else c.conditions if isinstance(c, All) else (c,)

    @cached_property
    def order(self) -> Order | None:
        """The parsed `sort`."""
        return None if self.sort is None else Order.of(self.sort)

    @cached_property
    def behind(self) -> Condition | None:
        """The parsed `last`."""
        return None if self.last is None else parse_where(self.last)


def read_weights(text: str) -> Weights:
    """Weights as they are written on a command line: `text=0.7,image=0.3`, or `0.7,0.3`. Raises InputError."""
    written = [w.rpartition("=") for w in text.split(",")]
    try:
        numbers = [float(number) for _, _, number in written]
    except ValueError:
        numbers = []
    names = [name.strip() for name, _, _ in written]
    if numbers and all(names) and len(set(names)) == len(names):
        return dict(zip(names, numbers, strict=True))
    if len(numbers) == 2 and not any(names):
        return numbers[0], numbers[1]
    raise InputError(f"--weights {text!r} came, expected a number for some kinds, such as text=0.7,image=0.3 (for two kinds also 0.7,0.3)")


def _example(kinds: Sequence[str]) -> str:
    return "{" + ", ".join(f'"{k}": {1 / len(kinds):.1f}' for k in kinds) + "}"


def _whole(name: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{name}={value!r} came, expected a whole number {low}…{high:,}")


def _share(name: str, value: float, zero: str, one: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"{name}={value!r} came, expected 0 ({zero}) … 1 ({one})")
