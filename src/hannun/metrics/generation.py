"""Made and real texts or pictures go in, as words or vectors, how alike they are comes out.

Of words: BLEU, CIDEr-D. Of vectors: BERTScore, CLIPScore, the Fréchet distance. Which words a text has is the caller's to say.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hannun.errors import InputError
from hannun.metrics import checks
from hannun.metrics.checks import Array


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
        x, y = checks.unit(checks.vectors("candidate", candidate)), checks.unit(checks.vectors("reference", reference))
        cosines = x @ y.T
        mine, theirs = (np.ones(len(x)), np.ones(len(y))) if weights is None else (checks.vector("weights", w[i]) for w in weights)
        p, r = (float(w @ best / w.sum()) if w.sum() else 0.0 for w, best in ((mine, cosines.max(axis=1)), (theirs, cosines.max(axis=0))))
        found[i] = p, r, 2 * p * r / (p + r) if p + r else 0.0
    return found


def clip_score(images: npt.ArrayLike, texts: npt.ArrayLike, weight: float = 2.5) -> Array:
    """weight · max(cosine, 0) of each picture [n, dim] with its text [n, dim]: CLIPScore (Hessel et al. 2021); torchmetrics has 100."""
    x, y = checks.unit(checks.vectors("images", images)), checks.unit(checks.vectors("texts", texts))
    if x.shape != y.shape:
        raise InputError(f"images of shape {x.shape} and texts of shape {y.shape} came, expected a text for each picture")
    return np.asarray(weight * np.maximum((x * y).sum(axis=1), 0), dtype=np.float64)


def frechet_distance(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """The Fréchet distance of two sets of vectors [n, dim], [m, dim] taken as Gaussians: FID on whatever features come in.

    |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½) (Heusel et al. 2017), with unbiased covariances. Small sets give too large a distance:
    compare only sets of equal size.
    """
    x, y = checks.vectors("first", first), checks.vectors("second", second)
    if x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise InputError(f"sets of shapes {x.shape} and {y.shape} came, expected vectors of one dim and at least two in each")
    gap = x.mean(axis=0) - y.mean(axis=0)
    a, b = np.atleast_2d(np.cov(x, rowvar=False)), np.atleast_2d(np.cov(y, rowvar=False))
    values, axes = np.linalg.eigh(a)
    root = (axes * np.sqrt(np.maximum(values, 0))) @ axes.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()  # tr (Σ₁ Σ₂)^½, by similarity
    return float(max(gap @ gap + np.trace(a) + np.trace(b) - 2 * cross, 0))


ORDER = 4  # the longest n-grams that BLEU and CIDEr count
SIGMA = 6.0  # words that a caption may be longer or shorter than a reference before it counts little (CIDEr-D, section 8)
Words = Sequence[str]


def ngrams(words: Words, n: int) -> Counter[tuple[str, ...]]:
    """How often each sequence of n words stands in a text."""
    return Counter(tuple(words[at : at + n]) for at in range(len(words) - n + 1))


def bleu(candidates: Sequence[Words], references: Sequence[Sequence[Words]], order: int = ORDER) -> float:
    """BLEU of a set of texts (Papineni et al. 2002), 0…1, not smoothed: 0 where no sequence of `order` words is found.

    Args:
        candidates: the words of each made text.
        references: of each the words of one or more real ones.
        order: the longest sequences that count.

    Returns:
        The geometric mean of the shares of sequences of 1 … `order` words that a reference has too, each at most as often as it has it,
        times exp(1 − r/c) where the c words of all candidates are fewer than the r of their references of the nearest length (of two as
        near, the shorter).
    """
    _paired(candidates, references)
    found, all_of = [0] * order, [0] * order
    for words, several in zip(candidates, references, strict=True):
        for n in range(1, order + 1):
            made = ngrams(words, n)
            most: Counter[tuple[str, ...]] = Counter()
            for reference in several:
                most |= ngrams(reference, n)
            found[n - 1] += sum((made & most).values())
            all_of[n - 1] += sum(made.values())
    if not all(found):
        return 0.0
    c = sum(map(len, candidates))
    r = sum(min((abs(len(x) - len(words)), len(x)) for x in several)[1] for words, several in zip(candidates, references, strict=True))
    return math.exp(min(0.0, 1 - r / c) + sum(math.log(a / b) for a, b in zip(found, all_of, strict=True)) / order)


def cider_d(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> Array:
    """CIDEr-D of each text (Vedantam et al. 2015, section 8), [n], 0…10: how alike it is to its references in words that few others have.

    Each sequence of 1 … 4 words counts as often as it stands times log(n / d), d of the n reference sets having it. Of these vectors the
    cosine, in which a candidate counts no sequence oftener than the reference does, times exp(−(difference in words)² / 2σ²), σ = 6;
    averaged over references and over the four lengths, times 10. Rare words are rare among these references: figures of different sets
    of pictures are not comparable, and one picture alone has 0.
    """
    _paired(candidates, references)
    df: Counter[tuple[str, ...]] = Counter()
    for several in references:
        df.update({g for words in several for n in range(1, ORDER + 1) for g in ngrams(words, n)})
    log_n = math.log(max(1, len(references)))

    def weighed(words: Words, n: int) -> dict[tuple[str, ...], float]:
        return {g: count * (log_n - math.log(max(1, df[g]))) for g, count in ngrams(words, n).items()}

    found = np.zeros(len(candidates))
    for i, (words, several) in enumerate(zip(candidates, references, strict=True)):
        for n in range(1, ORDER + 1):
            mine = weighed(words, n)
            length = math.sqrt(sum(v * v for v in mine.values()))
            for reference in several:
                theirs = weighed(reference, n)
                both = length * math.sqrt(sum(v * v for v in theirs.values()))
                dot = sum(min(v, theirs[g]) * theirs[g] for g, v in mine.items() if g in theirs)
                near = math.exp(-((len(words) - len(reference)) ** 2) / (2 * SIGMA**2))
                found[i] += 10 / ORDER / len(several) * near * (dot / both if both else 0.0)
    return found


def _paired(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> None:
    """Raises InputError where there are not as many candidates as sets of references, or a text where its words are expected."""
    if len(candidates) != len(references) or not all(references):
        raise InputError(
            f"{len(candidates)} candidates and {len(references)} sets of references came, expected one or more references each"
        )
    if any(isinstance(w, str) for w in candidates):
        raise InputError("a text came where the list of its words is expected; split it first")
