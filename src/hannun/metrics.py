"""Scores, ranks, labels or vectors go in, figures come out: retrieval, classification, correlation, variety, likeness of sets, intervals.

Ranking figures take `relevance`, one row for each query over the documents *in ranked order* (what `by_rank` makes of a
score matrix), and return one value for each query; take the mean for the usual figure, or hand the values to `bootstrap`.
Relevance is 0 or a positive grade.

One rule for ties, everywhere in this file: **a tie counts against the system.** Of documents with equal scores, the less
relevant comes first, so that an encoder that gives every document the same score cannot look good by the order of a file.
Values that are not finite raise InputError: a NaN compares false with everything and would count as a win or a loss at random.
Everything is computed in float64, whatever comes in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from hannun.errors import InputError

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Queries = Literal["each", "first", "mean"]
Captions = Literal["any", "first"]


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


def hit(relevance: npt.ArrayLike, k: int) -> Array:
    """1 where any relevant document is among a query's first k, else 0: M-BEIR's and the CLIP papers' "recall" (HR@k, Success@k)."""
    return np.asarray((_relevance(relevance)[:, : _k(k)] > 0).any(axis=1), dtype=np.float64)


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


def text_to_image(scores: npt.ArrayLike, owner: npt.ArrayLike, protocol: Queries = "each") -> Ints:
    """The rank, from 1, of the right picture for each query, where pictures have several captions.

    Args:
        scores: [captions, pictures].
        owner: [captions], the picture of each caption; every picture has at least one.
        protocol: "each" makes every caption a query (the figure in papers: 5,000 queries on Flickr8k test); "first" takes a
            picture's first caption only; "mean" makes one query of a picture's captions, the mean of their scores.
    """
    s, own, first = _captions(scores, owner)
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
    s, own, first = _captions(scores, owner)
    pictures = np.arange(s.shape[1])
    if protocol == "first":
        return pessimistic_rank(s[first].T, pictures)
    if protocol != "any":
        raise InputError(f"protocol={protocol!r} came, expected 'any' or 'first'")
    mine = own[:, None] == pictures
    best = np.where(mine, s, -np.inf).max(axis=0)
    return np.asarray(1 + ((s >= best) & ~mine).sum(axis=0), dtype=np.int64)


def coverage(lists: npt.ArrayLike, catalogue: int) -> float:
    """The share of a catalogue's items that at least one of the lists [n, k] shows; items are numbered 0…catalogue − 1 (Ge et al. 2010)."""
    shown = np.asarray(lists)
    if shown.ndim != 2 or not np.issubdtype(shown.dtype, np.integer):
        raise InputError(f"lists have shape {shown.shape} and type {shown.dtype}, expected whole numbers [lists, k]")
    if catalogue < 1 or (shown.size and not (shown.min() >= 0 and shown.max() < catalogue)):
        raise InputError(
            f"lists that name items up to {shown.max(initial=0)} came with a catalogue of {catalogue}, expected 0…{catalogue - 1}"
        )
    return len(np.unique(shown)) / catalogue


def intra_list_distance(vectors: npt.ArrayLike) -> Array:
    """The mean of 1 − cosine over all pairs in each list, 0 for equal items: how varied a list is (Ziegler et al. 2005).

    Args:
        vectors: [lists, k, dim], k ≥ 2.
    """
    x = _finite("vectors", np.asarray(vectors, dtype=np.float64))
    if x.ndim != 3 or x.shape[1] < 2:
        raise InputError(f"vectors have shape {x.shape}, expected [lists, k, dim] with k ≥ 2")
    x = _unit(x)
    total, k = x.sum(axis=1), x.shape[1]
    pairs = ((total**2).sum(axis=1) - (x**2).sum(axis=(1, 2))) / (k * (k - 1))  # the mean cosine of all ordered pairs
    return np.asarray(1 - pairs, dtype=np.float64)


def bert_score(
    candidates: Sequence[npt.ArrayLike],
    references: Sequence[npt.ArrayLike],
    weights: tuple[Sequence[npt.ArrayLike], Sequence[npt.ArrayLike]] | None = None,
) -> Array:
    """Precision, recall and F1 [n, 3] of greedily matched token vectors (BERTScore, Zhang et al. 2020).

    Args:
        candidates: one matrix of token vectors [length, dim] for each candidate sentence, from any encoder.
        references: the same for the references.
        weights: of the tokens of candidates and references (inverse document frequencies); equal when left out.

    Returns:
        Each candidate token's best cosine among the reference's tokens, averaged (precision), the other way round (recall), and
        their harmonic mean. No baseline is subtracted.
    """
    if len(candidates) != len(references):
        raise InputError(f"{len(candidates)} candidates and {len(references)} references came, expected one each")
    found = np.zeros((len(candidates), 3))
    for i, (candidate, reference) in enumerate(zip(candidates, references, strict=True)):
        x, y = _unit(_vectors("candidate", candidate)), _unit(_vectors("reference", reference))
        cosines = x @ y.T
        mine, theirs = (np.ones(len(x)), np.ones(len(y))) if weights is None else (_vector("weights", w[i]) for w in weights)
        p, r = (float(w @ best / w.sum()) if w.sum() else 0.0 for w, best in ((mine, cosines.max(axis=1)), (theirs, cosines.max(axis=0))))
        found[i] = p, r, 2 * p * r / (p + r) if p + r else 0.0
    return found


