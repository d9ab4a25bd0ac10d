"""Items with several pictures: the vectors of each picture go in and out of a payload, and of them the one that is nearest to a query."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hannun.embeddings import Floats, unit
from hannun.item import Image
from hannun.search import rerank

PICTURES = "pictures"  # the payload's key for the vectors of an item's single pictures, where it has several


def packed(pictures: Floats) -> Mapping[str, Any]:
    """The vectors of an item's single pictures [n, dim] as a payload keeps them: half precision, in base64."""
    return {"count": len(pictures), "float16": base64.b64encode(pictures.astype(np.float16).tobytes()).decode()}


def unpacked(stored: Mapping[str, Any]) -> Floats:
    """The inverse of `packed`, as unit rows."""
    rows = np.frombuffer(base64.b64decode(stored["float16"]), np.float16).reshape(int(stored["count"]), -1)
    return unit(rows)


def nearest_parts(
    row: Mapping[str, Floats], payload: Mapping[str, Any], goal: Floats, kinds: Iterable[str]
) -> tuple[dict[str, Floats], int | None]:
    """An item's unit vectors of these kinds, as a query `goal` of fewer dims sees them; of several pictures the nearest, and which."""
    # As they are stored they are of length 1; only their beginnings are not.
    parts = {p: row[p] if len(row[p]) == len(goal) else unit(row[p][: len(goal)]) for p in kinds if p in row}
    if not payload.get(PICTURES):
        return parts, None
    pictures = unit(unpacked(payload[PICTURES])[:, : len(goal)])
    picture, _ = rerank.best_picture(goal, pictures)
    return parts | {Image.kind: pictures[picture]}, picture
