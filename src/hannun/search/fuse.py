"""Vectors of what is wanted and unwanted, or scores of several rankings, go in; one query vector, or one ranking, comes out.

Query vectors are fused by direction (Rocchio 1971, on unit vectors), rankings by their scores (the weighted sum of the chances
that each gives an item, a linear opinion pool: Stone 1961) or by their ranks (RRF: Cormack, Clarke & Büttcher 2009).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from hannun.embeddings import Floats, unit
from hannun.encoder import Calibration

AWAY = 0.5  # how far a query moves from what is unwanted: chosen on the dev split of the fashion data (docs/search.md)
RRF_K = 60  # of the paper
POOL = 100  # the best of a ranking, whose chances sum to 1
# Chosen on queries that no figure is quoted of (docs/search.md). Letters of a text whose words count as they are asked to: a vector tells
# all of a sentence, but only the gist of a paragraph.
SENTENCE, FEWEST, MOST = 80.0, 25.0, 600.0  # and the shortest and longest that this was seen of
# How far below the best an item is an e-th as likely.
NEARER = 1.25  # of the deviation of the collection's scores
RARER = 5.0  # of BM25, a sum of logarithms of odds; half the best where that is less, so that words count in small collections too

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


def edges(calibration: Calibration, shares: Mapping[str, float], weights: Mapping[str, float], tail: float) -> dict[str, float]:
    """For each kind of item the score that lies `tail` deviations above that of unrelated ones; `shares` and `weights` as for `gains`."""
    known = calibration.background
    mean = {d: sum(s * known[q][d][0] for q, s in shares.items()) for d in ("text", "image")}
    spread = {d: math.hypot(*(s * known[q][d][1] for q, s in shares.items())) for d in mean}
    wt, wi = weights["text"], weights["image"]
    length = math.sqrt(max(wt * wt + wi * wi + 2 * wt * wi * calibration.agreement, 1e-6))
    both = (wt * mean["text"] + wi * mean["image"] + tail * math.hypot(wt * spread["text"], wi * spread["image"])) / length
    return {k: max(v, 1e-3) for k, v in {**{d: mean[d] + tail * spread[d] for d in mean}, "text+image": both}.items()}


def averaged(scores: Mapping[str, float], weights: Mapping[str, float], agreement: float) -> float:
    """cos(q, normalise(Σ w·v)) from the cosines q·v of an item's parts and the cosine `agreement` of its two parts."""
    counting = {p: weights[p] for p in scores if weights.get(p, 0) > 0}
    total = sum(w * scores[p] for p, w in counting.items())
    square = sum(w * w for w in counting.values())
    if len(counting) == 2:
        square += 2 * math.prod(counting.values()) * agreement
    return total / math.sqrt(square) if square > 1e-12 else 0.0


def chances(scores: Mapping[K, float], pool: Sequence[float], scale: float) -> dict[K, float]:
    """exp(score / scale) for every key, so that `pool`, the best scores of the ranking, comes to 1.

    A ranking that knows one answer gives it nearly all, one that knows none gives a hundred items a hundredth each. So the
    surer of two rankings decides, query by query.
    """
    best = max(pool, default=0.0)
    total = sum(math.exp((s - best) / scale) for s in pool) or 1.0
    return {k: math.exp(min((s - best) / scale, 0.0)) / total for k, s in scores.items()}


def either(
    meaning: Mapping[K, float], words: Mapping[K, float], share: float, near: Sequence[float], said: Sequence[float], spread: float
) -> dict[K, float]:
    """(1 − share)·chance by meaning + share·chance by words, for every key of either; a missing score is 0.

    `near` and `said`: the scores of the POOL best of each ranking. Where fewer items have the words than are near, the rest has none.
    `spread`: the deviation of scores by meaning in the whole collection; encoders differ in it.
    """
    keys = {**meaning, **words}
    by_meaning = chances({k: meaning.get(k, 0.0) for k in keys}, near, NEARER * max(spread, 1e-3))
    by_words = chances(
        {k: words.get(k, 0.0) for k in keys},
        [*said, *[0.0] * (len(near) - len(said))],
        min(RARER, max(max(said, default=0.0) / 2, 1e-6)),
    )
    return {k: (1 - share) * by_meaning[k] + share * by_words[k] for k in keys}


def first(scores: Mapping[K, float], named: Collection[K]) -> dict[K, float]:
    """Scores in 0…1 such that what is named comes first: half of the certainty is its alone. Nothing changes where nothing is named."""
    if not named:
        return dict(scores)
    return {k: ((k in named) + s) / 2 for k, s in scores.items()}


def leaning(share: float, letters: float) -> float:
    """The share of words in a collection whose texts have so many letters: its odds grow with them; 0 letters: as it is asked for."""
    if share >= 1 or not letters:
        return share
    odds = share / (1 - share) * min(max(letters, FEWEST), MOST) / SENTENCE
    return odds / (1 + odds)


def ranks(rankings: Sequence[tuple[Sequence[K], float]], k: int = RRF_K) -> dict[K, float]:
    """Reciprocal rank fusion: Σ weight / (k + rank) over the rankings that have a key; each is keys, best first, and its weight."""
    total: dict[K, float] = {}
    for keys, weight in rankings:
        for rank, key in enumerate(keys, start=1):
            total[key] = total.get(key, 0.0) + weight / (k + rank)
    return total
