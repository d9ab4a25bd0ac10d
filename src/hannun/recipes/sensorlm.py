"""The data folder goes in, or recordings of one's own; a model of wearables' signals and their captions, and its table, come out.

SensorLM (Zhang et al. 2025, arXiv:2506.09108): a ViT over patches of a day's signals, a text Transformer, contrast and captioning, on
captions of three levels that are made of the signals themselves. Its variants are weights: `--set weights.caption=0` is the contrastive
one, with `--set weights.pairwise=1` SigLIP's, `--set weights.contrast=0` the captioner, and both together CoCa. `tiny` reads days in
patches of an hour instead of ten minutes, and short windows of raw accelerometers beside them, which the paper does not have. `hannun
train sensorlm` runs it on the data sets; `hannun sensor train PATH… --to MODEL` on recordings of one's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hannun import metrics
from hannun.datasets import wearables
from hannun.datasets.wearables import ActivityWindows
from hannun.embeddings import Floats
from hannun.errors import InputError
from hannun.item import Item, Text
from hannun.metrics import Ints
from hannun.models.backbones import series, tiny
from hannun.models.backbones.series import Series, SeriesForm, SeriesShape, day_form
from hannun.models.captioner import network
from hannun.models.captioner.network import END, PAD, TOLD, Captioner, CaptionerShape, special_tokens
from hannun.models.checkpoint import open_model
from hannun.recipe import Recipe
from hannun.recipes import table
from hannun.recipes.data import signals
from hannun.recipes.data.signals import Described
from hannun.recipes.skeleton import Training
from hannun.sensors.captions import caption
from hannun.sensors.channels import KNOWN
from hannun.sensors.recording import SignalRecording
from hannun.sensors.templates import LANGUAGES, Language
from hannun.train.batches import Mixture, from_pairs
from hannun.train.own import OwnData
from hannun.train.run import Moment
from hannun.train.schedule import Schedule
from hannun.train.steps.captioning import Captioning, ahead, captioning

_SOURCE = "from the source"
STYLES = {name: f"[{name.upper()}]" for name in signals.STYLES}
VARIANTS: Mapping[str, Mapping[str, float]] = {
    "CoCa": {"caption": 2.0, "contrast": 1.0, "pairwise": 0},
    "contrastive": {"caption": 0.0, "contrast": 1.0, "pairwise": 0},
    "SigLIP": {"caption": 0.0, "contrast": 1.0, "pairwise": 1},
    "captioning": {"caption": 2.0, "contrast": 0.0, "pairwise": 0},
}
SEEN_BY = {"small": series.SMALL, "base": series.BASE, "large": series.LARGE}

PAPER = Recipe(
    name="sensorlm",
    about="signals of wearables and what they say, in captions of three levels, Korean and English (SensorLM, Google)",
    sources={"hmp": 1.0, "sisfall": 1.0, "fitbit": 1.0, "simulated": 1.0},
    restricted=frozenset({"sisfall"}),
    steps=48_828,
    batch=1024,
    learning_rate=5e-4,
    dims=(768,),
    temperature=0.1,
    source_temperature=5.0,
    backbone="base",
    weights=VARIANTS["CoCa"],
    warmup=0.2,
    curve="rsqrt",
    weight_decay=1e-4,
    betas=(0.9, 0.999),
    precision="bf16",
    origins={
        "sources": "ours: what is at hand; the paper has 59.7 million hours of 103,000 people",
        "steps": f"{_SOURCE}: 50 million signals (its released configuration)",
        "batch": f"{_SOURCE}: its released configuration",
        "learning_rate": f"{_SOURCE}: its released configuration",
        "weight_decay": f"{_SOURCE}: its released configuration",
        "warmup": f"{_SOURCE}: its released configuration, which cools down over the last fifth besides",
        "curve": f"{_SOURCE}: its released configuration",
        "betas": f"{_SOURCE}: its released configuration",
        "temperature": f"{_SOURCE}: learned from 0.1; the bias of SigLIP from −10",
        "dims": f"{_SOURCE}: 768",
        "backbone": f"{_SOURCE}: a ViT-B over patches of 10 × 2; `small` and `large` are the ViT's own sizes",
        "weights": f"{_SOURCE}: the captioner's of CoCa, which the paper takes over",
        "source_temperature": "ours",
    },
)
TINY = replace(
    PAPER,
    size="tiny",
    sources={"hmp": 2.0, "sisfall": 2.0, "fitbit": 1.0, "simulated": 1.0},
    steps=450,
    batch=64,
    learning_rate=1e-3,
    dims=(128,),
    backbone="tiny",
    weights=VARIANTS["contrastive"],
    warmup=0.05,
    curve="cosine",
    weight_decay=0.05,
    betas=(0.9, 0.98),
    ema=0.99,
    origins={
        **PAPER.origins,
        "weights": "ours: contrast alone; with captions besides, contrast stays on its plateau in a training this short (docs/log.md)",
        **dict.fromkeys(
            ("sources", "steps", "batch", "learning_rate", "dims", "backbone", "warmup", "curve", "weight_decay", "betas", "ema"), "ours"
        ),
    },
)
SMALL = replace(PAPER, size="small", dims=(384,), backbone="small")
LARGE = replace(PAPER, size="large", dims=(1024,), backbone="large")
SIZES: Mapping[str, Recipe] = {"paper": PAPER, "small": SMALL, "large": LARGE, "tiny": TINY}

HOURS = (60, 2)  # ours: a day in `tiny` has 24 × 13 patches
WRIST = SeriesForm("wrist", 128, 32.0, wearables.ACCELERATION, (8, 3), (0.0, 0.0, 0.0), (0.6, 0.6, 0.6))
WAIST = SeriesForm("waist", 200, 25.0, (*wearables.ACCELERATION, *wearables.ROTATION), (8, 3), (0.0,) * 6, (0.6, 0.6, 0.6, 1.0, 1.0, 1.0))
FORMS = (day_form(HOURS), WRIST, WAIST)
#: The decoder of `tiny`, ours; the paper's has 32,000 words and reads up to 1,024 tokens.
READER = CaptionerShape(
    dim=128, width=128, heads=4, inner=512, alone=2, joint=2, queries=16, vocabulary=2000, context=96, drop=0.05, tied=1, styles=STYLES
)
WINDOW = 128  # rows of a raw recording of one's own that are read at a time
HELD = 5  # of one's own people (or recordings, of one person) each fifth is measured on


def build(recipe: Recipe, texts: Sequence[str], forms: Sequence[SeriesForm] = FORMS, reader: CaptionerShape = READER) -> Captioner:
    """The untrained model with a tokenizer learned from `texts`. Raises InputError for another backbone."""
    torch.manual_seed(recipe.seed)
    if recipe.backbone == "tiny":
        shape, plan = SeriesShape(tuple(forms), 96, 3, 4, 288, 0.1), reader
    elif recipe.backbone in SEEN_BY:
        shape = SeriesShape((day_form(), *(f for f in forms if f.name != series.DAY)), **SEEN_BY[recipe.backbone])
        wide: dict[str, Any] = {"width": shape.width, "heads": shape.heads, "inner": shape.inner}
        plan = replace(network.BASE, **wide, vocabulary=32_000, context=1024, styles=STYLES)
    else:
        raise InputError(f"backbone={recipe.backbone!r} came, expected tiny, {', '.join(SEEN_BY)}")
    words = tiny.tokenizer(texts, special_tokens(STYLES), pad=PAD, eos=END, size=plan.vocabulary, length=plan.context, digits=True)
    plan = replace(plan, vocabulary=len(words), dim=max(recipe.dims), dims=tuple(d for d in recipe.dims if d < max(recipe.dims)))
    model = Captioner(Series(shape), words, plan)
    with torch.no_grad():
        model.log_scale.fill_(float(np.log(1 / recipe.temperature)))
    return model


def fits(model: Captioner) -> Callable[[str], bool]:
    """Whether a text is short enough for a model to read whole."""
    room = model.shape.context - TOLD - 1
    return lambda text: len(model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]) <= room


def learned(
    recipe: Recipe,
    found: Mapping[str, Sequence[Described]],
    training: Training,
    forms: Sequence[SeriesForm] = FORMS,
    start: Path | None = None,
) -> Captioner:
    """The model, trained on signals by source; `start` is a trained one to go on from. Killed and called again, it goes on."""
    made = {k: v for name, some in found.items() for k, v in signals.paired(name, some, recipe.seed).items()}
    texts = [p.query.text or "" for v in made.values() for p in v]
    if start is None:
        model = build(recipe, texts, forms)
    else:
        opened = open_model(start)
        if not isinstance(opened, Captioner) or not isinstance(opened.source, Series):
            raise InputError(
                f"{start}: is no model of signals; give the folder that `hannun train sensorlm` or `hannun sensor train` wrote"
            )
        model = opened
    made = signals.fitted(made, fits(model))
    weights = {k: recipe.sources.get(k.split()[0], 1.0) * signals.SHARES[k.split()[1]] for k in made}
    sources = [from_pairs(k, v, weight=weights[k], task=k.split()[1]) for k, v in made.items()]
    size = min(recipe.batch, max(2, sum(map(len, found.values()))))
    batches = Mixture(sources, size, seed=recipe.seed, temperature=recipe.source_temperature)
    settings = Captioning.of(recipe)
    settings = replace(settings, contrast=replace(settings.contrast, also=("activity",)))
    stream = ahead(batches, model, settings, recipe.workers)
    trained = training.fit(model, captioning(stream, settings), stream, Schedule.of(recipe), "run")
    assert isinstance(trained, Captioner)
    return trained


def recognised(model: Captioner, found: ActivityWindows, part: str, language: Language) -> tuple[Ints, Ints, Ints]:
    """The true and the guessed activity, and the person, of each window of a split, from prompts alone."""
    rows = [n for n, s in enumerate(found.split) if s == part]
    embed = table.of_model(model, next(iter(STYLES)))
    seen = embed([Item("-", (found.signal(n),)) for n in rows], "document")
    asked = []
    for activity in found.activities:
        texts = wearables.prompts(activity, language, found.windows.shape[1] / found.rate)
        asked.append(embed([Item("-", (Text(t),)) for t in texts], "query").mean(axis=0))
    truth = found.activity[rows]
    return truth, metrics.guess(seen @ np.stack(asked).T, truth), found.person[rows]


def retrieved(model: Captioner, some: Sequence[Described], language: Language) -> Ints:
    """The rank [n] of each signal among all for its own whole caption, from 1; ties count against it."""
    texts = [_caption(model, d, language) for d in some]
    embed = table.of_model(model, "+".join(signals.ORDER))
    asked: Floats = embed([Item("-", (Text(t),)) for t in texts], "query")
    seen: Floats = embed([Item("-", (d[0],)) for d in some], "document")
    return metrics.pessimistic_rank(asked @ seen.T, np.arange(len(some)))


def _caption(model: Captioner, one: Described, language: Language) -> str:
    return signals.shortened(caption(one[0], language, signals.ORDER, one[1]), fits(model))


def measured(model: Captioner, data: Path, part: str = "test") -> list[str]:
    """The lines of the recipe's table, on people whom training did not see."""
    lines = [f"{'people that training did not see':48}       ko       en"]
    for found in (wearables.hmp(data), wearables.sisfall(data)):
        scores = []
        for language in LANGUAGES:
            truth, guess, _ = recognised(model, found, part, language)
            scores.append(metrics.macro_f1(truth, guess))
        lines.append(f"{found.name + ', zero-shot macro-F1':48} {scores[0]:8.3f} {scores[1]:8.3f}")
    for name, some in signals.described(data, part).items():
        ranks = [retrieved(model, some, language) for language in LANGUAGES]
        lines.append(f"{f'{name}, caption → signal R@10 of {len(some)}':48} {(ranks[0] <= 10).mean():8.3f} {(ranks[1] <= 10).mean():8.3f}")
    return lines


