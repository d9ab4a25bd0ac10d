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

from hannun.datasets.sentences import Described
from hannun.objectives.distill import distributions, similarities
from hannun.objectives.infonce import LARGEST_SCALE, infonce, same
from hannun.objectives.matryoshka import matryoshka
from hannun.recipe import Recipe
from hannun.recipes.mini_data import features
from hannun.recipes.mini_data.texts import QUERY, Texts
from hannun.recipes.mini_data.towers import TextHead, Towers
from hannun.train.batches import distinct, draw, shares, without_twins
from hannun.train.loop import Step

Ints = npt.NDArray[np.int64]
NEAR = 0.1  # temperature of the text encoder's own similarities, as soft answers
PHOTOS = ("flickr8k", "fashion", "mixed")  # these take whole batches, drawings smaller ones
SHORT = 96  # prefixes up to this many values learn the whole vector's ranking


@dataclass(frozen=True)
class Views:
    """All views of all sources end to end: `places[key]` lists a picture's rows, view 0 first; row i's map is `maps[file[i]][line[i]]`."""

    maps: Sequence[npt.NDArray[np.float16]]
    file: Ints
    line: Ints
    cells: npt.NDArray[np.float16]
    share: npt.NDArray[np.float16]
    classes: npt.NDArray[np.int16]
    places: Mapping[str, list[int]]

    def take(self, rows: Sequence[int] | Ints) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Maps [n, 81, MAP], cells [n, 9, CELL], shares [n, 20], classes [n, 20] of the rows, as `PictureHead` wants them."""
        at = np.asarray(rows)
        maps = np.stack([self.maps[f][k] for f, k in zip(self.file[at], self.line[at], strict=True)])
        return (
            torch.from_numpy(maps.astype(np.float32)),
            torch.from_numpy(self.cells[at].astype(np.float32)),
            torch.from_numpy(self.share[at].astype(np.float32)),
            torch.from_numpy(self.classes[at].astype(np.int64)),
        )

    @staticmethod
    def load(folder: Path, sources: Sequence[str], views: int) -> Views:
        """Every cached view of the named sources."""
        parts = [features.load(folder, s, v) for v in range(views) for s in sources if list(folder.glob(f"{s}.{v}.*.npz"))]
        places: dict[str, list[int]] = {}
        start = 0
        for p in parts:
            for i, key in enumerate(p.keys):
                places.setdefault(key, []).append(start + i)
            start += len(p.keys)
        maps = [m for p in parts for m in p.maps]
        lengths = [len(m) for m in maps]
        joined = [np.concatenate([getattr(p, k) for p in parts]) for k in ("cells", "share", "classes")]
        file, line = np.repeat(np.arange(len(maps)), lengths), np.concatenate([np.arange(n) for n in lengths])
        return Views(maps, file, line, joined[0], joined[1], joined[2], places)


@dataclass(frozen=True)
class Pool:
    """The pictures of one source that training may use, with their sentences as rows of text vectors."""

    described: Sequence[Described]
    korean: list[list[tuple[int, int, frozenset[str]]]]  # per picture: (text row, negative's row or -1, required words)
    english: list[list[tuple[int, int, frozenset[str]]]]

    def gist(self, teacher: Tensor) -> Tensor:
        """[n, 384] unit rows: the mean of the teacher's vectors of each picture's sentences."""
        rows = [[c[0] for c in (*k, *e)] or [0] for k, e in zip(self.korean, self.english, strict=True)]
        return normalize(torch.stack([teacher[r].mean(0) for r in rows]), dim=-1)


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


def pick(
    korean: list[tuple[int, int, frozenset[str]]], english: list[tuple[int, int, frozenset[str]]], share: float, rng: np.random.Generator
) -> tuple[tuple[int, int, frozenset[str]], tuple[int, int, frozenset[str]]] | None:
    """Two of a picture's sentences: Korean first with a chance of `share`, then the other language; or the only language twice."""
    sides = [korean, english] if rng.random() < share else [english, korean]
    sides = [s for s in sides if s]
    if not sides:
        return None
    first, second = sides[0], sides[-1]
    return first[int(rng.integers(len(first)))], second[int(rng.integers(len(second)))]


