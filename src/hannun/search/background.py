"""A sample of a collection's own vectors goes in; for each query, what its scores must be multiplied by to be fair, comes out.

A text is nearer to any text than a picture is, and the more so the narrower a collection: in one list the pictures would drown.
An encoder's calibration knows how far unrelated things spread, but not what is usual in this collection for this query. A sample
does: each kind of item (text, picture, both) is scaled so that its mean and two deviations, where what is related begins, come
to the same score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from hannun.embeddings import Floats, unit
from hannun.index.engine import Engine

LOOKED_AT, KEPT, FEWEST = 2000, 256, 30  # points of a sample, kept of each kind, and below which a kind is not judged
TAIL = 2.0  # deviations above the mean; of 1 … 3 the one that is fair to words and to pictures as queries (docs/search.md)


@dataclass(frozen=True, eq=False)
class Background:
    """Rows of a sample by what an item has: "text", "image" [n, dim], or both as a pair of matrices under "text+image"."""

    alone: Mapping[str, Floats]
    both: tuple[Floats, Floats] | None

    def gains(self, query: Floats, weights: Mapping[str, float]) -> dict[str, float] | None:
        """Gains by kind for a unit query [dim], the largest 1; None where only one kind counts, or one has too few to judge by."""
        if len(self.alone) + (self.both is not None) < 2:
            return None
        dim = len(query)
        rows: dict[str, list[Floats]] = {}
        for part, found in self.alone.items():
            if weights[part] > 0:
                rows.setdefault(part, []).append(unit(found[:, :dim]))
        if self.both is not None:
            text, image = (unit(x[:, :dim]) for x in self.both)
            counting = [p for p in ("text", "image") if weights[p] > 0]
            if len(counting) == 2:
                rows["text+image"] = [unit(weights["text"] * text + weights["image"] * image)]
            else:
                rows.setdefault(counting[0], []).append(text if counting == ["text"] else image)
        scores = {kind: np.concatenate(r) @ query for kind, r in rows.items()}
        if len(scores) < 2 or any(len(s) < FEWEST for s in scores.values()):
            return None
        edge = {kind: max(float(s.mean() + TAIL * s.std()), 1e-3) for kind, s in scores.items()}
        least = min(edge.values())
        # A kind that the sample has none of is left as the most common one is: there may be a few such items.
        return {kind: least / edge.get(kind, max(edge.values())) for kind in ("text", "image", "text+image")}


def sampled(engine: Engine) -> Background | None:
    """A sample of the engine's points; None for those with one joint vector. They come in the order of hashes of their ids: at random."""
    if "joint" in engine.layout.parts:
        return None
    ids = [str(p["id"]) for p in islice(engine.scan(["id"]), LOOKED_AT)]
    alone: dict[str, list[Floats]] = {}
    both: list[tuple[Floats, Floats]] = []
    for row in engine.vectors(ids).values():
        if "text" in row and "image" in row:
            if len(both) < KEPT:
                both.append((row["text"], row["image"]))
        elif (part := "text" if "text" in row else "image") in row and len(alone.setdefault(part, [])) < KEPT:
            alone[part].append(row[part])
    pair = (np.stack([t for t, _ in both]), np.stack([i for _, i in both])) if both else None
    return Background({p: np.stack(rows) for p, rows in alone.items()}, pair)