def run(
    recipe: Recipe, data: Path, work: Path, tell: Callable[[str], None] = print, watch: Callable[[Moment], None] | None = None
) -> list[str]:
    """Train on the data sets, save the model in `work`/model, and measure it on people that it has not seen."""
    training = Training(recipe, work, tell, watch)
    found = {k: v for k, v in signals.described(data).items() if k in recipe.sources}
    model = learned(recipe, found, training)
    return training.kept(model, lambda: measured(model, data))


def own_forms(recordings: Sequence[SignalRecording]) -> tuple[SeriesForm, ...]:
    """The forms that recordings of one's own need: a day, and one for each set of channels of raw ones, at the rate of the first."""
    forms: dict[str, SeriesForm] = {}
    for one in recordings:
        signal = one.signal
        if signal.rate <= 1 / 30:
            forms.setdefault(series.DAY, day_form(HOURS))
            continue
        x, there = signal.values.astype(np.float64), signal.measured
        count = np.maximum(there.sum(axis=0), 1)
        mean = np.where(there, x, 0).sum(axis=0) / count
        deviation = np.sqrt(np.where(there, (x - mean) ** 2, 0).sum(axis=0) / count)
        name = " ".join(signal.channels)
        levels = tuple(float(d) if d > 1e-6 else 1.0 for d in deviation)
        patch = (8, min(3, len(signal.channels)))
        forms.setdefault(name, SeriesForm(name, WINDOW, signal.rate, signal.channels, patch, tuple(map(float, mean)), levels))
    return tuple(forms.values())


