"""The drawn catalogue goes in (no data needed); retrieval, attributes without training, and composed retrieval come out.

Only what `catalogue/splits.json` keeps from training is measured on, and of that only what the model has met neither title nor picture
of is asked for; all of it is searched. For composed retrieval every held-out garment is drawn once
more; a query is one garment's picture with another colour's name, its answer the same garment and pattern in that colour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from hannun import catalogue, metrics
from hannun.evaluate.figure import Figure, gains, hits, labels
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites.suite import Measured, Suite
from hannun.item import Content, Image, Item

_COMPOSED = 2  # patterns of each garment that composed retrieval asks about
_BACKGROUND, _POSE = "대리석", "정면"


@cache
def _drawing() -> str:
    """A digest of the drawing code: other code, other pictures."""
    h = hashlib.blake2b(digest_size=4)
    for path in sorted(Path(str(catalogue.__file__)).parent.glob("*.py")):
        h.update(path.read_bytes())
    return h.hexdigest()


def held_out() -> list[catalogue.Entry]:
    """The test entries of the default catalogue."""
    return [e for e in catalogue.entries() if e.split == "test"]


def drawn(harness: Harness, entries: Sequence[catalogue.Entry], name: str) -> list[Item]:
    """The entries' pictures, drawn into the cache where they are not there yet."""
    folder: Path = harness.place(f"{name}-{_drawing()}")
    catalogue.write(folder, entries)
    return [Item(e.id, (Image(folder / f"{e.id}.jpg"),), dict(e.row())) for e in entries]


def figures(harness: Harness, ks: tuple[int, ...] = (1, 10), languages: tuple[str, ...] = ("ko", "en")) -> list[Figure]:
    """Title ↔ picture among the held-out entries."""
    entries = held_out()
    items = drawn(harness, entries, "catalogue")
    documents, seen = harness.documents([*items]).dense, harness.queries([*items]).dense
    found: list[Figure] = []
    for lang in languages:
        titles = [e.title if lang == "ko" else e.title_en for e in entries]
        left = harness.unseen(list(zip(titles, items, strict=True)))  # these are asked for, among all
        right = np.array(left)
        ranks = metrics.pessimistic_rank(harness.queries([titles[n] for n in left]).dense @ documents.T, right)
        found += [*hits(f"catalogue {lang} title→picture", ranks, ks), gains(f"catalogue {lang} title→picture", ranks)]
        back = metrics.pessimistic_rank(seen[left] @ harness.documents(titles).dense.T, right)
        found += [*hits(f"catalogue picture→{lang} title", back, ks), gains(f"catalogue picture→{lang} title", back)]
    return found


def composed_entries() -> tuple[list[catalogue.Entry], list[tuple[int, int]]]:
    """Held-out garments drawn on one ground, and (asked, answer) positions of the pairs that differ in colour alone."""
    groups: dict[tuple[str, str], list[catalogue.Product]] = {}
    for p in catalogue.products():
        if catalogue.held_out(p):
            groups.setdefault((p.kind, p.pattern), []).append(p)
    chosen: list[catalogue.Entry] = []
    pairs: list[tuple[int, int]] = []
    taken: dict[str, int] = {}
    for (kind, _), products in groups.items():
        if len(products) < 2 or taken.get(kind, 0) == _COMPOSED:
            continue
        taken[kind] = taken.get(kind, 0) + 1
        first = len(chosen)
        chosen += [catalogue.garment(f"composed-{p.kind}-{p.color}-{p.pattern}", p, _BACKGROUND, _POSE) for p in products]
        pairs += [(first + k, first + (k + 1) % len(products)) for k in range(len(products))]
    return chosen, pairs


def composed(harness: Harness) -> list[Figure]:
    """Picture and another colour's name → the picture in that colour; alone and with titles. The asked picture is left out (as in CIRR)."""
    entries, pairs = composed_entries()
    items = drawn(harness, entries, "composed")
    wishes = [wish(entries[b]) for _, b in pairs]
    asked, answers = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    queries = harness.queries([{"text": w, "image": items[a].images[0]} for w, (a, _) in zip(wishes, pairs, strict=True)]).dense
    shown: list[Content] = [*items]
    titled: list[Content] = [{"text": e.title, "image": it.images[0]} for e, it in zip(entries, items, strict=True)]
    found: list[Figure] = []
    for name, searched in (("picture", shown), ("title+picture", titled)):
        left = harness.unseen([(wishes[n], items[a], searched[b]) for n, (a, b) in enumerate(pairs)])
        scores = (queries[left] @ harness.documents(searched).dense.T).astype(np.float64)
        scores[np.arange(len(left)), asked[left]] = -2.0  # below any cosine
        ranks = metrics.pessimistic_rank(scores, answers[left])
        found += [*hits(f"composed picture+colour→{name}", ranks, (1, 10)), gains(f"composed picture+colour→{name}", ranks)]
    return found


def wish(entry: catalogue.Entry) -> str:
    """What is asked of a picture to become this entry."""
    adjective = catalogue.COLOURS[str(entry.facts["color"])].adjective
    return f"{adjective.removesuffix('색')}색으로"


def drawn_catalogue(harness: Harness) -> Measured:
    """Titles, composed queries, and what a garment is, its colour and pattern, named without training."""
    found = figures(harness) + composed(harness)
    garments = [e for e in held_out() if "pattern" in e.facts]
    items = drawn(harness, garments, "catalogue")
    left = harness.unseen([(it,) for it in items])  # named by their looks: their titles are not read
    garments, looks = [garments[n] for n in left], harness.documents([items[n] for n in left]).dense
    for label, fact in (("garment", "kind"), ("colour", "color"), ("pattern", "pattern")):
        classes = sorted({str(e.facts[fact]) for e in garments})
        truth = np.array([classes.index(str(e.facts[fact])) for e in garments])
        said = {c: catalogue.COLOURS[c].adjective + " 옷" if fact == "color" else c for c in classes}
        prompts = harness.queries([said[c] for c in classes]).dense
        found += labels(f"{label} ko", truth, metrics.guess(looks @ prompts.T, truth), note=f"zero-shot among {len(classes)}")
    return Measured(found)


SUITES = (Suite("catalogue", "drawn products, things and documents: no data needed", drawn_catalogue),)
