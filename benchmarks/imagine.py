"""What `hannun train korean_diffusion` left in a folder, measured: alignment, the painter on combinations never seen, steps against time.

    hannun train korean_diffusion --size tiny --data ../shared/data --work build/korean_diffusion-tiny
    python benchmarks/imagine.py align --work build/korean_diffusion-tiny [--pooled FOLDER] [--picture docs/imagine_pca.png]
    python benchmarks/imagine.py choose --work build/korean_diffusion-tiny
    python benchmarks/imagine.py judge --work build/korean_diffusion-tiny [--sheet docs/imagine_sheet.png]
    python benchmarks/imagine.py steps --work build/korean_diffusion-tiny [--count 48] [--picture docs/imagine_steps.png]
    python benchmarks/imagine.py augment --work build/korean_diffusion-tiny [--seeds 5]
    python benchmarks/imagine.py space --work build/korean_diffusion-tiny [--updates 1500]

`align` prints the student, where there is one, beside its teacher reading the same (Korean is what the teacher cannot read), and with
--pooled beside a student that was taught the pooled vector alone (`--set weights.tokens=0` into another folder). `judge` prints how
often a picture shows the garment, colour and pattern that were asked for, of held-out combinations, by a judge of real drawings; its own
accuracy on real drawings of the same combinations stands first, then on these taken through the autoencoder: no painter in that space can
be better. A second judge of patterns learned the same drawings out of focus too. A fifth of the held-out combinations is for choosing
guidance and sampler (`choose`); the others are read by all else. The Fréchet distance is of mini's picture vectors, beside that of two
sets of real drawings. Intervals are 95 % bootstraps over prompts. One seed.

`augment` is of a classifier of patterns, and of colours, by logistic regression on mini's picture vectors; some classes have four real
drawings. It prints macro-F1 and the recall of these classes as they are, with classic augmentation, with generated pictures (by
`hannun fill`'s own functions), and with as many real drawings; intervals over test drawings, drawn together over the seeds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageEnhance
import PIL.ImageFilter
import torch

from hannun.catalogue import COLOURS, Product
from hannun.datasets.split import share as share_of
from hannun.generate import filling
from hannun.generate.filling import FillPlan
from hannun.generate.generator import DrawSettings, Generator
from hannun.generate.opening import open_generator
from hannun.item import Item, item
from hannun.metrics import frechet_distance, logistic, macro_f1
from hannun.metrics.significance import bootstrap, paired
from hannun.mini.session import open_session
from hannun.models.backbones import tiny_autoencoder
from hannun.models.diffusion_transformer import Painter
from hannun.prompts.alignment import alignment
from hannun.prompts.clip import open_clip_texts
from hannun.prompts.states import PromptReader
from hannun.prompts.student import open_student
from hannun.recipe import Recipe
from hannun.recipes import korean_diffusion
from hannun.recipes.data import drawn_prompts, parallel
from hannun.recipes.data.drawn_prompts import DrawnSet
from hannun.recipes.data.judge import ASPECTS, Judge, Judged
from hannun.recipes.skeleton import Training

SEED, OTHER = 1, 2  # of the real drawings that are measured on, and of others of the same combinations
DEV = 20  # percent of the held-out combinations, for choosing
HELD = 360  # drawings: each held-out combination once


def settled(work: Path) -> Recipe:
    """The recipe that was run in the folder, as far as it says how many pictures were drawn."""
    import json

    facts = json.loads((work / "recipe.json").read_text("utf-8"))
    return korean_diffusion.TINY.changed({"weights.pictures": str(facts["weights"]["pictures"])})


def share(values: np.ndarray) -> str:
    low, high = bootstrap(values)
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def align(work: Path, data: Path, pooled: Path | None, picture: Path | None) -> None:
    teacher = open_clip_texts(str(work / "english"))
    known = parallel.prompts(data)
    made = {"student": work / "model", "pooled alone": pooled}
    students = {k: open_student(f) for k, f in made.items() if f is not None and (f / "hannun.json").is_file()}
    for name, pairs in (("held-out combinations", known.held), ("sentences", known.sentences)):
        if len(pairs) < 2:
            print(f"{name}: no such prompts here; give the data with --data")
            continue
        readers: dict[str, PromptReader] = {**students, "before (teacher)": teacher}
        found = {k: alignment(r, teacher, pairs) for k, r in readers.items()}
        print(f"\n{name} ({len(pairs)})" + "".join(f"{k:>28}" for k in readers))
        for figure in found["before (teacher)"]:
            print(f"  {figure:24}" + "".join(f"{share(f[figure]):>28}" for f in found.values()))
    if picture is not None and "student" in students:
        plot(picture, korean_diffusion.projected({"before": teacher, "after": students["student"]}, sides(known.held[:200])))


def sides(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    return {"en": [b for _, b in pairs], "ko": [a for a, _ in pairs]}


def plot(path: Path, points: dict[str, np.ndarray]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 4), sharex=True, sharey=True)
    wanted = points["before en"]
    for axis, name in zip(axes, ("before", "after"), strict=True):
        axis.scatter(*wanted.T, s=10, alpha=0.6, label="teacher, English")
        axis.scatter(*points[f"{name} ko"].T, s=10, alpha=0.6, label=f"{'teacher' if name == 'before' else 'student'}, Korean")
        axis.set_title(name)
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    print(f"wrote {path}")


def trained(work: Path) -> DrawnSet:
    recipe = settled(work)
    return drawn_prompts.drawn(work / "drawn", int(recipe.weights["pictures"]), recipe.seed, False, print)


def subset(shown: DrawnSet, rows: Sequence[int]) -> DrawnSet:
    some = list(rows)
    return DrawnSet(tuple(shown.products[n] for n in some), shown.pixels[some], shown.states[some])


def held(work: Path, dev: bool, seed: int = SEED) -> DrawnSet:
    """Real drawings of held-out combinations: those to choose on, or those to measure on."""
    shown = drawn_prompts.drawn(work / "drawn", HELD, seed, True, print)
    return subset(shown, [n for n, p in enumerate(shown.products) if (share_of(f"imagine {p}") < DEV) == dev])


def painted(generator: Generator, texts: list[str], settings: DrawSettings) -> tuple[np.ndarray, np.ndarray, float]:
    """Pixels and states of a picture for each prompt, and the seconds that one took."""
    begun = time.perf_counter()
    made = generator.generate(texts, 0, settings)
    took = (time.perf_counter() - begun) / len(texts)
    pictures = [d.picture for d in made]
    return np.stack([np.asarray(p, np.uint8) for p in pictures]), drawn_prompts.seen(pictures), took


def through(data: Path, pixels: np.ndarray) -> np.ndarray:
    """Pictures into latents and back: no painter can be better than its latent space lets it."""
    encoder, decoder = tiny_autoencoder.encoder(data / "vae"), tiny_autoencoder.decoder(data / "vae")
    with torch.no_grad():
        made = decoder(encoder(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)).clamp(0, 1)
    return np.asarray((made.permute(0, 2, 3, 1) * 255).round().byte().numpy())


def vectors(states: np.ndarray) -> np.ndarray:
    """mini's picture vectors of unit length, which stand first among its states."""
    made = states[:, : korean_diffusion.VECTOR].astype(np.float64)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True))


