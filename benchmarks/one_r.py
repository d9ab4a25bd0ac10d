"""Trains OneR's objectives beside two towers of the same size, and measures where models say that a thing is, each beside its peers.

    python benchmarks/one_r.py ablation [--steps 200] [--batch 64] [--side 48] [--seeds 0] [--only ITC …] [--data ../shared/data]
    python benchmarks/one_r.py locate --data ../shared/data [--model build/one_r-tiny/model] [--count 200]

`ablation` trains the rows of --only (all, where it is left out) once for each seed and keeps their results in the work folder: killed, it
goes on; called again it trains what is missing and prints every row that it has. With --data it trains as `hannun train one_r --size tiny`
does, on drawn things and then on photos, and measures both; without it, on drawn things alone. `locate` is the pointing game (Zhang et
al. 2018): a hit is where the hottest place of the map lies in the thing's box. Brackets are 95 % bootstrap intervals over queries, and over
seeds where there are several.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Outcomes = npt.NDArray[np.float64]
COUNT = 1500  # drawn training entries of the ablation

#: Name → what of the shape differs, and the objectives. Two towers have half the layers each: as many weights as one tower.
ROWS: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "untrained": ({}, {}),
    "two towers (CLIP)": ({"trunks": 2, "projectors": 2, "momentum": 0.0}, {"clip": 1.0}),
    "two towers, SLIP": ({"trunks": 2, "projectors": 2, "momentum": 0.0}, {"clip": 1.0, "slip": 1.0}),
    "one tower, CLIP": ({"momentum": 0.0}, {"clip": 1.0}),
    "ITC": ({}, {"itc": 1.0}),
    "ITC, two heads": ({"projectors": 2}, {"itc": 1.0}),
    "ITC + XMC": ({}, {"itc": 1.0, "xmc": 1.0}),
    "ITC + XMC + CIC": ({}, {"itc": 1.0, "xmc": 1.0, "cic": 1.0}),
    "ITC + XMC + CIC + CMC": ({}, {"itc": 1.0, "xmc": 1.0, "cic": 1.0, "cmc": 1.0}),
}
AGAINST = "two towers (CLIP)"


# ------------------------------------------------------------------------------------------------------------------ ablation


def folder(name: str, seed: int, chosen: argparse.Namespace) -> Path:
    """Where a row's model and result of one seed lie."""
    slug = "".join(c if c.isalnum() else "-" for c in name)
    work: Path = chosen.work
    return work / f"{slug}-{seed}-{chosen.steps}x{chosen.batch}-{chosen.side}px{'-photos' if chosen.data else ''}"


def trained(name: str, seed: int, chosen: argparse.Namespace, group: Mapping[str, Any]) -> dict[str, Any]:
    """One row's result of one seed: kept where it was measured before, only measured where its model lies in its folder already."""
    from hannun.models.checkpoint import open_model

    place = folder(name, seed, chosen)
    if (place / "result.json").exists():
        return dict(json.loads((place / "result.json").read_text("utf-8")))
    begun = time.process_time()
    model: Any = open_model(place / "model") if (place / "model").exists() else fitted(name, seed, chosen, group, place)
    seconds = round(time.process_time() - begun)
    model.eval().remember(chosen.work / "states")
    result = {
        "outcomes": {k: v.tolist() for k, v in measured(model, chosen, group).items()},
        "space": asdict(space(model, group["test"])),
        "weights": sum(p.numel() for p in model.student.parameters()),
        "seconds": seconds,
    }
    place.mkdir(parents=True, exist_ok=True)
    (place / "result.part").write_text(json.dumps(result), "utf-8")
    (place / "result.part").rename(place / "result.json")
    return result


def fitted(name: str, seed: int, chosen: argparse.Namespace, group: Mapping[str, Any], place: Path) -> Any:
    """A row's model, trained: on the drawn catalogue, or, where there are photos, on the two stages of the recipe."""
    from hannun.models.checkpoint import save
    from hannun.recipes import one_r
    from hannun.recipes.skeleton import Training, mixed
    from hannun.train.schedule import Schedule
    from hannun.train.steps.cross_modal import CrossModal

    differs, objectives = ROWS[name]
    shape = replace(one_r.SHAPES[one_r.SMALL], side=chosen.side, **differs)
    recipe = replace(one_r.TINY, seed=seed)
    model = one_r.begun(shape, [p.query.text or "" for pairs in group["training"].values() for p in pairs], recipe)
    model.remember(chosen.work / "states")
    stages = one_r.TINY.stages if chosen.data else one_r.TINY.stages[:1]
    total = sum(stage.steps for stage in stages)
    for number, stage in enumerate(stages if objectives else ()):
        stage = replace(stage, steps=round(chosen.steps * stage.steps / total), batch=chosen.batch)
        batches = mixed(recipe, group["training"], stage, seed=seed + number)
        schedule = replace(Schedule.of(recipe, stage), seed=seed + number, log_every=20, save_every=100)
        settings = CrossModal(objectives, recipe.temperature)
        one_r.fit(model, batches, settings, schedule, Training(recipe, place, said), stage.name)
    save(model, place / "model")
    return model


