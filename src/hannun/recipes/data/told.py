"""The data folder goes in; what may be said of its pictures, by style and language, comes out as pairs: captions, queries, product names.

Captions are people's (Flickr8k, and our Korean translations of them). Real queries come out of the logs of a shop, which no public data
has: ours are the colour and kind of a product, the names and keywords of an emoji, and the content words of a photo's caption. Product
names are the shop's own in English, and of its own columns in Korean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hannun.datasets import pictures, sentences
from hannun.datasets.pictures import Picture, one_per_base
from hannun.datasets.split import share
from hannun.index.lexical import kiwi
from hannun.item import Pair
from hannun.recipes.data.pairs import korean, worded

CAPTION, QUERY, PRODUCT = "caption", "query", "product"
STYLES = (CAPTION, QUERY, PRODUCT)
PRODUCTS, SIGNS = 2200, 1500  # training pictures of each: they know far fewer words than the photos

#: English words that no one would search by.
_EMPTY = frozenset((
    "a", "an", "the", "is", "are", "was", "were", "be", "been", "being", "am", "of", "in", "on", "at", "by", "to", "from", "with", "and",
    "or", "as", "it", "its", "his", "her", "their", "there", "this", "that", "these", "those", "while", "another", "other", "some",
    "one", "two", "three", "he", "she", "they", "them", "who", "which", "what", "into", "onto", "over", "under", "up", "down", "off",
    "out", "through", "near", "next", "behind", "front", "has", "have", "having", "wearing", "holding", "looks", "looking", "top",
    "side", "very", "background", "around", "along", "past", "toward", "towards", "across", "between", "for", "against", "doing",
    "getting", "about", "together", "something", "someone", "each", "all", "both", "several", "many", "large", "small", "big", "little",
    "young", "old",
))  # fmt: skip
_WORDS = 3  # of a query made out of a caption


def open_pictures(data: Path) -> tuple[list[Picture], list[Picture], list[Picture]]:
    """What may be trained on: photos, products, emoji."""
    photos = [p for p in pictures.flickr8k(data) if p.split == "train"]
    shop = [p for p in pictures.fashion(data, "train")][::3][:PRODUCTS]
    signs = one_per_base([p for p in pictures.emoji(data) if p.split == "train" and p.facts["name_ko"] and p.facts["name_en"]])[:SIGNS]
    return photos, shop, signs


def by_style(data: Path) -> dict[str, list[Pair]]:
    """All training pairs: (text → picture) by source, whose name is its style and language, as "query_ko"; "shown_*" are captions of
    products and emoji."""
    photos, shop, signs = open_pictures(data)
    out: dict[str, list[Pair]] = {}
    for lang in ("ko", "en"):
        asked = [(p, q) for p in photos for c in captions_of(p, lang)[:2] if (q := keywords(c, lang))]
        asked += [(p, q) for p in shop for q in searches(p, lang)] + [(p, q) for p in signs for q in named(p, lang)]
        texts = {
            CAPTION: [(p, c) for p in photos for c in captions_of(p, lang)],
            "shown": [(p, shown(p, lang)) for p in (*shop, *signs)],
            QUERY: asked,
            PRODUCT: [(p, product(p, lang)) for p in shop],
        }
        out |= {f"{name}_{lang}": pairs(rows, f"{name}_{lang}") for name, rows in texts.items()}
    return out


def style_of(source: str) -> str:
    """The style of a source of `by_style`, or of a user's whose name is one or begins with one ("query_ko", "product"); else a caption."""
    first = re.split(r"[_\-. ]", source.lower())[0]
    return first if first in STYLES else {"queries": QUERY, "products": PRODUCT, "shopping": PRODUCT}.get(first, CAPTION)


def pairs(rows: Sequence[tuple[Picture, str]], source: str) -> list[Pair]:
    """(text → picture) of each text and its picture."""
    return [Pair(worded(f"{p.key}/{source}{n}", t), p.item, (), source) for n, (p, t) in enumerate(rows) if t.strip()]


def captions_of(p: Picture, lang: str) -> list[str]:
    """A photo's captions in a language, each a sentence that ends with a full stop."""
    said = korean(p) if lang == "ko" else [sentences.clean(c) for c in p.facts["captions"]]
    return [sentence(t) for t in said if t.strip()]


def sentence(text: str) -> str:
    """A caption that begins with a capital and ends with a full stop, whoever wrote it."""
    bare = text.strip().rstrip(" .!")
    return f"{bare[:1].upper()}{bare[1:]}."


def keywords(caption: str, lang: str) -> str:
    """What someone who looks for a photo would type: the first nouns of its caption (Korean), or its first words that say something."""
    if lang == "ko":
        found = [w for w in _nouns(caption) if len(w) > 1 or w in "개말눈공물"]
    else:
        found = [w for w in re.findall(r"[a-z]+", caption.lower()) if w not in _EMPTY and len(w) > 2]
    return " ".join(list(dict.fromkeys(found))[:_WORDS])


def _nouns(text: str) -> list[str]:
    """The nouns of a Korean text, in its order."""
    return [t.form for t in kiwi.tokenize(text, ()) if t.tag in ("NNG", "NNP")]


def _words(p: Picture, lang: str, *columns: str) -> list[str]:
    """A product's own columns in words of a language: the first word of each that is known."""
    t, f = sentences.table("fashion_words.json"), p.facts
    named: Mapping[str, Any] = {
        "kind": t["types"].get(f["articleType"]), "colour": t["colours"].get(f["baseColour"]), "gender": t["genders"].get(f["gender"]),
        "season": t["seasons"].get(f["season"]), "usage": t["usages"].get(f["usage"]),
        "pattern": next((t["patterns"][k] for k in sentences.pattern_of(f["productDisplayName"])), None),
    }  # fmt: skip
    return [named[c][lang][0] for c in columns if named[c]]


def searches(p: Picture, lang: str) -> list[str]:
    """What someone who looks for a product would type."""
    return [" ".join(_words(p, lang, "colour", "kind")), " ".join(_words(p, lang, "colour", "pattern", "kind"))][: 1 + share(p.key) % 2]


def product(p: Picture, lang: str) -> str:
    """A product's name as a shop writes it: in English its own, in Korean its columns, for whom it is in brackets."""
    if lang == "en":
        return str(p.facts["productDisplayName"]).strip()
    first = _words(p, lang, "gender")
    return " ".join([*(f"[{w}]" for w in first), *_words(p, lang, "usage", "pattern", "kind"), "/", *_words(p, lang, "colour", "season")])


def named(p: Picture, lang: str) -> list[str]:
    """An emoji's name and two of its keywords."""
    keys = [k for k in p.facts[f"kw_{lang}"] if k != p.facts[f"name_{lang}"]]
    at = share(p.key)
    return [p.facts[f"name_{lang}"], *(keys[(at + n) % len(keys)] for n in range(min(2, len(keys))))]


def shown(p: Picture, lang: str) -> str:
    """A sentence about a product's photo or an emoji's drawing."""
    if p.source == "emoji":
        name = p.facts[f"name_{lang}"].split(":")[0]
        return sentence(f"{name} 그림이다" if lang == "ko" else f"A drawing of {name}")
    words = _words(p, lang, "colour", "pattern", "gender", "kind")
    return sentence(" ".join(words) + " 상품 사진이다" if lang == "ko" else "A product photo of " + " ".join(words))


def morphemes(text: str) -> list[str]:
    """The morphemes of a Korean text without its punctuation."""
    return [t.form for t in kiwi.tokenize(text, ()) if not t.tag.startswith("S")]
