"""The Engine protocol and what passes through it: Points and requests go in, Matches come out; this file holds no engine.

A request says what to rank by and which points may appear: a Plan (cosine, then token vectors), Words (BM25) or a Listing.
It is plain data, so that the same request compiles to any engine. Lists are fused and grouped above, in pure functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from hannun.checksums import Damage
from hannun.embeddings import Floats
from hannun.facts import Scalar as Scalar


@dataclass(frozen=True)
class Compare:
    """`field op value`, op one of = < <= > >=; on a list of values, true when any of them fits.

    Whole numbers are compared exactly. A text with < <= > >= is an ISO date (with or without a time) or an ISO time of day.
    `meta.size` is a fact of that name, or `size` in the dict `meta`, also in a list of dicts.
    """

    field: str
    op: str
    value: Scalar


@dataclass(frozen=True)
class Among:
    """`field in (values)`."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Contains:
    """`field contains value`: a list has the value among its values; a text has it somewhere in it, case told apart."""

    field: str
    value: Scalar


@dataclass(frozen=True)
class Begins:
    """`field like 'prefix%'`: a text, or one in a list, begins so."""

    field: str
    prefix: str


@dataclass(frozen=True)
class Present:
    """`field is not null`: the point has a value in this field; an empty list is none."""

    field: str


@dataclass(frozen=True)
class Holds:
    """The point's words (or its initials) hold the term."""

    term: str
    initials: bool = False


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


Condition = Compare | Among | Contains | Begins | Present | Holds | Not | All | Any_


@dataclass(frozen=True)
class Layout:
    """What a store keeps of each point, fixed when it is made.

    Attributes:
        parts: the names of its dense vectors: the kinds that an encoder declares, or its one joint vector.
        dims: the length of these, and the declared Matryoshka prefixes of it that a Plan's query may have.
        tokens: the length of token vectors; 0 where there are none. They are kept as float16 and only rescore.
        quantise: what the vectors searched first are compared as. The nearest are always rescored by the whole vectors.
        prefix: one of `dims`, kept apart and searched first (the funnel): the whole vectors then stay on the disk and only
            rescore. 0: the whole vectors are searched.
    """

    parts: tuple[str, ...]
    dims: tuple[int, ...]
    tokens: int = 0
    quantise: Literal["none", "int8", "binary"] = "none"
    prefix: int = 0


@dataclass(frozen=True)
class Point:
    """One stored thing.

    Attributes:
        id: any text.
        vectors: by part, unit float32 [dim]; a missing part has none.
        payload: JSON. Facts to filter by lie in payload["facts"].
        words: the terms of its text, repeated where they are repeated (see `lexical.document`): letters and digits, lower case.
        initials: the initial consonants of its words ("ㅃㄱ"), for queries that are typed so.
        tokens: unit rows [length, token dim], where the layout has them.
    """

    id: str
    vectors: Mapping[str, Floats]
    payload: Mapping[str, Any]
    words: tuple[str, ...] = ()
    initials: tuple[str, ...] = ()
    tokens: Floats | None = None


RISE = 0.98  # of the way to 1: how far the score of a point rises that has a part which is the same as the query


@dataclass(frozen=True)
class Plan:
    """Rank by the cosine of `query` with the weighted average of a point's vectors.

    `query` is a unit vector of one of the layout's dims; a shorter one is compared with the renormalised prefix of the
    stored vectors, exactly. `weights` names the vectors that count and how much. For a point that has only some of them,
    those alone count. The exact cosine cos(q, normalise(Σ w·v)) = Σ w·(q·v) / √(Σ w² + 2 Σ w·w'·(v·v')) is computed from q·v of
    each part and the stored v·v' of each pair. `gains` multiplies it by what counts of a point (the names of its parts in the
    layout's order, joined by "+": "text", "text+image"), so that kinds of points rank fairly together.
    `same`: a cosine with one of the parts from which on a point counts as the same as the query, so that it comes before what is only
    near, of whichever kind: with r = (cos − same)/(1 − same) of each part, 0 below, a score s becomes 1 − (1 − s)·Π(1 − RISE·r),
    so that of two such points the one that is the same as a whole comes first. 1: off.
    The `candidates` nearest by each part are united, each is rescored by every part, and the formula orders them.
    With `tokens` [n, token dim] the `candidates` best of these are ordered anew by MaxSim, and those without token vectors
    fall out. `exact` compares with every point. `fields` names what is wanted of the payloads (None: all). `explain` fills
    `Match.parts`.
    """

    query: Floats
    weights: Mapping[str, float]
    gains: Mapping[str, float]
    where: Condition | None = None
    limit: int = 10
    offset: int = 0
    candidates: int = 100
    tokens: Floats | None = None
    exact: bool = False
    fields: tuple[str, ...] | None = None
    explain: bool = False
    same: float = 1.0


