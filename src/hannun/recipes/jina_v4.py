"""The data folder goes in; one model with dense and token vectors and an adapter for each task, and its tables, come out.

jina-embeddings-v4 (Günther et al. 2025, arXiv:2506.18902): one vision-language model, two outputs of one forward pass, a mean-pooled
vector (2,048, truncatable to 128) and one of 128 values for each token (MaxSim); a joint loss of InfoNCE on both and the KL divergence
between their score distributions; LoRA adapters per task: asymmetric retrieval, text matching (CoSENT where pairs have scores, InfoNCE
where not), code. `tiny` is the same training of a small one-sequence model that starts as mini, on pages of six real pictures each.

The seed wants separate query and key adapters with `query:` and `key:`; the paper one adapter told apart by `Query:` and `Passage:`. Both
are built: `--set instructions.retrieval=two-sided` or `=prefixes`; the choice is saved with the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hannun import metrics
from hannun.datasets import pictures, sentences
from hannun.datasets.split import blake, share
from hannun.datasets.texts import korsts, plain
from hannun.embeddings import Floats
from hannun.errors import InputError, neighbours
from hannun.item import Item, Pair
from hannun.mini.model import HERE as MINI
from hannun.models import adapters
from hannun.models.adapters import CODE, MATCHING, RETRIEVAL, TWO_SIDED, Task
from hannun.models.fused import Fused, Shape
from hannun.models.one_sequence import HEADS, TARGETS, OneSequence
from hannun.models.published import shapes
from hannun.processes import once
from hannun.recipe import Recipe, Stage
from hannun.recipes import skeleton, table
from hannun.recipes.data import functions, pairs
from hannun.recipes.skeleton import Training, mixed
from hannun.train.own import OwnData
from hannun.train.run import Moment
from hannun.train.schedule import Schedule
from hannun.train.steps.contrastive import Contrast

_SOURCE = "from the source"
CHOICES = {"prefixes": RETRIEVAL, "two-sided": TWO_SIDED}
COLUMNS, ROWS = 2, 3  # a page of six pictures
SPREADS = 150  # training pages of each kind

PAPER = Recipe(
    name="jina_v4",
    about="one forward, two outputs (dense and per token), KL between them, a LoRA adapter per task (Jina)",
    sources={"spread": 1.0, "caption": 1.0, "question": 1.0, "parallel": 1.0},
    restricted=frozenset({"spread", "caption"}),
    steps=0,
    batch=0,
    learning_rate=0.0,
    dims=(128, 256, 512, 1024, 2048),
    temperature=0.02,
    source_temperature=5.0,
    backbone="Qwen/Qwen2.5-VL-3B-Instruct",
    pooling="mean",
    chunk=32,
    negatives=1,
    token_dim=128,
    lora_rank=32,
    lora_alpha=32,
    precision="bf16",
    recompute=1,
    instructions={"retrieval": "prefixes"},
    weights={"late": 1.0, "agreement": 1.0, "cosent": 1.0},
    stages=(
        Stage("pairs", {"spread": 1.0, "caption": 1.0, "question": 1.0, "parallel": 1.0}, 10_000, 1024, 1e-4),
        Stage("retrieval", {"spread": 1.0, "asked": 1.0}, 2_000, 256, 5e-5),
        Stage("matching", {"graded": 2.0, "paraphrase": 1.0}, 2_000, 256, 5e-5),
        Stage("code", {"code": 1.0, "function": 1.0}, 2_000, 256, 5e-5),
    ),
    origins={
        "backbone": f"{_SOURCE}: Qwen2.5-VL-3B-Instruct",
        "pooling": f"{_SOURCE}: mean",
        "dims": f"{_SOURCE}: 2,048, truncatable to 128",
        "token_dim": f"{_SOURCE}: 128, of one length: only the dense vector is nested",
        "lora_rank": f"{_SOURCE}'s published adapters: 32, about 60 M parameters each",
        "lora_alpha": f"{_SOURCE}'s published adapters: 32",
        "instructions": f"{_SOURCE}: `Query:` and `Passage:` before the text; the seed's two adapters are `two-sided`",
        "weights": f"{_SOURCE}: three losses on pairs, CoSENT on scores; ours their weights",
        "stages": f"{_SOURCE}: pairs first, then the three tasks; ours their mix, steps, batches and rates",
        "temperature": "ours",
        "chunk": "ours",
    },
)
TINY = replace(
    PAPER,
    size="tiny",
    dims=(64, 128, 256, 512),
    temperature=0.05,
    late_temperature=0.05,
    backbone="mini",
    chunk=0,
    negatives=0,
    lora_rank=16,
    lora_alpha=32,
    precision="fp32",
    recompute=0,
    stages=(
        Stage("pairs", {"spread": 2.0, "caption": 0.7, "question": 0.7, "parallel": 0.5}, 100, 40, 5e-4),
        Stage("retrieval", {"spread": 0.3, "asked": 2.0}, 80, 64, 5e-4),
        Stage("matching", {"graded": 3.0, "paraphrase": 1.0}, 120, 64, 1e-3),
        Stage("code", {"code": 1.0}, 80, 32, 1e-3),
    ),
    origins={
        **PAPER.origins,
        "backbone": "ours: a one-sequence model over mini's towers (hannun.models.fused)",
        "dims": "ours",
        "lora_rank": "ours",
        "lora_alpha": "ours",
        "late_temperature": "ours",
        "temperature": "ours, learned from there",
    },
)
SIZES: Mapping[str, Recipe] = {"paper": PAPER, "tiny": TINY}


def tasks(recipe: Recipe) -> tuple[Task, ...]:
    """The three tasks, retrieval as the recipe chooses. Raises InputError for a choice that is not built."""
    choice = recipe.instructions.get("retrieval", "prefixes")
    if choice not in CHOICES:
        raise InputError(f"instructions.retrieval={choice!r} came; {neighbours(choice, CHOICES)}")
    return CHOICES[choice], MATCHING, CODE


def adapter_sizes(recipe: Recipe = PAPER) -> dict[str, int]:
    """Parameters of each adapter on the paper's backbone, Qwen2.5-VL-3B, built on the meta device: no memory, no weights."""
    with torch.device("meta"):
        whole = torch.nn.ModuleDict({"network": shapes(PAPER.backbone)})
        whole["token_head"] = torch.nn.Linear(2048, recipe.token_dim, bias=False)
        names = adapters.adapters(tasks(recipe))
        adapters.attach(whole, names, TARGETS + HEADS, recipe.lora_rank, recipe.lora_alpha)
    return {name: adapters.count(whole, name) for name in names}