def measured(model: Any, chosen: argparse.Namespace, group: Mapping[str, Any]) -> dict[str, Outcomes]:
    """Outcomes by name on held-out pictures: drawn ones, and photos where there are some.

    The predictor maps a query to where its answer lies. "no predictor" asks whether texts and pictures share one space without that.
    """
    from hannun.recipes import table
    from hannun.recipes.data import drawn

    embed = table.of_model(model)

    def unpredicted(items: Sequence[Any], role: str, instruction: str | None = None) -> Any:
        return embed(items, "document", instruction)

    found: dict[str, Outcomes] = drawn.measure(group["test"], embed)
    found |= {f"{k}, no predictor": v for k, v in drawn.measure(group["test"], unpredicted).items()}
    return {**found, **table.Photos.read(chosen.data).measure(embed)} if chosen.data else found


def space(model: Any, group: Sequence[Any]) -> Any:
    """How texts and pictures lie: gap, cone, effective rank."""
    from hannun.evaluate import geometry
    from hannun.recipes import table
    from hannun.recipes.data.pairs import worded

    texts = table.embed(model, [worded(p.key, str(p.facts["text"])) for p in group], "document")[0]
    return geometry.shape(texts, table.embed(model, [p.item for p in group], "document")[0])


def ablation(chosen: argparse.Namespace) -> Iterator[str]:
    """The table of objectives."""
    from hannun.recipes import one_r
    from hannun.recipes.data import drawn

    catalogue = chosen.work / "catalogue"
    training = one_r.training(one_r.TINY, chosen.data, chosen.work) if chosen.data else drawn.training(catalogue, COUNT)
    group: dict[str, Any] = {"training": training, "test": drawn.test(catalogue)}
    results: dict[str, dict[int, dict[str, Any]]] = {}
    for name in ROWS:
        wanted = chosen.seeds if name in chosen.only else [s for s in range(10) if (folder(name, s, chosen) / "result.json").exists()]
        results[name] = {s: trained(name, s, chosen, group) for s in wanted}
    results = {name: found for name, found in results.items() if found}
    few, pictures = sum(map(len, training.values())), len(group["test"])
    yield f"{few} pairs of {', '.join(training)}; {chosen.steps} steps of {chosen.batch}, {chosen.side} px; {pictures} pictures held out"
    yield (
        f"{'':22} {'seeds':>5} {'weights':>9} {'zero-shot':>9} {'TR@1':>6} {'TR@5':>6} {'IR@1':>6} {'IR@5 [95 %]':>22} "
        f"{'gap':>6} {'cone':>6} {'rank':>6} {'CPU s':>6}"
    )
    for name, of_seed in results.items():
        found = list(of_seed.values())
        shown = [float(outcomes(found, k).mean()) for k in ("drawn kind, top-1", "drawn TR@1", "drawn TR@5", "drawn IR@1")]
        gap, rank = (np.mean([r["space"][k] for r in found]) for k in ("gap", "effective_rank"))
        cone = np.mean([(r["space"]["text_text"] + r["space"]["image_image"]) / 2 for r in found])
        yield (
            f"{name:22} {len(found):5} {found[0]['weights']:9,} {shown[0]:9.3f} {shown[1]:6.3f} {shown[2]:6.3f} {shown[3]:6.3f} "
            f"{bracketed(outcomes(found, 'drawn IR@5')):>22} {gap:6.3f} {cone:6.3f} {rank:6.1f} {sum(r['seconds'] for r in found):6}"
        )
    kinds = len({p.facts["kind"] for p in group["test"]})
    yield f"by chance: zero-shot {1 / kinds:.3f}, recall at 1 {1 / pictures:.3f}, at 5 {5 / pictures:.3f}"
    yield from compared(results)


