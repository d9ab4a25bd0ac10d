"""The data folder goes in; a one-sequence embedding model of text, picture and both, and its table beside mini's, come out.

Kanana-v-embedding (Kakao, "한국어와 이미지를 한 번에", 2025): text and picture in one sequence through a vision-language model, the
last layer's state at [EOS], an instruction before the query, InfoNCE under gradient caching, Matryoshka dimensions, hard
negatives; four modes: T→T, T→I, I→I, (T+I)→(T+I). `tiny` is the same training of a small one-sequence model that starts as mini.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import normalize

from hannun import collection
from hannun.datasets.composed import OPEN
from hannun.errors import DependencyError
from hannun.item import Item, Pair, Text
from hannun.load import load
from hannun.mini.model import HERE as MINI
from hannun.mini.model import Mini
from hannun.models.adapters import Task
from hannun.models.features import Features, Vectors
from hannun.models.fused import Fused, Shape
from hannun.models.one_sequence import OneSequence
from hannun.processes import in_turn
from hannun.recipe import Recipe
from hannun.recipes import skeleton, table
from hannun.recipes.data import composed
from hannun.recipes.skeleton import Training, mixed
from hannun.train import negatives
from hannun.train.batches import Mixture
from hannun.train.own import OwnData
from hannun.train.run import Moment
from hannun.train.schedule import Schedule
from hannun.train.steps.contrastive import Contrast

_SOURCE = "from the source"
ROUNDS = 2000  # of the bootstrap
SEARCH = Task("search", {"query": "", "document": ""}, {"query": "search", "document": "search"})  # one adapter, in a backbone too large

PAPER = Recipe(
    name="kanana_v",
    about="VLM, text and image in one sequence, [EOS] state, instruction on the query; T→T, T→I, I→I, (T+I)→(T+I) (Kakao)",
    sources={"composed": 1.0, "scene": 1.0, "product": 1.0, "photo": 1.0, "emoji": 0.5, "alike": 1.0, "sentence": 1.0},
    restricted=frozenset({"composed", "scene", "product", "photo", "alike"}),
    steps=4000,
    batch=4096,
    learning_rate=1e-5,
    dims=(64, 128, 256, 512, 1024, 2048),
    temperature=0.02,
    source_temperature=5.0,
    backbone="Qwen/Qwen2.5-VL-3B-Instruct",
    pooling="lasttoken",
    chunk=32,
    negatives=1,
    margin=0.1,
    precision="bf16",
    recompute=1,
    instructions=composed.INSTRUCTIONS,
    weights={"block": 0, "mined": 1},
    origins={
        "dims": f"{_SOURCE}: 64 … 2048",
        "pooling": f"{_SOURCE}: the last layer's state of [EOS]",
        "chunk": f"{_SOURCE} that gradients are cached; ours how many rows at a time",
        "negatives": f"{_SOURCE} that there are hard negatives; ours how many",
        "weights": "ours: hard negatives of every mode are mined (mined=1) by searching the positives with mini, as `hannun mine` does",
        "instructions": f"{_SOURCE} that queries have them; ours how they read",
        "backbone": "ours: Kakao's own VLM is not named; any image-text-to-text model goes here",
        "temperature": "ours",
        "batch": "ours",
        "steps": "ours",
        "learning_rate": "ours",
        "margin": "ours, after Qwen3-Embedding (Zhang et al. 2025)",
        "sources": "ours: what is at hand",
    },
)
TINY = replace(
    PAPER,
    size="tiny",
    steps=800,
    batch=64,
    learning_rate=5e-4,
    dims=(64, 128, 256, 512),
    temperature=0.05,
    backbone="mini",
    chunk=64,
    weights={"block": 0, "mined": 0},
    precision="fp32",
    recompute=0,
    sources={"composed": 5.0, "scene": 2.0, "product": 0.8, "photo": 1.2, "emoji": 0.4, "alike": 0.6, "sentence": 0.4},
    origins={
        **PAPER.origins,
        "dims": "ours: the source's 64 … 2048, as far as a small model goes",
        "backbone": "ours: a one-sequence model over mini's towers (hannun.models.fused)",
        "weights": "ours: hard negatives by rule, for composed queries alone",
    },
)
SIZES: Mapping[str, Recipe] = {"paper": PAPER, "tiny": TINY}


@final
class Apart(nn.Module):  # type: ignore[misc]
    """The same network read as two towers: a row's text and its picture in sequences of their own, their vectors averaged.

    What (T+I) is measured against: equal parameters, equal data, equal steps, and only the one sequence is missing.
    """

    def __init__(self, whole: Fused) -> None:
        super().__init__()
        self.whole = whole

    @property
    def log_scale(self) -> nn.Parameter:
        """The learned temperature."""
        return self.whole.log_scale

    def collate(self, items: Sequence[Item], role: Any, *, instruction: str | None = None, task: str = "") -> Features:
        """The features of the words, and those of what stands beside a picture: the role's prompt and the instruction alone."""
        whole = self.whole.collate(items, role, instruction=instruction, task=task)
        none = self.whole.collate([Item("none", (Text(""),))], role, instruction=instruction, task=task).rows
        n = len(whole)
        blank = {f"blank_{k}": none[k].expand(n, *none[k].shape[1:]) for k in ("words", "mask", "told")}
        return Features({**whole.rows, **blank}, whole.pictures, whole.pixels, None, task, role)

    def forward(self, features: Features) -> Vectors:
        """Dense [n, dim]: a text is read without its picture, and a picture is looked at without its text."""
        rows, n = features.rows, len(features)
        said = rows["own"].abs().sum(-1) > 0
        seen = torch.tensor(features.pictures, device=said.device) > 0
        words = {k: rows[k] for k in ("words", "mask", "own", "told")}
        total = self.whole(Features(words, (0,) * n, {}, None, features.task, features.role)).dense * (said | ~seen)[:, None]
        if seen.any():
            blank = {k: rows[f"blank_{k}"] for k in ("words", "mask", "told")} | {"own": torch.zeros_like(rows["own"])}
            looked = self.whole(Features(blank, features.pictures, features.pixels, None, features.task, features.role)).dense
            total = total + looked * seen[:, None]
        return Vectors(normalize(total, dim=-1))


