"""The weights in a folder go in, the same ones with their hubs found anew come out; nothing is trained.

`python -m hannun.recipes.mini.refine --data FOLDER --to FOLDER` reads the training sentences, and the training pictures of the calibration.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnx

from hannun.annotate import trained
from hannun.curate.image import watermark
from hannun.datasets import sentences
from hannun.embeddings import Floats
from hannun.mini.model import DIMS, WEIGHTS, Mini, fingerprint
from hannun.mini.model import HERE as MINI
from hannun.recipes.mini import hubs as found
from hannun.recipes.mini.measure import classes_table
from hannun.recipes.mini.recipe import RECIPE, read_pictures, words
from hannun.recipes.mini.rows import by_rows


def refined(data: Path, clipart: Path | None, work: Path, folder: Path, to: Path) -> None:
    """Write the weights of a folder into `to`, their hubs found anew and their calibration with it; the drawn catalogue is not read."""
    recipe = replace(RECIPE, sources={k: v for k, v in RECIPE.sources.items() if k != "catalogue"})
    every = read_pictures(data, clipart, work, recipe)
    described = {p.key: sentences.describe(p) for p in every if p.split in ("train", "dev")}
    to.mkdir(parents=True, exist_ok=True)
    for name in WEIGHTS:
        if name != "image.onnx" and folder.resolve() != to.resolve():
            shutil.copyfile(folder / name, to / name)
    model = found.without(onnx.load(str(folder / "image.onnx")))
    onnx.save(found.built_in(model, None), str(to / "image.onnx"))
    mini, names = Mini(to), classes_table(MINI / "classes.tsv")

    def query(texts: Sequence[str]) -> Floats:
        return mini.encode_query(list(texts)).dense

    photos = found.calibrating(every)
    plain = mini.seen([p.image for p in photos])[0]
    said = [query(texts) for texts in found.asked(described.values()).values()]
    hubs = found.found(said, query(found.shared(described.values(), names)), plain)
    onnx.save(by_rows(found.built_in(found.without(model), hubs)), str(to / "image.onnx"))
    places = {p.key: n for n, p in enumerate(photos)}
    moved = hubs.moved(plain)
    facts = found.calibration(every, described, words(data, every, recipe, names)[0], query, lambda keys: moved[[places[k] for k in keys]])
    card = {"fingerprint": fingerprint(to), "dims": sorted(DIMS, reverse=True), "calibration": facts}
    (to / "space.json").write_text(json.dumps(card, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def resigned(name: str) -> None:
    """Tell the heads that come with the package that these weights are theirs: what heads read of pictures is as it was."""
    for path in (trained.WEIGHTS, trained.ATTRIBUTES):
        replace(trained.TrainedHeads.load(path), fingerprint=name).save(path)
    replace(watermark.Head.load(), fingerprint=name).save(watermark.WEIGHTS)


def main(argv: Sequence[str] | None = None) -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(prog="python -m hannun.recipes.mini.refine")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--clipart", type=Path, help="as the recipe wants it")
    parser.add_argument("--work", type=Path, default=Path("build/mini"))
    parser.add_argument("--from", dest="folder", type=Path, default=MINI)
    parser.add_argument("--to", type=Path, default=Path("build/mini/out"))
    a = parser.parse_args(argv)
    refined(a.data, a.clipart, a.work, a.folder, a.to)
    if a.to.resolve() == MINI.resolve():
        resigned(fingerprint(a.to))
    print(f"{a.to}: {json.loads((a.to / 'space.json').read_text('utf-8'))}")


if __name__ == "__main__":
    main()
