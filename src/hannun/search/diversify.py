"""A ranked list and its vectors go in, the same list in a more varied order comes out; nothing is dropped."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hannun.embeddings import Floats

DEPTH = 50  # how much of the top is put in a new order, as in the visual shuffle of jina-clip-v1's fashion experiments
_ROUNDS = 25


def shuffle(vectors: Floats, clusters: int, seed: int = 0) -> list[int]:
    """Visual shuffle: k-means over the vectors, the best-ranked member of each cluster first, then the rest.

    Args:
        vectors: unit rows [n, dim] in ranked order, best first.
        clusters: how many; with fewer rows than clusters, the order stays as it is.
        seed: of the first centres (k-means++, Arthur & Vassilvitskii 2007).

    Returns:
        A permutation of 0…n−1. First hits and rest each keep their ranked order.
    """
    n = len(vectors)
    if clusters < 2 or n <= clusters:
        return list(range(n))
    labels = _kmeans(vectors, clusters, seed)
    first = sorted(int(np.flatnonzero(labels == c)[0]) for c in np.unique(labels))
    return first + [i for i in range(n) if i not in set(first)]


def mmr(relevance: Floats, vectors: Floats, diversity: float) -> list[int]:
    """Maximal marginal relevance (Carbonell & Goldstein 1998): each next hit is relevant and unlike those before it.

    Args:
        relevance: scores [n], best first.
        vectors: unit rows [n, dim].
        diversity: 0 keeps the order of relevance, 1 looks only at how unlike the hits are.

    Returns:
        A permutation of 0…n−1, the most relevant hit always first. Ties go to the better ranked.
    """
    n = len(relevance)
    if diversity <= 0 or n < 3:
        return list(range(n))
    # Both terms on one scale: scores of one query lie close together, similarities do not.
    spread = float(relevance.max() - relevance.min()) or 1.0
    scaled = (relevance - relevance.min()) / spread
    order, nearest = [0], vectors @ vectors[0]
    left = np.ones(n, bool)
    left[0] = False
    while len(order) < n:
        value = np.where(left, (1 - diversity) * scaled - diversity * nearest, -np.inf)
        best = int(value.argmax())
        order.append(best)
        left[best] = False
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return order


def _kmeans(rows: Floats, clusters: int, seed: int) -> npt.NDArray[np.intp]:
    random = np.random.default_rng(seed)
    centres = rows[[int(random.integers(len(rows)))]]
    while len(centres) < clusters:
        gap = np.maximum(1 - (rows @ centres.T).max(axis=1), 0)
        total = float(gap.sum())
        if total < 1e-6:  # fewer distinct rows than clusters
            break
        centres = np.vstack([centres, rows[random.choice(len(rows), p=gap / total)]])
    labels: npt.NDArray[np.intp] = (rows @ centres.T).argmax(axis=1)
    for _ in range(_ROUNDS):
        means = np.stack([rows[labels == c].sum(axis=0) if (labels == c).any() else centres[c] for c in range(len(centres))])
        centres = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        moved = (rows @ centres.T).argmax(axis=1)
        if (moved == labels).all():
            break
        labels = moved
    return labels
