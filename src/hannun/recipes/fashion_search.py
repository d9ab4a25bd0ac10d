"""Labelled photos of garments go in; the heads that tag colour, type and pattern come out, measured against prompts and chance.

    python -m hannun.recipes.fashion_search --data FOLDER                      # those that come with Hannun
    python -m hannun.recipes.fashion_search --labels mine.csv --to mine.npz    # yours: image, and a column each

The system is Naver's fashion search (MDS): titles seldom say what a product looks like, so colour, pattern and type are found in its
pictures and become conditions, facets and words (`hannun tag --collection C`). The heads read the embedded model's features, which its
training has fitted to the train and dev photos: they are calibrated on one half of the test photos and measured on the other.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hannun import catalogue, metrics
from hannun.annotate import schema
from hannun.annotate.head import HeadTraining, Ints, calibrated, train
from hannun.annotate.looks import FEATURES, looks
from hannun.annotate.trained import WEIGHTS, TrainedHeads
from hannun.annotate.zero_shot import ZeroShot
from hannun.datasets import pictures
from hannun.datasets.split import share
from hannun.embeddings import Floats
from hannun.errors import InputError
from hannun.item import Image, image_part
from hannun.mini.model import Mini
from hannun.recipes.data.garments import of_drawn, of_fashion
from hannun.sources import tables

READS = {"색": ("colours", "cells"), "종류": ("vector", "classes", "cells"), "무늬": ("classes", "cells")}
DEFAULT_READS = ("classes", "colours", "cells")
#: Colours that have a basic colour term above them (Berlin & Kay 1969), which labels of shops rarely agree about.
BASIC = {"색": {"남색": "파랑", "자주": "빨강", "베이지": "갈색"}}
ACCURACY = 0.9  # ours: of what is said rather than unknown, so much is right on the half that is calibrated on
DRAWN = 400  # garments of the drawn catalogue to learn patterns by: product names tell of few
OURS = HeadTraining(epochs=12)
ABOUT = "fashion product photos (licence unstated) and the drawn catalogue"


@dataclass(frozen=True)
class LabelledSet:
    """Pictures with their features by name, their labels by attribute, and the part each is of: train, choose or test."""

    seen: Mapping[str, Floats]
    labels: Sequence[Mapping[str, str]]
    parts: Sequence[str]


def features(found: Sequence[tuple[str, Image]], cache: Path | None = None) -> dict[str, Floats]:
    """The features of pictures by key; those that the cache has are not made again."""
    known: dict[str, int] = {}
    stored: dict[str, Floats] = {}
    if cache is not None and cache.is_file():
        with np.load(cache) as f:
            stored = {k: f[k].astype(np.float32) for k in FEATURES}
            known = {k: n for n, k in enumerate(f["keys"].tolist())}
    tower = Mini()
    rows: dict[str, list[Floats]] = {k: [] for k in FEATURES}
    new = [(k, p) for k, p in found if k not in known]
    for at in range(0, len(new), 32):
        for name, x in looks([p for _, p in new[at : at + 32]], tower).items():
            rows[name].append(x)
    made = {k: np.concatenate([stored.get(k, np.zeros((0, d), np.float32)), *rows[k]]) for k, d in FEATURES.items()}
    place = {**known, **{k: len(known) + n for n, (k, _) in enumerate(new)}}
    if cache is not None and new:
        with cache.open("wb") as f:
            np.savez(f, keys=np.array(list(place)), **{k: v.astype(np.float16) for k, v in made.items()})  # type: ignore[arg-type]
    order = [place[k] for k, _ in found]
    return {k: v[order] for k, v in made.items()}


def fashion(data: Path, most: int, cache: Path | None) -> LabelledSet:
    """The fashion data and drawn garments; of the train photos about `most`, rare values first."""
    every = pictures.fashion(data)
    counts: Counter[tuple[str, str]] = Counter()
    chosen = []
    for p in sorted(every, key=lambda p: share(f"tags {p.key}") * 10_000 + share(p.key)):
        told = of_fashion(p.facts)
        if p.split == "train" and (not told or min(counts[k, v] for k, v in told.items()) >= most):
            continue
        counts.update(told.items() if p.split == "train" else ())
        chosen.append((p, told))
    drawn = [(e, of_drawn(e.facts)) for e in catalogue.training_entries(DRAWN * 2, 11) if of_drawn(e.facts)][:DRAWN]
    tested = [(e, of_drawn(e.facts)) for e in catalogue.entries() if e.split == "test" and of_drawn(e.facts)]
    found = [(p.key, p.image) for p, _ in chosen] + [(e.id, Image(e.picture())) for e, _ in (*drawn, *tested)]
    parts = [part_of(p.split, p.key) for p, _ in chosen] + ["train"] * len(drawn) + [part_of("test", e.id) + " drawn" for e, _ in tested]
    labels = [t for _, t in chosen] + [{"무늬": t["무늬"]} for _, t in (*drawn, *tested)]
    return LabelledSet(features(found, cache), labels, parts)


def labelled(path: Path, cache: Path | None) -> LabelledSet:
    """A table with the column image and a column for each attribute; a fifth calibrates and a fifth measures. Raises InputError."""
    rows = [dict(r) for r in tables.rows(path, typed=False) if isinstance(r, dict)]
    if not rows or "image" not in rows[0]:
        raise InputError(f"{path}: expected the column image and a column for each attribute, such as 색")
    labels = [{k: str(v) for k, v in r.items() if k not in ("image", "id") and v} for r in rows]
    found = [(str(r["image"]), image_part(path.parent / str(r["image"]))) for r in rows]
    parts = ["test" if (s := share(k)) < 20 else "choose" if s < 40 else "train" for k, _ in found]
    return LabelledSet(features(found, cache), labels, parts)


def fitted(given: LabelledSet, about: str, with_: HeadTraining = OURS) -> TrainedHeads:
    """A head for each attribute that is labelled: trained on "train", calibrated on "choose". Values of under five photos are left out."""
    heads, reads = {}, {}
    for key in dict.fromkeys(k for told in given.labels for k in told):
        counts = Counter(told[key] for told, part in zip(given.labels, given.parts, strict=True) if key in told and part == "train")
        classes = tuple(sorted(v for v, n in counts.items() if n >= 5))
        if len(classes) < 2:
            raise InputError(f"{key}: has {len(classes)} values of at least five pictures, expected two; label more")
        names = READS.get(key, DEFAULT_READS)
        x = np.concatenate([given.seen[n] for n in names], axis=1)
        rows = {part: _rows(given, key, classes, part) for part in ("train", "choose", "choose drawn")}
        y = {part: np.array([classes.index(given.labels[n][key]) for n in some], np.int64) for part, some in rows.items()}
        head = train(x[rows["train"]], y["train"], classes, with_)
        some = rows["choose"] + rows["choose drawn"]
        heads[key] = calibrated(head, x[some], np.concatenate([y["choose"], y["choose drawn"]]), ACCURACY) if some else head
        reads[key] = names
    return TrainedHeads(heads, reads, Mini().fingerprint, about)


def measured(given: LabelledSet, trained: TrainedHeads, part: str = "test") -> list[str]:
    """A line for each attribute: trained, by prompts, and the most frequent value; accuracy, macro-F1, calibration error, unknowns."""
    out, topic = [], schema.read()
    prompts = ZeroShot(Mini(), topic)
    for key, head in trained.heads.items():
        rows = _rows(given, key, head.classes, part)
        if not rows:
            continue
        truth = np.array([head.classes.index(given.labels[n][key]) for n in rows])
        p = trained.probabilities(key, {k: v[rows] for k, v in given.seen.items()})
        out.append(f"{key} {part}, {len(head.classes)} values, {len(rows)} pictures")
        out.append("  trained    " + told(truth, p, head.threshold))
        if key in BASIC:
            wide, wider = merged(head.classes, truth, p, BASIC[key])
            out.append(f"  in {wider.shape[1]} terms " + told(wide, wider, head.threshold))
        if key in [a.key for a in topic.attributes]:
            attribute = topic.attribute(key)
            order = [[v.name for v in attribute.values].index(c) for c in head.classes]
            zero = prompts.probabilities(given.seen["vector"][rows], key)[:, order]
            out.append("  prompts    " + told(truth, zero / zero.sum(1, keepdims=True), attribute.threshold))
        common = int(np.bincount(truth).argmax())
        out.append(
            f"  chance     accuracy {(truth == common).mean():.3f}  macro-F1 {metrics.macro_f1(truth, np.full(len(truth), common)):.3f}"
        )
    return out


def merged(classes: Sequence[str], truth: Ints, p: Floats, into: Mapping[str, str]) -> tuple[Ints, Floats]:
    """Labels [n] and probabilities [n, fewer] where some classes count as others, whose probabilities they add to."""
    names = [into.get(c, c) for c in classes]
    fewer = sorted(set(names))
    turn = np.array([fewer.index(n) for n in names])
    sums = np.zeros((len(p), len(fewer)), np.float32)
    np.add.at(sums.T, turn, p.T)
    return turn[truth], sums


def told(truth: Ints, p: Floats, least: float) -> str:
    """Accuracy, macro-F1, calibration error, and what is said above a threshold, in one line."""
    guess, sure = p.argmax(axis=1), p.max(axis=1)
    both, said = np.stack([truth, guess], axis=1), sure >= least
    low, high = metrics.bootstrap((truth == guess).astype(float))
    f1 = metrics.bootstrap(both, statistic=lambda b: metrics.macro_f1(b[:, 0], b[:, 1]), rounds=300)
    right = (truth == guess)[said].mean() if said.any() else float("nan")
    return (
        f"accuracy {(truth == guess).mean():.3f} [{low:.3f}, {high:.3f}]  macro-F1 {metrics.macro_f1(truth, guess):.3f} "
        f"[{f1[0]:.3f}, {f1[1]:.3f}]  ECE {metrics.calibration_error(sure, truth == guess):.3f}  "
        f"unknown {1 - said.mean():.3f}, right of the rest {right:.3f}"
    )


def _rows(given: LabelledSet, key: str, classes: Sequence[str], part: str) -> list[int]:
    return [n for n, (told, of) in enumerate(zip(given.labels, given.parts, strict=True)) if of == part and told.get(key) in classes]


def part_of(split: str, key: str) -> str:
    """The part of a photo: half of the test photos calibrate, half measure, all others train."""
    return ("choose" if share(f"half {key}") < 50 else "test") if split == "test" else "train"


def main() -> None:
    """The command of this recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder of data sets")
    parser.add_argument("--labels", type=Path, help="a table of your own: image, and a column for each attribute")
    parser.add_argument("--to", type=Path, default=WEIGHTS, help="the file of heads to write")
    parser.add_argument("--cache", type=Path, help="an .npz that keeps features")
    parser.add_argument("--most", type=int, default=10_000, help="train photos of one value before it is left to others")
    given = parser.parse_args()
    if (given.data is None) == (given.labels is None):
        raise InputError("expected --data FOLDER or --labels TABLE")
    made = fashion(given.data, given.most, given.cache) if given.data else labelled(given.labels, given.cache)
    trained = fitted(made, ABOUT if given.data else str(given.labels))
    trained.save(given.to)
    print(f"{given.to}: {given.to.stat().st_size / 1e6:.2f} MB, {Counter(made.parts)}")
    for part in ("test", "test drawn"):
        print("\n".join(measured(made, trained, part)))


if __name__ == "__main__":
    main()
