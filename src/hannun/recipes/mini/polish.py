"""The trained text head goes in; the step of the last stage, which moves that head alone, comes out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from hannun.recipe import Recipe
from hannun.recipes.mini.pools import Ints
from hannun.recipes.mini.towers import TextHead, Towers
from hannun.train.loop import Step


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
