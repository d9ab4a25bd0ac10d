"""Vectors of made and of real texts or pictures go in, how alike they are comes out: BERTScore, CLIPScore, the Fréchet distance."""

from __future__ import annotations

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
