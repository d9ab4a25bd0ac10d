"""Searching fashion in every way that Hannun can, on products that the model has never seen, in one run.

    python benchmarks/fashion200k.py --data ../shared/data

1. The recipe `fashion200k`: P@10/20/50/100 by broad and fine category for description, picture, their average, the average with
   weights chosen on the dev split, and that with words.
2. Visual shuffle and MMR: what is lost in precision and gained in variety, and what the shuffle costs in time.
3. Composed queries: a picture and another colour; words and a colour to avoid. Settings were chosen on the dev split (600 products).
4. One list of texts and pictures: half of the products by description alone, half by picture alone; scores as they come, calibrated
   by the encoder, and by the collection's own background.
5. Documents with several pictures: ranked by their mean picture or by their best.

Test split: 1,000 products. Intervals are 95 % bootstraps over queries.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import hannun
from hannun import collection, metrics
from hannun.collection import Collection, Hit
from hannun.embeddings import unit
from hannun.encoder import UNCALIBRATED
from hannun.item import Item
from hannun.recipes import fashion200k as recipe
from hannun.recipes.fashion200k import BROAD, CLUSTERS, FINE, KS, TOP, WAYS, Query
from hannun.search import diversify
from words import Remembered

CHOSEN = (0.2, 0.8)  # weights of description and picture: the best fine P@10 of the dev split's 600 products, among tenths


def said(values: Any) -> str:
    """A mean with its interval."""
    low, high = metrics.bootstrap(values)
    return f"{np.mean(values):.3f} [{low:.3f}, {high:.3f}]"


def some(queries: Sequence[Query], most: int) -> list[Query]:
    """At most so many of the queries, evenly drawn."""
    return list(queries[:: max(1, -(-len(queries) // most))])


def precision(held: Collection, items: Sequence[Item], most: int) -> None:
    """Part 1."""
    for name, every in (("Korean words", recipe.korean(items)), ("English descriptions, leave one out", recipe.descriptions(items))):
        queries = some(every, most)
        print(f"\n{name}: {len(queries)} queries")
        found = {way: recipe.measure(held, queries, weights=w) for way, w in WAYS.items()}
        found["weighted .2/.8"] = recipe.measure(held, queries, weights=CHOSEN)
        found["hybrid"] = recipe.measure(held, queries, words=recipe.HYBRID)
        found["hybrid .2/.8"] = recipe.measure(held, queries, weights=CHOSEN, words=recipe.HYBRID)
        for field, label in ((BROAD, "broad"), (FINE, "fine")):
            print(f"  {label:24}" + "".join(f"{f'P@{k}':>24}" for k in KS))
            for way, values in found.items():
                print(f"  {way:24}" + "".join(f"{said(values[field, k]):>24}" for k in KS))
            print(f"  {'a perfect ranking':24}" + "".join(f"{recipe.ceiling(queries, items, field, k):24.3f}" for k in KS))
            for way, other in (
                ("average", "description"),
                ("average", "picture"),
                ("weighted .2/.8", "description"),
                ("weighted .2/.8", "picture"),
            ):
                gains = [found[way][field, k] - found[other][field, k] for k in KS]
                ends = [metrics.bootstrap(g) for g in gains]
                row = [f"{g.mean():+.3f} [{low:+.3f}, {high:+.3f}]" for g, (low, high) in zip(gains, ends, strict=True)]
                print(f"  {f'{way} − {other}':24.24}" + "".join(f"{r:>24}" for r in row))


def variety(held: Collection, items: Sequence[Item], most: int) -> None:
    """Part 2."""
    queries = some(recipe.korean(items), most)
    vectors = {i: v["image"] for i, v in held.vectors([it.id for it in items]).items()}
    ways: dict[str, dict[str, Any]] = {
        "plain": {},
        f"shuffle {CLUSTERS}": {"shuffle": CLUSTERS},
        "mmr 0.3": {"diversity": 0.3},
        "mmr 0.5": {"diversity": 0.5},
        "mmr 0.7": {"diversity": 0.7},
    }
    print(f"\nvariety of the first {CLUSTERS} and 10 of the top {TOP}, {len(queries)} Korean queries")
    for way, options in ways.items():
        rows: dict[str, list[float]] = {}
        for q in queries:
            top = held.search(recipe.collection_text(q.text), limit=TOP, **options)
            plain = held.search(recipe.collection_text(q.text), limit=TOP)
            looks = np.stack([vectors[h.id] for h in sorted(plain, key=lambda h: h.id)])
            # Clusters of a k-means of its own (another order of the rows), so that the shuffle is not judged by itself.
            labels = dict(zip(sorted(h.id for h in plain), diversify._kmeans(looks, CLUSTERS, 0), strict=True))
            for k in (CLUSTERS, 10):
                shown = top[:k]
                x = np.stack([vectors[h.id] for h in shown])
                pairs = (x @ x.T)[np.triu_indices(k, 1)]
                rows.setdefault(f"P@{k}", []).append(float(np.mean([h.item.facts[FINE] == q.fine for h in shown])))
                rows.setdefault(f"distance@{k}", []).append(float(1 - pairs.mean()))
                rows.setdefault(f"clusters@{k}", []).append(float(len({int(labels[h.id]) for h in shown})))
        print(f"  {way:11}" + "".join(f"  {name} {np.mean(v):.3f}" for name, v in rows.items()))
    rng = np.random.default_rng(0)
    fifty = [unit(np.stack([vectors[i] for i in rng.choice(list(vectors), TOP, replace=False)])) for _ in range(200)]
    begun = time.perf_counter()
    for rows_ in fifty:
        diversify.shuffle(rows_, CLUSTERS)
    alone = 1000 * (time.perf_counter() - begun) / len(fifty)
    spent: dict[str, list[float]] = {"plain": [], "shuffled": []}
    for q in queries[:150]:  # interleaved, so that a noisy machine slows both
        for name, options in (("plain", {}), ("shuffled", {"shuffle": CLUSTERS})):
            begun = time.process_time()
            held.search(recipe.collection_text(q.text), limit=TOP, **options)
            spent[name].append(1000 * (time.process_time() - begun))
    added = float(np.median(np.array(spent["shuffled"]) - np.array(spent["plain"])))
    print(f"  the shuffle's k-means over {TOP}: {alone:.2f} ms; added to a search: {added:.2f} ms of processor time, median")


def composed(held: Collection, items: Sequence[Item], most: int) -> None:
    """Part 3."""
    types, colours = recipe.words()["types"], recipe.words()["colours"]
    many = Counter((it.facts[FINE], it.facts["baseColour"]) for it in items)
    kinds = Counter(it.facts[FINE] for it in items)
    tasks = [
        (it, c)
        for it in items
        for c in colours
        if it.facts[FINE] in types and kinds[it.facts[FINE]] >= 10 and c != it.facts["baseColour"] and many[it.facts[FINE], c] >= 2
    ]
    np.random.default_rng(0).shuffle(tasks)  # type: ignore[arg-type]
    print('\ncomposed: "like this, but red": P@10 of the same kind in the asked colour, by mix')
    for mix in (0.0, 0.25, 0.5, 0.75, 1.0):
        values = []
        for it, colour in tasks[:most]:
            asked = {"text": colours[colour]["ko"][0], "image": it.images[0]}
            hits = [h for h in held.search(asked, mix=mix, limit=11) if h.id != it.id][:10]
            values.append(np.mean([h.item.facts[FINE] == it.facts[FINE] and h.item.facts["baseColour"] == colour for h in hits]))
        print(f"  mix {mix:<5} {said(np.array(values))}")
    pairs = [(t, c) for (t, c), n in many.items() if t in types and c in colours and kinds[t] >= 20 and n >= 4 and kinds[t] - n >= 10]
    print(f'\nto avoid: "셔츠 -검정": the first 10 of {len(pairs)} queries')
    for name, minus in (("without", ""), ("with", " -")):
        right, wrong = [], []
        for kind, colour in pairs:
            text = types[kind]["ko"][0] + (f"{minus}{colours[colour]['ko'][1]}" if minus else "")
            hits = held.search(text, limit=10)
            right.append(np.mean([h.item.facts[FINE] == kind for h in hits]))
            wrong.append(np.mean([h.item.facts["baseColour"] == colour for h in hits]))
        print(f"  {name:8} the kind {said(np.array(right))}   the unwanted colour {said(np.array(wrong))}")


def one_list(encoder: Any, items: Sequence[Item], place: Path, most: int) -> None:
    """Part 4."""
    print("\none list: products by description alone (half) and by picture alone (half)")
    queries = some(recipe.korean(items), most)
    rows = [{"id": it.id, **({"text": it.text} if n % 2 else {"image": it.images[0]}), **it.facts} for n, it in enumerate(items)]
    with collection.open(place / "half.hannun", encoder, words=False) as held:
        held.add(rows)
        stored = held.vectors([it.id for it in items])
        texts, pictures = (np.stack([v[p] for v in stored.values() if p in v]) for p in ("text", "image"))
        print(f"  distance of the means of texts and pictures (modality gap): {np.linalg.norm(texts.mean(0) - pictures.mean(0)):.3f}")
        own = encoder.calibration
        for name, calibration in (("as they come", UNCALIBRATED), ("encoder's", own), ("collection's", own)):
            encoder.calibration = calibration
            held._sample = None if name == "collection's" else (0, 10**9, None)  # without a sample of the collection's own
            for kind, asked in (
                ("words", [recipe.collection_text(q.text) for q in queries]),
                ("pictures", [{"image": it.images[0]} for it in items[:most]]),
            ):
                found = [held.search(a, limit=10) for a in asked]
                truth = [q.fine for q in queries] if kind == "words" else [it.facts[FINE] for it in items[:most]]
                share = np.array([np.mean([bool(h.item.images) for h in hits]) for hits in found])
                right = np.array([np.mean([h.item.facts[FINE] == t for h in hits]) for hits, t in zip(found, truth, strict=True)])
                print(f"  {kind:9} {name:13} pictures among the first 10: {said(share)} (fair: 0.5)   P@10 {said(right)}")


def albums(encoder: Any, items: Sequence[Item], place: Path, most: int) -> None:
    """Part 5."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(items))
    groups = [[items[i] for i in order[n : n + 4]] for n in range(0, len(order) - 3, 4)]
    with collection.open(place / "albums.hannun", encoder, words=False) as held:
        held.add({"id": str(n), "image": [it.images[0] for it in g], "kinds": [it.facts[FINE] for it in g]} for n, g in enumerate(groups))
        queries = some(recipe.korean(items), most)
        print(f"\nalbums: {len(groups)} documents of four pictures of random products; right when one of them is of the asked kind")
        best, mean = [], []
        for q in queries:
            for into, albums_ in ((best, True), (mean, False)):
                held.settings = replace(held.settings, albums=albums_)
                hits: list[Hit] = held.search(recipe.collection_text(q.text), limit=10)
                into.append(float(np.mean([q.fine in h.item.facts["kinds"] for h in hits])))
        print(f"  P@10 by the mean picture {said(np.array(mean))}, by the best {said(np.array(best))}")


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", default="mini")
    parser.add_argument("--parts", default="12345")
    parser.add_argument("--queries", type=int, default=1000, help="at most so many of each kind")
    a = parser.parse_args()
    encoder = Remembered(hannun.load(a.model))
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        with collection.open(place / "fashion.hannun", encoder) as held:
            begun = time.perf_counter()
            held.add(recipe.products(a.data / "fashion"))
            items = sorted(held, key=lambda it: it.id)
            print(f"{len(items)} products indexed in {time.perf_counter() - begun:.0f} s", flush=True)
            for part, run in (("1", precision), ("2", variety), ("3", composed)):
                if part in a.parts:
                    run(held, items, a.queries)
        for part, more in (("4", one_list), ("5", albums)):
            if part in a.parts:
                more(encoder, items, place, a.queries)


if __name__ == "__main__":
    main()
