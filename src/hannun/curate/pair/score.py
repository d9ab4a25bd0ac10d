"""Pictures and their texts go in; how well each agrees, by any Encoder with part vectors, comes out as a cosine.

The seed's scorer is KELIP; here it is whatever encoder is handed in, and the manifest of a run names it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import PIL.Image

from hannun.embeddings import Floats
from hannun.encoder import Encoder
from hannun.errors import InputError
from hannun.item import Image, Text


def requires_parts(encoder: Encoder) -> Encoder:
    """The encoder itself. Raises InputError for one that gives only joint vectors."""
    if not {Text.kind, Image.kind} <= set(encoder.kinds):
        raise InputError(f"{encoder.name} gives one vector for text and picture together; to score pairs, name a model with two towers")
    return encoder


def picture_vectors(pictures: Sequence[PIL.Image.Image], encoder: Encoder) -> Floats:
    """Unit rows [n, d]."""
    return encoder.encode_document([{"image": p} for p in pictures]).dense


def agreement(vectors: Floats, texts: Sequence[Sequence[str]], encoder: Encoder) -> list[list[float]]:
    """For each picture's vector [n, d], the cosines of its texts. A text that several pictures share is encoded once."""
    different = list(dict.fromkeys(t for row in texts for t in row))
    if not different:
        return [[] for _ in texts]
    rows = encoder.encode_query(different).dense
    place = {t: n for n, t in enumerate(different)}
    return [[round(float(np.dot(v, rows[place[t]])), 4) for t in row] for v, row in zip(vectors, texts, strict=True)]