def choose(work: Path) -> None:
    """Guidance, samplers and steps on the combinations that are for choosing."""
    judging, real = Judge(trained(work)), held(work, dev=True)
    generator = open_generator(work / "painter")
    asked = [drawn_prompts.asked(p)[0][0] for p in real.products]
    print(f"{len(real)} combinations for choosing{'':8}" + "".join(f"{a:>26}" for a in (*ASPECTS, "colour by pixels")) + f"{'Fréchet':>10}")
    for scheduler, steps, guidance in (
        *(("euler", 20, g) for g in (1.0, 1.5, 2.0, 3.0, 4.5, 6.0)),
        *(("heun", 10, g) for g in (2.0, 3.0)),
        ("euler", 50, 3.0),
    ):
        pixels, states, _ = painted(generator, asked, DrawSettings(steps=steps, guidance=guidance, scheduler=scheduler))
        found = judging.judged(states, pixels, real.products)
        parts = "".join(f"{share(getattr(found, a)):>26}" for a in (*ASPECTS, "pixels"))
        far = frechet_distance(vectors(states), vectors(real.states))
        print(f"{f'{scheduler}, {steps} steps, guidance {guidance:g}':34}{parts}{far:10.3f}")


def blurred(work: Path, shown: DrawnSet) -> DrawnSet:
    """The drawings and the same out of focus by up to a pixel: what a second judge learns, who knows a soft heart for a heart."""
    file = work / "blurred.npy"
    if not file.exists():
        rng = np.random.default_rng(0)
        soft = (PIL.Image.fromarray(p).filter(PIL.ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.0)))) for p in shown.pixels)
        np.save(file, drawn_prompts.seen(list(soft)).astype(np.float16))
    states = np.concatenate([shown.states, np.load(file).astype(np.float32)])
    return DrawnSet(shown.products * 2, np.concatenate([shown.pixels, shown.pixels]), states)


