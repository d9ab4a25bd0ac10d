"""The data folder goes in; training pairs of the four modes, and the test sets for each, come out.

    composed   (T+I)→(T+I)   a product's picture and what should be another ("빨간 것으로", "같은 색 바지", "여성 것으로", "다른 색으로",
                             "같은 색의 다른 종류") → title and picture of such a product
    scene      (T+I)→(T+I)   the left half of a photo with a caption → the right half with another person's caption
    product    T→I           a product described in Korean → its picture
    photo      T→I           a caption, Korean where there is one → the photo
    emoji      T→I           a Korean name → the emoji
    alike      I→I           a product's picture → another of the same kind, for the same people, in the same colour
    sentence   T→T           a Korean sentence → one that means the same, Korean or English

Only training splits are trained on (fashion and KorSTS train, Flickr8k train without the held-out Korean pictures, emoji by base);
tests are on fashion, Flickr8k and KorSTS test and the held-out emoji. `dev` gives the same tests on development splits.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hannun.datasets import pictures, sentences
from hannun.datasets.composed import OPEN, asked, changed, groups, make, product, title, without, worded
from hannun.datasets.pictures import Picture, one_per_base
from hannun.item import Image, Item, Pair

# What is taken of each source's training part: enough to learn from, and few enough for the frozen layers to read in minutes.
PRODUCTS, PHOTOS, EMOJI, SENTENCES = 3000, 1000, 600, 600
TEST_PHOTOS = 200  # of Flickr8k's test photos, the first ones: a gallery of 200

#: What the queries of a source ask for. The wording is ours, after the source's "find an image matching this caption".
INSTRUCTIONS = {
    "composed": "사진의 상품을 글대로 바꾼 상품 찾기:",
    "scene": "같은 장면의 다른 부분 찾기:",
    "product": "글에 맞는 사진 찾기:",
    "photo": "글에 맞는 사진 찾기:",
    "emoji": "글에 맞는 사진 찾기:",
    "alike": "같은 종류의 사진 찾기:",
    "sentence": "같은 뜻의 문장 찾기:",
}
MODES = {
    "composed": "(T+I)→(T+I)",
    "scene": "(T+I)→(T+I)",
    "product": "T→I",
    "photo": "T→I",
    "emoji": "T→I",
    "alike": "I→I",
    "sentence": "T→T",
}
NEAR = 2  # hard negatives of each change


@dataclass(frozen=True)
class Trial:
    """Queries and documents of one source, and which documents answer each query, as row numbers; `skip` is never shown to it."""

    name: str
    queries: tuple[Item, ...]
    documents: tuple[Item, ...]
    answers: tuple[frozenset[int], ...]
    skip: tuple[int, ...]  # the query's own row among the documents, or −1


def _answer(p: Picture) -> Item:
    return replace(shown := title(p), facts={**shown.facts, **{what: without(p, what) for what in OPEN}})


def described(p: Picture, rng: random.Random) -> str:
    """A product in Korean words: colour, whom it is for, what it is."""
    words = sentences.table("fashion_words.json")
    return " ".join(
        rng.choice(words[part][p.facts[fact]]["ko"])
        for part, fact in (("colours", "baseColour"), ("genders", "gender"), ("types", "articleType"))
        if p.facts[fact] in words[part]
    )


def halves(p: Picture) -> tuple[Image, Image]:
    """The left and the right half of a photo, as JPEG."""
    picture = p.image.load()
    middle = picture.width // 2
    out = []
    for box in ((0, 0, middle, picture.height), (middle, 0, picture.width, picture.height)):
        stream = io.BytesIO()
        picture.crop(box).save(stream, "JPEG", quality=90)
        out.append(Image(stream.getvalue()))
    return out[0], out[1]


def train(data: Path, sources: Mapping[str, float], seed: int = 0) -> dict[str, list[Pair]]:
    """Training pairs by source, for the named ones; those of `composed` carry hard negatives."""
    rng = random.Random(f"kanana {seed}")
    products = rng.sample(every := worded(data, "train"), min(PRODUCTS, len(every)))
    photos = [p for p in pictures.flickr8k(data) if p.split == "train"]
    photos = sorted(photos, key=lambda p: ("captions_ko" not in p.facts, p.key))[:PHOTOS]
    out: dict[str, list[Pair]] = {}
    if "composed" in sources:
        titles = [title(p) for p in products]
        out["composed"] = []
        for c in changed(products, rng):
            near = tuple(titles[m] for m in rng.sample(c.near, min(NEAR, len(c.near))))
            out["composed"].append(Pair(asked(products, c), _answer(products[rng.choice(c.answers)]), near))
    if "scene" in sources:
        out["scene"] = []
        for p in photos:
            left, right = halves(p)
            first, second = rng.sample([sentences.clean(c) for c in p.facts["captions"]], 2)
            first = rng.choice(p.facts["captions_ko"]) if "captions_ko" in p.facts else first
            out["scene"].append(Pair(make(f"{p.key}/left", first, left), make(f"{p.key}/right", second, right)))
    if "product" in sources:
        out["product"] = [
            Pair(make(f"{p.key}/words", described(p, rng)), make(p.key, "", p.image, product=product(p)), ()) for p in products
        ]
    if "photo" in sources:
        out["photo"] = [
            Pair(
                make(f"{p.key}/caption", rng.choice(p.facts.get("captions_ko") or [sentences.clean(c) for c in p.facts["captions"]])),
                make(p.key, "", p.image),
            )
            for p in photos
        ]
    if "emoji" in sources:
        named = [p for p in pictures.emoji(data) if p.split == "train" and p.facts["name_ko"]]
        named = rng.sample(named, min(EMOJI, len(named)))
        out["emoji"] = [
            Pair(make(f"{p.key}/name", p.facts["name_ko"]), make(p.key, "", p.image, product=pictures.emoji_base(p.facts["char"])))
            for p in named
        ]
    if "alike" in sources:
        out["alike"] = []
        for rows in groups(products, product).values():
            for n in rows if len(rows) > 1 else ():
                other = products[rng.choice([m for m in rows if m != n])]
                query = make(f"{products[n].key}/look", "", products[n].image)
                out["alike"].append(Pair(query, make(other.key, "", other.image, product=product(other))))
    if "sentence" in sources:
        told = [r for r in _korsts(data) if r["split"] == "train"]
        same = [(r["ko"][0], r["ko"][1]) for r in told if float(r["score"]) >= 4 and r["ko"][0] != r["ko"][1]]
        same = rng.sample(same, min(SENTENCES // 2, len(same)))
        across = rng.sample([(r["ko"][0], r["en"][0]) for r in told], SENTENCES // 2)
        out["sentence"] = [Pair(make(f"korsts/{n}", a), make(f"korsts/{n}/same", b)) for n, (a, b) in enumerate([*same, *across])]
    return {k: [Pair(p.query, p.positive, p.negatives, k) for p in out[k]] for k in sources if k in out}


def _korsts(data: Path) -> list[dict[str, Any]]:  # rows have: split, score, ko [2], en [2]
    return [json.loads(line) for line in (data / "texts/korsts_stsb.jsonl").read_text(encoding="utf-8").splitlines()]


def tests(data: Path, split: str = "test") -> list[Trial]:
    """One test for each source, on "test" or "dev"."""
    rng = random.Random(f"kanana {split}")
    products = worded(data, split)
    shown = tuple(title(p) for p in products)
    looks = tuple(make(p.key, "", p.image) for p in products)
    every = changed(products, rng)
    queries = tuple(asked(products, c) for c in every)
    answered = tuple(frozenset(c.answers) for c in every)
    out = [Trial("composed", queries, shown, answered, tuple(c.reference for c in every))]
    photos = [p for p in pictures.flickr8k(data) if p.split == split][:TEST_PHOTOS]
    cut = [halves(p) for p in photos]
    captions = [[sentences.clean(c) for c in p.facts["captions"]] for p in photos]
    one = tuple(frozenset([n]) for n in range(len(photos)))
    none = (-1,) * len(photos)
    left = tuple(make(f"{p.key}/left", c[0], h[0]) for p, c, h in zip(photos, captions, cut, strict=True))
    right = tuple(make(f"{p.key}/right", c[1], h[1]) for p, c, h in zip(photos, captions, cut, strict=True))
    out.append(Trial("scene", left, right, one, none))
    equal = groups(products, product)
    answers = tuple(frozenset(equal[product(p)]) for p in products)
    words = tuple(make(f"{p.key}/words", described(p, rng)) for p in products)
    out.append(Trial("product", words, looks, answers, (-1,) * len(products)))
    told = tuple(make(f"{p.key}/caption", c[2]) for p, c in zip(photos, captions, strict=True))
    out.append(Trial("photo", told, tuple(make(p.key, "", p.image) for p in photos), one, none))
    drawn = one_per_base([p for p in pictures.emoji(data) if p.split == "test" and p.facts["name_ko"]])
    names = tuple(make(f"{p.key}/name", p.facts["name_ko"]) for p in drawn)
    if split == "test":
        single = tuple(frozenset([n]) for n in range(len(drawn)))
        out.append(Trial("emoji", names, tuple(make(p.key, "", p.image) for p in drawn), single, (-1,) * len(drawn)))
    several = [n for n, p in enumerate(products) if len(equal[product(p)]) > 1]
    alike = tuple(frozenset(equal[product(products[n])]) - {n} for n in several)
    out.append(Trial("alike", tuple(looks[n] for n in several), looks, alike, tuple(several)))
    pairs = [r["ko"] for r in _korsts(data) if r["split"] == split and float(r["score"]) >= 4]
    both: list[tuple[str, str]] = [(a, b) for a, b in pairs if a != b]
    place = {b: n for n, b in reversed(list(enumerate(b for _, b in both)))}
    means = tuple(frozenset([n, place[b]]) for n, (_, b) in enumerate(both))
    first = tuple(make(f"korsts/{split}/{n}", a) for n, (a, _) in enumerate(both))
    second = tuple(make(f"korsts/{split}/{n}/same", b) for n, (_, b) in enumerate(both))
    out.append(Trial("sentence", first, second, means, (-1,) * len(both)))
    return out


Outcomes = npt.NDArray[np.float64]


def outcomes(test: Trial, queries: npt.NDArray[np.float32], documents: npt.NDArray[np.float32], k: int = 10) -> tuple[Outcomes, Outcomes]:
    """(recall: an answer among the first k; nDCG at k), a number for each query, from unit rows [q, d] and [n, d]."""
    scores = queries @ documents.T
    for n, row in enumerate(test.skip):
        if row >= 0:
            scores[n, row] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    hits = np.array([[d in test.answers[n] for d in row] for n, row in enumerate(best)], dtype=np.float64)
    gain = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.array([gain[: min(k, len(a))].sum() for a in test.answers])
    return hits.max(axis=1), (hits * gain).sum(axis=1) / ideal
