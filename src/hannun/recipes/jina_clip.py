"""The data folder goes in; two towers that are good at text–text and at text–picture, trained in three stages, and their table come out.

jina-clip-v1 and -v2 (Koukounas et al. 2024, arXiv:2405.20204 and arXiv:2412.08802): every step contrasts text pairs and (text, picture)
pairs at once, in stages: short captions, then long texts, then hard-negative triplets beside long captions. The seeds name the limit that
this lifts: CLIP reads 77 tokens. `tiny` is the same three stages over two frozen backbones that install offline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hannun.datasets import pictures, sentences
from hannun.datasets.split import share
from hannun.datasets.texts import korsts, plain
from hannun.item import Item, Pair
from hannun.mini.model import HERE as MINI
from hannun.models import published
from hannun.models.backbones import e5, efficientnet
from hannun.models.two_tower import Tower, TowerConfig, TwoTower, head, identity_head
from hannun.objectives.distill import similarities
from hannun.processes import once
from hannun.recipe import Recipe, Stage
from hannun.recipes import skeleton, table
from hannun.recipes.data import pairs
from hannun.recipes.skeleton import Training, mixed
from hannun.train.batches import Mixture
from hannun.train.distributed import gathered
from hannun.train.loop import Step
from hannun.train.own import OwnData
from hannun.train.run import Moment
from hannun.train.schedule import Schedule
from hannun.train.steps.contrastive import Contrast, losses

_SOURCE = "from the source"
PHOTOS, LONG, ALBUMS = 6000, 1000, 500  # training photos, those with a long text, and pages of them: as many as a CPU reads in minutes
CLIP_TOKENS = 77  # what CLIP reads (Radford et al. 2021)
WINDOW = 512  # what XLM-RoBERTa reads; jina-clip-v2's own variant reads 8,192
SMALL = "multilingual-e5-small and EfficientNet-Lite2, both frozen"

PAPER = Recipe(
    name="jina_clip",
    about="two towers trained text–text and text–picture in three stages: short captions, long texts, hard negatives (Jina)",
    sources={},
    restricted=frozenset({"short", "long"}),
    steps=0,
    batch=0,
    learning_rate=0.0,
    dims=(64, 128, 256, 512, 768, 1024),
    temperature=0.07,
    source_temperature=5.0,
    backbone=f"{published.XLMR} + {published.CLIP_L}",
    pooling="mean",
    chunk=256,
    negatives=7,
    precision="bf16",
    recompute=1,
    stages=(
        Stage("short", {"parallel": 1.0, "paraphrase": 1.0, "question": 1.0, "short": 3.0}, 100_000, 16_384, 2e-4),
        Stage("long", {"parallel": 1.0, "paraphrase": 1.0, "question": 1.0, "long": 3.0}, 1_000, 16_384, 5e-5),
        Stage("triplets", {"inference": 3.0, "long": 3.0}, 16_000, 1_024, 1e-5),
    ),
    origins={
        "stages": f"{_SOURCE}: what each stage trains on; ours their steps, batches and rates",
        "dims": f"{_SOURCE} (v2): 1,024, truncatable to 64",
        "pooling": f"{_SOURCE}: the mean of the text tower's states",
        "backbone": "ours: XLM-RoBERTa-large and a ViT-L/14, the sizes of the source's (v2), which are a variant with code of its own "
        "and EVA02-L/14, of which transformers has no class",
        "negatives": f"{_SOURCE}: seven hard negatives of a query in the last stage",
        "temperature": f"{_SOURCE}: learned, from 0.07",
        "chunk": "ours",
    },
)
TINY = replace(
    PAPER,
    size="tiny",
    dims=(384, 192, 96),
    temperature=0.05,
    backbone=SMALL,
    chunk=0,
    negatives=1,
    precision="fp32",
    recompute=0,
    ema=0.98,
    stages=(
        Stage("short", {"parallel": 0.3, "graded": 1.0, "question": 0.5, "paraphrase": 0.3, "short": 3.0}, 240, 256, 1e-3),
        Stage("long", {"graded": 2.0, "question": 1.0, "paraphrase": 0.3, "short": 1.5, "long": 3.0}, 120, 256, 5e-4),
        Stage(
            "triplets",
            {"inference": 0.2, "graded": 1.0, "asked": 1.0, "paraphrase": 0.3, "short": 3.0, "long": 3.0},
            100,
            256,
            2e-4,
        ),
    ),
    weights={"text": 1.0, "picture": 1.0, "cosent": 20.0, "keep": 500.0},
    rates={"text": 0.05},
    origins={
        **PAPER.origins,
        "stages": f"{_SOURCE}: what each stage trains on; ours the data at hand, steps, batches and rates",
        "dims": "ours",
        "backbone": "ours: what installs offline",
        "negatives": "ours: one contradiction for each premise",
        "temperature": "ours, learned from there",
        "weights": "ours",
        "rates": "ours: the text head begins at what e5 knows, the picture head at nothing",
        "ema": "ours",
    },
)
SIZES: Mapping[str, Recipe] = {"paper": PAPER, "tiny": TINY}
PICTURED = ("short", "long")  # the sources of (text, picture) pairs; the others are text pairs


def build(recipe: Recipe, limit: int = 256) -> TwoTower:
    """The untrained towers: what the recipe's `backbone` names under linear heads, or two frozen small ones.

    There the text head begins as the identity: text–text starts at what e5 knows. `limit` tokens are read.
    """
    torch.manual_seed(recipe.seed)
    if recipe.backbone != SMALL:
        made = TwoTower.begin(recipe.backbone, dim=max(recipe.dims), dims=recipe.dims, limit=WINDOW, attention=recipe.attention)
        if recipe.recompute:
            made.recompute()
        return made
    text, image = e5.model(MINI), efficientnet.model()
    full = max(recipe.dims)
    width = text.config.hidden_size
    plan = TowerConfig(
        ("text", "image"), 0.3, dict.fromkeys(("query", "document"), e5.PREFIXES["query"]), limit, tuple(d for d in recipe.dims if d < full)
    )
    said = Tower(text, identity_head(width, 4 * width, full))
    return TwoTower(said, Tower(image, head(efficientnet.WIDTH, 1024, full)), e5.tokenizer(MINI), efficientnet.processor(), plan)


def description(p: pictures.Picture, skip: set[str]) -> str:
    """A long text of one photo: all that is said of it but for some sentences, Korean first."""
    said = [*pairs.korean(p), *(sentences.clean(c) for c in p.facts["captions"])]
    return " ".join(s for s in said if plain(s) not in skip)


def training(data: Path) -> dict[str, list[Pair]]:
    """Training pairs by source."""
    trained = pairs.training_photos(data, PHOTOS)
    measured = pairs.measured_sentences(data)
    measured += [c for split in ("test", "ko") for p in pairs.photos(data, split) for c in p.facts["captions"]]
    held = {plain(s) for s in measured}  # Flickr8k's Korean captions are KorSTS sentences, some of its test's among them
    short = pairs.captioned(trained, "en", 1) + pairs.captioned(trained, "ko", 2)
    same = [g for g in pairs.paraphrases(data, "train") if len(g) > 1]
    questions = pairs.questions(data, "train")[0]
    return {
        "parallel": pairs.parallel(data, measured)[::5],
        "paraphrase": [
            Pair(pairs.worded(f"parakqc/{n}/{k}", g[k]), pairs.worded(f"parakqc/{n}/{k}/same", g[k + 1]), (), "paraphrase")
            for n, g in enumerate(same)
            for k in range(0, min(2, len(g) - 1), 2)
        ],
        "question": [p for p in questions if share(p.positive.id) < 25],
        "asked": [p for p in questions if share(p.positive.id) >= 25],  # new to the last stage
        "graded": pairs.graded(data, held),
        "inference": pairs.inferences(data)[::3],
        "short": [p for p in short if p.query.text not in held],
        "long": [Pair(pairs.worded(f"{p.key}/long", description(p, held)), p.item, (), "long") for p in trained[:LONG]]
        + pairs.albums(trained, held, most=ALBUMS),
    }


def both(texts: Mixture, seen: Mixture, recipe: Recipe) -> Step:
    """One batch of text pairs and one of (text, picture) pairs in every step, as the source does; their losses are added."""
    settings, keep = Contrast.of(recipe), recipe.weights.get("keep", 0.0)
    weight = {"text": recipe.weights.get("text", 1.0), "picture": recipe.weights.get("picture", 1.0)}

    def go(module: nn.Module, number: int) -> dict[str, Tensor]:
        out: dict[str, Tensor] = {}
        for name, mixture in (("text", texts), ("picture", seen)):
            batch = mixture.next()
            found = losses(module, batch, mixture, settings)
            out |= {f"{name}_{k}": weight[name] * v for k, v in found.items()}
            # Sentences with people's scores are there to turn the similarities that the others hold.
            if keep and (held := [x for p in batch.pairs if "score" not in p.query.facts for x in (p.query, p.positive) if not x.images]):
                out[f"{name}_keep"] = keep * kept(module, held)
        return out

    return go


def kept(module: Any, items: Sequence[Item]) -> Tensor:
    """How far the text head has turned the frozen backbone's similarities of these texts, both centred over the batch."""
    states = module.collate(items, "query").rows["text_states"]
    both = gathered(module.text(states)), gathered(torch.nn.functional.normalize(states, dim=-1))
    return similarities(*(torch.nn.functional.normalize(v - v.mean(dim=0), dim=-1) for v in both))