def compared(results: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> Iterator[str]:
    """Each row's recalls, and how far they lie above those of the two towers of the same seeds on the same queries."""
    first = next(iter(next(iter(results.values())).values()))["outcomes"]
    for k in [k for k in first if k.removesuffix(", no predictor") in ("drawn TR@5", "drawn IR@5") or not k.startswith("drawn")]:
        yield f"{k}, and less {AGAINST}:"
        for name, found in results.items():
            both = sorted(set(found) & set(results.get(AGAINST, {}))) if name != AGAINST else []
            own = bracketed(outcomes(list(found.values()), k))
            pairs = [outcomes([results[n][s] for s in both], k) for n in (name, AGAINST)] if both else []
            yield f"  {name:22} {own:>22}  {bracketed(pairs[0] - pairs[1], '+') if pairs else ''}"


def outcomes(found: Sequence[Mapping[str, Any]], name: str) -> Outcomes:
    """[seeds, queries] of one figure."""
    return np.asarray([r["outcomes"][name] for r in found], np.float64)


def bracketed(outcomes: Outcomes, sign: str = "") -> str:
    """A mean and its interval."""
    low, high = interval(outcomes)
    return f"{outcomes.mean():{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def interval(outcomes: Outcomes, seed: int = 0, rounds: int = 2000) -> tuple[float, float]:
    """95 % bootstrap interval of the mean of outcomes of queries, or [seeds, queries]: then seeds are drawn as queries are."""
    rng, rows = np.random.default_rng(seed), np.atleast_2d(outcomes)
    n, m = rows.shape
    means = [rows[rng.integers(n, size=n)][:, rng.integers(m, size=m)].mean() for _ in range(rounds)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


# -------------------------------------------------------------------------------------------------------------------- locate


def locate(chosen: argparse.Namespace) -> Iterator[str]:
    """The pointing game on drawn and on pasted scenes, queries in both languages."""
    import hannun
    from hannun.datasets import scenes

    sets = {}
    if chosen.data is not None:
        sets["product photos pasted on Flickr8k test"] = scenes.pasted(chosen.data, chosen.count, 1)
    sets["drawn things"] = scenes.drawn(chosen.drawn, 1)
    models = {"mini": hannun.load("mini")}
    if chosen.model is not None:
        models["one_r"] = hannun.load(str(chosen.model))
    for name, group in sets.items():
        things = sum(len(s.things) for s in group)
        areas = np.array([area(t.box) / (s.picture.width * s.picture.height) for s in group for t in s.things])
        low, high = interval(areas)
        yield f"{name}: {len(group)} pictures, {things} things; their boxes' share of the area {areas.mean():.3f} [{low:.3f}, {high:.3f}]"
        yield f"  {'':34} {'Korean':>22} {'English':>22}"
        points = {"the picture's centre": [[centre(s)] * len(s.things) for s in group]}
        every: dict[str, dict[str, list[list[tuple[float, float]]]]] = {k: {"ko": v, "en": v} for k, v in points.items()}
        overlaps: dict[str, list[float]] = {}
        for title, model in models.items():
            every |= pointed(title, model, group, overlaps)
        if chosen.cam:
            every[f"mini, Grad-CAM (first {chosen.cam})"] = cams(models["mini"], group[: chosen.cam])
        if chosen.towers is not None:
            every["two towers, Grad-CAM"] = tower_cams(chosen.towers, group)
        for title, found in every.items():
            cells = []
            for lang in ("ko", "en"):
                hits = np.array(
                    [
                        np.mean([inside(p, t.box) for p, t in zip(ps, s.things, strict=True)])
                        for ps, s in zip(found[lang], group, strict=False)
                    ]
                )
                low, high = interval(hits)  # over pictures: the things of one hang together
                cells.append(f"{hits.mean():.3f} [{low:.3f}, {high:.3f}]")
            shared = f"   box IoU {np.mean(overlaps[title]):.3f}" if title in overlaps else ""
            yield f"  {title:34} {cells[0]:>22} {cells[1]:>22}{shared}"


def pointed(
    title: str, model: Any, group: Sequence[Any], overlaps: dict[str, list[float]]
) -> dict[str, dict[str, list[list[tuple[float, float]]]]]:
    """Where a model points: by its cells of the whole picture, and of the windows that `hannun locate` looks at."""
    from hannun.encoder import cells
    from hannun.item import Image
    from hannun.search import locate as located

    sees = cells(model)
    assert sees is not None
    coarse, fine = f"{title}, cells of the whole picture", f"{title}, cells of windows"
    out: dict[str, dict[str, list[list[tuple[float, float]]]]] = {coarse: {"ko": [], "en": []}, fine: {"ko": [], "en": []}}
    overlaps[fine] = []
    for s in group:
        picture = Image(s.picture)
        whole = located.look(sees, picture, located.WHOLE)
        looked = located.look(sees, picture, located.FINE)
        for lang in ("ko", "en"):
            asked = model.encode_query([{"text": getattr(t, lang)} for t in s.things]).dense
            out[coarse][lang].append([located.located(whole, q).peak for q in asked])
            found = [located.located(looked, q) for q in asked]
            out[fine][lang].append([f.peak for f in found])
            overlaps[fine] += [overlap(f.box, t.box) for f, t in zip(found, s.things, strict=True)]
    return out


def cams(mini: Any, group: Sequence[Any]) -> dict[str, list[list[tuple[float, float]]]]:
    """Grad-CAM (Selvaraju et al. 2017) on mini's picture tower."""
    from gradcam import GradCam
    from hannun.item import Image

    cam = GradCam()
    out: dict[str, list[list[tuple[float, float]]]] = {"ko": [], "en": []}
    for s in group:
        asked = [mini.encode_query([{"text": getattr(t, lang)} for t in s.things]).dense for lang in out]
        maps = cam.maps(Image(s.picture), np.concatenate(asked))
        places = [cam_peak(m, s) for m in maps]
        out["ko"].append(places[: len(s.things)])
        out["en"].append(places[len(s.things) :])
    return out


def tower_cams(place: Path, group: Sequence[Any]) -> dict[str, list[list[tuple[float, float]]]]:
    """Grad-CAM on the picture tower of a trained model: of the places that enter its last layer."""
    import torch

    import hannun
    from hannun.item import Image
    from hannun.models.checkpoint import open_model
    from hannun.models.one_tower.tower import IMAGE
    from hannun.models.one_tower.trunk import Sequences

    model: Any = open_model(place).eval()
    asks, trunk = hannun.load(str(place)), model.student.trunk(IMAGE)
    out: dict[str, list[list[tuple[float, float]]]] = {"ko": [], "en": []}
    for s in group:
        x = trunk.image(model._pixels([Image(s.picture)]))
        for layer in trunk.layers[:-1]:
            x = layer(x, x)
        last = Sequences(x.states.detach().requires_grad_(), x.there)
        z = model.student.projected(IMAGE, trunk.norm(trunk.layers[-1](last, last).states)[:, 0])
        seen = torch.nn.functional.normalize(z, dim=-1)[0]
        for lang in out:
            places = []
            for query in asks.encode_query([{"text": getattr(t, lang)} for t in s.things]).dense:
                slope = torch.autograd.grad(seen @ torch.from_numpy(query), last.states, retain_graph=True)[0][0, 1:]
                heat = (last.states.detach()[0, 1:] @ slope.mean(dim=0)).relu().reshape(model.grid)
                places.append(cam_peak(heat.numpy(), s))
            out[lang].append(places)
    return out


def cam_peak(heat: Any, scene: Any) -> tuple[float, float]:
    row, column = np.unravel_index(int(np.argmax(heat)), heat.shape)
    return (column + 0.5) / heat.shape[1] * scene.picture.width, (row + 0.5) / heat.shape[0] * scene.picture.height


def centre(scene: Any) -> tuple[float, float]:
    return scene.picture.width / 2, scene.picture.height / 2


def inside(point: tuple[float, float], box: tuple[int, int, int, int]) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def area(box: tuple[int, int, int, int]) -> float:
    return float(max(0, box[2] - box[0]) * max(0, box[3] - box[1]))


def overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> float:
    """Intersection over union."""
    shared = area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    return shared / (area(a) + area(b) - shared)


def said(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=("ablation", "locate"))
    parser.add_argument("--data", type=Path, help="the folder of data sets; without it, drawn things alone (ablation, locate)")
    parser.add_argument("--work", type=Path, default=Path("build/one_r"), help="trained rows, their results, the drawn catalogue")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--side", type=int, default=48, help="pixels of a picture's side")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--model", type=Path, help="a trained one_r, to be measured beside mini")
    parser.add_argument("--towers", type=Path, help="a trained model whose picture tower is asked by Grad-CAM")
    parser.add_argument("--count", type=int, default=200, help="photos with things pasted on them")
    parser.add_argument("--drawn", type=int, default=100, help="pictures of drawn things")
    parser.add_argument("--cam", type=int, default=0, help="pictures of each kind for Grad-CAM on mini's tower, a second each; needs onnx")
    chosen = parser.parse_args()
    for line in globals()[chosen.part](chosen):
        said(line)


if __name__ == "__main__":
    main()
