"""A signal goes in, with labels where there are some; episodes come out: when somebody walked or ran, and steps by part of the day.

As in SensorLM, activities under 20 minutes are not told, of the longest eight are, and two stretches of sleep. Labels come from exports or
from a table. Where there are none, walking and running are read from the steps a minute alone: at least 60 is walking, on average at
least 130 running (Tudor-Locke et al. 2018, slow walking from 60, vigorous from 130). Sleep is never guessed: a watch that lies on a table
is still too. Ours: a pause of up to two minutes does not end a walk; parts of the day, and that 100 steps make a part of it worth telling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hannun.sensors.form import begins, in_minutes
from hannun.signals import Signal

SHORTEST = 20  # minutes of an activity
ACTIVITIES, SLEEPS = 8, 2
WALKING, RUNNING, PAUSE = 60, 130, 2  # steps a minute; minutes
STEPS = 100  # in a part of the day
#: The part of the day in Korean and English, and the hours from which to which.
PARTS = (
    ("새벽", "early morning", 0, 6),
    ("오전", "morning", 6, 12),
    ("오후", "afternoon", 12, 18),
    ("저녁", "evening", 18, 22),
    ("밤", "night", 22, 24),
)
#: What activities are called in Korean and English, by how exports name them, in lower case without blanks.
NAMES = {
    "walk": ("걷기", "walking"),
    "walking": ("걷기", "walking"),
    "걷기": ("걷기", "walking"),
    "run": ("달리기", "running"),
    "running": ("달리기", "running"),
    "treadmill": ("달리기", "running"),
    "달리기": ("달리기", "running"),
    "bike": ("자전거 타기", "cycling"),
    "biking": ("자전거 타기", "cycling"),
    "cycling": ("자전거 타기", "cycling"),
    "outdoorbike": ("자전거 타기", "cycling"),
    "swim": ("수영", "swimming"),
    "swimming": ("수영", "swimming"),
    "hike": ("등산", "hiking"),
    "hiking": ("등산", "hiking"),
    "yoga": ("요가", "yoga"),
    "weights": ("근력 운동", "strength training"),
    "traditionalstrengthtraining": ("근력 운동", "strength training"),
    "functionalstrengthtraining": ("근력 운동", "strength training"),
    "stairs": ("계단 오르기", "climbing stairs"),
    "stairclimbing": ("계단 오르기", "climbing stairs"),
    "dance": ("춤", "dancing"),
    "sleep": ("잠", "sleep"),
    "asleep": ("잠", "sleep"),
    "수면": ("잠", "sleep"),
    "잠": ("잠", "sleep"),
}
MOODS = {
    "happy": ("행복", "happy"),
    "calm": ("평온", "calm"),
    "sad": ("슬픔", "sad"),
    "stressed": ("긴장", "stressed"),
    "excited": ("설렘", "excited"),
    "tired": ("피곤", "tired"),
}
ASLEEP = NAMES["sleep"]


@dataclass(frozen=True)
class Episode:
    """An activity from one row of a signal up to another, in Korean and English; `labelled`: somebody said so."""

    korean: str
    english: str
    start: int
    end: int
    labelled: bool = True


@dataclass(frozen=True)
class MoodNote:
    """A mood that somebody noted at a row of a signal, in Korean and English."""

    korean: str
    english: str
    row: int


@dataclass(frozen=True)
class PartSteps:
    """How many steps were taken in a part of the day, in Korean and English."""

    korean: str
    english: str
    steps: int


def named(activity: str) -> tuple[str, str]:
    """An activity in Korean and English, by how an export calls it; one that is not known keeps its name in both."""
    plain = activity.strip().lower().replace(" ", "").replace("_", "")
    return NAMES.get(plain) or (activity.strip(), activity.strip().lower())


def mooded(mood: str) -> tuple[str, str]:
    """A mood in Korean and English; one that is not known keeps its name in both."""
    plain = mood.strip().lower()
    return MOODS.get(plain) or next((v for v in MOODS.values() if v[0] == plain), (mood.strip(), plain))


def told(signal: Signal, labels: tuple[Episode, ...] = ()) -> list[Episode]:
    """The episodes that captions tell, in the order of time: the longest labelled ones, or where there are none those that steps show."""
    known = [e for e in labels if (e.korean, e.english) != ASLEEP] or walked(signal)
    least = SHORTEST * 60 * signal.rate if in_minutes(signal) else 0

    def longest(some: list[Episode], many: int) -> list[Episode]:
        return sorted((e for e in some if e.end - e.start >= least), key=lambda e: e.start - e.end)[:many]

    asleep = [e for e in labels if (e.korean, e.english) == ASLEEP]
    return sorted([*longest(known, ACTIVITIES), *longest(asleep, SLEEPS)], key=lambda e: (e.start, e.end))


def walked(signal: Signal) -> list[Episode]:
    """Stretches of walking and running by the steps of a signal of one row a minute; none of any other."""
    if "steps" not in signal.channels or not np.isclose(signal.rate, 1 / 60):
        return []
    column = signal.channels.index("steps")
    steps, there = signal.values[:, column], signal.measured[:, column]
    found, start, last = [], None, 0
    for row in np.flatnonzero(there & (steps >= WALKING)).tolist():
        if start is not None and (row - last - 1 > PAUSE or not there[last:row].all()):
            found.append((start, last + 1))
            start = None
        start, last = row if start is None else start, row
    found += [(start, last + 1)] if start is not None else []
    return [Episode(*NAMES["run" if steps[a:b].mean() >= RUNNING else "walk"], a, b, labelled=False) for a, b in found]


def steps_by_part(signal: Signal) -> list[PartSteps]:
    """Steps in each part of the day that has some and of which at least half was measured; of signals in minutes whose clock is known."""
    if "steps" not in signal.channels or not in_minutes(signal) or signal.start is None:
        return []
    column = signal.channels.index("steps")
    steps, there = signal.values[:, column], signal.measured[:, column]
    hour = (begins(signal) + np.arange(len(steps)) / signal.rate) / 3600
    found = []
    for korean, english, first, after in PARTS:
        here = (hour >= first) & (hour < after)
        count = int(np.rint(steps[here & there].sum()))
        if count >= STEPS and (here & there).sum() >= (after - first) * 3600 * signal.rate / 2:
            found.append(PartSteps(korean, english, count))
    return found
