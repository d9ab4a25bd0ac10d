"""The figures of the search engine: `python benchmarks/search.py --data ../shared/data --size 100000 [--cache FOLDER] [--only PART …]`.

Hannun's plan against the same compiled request run on the engine with nothing around it, LanceDB, usearch and numpy; words,
meaning and looks together; the funnel, int8 and binary against whole vectors; what goes on while an index is built.
Peers that are not installed are named and left out. Vectors are synthetic, with a spectrum that falls as embeddings' does, in
clusters; `--data` adds real ones (hannun-mini on KorQuAD paragraphs). Stores are kept in `--cache`, so that a run can go on.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hannun.embeddings import unit
from hannun.index import request as form
from hannun.index.edge import Edge, request_of
from hannun.index.engine import Among, Layout, Plan, Point, Words
from hannun.search import fuse
from searching.drawn import BATCH, DIM, DIMS, drawn, exact, item, made, terms
from searching.peers import of_lancedb, of_usearch
from searching.timed import DEPTHS, ids, interleaved, joint, least, line, memory_of, shared

PARTS = ("plain", "hybrid", "words", "quantised", "funnel", "dims", "building", "real")


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--cache", type=Path, help="keep the stores here; without it they are made anew and removed")
    parser.add_argument("--peers", type=Path, help="a site-packages folder that has lancedb and usearch, where this environment has not")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    args = parser.parse_args()
    if args.peers is not None:
        sys.path.append(str(args.peers))
    with tempfile.TemporaryDirectory() as temporary:
        cache = args.cache or Path(temporary)
        cache.mkdir(parents=True, exist_ok=True)
        for part in args.only:
            print(f"\n== {part}, {args.size:,} × {DIM}" if part != "real" else "\n== real", flush=True)
            globals()[part](args, cache)


# ------------------------------------------------------------------------------------------------------------------- parts


def plain(args: argparse.Namespace, cache: Path) -> None:
    """One vector: Hannun's engine, the same request directly, and the peers, each at recall@10 ≥ 0.98."""
    rows, queries = drawn(args.size, 0), drawn(args.queries, 7)
    truth = exact(rows, queries)
    store = made(cache / f"plain-{args.size}", Layout(("joint",), DIMS), {"joint": rows})
    runs: dict[str, Callable[[int], Any]] = {}
    recalls: dict[str, float] = {}

    depth, recalls["hannun"] = least(lambda n, d: ids(store, joint(queries[n], candidates=d)), truth, DEPTHS[3:])
    plans = [joint(q, candidates=depth) for q in queries]
    requests = [request_of(form.compile(p, store.layout, 0)) for p in plans]
    runs["hannun"] = lambda n: store.query(plans[n])
    runs["the compiled request, directly"] = lambda n: [(p.score, p.payload) for p in store._shard.query(requests[n])]
    runs["numpy, exact"] = lambda n: exact(rows, queries[n : n + 1])
    depths = {"hannun": depth}
    for name, peer in (("lancedb", of_lancedb), ("usearch", of_usearch)):
        if importlib.util.find_spec(name) is None:
            print(f"   {name} is not installed and left out")
            continue
        run = peer(rows, cache)
        depths[name], recalls[name] = least(lambda n, d, run=run: run(queries[n], d), truth, DEPTHS)
        runs[name] = lambda n, run=run, d=depths[name]: run(queries[n], d)
    times = interleaved(runs, args.queries)
    for name, seconds in times.items():
        line(name, seconds, recalls.get(name), f"depth {depths[name]}" if name in depths else "")
    ratios = [np.percentile(times["hannun"], p) / np.percentile(times["the compiled request, directly"], p) for p in (50, 95)]
    print(f"hannun ÷ the request directly: p50 {ratios[0]:.2f}, p95 {ratios[1]:.2f} (target ≤ 1.2)")
    store.close()
    memory_of("hannun, memory of a process that searches it", cache / f"plain-{args.size}", args.size)


