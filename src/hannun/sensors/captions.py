"""A signal goes in, with labels where there are some; a caption of any of three levels comes out, in Korean or English.

The levels are SensorLM's: *statistical* (mean, maximum, minimum, deviation), *structural* (trends, spikes, dips) and *semantic*
(activities, sleep, mood; ours: steps by part of the day). A caption is made of whole facts, so that each can be checked
(`hannun.sensors.checking`), and of a limited length it keeps whole sentences. Which of the templates says a fact is drawn by `seed`;
without one it is always the first, so that the same day has the same words.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from hannun.errors import InputError, neighbours
from hannun.sensors.channels import channel
from hannun.sensors.episodes import PARTS, Episode, MoodNote, steps_by_part, told
from hannun.sensors.form import begins, clocked, in_minutes
from hannun.sensors.statistics import statistics
from hannun.sensors.structure import peaks, trends
from hannun.sensors.templates import WAYS, Language, templates
from hannun.signals import Signal

Level = Literal["statistical", "structural", "semantic"]
LEVELS: tuple[Level, ...] = get_args(Level)
EVENTS = 7  # of the structural level for each group of channels, as the release has it
Drawn = Callable[[int], int]


@dataclass(frozen=True)
class Labels:
    """What somebody said of a signal."""

    episodes: tuple[Episode, ...] = ()
    moods: tuple[MoodNote, ...] = ()


NONE = Labels()


def caption(
    signal: Signal,
    language: Language = "ko",
    levels: Sequence[Level] = LEVELS,
    labels: Labels = NONE,
    seed: int | None = None,
    fits: Callable[[str], bool] | None = None,
) -> str:
    """The sentences of the levels in their given order.

    Args:
        signal: what is described.
        language: of the sentences.
        levels: any combination, each once.
        labels: what somebody said of it.
        seed: draws which templates are used, and of more than EVENTS of a group which are told.
        fits: whether a text is short enough for whoever reads it; the sentences after the last that does are left out.

    Raises:
        InputError: a level or a language that there is none of, a level twice, or no level.
    """
    sentences = described(signal, language, levels, labels, seed)
    if fits is None:
        return " ".join(sentences)
    kept = ""
    for sentence in sentences:
        if not fits(longer := f"{kept} {sentence}".strip()):
            break
        kept = longer
    return kept


def described(
    signal: Signal, language: Language = "ko", levels: Sequence[Level] = LEVELS, labels: Labels = NONE, seed: int | None = None
) -> list[str]:
    """The sentences of `caption`, one a fact. Raises InputError as it does."""
    for level in levels:
        if level not in LEVELS:
            raise InputError(f"the level {level!r} came, expected {', '.join(LEVELS)}; {neighbours(level, LEVELS)}")
    if not levels or len(set(levels)) < len(levels):
        raise InputError(f"the levels {', '.join(levels) or 'none'} came, expected one or more of {', '.join(LEVELS)}, each once")
    rng = None if seed is None else np.random.default_rng(seed)
    drawn: Drawn = (lambda n: 0) if rng is None else (lambda n: int(rng.integers(n)))
    made: Mapping[Level, Callable[[], list[tuple[str, dict[str, str]]]]] = {
        "statistical": lambda: _statistical(signal, language),
        "structural": lambda: _structural(signal, language, rng),
        "semantic": lambda: _semantic(signal, language, labels),
    }
    known = templates(language)
    return [known[kind][drawn(len(known[kind]))].said(words) for level in levels for kind, words in made[level]()]


def _statistical(signal: Signal, language: Language) -> list[tuple[str, dict[str, str]]]:
    found = []
    for s in statistics(signal):
        numbers = {"mean": s.mean, "highest": s.highest, "lowest": s.lowest, "deviation": s.deviation}
        found.append(("statistics", {"name": name(s.key, language), **{k: number(v, s.key) for k, v in numbers.items()}}))
    return found


def _structural(signal: Signal, language: Language, rng: np.random.Generator | None) -> list[tuple[str, dict[str, str]]]:
    groups: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for t in trends(signal):
        noun, verb = WAYS[language][t.direction]
        times = {"start": time(signal, t.start, language), "end": time(signal, t.end, language)}
        groups.setdefault(channel(t.key).group, []).append(("trend", {"name": name(t.key, language), "noun": noun, "verb": verb, **times}))
    for p in peaks(signal):
        noun, verb = WAYS[language][p.extreme]
        words = {"name": name(p.key, language), "noun": noun, "verb": verb, "time": time(signal, p.row, language)}
        groups.setdefault(channel(p.key).group, []).append(("peak", words))
    found = []
    for events in groups.values():
        if rng is not None and len(events) > EVENTS:
            events = [events[i] for i in sorted(rng.choice(len(events), EVENTS, replace=False))]
        found += events[:EVENTS]
    return found


def _semantic(signal: Signal, language: Language, labels: Labels) -> list[tuple[str, dict[str, str]]]:
    korean = language == "ko"
    found: list[tuple[str, dict[str, str]]] = []
    for e in told(signal, labels.episodes):
        times = {"start": time(signal, e.start, language), "end": time(signal, e.end, language)}
        found.append(("activity", {"activity": e.korean if korean else e.english, **times}))
    for p in steps_by_part(signal):
        found.append(("parts", {"part": p.korean if korean else p.english, "count": f"{p.steps:,}"}))
    for m in labels.moods:
        found.append(("mood", {"mood": m.korean if korean else m.english, "time": time(signal, m.row, language)}))
    return found


def name(key: str, language: Language) -> str:
    """What a channel is called."""
    return channel(key).korean if language == "ko" else channel(key).english


def number(value: float, key: str) -> str:
    """A value as captions tell it, to the channel's digits."""
    told = f"{value:,.{channel(key).digits}f}"
    return told if float(told.replace(",", "")) else told.lstrip("-")


def time(signal: Signal, row: int, language: Language) -> str:
    """The clock of a row, in Korean with the part of the day ("새벽 03:20"); seconds from the begin where the signal has no day."""
    passed = row / signal.rate
    if not in_minutes(signal):
        return f"{passed:.1f}초" if language == "ko" else f"{passed:.1f} s"
    minute = int((begins(signal) + passed) // 60)
    hour = minute // 60 if minute <= 24 * 60 else minute // 60 % 24
    part = next((k for k, _, first, after in PARTS if first <= hour < after), "밤")
    clock = f"{hour:02d}:{minute % 60:02d}"
    return f"{part} {clock}" if language == "ko" else clock


def day(signal: Signal) -> str:
    """The date of a signal, "" where it has none."""
    at = clocked(signal)
    return "" if at is None else at.date().isoformat() if isinstance(at, datetime.datetime) else ""
