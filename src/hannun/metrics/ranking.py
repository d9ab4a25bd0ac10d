"""Scores and relevance go in, retrieval figures come out, one value for each query: recall, nDCG, reciprocal ranks, captions' ranks.

Relevance is rows over the documents *in ranked order* (what `by_rank` makes of a score matrix): 0 or a positive grade.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from hannun.errors import InputError
from hannun.metrics import checks
from hannun.metrics.checks import Array, Ints

Queries = Literal["each", "first", "mean"]
Captions = Literal["any", "first"]


def by_rank(scores: npt.ArrayLike, relevance: npt.ArrayLike) -> Array:
    """Relevance [queries, documents] put in the order of the scores, best first; ties are ordered worst first.

    Args:
        scores: [queries, documents], higher is nearer.
        relevance: [queries, documents], 0 or a grade > 0.
    """
    s, r = checks.matrix("scores", scores), checks.relevance(relevance)
    if s.shape != r.shape:
        raise InputError(f"scores have shape {s.shape} and relevance {r.shape}, expected the same [queries, documents]")
    order = np.lexsort((r, -s), axis=-1)  # by falling score, and among equals by rising relevance
    return np.take_along_axis(r, order, axis=-1)


def pessimistic_rank(scores: npt.ArrayLike, target: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """The rank, from 1, of each query's one right document: 1 + how many others score at least as high.

    Args:
        scores: [queries, documents].
        target: [queries], the column of the right document.
    """
    s, t = checks.matrix("scores", scores), np.asarray(target)
    if t.shape != (len(s),) or not np.issubdtype(t.dtype, np.integer):
        raise InputError(f"target has shape {t.shape} and type {t.dtype}, expected one whole number for each of {len(s)} queries")
    if t.size and not (t.min() >= 0 and t.max() < s.shape[1]):
        raise InputError(f"target names the documents {t.min()}…{t.max()}, expected 0…{s.shape[1] - 1}")
    return np.asarray((s >= np.take_along_axis(s, t[:, None], axis=1)).sum(axis=1), dtype=np.int64)


def recall(relevance: npt.ArrayLike, k: int) -> Array:
    """The share of a query's relevant documents that are among its first k; 0 for a query that has none.

    With one relevant document each this is the hit rate that text–image papers print as R@k (Young et al. 2014).
    """
    r = checks.relevance(relevance) > 0
    return _share(r[:, : checks.cutoff(k)].sum(axis=1), r.sum(axis=1))


def hit(relevance: npt.ArrayLike, k: int) -> Array:
    """1 where any relevant document is among a query's first k, else 0: M-BEIR's and the CLIP papers' "recall" (HR@k, Success@k)."""
    return np.asarray((checks.relevance(relevance)[:, : checks.cutoff(k)] > 0).any(axis=1), dtype=np.float64)


def precision(relevance: npt.ArrayLike, k: int) -> Array:
    """The share of relevant documents among the first k; k divides even where fewer documents came (trec_eval's P_k)."""
    return np.asarray((checks.relevance(relevance)[:, : checks.cutoff(k)] > 0).sum(axis=1) / k, dtype=np.float64)


def reciprocal_rank(relevance: npt.ArrayLike) -> Array:
    """1 / the rank of the first relevant document, 0 where there is none; its mean is MRR (Voorhees, TREC-8 1999)."""
    r = checks.relevance(relevance) > 0
    if not r.shape[1]:
        return np.zeros(len(r))
    return np.where(r.any(axis=1), 1 / (r.argmax(axis=1) + 1), 0.0)


def average_precision(relevance: npt.ArrayLike) -> Array:
    """The mean, over a query's relevant documents, of the precision at each one's rank; 0 for a query that has none.

    Its mean is MAP (Buckley & Voorhees 2000). The whole list must be given: a relevant document that is not in it is unknown.
    """
    r = checks.relevance(relevance) > 0
    at = r.cumsum(axis=1) / np.arange(1, r.shape[1] + 1)
    return _share((at * r).sum(axis=1), r.sum(axis=1))


def ndcg(relevance: npt.ArrayLike, k: int, *, exponential: bool = False) -> Array:
    """Discounted cumulative gain of the first k over that of the best order of the same documents; 0 where nothing is relevant.

    Gains are the grades themselves over log2(rank + 1) (Järvelin & Kekäläinen 2002), or 2^grade − 1 when `exponential`
    (Burges et al. 2005).
    """
    grades = checks.relevance(relevance)
    gains = np.exp2(grades) - 1 if exponential else grades
    depth = min(checks.cutoff(k), gains.shape[1])
    discount = 1 / np.log2(np.arange(2, depth + 2))
    best = -np.sort(-gains, axis=1)
    return _share(gains[:, :depth] @ discount, best[:, :depth] @ discount)


def text_to_image(scores: npt.ArrayLike, owner: npt.ArrayLike, protocol: Queries = "each") -> Ints:
    """The rank, from 1, of the right picture for each query, where pictures have several captions.

    Args:
        scores: [captions, pictures].
        owner: [captions], the picture of each caption; every picture has at least one.
        protocol: "each" makes every caption a query (the figure in papers: 5,000 queries on Flickr8k test); "first" takes a
            picture's first caption only; "mean" makes one query of a picture's captions, the mean of their scores.
    """
    s, own, first = checks.captions(scores, owner)
    if protocol == "each":
        return pessimistic_rank(s, own)
    if protocol == "first":
        return pessimistic_rank(s[first], np.arange(s.shape[1]))
    if protocol != "mean":
        raise InputError(f"protocol={protocol!r} came, expected 'each', 'first' or 'mean'")
    total = np.zeros((s.shape[1], s.shape[1]))
    np.add.at(total, own, s)
    return pessimistic_rank(total / np.bincount(own)[:, None], np.arange(s.shape[1]))


def image_to_text(scores: npt.ArrayLike, owner: npt.ArrayLike, protocol: Captions = "any") -> Ints:
    """The rank, from 1, of a right caption for each picture, where pictures have several captions.

    Args:
        scores: [captions, pictures].
        owner: [captions], the picture of each caption; every picture has at least one.
        protocol: "any" counts the best of a picture's own captions among all captions (the figure in papers); "first" leaves
            one caption for each picture in the gallery, so that chance is the same both ways.
    """
    s, own, first = checks.captions(scores, owner)
    pictures = np.arange(s.shape[1])
    if protocol == "first":
        return pessimistic_rank(s[first].T, pictures)
    if protocol != "any":
        raise InputError(f"protocol={protocol!r} came, expected 'any' or 'first'")
    mine = own[:, None] == pictures
    best = np.where(mine, s, -np.inf).max(axis=0)
    return np.asarray(1 + ((s >= best) & ~mine).sum(axis=0), dtype=np.int64)


def _share(part: npt.NDArray[np.generic], whole: npt.NDArray[np.generic]) -> Array:
    p, w = part.astype(np.float64), whole.astype(np.float64)
    return np.divide(p, w, out=np.zeros_like(p), where=w > 0)