def hybrid(args: argparse.Namespace, cache: Path) -> None:
    """Words, meaning and looks in one search, beside one vector; 1,000,000 items have one vector only (see `plain`)."""
    if args.size > 200_000:
        print("   left out above 200,000 items: two vectors each need more memory than this benchmark asks for")
        return
    texts, images, words = drawn(args.size, 0), drawn(args.size, 0, 1), terms(args.size, 3)
    queries = drawn(args.queries, 7)
    asked = [tuple(dict.fromkeys(words[n * 31 % args.size]))[:3] for n in range(args.queries)]
    store = made(cache / f"hybrid-{args.size}", Layout(("text", "image"), DIMS), {"text": texts, "image": images}, words)
    even = {"text": 0.5, "image": 0.5}
    gains = {"text": 1.0, "image": 1.0, "text+image": 1.0}
    plans = [Plan(q, even, gains) for q in queries]
    single = [Plan(q, {"text": 1.0}, {"text": 1.0}) for q in queries]
    requests = [request_of(form.compile(p, store.layout, 0)) for p in plans]

    def fused(n: int) -> list[str]:
        near = store.query(Plan(queries[n], even, gains, limit=100, fields=()))
        said = store.query(Words(asked[n], limit=100, fields=(), pool=True))
        meaning, told = ({str(m.payload["id"]): m.score for m in found} for found in (near, said))
        pools = list(meaning.values()), list(told.values())
        unseen, unsaid = tuple(told.keys() - meaning.keys()), tuple(meaning.keys() - told.keys())
        if unseen:  # what one found and the other did not is scored by the other too, as a collection's search does
            plan = Plan(queries[n], even, gains, Among("id", unseen), len(unseen), exact=True, fields=())
            meaning |= {str(m.payload["id"]): m.score for m in store.query(plan)}
        if unsaid and len(said) == 100:  # else nothing more has the words
            anew = Words(asked[n], Among("id", unsaid), len(unsaid), fields=(), pool=True)
            told |= {str(m.payload["id"]): m.score for m in store.query(anew)}
        scores = fuse.either(meaning, told, 0.3, *pools, spread=0.05)
        page = sorted(scores, key=lambda i: (-scores[i], i))[:10]
        store.get(page)
        return page

    truth = exact(unit(texts + images), queries[:100])
    recall = shared([ids(store, p) for p in plans[:100]], truth)
    times = interleaved(
        {
            "one vector": lambda n: store.query(single[n]),
            "text and image, averaged": lambda n: store.query(plans[n]),
            "the same request, directly": lambda n: [(p.score, p.payload) for p in store._shard.query(requests[n])],
            "words (BM25) alone": lambda n: store.query(Words(asked[n])),
            "words, meaning and looks, fused": fused,
        },
        args.queries,
    )
    for name, seconds in times.items():
        line(name, seconds, recall if name.startswith("text and") else None)
    ratios = [np.percentile(times["text and image, averaged"], p) / np.percentile(times["the same request, directly"], p) for p in (50, 95)]
    print(f"averaged ÷ the request directly: p50 {ratios[0]:.2f}, p95 {ratios[1]:.2f} (target ≤ 1.2)")
    store.close()
    memory_of("memory of a process that searches it", cache / f"hybrid-{args.size}", args.size)


