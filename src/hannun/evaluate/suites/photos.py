"""Photos and emoji go in; text → picture and picture → text retrieval in English and Korean comes out."""

from __future__ import annotations

import numpy as np

from hannun import metrics
from hannun.datasets.pictures import Picture
from hannun.embeddings import Floats
from hannun.evaluate.figure import Figure, hits
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites import held_out
from hannun.evaluate.suites.suite import Measured, Suite
from hannun.metrics import Ints

GALLERY = 1000  # photos that the Korean captions are searched among


def captions_of(found: list[Picture], fact: str) -> tuple[list[str], Ints]:
    """All captions of the pictures, and the picture of each."""
    pairs = [(c, i) for i, p in enumerate(found) for c in p.facts[fact]]
    return [c for c, _ in pairs], np.array([i for _, i in pairs], np.int64)


def korean_gallery(harness: Harness) -> tuple[list[Picture], Floats]:
    """The photos with held-out Korean captions, and the vectors of the gallery of 1,000 that they are searched in, they first."""
    held = held_out.flickr8k_korean(harness)
    rest = harness.documents([p.item for p in held_out.flickr8k(harness)]).dense
    return held, np.concatenate([harness.documents([p.item for p in held]).dense, rest])[:GALLERY]


def flickr8k(harness: Harness) -> Measured:
    """Flickr8k (Hodosh et al. 2013): the official 1,000 test photos in English, 200 photos with Korean captions among 1,000.

    Protocols: "each" caption a query, "first" caption only, "mean" of a picture's captions; image → text by "any" of its captions
    or by the "first" alone. Intervals draw pictures, with all their captions.
    """
    test = held_out.flickr8k(harness)
    gallery = harness.documents([p.item for p in test]).dense
    captions, owner = captions_of(test, "captions")
    scores = (harness.queries(captions).dense @ gallery.T).astype(np.float64)
    figures = hits("en text→image", metrics.text_to_image(scores, owner, "each"), groups=owner, note="each of 5 captions a query")
    figures += hits("en text→image (first caption)", metrics.text_to_image(scores, owner, "first"), (1, 10))
    figures += hits("en text→image (mean of 5)", metrics.text_to_image(scores, owner, "mean"), (1, 10))
    said = harness.documents(captions).dense
    seen = harness.queries([p.item for p in test]).dense
    back = (said @ seen.T).astype(np.float64)
    figures += hits("en image→text", metrics.image_to_text(back, owner, "any"), note="the best of a photo's own captions among all")
    figures += hits("en image→text (first caption)", metrics.image_to_text(back, owner, "first"), (1, 10))
    held, both = korean_gallery(harness)
    for lang, fact in (("ko", "captions_ko"), ("en of the same", "captions_ko_en")):
        captions, owner = captions_of(held, fact)
        ranks = metrics.pessimistic_rank(harness.queries(captions).dense @ both.T, owner)
        figures += hits(f"{lang} text→image", ranks, groups=owner, note="200 held-out photos among 1,000")
    captions, owner = captions_of(held, "captions_ko")
    back = (harness.documents(captions).dense @ harness.queries([p.item for p in held]).dense.T).astype(np.float64)
    figures += hits("ko image→text", metrics.image_to_text(back, owner), note=f"among the {len(captions)} held-out Korean captions")
    return Measured(figures)


def emoji(harness: Harness) -> Measured:
    """Noto's pictures of the held-out base emoji by their Unicode names, both ways, in Korean and English."""
    found = held_out.emoji(harness)
    if not found:
        return Measured([])
    documents = harness.documents([p.item for p in found]).dense
    seen = harness.queries([p.item for p in found]).dense
    figures: list[Figure] = []
    right = np.arange(len(found))
    for lang in ("ko", "en"):
        names = [str(p.facts[f"name_{lang}"]) for p in found]
        figures += hits(f"{lang} name→emoji", metrics.pessimistic_rank(harness.queries(names).dense @ documents.T, right))
        figures += hits(f"emoji→{lang} name", metrics.pessimistic_rank(seen @ harness.documents(names).dense.T, right), (1, 10))
    return Measured(figures)


_FLICKR = "Flickr8k (Hodosh et al. 2013, for research) with the Korean sentences of KorSTS"

SUITES = (
    Suite("flickr8k", "photos ↔ captions, English and Korean", flickr8k, ("flickr8k/captions_ko.jsonl",), _FLICKR),
    Suite("emoji", "emoji ↔ their Korean and English names", emoji, ("emoji",), "Noto Emoji (OFL) with Unicode CLDR names"),
)
