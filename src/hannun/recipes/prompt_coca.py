"""The data folder goes in; a captioner of three styles in Korean and English, and its table, come out.

Prompt-CoCa (NAVER) is CoCa (Yu et al. 2022, arXiv:2205.01917) whose texts begin with a token that says where they are from: [PROMPT] for
captions and titles, [QUERY] for what people searched by, [SHOPPING] for product names. Sources of very different texts are then trained
together, and the caller chooses what is said of a picture. `tiny` sees with mini's frozen picture network at 9 × 9 places and trains
everything after it, a vocabulary of 6,000 pieces of Korean and English too. What starts warm: the eyes, and the
pieces' vectors, which are the principal directions of what multilingual-e5-small has for them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hannun import metrics
from hannun.continuation import Manner
from hannun.datasets import sentences
from hannun.errors import HannunError, InputError
from hannun.item import Pair
from hannun.load import load
from hannun.mini.model import HERE as MINI
from hannun.models.backbones import e5, tiny, vit
from hannun.models.backbones.places import PictureTokens
from hannun.models.captioner import network, speaking
from hannun.models.captioner.network import END, PAD, Captioner, CaptionerShape, special_tokens
from hannun.models.checkpoint import open_model
from hannun.models.export.captions import export_captioner
from hannun.processes import in_turn, once
from hannun.recipe import Recipe, Stage
from hannun.recipes import table
from hannun.recipes.data import pairs, told
from hannun.recipes.skeleton import Training
from hannun.train.batches import Mixture, from_pairs
from hannun.train.own import OwnData
from hannun.train.run import Moment
from hannun.train.schedule import Schedule
from hannun.train.steps.captioning import Captioning, ahead, captioning

_SOURCE = "from the source"
STYLES: Mapping[str, str] = {told.CAPTION: "[PROMPT]", told.QUERY: "[QUERY]", told.PRODUCT: "[SHOPPING]"}
EYES = "mini's frozen picture network"
NEW = {"base": "a new ViT of CoCa-Base", "large": "a new ViT of CoCa-Large", "2b": "a new ViT of CoCa"}
SETTLED = 512  # training pictures that the channels' mean and deviation are taken from

PAPER = Recipe(
    name="prompt_coca",
    about="captions, queries and product names of pictures, in Korean and English, by a token that says which (NAVER, CoCa)",
    sources={f"{style}_{lang}": 1.0 for style in told.STYLES for lang in ("ko", "en")},
    restricted=frozenset({"caption_ko", "caption_en", "query_ko", "query_en", "product_ko", "product_en"}),
    steps=500_000,
    batch=65_536,
    learning_rate=8e-4,
    dims=(768,),
    temperature=0.07,
    source_temperature=1.0,
    backbone=NEW["base"],
    chunk=256,
    weights={"caption": 2.0, "contrast": 1.0},
    weight_decay=0.01,
    warmup=0.02,
    betas=(0.9, 0.999),
    precision="bf16",
    origins={
        "sources": f"{_SOURCE}: a style for each kind of source; ours that each language is a source",
        "weights": f"{_SOURCE}: CoCa weighs captions twice (arXiv:2205.01917, section 4.1)",
        "backbone": f"{_SOURCE}: 86 M parameters of pictures, 297 M of text (CoCa, table 1); 288 px in patches of 18",
        "batch": f"{_SOURCE}: CoCa, section 4.1",
        "steps": f"{_SOURCE}: CoCa, section 4.1",
        "learning_rate": f"{_SOURCE}: CoCa, section 4.1",
        "weight_decay": f"{_SOURCE}: CoCa, section 4.1",
        "warmup": f"{_SOURCE}: CoCa, section 4.1",
        "betas": "ours; CoCa takes Adafactor with β₁ 0.9 and β₂ 0.999",
        "temperature": "ours, after CLIP (Radford et al. 2021): learned, from 0.07",
        "chunk": "ours",
    },
)
_MIX = {
    "caption_ko": 2.2, "caption_en": 3.2, "shown_ko": 0.3, "shown_en": 0.3,
    "query_ko": 0.6, "query_en": 0.5, "product_ko": 0.4, "product_en": 0.5,
}  # fmt: skip
TINY = replace(
    PAPER,
    size="tiny",
    sources=_MIX,
    restricted=frozenset({"caption_ko", "caption_en", "shown_ko", "shown_en", "query_ko", "query_en", "product_ko", "product_en"}),
    steps=1100,
    batch=128,
    learning_rate=2e-3,
    dims=(256,),
    source_temperature=5.0,
    backbone=EYES,
    chunk=0,
    weight_decay=0.05,
    warmup=0.05,
    betas=(0.9, 0.98),
    ema=0.995,
    stages=(
        Stage("first", _MIX, 1100, 128, 2e-3),
        Stage("second", {**_MIX, "caption_ko": 1.8, "shown_ko": 0.4, "shown_en": 0.4, "query_ko": 1.0, "query_en": 0.9}, 600, 128, 1e-3),
    ),
    origins={
        **PAPER.origins,
        "stages": "ours: a second descent of the rate, with more of what the first had least of",
        "sources": "ours: what is at hand; of products and emoji there are captions too (shown_*)",
        "backbone": "ours: what installs offline",
        "dims": "ours",
        "batch": "ours",
        "steps": "ours",
        "learning_rate": "ours",
        "weight_decay": "ours",
        "warmup": "ours",
        "ema": "ours",
    },
)  # fmt: skip
LARGE = replace(PAPER, size="large", dims=(1024,), backbone=NEW["large"])
HUGE = replace(PAPER, size="2b", dims=(1408,), backbone=NEW["2b"])
SIZES: Mapping[str, Recipe] = {"paper": PAPER, "large": LARGE, "2b": HUGE, "tiny": TINY}

#: The decoder of `tiny`: ours, so that it trains on two cores in half an hour and, in int8, takes 8 MB.
SMALL = CaptionerShape(
    dim=256, width=256, heads=4, inner=1024, alone=2, joint=3, queries=64, vocabulary=6000, context=40, tied=1, smoothing=0.1,
    styles=STYLES,
)  # fmt: skip
_DECODERS = {NEW["base"]: (network.BASE, vit.BASE), NEW["large"]: (network.LARGE, vit.LARGE), NEW["2b"]: (network.HUGE, vit.HUGE)}


def build(recipe: Recipe, texts: Sequence[str], shape: CaptionerShape | None = None) -> Captioner:
    """The untrained captioner with a tokenizer learned from `texts`: over mini's eyes, or with a new ViT of one of the paper's sizes.

    `shape` stands in place of the decoder's own. Raises InputError for another backbone.
    """
    torch.manual_seed(recipe.seed)
    if recipe.backbone == EYES:
        plan = shape or SMALL
        source: Any = PictureTokens(MINI / "image.onnx", plan.width)
    elif recipe.backbone in _DECODERS:
        decoder, numbers = _DECODERS[recipe.backbone]
        plan = shape or replace(decoder, styles=STYLES)
        source = vit.PatchTokens.begin(numbers)
    else:
        raise InputError(f"backbone={recipe.backbone!r} came, expected one of {', '.join(map(repr, (EYES, *_DECODERS)))}")
    words = tiny.tokenizer(texts, special_tokens(plan.styles), pad=PAD, eos=END, size=plan.vocabulary, length=plan.context)
    plan = replace(plan, vocabulary=max(len(words), 1), dim=max(recipe.dims), dims=tuple(d for d in recipe.dims if d < max(recipe.dims)))
    return Captioner(source, words, plan)


def mixture(recipe: Recipe, made: Mapping[str, Sequence[Pair]], stage: Stage | None = None) -> Mixture:
    """The sources of a stage, or the recipe's where none is given, each in the style that its name says."""
    weights = (stage or recipe).sources
    if absent := sorted(set(weights) - set(made)):
        raise InputError(f"the data has no pairs for {', '.join(absent)}; leave it out, or give a folder that has them")
    sources = [from_pairs(n, made[n], weight=w, task=told.style_of(n)) for n, w in weights.items()]
    seed = recipe.seed + (0 if stage is None else recipe.stages.index(stage))
    return Mixture(sources, (stage or recipe).batch, seed=seed, temperature=recipe.source_temperature)


