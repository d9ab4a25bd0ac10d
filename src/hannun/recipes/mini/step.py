"""Cached features and text vectors go in; the training step of mini (one batch → named losses) comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hannun.objectives.distill import distributions, similarities
from hannun.objectives.infonce import LARGEST_SCALE, infonce, same
from hannun.objectives.matryoshka import matryoshka
from hannun.recipe import Recipe
from hannun.recipes.mini.pools import Ints, Pool, SentenceRow, Views, false_negatives, pick
from hannun.recipes.mini.towers import Towers
from hannun.train.batches import distinct, draw, shares, without_twins

NEAR = 0.1  # temperature of the text encoder's own similarities, as soft answers
PHOTOS = ("flickr8k", "fashion", "clothing", "mixed")  # these take whole batches, drawings smaller ones
SHORT = 96  # prefixes up to this many values learn the whole vector's ranking


@final
@dataclass(frozen=True)
class Drawn:
    """One batch: a source's pictures as row numbers in its pool, two sentences of each, and their views."""

    source: str
    rows: list[int]
    sentences: list[tuple[SentenceRow, SentenceRow]]
    views: tuple[Tensor, Tensor, Tensor, Tensor]  # maps, cells, shares, classes, as `Views.take` gives them


@final
class MiniStep:
    """The step of the recipe; the backbone's last stage is trained from the share `thaw` of the steps on."""

    def __init__(
        self,
        recipe: Recipe,
        pools: Mapping[str, Pool],
        views: Views,
        vectors: Tensor,
        pairs: Ints,
        general: Ints,
        teachers: Sequence[tuple[int, Tensor]],
        sense: Tensor,
        names: Ints,
    ) -> None:
        """What it draws from.

        Args:
            vectors: [t, 384], all text vectors; the rows below are rows of it.
            pairs: [p, 2], rows of Korean and English that mean the same.
            general: rows whose similarities, cut to d dimensions, must stay as in the unit rows of each (d, [t, e]) of `teachers`.
            sense: [t, 384] unit rows that say how near two sentences are (soft answers).
            names: [1000, languages], rows of the class names as queries.
        """
        self.recipe, self.pools, self.views, self.vectors = recipe, pools, views, vectors
        self.pairs, self.general, self.teachers, self.sense, self.names = pairs, general, teachers, sense, names
        self.odds = shares(
            {k: len(p.described) for k, p in pools.items()}, recipe.source_temperature, {**recipe.sources, "mixed": recipe.weights["mixed"]}
        )
        self.table = torch.zeros(0)  # the classes' vectors, of some steps ago
        self.gists = {k: p.gist(sense) for k, p in pools.items()}
        self.short = [d for d in recipe.dims if d <= SHORT]
        # A processor without units for bfloat16 products (AMX) takes 1.7 times as long for them as for float32 ones.
        self.halves = bool(torch.cpu.get_capabilities().get("amx_bf16"))

    def __call__(self, module: nn.Module, number: int) -> dict[str, Tensor]:
        """Named losses of one batch, the same for the same number."""
        towers: Towers = module
        if number % 10 == 0 or not len(self.table):  # the class names move slowly, and 4,000 texts a step would cost a quarter of it
            with torch.no_grad():
                self.table = towers.classes()
        towers.picture.top.still = number < self.recipe.weights["thaw"] * self.recipe.steps
        source, rng = draw(number, self.recipe.seed, self.odds)
        batch = self._drawn(source, rng)
        maps, cells, share, classes = batch.views
        with torch.autocast(cells.device.type, torch.bfloat16, enabled=self.halves):
            pooled, patches, _ = towers.picture(maps, cells, share, self.table[classes])
        pooled, patches = pooled.float(), patches.float()
        scale = towers.scale.exp().clamp(max=LARGEST_SCALE)
        losses: dict[str, Tensor] = {k: torch.zeros(()) for k in ("picture", "soft", "prefix", "patch")}
        for one in zip(*batch.sentences, strict=True):
            self._add_described(losses, towers, batch, one, pooled, patches, scale)
        losses["classes"] = self._named(towers, pooled, scale, share, classes, rng)
        losses["parallel"] = self._parallel(towers, rng)
        losses["keep"] = self._kept(towers, rng)
        return losses

    def _drawn(self, source: str, rng: np.random.Generator) -> Drawn:
        p, w = self.pools[source], self.recipe.weights
        rows, chosen = [], []
        for i in distinct(range(len(p.described)), self.recipe.batch if source in PHOTOS else w_int(w, "drawn_batch"), rng):
            two = pick(p.korean[i], p.english[i], w["korean"], rng)
            if two:
                rows.append(int(i))
                chosen.append(two)
        keep = without_twins(np.arange(len(rows)), [c[0][0] for c in chosen])
        rows, chosen = [rows[k] for k in keep], [chosen[k] for k in keep]
        at = []
        for i in rows:
            places = self.views.places[p.described[i].key]
            at.append(places[int(rng.integers(len(places)))])
        return Drawn(source, rows, chosen, self.views.take(at))

    def _add_described(
        self,
        losses: dict[str, Tensor],
        towers: Towers,
        batch: Drawn,
        one: Sequence[SentenceRow],
        pooled: Tensor,
        patches: Tensor,
        scale: Tensor,
    ) -> None:
        """Add the losses of the pictures with one sentence each: hard and soft answers, prefixes, patches."""
        w, n = self.recipe.weights, len(batch.rows)
        true = [self.pools[batch.source].described[i].true for i in batch.rows]
        hard, owner = [c[1] for c in one if c[1] >= 0], [k for k, c in enumerate(one) if c[1] >= 0]
        said = towers.text(self.vectors[[c[0] for c in one] + hard])
        ignore = torch.zeros(n, n + len(hard), dtype=torch.bool)
        ignore[:, :n] = false_negatives([c[2] for c in one], true) | same(torch.tensor([c[0] for c in one]))
        ignore[:, n:] = True
        ignore[owner, torch.arange(n, n + len(hard))] = False
        losses["picture"] = losses["picture"] + _infonce(pooled, said, scale, ignore, self.recipe.dims) / 2
        plain = scale * pooled @ said[:n].T
        if w["soft"]:
            near = self.gists[batch.source][batch.rows] @ self.sense[[c[0] for c in one]].T / NEAR
            both = ((plain, near), (plain.T, near.T))
            soft = w["soft"] / 4 * torch.stack([distributions(x, torch.softmax(y, dim=-1)) for x, y in both]).sum()
            losses["soft"] = losses["soft"] + soft
        if w["prefix"]:
            wanted = torch.softmax(plain.detach(), dim=-1), torch.softmax(plain.detach().T, dim=-1)
            for d in self.short:
                cut = scale * normalize(pooled[:, :d], dim=-1) @ normalize(said[:n, :d], dim=-1).T
                kl = distributions(cut, wanted[0]) + distributions(cut.T, wanted[1])
                losses["prefix"] = losses["prefix"] + w["prefix"] / (4 * len(self.short)) * kl
        if w["patch"]:
            best = torch.einsum("npd,md->nmp", patches, said[:n])
            score = torch.logsumexp(best * 10, dim=-1) / 10 * scale
            score = score.masked_fill(ignore[:, :n] & ~torch.eye(n, dtype=torch.bool), float("-inf"))
            losses["patch"] = losses["patch"] + w["patch"] / 2 * nn.functional.cross_entropy(score, torch.arange(n))

    def _named(self, towers: Towers, pooled: Tensor, scale: Tensor, share: Tensor, classes: Tensor, rng: np.random.Generator) -> Tensor:
        """Pictures among the class names of one language as the frozen backbone sees them, whole and cut."""
        language = int(rng.integers(self.names.shape[1]))
        prompts = towers.text(self.vectors[self.names[:, language]])
        target = torch.zeros(len(pooled), len(self.names)).scatter_(1, classes, share)
        target = target / target.sum(-1, keepdim=True)
        sizes = (prompts.shape[1], self.short[int(rng.integers(len(self.short)))])
        told = [scale * normalize(pooled[:, :d], dim=-1) @ normalize(prompts[:, :d], dim=-1).T for d in sizes]
        return self.recipe.weights["classes"] / 2 * torch.stack([distributions(t, target, share[:, 0] ** 2) for t in told]).sum()

    def _parallel(self, towers: Towers, rng: np.random.Generator) -> Tensor:
        """Korean beside the English that means the same."""
        w, vectors = self.recipe.weights, self.vectors
        alike = self.pairs[rng.choice(len(self.pairs), size=min(w_int(w, "pairs_batch"), len(self.pairs)), replace=False)]
        ko, en = towers.text(vectors[alike[:, 0]]), towers.text(vectors[alike[:, 1]])
        twins = same(torch.from_numpy(alike[:, 0])) | same(torch.from_numpy(alike[:, 1]))
        return w["parallel"] * matryoshka(lambda a, b: infonce(a, b, 20.0, ignore=twins), ko, en, self.recipe.dims)

    def _kept(self, towers: Towers, rng: np.random.Generator) -> Tensor:
        """The similarities of other texts as the teachers have them."""
        some = self.general[rng.choice(len(self.general), size=min(512, len(self.general)), replace=False)]
        now = towers.text(self.vectors[some])
        kept = [similarities(normalize(now[:, :d], dim=-1), teacher[some]) for d, teacher in self.teachers]
        return self.recipe.weights["keep"] * torch.stack(kept).sum()


def _infonce(pooled: Tensor, said: Tensor, scale: Tensor, ignore: Tensor, dims: Sequence[int]) -> Tensor:
    return matryoshka(lambda a, b: infonce(a, b, scale, ignore=ignore), pooled, said, dims)


def w_int(weights: Mapping[str, float], name: str) -> int:
    """A whole number among the recipe's weights."""
    return int(weights[name])
