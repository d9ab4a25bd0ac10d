"""A Suite: a name, what it measures, what it reads, and the function from a Harness to figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hannun.errors import InputError, MissingError
from hannun.evaluate.figure import Figure
from hannun.evaluate.harness import Harness


@dataclass(frozen=True)
class Measured:
    """What a suite found: figures, and whatever its plots are drawn from (JSON values by name)."""

    figures: list[Figure]
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Suite:
    """One benchmark. `needs` are paths below the data folder, `source` says where they come from.

    `no_rows` says why none of its rows can be told by a text or a picture that a model was trained on; empty where they can.
    """

    name: str
    about: str
    measure: Callable[[Harness], Measured]
    needs: tuple[str, ...] = ()
    source: str = ""
    pictures: bool = True  # whether the encoder must take pictures
    no_rows: str = ""

    def run(self, harness: Harness) -> Measured:
        """Its figures. Raises MissingError where data is not there, InputError where the set or the encoder does not fit."""
        missing = [n for n in self.needs if not (harness.data / n).exists()]
        if missing:
            lacks = ", ".join(str(harness.data / n) for n in missing)
            raise MissingError(f"{self.name}: {lacks} not there, so it is skipped ({self.about}); get it from {self.source} or give --data")
        if self.pictures and not harness.sees:
            raise InputError(
                f"{self.name}: needs an encoder that takes pictures, and {harness.encoder.name!r} reads text only; it is skipped"
            )
        measured = self.measure(harness)
        if not measured.figures:
            raise InputError(f"{self.name}: nothing to measure there; an empty suite is an error, not a zero")
        return measured
