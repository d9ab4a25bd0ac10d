"""Vectors of texts and pictures go in; how their space is shaped comes out: modality gap, cone, alignment, uniformity, maps.

Modality gap: the distance of the two kinds' means (Liang et al. 2022), and matched text–picture cosines beside unmatched ones within
a kind. Cone effect: the mean cosine of random pairs, its spread, and the effective rank (Roy & Vetterli 2007: e to the entropy of the
spectrum). Alignment and uniformity: Wang & Isola 2020 with α = 2, t = 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hannun import metrics
from hannun.embeddings import Floats, unit
from hannun.errors import DependencyError, InputError
from hannun.metrics import Array, Ints

PAIRS = 20_000  # random pairs for cosines and uniformity, drawn with a seed


@dataclass(frozen=True)
class SpaceShape:
    """The figures of one space; cosines are means over pairs."""

    matched: float  # text with its own picture
    unmatched: float  # text with other pictures
    text_text: float
    image_image: float
    gap: float  # distance of the two means
    spread: float  # standard deviation of random cosines, all kinds together
    effective_rank: float
    alignment: float
    uniformity: float

    @property
    def cone(self) -> float:
        """The mean cosine of random vectors of one kind: 0 fills the sphere, 1 is a point."""
        return (self.text_text + self.image_image) / 2


def effective_rank(rows: Floats) -> float:
    """e to the entropy of the normalised singular values of the rows [n, dim], not centred: how many directions are in use."""
    values = np.linalg.svd(np.asarray(rows, np.float64), compute_uv=False)
    share = values / values.sum()
    return float(np.exp(-(share * np.log(np.maximum(share, 1e-300))).sum()))


def alignment(first: Floats, second: Floats) -> float:
    """The mean squared distance of matched unit rows, smaller is better aligned."""
    return float(((np.asarray(first, np.float64) - second) ** 2).sum(axis=1).mean())


def uniformity(rows: Floats, pairs: tuple[Ints, Ints]) -> float:
    """log of the mean of e^(−2 d²) over pairs of unit rows: smaller is more evenly spread."""
    a, b = (rows[p].astype(np.float64) for p in pairs)
    return float(np.log(np.exp(-2 * ((a - b) ** 2).sum(axis=1)).mean()))


def shape(texts: Floats, images: Floats, seed: int = 0) -> SpaceShape:
    """The shape of a space.

    Args:
        texts: unit rows [n, dim].
        images: unit rows [n, dim], row i the picture of text i.
        seed: of the random pairs.
    """
    if texts.shape != images.shape or len(texts) < 3:
        raise InputError(f"texts of shape {texts.shape} and images of shape {images.shape} came, expected at least three matched rows")
    both = np.concatenate([texts, images]).astype(np.float64)
    if not np.isfinite(both).all():
        raise InputError("vectors that are NaN or infinite came, expected finite ones; the encoder is broken")
    random = np.random.default_rng(seed)
    n = len(texts)
    a, b = random.integers(n, size=PAIRS), random.integers(n - 1, size=PAIRS)
    b = b + (b >= a)  # never a row with itself

    def cosines(x: Floats, y: Floats) -> Array:
        return np.asarray((x[a].astype(np.float64) * y[b]).sum(axis=1), np.float64)

    tt, ii, ti = cosines(texts, texts), cosines(images, images), cosines(texts, images)
    every = np.concatenate([tt, ii, ti])
    return SpaceShape(
        matched=float((texts.astype(np.float64) * images).sum(axis=1).mean()),
        unmatched=float(ti.mean()),
        text_text=float(tt.mean()),
        image_image=float(ii.mean()),
        gap=float(np.linalg.norm(texts.astype(np.float64).mean(axis=0) - images.astype(np.float64).mean(axis=0))),
        spread=float(every.std()),
        effective_rank=effective_rank(np.concatenate([texts, images])),
        alignment=alignment(texts, images),
        uniformity=(uniformity(texts, (a, b)) + uniformity(images, (a, b))) / 2,
    )


def centred(texts: Floats, images: Floats, by: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """The correction: each kind's mean is taken away, and rows are made unit again. `by` gives the means [dim], from other data."""
    return unit(texts - by[0]), unit(images - by[1])


def recall(texts: Floats, images: Floats, k: int = 10) -> Array:
    """Whether each text's own picture is among its first k."""
    return np.asarray(metrics.pessimistic_rank(texts @ images.T, np.arange(len(texts))) <= k, np.float64)


def pca(rows: Floats) -> tuple[Array, tuple[float, float]]:
    """Points [n, 2] on the two main axes (the sign of each so that its largest part is positive), and the shares of variance."""
    x = np.asarray(rows, np.float64) - rows.mean(axis=0)
    _, values, axes = np.linalg.svd(x, full_matrices=False)
    axes = axes[:2] * np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    share = values**2 / (values**2).sum()
    return x @ axes.T, (float(share[0]), float(share[1]))


def tsne(rows: Floats, seed: int = 0) -> Array:
    """Points [n, 2] of t-SNE (van der Maaten & Hinton 2008) on cosines. Raises DependencyError without scikit-learn."""
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise DependencyError("t-SNE needs scikit-learn; pip install -c constraints.txt '.[eval]' in Hannun's folder") from None
    model = TSNE(
        n_components=2, metric="cosine", init="pca", perplexity=min(30, max(2, (len(rows) - 1) // 3)), random_state=seed, max_iter=500
    )
    return np.asarray(model.fit_transform(np.asarray(rows, np.float32)), np.float64)


def umap(rows: Floats, seed: int = 0) -> Array:
    """Points [n, 2] of UMAP (McInnes et al. 2018) on cosines. Raises DependencyError without umap-learn."""
    try:
        from umap import UMAP
    except ImportError:
        raise DependencyError("UMAP needs umap-learn; pip install -c constraints.txt '.[eval]' in Hannun's folder") from None
    model = UMAP(n_neighbors=min(15, len(rows) - 1), metric="cosine", random_state=seed, n_jobs=1)
    return np.asarray(model.fit_transform(np.asarray(rows, np.float32)), np.float64)


MAPS: Mapping[str, Callable[[Floats, int], Array]] = {"PCA": lambda rows, _: pca(rows)[0], "t-SNE": tsne, "UMAP": umap}


def maps(rows: Floats, kinds: Sequence[str], seed: int, notes: list[str]) -> dict[str, Any]:
    """Points of every map whose package is there, with the kind of each row (language and modality); the others become notes."""
    found: dict[str, Any] = {"kinds": list(kinds)}
    for name, project in MAPS.items():
        try:
            points = project(rows, seed)
        except DependencyError as e:
            notes.append(str(e))
            continue
        low, high = points.min(axis=0), points.max(axis=0)
        found[name] = np.round(2 * (points - low) / np.where(high > low, high - low, 1) - 1, 3).tolist()
    return found
