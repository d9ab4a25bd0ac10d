"""The data folder goes in; hannun-mini's trained weights, ready for `mini/`, come out.

`make mini` (`python -m hannun.recipes.mini --data FOLDER --frozen FOLDER`) does all of it: backbone features and text vectors into
a cache, training, export to ONNX, evaluation. Killed, it goes on where it was. `--without-restricted` leaves out the sources
whose licences forbid some uses (Flickr8k and what was made from its captions, fashion, the GPL stamps, the mixed parallel sentences);
such a build is solved instead of trained, and `hannun.recipes.mini.free` makes mini-free of it.

Ours, not from a paper, unless a module says so. The scheme is CLIP's (Radford et al. 2021) with frozen bodies (as LiT does for pictures,
Zhai et al. 2022), nested dimensions, and two paths to a picture's vector: seen and recognised.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hannun.datasets import pictures, sentences
from hannun.errors import DependencyError
from hannun.mini.model import DIMS, fingerprint
from hannun.mini.model import HERE as MINI
from hannun.processes import alone
from hannun.recipe import Recipe
from hannun.recipes.mini import backbone, export, features, free, hubs, measure, ridge, scenes
from hannun.recipes.mini.polish import polish
from hannun.recipes.mini.pools import Pool, Views, pool
from hannun.recipes.mini.step import MiniStep
from hannun.recipes.mini.texts import PASSAGE, QUERY, TextVectors
from hannun.recipes.mini.towers import PictureHead, TextHead, Towers
from hannun.train.loop import Step, train
from hannun.train.schedule import Schedule

VIEWS = {"flickr8k": 5, "stamps": 5, "clothing": 4}  # other sources: 2
DECAY = 0.5  # of the weights, times the learning rate, each step: with 6,800 photos the head must forget what one of them taught
KEPT = (48, 96, 384, 384)  # prefixes held to the encoder's own similarities; the whole vector counts twice
CENTRED = 0.6  # of the texts' mean is taken off: all of it costs paragraphs 0.010 of nDCG@10, none costs sentences
SHARPNESS = 0.5  # of the classes' shares where no photo teaches it (docs/log.md)
BRANCHES = 2  # warm restarts from the same trunk, averaged

RECIPE = Recipe(
    name="mini",
    sources={"flickr8k": 4.0, "fashion": 1.2, "clothing": 0.8, "emoji": 1.0, "clipart": 0.8, "stamps": 0.5, "catalogue": 0.6},
    restricted=frozenset({"flickr8k", "fashion", "stamps"}),
    steps=1500,
    batch=256,
    learning_rate=1e-3,
    dims=DIMS,
    temperature=0.05,
    source_temperature=5.0,
    ema=0.998,
    weights={
        "korean": 0.6,
        "patch": 0.2,
        "soft": 0.7,
        "thaw": 0.5,
        "drawn_batch": 160,
        "prefix": 0.5,
        "classes": 0.5,
        "parallel": 0.3,
        "mixed": 0.5,
        "keep": 60.0,
        "pairs_batch": 256,
        "whiten": 0.1,
    },
)

#: Its pictures are drawings and phone photos of clothes, too few to train by: it is solved (`solve`).
FREE = RECIPE.without_restricted()
MANY = 1200  # pictures of each source that it is solved by


@dataclass(frozen=True)
class Stages:
    """The step of each stage; that of the polish is made for the text head that it begins with."""

    trunk: Step
    branches: tuple[Step, ...]
    polish: Callable[[TextHead], Step]


@dataclass(frozen=True)
class Ready:
    """What training needs, loaded."""

    recipe: Recipe
    every: list[pictures.Picture]
    described: dict[str, sentences.Described]
    texts: TextVectors
    views: Views
    pairs: list[tuple[str, str]]
    general: list[str]
    passages: list[str]
    names: list[tuple[str, str]]


def read_pictures(data: Path, clipart: Path | None, work: Path, recipe: Recipe) -> list[pictures.Picture]:
    """All pictures of the recipe's sources, test ones included (they are measured on)."""
    every: list[pictures.Picture] = []
    for source in recipe.sources:
        if source in ("clipart", "stamps"):
            every += pictures.READERS[source](clipart) if clipart is not None else []
        elif source == "catalogue":
            every += pictures.catalogue(work / "catalogue")
        else:
            every += pictures.READERS[source](data)
    return every


def name_texts(names: Sequence[tuple[str, str]]) -> list[tuple[str, str, str, str]]:
    """For each class: all Korean names, the first one, all English names, the first one."""
    return [(ko, ko.split(",")[0].strip(), en, en.split(",")[0].strip()) for ko, en in names]


