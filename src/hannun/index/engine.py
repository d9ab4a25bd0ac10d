"""The Engine protocol and what passes through it: Points and Plans go in, Matches come out; this file holds no engine.

A Plan says what to rank by and which points may appear. It is plain data, so that the same plan compiles to any engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from hannun.embeddings import Floats

Scalar = str | int | float | bool


@dataclass(frozen=True)
class Compare:
    """`field op value`, op one of = < <= > >=; on a list of values, true when any of them fits."""

    field: str
    op: str
    value: Scalar


@dataclass(frozen=True)
class Among:
    """`field in (values)`."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Not:
    """Everything the condition does not hold for, points without the field too."""

    condition: Condition


@dataclass(frozen=True)
class All:
    """Every condition holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Any_:
    """At least one condition holds."""

    conditions: tuple[Condition, ...]


Condition = Compare | Among | Not | All | Any_


@dataclass(frozen=True)
class Point:
    """One stored thing: a text id, named vectors (unit float32 [dim]; a missing part has none), and a JSON payload."""

    id: str
    vectors: Mapping[str, Floats]
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """Rank by the cosine of `query` [dim] with the weighted average of a point's vectors.

    `weights` names the vectors that count and how much. For a point that has only some of them, those alone count. The
    exact cosine cos(q, normalise(Σ w·v)) is computed from q·v of each part and the stored `agreement` (t·i). `gains`
    multiplies it by what counts of a point ("text", "image", "text+image"), so that kinds of points rank fairly together.
    The `candidates` nearest by each part are united, each is rescored by every part, and the formula orders them.
    """

    query: Floats
    weights: Mapping[str, float]
    gains: Mapping[str, float]
    where: Condition | None = None
    limit: int = 10
    offset: int = 0
    candidates: int = 100


@dataclass(frozen=True)
class Match:
    """A point's payload and its score in a plan."""

    score: float
    payload: Mapping[str, Any]


#: Payload keys that the formula reads: 1 where a point has that vector, and the cosine between its text and its picture.
HAS_TEXT, HAS_IMAGE, AGREEMENT = "_t", "_i", "_ti"


@runtime_checkable
class Engine(Protocol):
    """Stores points by text id. `tests/contracts/engines.py` is the contract of every implementation.

    An update that has returned survives the death of the process. Every method raises StorageError when the disk is
    full, read-only or damaged.
    """

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert the points; one whose id is there replaces it whole."""
        ...

    def delete(self, ids: Sequence[str]) -> None:
        """Remove the points with these ids; unknown ids are no error."""
        ...

    def get(self, ids: Sequence[str], fields: Sequence[str] | None = None) -> dict[str, Mapping[str, Any]]:
        """The payloads (or only the named fields of them) by id, for those ids that are there."""
        ...

    def vectors(self, ids: Sequence[str]) -> dict[str, Mapping[str, Floats]]:
        """The stored vectors by id, for those ids that are there."""
        ...

    def query(self, plan: Plan) -> list[Match]:
        """The best `limit` points after `offset`, best first."""
        ...

    def scan(self, fields: Sequence[str], where: Condition | None = None) -> Iterator[Mapping[str, Any]]:
        """Every point's payload, only the named fields of it, in no stated order."""
        ...

    def count(self, where: Condition | None = None) -> int:
        """How many points there are, exactly."""
        ...

    def optimise(self) -> None:
        """Build the indexes that make queries fast; may take long, changes no result beyond approximation."""
        ...

    def flush(self) -> None:
        """Everything written is on the disk when this returns."""
        ...

    def close(self) -> None:
        """Flush and release the files; the engine cannot be used afterwards."""
        ...
