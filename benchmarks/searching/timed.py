"""Ways of searching go in; how long each takes a query, what it finds of the true ten and what memory it holds come out."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hannun.embeddings import Floats
from hannun.index.edge import Edge
from hannun.index.engine import Plan, Words


def interleaved(runs: dict[str, Callable[[int], Any]], count: int) -> dict[str, list[float]]:
    """Seconds of each run for each query, the runs in turn and in changing order: a busy machine harms all alike.

    Every query is asked once before: what is timed is a store whose files are in memory.
    """
    names, times = list(runs), {n: [] for n in runs}
    for run in runs.values():
        for n in range(count):
            run(n)
    for n in range(count):
        order = names[n % len(names) :] + names[: n % len(names)]
        for name in (
            order if n // len(names) % 2 else order[::-1]
        ):  # each as often before as after each other: the first one warms the cache
            started = time.perf_counter()
            runs[name](n)
            times[name].append(time.perf_counter() - started)
    return times


def line(name: str, seconds: Sequence[float], recall: float | None = None, rest: str = "") -> None:
    """One row of a table."""
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    told = "" if recall is None else f"   recall@10 {recall:.3f}"
    print(f"{name:42} p50 {p50:7.2f} ms   p95 {p95:7.2f} ms   {1 / np.mean(seconds):7.0f}/s{told}   {rest}", flush=True)


def shared(found: Sequence[Sequence[int]], truth: np.ndarray) -> float:
    """Mean share of the true ten that was found."""
    return float(np.mean([len(set(map(int, f)) & set(map(int, t))) / len(t) for f, t in zip(found, truth, strict=True)]))


def ids(store: Edge, plan: Plan | Words) -> list[int]:
    """What a plan finds, as row numbers."""
    return [int(m.payload["id"]) for m in store.query(plan)]


def joint(query: Floats, **rest: Any) -> Plan:
    """A plan for one vector."""
    return Plan(query, {"joint": 1.0}, {"joint": 1.0}, **rest)


def least(run: Callable[[int, int], list[int]], truth: np.ndarray, depths: Sequence[int], queries: int = 100) -> tuple[int, float]:
    """The smallest depth of search that finds 98 % of the true ten, and what it finds."""
    recall = 0.0
    for depth in depths:
        recall = shared([run(n, depth) for n in range(len(truth[:queries]))], truth[:queries])
        if recall >= 0.98:
            return depth, recall
    return depths[-1], recall


DEPTHS = (10, 20, 40, 64, 100, 150, 200, 300, 400, 600, 800)


def memory_of(name: str, folder: Path, size: int) -> None:
    """Resident memory that a fresh process gains by opening a store and asking it a few things."""
    code = """
import sys
from pathlib import Path
import numpy as np
from hannun.index.edge import Edge
from hannun.index.engine import Plan
def resident():
    lines = dict(line.split(":") for line in open("/proc/self/status"))
    return [int(lines[k].split()[0]) * 1024 for k in ("RssAnon", "RssFile")]
before = resident()
store = Edge(Path(sys.argv[1]))
part = store.layout.parts[0]
random = np.random.default_rng(0)
for _ in range(50):
    q = random.normal(size=store.layout.dims[0]).astype(np.float32)
    store.query(Plan(q / np.linalg.norm(q), {part: 1.0}, {part: 1.0}))
print(*(b - a for a, b in zip(before, resident())))
"""
    if not Path("/proc/self/statm").exists():
        return
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True)
    disk = sum(f.stat().st_blocks * 512 for f in folder.rglob("*") if f.is_file())
    if done.returncode == 0:
        own, mapped = (int(x) / size for x in done.stdout.split())
        print(f"{name}: {own:,.0f} bytes an item, and {mapped:,.0f} of mapped files; on the disk {disk / size:,.0f}", flush=True)
    else:
        print(f"{name}: not measured ({done.stderr.strip().splitlines()[-1][:120]})")
