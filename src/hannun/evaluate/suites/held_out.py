"""A Harness goes in; the pictures that may be measured on come out, the files they are read from noted for the report."""

from __future__ import annotations

from hannun.datasets import pictures
from hannun.datasets.pictures import Picture
from hannun.evaluate.harness import Harness


def unseen(harness: Harness, found: list[Picture]) -> list[Picture]:
    """The pictures that the model was not trained on: what is said of one may be said of others too."""
    return [found[n] for n in harness.unseen([(p.item,) for p in found])]


def flickr8k(harness: Harness) -> list[Picture]:
    """The official test photos, with five English `captions` each."""
    harness.files("flickr8k/test-*.tar")
    return unseen(harness, pictures.flickr8k_test(harness.data))


def flickr8k_korean(harness: Harness) -> list[Picture]:
    """The photos of the held-out list, with `captions_ko` and the English sentences they were translated from, `captions_ko_en`."""
    harness.file("flickr8k/captions_ko.jsonl")
    for split in ("dev", "train"):  # the list names none of the test photos
        harness.files(f"flickr8k/{split}-*.tar")
    return unseen(harness, [p for p in pictures.flickr8k(harness.data) if p.split == "ko" and "captions_ko" in p.facts])


def fashion(harness: Harness) -> list[Picture]:
    """The test products: `articleType`, `subCategory`, `masterCategory`, `baseColour`, `productDisplayName`."""
    harness.files("fashion/test-*.tar")
    return unseen(harness, pictures.fashion(harness.data, "test"))


def emoji(harness: Harness) -> list[Picture]:
    """The held-out emoji without skin tones and genders (the shortest of each base): `name_ko`, `name_en`, `char`."""
    harness.files("emoji/*.tar")
    return unseen(harness, pictures.one_per_base([p for p in pictures.emoji(harness.data) if p.split == "test"]))


def receipts(harness: Harness) -> list[Picture]:
    """Scanned receipts: `company`, `date`, `total`."""
    harness.files("receipts/*.tar")
    return unseen(harness, list(pictures.shards(harness.data, "receipts")))
