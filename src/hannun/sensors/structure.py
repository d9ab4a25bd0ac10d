"""A signal goes in; its trends, spikes and dips come out, by the thresholds of SensorLM's released code.

A day is averaged into 36 bins of 40 minutes. A trend is a line fitted to 6, 8 or 12 bins (half overlapping) whose slope is over 1.5, 1.3
or 1 fortieth of the channel's range and that ends more than 0.2 of the range from where it began; it is stable where the slope is under
0.01 and the spread under 0.1 of the range. The three largest that overlap by at most 0.3 are told. A spike stands 0.6 of the range over
the mean, a dip as deep as the release has it, each with a prominence of half the range, at most 4 bins wide, 5 apart. Ours: a bin wants
half of its rows measured, nothing is told across a bin that has none, and a signal that is not of a day has 36 bins too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hannun.sensors.channels import channel, spoken
from hannun.signals import Signal

BINS = 36
SEGMENTS = {6: 1.5, 8: 1.3, 12: 1.0}  # bins → slope, in fortieths of the range
RISE, STABLE_SLOPE, STABLE_SPREAD, OVERLAP, TRENDS = 0.2, 0.01, 0.1, 0.3, 3
PROMINENCE, HEIGHT, APART, WIDEST = 0.5, 0.6, 5, 4
FILLED = 0.5  # ours: the share of a bin's rows that must be measured
LEAST = 0.05  # ours: of the channel's published deviation; bins that differ by less are flat, and their noise is no trend

Floats64 = npt.NDArray[np.float64]
Direction = Literal["rising", "falling", "stable"]
Extreme = Literal["spike", "dip"]


@dataclass(frozen=True)
class Trend:
    """A channel from one row of the signal up to another."""

    key: str
    direction: Direction
    start: int
    end: int


@dataclass(frozen=True)
class Peak:
    """A spike or a dip of a channel at a row of the signal."""

    key: str
    extreme: Extreme
    row: int


def edges(rows: int) -> npt.NDArray[np.int64]:
    """The first row of each bin, and at last the number of rows: [37]; fewer bins where there are fewer rows."""
    return np.round(np.linspace(0, rows, min(BINS, rows) + 1)).astype(np.int64)


def binned(signal: Signal, key: str) -> Floats64:
    """The mean of each bin [36] of what was measured; NaN where less than half of it was."""
    column = signal.channels.index(key)
    x, there, cut = signal.values[:, column].astype(np.float64), signal.measured[:, column], edges(len(signal.values))
    count, summed = np.add.reduceat(there, cut[:-1], dtype=np.int64), np.add.reduceat(np.where(there, x, 0), cut[:-1])
    return np.where(count >= FILLED * np.diff(cut), summed / np.maximum(count, 1), np.nan)


def trends(signal: Signal, keys: tuple[str, ...] | None = None) -> list[Trend]:
    """Up to three of each channel, in the order of time."""
    found = []
    for key in spoken(signal.channels) if keys is None else keys:
        cut = edges(len(signal.values))
        found += [Trend(key, way, int(cut[a]), int(cut[b])) for a, b, way in chosen(binned(signal, key), least(key))]
    return found


def chosen(bins: Floats64, least_reach: float = 0.0) -> list[tuple[int, int, Direction]]:
    """(first bin, bin after the last, direction) of the trends of one channel that are told, in the order of time."""
    if not (reach := reached(bins, least_reach)):
        return []
    sized = []
    for size in SEGMENTS:
        for start in range(0, len(bins) - size + 1, size // 2):
            if (way := direction(bins[start : start + size], reach)) is not None:
                part = bins[start : start + size]
                change = abs(part[-1] - part[0]) if way != "stable" else RISE * reach
                sized.append((change, abs(slope(part)) if way != "stable" else 1.0, size, start, way))
    sized.sort(key=lambda s: s[:3], reverse=True)
    kept: list[tuple[int, int, Direction]] = []
    for _, _, size, start, way in sized:
        if len(kept) < TRENDS and all(min(start + size, b) - max(start, a) <= OVERLAP * min(size, b - a) for a, b, _ in kept):
            kept.append((start, start + size, way))
    return sorted(kept)


def least(key: str) -> float:
    """How far the bins of a channel must differ at least for any of it to be told."""
    return LEAST * channel(key).deviation


def reached(bins: Floats64, least_reach: float = 0.0) -> float:
    """The range of a channel's bins; 0 where there is none, or less than the least."""
    if np.isnan(bins).all():
        return 0.0
    reach = float(np.nanmax(bins) - np.nanmin(bins))
    return reach if reach >= least_reach else 0.0


