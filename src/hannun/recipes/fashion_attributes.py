"""Pictures of several garments with the attributes of each go in; what one garment is like, asked by its category, comes out as sentences.

    python -m hannun.recipes.fashion_attributes --data FOLDER       # trains the heads that come with Hannun, on drawn outfits
    python -m hannun.recipes.fashion_attributes photo.jpg 치마      # "이 상품의 [스커트스타일]은 [주름]입니다" 0.91

The system is Naver's attribute model: (picture + category word) ↔ attribute sentences. The same photo answers for the garment that it
is asked about. Here the category chooses the part of the picture (`annotate.region`), and heads over the embedded model's features rank the
sentences of each attribute that things of the category have (`annotate/fashion.toml`). Leakage is how often the other garment's value wins.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from hannun import metrics
from hannun.annotate import schema
from hannun.annotate.annotator import Annotator
from hannun.annotate.head import HeadTraining, Ints, calibrated, train
from hannun.annotate.looks import looks
from hannun.annotate.region import KIND, NOTHING, Box, OfCategory, windows
from hannun.annotate.trained import ATTRIBUTES, Tagger, TrainedHeads
from hannun.catalogue.outfits import Outfit, Worn, outfits
from hannun.curate.describe.attributes import sentence
from hannun.datasets import pictures
from hannun.datasets.split import blake
from hannun.embeddings import Floats
from hannun.item import Image, Item
from hannun.mini.model import Mini
from hannun.recipes.data.garments import of_clothing

READS = ("vector", "classes", "colours", "shape")
TRAINED = (1, 5, 6)  # seeds of a hundred drawn outfits each
CHOOSING, TESTED = 40, 60  # drawn outfits
PHOTOS = 60  # phone photos of each category that the head KIND sees beside drawn windows
CATEGORIES = {
    "상의": ("티셔츠", "셔츠", "블라우스", "맨투맨", "재킷"),
    "치마": ("치마",),
    "원피스": ("원피스",),
    "바지": ("바지", "반바지"),
    "신발": ("구두",),
    NOTHING: ("모자",),
}
OURS = HeadTraining(epochs=60)
SHARED = ("색", "무늬", "총기장")  # attributes that both garments of a picture may have: where the other's can be given by mistake
ABOUT = "drawn outfits, and phone photos (CC0) for what a window shows: attributes of real photos want some among the labels"


def shown(window: Box, garments: Sequence[Worn]) -> str:
    """The category of the garment that a window shows, whole enough and without the other; else NOTHING."""
    inside = [_shared(window, w.box) / _area(window) for w in garments]
    best = int(np.argmax(inside))
    whole = _area(window) > 0.15 * _area(garments[best].box)
    return garments[best].category if inside[best] > 0.7 and min(inside) < 0.15 and whole else NOTHING


def examples(made: Sequence[Outfit]) -> tuple[dict[str, Floats], list[dict[str, str]]]:
    """The features of every window of drawn outfits; the category that each shows, and that garment's attributes."""
    crops, told = [], []
    for o in made:
        for box in windows(o.picture):
            kind = shown(box, o.garments)
            facts = next((w.facts for w in o.garments if w.category == kind), {})
            told.append({KIND: kind, **facts, **({"색": _colour(facts["색"])} if facts else {})})
            crops.append(Image(o.picture.crop(box)))
    return _looked(crops), told


def photos(data: Path) -> tuple[dict[str, Floats], list[dict[str, str]]]:
    """The features of phone photos of clothes (CC0), and the category that each shows: what only drawn windows teach, fails on photos."""
    kinds = {t: c for c, some in CATEGORIES.items() for t in some}
    crops, told = [], []
    counts: Counter[str] = Counter()
    found = (p for p in pictures.shards(data, "clothing") if p.facts["split"] == "train")
    for p in sorted(found, key=lambda p: blake(p.key)):
        kind = kinds.get(of_clothing(p.facts).get("종류", ""))
        if kind is not None and counts[kind] < PHOTOS:
            counts[kind] += 1
            crops.append(p.image)
            told.append({KIND: kind})
    return _looked(crops), told


def fitted(data: Path | None = None, with_: HeadTraining = OURS) -> TrainedHeads:
    """The heads, trained and calibrated on drawn outfits; KIND also on phone photos, where their folder is given."""
    seen, told = examples([o for seed in TRAINED for o in outfits(100, seed)])
    if data is not None:
        more, said = photos(data)
        seen, told = {k: np.concatenate([seen[k], more[k]]) for k in READS}, told + said
    held, said = examples(outfits(CHOOSING, 2))
    heads = {}
    for key in dict.fromkeys(k for t in told for k in t):
        classes = tuple(sorted({t[key] for t in told if key in t}))
        x, y = _rows(seen, told, key, classes)
        heads[key] = calibrated(train(x, y, classes, with_), *_rows(held, said, key, classes), 0.9)
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
            asked = OfCategory(Tagger(trained, tower, topic.of(mine.category)), tower, mine.category, topic.categories, trained)
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


def _looked(crops: Sequence[Image]) -> dict[str, Floats]:
    tower = Mini()
    parts = [looks(crops[at : at + 32], tower) for at in range(0, len(crops), 32)]
    return {k: np.concatenate([p[k] for p in parts]) for k in READS}


def _shared(one: Box, other: Box) -> int:
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return max(0, wide) * max(0, high)


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def main() -> None:
    """The command of this recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path, nargs="?")
    parser.add_argument("category", nargs="?")
    parser.add_argument("--to", type=Path, default=ATTRIBUTES, help="the file of heads to write")
    parser.add_argument("--data", type=Path, help="the folder of data sets: its photos of clothes teach what category a window shows")
    given = parser.parse_args()
    if given.photo is not None:
        tower, topic = Mini(), schema.read()
        trained = TrainedHeads.load(ATTRIBUTES)
        inner = Tagger(trained, tower, topic.of(given.category))
        asked = OfCategory(inner, tower, given.category, topic.categories, trained) if given.category else inner
        for said, score in sentences(asked, Image(given.photo)):
            print(f"{score:.2f}  {said}")
        return
    trained = fitted(given.data)
    trained.save(given.to)
    print(f"{given.to}: {given.to.stat().st_size / 1e6:.2f} MB")
    for line in measured(trained, outfits(TESTED, 3, held_out=True)):
        print(line)


if __name__ == "__main__":
    main()
