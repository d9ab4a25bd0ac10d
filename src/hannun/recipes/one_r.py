"""The data folder goes in; a model in which pictures and words go through one Transformer, and its table beside mini's, come out.

OneR (Jang et al. 2023, arXiv:2211.11153, NAVER): one tower whose every weight reads patches and tokens alike, trained in MoCo v3's frame by
contrast of pictures and texts read alone (ITC), mixed (XMC), in the light of each other (CIC) and as one sequence (CMC). `tiny` is the same
training from nothing on small pictures: of the drawn catalogue first, then of photos, products and emoji, in both languages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from hannun.datasets import pictures
from hannun.errors import InputError
from hannun.item import Pair
from hannun.load import load
from hannun.models.backbones import tiny
from hannun.models.one_tower.tower import OneTower
from hannun.models.one_tower.trunk import OneTowerShape
from hannun.processes import in_turn
from hannun.recipe import Recipe, Stage
from hannun.recipes import skeleton, table
from hannun.recipes.data import drawn, pairs
from hannun.recipes.skeleton import Training, mixed
from hannun.train.batches import Mixture
from hannun.train.own import OwnData
from hannun.train.run import Moment
from hannun.train.schedule import Schedule
from hannun.train.steps.cross_modal import CrossModal, cross_modal, paired, taught

_SOURCE, _MOCO = "from the source", "from the source's frame, MoCo v3 (Chen et al. 2021)"
BASE, SMALL = "one tower of new weights, ViT-B/16", "one tower of new weights, 48 px"
PHOTOS, PRODUCTS = 6000, 1500  # training pictures

PAPER = Recipe(
    name="one_r",
    about="One tower in which pictures and words are the same kind of thing; ITC, XMC, CIC, CMC (OneR, NAVER)",
    sources={"photo_ko": 1.0, "photo_en": 1.0},
    restricted=frozenset({"photo_ko", "photo_en"}),
    steps=40_000,
    batch=4096,
    learning_rate=2.4e-3,
    dims=(256,),
    temperature=0.2,
    source_temperature=1.0,
    backbone=BASE,
    weights={"itc": 1.0, "xmc": 1.0, "cic": 1.0, "cmc": 1.0},
    weight_decay=0.1,
    warmup=0.1,
    betas=(0.9, 0.999),
    precision="bf16",
    origins={
        "backbone": f"{_SOURCE}: one Transformer for both kinds, a thin embedding for each; ours ViT-B/16's numbers and new weights",
        "weights": f"{_SOURCE}: its four objectives; ours that each counts alike",
        "temperature": _MOCO,
        "dims": _MOCO,
        "batch": _MOCO,
        "learning_rate": f"{_MOCO}: 1.5e-4 · batch / 256",
        "weight_decay": _MOCO,
        "betas": "ours: AdamW's own",
        "warmup": "ours, after MoCo v3, which warms up for 40 of 300 epochs",
        "sources": "ours: what is at hand; the source has pairs of the web",
        "steps": "ours",
        "precision": "ours",
    },
)
TINY = replace(
    PAPER,
    size="tiny",
    sources={},
    restricted=frozenset({"photo_ko", "photo_en", "product_ko", "product_en"}),
    steps=600,
    batch=64,
    learning_rate=1e-3,
    dims=(128,),
    source_temperature=5.0,
    backbone=SMALL,
    betas=(0.9, 0.98),
    stages=(
        Stage("drawn", {"drawn_ko": 1.0, "drawn_en": 1.0}, 200, 64, 1e-3),
        Stage(
            "photos",
            {"photo_ko": 1.0, "photo_en": 1.5, "product_ko": 0.7, "product_en": 0.5, "emoji_ko": 0.7, "emoji_en": 0.5, "drawn_ko": 0.5},
            400,
            64,
            1e-3,
        ),
    ),
    origins={
        **PAPER.origins,
        "backbone": f"{_SOURCE}: one Transformer for both kinds; ours its size, and LayerNorm in the heads: batches are small",
        "stages": "ours: the drawn catalogue first, then photos",
        "dims": "ours",
        "batch": "ours",
        "learning_rate": "ours",
        "betas": "ours",
    },
)
SIZES: Mapping[str, Recipe] = {"paper": PAPER, "tiny": TINY}
SHAPES: Mapping[str, OneTowerShape] = {
    BASE: OneTowerShape(side=224, patch=16, width=768, layers=12, heads=12, words=30_000, limit=64, hidden=4096, dim=256, batch_norm=True),
    SMALL: OneTowerShape(side=48, words=6000, limit=40),
}


def build(recipe: Recipe, texts: Iterable[str] = ()) -> OneTower:
    """The untrained model, with a tokenizer learned from `texts`. Raises InputError for a backbone that is none of SHAPES."""
    if recipe.backbone not in SHAPES:
        raise InputError(f"backbone={recipe.backbone!r} came; one_r begins with new weights: {', '.join(map(repr, SHAPES))}")
    return begun(SHAPES[recipe.backbone], texts, recipe)


def begun(shape: OneTowerShape, texts: Iterable[str], recipe: Recipe) -> OneTower:
    """New weights of a shape. Raises InputError where its vectors are not as long as the recipe's."""
    if shape.dim != max(recipe.dims):
        raise InputError(f"the backbone gives {shape.dim} dimensions and the recipe has {max(recipe.dims)}; --set dims={shape.dim}")
    torch.manual_seed(recipe.seed)
    words = tiny.tokenizer(list(texts), ["<pad>", "</s>"], pad="<pad>", eos="</s>", size=shape.words, length=shape.limit)
    return OneTower(replace(shape, words=len(words)), words)