def decoded(painter: Path, pixels: np.ndarray) -> np.ndarray:
    """Pictures through the autoencoder that a painter has."""
    encode, decode = (open_session(painter / f"{name}.onnx") for name in ("encoder", "decoder"))
    made = []
    for n in range(0, len(pixels), 32):
        (latents,) = encode.run(None, {"pixels": pixels[n : n + 32].transpose(0, 3, 1, 2).astype(np.float32) / 255})
        made.append(decode.run(None, {"latents": latents})[0])
    return np.asarray((np.concatenate(made).transpose(0, 2, 3, 1) * 255).round().astype(np.uint8))


def judge(work: Path, data: Path, steps: int, sheet: Path | None) -> None:
    shown, real, again = trained(work), held(work, dev=False), held(work, dev=False, seed=OTHER)
    judging, lenient, painter = Judge(shown), Judge(blurred(work, shown)), work / "painter"
    found: dict[str, Judged] = {}
    away: dict[str, float] = {}
    print(f"{'':34}" + "".join(f"{a:>26}" for a in (*ASPECTS, "colour by pixels", "pattern, blur was learnt")) + f"{'Fréchet':>10}")

    def told(name: str, pixels: np.ndarray, states: np.ndarray, shows: tuple[Product, ...] = real.products) -> None:
        found[name] = judging.judged(states, pixels, shows)
        away[name] = frechet_distance(vectors(states), vectors(real.states))
        parts = [*(getattr(found[name], a) for a in (*ASPECTS, "pixels")), lenient.judged(states, pixels, shows).pattern]
        print(f"{name:34}" + "".join(f"{share(p):>26}" for p in parts) + f"{away[name]:10.3f}")

    told(f"real drawings ({len(real)})", real.pixels, real.states)
    told("other real drawings of the same", again.pixels, again.states, again.products)
    backs = {"through taef2": through(data, real.pixels)} if (data / "vae").is_dir() else {}
    if painter.is_dir():
        backs["through the painter's autoencoder"] = decoded(painter, real.pixels)
    for name, back in backs.items():
        told(name, back, drawn_prompts.seen([PIL.Image.fromarray(p) for p in back]))
    if not painter.is_dir():
        print(f"{work}: no painter there yet, so nothing that it draws is judged")
        return
    asked = [drawn_prompts.asked(p)[0] for p in real.products]
    for name, english, side in (
        ("English, student", False, 1),
        ("Korean, student", False, 0),
        ("English, its own text model", True, 1),
        ("Korean, its own text model", True, 0),
    ):
        generator = open_generator(painter, english=english)
        pixels, states, _ = painted(generator, [a[side] for a in asked], DrawSettings(steps=steps, guidance=generator.guidance))
        told(name, pixels, states)
        if sheet is not None and name == "Korean, student":
            contact(sheet, pixels[:48])
    for aspect in ASPECTS:
        apart, low, high, _ = paired(getattr(found["Korean, student"], aspect), getattr(found["English, student"], aspect))
        print(f"Korean less English, {aspect:12} {apart:+.3f} [{low:+.3f}, {high:+.3f}]")


