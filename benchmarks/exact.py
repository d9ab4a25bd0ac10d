"""Exactly what was typed, nothing that was unwanted, and nothing where nothing fits: three sets of queries, each way to search, in one run.

    python benchmarks/exact.py [--titles 60,6000,100000] [--parts names,avoidance,junk]

1. Names: codes, names, measures and first consonants that one title has (benchmarks/names.tsv), alone and among many more that
   are put together of brands, things, colours and codes of the same shapes. Printed: the share of queries whose title comes first, and
   the milliseconds of a search (median and 95th percentile, the query's encoding included). "plain" is the default without looking
   for what the query names. The many are given vectors near those of real titles (a title's vector and noise), so that they are as
   near as titles are, and cost no encoding. Fewer titles than the table has: the queries of the first so many.
2. What is avoided (benchmarks/avoidance.tsv): the share of queries for which everything that is wanted and not avoided comes before
   everything that has what is avoided, and the mean share of avoided ones among as many hits as there are wanted.
3. Relevance: queries that fit something in a catalogue of drawn pictures against junk (benchmarks/junk.txt), by the best hit's
   relevance: what a floor lets through of each.

Everything is of mini, words and titles of our own. `python benchmarks/exact.py --before` leaves out the options that were not there before.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import hannun
from hannun import catalogue, collection
from hannun.embeddings import Embeddings, Floats, unit
from hannun.item import Content, item
from hannun.search import prepared

HERE = Path(__file__).parent
WAYS: tuple[Any, ...] = (0.0, 0.3, 1.0)


class Given:
    """An encoder whose vectors of some texts are known; what else comes is encoded."""

    def __init__(self, encoder: Any) -> None:
        self._encoder, self.known = encoder, dict[str, Floats]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        texts = [item(c).text or "" for c in contents]
        if not all(t in self.known for t in texts):
            made: Embeddings = self._encoder.encode_document(contents)
            return made
        return Embeddings(np.stack([self.known[t] for t in texts]))


def rows(name: str) -> list[list[str]]:
    """The rows of a table beside this file, without its head."""
    return [line.split("\t") for line in (HERE / name).read_text("utf-8").splitlines()[1:] if line]


# What titles are put together of: brands, things and colours, a line each.
BRANDS, THINGS, COLOURS = (line.split() for line in Path(__file__).with_name("titles.txt").read_text("utf-8").splitlines())


def combined(count: int, seed: int = 0) -> Iterator[str]:
    """Titles that were put together, none of them twice."""
    random = np.random.default_rng(seed)
    for n, (b, t, c) in zip(range(count), itertools.cycle(itertools.product(BRANDS, THINGS, COLOURS)), strict=False):
        letters = "".join(random.choice(list("ABCDEFGHJKLMNPRSTUVWXYZ"), 2))
        yield f"{b} {c} {t} {letters}-{random.integers(100, 999)}{'ABCDEFGHJK'[n % 10]}{n // 1000}"


def names(encoder: Any, ways: Sequence[Any], sizes: Sequence[int]) -> None:
    """Part 1."""
    table = rows("names.tsv")
    titles = list(dict.fromkeys(t for _, t, _ in table))
    given = Given(encoder)
    own = encoder.encode_document(titles).dense
    given.known = dict(zip(titles, own, strict=True))
    random = np.random.default_rng(0)
    for title in combined(max(0, max(sizes) - len(titles))):
        near = own[random.integers(len(own))]
        given.known[title] = unit(near + 0.6 * unit(random.normal(size=len(near)).astype(np.float32)))
    for size in sizes:
        chosen = list(given.known)[:size]
        asked = [row for row in table if row[1] in set(titles[:size])]
        with tempfile.TemporaryDirectory() as place, collection.open(Path(place) / "c.hannun", given) as shop:
            shop.add({"id": t, "text": t} for t in chosen)
            print(f"\nnames: {len(asked)} queries, {len(chosen):,} titles; the share whose title comes first")
            for way in ways:
                _print_first(shop, asked, way, way == ways[-1])


def _print_first(shop: Any, asked: Sequence[Sequence[str]], way: Any, told: bool) -> None:
    first: dict[tuple[str, str], bool] = {}
    spent = []
    few, prepared.FEW = prepared.FEW, 0 if way == "plain" else prepared.FEW
    for q, t, k in asked:
        begun = time.perf_counter()
        first[q, k] = [h.id for h in shop.search(q, limit=1, **_way(way))] == [t]
        spent.append(1000 * (time.perf_counter() - begun))
    prepared.FEW = few
    kinds = sorted({k for _, _, k in asked})
    parts = ", ".join(f"{k} {np.mean([v for (_, kk), v in first.items() if kk == k]):.3f}" for k in kinds)
    p50, p95 = np.percentile(spent, (50, 95))
    print(f"  words={way!s:5} {np.mean(list(first.values())):.3f}   {parts}   {p50:.1f} and {p95:.1f} ms", flush=True)
    if told:
        print("  missed:", ", ".join(q for (q, _), v in first.items() if not v) or "none")


def _way(way: Any) -> dict[str, Any]:
    return {} if way in ("auto", "plain") else {"words": way}


def avoidance(encoder: Any, ways: Sequence[Any]) -> None:
    """Part 2. A row: the kind, what is avoided, titles of the kind that do not have it, titles that do."""
    table = rows("avoidance.tsv")
    titles = list(dict.fromkeys(t for _, _, good, bad in table for t in (*good.split("|"), *bad.split("|"))))
    with tempfile.TemporaryDirectory() as place, collection.open(Path(place) / "c.hannun", encoder) as shop:
        shop.add({"id": t, "text": t} for t in titles)
        print(f"\navoided: {len(table)} queries, {len(titles)} titles")
        for way in ways:
            clean, shown = [], []
            for kind, no, good, bad in table:
                found = [h.id for h in shop.search(f"{kind} -{no}", limit=len(titles), **_way(way))]
                at = {t: n for n, t in enumerate(found)}
                wanted, unwanted = good.split("|"), bad.split("|")
                clean.append(max(at.get(t, len(found)) for t in wanted) < min(at.get(t, len(found)) for t in unwanted))
                shown.append(np.mean([t in unwanted for t in found[: len(wanted)]] or [0.0]))
            missed = ", ".join(f"{k} -{n}" for (k, n, _, _), c in zip(table, clean, strict=True) if not c)
            print(
                f"  words={way!s:5} clean {np.mean(clean):.3f}, avoided among the first {np.mean(shown):.3f}   {missed[:160]}", flush=True
            )


def junk(encoder: Any, count: int) -> None:
    """Part 3."""
    entries = catalogue.training_entries(count, seed=5)
    asked = sorted({e.title for e in entries if "color" in e.facts})
    strange = [line for line in (HERE / "junk.txt").read_text("utf-8").splitlines() if line]
    made = [(e.title, e.picture()) for e in entries]
    for name in ("titles", "pictures", "both"):
        with tempfile.TemporaryDirectory() as place, collection.open(Path(place) / "c.hannun", encoder) as shop:
            texts = [{"text": t} if name != "pictures" else {} for t, _ in made]
            looks = [{"image": p} if name != "titles" else {} for _, p in made]
            shop.add({"id": str(n), **t, **p} for n, (t, p) in enumerate(zip(texts, looks, strict=True)))
            best = [np.array([shop.search(q, words=0, limit=1)[0].relevance for q in queries]) for queries in (asked, strange)]
        told = ", ".join(f"{f}: {(best[0] >= f).mean():.3f} and {(best[1] >= f).mean():.3f}" for f in (0.3, 0.5, 0.7))
        print(
            f"  {name}: of {len(asked)} titles and of {len(strange)} queries of junk, whose best hit stands above a floor of {told}",
            flush=True,
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--titles", default="60,6000,100000", help="how many, one or several numbers")
    parser.add_argument("--drawn", type=int, default=200, help="drawn products of part 3")
    parser.add_argument("--before", action="store_true", help="without what is new: words=0, 0.3 and 1 alone")
    parser.add_argument("--parts", default="names,avoidance,junk")
    a = parser.parse_args()
    encoder = hannun.load("mini")
    ways = WAYS if a.before else (*WAYS, "auto")
    parts: dict[str, Callable[[], None]] = {
        "names": lambda: names(encoder, (*ways[:-1], "plain", "auto") if "auto" in ways else ways, [int(n) for n in a.titles.split(",")]),
        "avoidance": lambda: avoidance(encoder, ways),
        "junk": lambda: junk(encoder, a.drawn),
    }
    for part in a.parts.split(","):
        parts[part]()


if __name__ == "__main__":
    main()
