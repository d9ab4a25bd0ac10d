"""Pairs go in as they are trained on; the hashes of their texts and pictures, each worked out once, come out."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Protocol, final, runtime_checkable

from hannun.item import Item, Pair
from hannun.part import PLACE, digest
from hannun.seen import Seen, hashes

_LOOSE = 2**18  # numbers in a set before they are packed: a set takes ten times the room


@runtime_checkable
class Recording(Protocol):
    """A source of batches that keeps a record of them."""

    @property
    def record(self) -> TrainingRecord:
        """What has been trained on so far."""
        ...


@final
class _Packed:
    """A growing set of 8-byte numbers, most of them packed."""

    def __init__(self) -> None:
        self._loose: set[int] = set()
        self._packed = Seen()

    def __contains__(self, value: int) -> bool:
        return value in self._loose or self._packed.holds(value)

    def add(self, values: Iterable[int]) -> None:
        self._loose.update(values)
        if len(self._loose) >= _LOOSE:
            self.all()

    def all(self) -> Seen:
        self._packed, self._loose = self._packed | Seen(self._loose), set()
        return self._packed


@final
class TrainingRecord:
    """What a training has seen. A picture is looked at once, however often it comes."""

    def __init__(self) -> None:
        self._places, self._hashes = _Packed(), _Packed()

    def add(self, pairs: Iterable[Pair]) -> None:
        """Note queries, positives and hard negatives."""
        for pair in pairs:
            for it in (pair.query, pair.positive, *pair.negatives):
                place = _place(it)
                if place not in self._places:
                    self._places.add([place])
                    self._hashes.add(hashes([it]))

    def take(self, seen: Seen) -> None:
        """Note what an earlier part of the training has seen."""
        self._hashes.add(seen.values.tolist())

    def seen(self) -> Seen:
        """All of it."""
        return self._hashes.all()


def _place(it: Item) -> int:
    return int.from_bytes(blake2b(digest(it.parts, PLACE).encode(), digest_size=8).digest(), "big")
