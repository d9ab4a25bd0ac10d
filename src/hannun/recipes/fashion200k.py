"""Fashion products go in; how well they are found by description, by picture and by the average of both comes out (P@k).

    python -m hannun.recipes.fashion200k --data ../shared/data/fashion [--to build/fashion.hannun] [--model mini]

jina-clip-v1's experiments on Fashion200K (Koukounas et al. 2024; data of Han et al. 2017): every product is indexed by its
description, by its picture and by the average of the two vectors, and a found product is right when it is of the query's broad or fine
category: P@10, 20, 50 and 100. The visual shuffle then puts the best of five k-means clusters of the top 50 first. Fashion200K itself
cannot be shipped; any shards whose rows have a description, a fine and a broad category will do, here the test split of a
fashion catalogue with `productDisplayName`, `articleType` and `subCategory`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hannun import collection, metrics, sources
from hannun.collection import Collection, Hit
from hannun.datasets import sentences
from hannun.errors import InputError
from hannun.item import Item, Problem, plain_facts
from hannun.load import load

KS = (10, 20, 50, 100)  # of the experiments
TOP, CLUSTERS = 50, 5  # of the visual shuffle
FINE, BROAD, DESCRIPTION = "articleType", "subCategory", "productDisplayName"

HYBRID = 0.3  # the share of words beside the average

#: How an item's description and picture count: the three ways of the experiments.
WAYS: Mapping[str, tuple[float, float]] = {"description": (1.0, 0.0), "picture": (0.0, 1.0), "average": (0.5, 0.5)}


@dataclass(frozen=True)
class Query:
    """Words to look for, the categories that are right, and the item they were taken from, which does not count."""

    text: str
    fine: str
    broad: str
    id: str


def products(data: Path, split: str = "test") -> Iterator[dict[str, Any]]:
    """The rows of a split: description as text, picture, and the facts."""
    files = sorted(data.glob(f"{split}-*.tar"))
    if not files:
        raise InputError(f"{data}: has no {split}-*.tar, expected the fashion shards")
    for found in sources.read(files):
        if isinstance(found, Problem):
            raise InputError(f"{found.where}: {found.reason}")
        facts = plain_facts(found.facts)
        yield {"id": found.id, "text": str(facts.pop(DESCRIPTION)), "image": found.images[0], **facts}


def descriptions(items: Sequence[Item]) -> list[Query]:
    """Each item's own description, in English, as a query for the others of its category."""
    return [Query(it.text or "", it.facts[FINE], it.facts[BROAD], it.id) for it in items]


@cache
def words() -> Mapping[str, Any]:
    """Korean and English words for the catalogue's types and colours, by the catalogue's own names for them."""
    table: Mapping[str, Any] = sentences.table("fashion_words.json")
    return table


def korean(items: Sequence[Item]) -> list[Query]:
    """ "남성 검은 티셔츠": gender, colour and kind of each item in Korean, one query for each distinct wording."""
    types, colours = words()["types"], words()["colours"]
    gender = {"Men": "남성", "Women": "여성", "Boys": "남아", "Girls": "여아"}
    found: dict[str, Query] = {}
    for it in items:
        kind, colour = it.facts.get(FINE), it.facts.get("baseColour")
        if kind in types and colour in colours:
            said = [gender.get(str(it.facts.get("gender")), ""), colours[colour]["ko"][0], types[kind]["ko"][0]]
            text = " ".join(w for w in said if w)
            found.setdefault(text, Query(text, str(kind), it.facts[BROAD], ""))
    return list(found.values())


def precision(hits: Sequence[Hit], query: Query, field: str) -> dict[int, float]:
    """P@k of a ranked list for one query; the query's own item is passed over."""
    right = query.fine if field == FINE else query.broad
    relevant = np.array([[h.item.facts[field] == right for h in hits if h.id != query.id]], np.float64)
    return {k: float(metrics.precision(relevant, k)[0]) for k in KS}


def ceiling(queries: Sequence[Query], items: Sequence[Item], field: str, k: int) -> float:
    """The P@k of a perfect ranking: many a category has fewer than k items."""
    there = {c: sum(it.facts[field] == c for it in items) for c in {it.facts[field] for it in items}}
    right = [there[q.fine if field == FINE else q.broad] - bool(q.id) for q in queries]
    return float(np.mean([min(n, k) / k for n in right]))


def measure(held: Collection, queries: Sequence[Query], **search: Any) -> dict[tuple[str, int], npt.NDArray[np.float64]]:
    """(category, k) → the P@k of each query, for one way to search."""
    found = [held.search(collection_text(q.text), limit=max(KS) + 1, **search) for q in queries]
    out: dict[tuple[str, int], npt.NDArray[np.float64]] = {}
    for field in (BROAD, FINE):
        rows = [precision(hits, q, field) for hits, q in zip(found, queries, strict=True)]
        out |= {(field, k): np.array([r[k] for r in rows]) for k in KS}
    return out


def collection_text(text: str) -> dict[str, str]:
    """A description as a query: a dash before a word is its own, and avoids nothing."""
    return {"text": " ".join(f"\\{w}" if w[:1] in "-−–" else w for w in text.split())}


def main(argv: Sequence[str] | None = None) -> None:
    """Index the products and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m hannun.recipes.fashion200k", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the fashion shards")
    parser.add_argument("--to", type=Path, default=Path("build/fashion.hannun"))
    parser.add_argument("--model", default="mini")
    a = parser.parse_args(argv)
    ways: dict[str, dict[str, Any]] = {way: {"weights": w} for way, w in WAYS.items()} | {"hybrid": {"words": HYBRID}}
    with collection.open(a.to, load(a.model)) as held:
        report = held.add(products(a.data))
        print(f"{report.added} added, {report.unchanged} unchanged")
        items = list(held)
        for name, queries in (("Korean words", korean(items)), ("descriptions", descriptions(items))):
            print(f"\n{name}: {len(queries)} queries, {len(items)} products")
            for way, options in ways.items():
                found = measure(held, queries, **options)
                for field, label in ((BROAD, "broad"), (FINE, "fine")):
                    print(f"  {way:12} {label:6}" + "".join(f"  P@{k} {found[field, k].mean():.3f}" for k in KS))


if __name__ == "__main__":
    main()
