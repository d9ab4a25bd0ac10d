"""A query's vector and documents' vectors go in, scores on one scale come out, whatever each document is made of."""

from __future__ import annotations

from collections.abc import Sequence

from hannun.encoder import Encoder
from hannun.item import Item, joined
from hannun.metrics import maxsim
from hannun.search.fuse import gains
from hannun.serve.batching import Vector


def scores(encoder: Encoder, query: Item, asked: Vector, documents: Sequence[Item], vectors: Sequence[Vector]) -> list[float]:
    """How well each document fits: MaxSim over tokens, a mean over the query's (Khattab & Zaharia 2020), where the encoder gives
    tokens for all; else the cosine, calibrated for the kinds that the document has as a search is."""
    if asked.tokens is not None and all(v.tokens is not None for v in vectors):
        return [float(s) for s in maxsim(asked.tokens, [v.tokens for v in vectors if v.tokens is not None])]
    cosines = [float(asked.dense @ v.dense) for v in vectors]
    if not encoder.kinds:
        return cosines
    kinds = encoder.kinds
    there = query.only(kinds).kinds
    gain = gains(encoder.calibration, dict.fromkeys(there, 1 / len(there)), dict.fromkeys(kinds, 1 / len(kinds)))
    return [c * gain[joined([k for k in kinds if k in d.kinds])] for c, d in zip(cosines, documents, strict=True)]