def prepare(
    data: Path, clipart: Path | None, work: Path, recipe: Recipe, threads: int = 1, tell: Callable[[str], None] = print, frozen: Path = MINI
) -> Ready:
    """Features and text vectors in the cache under `work`, and everything loaded; `frozen` holds the encoder that reads the texts."""
    work.mkdir(parents=True, exist_ok=True)
    every = read_pictures(data, clipart, work, recipe)
    for source in recipe.sources:
        mine = [p for p in every if p.source == source]
        trained = [p for p in mine if p.split in ("train", "dev")]
        for number in range(VIEWS.get(source, 2)):
            features.cache(work, source, number, trained if number else mine, tell)
    described = {p.key: sentences.describe(p) for p in every}
    names = measure.classes_table(MINI / "classes.tsv")
    pairs, general, passages = words(data, every, recipe, names)
    texts = TextVectors(work, frozen, threads, tell)
    wanted = [s.text for d in described.values() for s in d.sentences]
    wanted += [
        s.negative for d in described.values() if d.source in ("flickr8k", "catalogue") for s in d.sentences if s.korean and s.negative
    ]
    wanted += general + [t for pair in pairs for t in pair] + [t for row in name_texts(names) for t in row]
    wanted += scenes.phrases() if recipe.name == FREE.name else []
    wanted += [t for a, b, _ in measure.similarity_sets(data).values() for t in (*a, *b)]
    texts.add([QUERY + t for t in wanted])
    texts.add([*(PASSAGE + t for t in passages), *(QUERY + t for t in passages[:200])], 256)
    return Ready(
        recipe, every, described, texts, Views.load(work, list(recipe.sources), max(VIEWS.values())), pairs, general, passages, names
    )


