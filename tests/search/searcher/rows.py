"""Three colours of four kinds of clothes, whose right order is plain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.conftest import draw

COLOURS = {"빨강": (220, 30, 30), "파랑": (30, 30, 220), "초록": (30, 200, 30)}


def rows() -> list[dict[str, Any]]:
    kinds = ("원피스", "셔츠", "가방", "모자")
    return [
        {
            "id": f"{c}-{k}",
            "text": f"{c} {k}",
            "image": draw(seed=10 * n + m, size=(16, 16)),
            "색": c,
            "kind": k,
            "price": 100 * (4 * n + m),
        }
        for n, c in enumerate(COLOURS)
        for m, k in enumerate(kinds)
    ]


def ids(hits: Sequence[Any]) -> list[str]:
    return [h.id for h in hits]
