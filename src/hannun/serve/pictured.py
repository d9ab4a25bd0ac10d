"""Pictures go in; which of them stands for a query, and what is found in one, come out as plain JSON: what the service's routes answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from hannun.annotate.annotator import Annotator
from hannun.encoder import Encoder
from hannun.item import Image, Item
from hannun.search import crop
from hannun.search.thumbnail import THRESHOLD, Wanted, thumbnails
from hannun.serve.tags import annotator


def ranked(encoder: Encoder, query: str, pictures: Sequence[Image], aspect: str | None, threshold: float | None) -> list[dict[str, Any]]:
    """The pictures of a document for a query, best first. Raises InputError."""
    wanted = Wanted(THRESHOLD if threshold is None else threshold, aspect=crop.aspect(aspect) if aspect else None)
    found = thumbnails(encoder, {"text": query}, pictures, wanted=wanted)
    return [
        {
            "number": r.number,
            "score": round(r.score, 4),
            "shown": r.shown,
            "why_not": r.why_not,
            "same_as": r.same_as,
            "box": list(r.box) if r.box is not None else None,
        }
        for r in found
    ]


def findings(picture: Image, category: str | None) -> dict[str, Any]:
    """What the fashion topic finds in a picture. Raises InputError for a category that it does not know."""
    looking = _annotator(category)
    (found,) = looking.annotate([Item("picture", (picture,))])
    return {"version": looking.version, "findings": [{"key": f.key, "value": f.value, "score": round(f.score, 4)} for f in found]}


@lru_cache(maxsize=8)
def _annotator(category: str | None) -> Annotator:
    return annotator(category=category)