def words(
    data: Path, every: Sequence[pictures.Picture], recipe: Recipe, names: Sequence[tuple[str, str]]
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """What is trained on besides pictures' own sentences: pairs of Korean and English, requests, and paragraphs."""
    pairs = sentences.korsts(data) if recipe.name == FREE.name else sentences.parallel(data)
    pairs += [(k, e) for e, ks in sentences.dictionary().items() for k in ks]
    pairs += [
        (p.facts["name_ko"], p.facts["name_en"])
        for p in every
        if p.source == "emoji" and p.split == "train" and p.facts["name_ko"] and p.facts["name_en"]
    ]
    pairs += [(ko.split(",")[0].strip(), en.split(",")[0].strip()) for ko, en in names]
    if "flickr8k" in recipe.sources:
        own, photos = sentences.translations(), [p for p in every if p.source == "flickr8k"]
        for p in photos:
            said = own.get(p.key.partition("/")[2], ())[:2]
            pairs += [(ko, sentences.clean(p.facts["captions"][number])) for ko, number in said]
    return pairs, sentences.everyday(data), [] if recipe.name == FREE.name else sentences.passages(data)


def start(
    vectors: npt.NDArray[np.float32],
    usual: npt.NDArray[np.float32],
    views: Views,
    rows: Sequence[int],
    names: Tensor,
    whiten: float,
    temperature: float,
) -> tuple[Towers, Tensor, Tensor]:
    """Untrained towers, and two teachers [t, 384]: text vectors turned to their main axes and partly whitened, centred and as they start.

    Main axes first is what lets a truncated vector start good. Centred as far as CENTRED and whitened by 0.1, the start ranks
    sentences and paragraphs better than the encoder does (docs/log.md). `usual` [u, 384] tells the mean and the axes;
    `rows` are the views over which the pictures' channels are standardised.
    """
    centre = usual.mean(0)
    spread, axes = np.linalg.eigh(np.cov(usual.T))
    turn = (axes[:, ::-1] * np.maximum(spread[::-1], 1e-8) ** -whiten).T.copy()
    centred, begun = ((vectors - c * centre) @ turn.T for c in (1.0, CENTRED))
    scale = turn / np.linalg.norm(turn, axis=1).mean()
    text = TextHead(torch.from_numpy(CENTRED * centre), torch.from_numpy(scale.astype(np.float32)))
    top = backbone.top(backbone.load().network)
    maps, cells, _, _ = views.take(np.random.default_rng(0).choice(rows, min(1000, len(rows)), replace=False))
    with torch.no_grad():
        deep = torch.cat([backbone.cells(top(part)[1]) for part in maps.split(100)]).flatten(0, 1)
    stats = [(x.mean(0), x.std(0) + 1e-3) for x in (deep, cells.flatten(0, 1))]
    towers = Towers(text, PictureHead(top, stats[0], stats[1]), names, temperature)
    return towers, *(torch.from_numpy(t.astype(np.float32)) for t in (centred, begun))


def build(ready: Ready, splits: Sequence[str] = ("train", "dev")) -> tuple[Towers, Stages]:
    """The untrained towers, and the stages' steps, over pictures of the splits."""
    torch.manual_seed(ready.recipe.seed)
    recipe, texts = ready.recipe, ready.texts
    vectors = texts.vectors.astype(np.float32)
    rows = np.array([[texts.rows[QUERY + t] for t in row] for row in name_texts(ready.names)])
    trained = [p for p in ready.every if p.split in splits]
    seen = [ready.views.places[p.key][0] for p in trained]
    names = vectors[rows]
    if recipe.name == FREE.name:
        names = scenes.with_scenes(names, {t: vectors[texts.rows[QUERY + t]] for t in scenes.phrases()})
    usual = vectors if recipe.name != FREE.name else vectors[free_texts(ready)]  # the cache may hold other texts too
    towers, centred, begun = start(vectors, usual, ready.views, seen, torch.from_numpy(names), recipe.weights["whiten"], recipe.temperature)
    if recipe.name == FREE.name:  # what photos show is read off many classes, which drawings would not teach
        towers.picture.sharpen.requires_grad_(False).fill_(SHARPNESS)
    pools = {s: pool([ready.described[p.key] for p in trained if p.source == s], texts) for s in recipe.sources}
    pools = {s: p for s, p in pools.items() if p.described}
    pools["mixed"] = Pool(*([x for p in pools.values() for x in getattr(p, k)] for k in ("described", "korean", "english")))
    pairs = np.array([[texts.rows[QUERY + k], texts.rows[QUERY + e]] for k, e in ready.pairs])
    general = np.concatenate([np.unique(pairs), [texts.rows[QUERY + t] for t in ready.general]])
    long = np.array(
        [texts.rows[PASSAGE + t] for t in ready.passages] + [texts.rows[QUERY + t] for t in ready.passages[:200]], dtype=np.int64
    )
    # Half sentences, half paragraphs, where there are paragraphs.
    more = np.concatenate([general, np.repeat(long, max(1, len(general) // len(long)))]) if len(long) else general
    unit = torch.nn.functional.normalize
    full, sense = unit(begun, dim=-1), unit(centred, dim=-1)
    own = [(d, full if d == full.shape[1] else unit(centred[:, :d], dim=-1)) for d in KEPT]
    every, prompts = torch.from_numpy(vectors), rows[:, [1, 3]]
    told = [row for p in pools.values() for side in (p.korean, p.english) for said in side for row, *_ in said]
    away = [a for a in (np.array([texts.rows[QUERY + t] for t in ready.general]), long) if len(a)]
    stay = np.setdiff1d(np.concatenate([np.array(told), pairs.ravel(), rows.ravel()]), np.concatenate(away))
    steps = [MiniStep(r, pools, ready.views, every, pairs, more, own, sense, prompts) for r in (recipe, *branches(recipe))]
    return towers, Stages(steps[0], tuple(steps[1:]), lambda head: polish(polishing(recipe), head, every, full, away, stay))


def free_texts(ready: Ready) -> list[int]:
    """The rows of all texts that the build without restricted sources is made of."""
    said = [s.text for d in ready.described.values() for s in d.sentences]
    said += [*ready.general, *(t for pair in ready.pairs for t in pair), *(t for row in name_texts(ready.names) for t in row)]
    return sorted({ready.texts.rows[QUERY + t] for t in [*said, *scenes.phrases()]})


def branches(recipe: Recipe) -> list[Recipe]:
    """The recipes of the branches, warm restarts from the trunk: drawings and products more often, less softness."""
    more = {"fashion": 1.8, "emoji": 1.5}
    sources = {k: more.get(k, v) for k, v in recipe.sources.items()}
    weights = {**recipe.weights, "soft": 0.5, "thaw": 0.0, "drawn_batch": 192}
    steps, rate = max(1, round(0.3 * recipe.steps)), recipe.learning_rate / 2
    first = replace(recipe, sources=sources, steps=steps, learning_rate=rate, ema=0.99, weights=weights)
    return [replace(first, seed=recipe.seed + 2 + n) for n in range(BRANCHES)]


def polishing(recipe: Recipe) -> Recipe:
    """The recipe of the last stage, the text head's alone."""
    return replace(recipe, seed=recipe.seed + 1, ema=0.98, weights={"back": 2.0})


def mean(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of networks that share their beginning is better than each (model soup, Wortsman et al. 2022)."""
    return {k: torch.stack([s[k] for s in states]).mean(0) for k in states[0]}


def run(towers: Towers, stages: Stages, recipe: Recipe, folder: Path, tell: Callable[[str], None] = print) -> None:
    """The trunk, its branches, their mean and the polish, one after the other; each resumes by itself. The towers end trained."""

    def stage(name: str, step: Step, r: Recipe, decay: float) -> dict[str, Tensor]:
        schedule = replace(Schedule.of(r), weight_decay=decay, save_every=200)
        train(towers, step, schedule, folder / name, tell)
        return {k: v.detach().clone() for k, v in towers.state_dict().items()}

    trunk, ends = stage("trunk", stages.trunk, recipe, DECAY), []
    for n, (step, r) in enumerate(zip(stages.branches, branches(recipe), strict=True)):
        towers.load_state_dict(trunk)
        ends.append(stage(f"branch-{n}", step, r, DECAY / 4))
    towers.load_state_dict(mean(ends))
    towers.requires_grad_(False)
    towers.text.requires_grad_(True)
    stage("polish", stages.polish(towers.text), polishing(recipe), 0.0)
    towers.eval()


def solve(ready: Ready, towers: Towers, splits: Sequence[str] = ("train", "dev")) -> None:
    """Make the towers of FREE, in place, without a step: what is seen by a ridge regression, and a gate that knows photos by clothes.

    Some pictures of each source are looked at, MANY at most; a source counts by the square root of their number.
    """
    rng, texts = np.random.default_rng(ready.recipe.seed), ready.texts
    photos, drawings, rows, said, weight = list[int](), list[int](), list[int](), list[Tensor](), list[float]()
    with torch.no_grad():
        for source in ready.recipe.sources:
            own = [p for p in ready.every if p.source == source and p.split in splits and ready.described[p.key].sentences]
            own = [own[n] for n in rng.permutation(len(own))[:MANY]]
            for p in own:
                of = [texts.rows[QUERY + t] for t in dict.fromkeys(s.text for s in ready.described[p.key].sentences)]
                mean = towers.text(torch.from_numpy(texts.vectors[of].astype(np.float32))).mean(0)
                said.append(torch.nn.functional.normalize(mean, dim=-1))
                rows.append(ready.views.places[p.key][0])
                weight.append(len(own) ** -0.5)
            (photos if source == "clothing" else drawings).extend(rows[len(rows) - len(own) :])
    order = rng.permutation(len(rows)).tolist()
    x = ridge.features(towers.picture.eval(), ready.views, [rows[n] for n in order])
    with torch.no_grad():
        long = [[texts.rows[QUERY + pair[n]] for pair in ready.pairs if len(pair[n].split()) > 3] for n in (0, 1)]
        towers.away = ridge.shared([towers.text(torch.from_numpy(texts.vectors[of].astype(np.float32))) for of in long])
    ridge.become(towers.picture, ridge.solved(x, torch.stack(said)[order], torch.tensor(weight)[order]), towers.away)
    free.gate(towers, ready.views, photos, drawings)
    towers.requires_grad_(False).eval()


class Sight:
    """Trained towers over the cache, as `measure` wants them: texts and picture keys to vectors."""

    def __init__(self, ready: Ready, towers: Towers, dim: int = 384) -> None:
        self.ready, self.towers, self.dim = ready, towers.eval(), dim

    def _unit(self, x: Tensor) -> npt.NDArray[np.float32]:
        rows: npt.NDArray[np.float32] = torch.nn.functional.normalize(x[:, : self.dim], dim=-1).numpy()
        return rows

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def query(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """[n, dim] unit rows for texts as queries."""
        self.ready.texts.add([QUERY + t for t in texts])
        rows = [self.ready.texts.rows[QUERY + t] for t in texts]
        return self._unit(self.towers.text(torch.from_numpy(self.ready.texts.vectors[rows].astype(np.float32))))

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def look(self, keys: Sequence[str]) -> npt.NDArray[np.float32]:
        """[n, dim] unit rows for pictures by key, view 0."""
        named = self.towers.classes()
        out = []
        for at in range(0, len(keys), 256):
            maps, cells, share, classes = self.ready.views.take([self.ready.views.places[k][0] for k in keys[at : at + 256]])
            out.append(self.towers.picture(maps, cells, share, named[classes])[0])
        return self._unit(torch.cat(out))


def classes_seen(ready: Ready) -> dict[str, tuple[int, float]]:
    """The backbone's own class and its confidence, by picture."""
    v = ready.views
    return {k: (int(v.classes[at[0]][0]), float(v.share[at[0]][0])) for k, at in v.places.items()}


def evaluate(ready: Ready, towers: Towers, data: Path, dim: int = 384) -> list[measure.MiniFigure]:
    """The table, from the cache."""
    sight = Sight(ready, towers, dim)
    sets = measure.held_sets(ready.every, ready.names)
    return [*measure.picture_figures(sets, sight.query, sight.look, classes_seen(ready)), *measure.text_figures(data, sight.query)]


def hubs_of(ready: Ready, towers: Towers) -> hubs.Hubs | None:
    """What the pictures of these towers are moved by; None where no source tells how pictures are asked for, or in FREE (docs/log.md)."""
    if ready.recipe.name == FREE.name:
        return None
    sight = Sight(ready, towers)
    described = [ready.described[p.key] for p in ready.every if p.split in ("train", "dev")]
    said = [sight.query(texts) for texts in hubs.asked(described).values()]
    seen = sight.look([p.key for p in hubs.calibrating(ready.every)])
    return hubs.found(said, sight.query(hubs.shared(described, ready.names)), seen) if said else None


def deliver(ready: Ready, towers: Towers, frozen: Path, to: Path) -> None:
    """image.onnx, text.onnx, tokenizer.json and space.json (calibration, dims, fingerprint) in `to`; `frozen` holds the encoder."""
    to.mkdir(parents=True, exist_ok=True)
    sight, known = Sight(ready, towers), hubs_of(ready, towers)
    look = sight.look if known is None else lambda keys: known.moved(sight.look(keys))
    export.image(towers, to / "image.onnx", known)
    export.text(towers, frozen / "text.onnx", to / "text.onnx")
    shutil.copyfile(frozen / "tokenizer.json", to / "tokenizer.json")
    told = [p for p in ready.every if ready.described[p.key].sentences]
    facts = hubs.calibration(told, ready.described, ready.pairs, sight.query, look)
    export.card(to / "space.json", fingerprint=fingerprint(to), dims=sorted(DIMS, reverse=True), calibration=facts)


def main(argv: Sequence[str] | None = None) -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(prog="python -m hannun.recipes.mini", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of data sets")
    parser.add_argument(
        "--clipart", type=Path, help="folder in which openclipart-png, -svg and tuxpaint-stamps-default are unpacked (`dpkg -x`)"
    )
    parser.add_argument("--work", type=Path, default=Path("build/mini"), help="cache, checkpoints and logs")
    parser.add_argument(
        "--frozen", type=Path, required=True, help="folder with the frozen encoder's text.onnx (hannun.mini.export_text) and tokenizer.json"
    )
    parser.add_argument("--to", type=Path, help="where the ONNX files go (default: WORK/out)")
    parser.add_argument("--steps", type=int, help="override the recipe's number of steps")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--select", action="store_true", help="train without the dev splits and print their figures, to choose settings by")
    parser.add_argument("--without-restricted", action="store_true", help="leave out sources with restricted licences")
    a = parser.parse_args(argv)
    if not a.data.exists():
        raise DependencyError(f"{a.data}: no such folder; give the data with --data")
    alone("python -m hannun.recipes.mini")
    torch.set_num_threads(a.threads)
    recipe = FREE if a.without_restricted else RECIPE
    if a.steps:
        recipe = replace(recipe, steps=a.steps)
    ready = prepare(a.data, a.clipart, a.work, recipe, a.threads, frozen=a.frozen)
    if a.select:
        towers, steps = build(ready, ("train",))
        if recipe.name == FREE.name:
            solve(ready, towers, ("train",))
        else:
            run(towers, steps, recipe, a.work / f"{recipe.name}-select")
        for dim in (384, 96, 48):
            sight = Sight(ready, towers, dim)
            dev = measure.text_figures(a.data, sight.query, "KorSTS dev")  # the other sets are for measuring once
            for figure in (*measure.selection_figures(ready.every, sight.query, sight.look), *dev):
                print(f"{dim:3} {figure.name:44} {figure.value:.3f}", flush=True)
        return
    towers, steps = build(ready)
    deliver(ready, towers.eval(), a.frozen, a.work / "start")  # the untrained start, for benchmarks/mini.py
    if recipe.name == FREE.name:
        solve(ready, towers)
        (a.work / recipe.name).mkdir(parents=True, exist_ok=True)
    else:
        run(towers, steps, recipe, a.work / recipe.name)
    torch.save(towers.state_dict(), a.work / recipe.name / "towers.pt")
    for figure in evaluate(ready, towers, a.data):
        print(f"{figure.name:48} {figure.value:.3f}", flush=True)
    deliver(ready, towers, a.frozen, a.to or a.work / "out")
