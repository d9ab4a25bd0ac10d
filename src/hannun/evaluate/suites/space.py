"""Matched photos and captions (or the drawn catalogue) go in; the space's shape and the Matryoshka curve come out as suites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from hannun import catalogue
from hannun.embeddings import Floats
from hannun.evaluate import geometry, matryoshka
from hannun.evaluate.figure import Figure, value
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites import drawn, held_out
from hannun.evaluate.suites.suite import Measured, Suite
from hannun.item import Content, Item

KEPT = (0.9, 0.95, 0.99)  # shares of the best quality
_SHOWN = 150  # points of every kind on a map
_LOWER = {"gap", "alignment", "uniformity", "text_text", "image_image", "unmatched"}
_TITLES = {
    "matched": "matched text–picture cosine",
    "unmatched": "unmatched text–picture cosine",
    "text_text": "text–text cosine (cone)",
    "image_image": "picture–picture cosine (cone)",
    "gap": "modality gap (distance of means)",
    "spread": "spread of random cosines",
    "effective_rank": "effective rank",
    "alignment": "alignment",
    "uniformity": "uniformity",
}


def _matched(harness: Harness) -> tuple[str, list[str], list[str], list[Content]]:
    """A name, English texts, Korean texts, and the picture of both, row by row."""
    if (harness.data / "flickr8k").is_dir():
        held = held_out.flickr8k_korean(harness)
        korean, english = [p.facts["captions_ko"][0] for p in held], [p.facts["captions_ko_en"][0] for p in held]
        return "Flickr8k held-out", english, korean, [p.item for p in held]
    harness.notes.append("Flickr8k is not there: measured on the drawn catalogue")
    entries, items = _catalogue(harness)
    return "drawn catalogue", [e.title_en for e in entries], [e.title for e in entries], [*items]


def _catalogue(harness: Harness) -> tuple[list[catalogue.Entry], list[Item]]:
    """The held-out entries that the model has met neither title nor picture of, and their pictures."""
    entries = drawn.held_out()
    items = drawn.drawn(harness, entries, "catalogue")
    left = harness.unseen([(e.title, e.title_en, it) for e, it in zip(entries, items, strict=True)])
    return [entries[n] for n in left], [items[n] for n in left]


def space(harness: Harness) -> Measured:
    """The shape as it is and after each kind's mean is taken away, by language, with maps."""
    where, english, korean, shown = _matched(harness)
    looks = harness.documents(shown).dense
    said = {"ko": harness.queries([*korean]).dense, "en": harness.queries([*english]).dense}
    # The means come from halves: the first half's correct the second, and the other way round, so that no row corrects itself.
    half = np.arange(len(looks)) % 2 == 0
    figures: list[Figure] = []
    fixed: dict[str, Floats] = {}
    for lang, texts in said.items():
        fixed[lang], fixed["picture"] = np.empty_like(texts), np.empty_like(looks)
        for side in (half, ~half):
            means = (texts[~side].mean(axis=0), looks[~side].mean(axis=0))
            fixed[lang][side], fixed["picture"][side] = geometry.centred(texts[side], looks[side], means)
        for state, (t, i) in {"": (texts, looks), ", centred": (fixed[lang], fixed["picture"])}.items():
            for key, number in asdict(geometry.shape(t, i, harness.seed)).items():
                figures.append(value(f"{lang} {_TITLES[key]}{state}", number, note=where, lower=key in _LOWER))
            figures.append(Figure(f"{lang} text→picture R@10{state}", geometry.recall(t, i), note=where))
    few = slice(0, _SHOWN)
    kinds = [k for k in ("Korean text", "English text", "picture") for _ in looks[few]]
    extra: dict[str, Any] = {}
    for state, rows in (("as it is", (said["ko"], said["en"], looks)), ("centred", (fixed["ko"], fixed["en"], fixed["picture"]))):
        extra[f"maps, {state}"] = geometry.maps(np.concatenate([r[few] for r in rows]), kinds, harness.seed, harness.notes)
    harness.notes[:] = list(dict.fromkeys(harness.notes))
    return Measured(figures, extra)


def curve(harness: Harness) -> Measured:
    """Text → picture nDCG@10 for every dim the encoder declares × fp32, int8, binary; the knee is where more bytes stop paying."""
    dims: Sequence[int] = [d for d in harness.encoder.dims if harness.dim is None or d <= harness.dim]
    if (harness.data / "flickr8k").is_dir():
        test = held_out.flickr8k(harness)
        where, texts, shown = "Flickr8k test, first captions", [p.facts["captions"][0] for p in test], [p.item for p in test]
    else:
        harness.notes.append("Flickr8k is not there: measured on the drawn catalogue")
        entries, items = _catalogue(harness)
        where, texts, shown = "drawn catalogue", [e.title for e in entries], [*items]
    queries, documents = harness.queries([*texts]), harness.documents(shown)
    points = matryoshka.curve(queries, documents, np.arange(len(texts)), dims)
    best = matryoshka.knee(points)
    for share in KEPT:
        p = matryoshka.least(points, share)
        harness.notes.append(f"the least that keeps {share:.0%} of the best: {p.dim} {p.format}, {p.bytes} bytes, nDCG@10 {p.quality:.3f}")
    figures = [
        Figure(f"{p.dim} {p.format} nDCG@10", p.outcomes, note=f"{p.bytes} bytes{', the knee' if p is best else ''}") for p in points
    ]
    rows = [
        {"dim": p.dim, "format": p.format, "quality": p.quality, "bytes": p.bytes, "milliseconds": p.milliseconds, "knee": p is best}
        for p in points
    ]
    return Measured(figures, {"curve": rows, "where": f"{where}, {len(documents)} documents"})


SUITES = (
    Suite("geometry", "the shape of the space: modality gap, cone, alignment, uniformity, maps", space),
    Suite("matryoshka", "quality, bytes and time of every dim × fp32, int8, binary", curve),
)
