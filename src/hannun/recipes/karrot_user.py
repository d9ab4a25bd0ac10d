"""A behaviour log and its items' content go in; a model that gives users and items vectors in one space comes out.

The source (Karrot's talk on long-term user models) gives the outline alone: a Transformer over years of a user's behaviour makes one
vector, which feed and ads models take as a feature. Everything else here is ours, and `origins` says so of each number.
`hannun users train LOG --items ITEMS --to MODEL` runs it on a log of your own; `hannun train karrot_user` on MovieLens-100k.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from hannun.embeddings import Floats
from hannun.errors import InputError
from hannun.models.sequence.network import UserNetwork, UserShape
from hannun.processes import once
from hannun.recipe import Recipe
from hannun.recipes.data.films import liked_films
from hannun.recipes.skeleton import Training
from hannun.sources.logs import BehaviourLog
from hannun.train.distributed import gathered
from hannun.train.own import OwnData
from hannun.train.run import Moment
from hannun.train.schedule import Schedule
from hannun.users.batches import Sampling, WindowBatches
from hannun.users.futures import FutureLoss, futures
from hannun.users.histories import histories, names_of
from hannun.users.ranking import PastRanked, past_ranked
from hannun.users.windows import LogWindows, leaks, windows

_SOURCE = "from the source"

PAPER = Recipe(
    name="karrot_user",
    about="years of behaviour in one vector of a user, in the space of the items (Karrot)",
    sources={"log": 1.0},
    restricted=frozenset(),
    steps=200_000,
    batch=512,
    learning_rate=5e-4,
    dims=(256, 128, 64),
    temperature=0.07,
    backbone="mini",
    negatives=8_192,
    weights={
        **{"masked": 0.1, "dropped": 0.3, "dropout": 0.1, "layers": 6, "heads": 8},
        **{"future": 10, "reach": 10_000, "passes": 1, "whole": 5_000, "gaps": 0, "short": 1.0, "wide": 4},
    },
    weight_decay=0.01,
    betas=(0.9, 0.98),
    precision="bf16",
    origins={
        "sources": f"{_SOURCE}: long logs of behaviour; ours what an event holds",
        "backbone": "ours: what reads the items' titles and pictures",
        "dims": "ours",
        "steps": "ours",
        "batch": "ours: users",
        "learning_rate": "ours",
        "temperature": "ours: learned, from 0.07; tiny from 0.14, the better one on LastFM's and MovieLens' dev users",
        "negatives": "ours: of the whole catalogue, beside those in the batch; log-Q correction after Yi et al. 2019",
        "weights": f"{_SOURCE} that a Transformer reads long histories; ours its size, the window of the future, and the losses",
        "weight_decay": "ours",
    },
)
TINY = replace(
    PAPER,
    size="tiny",
    steps=400,
    batch=128,
    learning_rate=2e-3,
    dims=(64, 32),
    temperature=0.14,
    negatives=1_000,
    weights={
        **{"masked": 0.0, "dropped": 0.3, "dropout": 0.5, "layers": 2, "heads": 2},
        **{"future": 1, "reach": 2_000, "passes": 32, "whole": 5_000, "gaps": 0, "short": 0.2, "wide": 1},
    },
    precision="fp32",
    origins={**PAPER.origins, "weights": "ours; future=1, the next event, was the better one on MovieLens' dev users than one of five"},
)
SIZES: Mapping[str, Recipe] = {"paper": PAPER, "tiny": TINY}


SPARSE = 24  # ours: events of an item; products and artists have about 13, MovieLens' films 38, and SASRec's authors drop 0.5 and 0.2 there
JUDGES, MOST = 200, 5_000  # ours: items by which a state is chosen; fewer choose one of the first by chance, and more choose no better


@dataclass(frozen=True, eq=False)
class UserData:
    """A log to train on, and the content vectors [items, c] of its items where there are any (rows of zeros for those without), with the
    name of the encoder that made them."""

    log: BehaviourLog
    content: Floats | None = None
    reads: str = "mini"


def dropout(recipe: Recipe, items: int, events: int) -> float:
    """The recipe's share where an item has SPARSE events or fewer in the mean, less of it the more events there are."""
    share: float = recipe.weights["dropout"]
    return share * min(1.0, SPARSE * items / max(1, events))