def step(
    recipe: Recipe,
    pools: Mapping[str, Pool],
    views: Views,
    vectors: Tensor,
    pairs: Ints,
    general: Ints,
    teachers: Sequence[tuple[int, Tensor]],
    sense: Tensor,
    names: Ints,
) -> Callable[[nn.Module, int], dict[str, Tensor]]:
    """The step of the recipe; the backbone's last stage is trained from the share `thaw` of the steps on.

    `vectors` [t, 384] are all text vectors; `pairs` [p, 2] rows of Korean and English that mean the same; `general` rows whose
    similarities, cut to d dimensions, must stay as in the unit rows of each (d, [t, e]) of `teachers`; `sense`
    [t, 384] unit rows that say how near two sentences are (soft answers); `names` [1000, languages] rows of the class names as queries.
    """
    w = recipe.weights
    odds = shares({k: len(p.described) for k, p in pools.items()}, recipe.source_temperature, {**recipe.sources, "mixed": w["mixed"]})
    table = torch.zeros(0)
    gists = {k: p.gist(sense) for k, p in pools.items()}
    short = [d for d in recipe.dims if d <= SHORT]

    def go(module: nn.Module, number: int) -> dict[str, Tensor]:
        nonlocal table
        towers: Towers = module
        if number % 10 == 0 or not len(table):  # the class names move slowly, and 4,000 texts a step would cost a quarter of it
            with torch.no_grad():
                table = towers.classes()
        towers.picture.top.still = number < w["thaw"] * recipe.steps
        source, rng = draw(number, recipe.seed, odds)
        p = pools[source]
        rows, chosen = [], []
        for i in distinct(range(len(p.described)), recipe.batch if source in PHOTOS else w_int(w, "drawn_batch"), rng):
            two = pick(p.korean[i], p.english[i], w["korean"], rng)
            if two:
                rows.append(int(i))
                chosen.append(two)
        keep = without_twins(np.arange(len(rows)), [c[0][0] for c in chosen])
        rows, chosen = [rows[k] for k in keep], [chosen[k] for k in keep]
        n = len(rows)
        at = []
        for i in rows:
            places = views.places[p.described[i].key]
            at.append(places[int(rng.integers(len(places)))])
        maps, cells, share, classes = views.take(at)
        with torch.autocast(cells.device.type, torch.bfloat16):
            pooled, patches, _ = towers.picture(maps, cells, share, table[classes])
        pooled, patches = pooled.float(), patches.float()
        scale = towers.scale.exp().clamp(max=LARGEST_SCALE)
        true = [p.described[i].true for i in rows]
        losses: dict[str, Tensor] = {k: torch.zeros(()) for k in ("picture", "soft", "prefix", "patch")}
        for one in zip(*chosen, strict=True):
            hard, owner = [c[1] for c in one if c[1] >= 0], [k for k, c in enumerate(one) if c[1] >= 0]
            said = towers.text(vectors[[c[0] for c in one] + hard])
            ignore = torch.zeros(n, n + len(hard), dtype=torch.bool)
            ignore[:, :n] = false_negatives([c[2] for c in one], true) | same(torch.tensor([c[0] for c in one]))
            ignore[:, n:] = True
            ignore[owner, torch.arange(n, n + len(hard))] = False
            losses["picture"] = losses["picture"] + _infonce(pooled, said, scale, ignore, recipe.dims) / 2
            plain = scale * pooled @ said[:n].T
            if w["soft"]:
                near = gists[source][rows] @ sense[[c[0] for c in one]].T / NEAR
                both = ((plain, near), (plain.T, near.T))
                losses["soft"] = (
                    losses["soft"] + w["soft"] / 4 * torch.stack([distributions(x, torch.softmax(y, dim=-1)) for x, y in both]).sum()
                )
            if w["prefix"]:
                wanted = torch.softmax(plain.detach(), dim=-1), torch.softmax(plain.detach().T, dim=-1)
                for d in short:
                    cut = scale * normalize(pooled[:, :d], dim=-1) @ normalize(said[:n, :d], dim=-1).T
                    kl = distributions(cut, wanted[0]) + distributions(cut.T, wanted[1])
                    losses["prefix"] = losses["prefix"] + w["prefix"] / (4 * len(short)) * kl
            if w["patch"]:
                best = torch.einsum("npd,md->nmp", patches, said[:n])
                score = torch.logsumexp(best * 10, dim=-1) / 10 * scale
                score = score.masked_fill(ignore[:, :n] & ~torch.eye(n, dtype=torch.bool), float("-inf"))
                losses["patch"] = losses["patch"] + w["patch"] / 2 * nn.functional.cross_entropy(score, torch.arange(n))
        language = int(rng.integers(names.shape[1]))
        prompts = towers.text(vectors[names[:, language]])
        target = torch.zeros(n, len(names)).scatter_(1, classes, share)
        target = target / target.sum(-1, keepdim=True)
        sizes = (prompts.shape[1], short[int(rng.integers(len(short)))])
        told = [scale * normalize(pooled[:, :d], dim=-1) @ normalize(prompts[:, :d], dim=-1).T for d in sizes]
        losses["classes"] = w["classes"] / 2 * torch.stack([distributions(t, target, share[:, 0] ** 2) for t in told]).sum()
        alike = pairs[rng.choice(len(pairs), size=min(w_int(w, "pairs_batch"), len(pairs)), replace=False)]
        ko, en = towers.text(vectors[alike[:, 0]]), towers.text(vectors[alike[:, 1]])
        twins = same(torch.from_numpy(alike[:, 0])) | same(torch.from_numpy(alike[:, 1]))
        losses["parallel"] = w["parallel"] * matryoshka(lambda a, b: infonce(a, b, 20.0, ignore=twins), ko, en, recipe.dims)
        some = general[rng.choice(len(general), size=min(512, len(general)), replace=False)]
        now = towers.text(vectors[some])
        kept = [similarities(normalize(now[:, :d], dim=-1), teacher[some]) for d, teacher in teachers]
        losses["keep"] = w["keep"] * torch.stack(kept).sum()
        return losses

    return go


