"""A folder of data goes in; the figures that the README quotes for the first run come out, peers side by side.

    python benchmarks/first_light.py --data ../shared/data [--only quality,indexing,search,cold] [--size 100000]

Quality needs the data folder (see docs/data.md) except for the drawn catalogue; the rest makes what it measures.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from conse import ConSE
from hannun import catalogue, collection, hangul, metrics, shards
from hannun.collection.local import Local
from hannun.datasets.pictures import emoji_split
from hannun.embeddings import Embeddings, Floats, unit
from hannun.encode import embed
from hannun.encoder import Encoder
from hannun.index.edge import request_of
from hannun.index.engine import Point
from hannun.item import Content, Image, Item, Text, item
from hannun.mini.model import HERE, Mini
from hannun.mini.session import open_session
from hannun.serve.cli.main import run


def main() -> None:
    """Parse the arguments and print every part that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", default="quality,indexing,search,cold")
    parser.add_argument("--size", type=int, default=100_000, help="items that are searched among")
    arguments = parser.parse_args()
    parts: dict[str, Callable[[Path], None]] = {"quality": quality, "indexing": indexing, "cold": cold}
    parts["search"] = lambda data: search(arguments.size)
    for name in arguments.only.split(","):
        print(f"\n## {name}\n", flush=True)
        parts[name](arguments.data)


# ---------------------------------------------------------------------------------------------------------------- quality