@dataclass(frozen=True)
class Outcome:
    """A test's outcomes for each query: recall and nDCG at 10."""

    recall: npt.NDArray[np.float64]
    ndcg: npt.NDArray[np.float64]


def build(recipe: Recipe, work: Path) -> Any:
    """The untrained model: over mini's weights, or a vision-language model by path or hub id."""
    torch.manual_seed(recipe.seed)
    if recipe.backbone == "mini":
        model = Fused.from_mini(MINI, Shape(dim=max(recipe.dims), cut=11, pooling=recipe.pooling, dims=recipe.dims))
        model.remember(work / f"states-{Mini().fingerprint}")  # what frozen layers say is of those layers alone
        return model
    return OneSequence.begin(
        recipe.backbone, dim=max(recipe.dims), pooling=recipe.pooling, dims=recipe.dims, tasks=(SEARCH,) if adapted(recipe) else (),
        rank=recipe.lora_rank, alpha=recipe.lora_alpha or recipe.lora_rank, attention=recipe.attention, recompute=bool(recipe.recompute),
    )  # fmt: skip


def adapted(recipe: Recipe) -> str:
    """The name of the adapter's task where an adapter is trained instead of the whole backbone; "" for none."""
    return SEARCH.name if recipe.lora_rank and recipe.backbone != "mini" else ""


def mined(pairs: Mapping[str, Sequence[Pair]], count: int, work: Path, tell: Callable[[str], None]) -> dict[str, list[Pair]]:
    """Hard negatives for every mode: what a search of a source's positives by mini finds near a query and what does not answer it.

    Those that a source has by rule come first. The collections lie in `work`/mined.
    """
    out = {}
    for name, group in pairs.items():
        shop = collection.open(work / "mined" / f"{name}.hannun", encoder=load("mini"))
        with shop:
            there = {p.positive.id: p.positive for p in group}
            shop.add(list(there.values()))
            report = negatives.MiningReport()
            window = negatives.Window(count=count, product="product")
            found = negatives.mine([replace(p, negatives=()) for p in group], shop, window, report)
            out[name] = [replace(p, negatives=(*p.negatives, *m.negatives)[:count]) for p, m in zip(group, found, strict=True)]
        tell(f"{name}: {report.lines()[0]}")
    return out