def begin(recipe: Recipe, made: Mapping[str, Sequence[Pair]], work: Path, shape: CaptionerShape | None = None) -> Captioner:
    """The untrained captioner for these pairs: its words are theirs, its eyes' channels standardised on their pictures, kept in `work`."""
    model = build(recipe, [p.query.text or "" for v in made.values() for p in v], shape)
    model.remember(work / "states")
    if isinstance(model.source, PictureTokens):
        _warm(model)
        seen = list({p.positive.id: p.positive.images[0] for v in made.values() for p in v[: SETTLED // len(made)]}.values())
        model.source.settle(seen)
    return model


def _warm(model: Captioner) -> None:
    """Start the words' vectors at e5's: of each piece the mean of what e5 has for its letters, turned to the directions of most variance.

    Half of a Korean letter, which byte-level pieces may be, has no such vector and stays random.
    """
    table_of, words = e5.model(MINI).embeddings.word_embeddings.weight.detach(), e5.tokenizer(MINI)
    pieces = [model.tokenizer.decode([n]) for n in range(model.shape.vocabulary)]
    known = [n for n, t in enumerate(pieces) if t.strip() and "\ufffd" not in t and n not in model.ids.values()]
    ids = words([pieces[n].strip() for n in known], add_special_tokens=False)["input_ids"]
    means = torch.stack([table_of[row].mean(0) if row else torch.zeros(table_of.shape[1]) for row in ids])
    means = means - means.mean(0)
    width = min(model.shape.width, means.shape[1], len(known))
    directions = torch.linalg.svd(means, full_matrices=False).Vh[:width]
    turned = means @ directions.T
    with torch.no_grad():
        model.words.weight[known, :width] = turned * (0.02 / turned.std().clamp(min=1e-6))


def fit(model: Captioner, batches: Mixture, training: Training, folder: str = "", stage: Stage | None = None) -> None:
    """Train by a stage's numbers, or the recipe's."""
    recipe = training.recipe
    for line in batches.small():
        training.tell(line)
    settings = Captioning.of(recipe)
    stream = ahead(batches, model, settings, recipe.workers)
    training.fit(model, captioning(stream, settings), stream, replace(Schedule.of(recipe, stage), save_every=100), folder)


def run(
    recipe: Recipe, data: Path, work: Path, tell: Callable[[str], None] = print, watch: Callable[[Moment], None] | None = None
) -> list[str]:
    """Train, save the model in `work`/model, and measure it beside the most similar training caption."""
    pairs.missing(data, ("flickr8k", "fashion", "emoji"))
    made = told.by_style(data)
    training = Training(recipe, work, tell, watch)
    model = in_turn(lambda: begin(recipe, made, work))
    for stage in recipe.stages or (None,):
        fit(model, mixture(recipe, made, stage), training, stage.name if stage else "", stage)
    return training.kept(model, lambda: figures(model, data, made))


def own(recipe: Recipe, data: OwnData, start: Path | None, training: Training) -> list[str]:
    """The same training on a user's own pairs; the name of a source says its style: caption…, query…, product…; any other is a caption."""
    groups: dict[str, list[Pair]] = {}
    for pair in data.train:
        if (pair.query.text and pair.positive.images) or (pair.positive.text and pair.query.images):
            groups.setdefault(pair.source, []).append(
                pair if pair.positive.images else replace(pair, query=pair.positive, positive=pair.query)
            )
    if not groups:
        raise InputError(f"no pair has a text and a picture, and {recipe.name} tells of pictures; give pairs of them")
    for line in data.said:
        training.tell(line)
    for name, group in groups.items():
        training.tell(f"{name}: {len(group)} pairs, told as {told.style_of(name)}")
    model = _opened(start) if start is not None else in_turn(lambda: begin(recipe, groups, training.work))
    model.remember(training.work / "states")
    first = recipe.stages[0] if recipe.stages else None
    size = min((first or recipe).batch, sum(map(len, groups.values())))
    steps, rate = (first or recipe).steps, (first or recipe).learning_rate
    mine = replace(recipe, sources=dict.fromkeys(groups, 1.0), batch=size, stages=(), steps=steps, learning_rate=rate)
    before = once(lambda: told_likelihood(model, data.dev))
    fit(model, mixture(mine, groups), replace(training, recipe=mine), "run")
    after = training.kept(model, lambda: told_likelihood(model, data.dev))
    return [
        f"{'held-out pairs':28} {'after':>8}  {'before':>8}   difference [95 %]",
        *(table.line(k, [after[k], before[k]]) for k in after),
    ]


def _opened(start: Path) -> Captioner:
    model = open_model(start)
    if not isinstance(model, Captioner):
        raise InputError(f"{start}: holds a {type(model).__name__}, expected a captioner that `hannun train prompt_coca` wrote")
    return model


def told_likelihood(model: Captioner, dev: Sequence[Pair]) -> dict[str, Any]:
    """Of held-out pairs the mean log-probability of a token of each text, by style."""
    out: dict[str, list[float]] = {}
    model.eval()
    for at in range(0, len(dev), 64):
        rows = [p for p in dev[at : at + 64] if p.query.text and p.positive.images]
        for style in sorted({told.style_of(p.source) for p in rows}):
            group = [p for p in rows if told.style_of(p.source) == style]
            items = [replace(p.query, parts=(*p.query.parts, *p.positive.parts)) for p in group]
            with torch.inference_mode():
                said = model(model.collate(items, network.PAIR, task=style)).others
            out.setdefault(f"{style}: log p of a token", []).extend((-said["caption"] / said["count"]).tolist())
    return {k: np.asarray(v) for k, v in out.items()}


def figures(model: Captioner, data: Path, made: Mapping[str, Sequence[Pair]], most: int = 1000) -> list[str]:
    """CIDEr-D of captions of Flickr8k's test photos (English) and the held-out ones (Korean), beside the most similar training caption's.

    "Most similar" is by mini's vectors: the training caption whose vector is nearest to the picture's.
    """
    lines = [f"{'':28} {'captions':>8}  {'nearest':>8}   difference [95 %]"]
    for lang, split in (("en", "test"), ("ko", "ko")):
        photos = pairs.photos(data, split)[:most]
        references = [list(told.captions_of(p, lang)) if lang == "en" else list(p.facts["captions_ko"]) for p in photos]
        said = [c[0][0] for c in speaking.captions(model, [p.image for p in photos], told.CAPTION, lang, Manner(beams=4))]
        near = nearest([p.query.text or "" for p in made[f"{told.CAPTION}_{lang}"]], photos)
        scores = [metrics.cider_d(words(texts, lang), [words(r, lang) for r in references]) for texts in (said, near)]
        lines.append(table.line(f"CIDEr-D {lang}, {len(photos)} photos", scores))
    return lines


def nearest(texts: Sequence[str], photos: Sequence[Any]) -> list[str]:
    """For each photo the text whose vector of mini's is nearest to the photo's."""
    mini = load("mini")
    said = mini.encode_query([*texts]).dense
    return [texts[int(n)] for n in (mini.encode_document([p.item for p in photos]).dense @ said.T).argmax(axis=1)]


def words(texts: Sequence[str], lang: str) -> list[list[str]]:
    """The words that captions are compared by: English in small letters without punctuation; Korean by morphemes, since particles and
    endings would make almost every word another one."""
    if lang == "ko":
        return [told.morphemes(t) for t in texts]
    return [[w.strip(".,!?'\"();:-") for w in sentences.clean(t).lower().split() if w.strip(".,!?'\"();:-")] for t in texts]


def main() -> None:
    """Write a trained captioner as the package carries it: two ONNX graphs in int8, the tokenizer, the facts."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--export", type=Path, required=True, metavar="MODEL", help="the folder of a captioner that `hannun train` wrote")
    parser.add_argument("--to", type=Path, default=MINI / "captions", help="the folder to write [default: the package's own]")
    given = parser.parse_args()
    try:
        export_captioner(_opened(given.export), given.to)
    except HannunError as e:
        raise SystemExit(f"error: {e}") from None
    print(f"wrote {given.to}: {sum(f.stat().st_size for f in given.to.iterdir()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
