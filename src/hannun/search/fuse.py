"""Vectors of what is wanted and unwanted, or scores of several rankings, go in; one query vector, or one ranking, comes out.

Query vectors are fused by direction (Rocchio 1971, on unit vectors), rankings by their scores (a convex combination against
each part's theoretical maximum: Bruch, Gai & Ingber 2023) or by their ranks (RRF: Cormack, Clarke & Büttcher 2009).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from hannun.embeddings import Floats, unit
from hannun.encoder import Calibration

AWAY = 0.5  # how far a query moves from what is unwanted: chosen on the dev split of the fashion data (docs/search.md)
RRF_K = 60  # of the paper

K = TypeVar("K", bound=Hashable)


def towards(wanted: Sequence[Floats], unwanted: Sequence[Floats], away: float = AWAY) -> Floats:
    """The unit vector [dim] that points to the mean of what is wanted and away from what is not; all are unit [dim].

    Only what the unwanted does not share with the wanted is taken away: "원피스 −줄무늬 원피스" must still find dresses.
    Without anything wanted it points straight away from the unwanted.
    """
    if not wanted:
        return unit(-np.sum(unwanted, axis=0))
    goal = unit(np.sum(wanted, axis=0))
    if not unwanted:
        return goal
    against = unit(np.sum(unwanted, axis=0))
    own = against - (against @ goal) * goal
    length = float(np.linalg.norm(own))
    return goal if length < 1e-4 else unit(goal - away * own / length)


def gains(calibration: Calibration, shares: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """What to multiply the cosine of each kind of item by, so that unrelated items of every kind spread alike.

    `shares` says how much of the query is words and picture, `weights` how much an item's text and picture count. The
    spread of the average of two parts follows from the parts' own, taken as independent, and from its length before
    renormalising. The largest gain is 1, so that no score exceeds 1.
    """
    spread = {d: math.sqrt(sum((s * calibration.background[q][d][1]) ** 2 for q, s in shares.items())) for d in ("text", "image")}
    wt, wi = weights["text"], weights["image"]
    length = math.sqrt(max(wt * wt + wi * wi + 2 * wt * wi * calibration.agreement, 1e-6))
    both = math.hypot(wt * spread["text"], wi * spread["image"]) / length
    inverse = {k: 1 / max(v, 1e-6) for k, v in {**spread, "text+image": both}.items()}
    return {k: v / max(inverse.values()) for k, v in inverse.items()}


def averaged(scores: Mapping[str, float], weights: Mapping[str, float], agreement: float) -> float:
    """cos(q, normalise(Σ w·v)) from the cosines q·v of an item's parts and the cosine `agreement` of its two parts."""
    counting = {p: weights[p] for p in scores if weights.get(p, 0) > 0}
    total = sum(w * scores[p] for p, w in counting.items())
    square = sum(w * w for w in counting.values())
    if len(counting) == 2:
        square += 2 * math.prod(counting.values()) * agreement
    return total / math.sqrt(square) if square > 1e-12 else 0.0


def convex(meaning: Mapping[K, float], words: Mapping[K, float], share: float, best: float) -> dict[K, float]:
    """(1 − share)·meaning + share·words/best for every key of either; a missing score is 0. `best`: what `words` could reach."""
    scale = share / best if best > 0 else 0.0
    return {k: (1 - share) * meaning.get(k, 0.0) + scale * words.get(k, 0.0) for k in {**meaning, **words}}


def ranks(rankings: Sequence[tuple[Sequence[K], float]], k: int = RRF_K) -> dict[K, float]:
    """Reciprocal rank fusion: Σ weight / (k + rank) over the rankings that have a key; each is keys, best first, and its weight."""
    total: dict[K, float] = {}
    for keys, weight in rankings:
        for rank, key in enumerate(keys, start=1):
            total[key] = total.get(key, 0.0) + weight / (k + rank)
    return total
