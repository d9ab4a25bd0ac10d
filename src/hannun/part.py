"""What every part of an item can do, whatever kind of content it is; and the one hash of parts that is stored, cached and compared."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from operator import methodcaller
from typing import ClassVar, Self


class AnyPart(ABC):
    """One piece of content of one kind. The kinds that there are stand in `hannun.item.KINDS`.

    `kind` is its name: the key of a row that holds it, of its vector, of its weight and of its cosine in an explanation.
    """

    kind: ClassVar[str]

    @classmethod
    @abstractmethod
    def of(cls, value: object) -> tuple[Self, ...]:
        """The parts in the value that a row has under the kind's name; none where it is empty. Raises InputError."""

    @classmethod
    def reads(cls, value: object) -> bool:
        """Whether a row's value under the kind's name is content. What is not stays a fact of that name."""
        return True

    @classmethod
    @abstractmethod
    def plain(cls, side: int) -> Self:
        """The plainest part of this kind, which every encoder that takes the kind can encode; `side` is the encoder's, in pixels."""

    @abstractmethod
    def data(self) -> bytes:
        """Its content as bytes, wherever it lies: what stored hashes are made of."""

    def key(self) -> bytes:
        """What tells it apart within one process, where that is cheaper than `data`."""
        return self.data()

    def place(self) -> bytes:
        """What tells it apart without reading anything: for what lies on a disk its place."""
        return self.key()

    def digest(self) -> str:
        """The hash of this part alone."""
        return digest([self])


DATA: Callable[[AnyPart], bytes] = methodcaller("data")
KEY: Callable[[AnyPart], bytes] = methodcaller("key")
PLACE: Callable[[AnyPart], bytes] = methodcaller("place")


def digest(parts: Iterable[AnyPart], said: Callable[[AnyPart], bytes] = DATA, more: bytes = b"") -> str:
    """128 bits of BLAKE2b over "Kind:length:bytes" of each part and `more`, as hex: equal parts in equal order, equal hash.

    `said` gives the bytes of a part: DATA for what is stored, KEY or PLACE for what is compared within one run.
    """
    h = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = said(part)
        h.update(f"{part.kind.capitalize()}:{len(data)}:".encode())
        h.update(data)
    h.update(more)
    return h.hexdigest()
