"""Pairs of texts and pictures and the objectives' weights go in; the step of OneR's training, and what moves its teacher, come out.

One step: the texts and pictures of a batch are read by the student and by the teacher in the modes that the objectives ask for, each with
its own random part of every picture, and the objectives compare them (`hannun.objectives.mixup`). Without a teacher the same network is
trained as CLIP (Radford et al. 2021) or SLIP (Mu et al. 2022, arXiv:2112.12750): InfoNCE between texts and pictures, and between two parts
of a picture. There is no gradient caching: a teacher and a predictor stand in its way, and batches go through whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample, normalize

from hannun.errors import InputError, neighbours
from hannun.item import Item, Pair, Text
from hannun.models.features import Features
from hannun.models.one_tower.tower import IMAGE, MODES, TEXT, Branch, OneTower
from hannun.objectives import mixup
from hannun.objectives.infonce import bounded, infonce
from hannun.objectives.mixup import TaughtViews
from hannun.recipe import Recipe
from hannun.train.batches import Batch, Mixture
from hannun.train.distributed import gathered
from hannun.train.loop import After, Step
from hannun.train.pairs import label

#: Of an objective with a teacher, the modes that it reads besides each kind alone.
READS: Mapping[str, tuple[str, ...]] = {"itc": (), "xmc": (), "cic": ("image|text", "text|image"), "cmc": ("both",)}
WITHOUT = ("clip", "slip")  # objectives without a teacher


@dataclass(frozen=True)
class CrossModal:
    """What the losses are: `objectives` are weights by name (itc, xmc, cic, cmc; clip, slip without a teacher).

    Of every picture a random part is seen, of a share of its area drawn from `area`, mirrored half of the time where `mirror`.
    Equal texts and equal pictures are no negatives of each other; nor are pictures that share the fact `products`, and a text and a
    picture that share one of `also`.
    """

    objectives: Mapping[str, float] = field(default_factory=lambda: {"itc": 1.0, "xmc": 1.0, "cic": 1.0, "cmc": 1.0})
    temperature: float = 0.2
    area: tuple[float, float] = (0.5, 1.0)
    mirror: bool = True
    products: str = ""
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.objectives:
            if name not in (*READS, *WITHOUT):
                raise InputError(f"no objective {name!r}; {neighbours(name, (*READS, *WITHOUT))}")
        with_teacher = {k for k, w in self.objectives.items() if w and k in READS}
        if not any(self.objectives.values()) or (with_teacher and any(self.objectives.get(k) for k in WITHOUT)):
            raise InputError(
                f"objectives={dict(self.objectives)} came, expected some of {', '.join(READS)}, or some of {', '.join(WITHOUT)}"
            )

    @staticmethod
    def of(recipe: Recipe) -> CrossModal:
        """What a recipe says of it: its weights "itc", "xmc", "cic", "cmc", and its temperature."""
        return CrossModal({k: recipe.weights.get(k, 0.0) for k in READS}, recipe.temperature)

    @property
    def taught(self) -> bool:
        """Whether there must be a teacher."""
        return any(w for k, w in self.objectives.items() if k in READS)


def cross_modal(mixture: Mixture, settings: CrossModal) -> Step:
    """The step: takes the mixture's next batch, whatever its number. Hand `train` the mixture as `batches`, and `taught` as `after`."""

    def go(module: nn.Module, number: int) -> dict[str, Tensor]:
        return losses(module, mixture.next(), mixture, settings)

    return go


def taught(steps: int) -> After:
    """What comes after each update of a training of so many: the teacher follows the student."""

    def go(module: nn.Module, number: int) -> None:
        model: Any = getattr(module, "module", module)
        model.follow(number, steps)

    return go


def paired(pairs: Sequence[Pair]) -> tuple[list[Pair], int]:
    """Pairs of a text and a picture, as (text → picture) whichever side each stood on, and how many had not both."""
    out = []
    for p in pairs:
        text = p.query.text or p.positive.text
        image = next((side.images[0] for side in (p.positive, p.query) if side.images), None)
        if text and image is not None:
            out.append(
                replace(
                    p,
                    query=Item(p.query.id, (Text(text),), p.query.facts),
                    positive=Item(p.positive.id, (image,), p.positive.facts),
                    negatives=(),
                )
            )
    return out, len(pairs) - len(out)


def losses(module: nn.Module, batch: Batch, mixture: Mixture, settings: CrossModal) -> dict[str, Tensor]:
    """The named losses of one batch. Raises InputError where a teacher is there and not needed, or the other way round."""
    model: Any = getattr(module, "module", module)
    if settings.taught != (model.teacher is not None):
        raise InputError(
            f"objectives {', '.join(settings.objectives)} came, expected {'itc …' if model.teacher is not None else 'clip or slip'}"
        )
    features = _collated(model, batch, mixture)
    ignore = _no_negatives(batch.pairs, settings, features.rows["input_ids"].device)
    if settings.taught:
        return _taught(model, features, ignore, settings)
    return _clip(model, features, ignore, settings)


def _collated(model: OneTower, batch: Batch, mixture: Mixture) -> Features:
    """Texts and pictures of a batch in one Features, pictures first decoded and kept by the model."""
    rows = [Item(p.query.id, (*p.query.parts, *p.positive.parts)) for p in batch.pairs]
    prompts = {p.source for p in batch.pairs}
    if len(prompts) == 1:
        features = mixture.collate(model, prompts.pop(), rows, "query")
    else:
        features = model.collate(rows, "query")
    return features.to(next(model.parameters()).device)


