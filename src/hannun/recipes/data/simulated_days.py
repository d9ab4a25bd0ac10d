"""A seed goes in; days of made-up people come out, with a physiology that a doctor would recognise. For training alone.

Nothing that measures may import this file: `evaluate` and `recipes` stand on one floor, and do not see each other.

Where the numbers are from. Heart rate at most 208 − 0.7 × age (Tanaka et al. 2001); exertion as a share of the reserve between rest and
that (Karvonen et al. 1957): walking at 100 steps a minute about a third (moderate from 100, Tudor-Locke et al. 2018), running three
fourths. It rises with a time constant of about a minute and falls with three and a half (ours). Asleep it is a tenth
lower, least toward four or five in the morning, with a slow wave of about 90 minutes of sleep cycles. RMSSD falls with age and with the
rate (Shaffer and Ginsberg 2017); it is told only while still. The skin of the wrist is warmer asleep (34 … 35 °C) than awake. The rest,
such as how many walk to work, is ours. Channels whose units are a device's own (jerk, log energy …) are left out, not made up.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hannun.sensors.captions import Labels
from hannun.sensors.channels import MINUTES
from hannun.sensors.episodes import MOODS, NAMES, Episode, MoodNote
from hannun.signals import Signal

Minutes = npt.NDArray[np.float64]
CHANNELS = (
    "HR",
    "hr_at_rest_mean",
    "hrv_percent_good",
    "hrv_rr_median",
    "rmssd_percentile_0595",
    "sdnn_percentile_0595",
    "steps",
    "eda_level_real",
    "skin_temperature_magnitude",
)
RISE, RECOVERY = 1.2, 3.5  # minutes
FIRST = datetime.date(2025, 1, 1)


@dataclass(frozen=True)
class Person:
    """What stays with somebody: age, resting rate, the hour of going to bed and of getting up, how active, HRV, what their watch has."""

    age: float
    rest: float
    bed: float
    up: float
    lively: float
    rmssd: float
    watch: frozenset[str]

    @property
    def top(self) -> float:
        """The highest heart rate, in beats a minute."""
        return 208 - 0.7 * self.age


@dataclass(frozen=True)
class SimulatedDay:
    """A day of a made-up person, and what they would have logged."""

    person: int
    signal: Signal
    labels: Labels


def person(rng: np.random.Generator) -> Person:
    """Somebody between 18 and 80."""
    age = float(np.clip(rng.normal(42, 15), 18, 80))
    rest = float(np.clip(rng.normal(63, 7), 45, 85))
    bed = float(np.clip(rng.normal(23.6, 1.0), 21.3, 26.5))
    up = float(np.clip(bed - 24 + rng.normal(7.3, 0.7), 4.5, 10.0))
    rmssd = float(np.clip(np.exp(rng.normal(3.6, 0.35)) * (1.25 - 0.007 * age), 9, 110))
    watch = {"HR", "steps"} | ({"hr_at_rest_mean"} if rng.random() < 0.5 else set())
    if rng.random() < 0.6:
        watch |= {"hrv_percent_good", "hrv_rr_median", "rmssd_percentile_0595", "sdnn_percentile_0595"}
    watch |= {name for name in ("eda_level_real", "skin_temperature_magnitude") if rng.random() < 0.4}
    return Person(age, rest, bed, up, float(np.clip(rng.gamma(3, 0.33), 0.2, 2.5)), rmssd, frozenset(watch))


def days(people: int, each: int, seed: int = 0) -> list[SimulatedDay]:
    """`each` days of as many people, the same for the same seed."""
    found = []
    for number in range(people):
        rng = np.random.default_rng([seed, number])
        who = person(rng)
        found += [SimulatedDay(number, *day(who, FIRST + datetime.timedelta(days=int(rng.integers(600))), rng)) for _ in range(each)]
    return found


def day(who: Person, date: datetime.date, rng: np.random.Generator) -> tuple[Signal, Labels]:
    """One day of somebody, from midnight to midnight."""
    asleep, nights = _sleep(who, rng)
    steps, effort, done = _moving(who, asleep, rng)
    moods, tense = _moods(asleep, rng)
    rate = heart_rate(who, asleep, effort, tense, rng)
    still = (steps < 5) & (_smooth(steps, 5) < 20)
    good = np.clip(np.where(still, 0.75, 0.15) + np.where(asleep, 0.15, 0) + rng.normal(0, 0.06, MINUTES), 0, 1)
    variation = who.rmssd * np.exp(-1.8 * (rate / who.rest - 1)) * np.exp(_wander(rng, 0.15, 20))
    warm = np.where(asleep, 34.6, 32.2) + np.where(effort > 0.4, -0.8, 0)
    table = {
        "HR": rate,
        "hr_at_rest_mean": np.full(MINUTES, who.rest) + rng.normal(0, 0.4),
        "hrv_percent_good": good,
        "hrv_rr_median": 60_000 / rate + rng.normal(0, 4, MINUTES),
        "rmssd_percentile_0595": np.clip(variation, 3, 125),
        "sdnn_percentile_0595": np.clip(variation * np.exp(rng.normal(0.3, 0.06)) + _wander(rng, 3, 15), 4, 125),
        "steps": steps,
        "eda_level_real": np.clip(1.2 + 4.5 * _follow(effort, 3, 12) + 2.5 * tense + np.abs(_wander(rng, 0.5, 30)), 0.05, 60),
        "skin_temperature_magnitude": _follow(warm, 25, 25) + _wander(rng, 0.25, 40),
    }
    values = np.stack([table[c] for c in CHANNELS], axis=1)
    mask = np.tile([c in who.watch for c in CHANNELS], (MINUTES, 1))
    for n, name in enumerate(CHANNELS):  # beats are told only where enough of them were read, as the release filters them
        if name in ("hrv_rr_median", "rmssd_percentile_0595", "sdnn_percentile_0595"):
            mask[:, n] &= good >= 0.2
    for start, end in _unworn(asleep, rng):
        mask[start:end] = False
    kept = np.asarray(mask.any(axis=0))
    values[~mask] = np.nan
    names = tuple(c for c, there in zip(CHANNELS, kept, strict=True) if there)
    signal = Signal(values[:, kept].astype(np.float32), 1 / 60, names, date.isoformat(), mask[:, kept])
    return signal, Labels(tuple(sorted([*nights, *done], key=lambda e: e.start)), tuple(moods))


def heart_rate(who: Person, asleep: npt.NDArray[np.bool_], effort: Minutes, tense: Minutes, rng: np.random.Generator) -> Minutes:
    """Beats a minute [1440] of somebody who makes an effort of a share of their reserve: it follows late, and falls later still."""
    hour = np.arange(MINUTES) / 60
    circadian = 0.035 * np.cos((hour - 16.5) / 24 * 2 * np.pi)  # highest in the late afternoon, least toward half past four
    cycles = np.where(asleep, 0.025 * np.sin(np.arange(MINUTES) / 90 * 2 * np.pi + rng.uniform(0, 2 * np.pi)), 0)
    base = who.rest * (np.where(asleep, 0.93, 1.10) + circadian + cycles) + 9 * tense
    wanted = base + np.clip(effort, 0, 0.95) * (who.top - base)
    rate = _follow(wanted, RISE, RECOVERY) + _wander(rng, 1.6, 4) + rng.normal(0, 0.8, MINUTES)
    return np.asarray(np.clip(rate, 38, who.top))


def _sleep(who: Person, rng: np.random.Generator) -> tuple[npt.NDArray[np.bool_], list[Episode]]:
    """Which minutes somebody sleeps, and the nights that the day has parts of."""
    asleep, nights = np.zeros(MINUTES, bool), []
    fell = int((who.bed - 24 + rng.normal(0, 0.5)) * 60)
    woke = int(np.clip((who.up + rng.normal(0, 0.6)) * 60, 200, 660))
    late = int((who.bed + rng.normal(0, 0.6)) * 60)
    for start, end in ((max(0, fell), woke), (min(late, MINUTES), MINUTES)):
        if end - start >= 20:
            asleep[start:end] = True
            nights.append(Episode(*NAMES["sleep"], start, end))
    return asleep, nights


def _moving(who: Person, asleep: npt.NDArray[np.bool_], rng: np.random.Generator) -> tuple[Minutes, Minutes, list[Episode]]:
    """Steps a minute, effort as a share of the reserve, and the activities that are logged."""
    steps, effort = np.zeros(MINUTES), np.zeros(MINUTES)
    hour = np.arange(MINUTES) / 60
    busy = 0.10 * who.lively * np.exp(-0.5 * ((hour - 14) / 5) ** 2)
    about = (rng.random(MINUTES) < busy) & ~asleep
    for start in np.flatnonzero(about).tolist():
        long = min(1 + int(rng.geometric(0.4)), 8)
        steps[start : start + long] = rng.integers(8, 70)
        effort[start : start + long] = 0.10
    for start in np.flatnonzero((rng.random(MINUTES) < 0.002) & asleep).tolist():  # up in the night
        steps[start : start + 2] = rng.integers(8, 30)
    done = []
    awake = np.flatnonzero(~asleep)
    plans = [("walk", 0.55 * who.lively), ("walk", 0.45 * who.lively), ("run", 0.16 * who.lively), ("bike", 0.08 * who.lively)]
    for kind, odds in plans:
        if rng.random() >= odds:
            continue
        likely = np.exp(-0.5 * ((awake / 60 - rng.choice([5.3, 7.5, 12.5, 18.5, 20.5])) / 0.8) ** 2) + 1e-9
        start = int(rng.choice(awake, p=likely / likely.sum()))
        if kind == "walk" and rng.random() < 0.12:  # up before dawn, which some do every day
            start = int(rng.integers(200, 350))
            asleep[start - 15 :][:60] = False
        long = int(np.clip(rng.normal(38, 14), 21, 100))
        end = min(start + long, MINUTES - 1)
        cadence = {"walk": rng.normal(106, 9), "run": rng.normal(163, 8), "bike": 0.0}[kind]
        hard = {"walk": 0.30 + (cadence - 100) * 0.004, "run": rng.normal(0.74, 0.06), "bike": rng.normal(0.6, 0.08)}[kind]
        if end - start < 21 or steps[start:end].max(initial=0) > 90:
            continue
        jitter = rng.normal(0, 5, end - start)
        steps[start:end] = np.clip(cadence + jitter, 62, 200) if cadence else rng.integers(0, 6, end - start)
        effort[start:end] = np.clip(hard + rng.normal(0, 0.03, end - start), 0.05, 0.92)
        done.append(Episode(*NAMES[kind], start, end))
    return np.rint(steps), effort, done


def _moods(asleep: npt.NDArray[np.bool_], rng: np.random.Generator) -> tuple[list[MoodNote], Minutes]:
    """Moods that are noted on some days, and how tense somebody is: about an hour around a note of being stressed."""
    tense = np.zeros(MINUTES)
    if rng.random() > 0.3 or not (~asleep).any():
        return [], tense
    mood = str(rng.choice(sorted(MOODS)))
    at = int(rng.choice(np.flatnonzero(~asleep)))
    if mood == "stressed":
        tense = np.exp(-0.5 * ((np.arange(MINUTES) - at) / 35.0) ** 2)
    return [MoodNote(*MOODS[mood], at)], tense


def _unworn(asleep: npt.NDArray[np.bool_], rng: np.random.Generator) -> list[tuple[int, int]]:
    """Stretches without the watch: charging on most days, a gap on some, a whole night on few."""
    gaps = []
    if rng.random() < 0.7:
        start = int(rng.integers(360, 1380))
        gaps.append((start, start + int(rng.integers(25, 100))))
    if rng.random() < 0.2:
        start = int(rng.integers(0, 1380))
        gaps.append((start, start + int(rng.integers(5, 240))))
    if rng.random() < 0.08:
        night = np.flatnonzero(asleep[:700])
        gaps += [(int(night[0]), int(night[-1]))] if len(night) else []
    return gaps


def _follow(wanted: Minutes, rise: float, fall: float) -> Minutes:
    """What follows `wanted` with one time constant up and another one down, in minutes."""
    out = np.empty_like(wanted)
    now = wanted[0]
    up, down = 1 - np.exp(-1 / rise), 1 - np.exp(-1 / fall)
    for n, to in enumerate(wanted):
        now += (to - now) * (up if to > now else down)
        out[n] = now
    return out


def _wander(rng: np.random.Generator, size: float, minutes: float) -> Minutes:
    """A slow random course of about this deviation [1440]."""
    course: Minutes = _smooth(rng.normal(0, 1, MINUTES), int(minutes)) * (size * float(np.sqrt(minutes)))
    return course


def _smooth(x: Minutes, minutes: int) -> Minutes:
    return np.asarray(np.convolve(x, np.full(minutes, 1 / minutes), mode="same"), np.float64)