class Two:
    """Two mixtures as one thing to resume."""

    def __init__(self, texts: Mixture, seen: Mixture) -> None:
        self.texts, self.seen = texts, seen
        texts.record = self.record = seen.record  # one record of both

    def state(self) -> dict[str, Any]:
        """Where both are."""
        return {"texts": self.texts.state(), "seen": self.seen.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.texts.restore(state["texts"])
        self.seen.restore(state["seen"])

    def __str__(self) -> str:
        return f"{self.texts}; {self.seen}"


def mixtures(stage: Stage, made: Mapping[str, list[Pair]], recipe: Recipe, number: int) -> Two:
    """The two mixtures of a stage."""

    def of(pictured: bool) -> Mixture:
        part = replace(stage, sources={n: w for n, w in stage.sources.items() if (n in PICTURED) == pictured})
        return mixed(recipe, made, part, seed=recipe.seed + number)

    return Two(of(False), of(True))


def run(
    recipe: Recipe,
    data: Path,
    work: Path,
    tell: Callable[[str], None] = print,
    watch: Callable[[Moment], None] | None = None,
    split: str = "test",
) -> list[str]:
    """Train the stages, save the model in `work`/model, and measure on a split after each stage; settings are chosen on "dev"."""
    pairs.missing(data, ("flickr8k", "texts"))
    model, how = build(recipe), Training(recipe, work, tell, watch)
    model.remember(work / "states")
    made = training(data)
    tests = ClipTests(data, split)
    columns = {"start": once(lambda: tests.measure(table.of_model(model)))}
    for number, stage in enumerate(recipe.stages):
        tell(f"stage {stage.name}")
        two = mixtures(stage, made, recipe, number)
        # The two towers' losses differ in size: clipped together, the texts' would starve the pictures.
        schedule = replace(Schedule.of(recipe, stage), clip=0, seed=recipe.seed + number)
        how.fit(model, both(two.texts, two.seen, recipe), two, schedule, stage.name)
        columns[stage.name] = once(lambda: tests.measure(table.of_model(model)))
    lines = [f"{'':34}" + "  ".join(f"{c:>8}" for c in columns) + "   the last less the start [95 %]"]
    for name, begun in columns["start"].items():
        cells = "  ".join(f"{table.figure(c[name]):8.3f}" for c in columns.values())
        lines.append(f"{name:34}{cells}   {table.lead(columns[stage.name][name], begun)}")
    return [*lines, *how.kept(model, lambda: tests.beyond(model))]


def own(recipe: Recipe, data: OwnData, start: Path | None, training: Training) -> list[str]:
    """The same training on a user's own pairs."""
    return skeleton.own(lambda: build(recipe), data, start, training)


class ClipTests:
    """What every stage is measured on; nothing of it is trained on."""

    def __init__(self, data: Path, split: str = "test") -> None:
        self.photos = table.Photos.read(data, split)
        self.graded = korsts(data, split)
        self.questions, paragraphs = pairs.questions(data, split)
        self.paragraphs = paragraphs[::2]
        self.same = [g for g in pairs.paraphrases(data, split) if len(g) > 1]

    def measure(self, embed: table.Embed) -> dict[str, table.Outcomes]:
        """Text–text and text–picture outcomes by name."""
        place = {p.id: n for n, p in enumerate(self.paragraphs)}
        asked = [q for q in self.questions if q.positive.id in place][::3]
        scores = embed([p.query for p in asked], "query") @ embed(self.paragraphs, "document").T
        first = [pairs.worded(f"{n}", g[0]) for n, g in enumerate(self.same)]
        second = [pairs.worded(f"{n}/same", g[-1]) for n, g in enumerate(self.same)]
        return {
            "text–text KorSTS Spearman": table.similarity(self.graded, embed),
            "text–text KorQuAD R@1": table.found(scores, [place[p.positive.id] for p in asked], 1),
            "text–text ParaKQC R@1": table.found(embed(first, "query") @ embed(second, "document").T, range(len(first)), 1),
            **{f"text–picture {k}": v for k, v in self.photos.measure(embed).items()},
        }

    def long(self, model: TwoTower) -> tuple[list[Item], list[int]]:
        """Descriptions of test photos that are longer than CLIP reads, and their photos' numbers."""
        texts = [" ".join(sentences.clean(c) for c in p.facts["captions"]) for p in self.photos.test]
        lengths = [len(i) for i in model.tokenizer(texts)["input_ids"]]
        kept = [n for n, length in enumerate(lengths) if length > CLIP_TOKENS]
        return [pairs.worded(f"long{n}", texts[n]) for n in kept], kept

    def beyond(self, model: TwoTower) -> list[str]:
        """Finding photos by descriptions of more than 77 tokens: read whole, and cut where CLIP cuts."""
        asked, answers = self.long(model)
        seen = table.embed(model, [p.item for p in self.photos.test], "document")[0]
        whole = table.embed(model, asked, "query")[0]
        limit, model.limit = model.limit, CLIP_TOKENS
        cut = table.embed(model, asked, "query")[0]
        model.limit = limit
        lines = [f"descriptions of more than {CLIP_TOKENS} tokens ({len(asked)} of {len(self.photos.test)}): whole, cut at {CLIP_TOKENS}"]
        for k in (1, 10):
            outcomes = [table.found(v @ seen.T, answers, k) for v in (whole, cut)]
            lines.append(table.line(f"  photo R@{k}", outcomes))
        pages = pairs.albums(self.photos.test)
        place = {p.id: n for n, p in enumerate(self.paragraphs)}
        asked_of = [q for q in self.questions if q.positive.id in place][::3]
        sides = {
            f"page of four photos R@10 ({len(pages)})": (
                [p.query for p in pages],
                [p.positive for p in pages],
                list(range(len(pages))),
                10,
            ),
            "KorQuAD paragraph R@1": ([q.query for q in asked_of], self.paragraphs, [place[q.positive.id] for q in asked_of], 1),
        }
        for name, (queries, documents, answers, k) in sides.items():
            outcomes = []
            for tokens in (limit, CLIP_TOKENS):
                model.limit = tokens
                q, d = (table.embed(model, x, r)[0] for x, r in ((queries, "query"), (documents, "document")))
                outcomes.append(table.found(q @ d.T, answers, k))
            lines.append(table.line(f"  {name}", outcomes))
        model.limit = limit
        return lines
