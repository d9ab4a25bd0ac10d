"""Ways to do one thing go in; their rates a second of processor time, side by side, come out; and shares with their intervals."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np

PASSES = 5


def timed(make: Callable[[], int]) -> tuple[float, int]:
    started = time.process_time()
    kept = make()
    return time.process_time() - started, kept


def compare(count: int, unit: str, ways: dict[str, Callable[[], tuple[float, int]]]) -> None:
    """Interleaved passes after one that is not counted; a row for each way with its rate (median of passes) and its ratio to the first."""
    seconds: dict[str, list[float]] = defaultdict(list)
    kept: dict[str, int] = {}
    for n in range(1 + PASSES):
        for name, way in ways.items():
            s, kept[name] = way()
            seconds[name] += [s] if n else []
    first = next(iter(ways))
    print(f"| way | {unit}/s | kept of {count} | ours is faster by (median of the passes' ratios; least, most) |\n|---|---|---|---|")
    for name in ways:
        ratios = sorted(b / a for a, b in zip(seconds[first], seconds[name], strict=True))
        faster = "–" if name == first else f"{statistics.median(ratios):.1f} ({ratios[0]:.1f}–{ratios[-1]:.1f})"
        print(f"| {name} | {count / statistics.median(seconds[name]):,.0f} | {kept[name]} | {faster} |", flush=True)


def portion(values: object) -> str:
    """A share with its 95 % Wilson interval."""
    x = np.array(list(values), dtype=float)  # type: ignore[call-overload]
    if not len(x):
        return "–"
    n, p, z = len(x), float(x.mean()), 1.96
    middle, half = (p + z * z / 2 / n) / (1 + z * z / n), z * ((p * (1 - p) + z * z / 4 / n) / n) ** 0.5 / (1 + z * z / n)
    return f"{p:.3f} ({max(0.0, middle - half):.3f}–{min(1.0, middle + half):.3f})"
