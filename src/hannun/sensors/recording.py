"""Samples of wearables at any times go in, channel by channel; recordings come out: a day in minutes each, or raw values at an even rate.

What had to be put right is told in lines: an order, equal times, units, steps that were summed up, values that cannot be. Nothing is
filled in: a minute without a sample is masked.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
import numpy.typing as npt

from hannun.errors import InputError
from hannun.sensors.captions import NONE, Labels
from hannun.sensors.channels import KNOWN, MINUTELY, MINUTES, channel
from hannun.sensors.episodes import Episode, MoodNote, mooded, named
from hannun.sensors.form import DAY, gridded
from hannun.signals import MAX_VALUES, Signal

Floats64 = npt.NDArray[np.float64]
_EPOCH = datetime.datetime(1970, 1, 1)
ODD = 0.5  # of the values of a channel that may be impossible before the column is taken for another one
CERTAIN = 0.95  # of the values that must fit another unit before it is taken for that
STUCK = 60  # equal samples, all that there are, that make a sensor look stuck
SUMMED = 50  # samples that never fall, beyond what a minute can have, are a count that was summed up


@final
@dataclass(frozen=True, eq=False)
class SignalRecording:
    """A signal, what somebody said of it, what it is called (its date, or its file), whose it is, and what was put right."""

    signal: Signal
    labels: Labels = NONE
    name: str = ""
    person: str = ""
    said: tuple[str, ...] = ()


@final
@dataclass
class Samples:
    """What one person's devices measured: (times, values) by channel and source; labels as (activity, start, end) and (mood, time).

    Times are seconds from 1970 by the clock on the wall.
    """

    person: str = ""
    values: dict[tuple[str, str], list[tuple[Floats64, Floats64]]] = field(default_factory=dict)
    activities: list[tuple[str, float, float]] = field(default_factory=list)
    moods: list[tuple[str, float]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def add(self, key: str, times: npt.ArrayLike, values: npt.ArrayLike, source: str = "") -> None:
        """More samples of a channel; those without a time or a value are left out."""
        t, x = np.asarray(times, np.float64), np.asarray(values, np.float64)
        there = np.isfinite(t) & np.isfinite(x)
        self.values.setdefault((key, source), []).append((t[there], x[there]))

    def tell(self, line: str) -> None:
        """What was put right, once."""
        if line not in self.said:
            self.said.append(line)


def recordings(samples: Samples, name: str, rate: float | None = None) -> Iterator[SignalRecording]:
    """A recording a day where a channel is of minutes; else one of raw values at an even rate.

    Raises InputError where nothing was measured, or what was measured cannot be what its column says.
    """
    whole = {k: (np.concatenate([t for t, _ in v]), np.concatenate([x for _, x in v])) for k, v in samples.values.items()}
    whole = {k: v for k, v in whole.items() if len(v[0])}
    if not whole:
        raise InputError(f"{name}: holds no measured value, expected times and numbers; look at --columns")
    clean = {(key, source): plausible(key, *ordered(key, t, x, samples.tell), samples.tell) for (key, source), (t, x) in whole.items()}
    if any(key in MINUTELY for key, _ in clean):
        yield from _days(samples, clean)
    else:
        yield raw(samples, {key: v for (key, _), v in clean.items()}, name, rate)


def ordered(key: str, times: Floats64, values: Floats64, tell: Callable[[str], None]) -> tuple[Floats64, Floats64]:
    """Samples in the order of time."""
    late = int((np.diff(times) < 0).sum())
    if late:
        tell(f"{key}: {late:,} samples came after later ones; they were put in order")
    by = np.argsort(times, kind="stable")
    return times[by], values[by]


def plausible(key: str, times: Floats64, values: Floats64, tell: Callable[[str], None]) -> tuple[Floats64, Floats64]:
    """The samples in the channel's own unit, without those that cannot be. Raises InputError where most of them cannot be."""
    c = channel(key)
    for unit, low, high, change in _UNITS.get(key, ()):
        if ((values >= low) & (values <= high)).mean() >= CERTAIN:
            tell(f"{key}: values of {values.min():g} … {values.max():g} were read as {unit} and are {c.unit} now")
            values = change(values)
            break
    if key == "steps" and len(values) >= SUMMED and values.max() > c.high and not (np.diff(values) < 0).any():
        tell("steps: the count was summed up; the steps of each time are the differences")
        values = np.diff(values, prepend=values[0])
    fits = (values >= c.low) & (values <= c.high)
    if fits.mean() < 1 - ODD:
        told = f"{key}: holds values of {values.min():g} … {values.max():g}, expected {c.low:g} … {c.high:g} {c.unit}".strip()
        raise InputError(f"{told}; is it another column, or another unit? say which with --columns {key}=…")
    if not fits.all():
        tell(f"{key}: {int((~fits).sum()):,} values beyond {c.low:g} … {c.high:g} are no measurements, and are masked")
    if fits.sum() >= STUCK and np.ptp(values[fits]) == 0:
        tell(f"{key}: is {values[fits][0]:g} all the time; is the sensor stuck?")
    return times[fits], values[fits]