def quality(data: Path) -> None:
    """Recall and MRR in both directions with 95 % bootstrap intervals: mini, ConSE on the same networks, and chance."""
    sets: list[tuple[str, list[Image], list[str], list[int]]] = []
    if (data / "flickr8k").exists():
        records = list(shards.read(data / "flickr8k" / "test-000.tar"))
        captions = [(n, c) for n, r in enumerate(records) for c in r.data["captions"]]
        sets.append(("Flickr8k test, English", [Image(r.pictures[0]) for r in records], [c for _, c in captions], [n for n, _ in captions]))
    else:
        print(f"no {data / 'flickr8k'}: Flickr8k is left out")
    if (data / "emoji").exists():
        records = [r for r in shards.read(data / "emoji" / "all-000.tar") if emoji_split(r.data["char"]) == "test"]
        names = [r.data["name_ko"] for r in records]
        sets.append(("emoji, held-out bases, Korean", [Image(r.pictures[0]) for r in records], names, list(range(len(names)))))
    else:
        print(f"no {data / 'emoji'}: emoji are left out")
    entries = [e for e in catalogue.entries() if e.split == "test"]
    with tempfile.TemporaryDirectory() as folder:
        catalogue.write(Path(folder), entries)
        drawn = [Image(Path(folder) / f"{e.id}.jpg") for e in entries]
        sets.append(("drawn catalogue, held out, Korean", drawn, [hangul.normalise(e.title) for e in entries], list(range(len(entries)))))
        print("| set | model | queries | pictures | direction | R@1 | R@5 | R@10 | MRR | chance R@10 |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        for encoder in (Mini(), ConSE()):
            for name, pictures, texts, owner in sets:
                _report(f"{name} | {encoder.name}", encoder, pictures, texts, np.array(owner))


def _report(name: str, encoder: Encoder, pictures: Sequence[Image], texts: Sequence[str], owner: np.ndarray) -> None:
    problems: list = []
    images, _ = embed([Item(str(n), (p,)) for n, p in enumerate(pictures)], encoder, "document", problems, lambda done: None)
    queries, _ = embed([Item(str(n), (Text(t),)) for n, t in enumerate(texts)], encoder, "query", problems, lambda done: None)
    assert not problems, problems[:3]
    scores = queries.dense @ images.dense.T
    # Equal texts are one query: several emoji or pages share a name, and any of their pictures answers it.
    groups: dict[str, set[int]] = {}
    for text, picture in zip(texts, owner, strict=True):
        groups.setdefault(text, set()).add(int(picture))
    relevant = [groups[t] for t in texts]
    _row(name, "text → picture", _ranks(scores, relevant), len(texts), len(pictures))
    back: list[set[int]] = [set() for _ in pictures]
    for n, targets in enumerate(relevant):
        for picture in targets:
            back[picture].add(n)
    _row(name, "picture → text", _ranks(scores.T, back), len(texts), len(pictures))


def _ranks(scores: Floats, relevant: Sequence[set[int]]) -> np.ndarray:
    """The rank of the best relevant column in each row, ties counted against it."""
    ranks = np.empty(len(scores))
    for n, (row, good) in enumerate(zip(scores, relevant, strict=True)):
        best = row[list(good)].max()
        others = np.ones(len(row), bool)
        others[list(good)] = False
        ranks[n] = 1 + (row[others] >= best).sum()
    return ranks


def _row(name: str, direction: str, ranks: np.ndarray, texts: int, pictures: int) -> None:
    cells = []
    for values in [*(ranks <= k for k in (1, 5, 10)), 1 / ranks]:
        low, high = metrics.bootstrap(values.astype(float))
        cells.append(f"{values.mean():.3f} ({low:.3f}–{high:.3f})")
    chance = 10 / (pictures if direction.startswith("text") else texts)
    print(f"| {name} | {texts} | {pictures} | {direction} | {' | '.join(cells)} | {chance:.4f} |", flush=True)


# --------------------------------------------------------------------------------------------------------------- indexing


def indexing(data: Path) -> None:
    """`hannun index` against the model alone on the same pictures, and against decoding alone at 12 megapixels."""
    mini = Mini()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        small = _photos(data, root / "small", 1000, (224, 224))
        session = open_session(HERE / "image.onnx")
        port, batch = session.get_inputs()[0].name, 8  # the tower's own batch
        size = (mini.side, mini.side)
        arrays = np.stack([np.asarray(PIL.Image.open(p).convert("RGB").resize(size, PIL.Image.Resampling.BICUBIC)) for p in small])
        session.run(None, {port: arrays[:batch]})  # warm
        ratios, rates = [], []
        for trial in range(3):
            started = time.perf_counter()
            for at in range(0, len(arrays), batch):
                session.run(None, {port: arrays[at : at + batch]})
            model = time.perf_counter() - started
            started = time.perf_counter()
            assert _quiet(["index", str(root / "small"), "--to", str(root / f"s{trial}.hannun")]) == 0
            whole = time.perf_counter() - started
            ratios.append(whole / model)
            rates.append((len(small) / whole, len(small) / model))
        rate, alone = map(statistics.median, zip(*rates, strict=True))
        print(f"224 px, {len(small)} pictures: hannun index {rate:.0f}/s, the model alone {alone:.0f}/s;")
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        print(f"  time of index ÷ time of the model alone = {spread}; target ≤ 1.15")

        big = _photos(data, root / "big", 60, (4000, 3000))
        full, reduced = _decode_rate(big, None), _decode_rate(big, mini.side)
        started = time.perf_counter()
        assert _quiet(["index", str(root / "big"), "--to", str(root / "b.hannun")]) == 0
        rate = len(big) / (time.perf_counter() - started)
        print(f"12 megapixels, {len(big)} pictures: hannun index {rate:.1f}/s;")
        print(f"  decoding alone, on all cores: whole {full:.1f}/s, reduced {reduced:.1f}/s;")
        print(f"  index ÷ whole decoding = {rate / full:.2f} (target ≥ 0.9), index ÷ reduced decoding = {rate / reduced:.2f}")
        queries = mini.encode_query(["강아지", "사람들", "눈 덮인 산", "자전거", "바다", "빨간 옷", "a dog running", "children playing"])
        a = mini.encode_document([{"image": Image(p).load()} for p in big])
        b = mini.encode_document([{"image": Image(p).load(mini.side)} for p in big])
        print(f"  ranking, reduced against whole decoding: {_agreement(queries, a, b)}")


def _photos(data: Path, folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """`count` JPEGs of this size: photos where the data folder is there, drawn pictures otherwise."""
    folder.mkdir()
    if (data / "flickr8k").exists():
        sources = [Image(r.pictures[0]).load() for r in list(shards.read(data / "flickr8k" / "test-000.tar"))[:count]]
    else:
        entries = catalogue.entries()
        sources = [catalogue.picture(entries[n % len(entries)]) for n in range(count)]
    noise = np.random.default_rng(0)
    paths = []
    for n, picture in enumerate(sources):
        resized = picture.resize(size, PIL.Image.Resampling.BICUBIC)
        if size[0] > 1000:  # grain, so that the file is as hard to decode as a camera's
            grain = noise.integers(-6, 7, (size[1], size[0], 1), dtype=np.int16)
            resized = PIL.Image.fromarray(np.clip(np.asarray(resized, dtype=np.int16) + grain, 0, 255).astype(np.uint8))
        paths.append(folder / f"{n:04}.jpg")
        resized.save(paths[-1], quality=88)
    return paths


def _decode_rate(paths: Sequence[Path], side: int | None) -> float:
    with ThreadPoolExecutor() as pool:
        started = time.perf_counter()
        for _ in pool.map(lambda p: Image(p).load(side).size, paths):
            pass
        return len(paths) / (time.perf_counter() - started)


def _agreement(queries: Embeddings, a: Embeddings, b: Embeddings) -> str:
    first = np.argsort(-(queries.dense @ a.dense.T), axis=1)
    second = np.argsort(-(queries.dense @ b.dense.T), axis=1)
    top = np.mean([len(set(x[:10]) & set(y[:10])) / 10 for x, y in zip(first, second, strict=True)])
    cosine = float((a.dense * b.dense).sum(axis=1).mean())
    same = np.mean(first[:, 0] == second[:, 0])
    return f"{top:.0%} of the top 10 shared, first hit equal for {same:.0%}, mean cosine of the vectors {cosine:.4f}"


def _quiet(arguments: list[str]) -> int:
    """Run a command in this process, its tables thrown away."""
    out, err = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = io.StringIO()
    try:
        return run(arguments)
    finally:
        sys.stdout, sys.stderr = out, err


# ----------------------------------------------------------------------------------------------------------------- search


class _Ready:
    """An encoder whose query vectors are ready, so that searching is timed without encoding."""

    name, fingerprint, dims, kinds, side = "ready", "ready-1", (384,), ("text", "image"), 16

    def __init__(self, vectors: dict[str, Floats]) -> None:
        self.vectors = vectors
        self.calibration = Mini().calibration

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        return Embeddings(np.stack([self.vectors[str(item(c).text)] for c in contents]))

    encode_document = encode_query


def search(size: int) -> None:
    """`Collection.search` at `size` × 384, by vectors alone, against the requests that it makes of the engine, run directly there."""
    random = np.random.default_rng(0)
    spectrum = (np.arange(1, 385) ** -0.5).astype(np.float32)  # variance falls over the dimensions as embeddings' does
    centres = random.normal(size=(2000, 384)).astype(np.float32) * spectrum

    def draw(which: np.ndarray) -> Floats:
        return unit(centres[which] + 0.7 * random.normal(size=(len(which), 384)).astype(np.float32) * spectrum)

    which = random.integers(0, 2000, size)
    texts, images = draw(which), draw(which)
    asked = draw(random.integers(0, 2000, 300))
    with tempfile.TemporaryDirectory() as name:
        encoder = _Ready({f"q{n}": v for n, v in enumerate(asked)})
        opened = collection.open(Path(name) / "big.hannun", encoder)  # type: ignore[arg-type]
        engine = opened._engine
        for at in range(0, size, 2000):
            engine.upsert([_point(n, texts[n], images[n]) for n in range(at, min(at + 2000, size))])
        opened.optimise()
        shared = []
        took: dict[str, list[float]] = {f"{run}, {clock}": [] for clock in ("clock", "processor") for run in ("search", "directly")}
        for n in range(len(asked)):
            requests = [request_of(q) for q in _asked(opened, f"q{n}")]
            for timed in [0, 1] if n % 2 else [1, 0]:  # in turn, so that neither has the warmer cache
                started, spent = time.perf_counter(), time.process_time()
                if timed:
                    hits = opened.search(f"q{n}", words=0)
                else:
                    for request in requests:
                        engine._shard.query(request)
                run = "search" if timed else "directly"
                took[f"{run}, clock"].append(time.perf_counter() - started)
                took[f"{run}, processor"].append(time.process_time() - spent)
            average = unit(texts + images) @ asked[n] if n < 50 else None
            if average is not None:
                shared.append(len({int(h.id) for h in hits} & set(np.argsort(-average)[:10].tolist())) / 10)
        opened.close()
    for clock in ("clock", "processor"):
        whole, direct = (np.array(took[f"{run}, {clock}"][20:]) * 1000 for run in ("search", "directly"))
        for name, values in (("Collection.search", whole), ("the engine directly", direct)):
            p50, p95 = np.percentile(values, [50, 95])
            print(f"{name:22} p50 {p50:.2f} ms   p95 {p95:.2f} ms   by the {clock}")
        low, high = metrics.bootstrap(whole - direct)
        ratio = [np.percentile(whole, p) / np.percentile(direct, p) for p in (50, 95)]
        print(f"ratio                  p50 {ratio[0]:.2f}      p95 {ratio[1]:.2f}      target ≤ 1.2; apart {low:.2f}–{high:.2f} ms")
    print(f"recall@10 against brute force over the exact average: {np.mean(shared):.3f}")
    mini = Mini()
    mini.encode_query(["빨간 원피스"])
    times = []
    for _ in range(50):
        started = time.perf_counter()
        mini.encode_query(["빨간 줄무늬 원피스"])
        times.append(time.perf_counter() - started)
    print(f"text encoding, apart   p50 {statistics.median(times) * 1000:.2f} ms")


def _asked(opened: Local, query: str) -> list[dict[str, Any]]:
    """What a search asks of the engine's own query language."""
    engine, asked = opened._engine, list[dict[str, Any]]()
    ask = engine._ask
    engine._ask = lambda request: asked.append(request) or ask(request)
    try:
        opened.search(query, words=0)
    finally:
        del engine._ask
    return asked


def _point(n: int, text: Floats, image: Floats) -> Point:
    facts = {"title": f"상품 {n}", "category": "원피스" if n % 3 else "셔츠", "price": n}
    payload = {"hash": str(n), "text": f"빨간 줄무늬 원피스 {n}", "images": [], "facts": facts}
    return Point(str(n), {"text": text, "image": image}, payload)


# ------------------------------------------------------------------------------------------------------------------- cold


def cold(data: Path) -> None:
    """`hannun search` from the shell, process start to exit, on the drawn catalogue; an empty Python beside."""
    with tempfile.TemporaryDirectory() as name:
        rows = catalogue.write(Path(name) / "catalogue")
        assert _quiet(["index", str(rows), "--to", f"{name}/c.hannun"]) == 0
        command = [str(Path(sys.executable).with_name("hannun")), "search", "빨간 줄무늬 원피스", "--in", f"{name}/c.hannun"]
        times = {"hannun search": command, "python -c pass": [sys.executable, "-c", "pass"]}
        for label, arguments in times.items():
            taken = []
            for _ in range(7):
                started = time.perf_counter()
                subprocess.run(arguments, check=True, capture_output=True)
                taken.append(time.perf_counter() - started)
            print(
                f"{label:16} median {statistics.median(taken[1:]):.2f} s, worst {max(taken[1:]):.2f} s"
                + ("; target ≤ 1.5 s" if "search" in label else "")
            )


if __name__ == "__main__":
    main()
