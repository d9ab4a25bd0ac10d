"""The Encoder protocol: content (text, pictures, both) goes in, Embeddings come out; this file holds no model.

An encoder either gives *part vectors* (one for the text and one for the picture of an item, in one space: two towers) or
only a *joint* vector (text and picture in one sequence). A collection stores what the encoder can give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from hannun.embeddings import Embeddings
from hannun.item import Content


@dataclass(frozen=True)
class Calibration:
    """The background of an encoder's cosines: how a query scores against things that have nothing to do with it.

    `background["text"]["image"]` is (mean, standard deviation) of the cosine of a text query against unrelated pictures.
    Searching divides by it, so that pictures and texts rank fairly in one list. `agreement` is the mean cosine between
    the text and the picture of one item, which says how long the average of the two is before it is renormalised.
    """

    background: Mapping[str, Mapping[str, tuple[float, float]]]
    agreement: float

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, for the collection's own file."""
        return {"background": {q: {d: list(v) for d, v in row.items()} for q, row in self.background.items()}, "agreement": self.agreement}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Calibration:
        """The inverse of `to_json`."""
        rows = {q: {d: (float(v[0]), float(v[1])) for d, v in row.items()} for q, row in data["background"].items()}
        return Calibration(rows, float(data["agreement"]))


#: For encoders whose background has not been measured: every kind of part counts as it comes.
UNCALIBRATED = Calibration({q: {d: (0.0, 1.0) for d in ("text", "image")} for q in ("text", "image")}, 0.0)


@runtime_checkable
class Encoder(Protocol):
    """Turns content into vectors. Implementations are final classes; `tests/contracts/encoders.py` is their contract.

    Order is kept whatever the mix of texts, pictures and both; a batch equals its items one by one; no content gives
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
    def parts(self) -> bool:
        """Whether text and picture of an item each have a vector in one space; otherwise only the joint vector exists."""
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
