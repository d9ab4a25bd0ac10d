"""Pictures of ImageNet's classes go in; zero-shot accuracy with Korean (and English) class names and prompt templates comes out.

With ILSVRC's validation folder (`imagenet/val/n01440764/*.JPEG`) this is zero-shot ImageNet in Korean. Where it is not there, the
held-out product photos and emoji that show one of the 1,000 classes are named among all 1,000: a stand-in, and called one.
Names: `mini/classes.tsv`. Templates: CLIP's seven best (Radford et al. 2021) and their Korean counterparts, averaged as unit vectors.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from hannun import metrics
from hannun.embeddings import Floats, unit
from hannun.errors import MissingError
from hannun.evaluate.figure import Figure, labels
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites import held_out
from hannun.evaluate.suites.suite import Measured, Suite
from hannun.item import Content
from hannun.mini.classes import classes

TEMPLATES = {
    "ko": (
        "내가 찍은 {} 사진",
        "잘 나오지 않은 {} 사진",
        "종이접기로 만든 {}",
        "커다란 {} 사진",
        "비디오 게임 속의 {}",
        "{} 그림",
        "작은 {} 사진",
    ),
    "en": (
        "itap of a {}.",
        "a bad photo of the {}.",
        "a origami {}.",
        "a photo of the large {}.",
        "a {} in a video game.",
        "art of the {}.",
        "a photo of the small {}.",
    ),
}
#: Product types that are classes of ImageNet, by their class.
PRODUCTS = {
    "Backpacks": 414, "Jeans": 608, "Tshirts": 610, "Perfume and Body Mist": 711, "Handbags": 748, "Sports Shoes": 770, "Sandals": 774,
    "Socks": 806, "Sunglasses": 837, "Sweatshirts": 841, "Umbrellas": 879, "Wallets": 893, "Ties": 906, "Bra": 459,
}  # fmt: skip
PER_CLASS = 50  # ILSVRC's validation set has fifty of each
_FOLDER, _LABELS = "imagenet/val", "labels/imagenet_ko_en.jsonl"


def class_vectors(harness: Harness, lang: str, templates: tuple[str, ...]) -> Floats:
    """One vector for each class [1000, dim]: the mean direction of its first name in every template."""
    called = [(c.korean if lang == "ko" else c.english)[0] for c in classes()]
    each = [harness.queries([t.format(name) for name in called]).dense for t in templates]
    return unit(np.sum(each, axis=0))


def _validation(harness: Harness) -> tuple[list[Content], list[int]]:
    rows = [json.loads(line) for line in harness.file(_LABELS).read_text("utf-8").splitlines()]
    shown: list[Content] = []
    truth: list[int] = []
    for row in rows:
        folder: Path = harness.data / _FOLDER / row["wnid"]
        found = sorted(p for p in folder.glob("*") if p.suffix.lower() in (".jpeg", ".jpg", ".png"))[:PER_CLASS]
        shown += found
        truth += [int(row["idx"])] * len(found)
    if not shown:
        raise MissingError(
            f"{harness.data / _FOLDER}: holds no folders of pictures named by wnid (n01440764/*.JPEG); unpack ILSVRC2012_img_val"
        )
    left = harness.unseen([(c,) for c in shown])
    return [shown[n] for n in left], [truth[n] for n in left]


def _stand_in(harness: Harness) -> tuple[list[Content], list[int]]:
    known = {name.lower(): c.index for c in classes() for name in c.english}
    products = [p for p in held_out.fashion(harness) if p.facts["articleType"] in PRODUCTS]
    emoji = [p for p in held_out.emoji(harness) if str(p.facts["name_en"]).lower() in known]
    truth = [PRODUCTS[p.facts["articleType"]] for p in products] + [known[str(p.facts["name_en"]).lower()] for p in emoji]
    return [p.item for p in (*products, *emoji)], truth


def imagenet_kr(harness: Harness) -> Measured:
    """Top-1 and top-5 among 1,000 names, with the bare name and with seven templates."""
    there = (harness.data / _FOLDER).is_dir()
    shown, right = _validation(harness) if there else _stand_in(harness)
    if not there:
        harness.notes.append(
            f"stand-in: {len(shown)} held-out products and emoji named among ImageNet's 1,000 classes, not ImageNet; "
            "for the real one unpack ILSVRC2012_img_val (image-net.org, by wnid) into imagenet/val"
        )
    if not shown:
        return Measured([])
    looks, truth = harness.documents(shown).dense, np.array(right)
    name = "" if there else "stand-in "
    found: list[Figure] = []
    for lang in ("ko", "en"):
        for said, templates in (("name", ("{}",)), ("7 templates", TEMPLATES[lang])):
            scores = looks @ class_vectors(harness, lang, templates).T
            ranks = metrics.pessimistic_rank(scores, truth)
            found.append(Figure(f"{name}{lang} {said} top-5", (ranks <= 5).astype(np.float64)))
            found += labels(f"{name}{lang} {said} top-1", truth, metrics.guess(scores, truth))
    return Measured(found)


SUITES = (
    Suite(
        "imagenet_kr",
        "1,000 classes named in Korean without training",
        imagenet_kr,
    ),
)
