"""A number goes in and a batch comes out: what streams whose batches each follow from their number have in common, their place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any


class NumberedBatches(ABC):
    """A stream of which batch `number`, counted from 0, is the next; killed, it goes on from the number that was saved."""

    number: int

    @abstractmethod
    def next(self) -> Any:
        """The batch of this number; the number becomes the next one."""

    def state(self) -> dict[str, Any]:
        """The number of the next batch."""
        return {"number": self.number}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.number = int(state["number"])

    def __str__(self) -> str:
        return f"{self.number}"
