"""Trains the small sizes of kelip, jina_clip and jina_v4 and prints their figures, each beside what it is compared with.

    python benchmarks/training_recipes.py --data ../shared/data [--only kelip jina_clip jina_v4 ablation adapters] [--work build/recipes]

Killed, it goes on where it was. On one core, with nothing kept: kelip 6 minutes, jina_clip 11, jina_v4 20, and its ablation 6 more.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

PARTS = ("adapters", "kelip", "jina_clip", "jina_v4", "ablation")


def adapters(data: Path, work: Path) -> list[str]:
    """Parameters of each adapter on the paper's backbone, on the meta device; jina-embeddings-v4 says about 60 M."""
    from hannun.recipes import jina_v4

    lines = []
    for choice in jina_v4.CHOICES:
        sizes = jina_v4.adapter_sizes(jina_v4.PAPER.changed({"instructions.retrieval": choice}))
        lines.append(f"{choice}: " + ", ".join(f"{k} {v / 1e6:.2f} M ({v / 60e6 - 1:+.1%} of 60 M)" for k, v in sizes.items()))
    return lines


def kelip(data: Path, work: Path) -> list[str]:
    """kelip tiny beside mini: Flickr8k in both languages and directions, emoji, and imagenet_kr zero-shot."""
    import hannun
    from hannun.evaluate import harness
    from hannun.evaluate.suites import imagenet_kr
    from hannun.recipes import kelip as recipe

    lines = recipe.run(recipe.TINY, data, work / "kelip", said)
    for name, model in (("kelip", str(work / "kelip" / "model")), ("mini", "mini")):
        held = harness.Harness(hannun.load(model), data, work / "cache" / name)
        for figure in imagenet_kr.imagenet_kr(held).figures:
            lines.append(f"imagenet_kr {name:6} {figure.name:34} {figure.value:.3f}")
        lines += [f"  ({note})" for note in held.notes]
    return lines


def jina_clip(data: Path, work: Path) -> list[str]:
    """jina_clip tiny after each of its three stages, and descriptions beyond 77 tokens."""
    from hannun.recipes import jina_clip as recipe

    return recipe.run(recipe.TINY, data, work / "jina_clip", said)


def jina_v4(data: Path, work: Path) -> list[str]:
    """jina_v4 tiny: late against dense on pages, each adapter on each task."""
    from hannun.recipes import jina_v4 as recipe

    return recipe.run(recipe.TINY, data, work / "jina_v4", said)


def ablation(data: Path, work: Path) -> list[str]:
    """The first stage of jina_v4, 300 steps, with the KL between dense and late (weight 10) and without; dense R@5 on pages, paired."""
    import shutil
    from dataclasses import replace

    from hannun.recipes import jina_v4 as recipe
    from hannun.recipes import table

    tests, made, outcomes = recipe.PageTests(data), recipe.training(data), {}
    for name, weight in (("with", "10"), ("without", "0")):
        chosen = recipe.TINY.changed({"weights.agreement": weight})
        place = work / f"jina_v4_{name}"
        if (work / "jina_v4/states").exists() and not place.exists():
            shutil.copytree(work / "jina_v4/states", place / "states")  # frozen parts say the same
        model = recipe.build(chosen, place)
        recipe.stage(model, replace(chosen.stages[0], steps=300), "", made, chosen, place, said, None, chosen.seed)
        outcomes[name] = {k: recipe.PageTests.outcomes(tests, model, group) for k, group in tests.spreads.items()}
    lines = ["dense R@5 on pages: with KL, without, difference [95 %]"]
    for kind in outcomes["with"]:
        lines.append(table.line(f"  {kind}", [outcomes["with"][kind][0], outcomes["without"][kind][0]]))
    both = [np.concatenate([outcomes[name][k][0] for k in outcomes[name]]) for name in ("with", "without")]
    return [*lines, table.line("  both", both)]


def said(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of data sets")
    parser.add_argument("--work", type=Path, default=Path("build/recipes"), help="checkpoints and what frozen parts say")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    chosen = parser.parse_args()
    for name in PARTS:
        if name in chosen.only:
            begun = time.process_time()
            lines = globals()[name](chosen.data, chosen.work)
            print(f"\n== {name}: {(globals()[name].__doc__ or '').strip()}", *lines, f"({time.process_time() - begun:.0f} CPU s)", sep="\n")


if __name__ == "__main__":
    main()
