"""The data folder goes in; mini/trained_on.npy, the hashes of what mini's weights were trained on, comes out.

`python -m hannun.recipes.mini.trained --data FOLDER --clipart FOLDER --work FOLDER`: once for the weights that ship, from the very lists
that their recipe reads; what is trained further keeps its own record. A source that is not there is left out and named.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hannun.catalogue import training_entries
from hannun.datasets import pictures, sentences
from hannun.item import Image, Item, Text
from hannun.mini.model import HERE as MINI
from hannun.recipe import Recipe
from hannun.recipes.mini import measure
from hannun.recipes.mini.recipe import RECIPE, read_pictures, words
from hannun.seen import FILE, Seen, hashes

DRAWN, SEED = 3000, 3  # as `pictures.catalogue` draws them for training


def seen(data: Path, clipart: Path | None, work: Path, recipe: Recipe = RECIPE) -> Seen:
    """Pictures of the train and dev splits with their sentences and negatives, and the texts besides.

    Drawings are hashed where `work`/catalogue holds them already; their titles are in any case.
    """
    shown = replace(recipe, sources={k: v for k, v in recipe.sources.items() if k != "catalogue"})
    every = read_pictures(data, clipart, work, shown)
    if "catalogue" in recipe.sources:
        folder = work / "catalogue"
        every += [
            pictures.Picture(e.id, "catalogue", "train", Image(folder / f"{e.id}.jpg"), e.row()) for e in training_entries(DRAWN, SEED)
        ]
    trained = [p for p in every if p.split in ("train", "dev")]
    described = [s for p in trained for s in sentences.describe(p).sentences]
    pairs, general, passages = words(data, every, recipe, measure.classes_table(MINI / "classes.tsv"))
    said = {s.text for s in described} | {s.negative for s in described if s.negative} | {t for pair in pairs for t in pair}
    items = [p.item for p in trained] + [Item("", (Text(t),)) for t in (*said, *general, *passages) if t]
    return Seen(hashes(items))


def main(argv: Sequence[str] | None = None) -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(prog="python -m hannun.recipes.mini.trained")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--clipart", type=Path, help="as the recipe wants it")
    parser.add_argument("--work", type=Path, default=Path("build/mini"))
    parser.add_argument("--to", type=Path, default=MINI)
    a = parser.parse_args(argv)
    found = seen(a.data, a.clipart, a.work)
    found.save(a.to)
    absent = "" if a.clipart else "; clipart and stamps were not there (--clipart)"
    print(f"{a.to / FILE}: {len(found):,} hashes{absent}")


if __name__ == "__main__":
    main()