def of_own(recipe: Recipe, recordings: Sequence[SignalRecording], training: Training, start: Path | None = None) -> list[str]:
    """Train on recordings of one's own, save the model, and measure on people (of one person: days) that were held out.

    Raises InputError where there are too few to hold any out.
    """
    people = sorted({r.person for r in recordings})
    groups = people if len(people) >= HELD else [str(n) for n in range(len(recordings))]
    group = [r.person if len(people) >= HELD else str(n) for n, r in enumerate(recordings)]
    if len(groups) < 2 * HELD and len(people) < HELD:
        raise InputError(f"{len(recordings)} recordings of {len(people)} people came, expected {2 * HELD} days or {HELD} people at least")
    held = set(groups[::HELD])
    apart = [
        signals.of_recordings([r for r, g in zip(recordings, group, strict=True) if (g in held) == out], WINDOW) for out in (False, True)
    ]
    known = [c for r in recordings for c in r.signal.channels if c in KNOWN]
    training.tell(f"{len(apart[0])} signals to learn from, {len(apart[1])} held out; channels: {', '.join(dict.fromkeys(known))}")
    model = learned(recipe, {"own": apart[0]}, training, own_forms(recordings), start)
    lines = [f"{'held out':48}       ko       en"]
    ranks = training.kept(model, lambda: [retrieved(model, apart[1], language) for language in LANGUAGES])
    lines += [
        f"{f'caption → signal R@{k} of {len(apart[1])}':48} {(ranks[0] <= k).mean():8.3f} {(ranks[1] <= k).mean():8.3f}" for k in (1, 5, 10)
    ]
    return lines


def own(recipe: Recipe, data: OwnData, start: Path | None, training: Training) -> Sequence[str]:
    """Pairs are no signals. Raises InputError."""
    raise InputError(f"{recipe.name} learns from signals, and pairs came; give recordings with `hannun sensor train PATH… --to MODEL`")