def slope(part: Floats64) -> float:
    """Of the line fitted to values one apart."""
    x = np.arange(len(part)) - (len(part) - 1) / 2
    return float((x * (part - part.mean())).sum() / (x**2).sum())


def direction(part: Floats64, reach: float) -> Direction | None:
    """What a segment of 6, 8 or 12 bins does, where it does anything that is told; `reach` is the range of the whole channel."""
    if np.isnan(part).any() or reach <= 0:
        return None
    leaning, steep = slope(part), SEGMENTS[len(part)] * reach / 40
    if leaning > steep and part[-1] - part[0] > RISE * reach:
        return "rising"
    if leaning < -steep and part[0] - part[-1] > RISE * reach:
        return "falling"
    return "stable" if abs(leaning) < STABLE_SLOPE * reach and np.ptp(part) < STABLE_SPREAD * reach else None


def peaks(signal: Signal, keys: tuple[str, ...] | None = None) -> list[Peak]:
    """The spikes and dips of each channel, in the order of time."""
    found = []
    for key in spoken(signal.channels) if keys is None else keys:
        cut = edges(len(signal.values))
        found += [Peak(key, extreme, int(cut[at] + cut[at + 1]) // 2) for at, extreme in extremes(binned(signal, key), least(key))]
    return found


def extremes(bins: Floats64, least_reach: float = 0.0) -> list[tuple[int, Extreme]]:
    """(bin, spike or dip) of one channel."""
    if not (reach := reached(bins, least_reach)):
        return []
    mean = float(np.nanmean(bins))
    there = ~np.isnan(bins)
    starts = np.flatnonzero(there & ~np.r_[False, there[:-1]])
    ends = np.flatnonzero(there & ~np.r_[there[1:], False]) + 1
    found: list[tuple[int, Extreme]] = []
    for a, b in zip(starts, ends, strict=True):
        part = bins[a:b]
        found += [(int(a) + at, "spike") for at in summits(part, HEIGHT * reach + mean, PROMINENCE * reach)]
        found += [(int(a) + at, "dip") for at in summits(-part, -mean - (1 - HEIGHT) * reach, PROMINENCE * reach)]
    return sorted(found)


def summits(x: Floats64, height: float, prominence: float) -> list[int]:
    """Local maxima of at least a height and a prominence, at most 4 wide at half of it, the higher first where two are under 5 apart.

    What `scipy.signal.find_peaks` gives for the same settings; written out, since the base install has no SciPy.
    """
    found = []
    at = 1
    while at < len(x) - 1:
        end = at
        while end < len(x) - 1 and x[end + 1] == x[at]:
            end += 1
        if x[at - 1] < x[at] and end < len(x) - 1 and x[end + 1] < x[at]:
            found.append((at + end) // 2)
        at = end + 1
    found = [p for p in found if x[p] >= height]
    kept: list[int] = []
    for p in sorted(found, key=lambda p: (x[p], p), reverse=True):
        if all(abs(p - q) >= APART for q in kept):
            kept.append(p)
    return [p for p in sorted(kept) if (stands := prominent(x, p)) >= prominence and wide(x, p, stands) <= WIDEST]


def _foot(x: Floats64, peak: int, step: int) -> float:
    """The lowest value from a peak until something higher."""
    at, lowest = peak, x[peak]
    while 0 <= at < len(x) and x[at] <= x[peak]:
        lowest, at = min(lowest, x[at]), at + step
    return float(lowest)


def prominent(x: Floats64, peak: int) -> float:
    """How far a peak stands over the higher of the lowest values to its left and right."""
    return float(x[peak]) - max(_foot(x, peak, -1), _foot(x, peak, 1))


def wide(x: Floats64, peak: int, stands: float) -> float:
    """The width of a peak at half its prominence, between bins by a straight line."""
    level = float(x[peak]) - stands / 2
    sides = []
    for step in (-1, 1):
        at = peak
        while 0 <= at + step < len(x) and x[at] > level:
            at += step
        inner = at - step
        crossing = at if x[at] >= level or at == peak else at - step * (level - x[at]) / (x[inner] - x[at])
        sides.append(float(crossing))
    return sides[1] - sides[0]
