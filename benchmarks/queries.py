"""Queries as people type them, in five kinds: Hanja, numbers with units, brands in the other script, a lost keyboard, first consonants.

    python benchmarks/queries.py [--half dev|test] [--model mini]

benchmarks/queries.tsv is our own: titles of a drawn shop, and for each query the title that is meant. All titles (with those of the other
half) are one collection. "words" ranks by words alone, "default" as a search without options does, and "with proposals" searches for the
first "혹시 …?" where no title has every word that was typed, as a person who clicks it would. Success at 1 and at 3, with 95 % bootstrap
intervals over queries. The brands of the dev half were looked at while the proposals were made, those of the test half were written
afterwards; of the other kinds every second query is of the test half, and nothing was changed for them.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hannun import collection
from hannun.collection import Collection
from hannun.load import load
from hannun.search.proposals import unwritten

FILE = Path(__file__).with_name("queries.tsv")
PARTS = ("hanja", "units", "brands", "keyboard", "chosung")


def rank(shop: Collection, query: str, title: str, **options: float) -> int:
    """The rank of a title, from 1; 99 where it is not among the first ten."""
    found = [h.item.text for h in shop.search({"text": query}, limit=10, **options)]
    return found.index(title) + 1 if title in found else 99


def proposed(shop: Collection, query: str, title: str) -> int:
    """The same, of the first proposal where no title has every word."""
    hits = shop.search({"text": query}, limit=10)
    if unwritten(query, (h.relevance for h in hits)) and (meant := shop.readings(query)):
        return rank(shop, meant[0], title)
    return rank(shop, query, title)


def interval(values: np.ndarray) -> str:
    """A mean with its 95 % bootstrap interval."""
    draws = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(draws, (0.025, 0.975))
    return f"{values.mean():.3f} [{low:.2f}, {high:.2f}]"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("dev", "test"), default="test")
    parser.add_argument("--model", default="mini")
    given = parser.parse_args()
    with FILE.open(encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f, delimiter="\t"))
    systems: dict[str, Callable[[Collection, str, str], int]] = {
        "words": lambda shop, query, title: rank(shop, query, title, words=1),
        "default": lambda shop, query, title: rank(shop, query, title),
        "with proposals": proposed,
    }
    with tempfile.TemporaryDirectory() as folder, collection.open(Path(folder) / "shop.hannun", load(given.model)) as shop:
        titles = dict.fromkeys(r["title"] for r in rows)
        shop.add([{"id": str(n), "text": title} for n, title in enumerate(titles)])
        print(f"{len(titles)} titles, {given.half} half, {given.model}; success at 1, at 3\n")
        print("| kind | queries | " + " | ".join(systems) + " |\n|---|---|" + "---|" * len(systems))
        begun = time.perf_counter()
        for part in (*PARTS, "all"):
            chosen = [r for r in rows if r["half"] == given.half and part in (r["part"], "all")]
            cells = []
            for system in systems.values():
                ranks = np.array([system(shop, r["query"], r["title"]) for r in chosen])
                cells.append(f"{interval((ranks == 1).astype(float))}, {(ranks <= 3).mean():.3f}")
            print(f"| {part} | {len(chosen)} | " + " | ".join(cells) + " |", flush=True)
        print(f"\n{time.perf_counter() - begun:.1f} s")


if __name__ == "__main__":
    main()
