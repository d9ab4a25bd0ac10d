"""The two towers, the class names and training splits go in; `space.npz` (class vectors, means) and `space.json` (calibration) come out.

Run as `python -m hannun.mini.export_space --data FOLDER` after `export_text` and `export_image`; FOLDER is laid out as
`shared/data` is (flickr8k/, fashion/ and texts/). Only training splits are read. Nothing of them is stored but means and scales.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hannun.embeddings import Floats, unit
from hannun.errors import MissingError
from hannun.item import Image
from hannun.mini.classes import classes
from hannun.mini.image import ImageTower
from hannun.mini.model import HERE, Mini, fingerprint, mixture
from hannun.mini.text import TextTower
from hannun.shards import read

PHOTOS, PRODUCTS, SENTENCES = 1500, 500, 1500  # how much of each source the means are taken over
PROMPTS = ("a photo of a {}", "{} 사진")  # English, Korean; as passages: the best of five on Flickr8k's training split


def class_vectors(text: TextTower) -> Floats:
    """One centred unit vector for each class [1000, 384]: the mean of its Korean and English names, half and half."""
    both = np.zeros((len(classes()), 384), np.float32)
    for prompt, names in zip(PROMPTS, ([c.english for c in classes()], [c.korean for c in classes()]), strict=True):
        flat = unit(text.encode([prompt.format(n) for one in names for n in one], "passage"))
        owner = np.repeat(np.arange(len(names)), [len(one) for one in names])
        sums = np.zeros_like(both)
        np.add.at(sums, owner, flat)
        both += unit(sums)
    return unit(unit(both) - unit(both).mean(axis=0))


def photos(data: Path) -> list[tuple[Image, str]]:
    """The first training photos of Flickr8k, each with one English caption."""
    records = islice(read(_there(data / "flickr8k" / "train-000.tar")), PHOTOS)
    return [(Image(r.pictures[0]), str(r.data["captions"][0])) for r in records]


def sentences(data: Path) -> list[str]:
    """Everyday Korean and English: KorSTS and STS-B training sentences, Korean captions of Flickr8k's training split, class names."""
    korsts = [r for r in _rows(data / "texts" / "korsts_stsb.jsonl") if r["split"] == "train"]
    korsts = korsts[:: max(1, len(korsts) // SENTENCES)]  # spread over its genres
    captions = [k for r in _rows(data / "flickr8k" / "captions_ko.jsonl") if r["split"] == "train" for k in r["ko"]]
    names = [n for c in classes() for n in (c.english[0], c.korean[0])]
    return [r["ko"][0] for r in korsts] + [r["en"][0] for r in korsts] + captions + names


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _there(path).read_text("utf-8").splitlines()]


def _there(path: Path) -> Path:
    if not path.exists():
        raise MissingError(f"{path}: no such file, expected the folder of training data; give it with --data")
    return path


def _spread(left: Floats, right: Floats) -> tuple[float, float]:
    """Mean and standard deviation of the cosines between unrelated rows; row i of both may be related and is left out."""
    scores = left @ right.T
    scores = scores[np.eye(*scores.shape) == 0]
    return round(float(scores.mean()), 5), round(float(scores.std()), 5)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the files; see the module's first lines."""
    parser = argparse.ArgumentParser(prog="python -m hannun.mini.export_space", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of training data")
    parser.add_argument("--to", type=Path, default=HERE, help="folder that holds the towers (default: the package's own)")
    arguments = parser.parse_args(argv)
    text, image = TextTower(arguments.to), ImageTower(arguments.to)
    pairs, words = photos(arguments.data), sentences(arguments.data)
    products = [Image(r.pictures[0]) for r in islice(read(_there(arguments.data / "fashion" / "train-000.tar")), PRODUCTS)]
    every = words + [caption for _, caption in pairs]
    vectors = class_vectors(text)
    mixed = mixture(image.logits([p for p, _ in pairs] + products), vectors)
    space = {
        "classes": vectors.astype(np.float16),
        "image": mixed.mean(axis=0),
        "query": unit(text.encode(every, "query")).mean(axis=0),
        "passage": unit(text.encode(every, "passage")).mean(axis=0),
    }
    np.savez(arguments.to / "space.npz", allow_pickle=False, **space)

    mini = Mini(arguments.to)
    seen = unit(mixed - space["image"])
    asked, stored = mini.encode_query(every[0::3]).dense, mini.encode_document(every[1::3]).dense
    background = {
        "text": {"text": _spread(asked, stored), "image": _spread(asked, seen)},
        "image": {"text": _spread(seen, stored), "image": _spread(seen, seen)},
    }
    captions = mini.encode_document([c for _, c in pairs]).dense
    agreement = round(float((captions * seen[: len(pairs)]).sum(axis=1).mean()), 5)
    facts = {"fingerprint": fingerprint(arguments.to), "calibration": {"background": background, "agreement": agreement}}
    (arguments.to / "space.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
