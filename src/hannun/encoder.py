"""The Encoder protocol: content (texts, pictures, whatever kinds it reads) goes in, Embeddings come out; this file holds no model.

An encoder declares the *kinds* of content that it gives a vector each, all in one space (two towers: the text and the picture of an
item), or none: then it gives one *joint* vector of an item (one sequence). A collection stores what the encoder can give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from hannun.continuation import Manner
from hannun.embeddings import Embeddings, Floats
from hannun.item import KINDS, Content, Image

JOINT = "joint"  # the name of the one vector that an encoder of no declared kinds gives
UNKNOWN = (0.0, 1.0)  # the background of kinds that has not been measured: cosines count as they come


@dataclass(frozen=True)
class Calibration:
    """The background of an encoder's cosines: how a query scores against things that have nothing to do with it.

    `background[q][d]` is (mean, standard deviation) of the cosine of a query of kind q against unrelated parts of kind d. Searching
    divides by it, so that items of all kinds rank fairly in one list. `agreement` is the mean cosine between two parts of one item,
    by the pair of their kinds (`item.joined`) or one number for every pair; it says how long their average is before it is renormalised.
    """

    background: Mapping[str, Mapping[str, tuple[float, float]]]
    agreement: float | Mapping[str, float]

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """So that what hangs on a calibration alone is reckoned once; it is not changed after it was made."""
        return hash(tuple((q, *row.items()) for q, row in self.background.items()))

    def about(self, query: str, part: str) -> tuple[float, float]:
        """Mean and deviation for a kind of query and a kind of part; UNKNOWN where they were not measured."""
        return self.background.get(query, {}).get(part, UNKNOWN)

    def agrees(self, pair: str) -> float:
        """The mean cosine of the two kinds of a pair; 0 where it was not measured."""
        return self.agreement.get(pair, 0.0) if isinstance(self.agreement, Mapping) else self.agreement

    @cached_property
    def measured(self) -> bool:
        """Whether anything is known of the background."""
        return any(row != UNKNOWN for rows in self.background.values() for row in rows.values())

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, for the collection's own file."""
        agreement = dict(self.agreement) if isinstance(self.agreement, Mapping) else self.agreement
        return {"background": {q: {d: list(v) for d, v in row.items()} for q, row in self.background.items()}, "agreement": agreement}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Calibration:
        """The inverse of `to_json`."""
        rows = {q: {d: (float(v[0]), float(v[1])) for d, v in row.items()} for q, row in data["background"].items()}
        given = data["agreement"]
        return Calibration(rows, {k: float(v) for k, v in given.items()} if isinstance(given, Mapping) else float(given))


#: For encoders whose background has not been measured: every kind of part counts as it comes.
UNCALIBRATED = Calibration({q: dict.fromkeys(KINDS, UNKNOWN) for q in KINDS}, 0.0)


@runtime_checkable
class Encoder(Protocol):
    """Turns content into vectors. Implementations are final classes; `tests/contracts/test_encoders.py` is their contract.

    Order is kept whatever the mix of kinds; a batch equals its items one by one; no content gives
    Embeddings of shape [0, dim]; empty content raises InputError; an unreadable picture raises PictureError.
    """

    @property
    def name(self) -> str:
        """What a user calls it: "mini", a path, a hub id."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same content could get another vector: weights, preprocessing, prompts."""
        ...

    @property
    def dims(self) -> tuple[int, ...]:
        """The dimensions its vectors may be truncated to, the full one first."""
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds (`item.KINDS`) that have a vector each, in one space, as ("text", "image"); () where only a joint vector exists.

        Content that has none of them raises InputError; parts of other kinds beside them are passed over.
        """
        ...

    @property
    def side(self) -> int:
        """Pixels of the picture side the encoder looks at: decoding may stop at this scale."""
        ...

    @property
    def calibration(self) -> Calibration:
        """The background of its cosines."""
        ...

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Vectors [n, dim] for what is asked. `instruction` replaces the encoder's own task description, where it has one."""
        ...

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Vectors [n, dim] for what is searched."""
        ...


@runtime_checkable
class GivesTokens(Protocol):
    """An encoder that gives token vectors beside the dense one, of a length known before the first is made."""

    @property
    def token_dim(self) -> int:
        """The length of a token vector; 0 for none."""
        ...


@runtime_checkable
class SeesCells(Protocol):
    """An encoder that sees the cells of a picture in the space of its texts."""

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the cells, which cover the whole picture evenly; (0, 0) where this one sees none."""
        ...

    def patches(self, pictures: Sequence[Image]) -> Floats:
        """Unit vectors [n, rows · columns, dim] of the cells of each picture, row by row."""
        ...


@dataclass(frozen=True)
class Caption:
    """What a model says of a picture or a signal: the text, the mean log-probability of its tokens, and whether it came to an end."""

    text: str
    likelihood: float
    ended: bool = True


@runtime_checkable
class GivesCaptions(Protocol):
    """An encoder that can also say what it sees."""

    @property
    def styles(self) -> tuple[str, ...]:
        """The kinds of text it was trained to write, such as "caption" and "query"; none where it writes nothing."""
        ...

    def caption(self, pictures: Sequence[Any], style: str, language: str, manner: Manner) -> list[list[Caption]]:
        """Of each picture (or other part of the kind that it reads) the texts found, the best first, in a style and a language."""
        ...


@runtime_checkable
class StandsAround(Protocol):
    """An encoder around another one, which gives the same vectors."""

    @property
    def inner(self) -> Encoder:
        """The encoder that does the work."""
        ...


def token_dim(encoder: Encoder) -> int:
    """The length of the token vectors that an encoder gives; 0 for none."""
    if isinstance(encoder, GivesTokens):
        return encoder.token_dim
    return token_dim(encoder.inner) if isinstance(encoder, StandsAround) else 0


def captioner(encoder: Encoder) -> GivesCaptions | None:
    """The encoder, or the one it stands around, where that can say what it sees."""
    if isinstance(encoder, GivesCaptions) and encoder.styles:
        return encoder
    return captioner(encoder.inner) if isinstance(encoder, StandsAround) else None


def cells(encoder: Encoder) -> SeesCells | None:
    """The encoder, or the one it stands around, where that sees the cells of pictures."""
    if isinstance(encoder, SeesCells) and encoder.grid != (0, 0):
        return encoder
    return cells(encoder.inner) if isinstance(encoder, StandsAround) else None
