"""How deep a search is ranked anew, and which of an item's pictures a query is nearest to."""

from __future__ import annotations

from hannun.embeddings import Floats

DEPTH = 50  # candidates that are ranked anew


def best_picture(query: Floats, pictures: Floats) -> tuple[int, float]:
    """Which of an item's pictures [n, dim] is nearest to the query [dim], and its cosine."""
    near = pictures @ query
    return int(near.argmax()), float(near.max())
