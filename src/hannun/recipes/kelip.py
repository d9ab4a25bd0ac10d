"""The data folder goes in; a Korean and English CLIP of two towers, and its table beside mini's, come out.

KELIP (Ko and Gu 2022, arXiv:2203.14463, NAVER): one contrastive model for both languages, trained on (text, picture) pairs of each
language without any pair across languages; the scorer of the pair filter. `tiny` is the same training over two frozen backbones that
install offline, multilingual-e5-small and EfficientNet-Lite2, whose heads it learns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from hannun.datasets import pictures
from hannun.errors import InputError
from hannun.load import load
from hannun.mini.model import HERE as MINI
from hannun.models import published
from hannun.models.backbones import clip, e5, efficientnet
from hannun.models.two_tower import Tower, TowerConfig, TwoTower, head
from hannun.recipe import Recipe
from hannun.recipes import skeleton, table
from hannun.recipes.data import pairs
from hannun.recipes.skeleton import Training, mixed
from hannun.train.batches import Mixture
from hannun.train.own import OwnData
from hannun.train.run import Moment
from hannun.train.schedule import Schedule
from hannun.train.steps.contrastive import Contrast

_SOURCE = "from the source"
SMALL = "multilingual-e5-small and EfficientNet-Lite2, both frozen"
PHOTOS, PRODUCTS = 6000, 1000  # training pictures: as many as a CPU reads in minutes

PAPER = Recipe(
    name="kelip",
    about="Korean and English CLIP without pairs across the languages, the scorer of the pair filter (NAVER)",
    sources={"photo_ko": 708.0, "photo_en": 476.0},
    restricted=frozenset({"photo_ko", "photo_en"}),
    steps=300_000,
    batch=4096,
    learning_rate=5e-4,
    dims=(512,),
    temperature=0.07,
    source_temperature=1.0,
    backbone=published.NEW_CLIP,
    chunk=256,
    weights={"crops": 2.0},
    weight_decay=0.2,
    precision="bf16",
    origins={
        "sources": f"{_SOURCE}: 708 million Korean and 476 million English pairs; here their shares",
        "backbone": f"{_SOURCE}: ViT-B/32, trained from new; ours that its tokenizer is learned from the training texts",
        "weights": f"{_SOURCE} that parts of pictures are contrasted too (multi-crop); ours how many",
        "dims": f"{_SOURCE}: CLIP's ViT-B/32",
        "temperature": "ours, after CLIP (Radford et al. 2021): learned, from 0.07",
        "learning_rate": "ours, after CLIP (Radford et al. 2021)",
        "weight_decay": "ours, after CLIP (Radford et al. 2021)",
        "batch": "ours",
        "steps": "ours",
        "chunk": "ours",
    },
)
TINY = replace(
    PAPER,
    size="tiny",
    sources={"photo_ko": 1.0, "photo_en": 1.5, "product_ko": 0.7, "product_en": 0.5, "emoji_ko": 0.7, "emoji_en": 0.5},
    restricted=frozenset({"photo_ko", "photo_en", "product_ko", "product_en"}),
    steps=400,
    batch=256,
    learning_rate=5e-4,
    dims=(384, 192, 96),
    temperature=0.05,
    source_temperature=5.0,
    backbone=SMALL,
    weights={},
    chunk=0,
    ema=0.98,
    precision="fp32",
    weight_decay=0.1,
    origins={
        **PAPER.origins,
        "sources": "ours: what is at hand, each language apart as in the source",
        "backbone": "ours: what installs offline",
        "dims": "ours",
        "temperature": "ours, learned from there",
        "learning_rate": "ours: heads alone",
        "weight_decay": "ours",
        "ema": "ours",
    },
)
SIZES: Mapping[str, Recipe] = {"paper": PAPER, "tiny": TINY}


def build(recipe: Recipe, texts: Sequence[str] = ()) -> TwoTower:
    """The untrained towers: a new CLIP with a tokenizer learned from `texts`, a dual class by path or hub id, or two small frozen backbones
    under a linear head on e5's mean and two layers on EfficientNet's.
    """
    torch.manual_seed(recipe.seed)
    if recipe.backbone == published.NEW_CLIP:
        return _wide(TwoTower.dual(*clip.begin(texts, seed=recipe.seed)), recipe)
    if recipe.backbone != SMALL:
        return _wide(TwoTower.begin(recipe.backbone, dim=max(recipe.dims), dims=recipe.dims, attention=recipe.attention), recipe)
    text, image = e5.model(MINI), efficientnet.model()
    full, nested = max(recipe.dims), tuple(d for d in recipe.dims if d < max(recipe.dims))
    plan = TowerConfig(("text", "image"), 0.3, dict.fromkeys(("query", "document"), e5.PREFIXES["query"]), 256, nested)
    said = Tower(text, head(text.config.hidden_size, full))
    if full == text.config.hidden_size:  # start as e5 itself: what it knows of both languages is what ties them together
        with torch.no_grad():
            torch.nn.init.eye_(said.head[0].weight)
            said.head[0].bias.zero_()
    return TwoTower(said, Tower(image, head(efficientnet.WIDTH, 1024, full)), e5.tokenizer(MINI), efficientnet.processor(), plan)


def _wide(model: TwoTower, recipe: Recipe) -> TwoTower:
    """The model, if its vectors are as long as the recipe's. Raises InputError."""
    if model.dim != max(recipe.dims):
        raise InputError(f"the backbone gives {model.dim} dimensions and the recipe has {max(recipe.dims)}; --set dims={model.dim}")
    if recipe.recompute:
        model.recompute()
    return model


