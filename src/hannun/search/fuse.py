"""Vectors of what is wanted and unwanted, or scores of several rankings, go in; one query vector, or one ranking, comes out.

Query vectors are fused by direction (Rocchio 1971, on unit vectors), rankings by their scores (the weighted sum of the chances
that each gives an item, a linear opinion pool: Stone 1961) or by their ranks (RRF: Cormack, Clarke & Büttcher 2009).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TypeVar

import numpy as np

from hannun.embeddings import Floats, unit
from hannun.encoder import Calibration
from hannun.index.engine import RISE
from hannun.item import joined

AWAY = 0.5  # how far a query moves from what is unwanted: chosen on the dev split of the fashion data (docs/search.md)
SAME = 0.97  # cosine from which on two pictures, or two texts, begin to be the same: encoded anew or cropped by a little
RRF_K = 60  # of the paper
POOL = 100  # the best of a ranking, whose chances sum to 1
# Chosen on queries that no figure is quoted of (docs/search.md). Letters of a text whose words count as they are asked to: a vector tells
# all of a sentence, but only the gist of a paragraph.
SENTENCE, FEWEST, MOST = 80.0, 25.0, 600.0  # and the shortest and longest that this was seen of
# How far below the best an item is an e-th as likely.
NEARER = 1.25  # of the deviation of the collection's scores
RARER = 5.0  # of BM25, a sum of logarithms of odds; half the best where that is less, so that words count in small collections too

K = TypeVar("K", bound=Hashable)
_Numbers = tuple[tuple[str, float], ...]  # by kind, as a key of a cache


def towards(wanted: Sequence[Floats], unwanted: Sequence[Floats], away: float = AWAY) -> Floats:
    """The unit vector [dim] that points to the mean of what is wanted and away from what is not; all are unit [dim].

    Only what the unwanted does not share with the wanted is taken away: "원피스 −줄무늬 원피스" must still find dresses.
    Without anything wanted it points straight away from the unwanted.
    """
    if not wanted:
        return unit(-np.sum(unwanted, axis=0))
    goal = unit(wanted[0] if len(wanted) == 1 else np.sum(wanted, axis=0))
    if not unwanted:
        return goal
    against = unit(np.sum(unwanted, axis=0))
    own = against - (against @ goal) * goal
    length = float(np.linalg.norm(own))
    return goal if length < 1e-4 else unit(goal - away * own / length)


def gains(calibration: Calibration, shares: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """What to multiply the cosine of an item by, for every set of kinds it may have, so that unrelated items of every set spread alike.

    `shares` says how much of the query is of each kind, `weights` (of every declared kind, in their order) how much the parts of an
    item count. The spread of the average of several parts follows from the parts' own, taken as independent, and from its length
    before renormalising. The largest gain is 1, so that no score exceeds 1.
    """
    spread = {d: math.sqrt(sum((s * calibration.about(q, d)[1]) ** 2 for q, s in shares.items())) for d in weights}
    inverse = {}
    for some in _sets(weights):
        alone = len(some) == 1
        found = spread[some[0]] if alone else math.hypot(*(weights[d] * spread[d] for d in some)) / _length(calibration, weights, some)
        inverse[joined(some)] = 1 / max(found, 1e-6)
    return {k: v / max(inverse.values()) for k, v in inverse.items()}


def edges(calibration: Calibration, shares: Mapping[str, float], weights: Mapping[str, float], tail: float) -> dict[str, float]:
    """For each set of kinds the score that lies `tail` deviations above that of unrelated items; `shares` and `weights` as for `gains`."""
    return dict(_edges(calibration, tuple(shares.items()), tuple(weights.items()), tail))


@lru_cache(maxsize=64)
def _edges(calibration: Calibration, mixed: _Numbers, weighed: _Numbers, tail: float) -> dict[str, float]:
    """`edges`, which most queries share."""
    shares, weights = dict(mixed), dict(weighed)
    mean = {d: sum(s * calibration.about(q, d)[0] for q, s in shares.items()) for d in weights}
    spread = {d: math.hypot(*(s * calibration.about(q, d)[1] for q, s in shares.items())) for d in weights}
    found = {}
    for some in _sets(weights):
        if len(some) == 1:
            edge = mean[some[0]] + tail * spread[some[0]]
        else:
            wide = math.hypot(*(weights[d] * spread[d] for d in some))
            edge = (sum(weights[d] * mean[d] for d in some) + tail * wide) / _length(calibration, weights, some)
        found[joined(some)] = max(edge, 1e-3)
    return found


def _sets(weights: Mapping[str, float]) -> Iterator[tuple[str, ...]]:
    """Every set of kinds that has a score: each alone, and those of which one counts at least."""
    for size in range(1, len(weights) + 1):
        for some in combinations(weights, size):
            if size == 1 or any(weights[d] > 0 for d in some):
                yield some


def _length(calibration: Calibration, weights: Mapping[str, float], some: Sequence[str]) -> float:
    """How long the weighted sum of unit vectors of these kinds is, where each two agree as they do on average."""
    square = sum(weights[d] * weights[d] for d in some)
    square += sum(2 * weights[a] * weights[b] * calibration.agrees(joined((a, b))) for a, b in combinations(some, 2))
    return math.sqrt(max(square, 1e-6))


def averaged(scores: Mapping[str, float], weights: Mapping[str, float], agreement: Mapping[str, float]) -> float:
    """cos(q, normalise(Σ w·v)) from the cosines q·v of an item's parts and those of each two of them, by their pair (`item.joined`)."""
    mean = _mean(tuple(scores), tuple(weights.items()))
    total = sum([weights[p] * scores[p] for p in mean.kinds])
    square = mean.own + sum([factor * agreement.get(pair, 0.0) for pair, _, _, factor in mean.pairs])
    return total / math.sqrt(square) if square > 1e-12 else 0.0


def same(score: float, cosines: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """A score, raised towards 1 where one of the parts that count is the same as the query (see `Plan.same`)."""
    apart = 1.0 - score
    for part in counted(cosines, weights):
        apart *= 1 - RISE * min(max(cosines[part] - SAME, 0.0) / (1 - SAME), 1.0)
    return 1 - apart


def counted(there: Collection[str], weights: Mapping[str, float]) -> list[str]:
    """The kinds that an item has and that count, in their declared order."""
    return [p for p, w in weights.items() if w > 0 and p in there]


def agreements(vectors: Mapping[str, Floats], weights: Mapping[str, float]) -> dict[str, float]:
    """The cosine of each two of an item's unit vectors by kind, by their pair."""
    return {pair: float(vectors[a] @ vectors[b]) for pair, a, b, _ in _mean(tuple(vectors), tuple(weights.items())).pairs}


@dataclass(frozen=True)
class _Mean:
    """Of the average of some kinds: those that count, the sum of their squared weights, and for each two of them 2·w·w'."""

    kinds: tuple[str, ...]
    own: float
    pairs: tuple[tuple[str, str, str, float], ...]


@lru_cache(maxsize=256)
def _mean(there: tuple[str, ...], weighed: _Numbers) -> _Mean:
    """What of an average hangs on the weights and on which kinds are there alone, which most items share."""
    weights = dict(weighed)
    kinds = counted(there, weights)
    pairs = tuple((joined((a, b)), a, b, 2 * weights[a] * weights[b]) for a, b in combinations(kinds, 2))
    return _Mean(tuple(kinds), sum(weights[p] * weights[p] for p in kinds), pairs)


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