# ------------------------------------------------------------------------------------------------------------------------ data


@dataclass(frozen=True)
class Spread:
    """A page of six pictures, the words for each of them, and the page's id."""

    item: Item
    words: tuple[str, ...]


def spreads(everything: Sequence[pictures.Picture], say: Callable[[pictures.Picture], str], name: str) -> list[Spread]:
    """Pages of COLUMNS × ROWS pictures in order of their keys' hash; the words are not on the page, they must be seen."""
    chosen = sorted(everything, key=lambda p: blake(p.key))
    made = []
    size = COLUMNS * ROWS
    for n in range(0, len(chosen) - size + 1, size):
        made.append(
            Spread(Item(f"{name}/{n // size}", (pairs.sheet(chosen[n : n + size], COLUMNS),)), tuple(say(p) for p in chosen[n : n + size]))
        )
    return made


def product_words(p: pictures.Picture) -> str:
    """A product in one short Korean sentence: the last of its descriptions, which says most."""
    said = [s.text for s in sentences.describe(p).sentences if s.korean]
    return max(said, key=len)


def photo_words(p: pictures.Picture) -> str:
    """A photo's Korean caption where there is one, or else an English one."""
    korean = p.facts.get("captions_ko")
    return str(korean[0]) if korean else sentences.clean(p.facts["captions"][0])


def described(p: pictures.Picture) -> bool:
    """Whether a product has Korean words."""
    return any(s.korean for s in sentences.describe(p).sentences)


def pages(data: Path, split: str, most: int | None = None) -> dict[str, list[Spread]]:
    """Pages of products and of photos of a split."""
    size = COLUMNS * ROWS
    shop = [p for p in pictures.fashion(data) if p.split == split and described(p)]
    seen = pairs.photos(data, split)
    count = None if most is None else most * size
    return {
        "products": spreads(shop[:count], product_words, f"products-{split}"),
        "photos": spreads(seen[:count], photo_words, f"photos-{split}"),
    }