def words(args: argparse.Namespace, cache: Path) -> None:
    """BM25 against brute force: as indexed, after a tenth was deleted and a tenth replaced, and after optimising again."""
    folder = cache / f"words-{args.size}"
    shutil.rmtree(folder, ignore_errors=True)
    store, flat = Edge(folder, Layout(("joint",), (8,))), np.eye(8, dtype=np.float32)[0]
    said: dict[str, tuple[str, ...]] = {}

    def put(numbers: Sequence[int], seed: int) -> None:
        rows = {str(n): t for n, t in zip(numbers, terms(len(numbers), seed), strict=True)}
        said.update(rows)
        for at in range(0, len(numbers), BATCH):
            store.upsert([Point(i, {"joint": flat}, {}, rows[i]) for i in map(str, numbers[at : at + BATCH])])

    put(range(args.size), 3)
    store.optimise()
    random = np.random.default_rng(5)
    asked = [tuple(dict.fromkeys(said[str(n)]))[:3] for n in random.integers(0, args.size, args.queries)]
    for state in ("as indexed", "a tenth deleted, a tenth replaced", "optimised again"):
        if state.startswith("a tenth"):
            gone = random.choice(args.size, args.size // 5, replace=False)
            store.delete([str(n) for n in gone])
            left = set(map(str, gone.tolist()))
            said = {i: t for i, t in said.items() if i not in left}
            put(gone[: args.size // 10].tolist(), 4)
        elif state.startswith("optimised"):
            store.optimise()
        truth = _bm25(said, asked[:50])
        found = [[(m.score, m.payload["id"]) for m in store.query(Words(a, fields=()))] for a in asked[:50]]
        wrong = max(abs(f[0] - t[0]) for fs, ts in zip(found, truth, strict=True) for f, t in zip(fs, ts, strict=True))
        same = np.mean([len({i for _, i in f} & {i for _, i in t}) / max(len(t), 1) for f, t in zip(found, truth, strict=True)])
        times = interleaved({"": lambda n: store.query(Words(asked[n]))}, args.queries)[""]
        line(f"words, {state}", times, float(same), f"largest error of a score {wrong:.1e}")
    store.close()
    shutil.rmtree(folder)


def _bm25(said: dict[str, tuple[str, ...]], asked: Sequence[tuple[str, ...]]) -> list[list[tuple[float, str]]]:
    """The best ten by brute force, equal scores in the order of ids."""
    having = Counter(t for terms in said.values() for t in set(terms))
    average = sum(map(len, said.values())) / len(said)
    posted: dict[str, list[str]] = {t: [] for a in asked for t in a}
    for i, own in said.items():
        for t in set(own) & posted.keys():
            posted[t].append(i)
    found = []
    for query in asked:
        scores: Counter[str] = Counter()
        for t in query:
            idf = np.log(1 + (len(said) - having[t] + 0.5) / (having[t] + 0.5))
            for i in posted[t]:
                tf = said[i].count(t)
                scores[i] += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * len(said[i]) / average))
        found.append(sorted(((s, i) for i, s in scores.items()), key=lambda r: (-r[0], r[1]))[:10])
    return found


def quantised(args: argparse.Namespace, cache: Path) -> None:
    """float32, int8 and binary, the nearest rescored by the whole vectors."""
    _layouts(args, cache, {q: Layout(("joint",), DIMS, quantise=q) for q in ("none", "int8", "binary")})


def funnel(args: argparse.Namespace, cache: Path) -> None:
    """Short copies first, the whole vectors on the disk for rescoring only."""
    short = {f"prefix {d}, {q}": Layout(("joint",), DIMS, quantise=q, prefix=d) for d, q in ((96, "int8"), (192, "int8"))}
    _layouts(args, cache, {"none": Layout(("joint",), DIMS), **short})


def _layouts(args: argparse.Namespace, cache: Path, layouts: dict[str, Layout]) -> None:
    rows, queries = drawn(args.size, 0), drawn(args.queries, 7)
    truth = exact(rows, queries)
    stores: dict[str, Edge] = {}
    runs: dict[str, Callable[[int], Any]] = {}
    recalls, depths = {}, {}
    for name, layout in layouts.items():
        place = "plain" if name == "none" else "".join(c if c.isalnum() else "-" for c in name)
        stores[name] = store = made(cache / f"{place}-{args.size}", layout, {"joint": rows})
        depths[name], recalls[name] = least(lambda n, d, s=store: ids(s, joint(queries[n], candidates=d)), truth, DEPTHS[1:])
        plans = [joint(q, candidates=depths[name]) for q in queries]
        runs[name] = lambda n, s=store, p=plans: s.query(p[n])
    for name, seconds in interleaved(runs, args.queries).items():
        layout = layouts[name]
        searched = {"none": 4.0, "int8": 1.0, "binary": 1 / 8}[layout.quantise] * (layout.prefix or DIM)
        line(
            "whole vectors, float32" if name == "none" else name,
            seconds,
            recalls[name],
            f"candidates {depths[name]}, {searched:.0f} bytes searched an item",
        )
    for name, store in stores.items():
        store.close()
        place = "plain" if name == "none" else "".join(c if c.isalnum() else "-" for c in name)
        memory_of(f"   {name}: memory of a process that searches it", cache / f"{place}-{args.size}", args.size)


def dims(args: argparse.Namespace, cache: Path) -> None:
    """A shorter query on the whole vectors: what is found of the exact order of the renormalised prefixes."""
    rows, queries = drawn(args.size, 0), drawn(args.queries, 7)
    store = made(cache / f"plain-{args.size}", Layout(("joint",), DIMS), {"joint": rows})
    for dim in DIMS:
        cut, asked = unit(rows[:, :dim]), unit(queries[:, :dim])
        truth = exact(cut, asked[:100])
        plans = [joint(q) for q in asked]
        recall = shared([ids(store, p) for p in plans[:100]], truth)
        line(f"query of {dim}", interleaved({"": lambda n, p=plans: store.query(p[n])}, args.queries)[""], recall)
    store.close()


def building(args: argparse.Namespace, cache: Path) -> None:
    """A heartbeat, searches and additions while the index of 30,000 items is built."""
    size = min(args.size, 30_000)
    rows, folder = drawn(size, 0), cache / f"building-{size}"
    shutil.rmtree(folder, ignore_errors=True)
    store = Edge(folder, Layout(("joint",), DIMS))
    for at in range(0, size, BATCH):
        store.upsert([item(n, {"joint": rows[n]}, ()) for n in range(at, min(at + BATCH, size))])
    stalls: list[float] = []
    stop = threading.Event()

    def beat() -> None:
        last = time.perf_counter()
        while not stop.is_set():
            time.sleep(0.005)
            now = time.perf_counter()
            stalls.append(now - last)
            last = now

    for calm in (True, False):
        stalls.clear()
        stop.clear()
        heart = threading.Thread(target=beat)
        heart.start()
        searched, added, started = [], [], time.perf_counter()
        worker = threading.Thread(target=time.sleep if calm else store.optimise, args=(3,) if calm else ())
        worker.start()
        while worker.is_alive():
            n = len(added)
            for times, run in (
                (searched, lambda n=n: store.query(joint(rows[n % size]))),
                (added, lambda n=n: store.upsert([item(size + n, {"joint": rows[n % size]}, ())])),
            ):
                begun = time.perf_counter()
                run()
                times.append(time.perf_counter() - begun)
            time.sleep(0.02)
        stop.set()
        heart.join()
        name, worst, usual = "before" if calm else "while building", max(stalls), np.percentile(stalls, 99)
        print(f"{name:16} {time.perf_counter() - started:5.1f} s: heartbeat stalls at most {worst:.3f} s (p99 {usual:.3f});")
        print(f"{'':16} {len(searched)} searches p95 {np.percentile(searched, 95) * 1000:.0f} ms, slowest {max(searched):.2f} s;", end="")
        print(f" {len(added)} additions, slowest {max(added):.2f} s", flush=True)
    print("target: a stall of 0.2 s at most")
    store.close()
    shutil.rmtree(folder)


def real(args: argparse.Namespace, cache: Path) -> None:
    """hannun-mini's vectors of KorQuAD's paragraphs (and their sentences), asked by its questions."""
    file = None if args.data is None else args.data / "texts" / "korquad_v1_dev.json"
    if file is None or not file.exists():
        print("   needs --data with texts/korquad_v1_dev.json")
        return
    from hannun.load import load

    mini = load("mini")
    paragraphs = [p for article in json.loads(file.read_text("utf-8"))["data"] for p in article["paragraphs"]]
    sentences = [s.strip() for p in paragraphs for s in p["context"].split(". ") if len(s) > 20][:8000]
    questions = [q["question"] for p in paragraphs for q in p["qas"]][: args.queries]
    kept = cache / "real.npz"
    if not kept.exists():
        np.savez(kept, rows=mini.encode_document(sentences).dense, queries=mini.encode_query(questions).dense)
    with np.load(kept) as f:
        rows, queries = f["rows"], f["queries"]
    truth = exact(rows, queries)
    declared = tuple(mini.dims)
    short = min(d for d in declared if d >= 96)
    for name, layout in {
        "float32": Layout(("joint",), declared),
        "int8": Layout(("joint",), declared, quantise="int8"),
        "binary": Layout(("joint",), declared, quantise="binary"),
        f"prefix {short}, int8": Layout(("joint",), declared, quantise="int8", prefix=short),
    }.items():
        place = "".join(c if c.isalnum() else "-" for c in name)
        store = made(cache / f"real-{place}", layout, {"joint": rows})
        plans = [joint(q) for q in queries]
        recall = shared([ids(store, p) for p in plans], truth)
        line(f"{len(rows):,} sentences, {name}", interleaved({"": lambda n, s=store, p=plans: s.query(p[n])}, len(queries))[""], recall)
        store.close()


if __name__ == "__main__":
    main()
