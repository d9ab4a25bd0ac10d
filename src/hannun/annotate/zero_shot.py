"""Pictures and a schema go in; the value of each attribute whose prompts agree best with the picture comes out: no training, any topic.

Probabilities are a softmax over the values' cosines, in deviations of what unrelated texts and pictures have (the encoder's
calibration), times SHARPNESS. They rank values well, and are no more calibrated than that: `trained` heads are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import final

import numpy as np

from hannun.annotate.annotator import Finding
from hannun.annotate.head import softmax
from hannun.annotate.schema import Schema
from hannun.embeddings import Floats, unit
from hannun.encoder import Encoder
from hannun.errors import HannunError, InputError
from hannun.item import Image, Item, Text

SHARPNESS = 2.0  # how much one deviation of the background raises a value's odds (as a power of e)


@final
class ZeroShot:
    """An annotator of any schema; the prompts' vectors are made when first needed. Raises InputError for an encoder of joint vectors."""

    def __init__(self, encoder: Encoder, schema: Schema, english: bool = False) -> None:
        if Text.kind not in encoder.kinds or Image.kind not in encoder.kinds:
            raise InputError(f"{encoder.name} has no vectors of texts and pictures apart; take one of two towers, such as mini")
        self._encoder, self._schema, self._english = encoder, schema, english
        self._prompts: list[Floats] | None = None

    @property
    def name(self) -> str:
        """The topic."""
        return self._schema.name

    @property
    def version(self) -> str:
        """The topic, the schema and the encoder."""
        told = f"{self._schema.digest}/{'/'.join(self.keys)}/{self._encoder.fingerprint}/{SHARPNESS}/{self._english}"
        return f"{self._schema.name}-zero-{hashlib.blake2b(told.encode(), digest_size=4).hexdigest()}"

    @property
    def keys(self) -> tuple[str, ...]:
        """The schema's attributes."""
        return tuple(a.english if self._english else a.key for a in self._schema.attributes)

    def annotate(self, items: Sequence[Item]) -> list[tuple[Finding, ...]]:
        """See `Annotator.annotate`; of several pictures their mean counts."""
        seen = [(n, vector) for n, it in enumerate(items) if (vector := self._vector(it)) is not None]
        out: list[tuple[Finding, ...]] = [() for _ in items]
        if not seen:
            return out
        rows = np.stack([v for _, v in seen])
        for probabilities in self._probabilities(rows):
            for (n, _), p in zip(seen, probabilities, strict=True):
                out[n] = (*out[n], self._finding(len(out[n]), p))
        return out

    def probabilities(self, vectors: Floats, key: str) -> Floats:
        """How likely each value of an attribute is [n, values] for vectors of pictures [n, dim]."""
        return self._probabilities(vectors)[[a.key for a in self._schema.attributes].index(key)]

    def _probabilities(self, vectors: Floats) -> list[Floats]:
        _, deviation = self._encoder.calibration.about(Text.kind, Image.kind)
        scale = SHARPNESS / deviation if self._encoder.calibration.measured else 10 * SHARPNESS
        return [softmax(vectors @ prompts.T * scale) for prompts in self._said()]

    def _said(self) -> list[Floats]:
        """For each attribute the mean vector of each value's prompts [values, dim]."""
        if self._prompts is None:
            self._prompts = []
            for a in self._schema.attributes:
                means = [self._encoder.encode_query([{"text": t} for t in a.prompts(v)]).dense.mean(axis=0) for v in a.values]
                self._prompts.append(unit(np.stack(means)))
        return self._prompts

    def _vector(self, it: Item) -> Floats | None:
        if not it.images:
            return None
        try:
            return np.asarray(self._encoder.encode_document([it.only([Image.kind])]).dense[0], np.float32)
        except HannunError:  # a picture that is gone or damaged: told where it is indexed
            return None

    def _finding(self, at: int, p: Floats) -> Finding:
        attribute = self._schema.attributes[at]
        best = int(p.argmax())
        value, score = attribute.values[best], float(p[best])
        if score < attribute.threshold:
            return Finding(self.keys[at], None, score)
        if self._english:
            return Finding(self.keys[at], value.english, score, (value.name,))
        return Finding(self.keys[at], value.name, score, value.words)
