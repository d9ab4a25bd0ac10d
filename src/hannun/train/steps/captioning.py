"""A mixture of pairs and the losses' settings go in; the step of a training by contrast and by captions at once comes out (CoCa).

A pair is a text and what it tells of, a picture or a signal, on whichever side: each of them in one row. The rows run under one gradient
cache, which carries for each text its vector, the vector of what was seen, and −log p of its words; the contrast sees the whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from hannun.errors import InputError
from hannun.item import Item, Pair
from hannun.models.captioner.network import APART, PAIR
from hannun.objectives import caption
from hannun.objectives.infonce import bounded, infonce
from hannun.objectives.matryoshka import matryoshka
from hannun.objectives.sigmoid import sigmoid
from hannun.recipe import Recipe
from hannun.train.ahead import Ahead
from hannun.train.batches import Batch
from hannun.train.distributed import gathered, gathered_vectors
from hannun.train.gradcache import cached, joined
from hannun.train.loop import Step
from hannun.train.steps.contrastive import Contrast, Stream, answers, asks


@dataclass(frozen=True)
class Captioning:
    """What the two losses are: CoCa's weights are `caption.CAPTION` and `caption.CONTRAST`; 0 leaves one out.

    `contrast` says how vectors are contrasted; of it `chunk`, `temperature` (where the model learns none), `dims`, `margin`, `products`,
    `also` and `symmetric` are read. `pairwise` 1 takes SigLIP's loss of each pair by itself in place of InfoNCE.
    """

    contrast: Contrast = field(default_factory=Contrast)
    captions: float = caption.CAPTION
    contrasts: float = caption.CONTRAST
    pairwise: int = 0

    def __post_init__(self) -> None:
        if self.captions < 0 or self.contrasts < 0 or not self.captions + self.contrasts:
            raise InputError(f"weights {self.captions} and {self.contrasts} came, expected 0 or more, and one of them above 0")

    @staticmethod
    def of(recipe: Recipe) -> Captioning:
        """What a recipe says of it: its own fields, and the weights "caption", "contrast" and "pairwise"."""
        w = recipe.weights
        return Captioning(
            Contrast.of(recipe), w.get("caption", caption.CAPTION), w.get("contrast", caption.CONTRAST), int(w.get("pairwise", 0))
        )

    @property
    def role(self) -> str:
        """How rows are read: told of only where captions count."""
        return PAIR if self.captions else APART


def captioning(mixture: Stream, settings: Captioning) -> Step:
    """The step: takes the mixture's next batch, whatever its number. Hand the mixture to `train` as `batches` too."""

    def go(module: nn.Module, number: int) -> dict[str, Tensor]:
        return losses(module, mixture.next(), mixture, settings)

    return go


def ahead(mixture: Any, model: Any, settings: Captioning, workers: int) -> Stream:
    """The mixture, its batches made ready by `workers` threads; itself where that is 0."""
    if not workers:
        made: Stream = mixture
        return made
    return Ahead(mixture, model, lambda batch: [(settings.role, [(p.source, both(p)) for p in batch.pairs])], workers)


def both(pair: Pair) -> Item:
    """The text of a pair and what it tells of as one item."""
    return replace(pair.query, parts=(*pair.query.parts, *pair.positive.parts))


def losses(module: nn.Module, batch: Batch, mixture: Stream, settings: Captioning) -> dict[str, Tensor]:
    """The named losses of one batch: "contrast" and "caption", each times its weight; one of weight 0 is not computed."""
    pairs, told = batch.pairs, settings.contrast
    found = gathered_vectors(_rows(module, pairs, mixture, settings))
    out: dict[str, Tensor] = {}
    if settings.contrasts:
        model: Any = getattr(module, "module", module)
        texts, seen = found.dense, found.others["seen"]
        device = texts.device
        asked = gathered(asks(pairs, told).to(device))
        known = gathered(answers([p.positive for p in pairs], [p.query for p in pairs], told).to(device))
        learned = getattr(model, "log_scale", None)
        scale = torch.tensor(1 / told.temperature, device=device) if learned is None else bounded(learned)
        margin = told.margin or None

        def contrast(a: Tensor, b: Tensor) -> Tensor:
            if settings.pairwise:
                return sigmoid(a, b, scale, model.bias, labels=(asked, known), margin=margin)
            return infonce(a, b, scale, labels=(asked, known), margin=margin, symmetric=told.symmetric)

        out["contrast"] = settings.contrasts * matryoshka(contrast, texts, seen, told.dims or (texts.shape[-1],))
    if settings.captions:
        out["caption"] = settings.captions * caption.caption(found.others["caption"], found.others["count"])
    return out


def _rows(module: nn.Module, pairs: Sequence[Pair], mixture: Stream, settings: Captioning) -> Any:
    """The vectors and captions of all pairs in order, run by run of one source, each in its source's style."""
    model: Any = getattr(module, "module", module)
    device = next(iter(module.parameters())).device
    pieces = []
    for source, run in groupby(pairs, key=lambda p: p.source):
        features = mixture.collate(model, source, [both(p) for p in run], settings.role).to(device)
        pieces.append(cached(module, features, settings.contrast.chunk or len(features)))
    return joined(pieces)