def counted(recipe: Recipe) -> str:
    """A line of how many weights the recipe's network has, from the meta device."""
    with torch.device("meta"):
        model = OneTower(SHAPES[recipe.backbone], None)
    parts = {"student": model.student, "predictor": model.predictors, "teacher": model.teacher or nn.Module()}
    told = ", ".join(f"{k} {sum(p.numel() for p in m.parameters()) / 1e6:,.1f} M" for k, m in parts.items())
    return f"{recipe.name} --size {recipe.size}: {told}; of {recipe.backbone}"


def training(recipe: Recipe, data: Path, work: Path) -> dict[str, list[Pair]]:
    """The pairs of every source that the recipe names, by source; the catalogue is drawn in `work`/drawn."""
    wanted = {s for stage in recipe.stages for s in stage.sources} | set(recipe.sources)
    made: dict[str, list[Pair]] = in_turn(lambda: drawn.training(work / "drawn")) if any(s.startswith("drawn") for s in wanted) else {}
    trained = pairs.training_photos(data, PHOTOS)
    shop = [p for p in pictures.fashion(data) if p.split == "train"][::4][:PRODUCTS]
    signs = [p for p in pictures.emoji(data) if p.split == "train"]
    for lang in ("ko", "en"):
        made[f"photo_{lang}"] = pairs.captioned(trained, lang, 2)
        made[f"product_{lang}"] = pairs.described(shop, lang, 2, f"product_{lang}")
        made[f"emoji_{lang}"] = pairs.described(signs, lang, 2, f"emoji_{lang}")
    return {k: v for k, v in made.items() if k in wanted}


def fit(model: nn.Module, batches: Mixture, settings: CrossModal, schedule: Schedule, how: Training, folder: str = "") -> nn.Module:
    """Train a model on a mixture; its teacher, where it has one, follows."""
    for line in batches.small():
        how.tell(line)
    return how.fit(model, cross_modal(batches, settings), batches, schedule, folder, after=taught(schedule.steps))


def run(
    recipe: Recipe, data: Path, work: Path, tell: Callable[[str], None] = print, watch: Callable[[Moment], None] | None = None
) -> list[str]:
    """Train the stages (or, without any, all at once), save the model in `work`/model, and measure it beside mini."""
    pairs.missing(data, ("flickr8k", "fashion", "emoji"))
    made, how = training(recipe, data, work), Training(recipe, work, tell, watch)
    model = build(recipe, (p.query.text or "" for group in made.values() for p in group))
    model.remember(work / "states")
    whole = Stage("run", recipe.sources, recipe.steps, recipe.batch, recipe.learning_rate)
    for number, stage in enumerate(recipe.stages or (whole,)):
        tell(f"stage {stage.name}")
        schedule = replace(Schedule.of(recipe, stage), seed=recipe.seed + number)
        batches = mixed(recipe, made, stage, seed=recipe.seed + number)
        fit(model, batches, CrossModal.of(recipe), schedule, how, stage.name)
    return how.kept(model, lambda: figures(model, data, work))


def own(recipe: Recipe, data: OwnData, start: Path | None, training: Training) -> list[str]:
    """The same training on a user's own pairs of texts and pictures. Raises InputError where there are none."""
    train, left = paired(data.train)
    if not train:
        raise InputError("no pair has a text and a picture, and one_r learns from pairs of both; give such pairs with --pairs")
    told = (*data.said, f"{left} pairs without both a text and a picture are left out") if left else data.said
    settings = replace(CrossModal.of(recipe), products=data.product, also=data.also)

    def taught_by(model: OneTower, batches: Mixture, schedule: Schedule) -> None:
        fit(model, batches, settings, schedule, training, "run")

    def begin() -> OneTower:
        return build(recipe, [p.query.text or "" for p in train])

    return skeleton.own(begin, replace(data, train=tuple(train), said=told), start, training, taught_by)


def figures(model: OneTower, data: Path, work: Path) -> list[str]:
    """Every figure for the model and for mini, with the paired 95 % interval of the difference."""
    embeds: Sequence[table.Embed] = (table.of_model(model), table.of_encoder(load("mini")))
    shop, photos, signs = drawn.test(work / "drawn"), table.Photos.read(data), table.emoji_test(data)
    found = [{**drawn.measure(shop, e), **photos.measure(e), **table.named(signs, e)} for e in embeds]
    lines = [f"{'':28} {'one_r':>8}  {'mini':>8}   difference [95 %]"]
    return [*lines, *(table.line(name, [f[name] for f in found]) for name in found[0])]
