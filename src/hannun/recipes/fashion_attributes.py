"""Pictures of several garments with the attributes of each go in; what one garment is like, asked by its category, comes out as sentences.

    python -m hannun.recipes.fashion_attributes                     # trains the heads that come with Hannun, on drawn outfits
    python -m hannun.recipes.fashion_attributes photo.jpg 치마      # "이 상품의 [스커트스타일]은 [주름]입니다" 0.91

The system is Naver's attribute model: (picture + category word) ↔ attribute sentences. The same photo answers for the garment that it
is asked about. Here the category chooses the part of the picture (`annotate.region`), and heads over the embedded model's features rank the
sentences of each attribute that things of the category have (`annotate/fashion.toml`). Leakage is how often the other garment's value wins.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import PIL.Image

from hannun import metrics
from hannun.annotate import schema
from hannun.annotate.annotator import Annotator
from hannun.annotate.head import HeadTraining, Ints, calibrated, train
from hannun.annotate.looks import looks
from hannun.annotate.region import OfCategory, windows
from hannun.annotate.trained import ATTRIBUTES, Tagger, TrainedHeads
from hannun.catalogue.outfits import Outfit, outfits
from hannun.curate.describe.attributes import sentence
from hannun.embeddings import Floats
from hannun.item import Image, Item
from hannun.mini.model import Mini

READS = ("vector", "classes", "colours")
TRAINED, CHOOSING, TESTED = 200, 40, 60  # drawn outfits
SHARED = ("색", "무늬", "총기장")  # attributes that both garments of a picture may have: where the other's can be given by mistake
ABOUT = "drawn outfits: a real photo's attributes are not told by these heads until some are among the labels"


def cut(picture: PIL.Image.Image, box: tuple[int, int, int, int]) -> PIL.Image.Image:
    """The window that is found for a thing, by what overlaps best with where it was drawn; the drawn place itself where none does."""
    best = max(windows(picture)[:-1], key=lambda w: _overlap(w, box))
    return picture.crop(best if _overlap(best, box) > 0.3 else box)


def examples(made: Sequence[Outfit]) -> tuple[dict[str, Floats], list[dict[str, str]]]:
    """The features of every garment's own window, and its attributes."""
    crops = [cut(o.picture, w.box) for o in made for w in o.garments]
    tower, parts = Mini(), []
    for at in range(0, len(crops), 32):
        parts.append(looks([Image(c) for c in crops[at : at + 32]], tower))
    told = [{**w.facts, "색": _colour(w.facts["색"])} for o in made for w in o.garments]
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}, told


def fitted(with_: HeadTraining | None = None) -> TrainedHeads:
    """The heads, trained and calibrated on drawn outfits."""
    seen, told = examples(outfits(TRAINED, 1))
    held, said = examples(outfits(CHOOSING, 2))
    heads = {}
    for key in dict.fromkeys(k for t in told for k in t):
        classes = tuple(sorted({t[key] for t in told if key in t}))
        x, y = _rows(seen, told, key, classes)
        heads[key] = calibrated(train(x, y, classes, with_ or HeadTraining(epochs=60)), *_rows(held, said, key, classes), 0.9)
    return TrainedHeads(heads, dict.fromkeys(heads, READS), Mini().fingerprint, ABOUT)


def measured(trained: TrainedHeads, made: Sequence[Outfit]) -> Iterator[str]:
    """Accuracy by attribute, and of what both garments have how often the other's value is given: with the category word, and without."""
    tower, topic = Mini(), schema.read()
    right: dict[tuple[str, str], list[float]] = {}
    leaked: dict[str, list[float]] = {"with": [], "without": []}
    whole = Tagger(trained, tower, topic)
    for o in made:
        blind = {f.key: f.value for f in whole.annotate([Item("o", (Image(o.picture),))])[0]}
        for mine, other in (o.garments, o.garments[::-1]):
            asked = OfCategory(Tagger(trained, tower, topic.of(mine.category)), tower, mine.category, topic.categories)
            given = {f.key: f.value for f in asked.annotate([Item("o", (Image(o.picture),))])[0]}
            for way, answer in (("with", given), ("without", blind)):
                for key in (k for k in mine.facts if k in answer):
                    value = _colour(mine.facts[key]) if key == "색" else mine.facts[key]
                    right.setdefault((way, key), []).append(float(answer[key] == value))
                    if key in SHARED and key in other.facts and other.facts[key] != mine.facts[key]:
                        theirs = _colour(other.facts[key]) if key == "색" else other.facts[key]
                        leaked[way].append(float(answer[key] == theirs and theirs != value))
    for way, some in leaked.items():
        low, high = metrics.bootstrap(some)
        print_rate = f"{np.mean(some):.3f} [{low:.3f}, {high:.3f}] ({int(sum(some))} of {len(some)})"
        yield f"{way:8} the category word: the other garment's value wins {print_rate}"
    for key in dict.fromkeys(k for _, k in right):
        shares = ", ".join(f"{way} {np.mean(right[way, key]):.3f}" for way in leaked)
        yield f"  {key:8} accuracy {shares} ({len(right['with', key])})"


def sentences(annotator: Annotator, picture: Image) -> list[tuple[str, float]]:
    """What is found in a picture as sentences, with their probabilities; unknowns are left out."""
    return [(sentence(f.key, f.value), f.score) for f in annotator.annotate([Item("picture", (picture,))])[0] if f.value is not None]


def _rows(seen: dict[str, Floats], told: Sequence[dict[str, str]], key: str, classes: tuple[str, ...]) -> tuple[Floats, Ints]:
    some = [n for n, t in enumerate(told) if t.get(key) in classes]
    return np.concatenate([seen[k][some] for k in READS], axis=1), np.array([classes.index(told[n][key]) for n in some])


def _colour(drawn: str) -> str:
    return {"하늘색": "파랑"}.get(drawn, drawn)


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """The shared area of two boxes over the area of both."""
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0, wide) * max(0, high)
    return shared / (sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)) - shared)


def main() -> None:
    """The command of this recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path, nargs="?")
    parser.add_argument("category", nargs="?")
    parser.add_argument("--to", type=Path, default=ATTRIBUTES, help="the file of heads to write")
    given = parser.parse_args()
    if given.photo is not None:
        tower, topic = Mini(), schema.read()
        inner = Tagger(TrainedHeads.load(ATTRIBUTES), tower, topic.of(given.category))
        asked = OfCategory(inner, tower, given.category, topic.categories) if given.category else inner
        for said, score in sentences(asked, Image(given.photo)):
            print(f"{score:.2f}  {said}")
        return
    trained = fitted()
    trained.save(given.to)
    print(f"{given.to}: {given.to.stat().st_size / 1e6:.2f} MB")
    for line in measured(trained, outfits(TESTED, 3, held_out=True)):
        print(line)


if __name__ == "__main__":
    main()