def mixture(recipe: Recipe, data: Path) -> Mixture:
    """Pairs of each language apart: photos with captions, products and emoji with descriptions."""
    trained = pairs.training_photos(data, PHOTOS)
    shop = [p for p in pictures.fashion(data) if p.split == "train"][::5][:PRODUCTS]
    signs = [p for p in pictures.emoji(data) if p.split == "train"][::2]
    made = {}
    for lang in ("ko", "en"):
        made[f"photo_{lang}"] = pairs.captioned(trained, lang, 2 if lang == "ko" else 1)
        made[f"product_{lang}"] = pairs.described(shop, lang, 1, f"product_{lang}")
        made[f"emoji_{lang}"] = pairs.described(signs, lang, 1, f"emoji_{lang}")
    return mixed(recipe, made)


def run(
    recipe: Recipe, data: Path, work: Path, tell: Callable[[str], None] = print, watch: Callable[[Moment], None] | None = None
) -> list[str]:
    """Train, save the model in `work`/model, and measure it beside mini."""
    pairs.missing(data, ("flickr8k", "fashion", "emoji"))
    batches, training = mixture(recipe, data), Training(recipe, work, tell, watch)
    model = build(recipe, [p.query.text or "" for s in batches.sources.values() for window in s.windows for p in window()])
    model.remember(work / "states")
    training.contrasted(model, batches, Contrast.of(recipe), Schedule.of(recipe))
    return training.kept(model, lambda: figures(model, data))


def own(recipe: Recipe, data: OwnData, start: Path | None, training: Training) -> list[str]:
    """The same training on a user's own pairs."""
    return skeleton.own(lambda: build(recipe, [p.query.text or "" for p in data.train]), data, start, training)


def figures(model: TwoTower, data: Path) -> list[str]:
    """Every figure for the model and for mini, with the paired 95 % interval of the difference."""
    embeds = [table.of_model(model), table.of_encoder(load("mini"))]
    signs, photos = table.emoji_test(data), table.Photos.read(data)
    figures = [{**photos.measure(e), **table.named(signs, e)} for e in embeds]
    lines = [f"{'':28} {'kelip':>8}  {'mini':>8}   difference [95 %]"]
    return [*lines, *(table.line(name, [f[name] for f in figures]) for name in figures[0])]