def contact(path: Path, pixels: np.ndarray) -> None:
    across = 12
    page = PIL.Image.new("RGB", (across * 66, -(-len(pixels) // across) * 66), "white")
    for n, p in enumerate(pixels):
        page.paste(PIL.Image.fromarray(p), (n % across * 66 + 1, n // across * 66 + 1))
    page.quantize(128).save(path, optimize=True)
    print(f"wrote {path}")


def steps(work: Path, count: int, picture: Path | None) -> None:
    judging, real = Judge(trained(work)), subset(held(work, dev=False), range(count))
    generator = open_generator(work / "painter")
    asked = [drawn_prompts.asked(p)[0][0] for p in real.products]
    print(f"{'scheduler, steps':34}" + "".join(f"{a:>26}" for a in (*ASPECTS, "colour by pixels")) + f"{'s a picture':>14}")
    curves: dict[str, list[tuple[int, float, float]]] = {}
    for scheduler in generator.schedulers:
        for number in (5, 10, 20, 50):
            settings = DrawSettings(steps=number, guidance=generator.guidance, scheduler=scheduler, together=1)
            pixels, states, took = painted(generator, asked, settings)
            found = judging.judged(states, pixels, real.products)
            parts = "".join(f"{share(getattr(found, a)):>26}" for a in (*ASPECTS, "pixels"))
            print(f"{scheduler + f', {number}':34}{parts}{took:14.2f}")
            right = float(np.mean([getattr(found, a) for a in ASPECTS]))
            curves.setdefault(scheduler, []).append((number, right, took))
    if picture is not None:
        curved(picture, curves)


def curved(path: Path, curves: dict[str, list[tuple[int, float, float]]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.2))
    for axis, column, name in ((axes[0], 1, "kind, colour and pattern that are right, mean"), (axes[1], 2, "seconds a picture")):
        for scheduler, points in curves.items():
            axis.plot([p[0] for p in points], [p[column] for p in points], marker="o", label=scheduler)
        axis.set(xlabel="steps", title=name, ylim=(0, 1) if column == 1 else (0, None))
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    print(f"wrote {path}")


RARE, KEPT = {"pattern": 3, "color": 4}, 4  # classes that are made rare, and their real drawings
FULL = {"pattern": 40, "color": 24}  # drawings of every other class
WORDS = {"pattern": "무늬", "color": "색"}  # columns of the prompt "{색} {무늬} {옷}"


def as_item(shown: DrawnSet, n: int) -> Item:
    p = shown.products[n]
    facts = {"색": COLOURS[p.color].adjective, "무늬": p.pattern, "옷": p.kind}
    return item({"id": f"row {n}", "image": PIL.Image.fromarray(shown.pixels[n]), **facts})


def altered(pixels: np.ndarray, rng: np.random.Generator) -> PIL.Image.Image:
    """Classic augmentation that leaves colours their names: a mirror image, a crop, a little light and contrast."""
    picture = PIL.Image.fromarray(pixels[:, ::-1] if rng.random() < 0.5 else pixels)
    side = int(picture.width * rng.uniform(0.8, 1.0))
    left, top = (int(rng.integers(picture.width - side + 1)) for _ in range(2))
    cropped = picture.crop((left, top, left + side, top + side)).resize(picture.size, PIL.Image.Resampling.BICUBIC)
    lit = PIL.ImageEnhance.Brightness(cropped).enhance(rng.uniform(0.92, 1.08))
    return PIL.ImageEnhance.Contrast(lit).enhance(rng.uniform(0.92, 1.08))


Arms = dict[str, tuple[np.ndarray, list[str]]]  # vectors and labels to train on


def arms(work: Path, shown: DrawnSet, aspect: str, seed: int, generator: Generator) -> tuple[list[str], Arms]:
    """The rare classes of a seed, and for each arm the vectors and labels to train on."""
    rng = np.random.default_rng([seed, len(aspect)])
    labels = np.array([getattr(p, aspect) for p in shown.products])
    rare = sorted(rng.choice(ASPECTS[aspect], RARE[aspect], replace=False).tolist())
    full = FULL[aspect]
    chosen = {v: rng.permutation(np.flatnonzero(labels == v))[:full] for v in ASPECTS[aspect]}
    kept = {v: rows[:KEPT] if v in rare else rows for v, rows in chosen.items()}
    base = np.concatenate(list(kept.values()))
    plan = FillPlan(WORDS[aspect], "{색} {무늬} {옷}", least=full, mixed=True)
    rows, _ = filling.real([as_item(shown, n) for n in base], plan)
    folder = work / "filled" / f"{aspect}-{seed}"
    drawn = filling.fill(rows, plan, generator, DrawSettings(steps=20, guidance=generator.guidance), folder, seed * 10_000)
    named = {as_item(shown, rows[0]).facts[WORDS[aspect]]: v for v, rows in kept.items()}
    made = [PIL.Image.open(folder / r["image"]) for r in drawn]
    classic = [(v, altered(shown.pixels[kept[v][k % KEPT]], rng)) for v in rare for k in range(full - KEPT)]
    more = np.concatenate([chosen[v][KEPT:] for v in rare])
    states = shown.states
    return rare, {
        "as it is": (states[base], labels[base].tolist()),
        "classic augmentation": (
            np.concatenate([states[base], drawn_prompts.seen([p for _, p in classic])]),
            [*labels[base], *(v for v, _ in classic)],
        ),
        "generated pictures": (
            np.concatenate([states[base], drawn_prompts.seen(made)]),
            [*labels[base], *(named[r[WORDS[aspect]]] for r in drawn)],
        ),
        "as many real drawings": (states[np.concatenate([base, more])], labels[np.concatenate([base, more])].tolist()),
    }


def augment(work: Path, seeds: int) -> None:
    shown, real = trained(work), held(work, dev=False)
    generator = open_generator(work / "painter")
    for aspect in RARE:
        values = list(ASPECTS[aspect])
        truth = np.array([values.index(getattr(p, aspect)) for p in real.products])
        guesses: dict[str, list[np.ndarray]] = {}
        rare_rows, which = [], []
        for seed in range(seeds):
            rare, made = arms(work, shown, aspect, seed, generator)
            rows = np.isin(truth, [values.index(v) for v in rare])
            rare_rows.append(rows)
            which.append(np.arange(len(truth)))
            for arm, (x, y) in made.items():
                scores = logistic(vectors(x), [values.index(v) for v in y], vectors(real.states))
                guesses.setdefault(arm, []).append(scores.argmax(1))
        mask, group = np.concatenate(rare_rows), np.concatenate(which)
        answers = np.concatenate([truth + n * len(values) for n in range(seeds)])  # a class of another seed is another class
        print(f"\n{aspect}: {RARE[aspect]} of {len(values)} classes have {KEPT} drawings, the others {FULL[aspect]}; {seeds} seeds")
        found = {a: np.concatenate([g + n * len(values) for n, g in enumerate(gs)]) for a, gs in guesses.items()}
        for arm, said in found.items():
            both = np.stack([answers, said], 1)
            low, high = bootstrap(both, statistic=lambda v: macro_f1(v[:, 0], v[:, 1]), groups=group)
            hits = (said == answers)[mask].astype(float)
            under, over = bootstrap(hits, groups=group[mask])
            line = f"  {arm:24} macro-F1 {macro_f1(answers, said):.3f} [{low:.3f}, {high:.3f}]"
            line += f"   rare recall {hits.mean():.3f} [{under:.3f}, {over:.3f}]"
            for other in ("as it is", "classic augmentation"):
                if arm != other:
                    apart, less, most, _ = paired(hits, (found[other] == answers)[mask].astype(float), groups=group[mask])
                    line += f"   less {other} {apart:+.3f} [{less:+.3f}, {most:+.3f}]"
            print(line)


def sampled(painter: Painter, reader: PromptReader, texts: Sequence[str], guidance: float, steps: int = 20) -> torch.Tensor:
    """Latents by Euler's way, in torch: of painters that are not exported."""
    shape = painter.shape
    x = torch.randn(len(texts), shape.channels, shape.cells, shape.cells, generator=torch.Generator().manual_seed(0))
    asked, nothing = reader.states(texts), reader.states([""] * len(texts))
    times = torch.linspace(1, 0, steps + 1)
    with torch.no_grad():
        for now, then in pairwise(times.tolist()):
            at = torch.full((len(texts),), now)
            with_words, without = painter(x, at, asked.tokens, asked.pooled), painter(x, at, nothing.tokens, nothing.pooled)
            x = x + (then - now) * (without + guidance * (with_words - without))
    return x


def space(work: Path, data: Path, updates: int) -> None:
    """The same network for as many steps in the autoencoder's latents and in pixels (8 × 8 of them are a cell), judged on the dev ones."""
    shown, real = trained(work), held(work, dev=True)
    judging, teacher = Judge(shown), open_clip_texts(str(work / "english"))
    parts, latents = korean_diffusion.autoencoder(data, shown)
    plain = torch.from_numpy(korean_diffusion.mirrored(shown.pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1
    cells = torch.nn.functional.pixel_unshuffle(plain, 8)
    mean, deviation = cells.mean((0, 2, 3), keepdim=True), cells.std((0, 2, 3), keepdim=True)
    recipe = settled(work).changed({"stages.paint.steps": str(updates)})
    asked = [drawn_prompts.asked(p)[0][1] for p in real.products]
    print(
        f"{updates} steps each, {len(real)} combinations{'':8}"
        + "".join(f"{a:>26}" for a in (*ASPECTS, "colour by pixels"))
        + f"{'Fréchet':>10}"
    )
    for name, some in (("latents of taef2", latents), ("pixels", (cells - mean) / deviation)):
        begun = time.process_time()
        painter = korean_diffusion.paint(recipe, teacher, some, shown, Training(recipe, work / "space" / name.split()[0], lambda _: None))
        took = time.process_time() - begun
        assert painter is not None
        made = sampled(painter, teacher, asked, recipe.weights["guidance"])
        with torch.no_grad():
            if name == "pixels":
                pictures = torch.nn.functional.pixel_shuffle(made * deviation + mean, 8) / 2 + 0.5
            else:
                pictures = parts.decoder(made * parts.deviation.view(1, -1, 1, 1) + parts.mean.view(1, -1, 1, 1))
        pixels = np.asarray((pictures.clamp(0, 1).permute(0, 2, 3, 1) * 255).round().byte().numpy())
        states = drawn_prompts.seen([PIL.Image.fromarray(p) for p in pixels])
        found = judging.judged(states, pixels, real.products)
        values = "".join(f"{share(getattr(found, a)):>26}" for a in (*ASPECTS, "pixels"))
        print(f"{f'{name}, {took / 60:.1f} core minutes':34}{values}{frechet_distance(vectors(states), vectors(real.states)):10.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["align", "choose", "judge", "steps", "augment", "space"])
    parser.add_argument("--work", type=Path, default=Path("build/korean_diffusion-tiny"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pooled", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--updates", type=int, default=1_500)
    parser.add_argument("--steps", type=int, default=20)
    given = parser.parse_args()
    match given.what:
        case "align":
            align(given.work, given.data, given.pooled, given.picture)
        case "judge":
            judge(given.work, given.data, given.steps, given.sheet)
        case "choose":
            choose(given.work)
        case "space":
            space(given.work, given.data, given.updates)
        case "augment":
            augment(given.work, given.seeds)
        case "steps":
            steps(given.work, given.count, given.picture)


if __name__ == "__main__":
    main()
