"""The data folder goes in; training pairs of the four modes, and the test sets for each, come out.

    composed   (T+I)→(T+I)   a product's picture and what should be another ("빨간 것으로") → title and picture of such a product
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hannun.item import Image, Item, Pair, Text
from hannun.recipes.mini_data import pictures, sentences
from hannun.recipes.mini_data.measure import one_per_base
from hannun.recipes.mini_data.pictures import Picture

# What is taken of each source's training part: enough to learn from, and few enough for the frozen layers to read in minutes.
PRODUCTS, PHOTOS, EMOJI, SENTENCES = 2000, 600, 600, 600
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
CHANGES = ("{} 것으로", "같은 종류로 {} 것", "이거 말고 {} 것")


@dataclass(frozen=True)
class Trial:
    """Queries and documents of one source, and which documents answer each query, as row numbers; `skip` is never shown to it."""

    name: str
    queries: tuple[Item, ...]
    documents: tuple[Item, ...]
    answers: tuple[frozenset[int], ...]
    skip: tuple[int, ...]  # the query's own row among the documents, or −1


def make(id: str, text: str = "", image: Image | None = None, **facts: str) -> Item:
    """An Item with text and/or picture."""
    return Item(id, (*((Text(text),) if text else ()), *((image,) if image is not None else ())), facts)


def kind(p: Picture) -> tuple[str, str]:
    """What a change of colour leaves as it is: the article and whom it is for."""
    return p.facts["articleType"], p.facts["gender"]


def _colour(p: Picture) -> str:
    return str(p.facts["baseColour"])


def _product(p: Picture) -> str:
    return "/".join((*kind(p), _colour(p)))


def _title(p: Picture) -> Item:
    return make(p.key, str(p.facts["productDisplayName"]), p.image, product=_product(p))


def _groups(products: Sequence[Picture], by: Callable[[Picture], object]) -> dict[object, list[int]]:
    out: dict[object, list[int]] = {}
    for n, p in enumerate(products):
        out.setdefault(by(p), []).append(n)
    return out


def worded(data: Path, split: str) -> list[Picture]:
    """Products of a split whose colour and kind have Korean words."""
    words = sentences.table("fashion_words.json")
    return [
        p
        for p in pictures.fashion(data)
        if p.split == split
        and _colour(p) in words["colours"]
        and p.facts["articleType"] in words["types"]
        and p.facts["productDisplayName"]
    ]


def changed(products: Sequence[Picture], rng: random.Random, each: int) -> list[tuple[int, str, str, list[int]]]:
    """(reference, colour, the words of the change, products of the reference's kind in that colour), `each` per reference at most."""
    colours = sentences.table("fashion_words.json")["colours"]
    groups = _groups(products, lambda p: (kind(p), _colour(p)))
    by_kind = _groups(products, kind)
    out = []
    for n, p in enumerate(products):
        others = sorted({_colour(products[m]) for m in by_kind[kind(p)]} - {_colour(p)})
        for colour in rng.sample(others, min(each, len(others))):
            words = rng.choice(CHANGES).format(rng.choice(colours[colour]["ko"]))
            out.append((n, colour, words, groups[(kind(p), colour)]))
    return out


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
    """Training pairs by source, for the named ones; those of `composed` carry hard negatives: the reference itself, and a wrong kind."""
    rng = random.Random(f"kanana {seed}")
    products = rng.sample(every := worded(data, "train"), min(PRODUCTS, len(every)))
    photos = [p for p in pictures.flickr8k(data) if p.split == "train"]
    photos = sorted(photos, key=lambda p: ("captions_ko" not in p.facts, p.key))[:PHOTOS]
    out: dict[str, list[Pair]] = {}
    if "composed" in sources:
        by_colour = _groups(products, _colour)
        out["composed"] = []
        for n, colour, words, there in changed(products, rng, 2):
            negatives = [_title(products[n]), _title(products[rng.choice(by_colour[colour])])]
            rng.shuffle(negatives)
            query = make(f"{products[n].key}+{colour}", words, products[n].image)
            out["composed"].append(Pair(query, _title(products[rng.choice(there)]), tuple(negatives)))
    if "scene" in sources:
        out["scene"] = []
        for p in photos:
            left, right = halves(p)
            first, second = rng.sample([sentences.clean(c) for c in p.facts["captions"]], 2)
            first = rng.choice(p.facts["captions_ko"]) if "captions_ko" in p.facts else first
            out["scene"].append(Pair(make(f"{p.key}/left", first, left), make(f"{p.key}/right", second, right)))
    if "product" in sources:
        out["product"] = [
            Pair(make(f"{p.key}/words", described(p, rng)), make(p.key, "", p.image, product=_product(p)), ()) for p in products
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
        for rows in _groups(products, _product).values():
            for n in rows if len(rows) > 1 else ():
                other = products[rng.choice([m for m in rows if m != n])]
                query = make(f"{products[n].key}/look", "", products[n].image)
                out["alike"].append(Pair(query, make(other.key, "", other.image, product=_product(other))))
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
    shown = tuple(_title(p) for p in products)
    looks = tuple(make(p.key, "", p.image) for p in products)
    every = changed(products, rng, 2)
    out = [
        Trial(
            "composed",
            tuple(make(f"{products[n].key}+{c}", words, products[n].image) for n, c, words, _ in every),
            shown,
            tuple(frozenset(there) for *_, there in every),
            tuple(n for n, *_ in every),
        )
    ]
    photos = [p for p in pictures.flickr8k(data) if p.split == split][:TEST_PHOTOS]
    cut = [halves(p) for p in photos]
    captions = [[sentences.clean(c) for c in p.facts["captions"]] for p in photos]
    one = tuple(frozenset([n]) for n in range(len(photos)))
    none = (-1,) * len(photos)
    left = tuple(make(f"{p.key}/left", c[0], h[0]) for p, c, h in zip(photos, captions, cut, strict=True))
    right = tuple(make(f"{p.key}/right", c[1], h[1]) for p, c, h in zip(photos, captions, cut, strict=True))
    out.append(Trial("scene", left, right, one, none))
    groups = _groups(products, _product)
    answers = tuple(frozenset(groups[_product(p)]) for p in products)
    words = tuple(make(f"{p.key}/words", described(p, rng)) for p in products)
    out.append(Trial("product", words, looks, answers, (-1,) * len(products)))
    asked = tuple(make(f"{p.key}/caption", c[2]) for p, c in zip(photos, captions, strict=True))
    out.append(Trial("photo", asked, tuple(make(p.key, "", p.image) for p in photos), one, none))
    drawn = one_per_base([p for p in pictures.emoji(data) if p.split == "test" and p.facts["name_ko"]])
    names = tuple(make(f"{p.key}/name", p.facts["name_ko"]) for p in drawn)
    if split == "test":
        single = tuple(frozenset([n]) for n in range(len(drawn)))
        out.append(Trial("emoji", names, tuple(make(p.key, "", p.image) for p in drawn), single, (-1,) * len(drawn)))
    several = [n for n, p in enumerate(products) if len(groups[_product(p)]) > 1]
    alike = tuple(frozenset(groups[_product(products[n])]) - {n} for n in several)
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