def training(data: Path, several: bool = False) -> dict[str, list[Pair]]:
    """Training pairs by source; triplets of code from the packages installed here only where a stage wants them."""
    measured = pairs.measured_sentences(data)
    held = {plain(s) for s in measured}
    made = pages(data, "train", SPREADS)
    questions = pairs.questions(data, "train")[0]
    same = pairs.paraphrases(data, "train")
    captions = pairs.captioned([p for p in pairs.photos(data, "train") if pairs.korean(p)][:600], "ko", 1)
    return {
        "spread": [
            Pair(pairs.worded(f"{s.item.id}/{n}", w), s.item, (), "spread")
            for group in made.values()
            for s in group
            for n, w in enumerate(s.words)
        ],
        "caption": [p for p in captions if p.query.text not in held],
        "question": [p for p in questions if share(p.positive.id) < 20],
        "asked": [p for p in questions if share(p.positive.id) >= 20],  # new to the adapter of retrieval
        "parallel": pairs.parallel(data, measured)[::16],
        "graded": pairs.graded(data, held),
        "paraphrase": [
            Pair(pairs.worded(f"parakqc/{n}", g[0]), pairs.worded(f"parakqc/{n}/same", g[1]), (), "paraphrase")
            for n, g in enumerate(same)
            if len(g) > 1
        ],
        "code": pairs.code(data, "train"),
        "function": functions.triplets("train") if several else [],
    }


# -------------------------------------------------------------------------------------------------------------------- training


def build(recipe: Recipe, work: Path) -> Any:
    """The untrained model: a vision-language model by path or hub id, with the tasks' adapters on it from the start, as the source has it;
    or one over mini's weights, whose pages are looked at whole and by their six cells.
    """
    torch.manual_seed(recipe.seed)
    full = max(recipe.dims)
    if recipe.backbone != "mini":
        return OneSequence.begin(
            recipe.backbone, dim=full, pooling=recipe.pooling, token_dim=recipe.token_dim, dims=recipe.dims, tasks=tasks(recipe),
            rank=recipe.lora_rank, alpha=recipe.lora_alpha, attention=recipe.attention, recompute=bool(recipe.recompute),
        )  # fmt: skip
    shape = Shape(
        dim=full,
        token_dim=recipe.token_dim,
        cut=11,
        pooling=recipe.pooling,
        tiles=(COLUMNS, ROWS),
        dims=tuple(d for d in recipe.dims if d < full),
        limit=160,
    )
    model = Fused.from_mini(MINI, shape)
    model.remember(work / "states")
    return model


def shared(model: Any) -> str:
    """The task whose adapters the first stage trains for all of them (arXiv:2506.18902, section 5: one adapter on pairs, then copied);
    "" for a model that has none yet, whose own weights the first stage trains.
    """
    return model.tasks[0].name if model.tasks else ""


def spread_out(model: Any) -> None:
    """Every task begins at what the pairs taught the first one."""
    first, *others = adapters.adapters(model.tasks)
    adapters.copied(model, first, others)


def stage(
    model: Any, each: Stage, task: str, made: Mapping[str, list[Pair]], recipe: Recipe, folder: Path, tell: Callable[[str], None],
    watch: Callable[[Moment], None] | None, seed: int,
) -> None:  # fmt: skip
    """Train one stage, the whole model where `task` is "" and that task's adapters alone otherwise."""
    tell(f"stage {each.name}")
    if task:
        adapters.train_adapters(model, list(adapters.named(model.tasks, task).adapters.values()))
    batches = mixed(replace(recipe, instructions={}), made, each, seed=seed, task=task)
    late = task in ("", "retrieval")  # the first stage's is one of them
    settings = replace(Contrast.of(recipe), dims=recipe.dims)
    settings = settings if late else replace(settings, late=0.0, agreement=0.0)
    schedule = replace(Schedule.of(recipe, each), seed=seed, log_every=20)
    Training(recipe, folder, tell, watch).contrasted(model, batches, settings, schedule, each.name)