def polish(recipe: Recipe, head: TextHead, vectors: Tensor, aim: Tensor, away: Sequence[Ints], seen: Ints) -> Step:
    """The step of the polish, for a text head: texts that tell of no picture go to their rows of `aim`, turned; the others stay.

    Pictures see texts through the head, so the space stays turned as training turned it; what questions and paragraphs are to
    each other is the encoder's business, which `aim` [t, 384] tells. `away` are groups of such texts, drawn in equal shares,
    `seen` the texts that stay where the head had them, all as rows of `vectors` [t, 384].
    """
    with torch.no_grad():
        stay = torch.cat([head(part) for part in vectors.split(10_000)])
    some = np.concatenate([*away, np.random.default_rng(recipe.seed).choice(seen, min(5000, len(seen)), replace=False)])
    u, _, v = torch.linalg.svd(stay[some].double().T @ aim[some].double())  # the nearest rotation (Schönemann 1966)
    turned = aim @ (u @ v).float().T
    half = recipe.batch * 3

    def go(module: nn.Module, number: int) -> dict[str, Tensor]:
        towers: Towers = module
        rng = np.random.default_rng((recipe.seed, number))
        back = np.concatenate([rng.choice(rows, half // len(away)) for rows in away])
        still = rng.choice(seen, half)
        return {
            "back": recipe.weights["back"] * (1 - (towers.text(vectors[back]) * turned[back]).sum(-1)).mean(),
            "stay": (1 - (towers.text(vectors[still]) * stay[still]).sum(-1)).mean(),
        }

    return go


def _infonce(pooled: Tensor, said: Tensor, scale: Tensor, ignore: Tensor, dims: Sequence[int]) -> Tensor:
    return matryoshka(lambda a, b: infonce(a, b, scale, ignore=ignore), pooled, said, dims)


def w_int(weights: Mapping[str, float], name: str) -> int:
    """A whole number among the recipe's weights."""
    return int(weights[name])
