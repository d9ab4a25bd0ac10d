"""Cached features and text vectors go in; the training step of mini (one batch → named losses) comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hannun.objectives.distill import distributions, similarities
from hannun.objectives.infonce import LARGEST_SCALE, infonce, same
from hannun.objectives.matryoshka import matryoshka
from hannun.recipe import Recipe
from hannun.recipes.mini_data import features
from hannun.recipes.mini_data.sentences import Described
from hannun.recipes.mini_data.texts import QUERY, Texts
from hannun.recipes.mini_data.towers import Towers
from hannun.train.batches import distinct, draw, shares, without_twins

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Views:
    """All views of all sources end to end: `places[key]` lists a picture's rows, view 0 first."""

    cells: npt.NDArray[np.float16]
    share: npt.NDArray[np.float16]
    classes: npt.NDArray[np.int16]
    places: Mapping[str, list[int]]

    def take(self, rows: Sequence[int] | Ints) -> tuple[Tensor, Tensor, Tensor]:
        """Cells [n, 9, CELL], shares [n, 20], classes [n, 20] of the rows, as `PictureHead` wants them (classes to be looked up)."""
        at = np.asarray(rows)
        return (
            torch.from_numpy(self.cells[at].astype(np.float32)),
            torch.from_numpy(self.share[at].astype(np.float32)),
            torch.from_numpy(self.classes[at].astype(np.int64)),
        )

    @staticmethod
    def load(folder: Path, sources: Sequence[str], views: int = 3) -> Views:
        """Every cached view of the named sources."""
        parts = [features.load(folder, s, v) for v in range(views) for s in sources if list(folder.glob(f"{s}.{v}.*.npz"))]
        places: dict[str, list[int]] = {}
        start = 0
        for p in parts:
            for i, key in enumerate(p.keys):
                places.setdefault(key, []).append(start + i)
            start += len(p.keys)
        joined = [np.concatenate([getattr(p, k) for p in parts]) for k in ("cells", "share", "classes")]
        return Views(joined[0], joined[1], joined[2], places)


@dataclass(frozen=True)
class Pool:
    """The pictures of one source that training may use, with their sentences as rows of text vectors."""

    described: Sequence[Described]
    korean: list[list[tuple[int, int, frozenset[str]]]]  # per picture: (text row, negative's row or -1, required words)
    english: list[list[tuple[int, int, frozenset[str]]]]


def pool(described: Sequence[Described], texts: Texts) -> Pool:
    """Rows looked up; sentences that were not embedded are left out."""
    sides: tuple[list[list[tuple[int, int, frozenset[str]]]], ...] = ([], [])
    for d in described:
        for side, korean in zip(sides, (True, False), strict=True):
            side.append(
                [
                    (texts.rows[QUERY + s.text], texts.rows.get(QUERY + s.negative, -1) if s.negative else -1, s.requires)
                    for s in d.sentences
                    if s.korean == korean and QUERY + s.text in texts.rows
                ]
            )
    return Pool(described, *sides)


def false_negatives(required: Sequence[frozenset[str]], true: Sequence[frozenset[str]]) -> Tensor:
    """[n, n], True at (i, j) where picture i satisfies sentence j; a sentence that requires nothing is satisfied by none."""
    return torch.tensor([[bool(r) and r <= t for r in required] for t in true])