def clip_score(images: npt.ArrayLike, texts: npt.ArrayLike, weight: float = 2.5) -> Array:
    """weight · max(cosine, 0) of each picture [n, dim] with its text [n, dim]: CLIPScore (Hessel et al. 2021); torchmetrics has 100."""
    x, y = _unit(_vectors("images", images)), _unit(_vectors("texts", texts))
    if x.shape != y.shape:
        raise InputError(f"images of shape {x.shape} and texts of shape {y.shape} came, expected a text for each picture")
    return np.asarray(weight * np.maximum((x * y).sum(axis=1), 0), dtype=np.float64)


def frechet_distance(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """The Fréchet distance of two sets of vectors [n, dim], [m, dim] taken as Gaussians: FID on whatever features come in.

    |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½) (Heusel et al. 2017), with unbiased covariances. Small sets give too large a distance:
    compare only sets of equal size.
    """
    x, y = _vectors("first", first), _vectors("second", second)
    if x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise InputError(f"sets of shapes {x.shape} and {y.shape} came, expected vectors of one dim and at least two in each")
    gap = x.mean(axis=0) - y.mean(axis=0)
    a, b = np.atleast_2d(np.cov(x, rowvar=False)), np.atleast_2d(np.cov(y, rowvar=False))
    values, axes = np.linalg.eigh(a)
    root = (axes * np.sqrt(np.maximum(values, 0))) @ axes.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()  # tr (Σ₁ Σ₂)^½, by similarity
    return float(max(gap @ gap + np.trace(a) + np.trace(b) - 2 * cross, 0))


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


def guess(scores: npt.ArrayLike, truth: npt.ArrayLike) -> Ints:
    """The class [n] with the highest of the scores [n, classes]; where the true class shares the highest score, another one that has it."""
    s, t = _matrix("scores", scores), np.asarray(truth)
    ranks = pessimistic_rank(s, t)
    rows = np.arange(len(s))
    rivals = s.copy()
    rivals[rows, t] = -np.inf
    return np.asarray(np.where(ranks == 1, t, rivals.argmax(axis=1)), dtype=np.int64)


def macro_f1(truth: npt.ArrayLike, guess: npt.ArrayLike) -> float:
    """The mean of the F1 of every class that occurs in either list; a class that is never rightly guessed has F1 0.

    F1 of a class = 2·hits / (times it is true + times it is guessed) (van Rijsbergen 1979).
    """
    t, g = _labels(truth, guess)
    classes, place = np.unique(np.concatenate([t, g]), return_inverse=True)
    first, second = place[: len(t)], place[len(t) :]
    true, said, hits = (np.bincount(x, minlength=len(classes)) for x in (first, second, first[first == second]))
    return float((2 * hits / (true + said)).mean())


def bootstrap(
    values: npt.ArrayLike,
    *,
    statistic: Callable[[Array], float] | None = None,
    level: float = 0.95,
    rounds: int = 1000,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
) -> tuple[float, float]:
    """The percentile interval of a statistic of values [n] or rows [n, c] drawn again with replacement (Efron 1979).

    Args:
        values: one for each query; draw again what varies by itself (queries, not query–document pairs).
        statistic: of the drawn values; the mean when left out. Draws for which it is NaN (no order to correlate) are left out.
        level: how much of the drawn statistics the interval holds.
        rounds: how many times the list is drawn.
        seed: the same seed, the same interval.
        groups: [n] whole numbers: values of one group (the captions of one picture, the windows of one person) are drawn
            together, because they do not vary by themselves.

    Returns:
        The lower and the upper end.
    """
    x = _rows("values", values)
    found = [_statistic(x[draw], statistic) for draw in _draws(len(x), groups, level, rounds, seed)]
    return _interval(found, level)


def paired(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    statistic: Callable[[Array], float] | None = None,
    level: float = 0.95,
    rounds: int = 1000,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
    swaps: int | None = None,
) -> tuple[float, float, float, float]:
    """How two systems differ on the same queries: difference, both ends of its paired bootstrap interval, and a p-value.

    The p-value is of the randomisation test (Noreen 1989; Smucker et al. 2007): the share of rounds in which swapping the two
    systems at random, query by query (group by group), makes a difference at least as large; 1 is added above and below.

    Args:
        first, second: [n] or [n, c], row i of both for query i.
        statistic, level, rounds, seed, groups: as for `bootstrap`.
        swaps: rounds of the randomisation test; no p-value is below 1 / (swaps + 1). As many as `rounds` when left out.
    """
    x, y = _rows("first", first), _rows("second", second)
    if x.shape != y.shape:
        raise InputError(f"values of shapes {x.shape} and {y.shape} came, expected the same queries from both systems")
    difference = _statistic(x, statistic) - _statistic(y, statistic)
    draws = _draws(len(x), groups, level, rounds, seed)
    low, high = _interval([_statistic(x[d], statistic) - _statistic(y[d], statistic) for d in draws], level)
    _, member = np.unique(np.arange(len(x)) if groups is None else np.asarray(groups), return_inverse=True)
    found = _swapped(x, y, member, statistic, swaps or rounds, np.random.default_rng([seed, 1]))
    extreme = int((np.abs(found) >= abs(difference) - 1e-12).sum())
    return difference, low, high, (1 + extreme) / (1 + len(found))


def holm(p: npt.ArrayLike) -> Array:
    """P-values [n] adjusted for being n at once (Holm 1979): keep those below the level and the chance of one false finding is below it."""
    x = _vector("p", p)
    order = np.argsort(x, kind="stable")
    stepped = np.maximum.accumulate(x[order] * np.arange(len(x), 0, -1))
    out = np.empty(len(x))
    out[order] = np.minimum(stepped, 1)
    return out


def _rows(name: str, values: npt.ArrayLike) -> Array:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim not in (1, 2) or not len(x):
        what = "no values came" if x.ndim in (1, 2) else f"{name} of shape {x.shape} came"
        raise InputError(f"{what}, expected at least one value or row for a query")
    return _finite(name, x)


def _statistic(x: Array, statistic: Callable[[Array], float] | None) -> float:
    return float(x.mean()) if statistic is None else statistic(x)


def _draws(n: int, groups: npt.ArrayLike | None, level: float, rounds: int, seed: int) -> Iterator[Ints]:
    if not 0 < level < 1 or rounds < 1:
        raise InputError(f"level={level}, rounds={rounds} came, expected a level between 0 and 1 and at least one round")
    random = np.random.default_rng(seed)
    if groups is None:
        return (random.integers(n, size=n) for _ in range(rounds))
    g = np.asarray(groups)
    if g.shape != (n,):
        raise InputError(f"groups have shape {g.shape}, expected one for each of {n} values")
    _, member = np.unique(g, return_inverse=True)
    rows, sizes = np.argsort(member, kind="stable"), np.bincount(member)
    starts = sizes.cumsum() - sizes

    def drawn() -> Ints:
        chosen = random.integers(len(sizes), size=len(sizes))
        lengths = sizes[chosen]
        within = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)
        return np.asarray(rows[np.repeat(starts[chosen], lengths) + within], dtype=np.int64)

    return (drawn() for _ in range(rounds))


