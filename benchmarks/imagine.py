"""What `hannun train korean_diffusion` left in a folder, measured: alignment, the painter on combinations never seen, steps against time.

    hannun train korean_diffusion --size tiny --data ../shared/data --work build/korean_diffusion-tiny
    python benchmarks/imagine.py align --work build/korean_diffusion-tiny [--pooled FOLDER] [--picture docs/imagine_pca.png]
    python benchmarks/imagine.py judge --work build/korean_diffusion-tiny [--count 196] [--sheet docs/imagine_sheet.png]
    python benchmarks/imagine.py steps --work build/korean_diffusion-tiny [--count 48]

`align` prints the student, where there is one, beside its teacher reading the same (Korean is what the teacher cannot read), and with
--pooled beside a student that was taught the pooled vector alone (`--set weights.tokens=0` into another folder). `judge` prints how
often a picture shows the garment, colour and pattern that were asked for, of held-out combinations, by a judge of real drawings; its own
accuracy on real drawings of the same combinations stands first, then on these taken through the autoencoder: no painter in that space can
be better. Intervals are 95 % bootstraps over prompts. One seed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import torch

from hannun.generate.generator import DrawSettings, Generator
from hannun.generate.opening import open_generator
from hannun.metrics.significance import bootstrap, paired
from hannun.models.backbones import tiny_autoencoder
from hannun.prompts.alignment import alignment
from hannun.prompts.clip import open_clip_texts
from hannun.prompts.student import open_student
from hannun.recipe import Recipe
from hannun.recipes import korean_diffusion
from hannun.recipes.data import drawn_prompts, parallel
from hannun.recipes.data.drawn_prompts import DrawnSet
from hannun.recipes.data.judge import ASPECTS, Judge, Judged

SEED = 1  # of the real drawings that are measured on
GUIDANCE = 3.0  # ours: pictures of so small a network fray at Stable Diffusion's 7.5


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
        readers = {**students, "before (teacher)": teacher}
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


def real(work: Path, count: int) -> tuple[Judge, DrawnSet]:
    recipe = settled(work)
    shown = drawn_prompts.drawn(work / "drawn", int(recipe.weights["pictures"]), recipe.seed, False, print)
    return Judge(shown), drawn_prompts.drawn(work / "drawn", count, SEED, True, print)


def painted(generator: Generator, texts: list[str], settings: DrawSettings) -> tuple[np.ndarray, np.ndarray, float]:
    """Pixels and states of a picture for each prompt, and the seconds that one took."""
    begun = time.perf_counter()
    made = generator.generate(texts, 0, settings)
    took = (time.perf_counter() - begun) / len(texts)
    pictures = [d.picture for d in made]
    return np.stack([np.asarray(p, np.uint8) for p in pictures]), drawn_prompts.seen(pictures), took


def row(name: str, judged: Judged) -> None:
    parts = [*ASPECTS, "pixels"]
    print(f"{name:34}" + "".join(f"{share(getattr(judged, a)):>26}" for a in parts))


def through(data: Path, pixels: np.ndarray) -> np.ndarray:
    """Pictures into latents and back: no painter can be better than its latent space lets it."""
    encoder, decoder = tiny_autoencoder.encoder(data / "vae"), tiny_autoencoder.decoder(data / "vae")
    with torch.no_grad():
        made = decoder(encoder(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)).clamp(0, 1)
    return (made.permute(0, 2, 3, 1) * 255).round().byte().numpy()


def judge(work: Path, data: Path, count: int, steps: int, sheet: Path | None) -> None:
    judging, held = real(work, count)
    print(f"{'':34}" + "".join(f"{a:>26}" for a in (*ASPECTS, "colour by pixels")))
    row(f"real drawings ({len(held)})", judging.judged(held.states, held.pixels, held.products))
    if (data / "vae").is_dir():
        back = through(data, held.pixels)
        row(
            "the same through the autoencoder",
            judging.judged(drawn_prompts.seen([PIL.Image.fromarray(p) for p in back]), back, held.products),
        )
    if not (work / "painter").is_dir():
        print(f"{work}: no painter there yet, so nothing that it draws is judged")
        return
    settings = DrawSettings(steps=steps, guidance=GUIDANCE)
    asked = [drawn_prompts.asked(p)[0] for p in held.products]
    found: dict[str, Judged] = {}
    for name, english, side in (
        ("English, student", False, 1),
        ("Korean, student", False, 0),
        ("English, its own text model", True, 1),
        ("Korean, its own text model", True, 0),
    ):
        pixels, states, _ = painted(open_generator(work / "painter", english=english), [a[side] for a in asked], settings)
        found[name] = judging.judged(states, pixels, held.products)
        row(name, found[name])
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
    page.save(path)
    print(f"wrote {path}")


def steps(work: Path, count: int) -> None:
    judging, held = real(work, 196)
    held = DrawnSet(held.products[:count], held.pixels[:count], held.states[:count])
    generator = open_generator(work / "painter")
    asked = [drawn_prompts.asked(p)[0][0] for p in held.products]
    print(f"{'scheduler, steps':34}" + "".join(f"{a:>26}" for a in (*ASPECTS, "colour by pixels")) + f"{'s a picture':>14}")
    for scheduler in generator.schedulers:
        for number in (5, 10, 20, 50):
            settings = DrawSettings(steps=number, guidance=GUIDANCE, scheduler=scheduler, together=1)
            pixels, states, took = painted(generator, asked, settings)
            found = judging.judged(states, pixels, held.products)
            parts = "".join(f"{share(getattr(found, a)):>26}" for a in (*ASPECTS, "pixels"))
            print(f"{scheduler + f', {number}':34}{parts}{took:14.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["align", "judge", "steps"])
    parser.add_argument("--work", type=Path, default=Path("build/korean_diffusion-tiny"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pooled", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--count", type=int, default=196)
    parser.add_argument("--steps", type=int, default=20)
    given = parser.parse_args()
    match given.what:
        case "align":
            align(given.work, given.data, given.pooled, given.picture)
        case "judge":
            judge(given.work, given.data, given.count, given.steps, given.sheet)
        case "steps":
            steps(given.work, given.count)


if __name__ == "__main__":
    main()