def step(
    recipe: Recipe,
    pools: Mapping[str, Pool],
    views: Views,
    vectors: Tensor,
    pairs: Ints,
    general: Ints,
    teachers: Sequence[tuple[int, Tensor]],
    names: Ints,
) -> Callable[[nn.Module, int], dict[str, Tensor]]:
    """The step of the recipe.

    `vectors` [t, 384] are all text vectors; `pairs` [p, 2] rows of Korean and English that mean the same; `general` rows whose
    similarities, cut to d dimensions, must stay as in the unit rows of each (d, [t, e]) of `teachers`;
    `names` [1000, languages] rows of the class names as queries.
    """
    w = recipe.weights
    odds = shares({k: len(p.described) for k, p in pools.items()}, recipe.source_temperature, {**recipe.sources, "mixed": w["mixed"]})
    table = torch.zeros(0)

    def go(module: nn.Module, number: int) -> dict[str, Tensor]:
        nonlocal table
        towers: Towers = module
        if number % 10 == 0 or not len(table):  # the class names move slowly, and 4,000 texts a step would cost a quarter of it
            with torch.no_grad():
                table = towers.classes()
        source, rng = draw(number, recipe.seed, odds)
        p = pools[source]
        rows, chosen = [], []
        for i in distinct(range(len(p.described)), recipe.batch, rng):
            korean, english = p.korean[i], p.english[i]
            side = korean if korean and (not english or rng.random() < w["korean"]) else english
            if side:
                rows.append(int(i))
                chosen.append(side[int(rng.integers(len(side)))])
        keep = without_twins(np.arange(len(rows)), [c[0] for c in chosen])
        rows, chosen = [rows[k] for k in keep], [chosen[k] for k in keep]
        n = len(rows)
        at = []
        for i in rows:
            places = views.places[p.described[i].key]
            at.append(places[int(rng.integers(len(places)))])
        cells, share, classes = views.take(at)
        with torch.autocast(cells.device.type, torch.bfloat16):
            pooled, patches, _ = towers.picture(cells, share, table[classes])
        pooled, patches = pooled.float(), patches.float()
        hard = [c[1] for c in chosen if c[1] >= 0]
        owner = [k for k, c in enumerate(chosen) if c[1] >= 0]
        said = towers.text(vectors[[c[0] for c in chosen] + hard])
        ignore = torch.zeros(n, n + len(hard), dtype=torch.bool)
        ignore[:, :n] = false_negatives([c[2] for c in chosen], [p.described[i].true for i in rows])
        ignore[:, n:] = True
        ignore[owner, torch.arange(n, n + len(hard))] = False
        scale = towers.scale.exp().clamp(max=LARGEST_SCALE)
        losses = {"picture": matryoshka(lambda a, b: infonce(a, b, scale, ignore=ignore), pooled, said, recipe.dims)}
        if w["patch"]:
            best = torch.einsum("npd,md->nmp", patches, said[:n])
            score = torch.logsumexp(best * 10, dim=-1) / 10 * scale
            score = score.masked_fill(ignore[:, :n] & ~torch.eye(n, dtype=torch.bool), float("-inf"))
            losses["patch"] = w["patch"] * nn.functional.cross_entropy(score, torch.arange(n))
        language = int(rng.integers(names.shape[1]))
        prompts = towers.text(vectors[names[:, language]])
        target = torch.zeros(n, len(names)).scatter_(1, classes, share)
        target = target / target.sum(-1, keepdim=True)
        losses["classes"] = w["classes"] * distributions(scale * pooled @ prompts.T, target, share[:, 0] ** 2)
        two = pairs[rng.choice(len(pairs), size=min(w_int(w, "pairs_batch"), len(pairs)), replace=False)]
        ko, en = towers.text(vectors[two[:, 0]]), towers.text(vectors[two[:, 1]])
        twins = same(torch.from_numpy(two[:, 0])) | same(torch.from_numpy(two[:, 1]))
        losses["parallel"] = w["parallel"] * matryoshka(lambda a, b: infonce(a, b, 20.0, ignore=twins), ko, en, recipe.dims)
        some = general[rng.choice(len(general), size=min(512, len(general)), replace=False)]
        now = towers.text(vectors[some])
        kept = [similarities(normalize(now[:, :d], dim=-1), teacher[some]) for d, teacher in teachers]
        losses["keep"] = w["keep"] * torch.stack(kept).sum()
        return losses

    return go


def w_int(weights: Mapping[str, float], name: str) -> int:
    """A whole number among the recipe's weights."""
    return int(weights[name])