def _swapped(
    x: Array, y: Array, member: Ints, statistic: Callable[[Array], float] | None, rounds: int, random: np.random.Generator
) -> Array:
    """The differences that come of swapping x and y at random, whole members together."""
    count = int(member.max()) + 1
    if statistic is None and x.ndim == 1:  # of means: a sign for each member's sum
        sums = np.bincount(member, weights=x - y)
        return np.concatenate(
            [(1 - 2 * random.integers(2, size=(min(500, rounds - k), count))) @ sums for k in range(0, rounds, 500)]
        ) / len(x)
    found = np.zeros(rounds)
    for k in range(rounds):
        swap = random.integers(2, size=count).astype(bool)[member].reshape(-1, *[1] * (x.ndim - 1))
        found[k] = _statistic(np.where(swap, y, x), statistic) - _statistic(np.where(swap, x, y), statistic)
    return found


def _interval(found: Sequence[float], level: float) -> tuple[float, float]:
    there = [v for v in found if not np.isnan(v)]
    if 2 * len(there) < len(found):
        raise InputError(f"{len(found) - len(there)} of {len(found)} draws have no such statistic, expected more or more varied values")
    low, high = np.quantile(there, [(1 - level) / 2, (1 + level) / 2])
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


def _vectors(name: str, values: npt.ArrayLike) -> Array:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or not len(x):
        raise InputError(f"{name} has shape {x.shape}, expected vectors in at least one row [n, dim]")
    return _finite(name, x)


def _unit(x: Array) -> Array:
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    return np.asarray(x / np.where(norm > 0, norm, 1), dtype=np.float64)


def _captions(scores: npt.ArrayLike, owner: npt.ArrayLike) -> tuple[Array, Ints, Ints]:
    s, own = _matrix("scores", scores), np.asarray(owner)
    if own.shape != (len(s),) or not np.issubdtype(own.dtype, np.integer) or not np.array_equal(np.unique(own), np.arange(s.shape[1])):
        raise InputError(f"owner has shape {own.shape}, expected which of the pictures 0…{s.shape[1] - 1} each of {len(s)} captions shows")
    _, first = np.unique(own, return_index=True)
    return s, own.astype(np.int64), first.astype(np.int64)


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