def build(recipe: Recipe, data: UserData) -> UserNetwork:
    """The untrained network."""
    torch.manual_seed(recipe.seed)
    known = names_of(data.log)
    w = recipe.weights
    content = None
    if data.content is not None:
        row = {name: n for n, name in enumerate(data.log.items)}
        rows = data.content[[row[name] for name in known.items]]
        content = torch.from_numpy(np.concatenate([np.zeros_like(rows[:1]), rows]))
    width = 0 if content is None else content.shape[1]
    reads, priced = data.reads if width else "", data.log.value is not None
    shape = UserShape(
        recipe.dims, int(w["layers"]), int(w["heads"]), width, dropout(recipe, len(known.items), len(data.log)),
        reads=reads, prices=priced, gaps=bool(w["gaps"]), wide=int(w["wide"]),
    )  # fmt: skip
    network = UserNetwork(shape, known, content)
    with torch.no_grad():
        network.log_scale.fill_(-math.log(recipe.temperature))
    return network


def fitted(recipe: Recipe, data: UserData, training: Training, judge: Callable[[UserNetwork], float] | None = None) -> UserNetwork:
    """The network, trained on all of the log. Killed and called again, it goes on. Raises InputError where nobody has two events.

    `judge` gives a figure on what came later, higher is better: the best state is kept.
    """
    model = build(recipe, data)
    w, shape = recipe.weights, model.shape
    past = histories(data.log, model.known)
    sampling = Sampling(recipe.batch, shape.recent, shape.kept, int(w["future"]), int(w["reach"]), recipe.seed)
    batches = WindowBatches(past, sampling)
    settings = FutureLoss(recipe.negatives, w["masked"], dropped=w["dropped"], whole=int(w["whole"]), short=w["short"])
    steps = max(recipe.steps, int(w["passes"] * batches.epoch))  # a log of many users is not done in the steps of one of few
    schedule = replace(Schedule.of(recipe), steps=steps, save_every=max(1, steps // 10))
    if judge is not None:
        schedule = replace(schedule, validate_every=max(1, steps // 10))
    trained = training.fit(model, futures(batches, settings, gathered), batches, schedule, "run", judge)
    assert isinstance(trained, UserNetwork)
    return trained


def judging(cut: LogWindows) -> PastRanked | None:
    """What a state is chosen by: what each user did first between the moments; of few users, everything; None where that is little too.

    A model may be at its best after few passes, and by the first item of some tens of users that cannot be seen.
    """
    for every in (False, True):
        dev = past_ranked(cut, "dev", every)
        if len(dev) >= JUDGES:
            return dev.some(MOST)
    return None


def learned(recipe: Recipe, data: UserData, training: Training) -> list[str]:
    """Train on what came before a moment, choose the state on what came after it, save it, and measure what came last, once."""
    cut = windows(data.log)
    if found := leaks(cut):
        raise InputError(f"the windows leak: {'; '.join(found)}")
    asked = {name: past_ranked(cut, name) for name in ("dev", "test")}
    dev = judging(cut)
    judge = (lambda model: dev.of_model(model).ndcg) if dev is not None else None
    if judge is None:
        training.tell(f"only {len(asked['dev'])} users have a past and a future at the moment of the split; the last state is kept")
    model = fitted(recipe, UserData(cut.train, data.content, data.reads), training, judge)

    def measured() -> list[str]:
        popular = dev.best_popular(model) if dev is not None else 0.0
        lines = [line for name in asked for line in asked[name].lines(name, model, popular)]
        best = f"`hannun users recommend --popular {popular:g}` ranks best what the users did between the two moments"
        return [PastRanked.header(), *lines, *([best] if popular else [])]

    return training.kept(model, measured)


def run(
    recipe: Recipe, data: Path, work: Path, tell: Callable[[str], None] = print, watch: Callable[[Moment], None] | None = None
) -> list[str]:
    """Train on MovieLens-100k, save the model in `work`/model, and measure it beside popularity and the last item."""
    log, content = once(lambda: liked_films(data))
    return learned(recipe, UserData(log, content), Training(recipe, work, tell, watch))


def own(recipe: Recipe, data: OwnData, start: Path | None, training: Training) -> Sequence[str]:
    """Pairs are no log. Raises InputError."""
    raise InputError(f"{recipe.name} learns from a log of events, and pairs came; give it with `hannun users train LOG --to MODEL`")