@dataclass(frozen=True)
class Words:
    """Rank by BM25 (k1 = 1.2, b = 0.75) over the points' words, or over their initials; a point needs one of the terms.

    Document frequencies and the average length are those of all points that have words at this moment. `pool`: what is asked for
    are candidates, to be put in order by more than their words; which of equal scores at the end are among them is the engine's choice.
    """

    terms: tuple[str, ...]
    where: Condition | None = None
    limit: int = 10
    offset: int = 0
    initials: bool = False
    fields: tuple[str, ...] | None = None
    explain: bool = False
    pool: bool = False


@dataclass(frozen=True)
class Listing:
    """No ranking: by the number in a fact, points without one last; or by the engine's own ids. Scores are 0."""

    where: Condition | None = None
    limit: int = 10
    offset: int = 0
    order: str | None = None
    descending: bool = False
    fields: tuple[str, ...] | None = None


Request = Plan | Words | Listing


@dataclass(frozen=True)
class Match:
    """A point's payload and its score; equal scores come in the order of ids.

    With `explain`, `parts` holds what the score was made of: for a Plan the cosine of the query with each part, by its name, the
    cosine of each two parts (of a layout of two "agreement", of more by the pair: "text+signal") and "tokens" (MaxSim); for Words the
    share of each term.
    """

    score: float
    payload: Mapping[str, Any]
    parts: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class Engine(Protocol):
    """Stores points by text id. `tests/contracts/engines/` is the contract of every implementation.

    An update that has returned survives the death of the process. Every method raises StorageError when the disk is
    full, read-only or damaged. Methods may be called from several threads.
    """

    @property
    def layout(self) -> Layout:
        """What is kept of each point."""
        ...

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert the points; one whose id is there replaces it whole."""
        ...

    def update(self, points: Sequence[Point]) -> None:
        """Replace payload, words and initials of points that are there; their vectors stay (those given are not looked at)."""
        ...

    def delete(self, ids: Sequence[str]) -> None:
        """Remove the points with these ids; unknown ids are no error."""
        ...

    def delete_where(self, where: Condition) -> int:
        """Remove the points a condition holds for; returns how many there were."""
        ...

    def get(self, ids: Sequence[str], fields: Sequence[str] | None = None) -> dict[str, Mapping[str, Any]]:
        """The payloads (or only the named fields of them) by id, for those ids that are there."""
        ...

    def vectors(self, ids: Sequence[str]) -> dict[str, Mapping[str, Floats]]:
        """The stored vectors by id, for those ids that are there; token vectors under "tokens"."""
        ...

    def shown(self, ids: Sequence[str], parts: Sequence[str]) -> dict[str, tuple[Mapping[str, Any], Mapping[str, Floats]]]:
        """The payload and the vectors of the named parts by id, read together, for those ids that are there."""
        ...

    def points(self, ids: Sequence[str] | None = None) -> Iterator[Point]:
        """Whole points (those with these ids, or all in no stated order), as `upsert` takes them."""
        ...

    def query(self, request: Request) -> list[Match]:
        """The best `limit` points after `offset`, best first."""
        ...

    def facets(self, field: str, where: Condition | None = None, limit: int = 100) -> list[tuple[Scalar, int]]:
        """The values of a fact and how many points have each, most frequent first; a list counts for each of its values."""
        ...

    def scan(self, fields: Sequence[str], where: Condition | None = None) -> Iterator[Mapping[str, Any]]:
        """Every point's payload, only the named fields of it, in no stated order."""
        ...

    def count(self, where: Condition | None = None) -> int:
        """How many points there are, exactly."""
        ...

    def optimise(self) -> None:
        """Build the indexes that make queries fast. Takes long and returns when done; call it from a thread to go on meanwhile.

        Other threads can search, add and delete while it runs. It changes no result beyond approximation.
        """
        ...

    def check(self) -> list[Damage]:
        """The files that are not what was written; a server looks after its own."""
        ...

    def backup(self, target: Path) -> None:
        """Write a whole copy to a folder that is not there yet, which opens as a store of its own; others may write meanwhile."""
        ...

    def flush(self) -> None:
        """Everything written is on the disk when this returns."""
        ...

    def close(self) -> None:
        """Flush and release the files; the engine cannot be used afterwards."""
        ...
