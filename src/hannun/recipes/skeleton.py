"""A recipe, the untrained model and its pairs go in; the trained model and the lines of its table come out: what all recipes share.

A recipe keeps its numbers with their origins, its pairs, its model, its step and its table. How it is trained, resumed and saved, and
how it is trained on a user's own pairs instead, stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from hannun.errors import InputError
from hannun.item import Pair
from hannun.models.checkpoint import open_model, save
from hannun.processes import Made, once
from hannun.recipe import Recipe, Stage
from hannun.recipes import table
from hannun.train.batches import Mixture, from_pairs
from hannun.train.loop import After, Step, train
from hannun.train.own import OwnData, retrieval
from hannun.train.pairs import label
from hannun.train.run import Moment, Resumable
from hannun.train.schedule import Schedule
from hannun.train.steps.contrastive import Contrast, ahead, contrastive


@dataclass(frozen=True)
class Training:
    """Where a recipe's run keeps its checkpoints, whom it tells lines, and who is told of each update."""

    recipe: Recipe
    work: Path
    tell: Callable[[str], None] = print
    watch: Callable[[Moment], None] | None = None

    def fit(
        self,
        model: nn.Module,
        step: Step,
        batches: Resumable,
        schedule: Schedule,
        folder: str = "",
        validate: Callable[[nn.Module], float] | None = None,
        after: After | None = None,
    ) -> nn.Module:
        """Train; killed and called again, it goes on from its last checkpoint. With `validate` the best state is kept; see `train`."""
        place = self.work / folder
        return train(model, step, schedule, place, self.tell, batches=batches, validate=validate, watch=self.watch, after=after)

    def contrasted(self, model: nn.Module, batches: Mixture, settings: Contrast, schedule: Schedule, folder: str = "") -> nn.Module:
        """Train by contrast alone; the recipe's `workers` make the next batches ready."""
        for line in batches.small():
            self.tell(line)
        stream = ahead(batches, model, settings, self.recipe.workers)
        return self.fit(model, contrastive(stream, settings), stream, schedule, folder)

    def keep(self, model: Any) -> None:
        """Save the trained model in `work`/model; of several processes all must call this, and the first one writes."""
        save(model.eval(), self.work / "model")

    def kept(self, model: Any, measure: Callable[[], Made]) -> Made:
        """Save the trained model, and give what is measured of it, by the first of several processes."""
        self.keep(model)
        return once(measure)


def mixed(
    recipe: Recipe,
    made: Mapping[str, Sequence[Pair]],
    stage: Stage | None = None,
    *,
    seed: int | None = None,
    task: str = "",
    block: int = 0,
) -> Mixture:
    """The recipe's (or a stage's) sources, mixed by their weights; instructions by source."""
    weights = (stage or recipe).sources
    if absent := sorted(set(weights) - set(made)):
        raise InputError(f"the data has no pairs for {', '.join(absent)}; leave it out, or give a folder that has them")
    told = recipe.instructions
    sources = [from_pairs(n, made[n], weight=w, query_prompt=told.get(n), task=task) for n, w in weights.items()]
    size = (stage or recipe).batch
    return Mixture(sources, size, seed=recipe.seed if seed is None else seed, temperature=recipe.source_temperature, block=block or None)


Fit = Callable[[Any, Mixture, Schedule], object]


def own(build: Callable[[], Any], data: OwnData, start: Path | None, training: Training, fit: Fit | None = None) -> list[str]:
    """Train a recipe's model on a user's own pairs, save it, and measure it before and after on the pairs that were held out.

    `start` is a trained model to go on from, in place of the untrained one that `build` makes. `fit` trains a recipe that does more than
    contrast.
    """
    recipe = training.recipe
    seen = any(p.positive.images or p.query.images for p in data.train)
    model = open_model(start) if start is not None else build()
    if getattr(model, "kinds", ()) and not seen:
        raise InputError(f"no pair has a picture, and {recipe.name} trains two towers, of texts and of pictures; give pairs with pictures")
    if hasattr(model, "remember"):
        model.remember(training.work / "states")
    for line in data.said:
        training.tell(line)
    groups: dict[str, list[Pair]] = {}
    for pair in data.train:
        groups.setdefault(pair.source, []).append(pair)
    small = [p for v in groups.values() if len(_answers(v)) < 2 for p in v]  # a source of one answer has nothing to contrast by itself
    groups = {k: v for k, v in groups.items() if len(_answers(v)) > 1}
    if small or not groups:
        largest = max(groups, key=lambda k: len(groups[k])) if groups else "pairs"
        groups[largest] = [*groups.get(largest, []), *small]
    first = recipe.stages[0] if recipe.stages else None
    size = min((first or recipe).batch, len(_answers(data.train)))
    task = model.tasks[0].name if getattr(model, "tasks", ()) else ""  # pairs teach the first adapter where there are some
    batches = Mixture(
        [from_pairs(k, v, task=task) for k, v in groups.items()], size, seed=recipe.seed, temperature=recipe.source_temperature
    )
    settings = replace(Contrast.of(recipe), products=data.product, also=data.also, negatives=max(recipe.negatives, 1), own=True)
    schedule = replace(Schedule.of(recipe, first), log_every=10, save_every=20)
    before = once(lambda: retrieval(table.of_model(model, task), data.dev))
    if fit is None:
        training.contrasted(model, batches, settings, schedule, "run")
    else:
        fit(model, batches, schedule)
    after = training.kept(model, lambda: retrieval(table.of_model(model, task), data.dev))
    return [
        f"{'held-out pairs':28} {'after':>8}  {'before':>8}   difference [95 %]",
        *(table.line(k, [after[k], before[k]]) for k in after),
    ]


def _answers(pairs: Sequence[Pair]) -> set[str]:
    return {label(p.positive) for p in pairs}
