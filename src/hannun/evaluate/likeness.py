"""Sentences or pictures and any encoder go in; BERTScore, CLIPScore and the FID-style distance on that encoder's features come out.

What captions and drawn pictures are judged by. Figures of two encoders are not comparable with each other, nor with those printed for
BERT, CLIP or Inception: name the encoder beside the figure.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hannun import metrics
from hannun.embeddings import Floats
from hannun.encoder import Encoder
from hannun.errors import InputError
from hannun.item import Content
from hannun.metrics import Array


def bert_score(encoder: Encoder, candidates: Sequence[str], references: Sequence[str], *, idf: bool = False) -> Array:
    """Precision, recall and F1 [n, 3] of candidate sentences against references (Zhang et al. 2020).

    Token vectors are the encoder's own where it gives them for texts. Else every word of a sentence (split at spaces) is encoded by
    itself: then words match by meaning without their context, which is less than BERTScore, and the same for both sides.

    Args:
        encoder: any.
        candidates, references: one reference for each candidate, none empty.
        idf: weigh words by how few of the references they occur in; only for encoders without token vectors.
    """
    if len(candidates) != len(references) or not candidates:
        raise InputError(f"{len(candidates)} candidates and {len(references)} references came, expected one each and at least one")
    sentences = [*candidates, *references]
    whole = encoder.encode_document(sentences)
    if whole.tokens is not None:
        if idf:
            raise InputError(f"idf came, but {encoder.name!r} gives token vectors without their tokens; leave it out")
        return metrics.bert_score(whole.tokens[: len(candidates)], whole.tokens[len(candidates) :])
    words = [s.split() for s in sentences]
    known = {w: n for n, w in enumerate(dict.fromkeys(w for row in words for w in row))}
    vectors: Floats = encoder.encode_document(list(known)).dense
    found = [vectors[[known[w] for w in row]] for row in words]
    weights: list[npt.NDArray[np.float64]] | None = None
    if idf:
        spread = Counter(w for s in references for w in set(s.split()))
        weights = [np.array([math.log((len(references) + 1) / (spread[w] + 1)) for w in row]) for row in words]
    n = len(candidates)
    return metrics.bert_score(found[:n], found[n:], None if weights is None else (weights[:n], weights[n:]))


def clip_score(encoder: Encoder, pictures: Sequence[Content], texts: Sequence[str], weight: float = 2.5) -> Array:
    """CLIPScore [n] of each text with its picture in the encoder's space (Hessel et al. 2021)."""
    return metrics.clip_score(encoder.encode_document(pictures).dense, encoder.encode_query([*texts]).dense, weight)


def frechet_distance(encoder: Encoder, first: Sequence[Content], second: Sequence[Content]) -> float:
    """The FID-style distance of two sets of pictures on the encoder's vectors; compare sets of one size only."""
    return metrics.frechet_distance(encoder.encode_document(first).dense, encoder.encode_document(second).dense)