#: Units that values may come in by mistake: what they are, from which value to which, and how they become the channel's own.
_UNITS: Mapping[str, tuple[tuple[str, float, float, Callable[[Floats64], Floats64]], ...]] = {
    "HR": (("beats a second", 0.4, 4.2, lambda x: x * 60),),
    "hrv_rr_median": (("seconds", 0.24, 2.4, lambda x: x * 1000),),
    "skin_temperature_magnitude": (("degrees Fahrenheit", 70, 113, lambda x: (x - 32) / 1.8),),
}


def _days(samples: Samples, clean: Mapping[tuple[str, str], tuple[Floats64, Floats64]]) -> Iterator[SignalRecording]:
    """Minutes of each day that has any sample; of several sources that count the same, the larger count of a minute stands."""
    days = sorted({int(d) for t, _ in clean.values() for d in np.unique(t // DAY)})
    keys = tuple(sorted(dict.fromkeys(k for k, _ in clean), key=lambda k: list(KNOWN).index(k) if k in KNOWN else len(KNOWN)))
    for day in days:
        values, mask = np.zeros((MINUTES, len(keys)), np.float32), np.zeros((MINUTES, len(keys)), bool)
        for (key, _), (times, x) in clean.items():
            here = times // DAY == day
            if not here.any():
                continue
            t, v = times[here], x[here]
            if channel(key).total and (double := np.flatnonzero(np.diff(t) == 0)).size:
                samples.tell(f"{key}: samples of equal times were found; the last of each stands")
                t, v = np.delete(t, double), np.delete(v, double)
            made, there = gridded(((t % DAY) // 60).astype(np.int64), v, np.ones(len(t)), MINUTES, channel(key).total)
            column = keys.index(key)
            better = there & (~mask[:, column] | (made > values[:, column]) & channel(key).total)
            values[better, column], mask[better, column] = made[better], True
        kept = np.asarray(mask.any(axis=0))
        date = (_EPOCH + datetime.timedelta(days=day)).date().isoformat()
        signal = Signal(values[:, kept], 1 / 60, tuple(k for k, there in zip(keys, kept, strict=True) if there), date, mask[:, kept])
        yield SignalRecording(signal, _labels(samples, day * DAY, MINUTES, 60), date, samples.person, tuple(samples.said))


def _labels(samples: Samples, first: float, rows: int, step: float) -> Labels:
    """What was said of the rows that begin at a time, `step` seconds each; what goes over the edge is cut."""
    episodes = []
    for activity, start, end in samples.activities:
        a, b = (min(max(0, round((t - first) / step)), rows) for t in (start, end))
        if b > a:
            episodes.append(Episode(*named(activity), a, b))
    moods = [MoodNote(*mooded(m), int((t - first) // step)) for m, t in samples.moods if 0 <= t - first < rows * step]
    return Labels(tuple(sorted(episodes, key=lambda e: (e.start, e.end))), tuple(sorted(moods, key=lambda m: m.row)))


def raw(samples: Samples, clean: Mapping[str, tuple[Floats64, Floats64]], name: str, rate: float | None) -> SignalRecording:
    """One signal at an even rate, each value in the nearest row; rows without one are masked. Raises InputError for a wrong rate.

    Times that are only told to the second, with many samples in each, are spread over it.
    """
    spread = {k: (_spread(t), x) for k, (t, x) in _in_g(clean, samples.tell).items()}
    every = np.unique(np.concatenate([t for t, _ in spread.values()]))
    if len(every) < 2:
        raise InputError(f"{name}: holds {len(every)} sample, expected two or more at different times")
    step = float(np.median(np.diff(every)))
    found = 1 / step
    if rate is not None and not 0.8 <= rate / found <= 1.25:
        raise InputError(f"{name}: samples come every {step:.4g} s ({found:.4g} Hz), and a rate of {rate:g} Hz came; leave it out")
    even = found if rate is None else rate
    even = float(round(even)) if even > 1.5 and abs(even - round(even)) / even < 0.05 else even
    first, rows = float(every[0]), round(float(every[-1] - every[0]) * even) + 1
    if rows * len(spread) > MAX_VALUES:
        raise InputError(f"{name}: would have {rows:,} rows at {even:g} Hz, of which {len(every):,} are measured; cut it at its gaps")
    values, mask = np.zeros((rows, len(spread)), np.float32), np.zeros((rows, len(spread)), bool)
    for column, (key, (times, x)) in enumerate(spread.items()):
        cell = np.round((times - first) * even).astype(np.int64)
        if (twice := len(cell) - len(np.unique(cell))) > 0:
            samples.tell(f"{key}: {twice:,} samples fell into a row that has one; they were averaged")
        values[:, column], mask[:, column] = gridded(cell, x, np.ones(len(cell)), rows, False)
    start = (_EPOCH + datetime.timedelta(seconds=first)).isoformat() if first > DAY * 365 else None
    labels = _labels(samples, first, rows, 1 / even)
    return SignalRecording(Signal(values, even, tuple(spread), start, mask), labels, name, samples.person, tuple(samples.said))


def _in_g(clean: Mapping[str, tuple[Floats64, Floats64]], tell: Callable[[str], None]) -> Mapping[str, tuple[Floats64, Floats64]]:
    """Acceleration in g, where its three axes say by the size of gravity that they came in m/s²."""
    axes = [clean[k] for k in ("acc_x", "acc_y", "acc_z") if k in clean]
    if len(axes) < 3 or len({len(t) for t, _ in axes}) > 1:
        return clean
    size = float(np.median(np.sqrt(sum(x**2 for _, x in axes))))
    if not 8 <= size <= 12:
        return clean
    tell("acceleration came in m/s² (its size is about 9.8 at rest) and is in g now")
    return {k: (t, x / 9.80665 if k.startswith("acc_") else x) for k, (t, x) in clean.items()}


def _spread(times: Floats64) -> Floats64:
    distinct, where, count = np.unique(times, return_inverse=True, return_counts=True)
    if len(distinct) < 2 or np.median(count) < 2:
        return times
    rank = np.arange(len(times)) - np.searchsorted(times, times)
    return times + rank / count[where] * float(np.median(np.diff(distinct)))


def joined(some: Sequence[Samples]) -> Samples:
    """The samples of several files of one person."""
    whole = Samples(some[0].person if some else "")
    for one in some:
        for key, pieces in one.values.items():
            whole.values.setdefault(key, []).extend(pieces)
        whole.activities += one.activities
        whole.moods += one.moods
        for line in one.said:
            whole.tell(line)
    return whole
