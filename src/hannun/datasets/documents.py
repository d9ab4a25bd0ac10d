"""The data folder goes in; documents of several real pictures come out, each with a query, every picture graded 1 … 5 by construction.

5 is the photo that the query (one of its captions) tells of; 4 a degraded copy of it (small, blurred, dark); 3 a photo whose captions
share two words or more with the query; 2 a photo whose captions share none; 1 a scanned receipt or a photo with a watermark. Three
documents of ten have no picture of grade 4 or 5: there the right thumbnail is none, or one of grade 3. Half of the pictures have a
caption of their own as the words by them (another than the query), the others a camera's file name, as documents have it.
"""

from __future__ import annotations

import io
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import PIL.Image
import PIL.ImageEnhance
import PIL.ImageFilter

from hannun.datasets.pictures import Picture, flickr8k, shards
from hannun.datasets.split import share
from hannun.item import Image

WITHOUT = 0.3  # of the documents have no picture of grade 4 or 5
CAPTIONED = 0.5  # of the pictures have words by them
_STOP = frozenset(
    {
        "a",
        "an",
        "the",
        "and",
        "or",
        "of",
        "in",
        "on",
        "at",
        "to",
        "with",
        "is",
        "are",
        "be",
        "its",
        "it",
        "his",
        "her",
        "their",
        "they",
        "he",
        "she",
        "while",
        "as",
        "by",
        "for",
        "from",
        "into",
        "through",
        "over",
        "up",
        "out",
        "off",
        "near",
        "next",
        "two",
        "three",
        "one",
        "some",
        "other",
        "another",
        "who",
        "that",
        "this",
        "there",
        "has",
        "have",
        "down",
        "front",
        "behind",
        "wearing",
        "standing",
        "looking",
    }
)
GOOD = 4  # from this grade on a thumbnail is right; below 3 it harms


@dataclass(frozen=True)
class Graded:
    """A picture of a document: what it is, how good a thumbnail it would be, and the words by it."""

    key: str
    image: Image
    grade: int
    words: str


@dataclass(frozen=True)
class Document:
    """A query and the pictures of one document, in its order."""

    query: str
    pictures: tuple[Graded, ...]


def documents(data: Path, split: str, seed: int = 0) -> list[Document]:
    """A document for each photo of a half of Flickr8k's test photos ("choose": to choose by, "test": to measure on), or of "ko".

    mini has trained on the train and the dev photos, which therefore choose nothing. "ko" are the photos with held-out Korean captions,
    among photos of "test". Receipts and watermarks are parted too.
    """
    photos = [p for p in flickr8k(data) if p.split in ("test", "ko")]
    mine = [p for p in photos if p.split == "test" and (share(f"documents {p.key}") < 50) == (split == "choose")]
    low = [*shards(data, "receipts"), *(p for p in shards(data, "watermark") if p.facts.get("watermark"))]
    low = [p for n, p in enumerate(low) if (n % 2 == 0) == (split == "choose")]
    if split == "ko":
        return assembled([p for p in photos if p.split == "ko"], mine, low, seed, "captions_ko")
    return assembled(mine, mine, low, seed, "captions")


def assembled(photos: Sequence[Picture], others: Sequence[Picture], low: Sequence[Picture], seed: int, captions: str) -> list[Document]:
    """Documents for `photos`, filled up with `others` and with what is of grade 1; the same seed gives the same ones."""
    told = [frozenset().union(*(content(c) for c in p.facts["captions"])) for p in others]
    found = []
    for photo in photos:
        rng = random.Random(f"{seed}/{photo.key}")
        query = str(photo.facts[captions][0])
        asked = content(str(photo.facts["captions"][0] if captions == "captions" else photo.facts["captions_ko_en"][0]))
        own = rng.random() >= WITHOUT
        near = [n for n, words in enumerate(told) if len(words & asked) >= 2 and others[n].key != photo.key]
        far = [n for n, words in enumerate(told) if not words & asked]
        chosen = [(others[n], 3) for n in rng.sample(near, min(len(near), rng.randint(1, 2)))]
        chosen += [(others[n], 2) for n in rng.sample(far, min(len(far), rng.randint(2, 3)))]
        chosen += [(p, 1) for p in rng.sample(list(low), min(len(low), rng.randint(1, 2)))]
        if own:
            chosen.append((photo, 5))
            if rng.random() < 0.5:
                chosen.append((photo, 4))
        rng.shuffle(chosen)
        found.append(Document(query, tuple(_graded(p, grade, query, rng) for p, grade in chosen)))
    return found


def content(text: str) -> frozenset[str]:
    """The words of an English caption that say what is there."""
    return frozenset(w.removesuffix("s") for w in re.findall(r"[a-z]{3,}", text.lower()) if w not in _STOP)


def degraded(image: Image, seed: str) -> Image:
    """The picture as a bad copy: a third of its side, blurred, darker, and a JPEG of low quality."""
    rng = random.Random(seed)
    picture = image.load()
    small = picture.resize((max(32, picture.width // 3), max(32, picture.height // 3)), PIL.Image.Resampling.BILINEAR)
    soft = small.filter(PIL.ImageFilter.GaussianBlur(rng.uniform(0.6, 1.4))).resize(picture.size, PIL.Image.Resampling.BILINEAR)
    out = io.BytesIO()
    PIL.ImageEnhance.Brightness(soft).enhance(rng.uniform(0.55, 0.8)).save(out, "JPEG", quality=rng.randint(12, 30))
    return Image(out.getvalue())


def _graded(photo: Picture, grade: int, query: str, rng: random.Random) -> Graded:
    captions = [c for c in photo.facts.get("captions", ()) if c != query]
    words = rng.choice(captions) if captions and rng.random() < CAPTIONED else f"IMG_{rng.randrange(10_000):04}"
    image = degraded(photo.image, photo.key) if grade == 4 else photo.image
    return Graded(f"{photo.key}{'#copy' if grade == 4 else ''}", image, grade, words)