def mixture(recipe: Recipe, data: Path, work: Path | None = None, tell: Callable[[str], None] = print) -> Mixture:
    """The recipe's sources, mixed; instructions by source. Hard negatives are mined in `work` where the recipe says so."""
    pairs = composed.train(data, recipe.sources, recipe.seed)
    if recipe.weights.get("mined") and recipe.negatives and work is not None:
        given, place = pairs, work
        pairs = in_turn(lambda: mined(given, recipe.negatives, place, tell))  # a collection has one owner at a time
    return mixed(recipe, pairs, task=adapted(recipe), block=int(recipe.weights.get("block", 0)))


def fit(
    model: nn.Module,
    recipe: Recipe,
    data: Path,
    folder: Path,
    tell: Callable[[str], None] = print,
    watch: Callable[[Moment], None] | None = None,
) -> nn.Module:
    """Train it; killed and called again, it goes on."""
    settings = replace(Contrast.of(recipe), products="product", also=OPEN, own=True)
    schedule = replace(Schedule.of(recipe), log_every=10, save_every=20)
    return Training(recipe, folder, tell, watch).contrasted(model, mixture(recipe, data, folder.parent, tell), settings, schedule)


def evaluate(
    embed: table.Embed, tests: Sequence[composed.Trial], instructions: Mapping[str, str], dims: Sequence[int]
) -> dict[tuple[str, int], Outcome]:
    """Outcomes by (test, dimension); 0 stands for the full one."""
    out = {}
    for test in tests:
        q = embed(test.queries, "query", instructions.get(test.name))
        d = embed(test.documents, "document", None)
        for dim in dims:
            a, b = (x if not dim else x[:, :dim] / np.linalg.norm(x[:, :dim], axis=1, keepdims=True).clip(1e-9) for x in (q, d))
            out[(test.name, dim)] = Outcome(*composed.outcomes(test, a, b))
    return out


def run(
    recipe: Recipe, data: Path, work: Path, tell: Callable[[str], None] = print, watch: Callable[[Moment], None] | None = None
) -> list[str]:
    """Train, save the model to WORK/model, and return the lines of its table beside mini's average."""
    if not data.exists():
        raise DependencyError(f"{data}: no such folder; give the data with --data")
    model = build(recipe, work)
    fit(model, recipe, data, work / "run", tell, watch)
    return Training(recipe, work).kept(model, lambda: measured(model, recipe, data))


def measured(model: Any, recipe: Recipe, data: Path) -> list[str]:
    """The lines of the recipe's table beside mini's."""
    tests = composed.tests(data)
    eighth = max(recipe.dims) // 8
    mine = evaluate(table.of_model(model, adapted(recipe)), tests, recipe.instructions, (0, eighth))
    theirs = evaluate(table.of_encoder(load("mini")), tests, {}, (0,))
    return figures(mine, theirs, tests, eighth)


def own(recipe: Recipe, data: OwnData, start: Path | None, training: Training) -> list[str]:
    """The same training on a user's own pairs."""
    return skeleton.own(lambda: build(recipe, training.work), data, start, training)


def figures(
    mine: Mapping[tuple[str, int], Outcome], theirs: Mapping[tuple[str, int], Outcome], tests: Sequence[composed.Trial], eighth: int
) -> list[str]:
    """One line for each test: nDCG@10 and recall@10 beside the other's, the paired interval, and recall at an eighth of the dimensions."""
    out = [f"{'test':10} {'mode':12} {'queries':>7}  nDCG@10 (mini, difference [95 %])              R@10 (mini; at {eighth} d)"]
    for t in tests:
        a, b, short = mine[(t.name, 0)], theirs[(t.name, 0)], mine[(t.name, eighth)]
        low, high = table.paired(a.ndcg, b.ndcg, ROUNDS)
        kept = short.recall.mean() / max(a.recall.mean(), 1e-9)
        out.append(
            f"{t.name:10} {composed.MODES[t.name]:12} {len(t.queries):7}  {a.ndcg.mean():.3f} ({b.ndcg.mean():.3f}, "
            f"{a.ndcg.mean() - b.ndcg.mean():+.3f} [{low:+.3f}, {high:+.3f}])   "
            f"{a.recall.mean():.3f} ({b.recall.mean():.3f}; {short.recall.mean():.3f} = {kept:.0%})"
        )
    return out
