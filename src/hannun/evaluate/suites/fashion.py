"""Product photos with categories and colours go in; category search by words, pictures and both, and zero-shot labels come out.

The protocol is the one jina-clip-v1's authors used on Fashion200k (Koukounas et al. 2024; Han et al. 2017): a category's name is the
query, the products are indexed by their description, by their picture, or by the two together, and P@k says how many of the first
k are of that category, for broad and for fine ones. Afterwards the first 50 are shuffled by looks (k-means, k = 5).
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hannun import metrics
from hannun.datasets.pictures import Picture
from hannun.embeddings import Floats
from hannun.evaluate.figure import Figure, labels, value
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites import held_out
from hannun.evaluate.suites.suite import Measured, Suite
from hannun.metrics import Array
from hannun.search.diversify import DEPTH, shuffle

KS = (10, 20, 50, 100)
CLUSTERS = 5
LEAST = 10  # products that a category must have in the test set to be asked for
TYPES, COLOURS = 20, 12  # the most frequent ones, for zero-shot labels


@cache
def names(kind: str) -> dict[str, tuple[str, str]]:
    """The Korean and the English name of every value of a fact."""
    lines = Path(__file__).with_name("fashion_names.tsv").read_text("utf-8").splitlines()[1:]
    rows = (line.split("\t") for line in lines)
    return {name: (ko, en) for k, name, ko, en in rows if k == kind}


def frequent(found: list[Picture], fact: str, least: int, most: int | None = None) -> list[str]:
    """The values of a fact that have names and occur at least so often, most frequent first."""
    counts = Counter(str(p.facts[fact]) for p in found)
    ordered = sorted((v for v, n in counts.items() if n >= least and v in names(fact)), key=lambda v: (-counts[v], v))
    return ordered[:most]


def fashion(harness: Harness) -> Measured:
    """Categories asked for by name, then the 20 most frequent types and the 12 most frequent colours named without training."""
    found = held_out.fashion(harness)
    if not found:
        return Measured([])
    described = [str(p.facts["productDisplayName"]) for p in found]
    indexes = {
        "description": harness.documents([*described]).dense,
        "picture": harness.documents([p.item for p in found]).dense,
        "average": harness.documents([p.with_text(d) for p, d in zip(found, described, strict=True)]).dense,
    }
    figures: list[Figure] = []
    for grain, fact in (("broad", "subCategory"), ("fine", "articleType")):
        asked = frequent(found, fact, LEAST)
        right = np.array([[p.facts[fact] == a for p in found] for a in asked], np.float64)
        for lang, side in (("ko", 0), ("en", 1)):
            queries = harness.queries([names(fact)[a][side] for a in asked]).dense
            for index, documents in indexes.items():
                ranked = metrics.by_rank(queries @ documents.T, right)
                ks = KS if lang == "ko" else (10,)
                note = f"{len(asked)} categories with at least {LEAST} of {len(found)} products"
                figures += [Figure(f"{grain} {lang} by {index} P@{k}", metrics.precision(ranked, k), note=note) for k in ks]
            if lang == "ko":
                figures += _shuffled(f"{grain} {lang}", queries, indexes["average"], indexes["picture"], right, harness.seed)
    for label, fact, count in (("type", "articleType", TYPES), ("colour", "baseColour", COLOURS)):
        common = frequent(found, fact, 1, count)
        rows = [i for i, p in enumerate(found) if p.facts[fact] in common]
        truth = np.array([common.index(found[i].facts[fact]) for i in rows])
        for lang, side in (("ko", 0), ("en", 1)):
            worn = "" if fact == "articleType" else (" 옷", " clothes")[side]
            prompts = harness.queries([names(fact)[c][side] + worn for c in common]).dense
            guess = metrics.guess(indexes["picture"][rows] @ prompts.T, truth)
            figures += labels(f"{label} {lang}", truth, guess, note=f"zero-shot among {len(common)}")
    return Measured(figures)


def _shuffled(name: str, queries: Floats, index: Floats, looks: Floats, right: Array, seed: int) -> list[Figure]:
    """What the visual shuffle costs in precision and what it brings in variety, over the first 10."""
    scores = queries @ index.T
    before = np.argsort(-scores, axis=1, kind="stable")
    after = np.stack([np.r_[row[:DEPTH][shuffle(looks[row[:DEPTH]], CLUSTERS, seed)], row[DEPTH:]] for row in before])
    return [
        Figure(f"{name} by average P@10, shuffled", metrics.precision(np.take_along_axis(right, after, axis=1), 10)),
        Figure(f"{name} by average P@{CLUSTERS}", metrics.precision(np.take_along_axis(right, before, axis=1), CLUSTERS)),
        Figure(f"{name} by average P@{CLUSTERS}, shuffled", metrics.precision(np.take_along_axis(right, after, axis=1), CLUSTERS)),
        *_variety(f"{name} by average", looks, before, ""),
        *_variety(f"{name} by average", looks, after, ", shuffled"),
    ]


def _variety(name: str, looks: Floats, order: npt.NDArray[np.intp], ending: str) -> list[Figure]:
    first = order[:, :CLUSTERS]
    return [
        Figure(f"{name} intra-list distance@{CLUSTERS}{ending}", metrics.intra_list_distance(looks[first])),
        value(f"{name} coverage@{CLUSTERS}{ending}", metrics.coverage(first, len(looks))),
    ]


SUITES = (
    Suite(
        "fashion",
        "product categories by words, picture and both; types and colours without training",
        fashion,
        ("fashion",),
        "the Fashion Product Images set (kaggle.com/paramaggarwal, licence unstated)",
    ),
)
