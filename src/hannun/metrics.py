"""Scores or ranks go in, one figure comes out: recall, precision, MRR, nDCG, average precision, correlation, accuracy, F1, intervals.

Ranking figures take `relevance`, one row for each query over the documents *in ranked order* (what `by_rank` makes of a
score matrix), and return one value for each query; take the mean for the usual figure, or hand the values to `bootstrap`.
Relevance is 0 or a positive grade.

One rule for ties, everywhere in this file: **a tie counts against the system.** Of documents with equal scores, the less
relevant comes first, so that an encoder that gives every document the same score cannot look good by the order of a file.
Values that are not finite raise InputError: a NaN compares false with everything and would count as a win or a loss at random.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hannun.errors import InputError

Array = npt.NDArray[np.float64]


def by_rank(scores: npt.ArrayLike, relevance: npt.ArrayLike) -> Array:
    """Relevance [queries, documents] put in the order of the scores, best first; ties are ordered worst first.

    Args:
        scores: [queries, documents], higher is nearer.
        relevance: [queries, documents], 0 or a grade > 0.
    """
    s, r = _matrix("scores", scores), _relevance(relevance)
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
    s, t = _matrix("scores", scores), np.asarray(target)
    if t.shape != (len(s),) or not np.issubdtype(t.dtype, np.integer):
        raise InputError(f"target has shape {t.shape} and type {t.dtype}, expected one whole number for each of {len(s)} queries")
    if t.size and not (t.min() >= 0 and t.max() < s.shape[1]):
        raise InputError(f"target names the documents {t.min()}…{t.max()}, expected 0…{s.shape[1] - 1}")
    return np.asarray((s >= np.take_along_axis(s, t[:, None], axis=1)).sum(axis=1), dtype=np.int64)


def recall(relevance: npt.ArrayLike, k: int) -> Array:
    """The share of a query's relevant documents that are among its first k; 0 for a query that has none.

    With one relevant document each this is the hit rate that text–image papers print as R@k (Young et al. 2014).
    """
    r = _relevance(relevance) > 0
    return _share(r[:, : _k(k)].sum(axis=1), r.sum(axis=1))


def precision(relevance: npt.ArrayLike, k: int) -> Array:
    """The share of relevant documents among the first k; k divides even where fewer documents came (trec_eval's P_k)."""
    return np.asarray((_relevance(relevance)[:, : _k(k)] > 0).sum(axis=1) / k, dtype=np.float64)


def reciprocal_rank(relevance: npt.ArrayLike) -> Array:
    """1 / the rank of the first relevant document, 0 where there is none; its mean is MRR (Voorhees, TREC-8 1999)."""
    r = _relevance(relevance) > 0
    if not r.shape[1]:
        return np.zeros(len(r))
    return np.where(r.any(axis=1), 1 / (r.argmax(axis=1) + 1), 0.0)


def average_precision(relevance: npt.ArrayLike) -> Array:
    """The mean, over a query's relevant documents, of the precision at each one's rank; 0 for a query that has none.

    Its mean is MAP (Buckley & Voorhees 2000). The whole list must be given: a relevant document that is not in it is unknown.
    """
    r = _relevance(relevance) > 0
    at = r.cumsum(axis=1) / np.arange(1, r.shape[1] + 1)
    return _share((at * r).sum(axis=1), r.sum(axis=1))


def ndcg(relevance: npt.ArrayLike, k: int, *, exponential: bool = False) -> Array:
    """Discounted cumulative gain of the first k over that of the best order of the same documents; 0 where nothing is relevant.

    Gains are the grades themselves over log2(rank + 1) (Järvelin & Kekäläinen 2002), or 2^grade − 1 when `exponential`
    (Burges et al. 2005).
    """
    grades = _relevance(relevance)
    gains = np.exp2(grades) - 1 if exponential else grades
    depth = min(_k(k), gains.shape[1])
    discount = 1 / np.log2(np.arange(2, depth + 2))
    best = -np.sort(-gains, axis=1)
    return _share(gains[:, :depth] @ discount, best[:, :depth] @ discount)


def average_ranks(values: npt.ArrayLike) -> Array:
    """The ranks, from 1, of values [n] in rising order; equal values share the mean of the ranks they take."""
    x = _vector("values", values)
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Spearman's correlation of two lists [n]: Pearson's of their average ranks (Spearman 1904).

    Here a tie is no win to deny, so it takes the average rank. Raises InputError where one list is constant: no order, no correlation.
    """
    x, y = _vector("a", a), _vector("b", b)
    if len(x) != len(y) or len(x) < 2:
        raise InputError(f"lists of {len(x)} and {len(y)} values came, expected two of one length ≥ 2")
    x, y = average_ranks(x), average_ranks(y)
    x, y = x - x.mean(), y - y.mean()
    length = float(np.sqrt((x @ x) * (y @ y)))
    if not length:
        raise InputError("a list of equal values came, expected values that can be ordered")
    return float(np.clip(x @ y / length, -1, 1))


def accuracy(truth: npt.ArrayLike, guess: npt.ArrayLike) -> float:
    """The share of equal labels in two lists [n]."""
    t, g = _labels(truth, guess)
    return float((t == g).mean())


def macro_f1(truth: npt.ArrayLike, guess: npt.ArrayLike) -> float:
    """The mean of the F1 of every class that occurs in either list; a class that is never rightly guessed has F1 0.

    F1 of a class = 2·hits / (times it is true + times it is guessed) (van Rijsbergen 1979).
    """
    t, g = _labels(truth, guess)
    return float(np.mean([2 * ((t == c) & (g == c)).sum() / ((t == c).sum() + (g == c).sum()) for c in np.union1d(t, g)]))


def bootstrap(
    values: npt.ArrayLike,
    *,
    statistic: Callable[[Array], float] | None = None,
    level: float = 0.95,
    rounds: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """The percentile interval of a statistic of values [n] drawn again with replacement (Efron 1979).

    Args:
        values: one for each query; draw again what varies by itself (queries, not query–document pairs).
        statistic: of a list of values; the mean when left out.
        level: how much of the drawn statistics the interval holds.
        rounds: how many times the list is drawn.
        seed: the same seed, the same interval.

    Returns:
        The lower and the upper end.
    """
    x = _vector("values", values)
    if not len(x):
        raise InputError("no values came, expected at least one")
    if not 0 < level < 1 or rounds < 1:
        raise InputError(f"level={level}, rounds={rounds} came, expected a level between 0 and 1 and at least one round")
    random = np.random.default_rng(seed)
    draws = (x[random.integers(len(x), size=len(x))] for _ in range(rounds))
    found = [float(d.mean()) if statistic is None else statistic(d) for d in draws]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _k(k: int) -> int:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f"k={k!r} came, expected a whole number ≥ 1")
    return int(k)


def _matrix(name: str, values: npt.ArrayLike) -> Array:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2:
        raise InputError(f"{name} have shape {x.shape}, expected [queries, documents]")
    return _finite(name, x)


def _vector(name: str, values: npt.ArrayLike) -> Array:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise InputError(f"{name} has shape {x.shape}, expected a list of numbers")
    return _finite(name, x)


def _finite(name: str, x: Array) -> Array:
    if not np.isfinite(x).all():
        raise InputError(f"{name} hold {int((~np.isfinite(x)).sum())} values that are NaN or infinite, expected finite ones")
    return x


def _relevance(values: npt.ArrayLike) -> Array:
    x = _matrix("relevance", values)
    if (x < 0).any():
        raise InputError(f"relevance holds {x.min():g}, expected 0 or a grade > 0")
    return x


def _labels(truth: npt.ArrayLike, guess: npt.ArrayLike) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]:
    t, g = np.asarray(truth), np.asarray(guess)
    if t.ndim != 1 or t.shape != g.shape or not t.size:
        raise InputError(f"labels of shapes {t.shape} and {g.shape} came, expected two lists of one length ≥ 1")
    for labels in (t, g):
        if np.issubdtype(labels.dtype, np.floating):
            _finite("labels", labels.astype(np.float64))
    return t, g


def _share(part: npt.NDArray[np.generic], whole: npt.NDArray[np.generic]) -> Array:
    p, w = part.astype(np.float64), whole.astype(np.float64)
    return np.divide(p, w, out=np.zeros_like(p), where=w > 0)
