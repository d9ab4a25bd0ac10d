"""A signal goes in; the paper's table of a day comes out (1440 minutes × 26 features with a mask), or an even window of raw values."""

from __future__ import annotations

import datetime

import numpy as np
import numpy.typing as npt

from hannun.embeddings import Floats
from hannun.errors import InputError
from hannun.facts import moment
from hannun.sensors.channels import FEATURES, MINUTES, channel
from hannun.signals import Signal

Mask = npt.NDArray[np.bool_]
DAY = 86_400


def begins(signal: Signal) -> int:
    """Seconds from midnight at which the signal begins, by the clock that its start is written in; 0 where it has none."""
    at = clocked(signal)
    return 0 if at is None else int((at - at.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds())


def clocked(signal: Signal) -> datetime.datetime | None:
    """When the signal begins, by the clock that its start is written in."""
    if signal.start is None or moment(signal.start) is None:
        return None
    plain = signal.start.strip().replace(",", ".")
    return datetime.datetime.fromisoformat(plain).replace(tzinfo=None)


def in_minutes(signal: Signal) -> bool:
    """Whether the signal tells of minutes of a day: a row a minute, or rarer, and the day's clock known or at least six hours of it."""
    return signal.rate <= 1 / 30 and (signal.start is not None or len(signal.values) / signal.rate >= DAY / 4)


def day_table(signal: Signal) -> tuple[Floats, Mask]:
    """Values and mask [1440, 26] of the day on which the signal begins; what is not among its channels is masked, never made up.

    Faster rows are averaged (steps are added) within each minute; rarer ones stand in the minute that they begin. Raises InputError for a
    signal that has none of the features, or whose rows are so far apart that most minutes would be empty by the rate alone.
    """
    known = {f.key: n for n, f in enumerate(FEATURES)}
    if not any(c in known for c in signal.channels):
        raise InputError(f"a signal of {', '.join(signal.channels)[:120]} came, expected at least one of {', '.join(known)[:160]}…")
    first = begins(signal)
    minute = ((first + np.arange(len(signal.values)) / signal.rate) // 60).astype(np.int64)
    here = minute < MINUTES
    values, mask = np.zeros((MINUTES, len(FEATURES)), np.float32), np.zeros((MINUTES, len(FEATURES)), bool)
    for column, key in enumerate(signal.channels):
        if key in known:
            made, there = gridded(minute[here], signal.values[here, column], signal.measured[here, column], MINUTES, channel(key).total)
            values[:, known[key]], mask[:, known[key]] = made, there
    return values, mask


def gridded(cell: npt.NDArray[np.int64], values: npt.ArrayLike, measured: npt.ArrayLike, cells: int, total: bool) -> tuple[Floats, Mask]:
    """Values [n] put into `cells` even cells by the number of each: their mean, or sum where `total`; and which cells have any."""
    x, there = np.asarray(values, np.float64), np.asarray(measured, bool)
    count = np.bincount(cell[there], minlength=cells)[:cells]
    summed = np.bincount(cell[there], weights=x[there], minlength=cells)[:cells]
    made = summed if total else summed / np.maximum(count, 1)
    return np.asarray(np.where(count > 0, made, 0), np.float32), count > 0


def day_signal(values: Floats, mask: Mask, date: str | None = None) -> Signal:
    """The signal of a table of a day [1440, 26], of the channels that it has measured. Raises InputError where it has none."""
    kept = [n for n in range(len(FEATURES)) if mask[:, n].any()]
    if not kept:
        raise InputError("a day without a single measured value came, expected some; leave the day out")
    return Signal(values[:, kept], 1 / 60, tuple(FEATURES[n].key for n in kept), date, mask[:, kept])


def standardised(values: Floats, mask: Mask) -> Floats:
    """The table in the release's deviations from its means, 0 where nothing was measured, within ±8."""
    mean, deviation = (np.array([getattr(f, name) for f in FEATURES], np.float32) for name in ("mean", "deviation"))
    return np.asarray(np.where(mask, np.clip((values - mean) / deviation, -8, 8), 0), np.float32)
