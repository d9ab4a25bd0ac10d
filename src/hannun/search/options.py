"""How to rank, as it is asked for, goes in; Options, every value within its range, come out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from hannun.errors import InputError
from hannun.index.engine import Condition
from hannun.item import Item
from hannun.search import diversify
from hannun.search.where import parse_where

MAX_LIMIT = 10_000

SHARE = 0.3  # of words where a collection has texts: chosen on KorQuAD, ParaKQC and KLUE-STS together (docs/search.md)

Fusion = Literal["scores", "ranks"]
Share = float | Literal["auto"]
Rerank = Literal["tokens"] | Callable[[Item, Sequence[Item]], Sequence[float]]


@dataclass(frozen=True)
class Options:
    """How to rank; see `hannun.collection.Collection.search` for each. Raises InputError for a value out of range."""

    mix: float = 0.5
    weights: tuple[float, float] | None = None
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
        if self.weights is not None:
            _ = self.part_weights
        if self.rerank is not None and self.rerank != "tokens" and not callable(self.rerank):
            raise InputError(f"rerank={self.rerank!r} came, expected 'tokens' or a function of (query, items) that gives scores")
        if self.group_by is not None and not (isinstance(self.group_by, str) and self.group_by.strip()):
            raise InputError(f"group_by={self.group_by!r} came, expected the name of a fact")

    @cached_property
    def part_weights(self) -> dict[str, float]:
        """The weights of an item's text and picture, made to sum to 1."""
        given = self.weights if self.weights is not None else (0.5, 0.5)
        if not isinstance(given, Sequence) or len(given) != 2 or not all(isinstance(w, int | float) for w in given):
            raise InputError(f"weights={given!r} came, expected two numbers: (item's text, item's picture)")
        wt, wi = given
        if not (math.isfinite(wt) and math.isfinite(wi) and wt >= 0 and wi >= 0 and wt + wi > 0):
            raise InputError(f"weights=({wt}, {wi}) came, expected two numbers ≥ 0, not both 0: (item's text, item's picture)")
        return {"text": wt / (wt + wi), "image": wi / (wt + wi)}

    @cached_property
    def condition(self) -> Condition | None:
        """The parsed `where`."""
        return None if self.where is None else parse_where(self.where)


def _whole(name: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{name}={value!r} came, expected a whole number {low}…{high:,}")


def _share(name: str, value: float, zero: str, one: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"{name}={value!r} came, expected 0 ({zero}) … 1 ({one})")
