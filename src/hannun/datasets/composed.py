"""Products with facts go in; what may be asked of each to become another ("빨간 것으로", "같은 색 바지"), and what answers, come out.

Composed retrieval over real photographs: a picture and words for what should be another, answered by products that differ in that alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hannun.datasets import pictures, sentences
from hannun.datasets.pictures import Picture
from hannun.item import Image, Item, Text

#: What a change may be of, and how it is said; {} is the word for the new value. Where none is named, any other will do.
CHANGES: Mapping[str, tuple[str, ...]] = {
    "colour": ("{} 것으로", "같은 종류로 {} 것", "이거 말고 {} 것"),
    "kind": ("같은 색 {}", "이 색으로 {}", "이거랑 색이 같은 {}"),
    "people": ("{} 것으로", "같은 걸로 {} 것", "이거 말고 {} 것"),
    "any colour": ("다른 색으로", "색만 다른 것", "이거 말고 다른 색"),
    "any kind": ("같은 색의 다른 종류", "이 색으로 다른 것", "색은 그대로, 종류만 다른 것"),
}
ABOUT = {"colour": "baseColour", "kind": "articleType", "people": "gender"}
OPEN = ("any colour", "any kind")  # they have so many answers that a batch holds several: as facts, they say which
EACH = 3  # changes of each product


def make(id: str, text: str = "", image: Image | None = None, **facts: str) -> Item:
    """An Item with text and/or picture."""
    return Item(id, (*((Text(text),) if text else ()), *((image,) if image is not None else ())), facts)


def kind(p: Picture) -> tuple[str, str]:
    """What a change of colour leaves as it is: the article and whom it is for."""
    return p.facts["articleType"], p.facts["gender"]


def _colour(p: Picture) -> str:
    return str(p.facts["baseColour"])


def product(p: Picture) -> str:
    """What two pictures share that show the same product to a buyer: article, people, colour."""
    return "/".join((*kind(p), _colour(p)))


def title(p: Picture) -> Item:
    """A product as a shop shows it: title and picture."""
    return make(p.key, str(p.facts["productDisplayName"]), p.image, product=product(p))


def groups(products: Sequence[Picture], by: Callable[[Picture], object]) -> dict[object, list[int]]:
    """The products' numbers by what `by` says of them."""
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


@dataclass(frozen=True)
class Change:
    """What is asked of products[reference]: `what` is of CHANGES; products that answer, and those that only look as if they did."""

    reference: int
    what: str
    words: str
    answers: tuple[int, ...]
    near: tuple[int, ...]


def changed(products: Sequence[Picture], rng: random.Random, each: int = EACH) -> list[Change]:
    """`each` changes of each product at most, of different sorts, that some of the products answer.

    Every change keeps the facts that it does not speak of. Near are the product itself and its equals, and products that have the
    named value and differ in what should stay.
    """
    table = sentences.table("fashion_words.json")
    words = {"colour": table["colours"], "kind": table["types"], "people": table["genders"]}
    where = {what: groups(products, lambda p, f=fact: p.facts[f]) for what, fact in ABOUT.items()}  # type: ignore[misc]
    rest = {what: groups(products, lambda p, w=what: without(p, w)) for what in ABOUT}  # type: ignore[misc]
    equal = groups(products, product)
    out = []
    for n, p in enumerate(products):
        made = []
        for what in CHANGES:
            about = what.removeprefix("any ")
            fact = ABOUT[about]
            others = [m for m in rest[about][without(p, about)] if products[m].facts[fact] != p.facts[fact]]
            near = equal[product(p)]
            if what == about:
                values = sorted({products[m].facts[fact] for m in others} & set(words[about]))
                if not values:
                    continue
                value = rng.choice(values)
                others = [m for m in others if products[m].facts[fact] == value]
                there = where[about][value]
                near = near + sorted(set(rng.sample(there, min(len(near), len(there)))) - set(others))
                said = rng.choice(words[about][value]["ko"])
            if others:
                form = rng.choice(CHANGES[what])
                made.append(Change(n, what, form.format(said) if what == about else form, tuple(others), tuple(near)))
        out += rng.sample(made, min(each, len(made)))
    return out


def without(p: Picture, what: str) -> str:
    """What a change leaves as it is."""
    return "/".join(str(p.facts[f]) for f in ABOUT.values() if f != ABOUT[what.removeprefix("any ")])


def asked(products: Sequence[Picture], change: Change) -> Item:
    """A change as a query: the reference's picture and the words."""
    p = products[change.reference]
    right = {change.what: without(p, change.what)} if change.what in OPEN else {}
    return make(f"{p.key}+{change.what}", change.words, p.image, change=change.what, **right)