def run(
    recipe: Recipe,
    data: Path,
    work: Path,
    tell: Callable[[str], None] = print,
    watch: Callable[[Moment], None] | None = None,
    split: str = "test",
) -> list[str]:
    """Train on pairs, then an adapter for each task; save the model in `work`/model and measure it on a split."""
    pairs.missing(data, ("flickr8k", "fashion", "texts", "code"))
    chosen = tasks(recipe)
    model, tests = build(recipe, work), PageTests(data, split)
    lines = once(lambda: tests.pages(model, "start"))
    first, *others = recipe.stages
    made = training(data, any("function" in s.sources for s in recipe.stages))
    begun = shared(model)
    stage(model, first, begun, made, recipe, work, tell, watch, recipe.seed)
    lines += once(lambda: tests.pages(model, "trained on pairs", begun))
    if begun:
        spread_out(model)
    else:
        model.with_tasks(chosen, recipe.lora_rank, recipe.lora_alpha)
    columns = {"none": once(lambda: tests.tasks(model, ""))}
    for n, each in enumerate(others):
        stage(model, each, each.name, made, recipe, work, tell, watch, recipe.seed + n + 1)
        columns[each.name] = once(partial(tests.tasks, model, each.name))
    Training(recipe, work).keep(model)
    lines += [f"{'task ↓ adapter →':26}" + "  ".join(f"{c:>10}" for c in columns)]
    for name in columns["none"]:
        task = name.partition(":")[0]
        cells = "  ".join(f"{table.figure(c[name]):10.3f}" for c in columns.values())
        against = ", ".join(f"{k} {table.lead(columns[task][name], c[name])}" for k, c in columns.items() if k != task)
        lines.append(f"{name:26}{cells}   its own less {against}")
    return lines


def own(recipe: Recipe, data: OwnData, start: Path | None, training: Training) -> list[str]:
    """The first stage's training on a user's own pairs; where there are adapters they teach the first, retrieval's."""
    return skeleton.own(lambda: build(recipe, training.work), data, start, training)


# ------------------------------------------------------------------------------------------------------------------- measuring


def late_scores(queries: Sequence[Floats], documents: Sequence[Floats]) -> npt.NDArray[np.float64]:
    """MaxSim divided by the query's length, [queries, documents]: each query token finds its best place in the document."""
    return np.stack([metrics.maxsim(q, documents) for q in queries]).astype(np.float64)


class PageTests:
    """What is measured on; nothing of it is trained on."""

    def __init__(self, data: Path, split: str = "test") -> None:
        self.spreads = pages(data, split, 100)
        self.graded = korsts(data, split)
        self.questions, self.paragraphs = pairs.questions(data, split)
        self.code = pairs.code(data, split)

    def pages(self, model: Any, label: str, task: str = "") -> list[str]:
        """Finding a page by what one of its six pictures shows: R@5 of dense and of late interaction, and their difference."""
        lines = []
        for name, group in self.spreads.items():
            dense, late = self.outcomes(model, group, task)
            lines.append(table.line(f"{name} pages R@5, {label}: late, dense", [late, dense]))
        return lines

    def outcomes(self, model: Any, group: Sequence[Spread], task: str = "", k: int = 5) -> tuple[table.Outcomes, table.Outcomes]:
        """Dense and late outcomes for each query."""
        asked = [pairs.worded(f"{s.item.id}/{n}", w) for s in group for n, w in enumerate(s.words)]
        owner = [n for n, s in enumerate(group) for _ in s.words]
        q, qt = table.embed(model, asked, "query", task)
        d, dt = table.embed(model, [s.item for s in group], "document", task)
        return table.found(q @ d.T, owner, k), table.found(late_scores(qt, dt), owner, k)

    def tasks(self, model: Any, task: str) -> dict[str, table.Outcomes]:
        """One figure for each task, through one task's prompts and adapter."""
        embed = table.of_model(model, task)
        place = {p.id: n for n, p in enumerate(self.paragraphs)}
        scores = embed([p.query for p in self.questions], "query") @ embed(self.paragraphs, "document").T
        functions = embed([p.positive for p in self.code], "document")
        asked = embed([p.query for p in self.code], "query") @ functions.T
        return {
            "retrieval: KorQuAD MRR": table.reciprocal(scores, [place[p.positive.id] for p in self.questions]),
            "matching: KorSTS Spearman": table.similarity(self.graded, embed),
            "code: CoSQA MRR": table.reciprocal(asked, range(len(self.code))),
        }