def _no_negatives(pairs: Sequence[Pair], settings: CrossModal, device: torch.device) -> Tensor:
    """[n, n] over the pairs of all processes: True where two answer each other."""
    asked = [(label(p.query), "", *(_fact(p.query, f) for f in settings.also)) for p in pairs]
    known = [(label(p.positive), _fact(p.positive, settings.products), *(_fact(p.positive, f) for f in settings.also)) for p in pairs]
    texts, images = (gathered(torch.tensor([[_number(x) for x in row] for row in rows], device=device)) for rows in (asked, known))

    def equal(a: Tensor, b: Tensor) -> Tensor:
        return (a[:, None] == b[None]) & (a >= 0)[:, None]

    out = equal(texts[:, 0], texts[:, 0]) | equal(images[:, 0], images[:, 0]) | equal(images[:, 1], images[:, 1])
    for n in range(2, texts.shape[1]):
        shared = equal(texts[:, n], images[:, n])
        out = out | shared | shared.T
    return out


def _fact(it: Item, name: str) -> str:
    value = it.facts.get(name) if name else None
    return "" if value is None else str(value)


def _number(text: str) -> int:
    """A whole number below 2^56 of a word, −1 of an empty one."""
    return int.from_bytes(blake2b(text.encode(), digest_size=7).digest(), "big") if text else -1


def _taught(model: OneTower, features: Features, ignore: Tensor, settings: CrossModal) -> dict[str, Tensor]:
    wanted = {k: w for k, w in settings.objectives.items() if w}
    modes = tuple(m for m in MODES if m in (IMAGE, TEXT) or any(m in READS[k] for k in wanted))  # in one order in every process
    assert model.teacher is not None
    asked = {m: model.predicted(m.partition("|")[0], z) for m, z in _read(model.student, features, modes, settings).items()}
    with torch.no_grad():
        known = {m: normalize(z.float(), dim=-1) for m, z in _read(model.teacher, features, modes, settings).items()}
    v = {m: TaughtViews(gathered(asked[m]), gathered(known[m])) for m in modes}
    image, text, t = v[IMAGE], v[TEXT], settings.temperature
    out: dict[str, Tensor] = {}
    if "itc" in wanted:
        out["itc"] = mixup.itc(image, text, t, ignore)
    if "xmc" in wanted:
        share = gathered(torch.rand(len(asked[IMAGE]), device=image.asked.device))  # λ from Beta(1, 1), the same in every process
        out["xmc"] = mixup.xmc(image, text, share, t, ignore)
    if "cic" in wanted:
        out["cic"] = mixup.cic(image, text, v["image|text"], v["text|image"], t, ignore)
    if "cmc" in wanted:
        out["cmc"] = mixup.cmc(image, text, v["both"], t, ignore)
    return {k: wanted[k] * loss for k, loss in out.items()}


def _clip(model: OneTower, features: Features, ignore: Tensor, settings: CrossModal) -> dict[str, Tensor]:
    """CLIP's loss, and SLIP's on two parts of each picture besides: InfoNCE at one learned temperature, both of them."""
    first = {k: gathered(normalize(z.float(), dim=-1)) for k, z in _read(model.student, features, (IMAGE, TEXT), settings).items()}
    assert model.log_scale is not None
    scale = bounded(model.log_scale)
    out: dict[str, Tensor] = {}
    if w := settings.objectives.get("clip"):
        out["clip"] = w * infonce(first[TEXT], first[IMAGE], scale, ignore=ignore)
    if w := settings.objectives.get("slip"):
        second = _read(model.student, features, (IMAGE,), settings)[IMAGE]
        out["slip"] = w * infonce(first[IMAGE], gathered(normalize(second.float(), dim=-1)), 1 / 0.1, ignore=ignore)  # SLIP's 0.1
    return out


def _read(branch: Branch, features: Features, modes: Sequence[str], settings: CrossModal) -> dict[str, Tensor]:
    """What a branch says of the batch in each mode, looking at random parts of its own of the pictures."""
    pixels = parts(features.pixels["pixel_values"], settings.area, settings.mirror)
    image = branch.trunk(IMAGE).image(pixels)
    text = branch.trunk(TEXT).text(features.rows["input_ids"], features.rows["attention_mask"])
    return branch.read(image, text, modes)


def parts(pixels: Tensor, area: tuple[float, float], mirror: bool) -> Tensor:
    """A random part of each picture [n, 3, side, side], of a share of its area drawn from `area`, at the same size."""
    n, device = len(pixels), pixels.device
    side = (area[0] + (area[1] - area[0]) * torch.rand(n, device=device)).sqrt()
    across, down = ((1 - side) * (2 * torch.rand(n, device=device) - 1) for _ in range(2))
    flip = torch.where(torch.rand(n, device=device) < 0.5, -1.0, 1.0) if mirror else torch.ones(n, device=device)
    zero = torch.zeros_like(side)
    turn = torch.stack([torch.stack([side * flip, zero, across], dim=1), torch.stack([zero, side, down], dim=1)], dim=1)
    return grid_sample(pixels, affine_grid(turn, list(pixels.shape), align_corners=False), align_corners=False, padding_mode="reflection")
