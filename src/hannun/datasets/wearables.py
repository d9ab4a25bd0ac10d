"""The data folder goes in; windows and days of wearables with fixed splits of people come out: HMP, SisFall and Fitbit days.

People never stand on both sides of a split. Windows of two accelerometer sets are cut from recordings; a day of Fitbit's has steps and
their intensity by minute, and no heart rate: what was not measured is not there.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from hannun.metrics import Array, Ints
from hannun.sensors.captions import Labels
from hannun.sensors.channels import MINUTES
from hannun.sensors.episodes import Episode
from hannun.sensors.templates import Language, templates
from hannun.signals import Signal

FOLDER = "sensors"
HMP, SISFALL, FITBIT = "sensors/hmp_wrist_32hz", "sensors/sisfall_adl_25hz", "sensors/fitbit_days"
ACCELERATION = ("acc_x", "acc_y", "acc_z")
ROTATION = ("gyro_x", "gyro_y", "gyro_z")
#: Held-out people of HMP, chosen by how many recordings and activities each has: one of the two who did nearly everything is among them.
HMP_TEST, HMP_DEV = frozenset({"m1", "f3", "m3", "m5", "m9"}), frozenset({"f2", "m4", "m8"})
#: What HMP's and SisFall's activities are called, in Korean and English.
SPOKEN: Mapping[str, tuple[str, str]] = {
    "Brush_teeth": ("양치질", "brushing teeth"),
    "Climb_stairs": ("계단 오르기", "climbing stairs"),
    "Comb_hair": ("머리 빗기", "combing hair"),
    "Descend_stairs": ("계단 내려가기", "going down stairs"),
    "Drink_glass": ("컵으로 마시기", "drinking from a glass"),
    "Eat_meat": ("고기 먹기", "eating meat"),
    "Eat_soup": ("국 먹기", "eating soup"),
    "Getup_bed": ("침대에서 일어나기", "getting up from bed"),
    "Liedown_bed": ("침대에 눕기", "lying down on a bed"),
    "Pour_water": ("물 따르기", "pouring water"),
    "Sitdown_chair": ("의자에 앉기", "sitting down on a chair"),
    "Standup_chair": ("의자에서 일어서기", "standing up from a chair"),
    "Use_telephone": ("전화하기", "using the telephone"),
    "Walk": ("걷기", "walking"),
    "D01": ("천천히 걷기", "walking slowly"),
    "D02": ("빨리 걷기", "walking quickly"),
    "D03": ("천천히 달리기", "jogging slowly"),
    "D04": ("빨리 달리기", "jogging quickly"),
    "D05": ("천천히 계단 오르내리기", "walking stairs slowly"),
    "D06": ("빨리 계단 오르내리기", "walking stairs quickly"),
    "D07": ("보통 의자에 천천히 앉았다 일어서기", "sitting on a chair and rising slowly"),
    "D08": ("보통 의자에 빨리 앉았다 일어서기", "sitting on a chair and rising quickly"),
    "D09": ("낮은 의자에 천천히 앉았다 일어서기", "sitting on a low chair and rising slowly"),
    "D10": ("낮은 의자에 빨리 앉았다 일어서기", "sitting on a low chair and rising quickly"),
    "D11": ("일어서려다 의자에 주저앉기", "collapsing into a chair while getting up"),
    "D12": ("앉았다가 천천히 눕고 다시 앉기", "lying down slowly and sitting again"),
    "D13": ("앉았다가 빨리 눕고 다시 앉기", "lying down quickly and sitting again"),
    "D14": ("누워서 옆으로 돌아눕기", "turning over while lying"),
    "D15": ("무릎을 굽혀 앉았다 일어서기", "squatting and getting up"),
    "D16": ("허리를 굽혔다 펴기", "bending over without the knees"),
    "D17": ("차에 타고 내리기", "getting into a car and out"),
    "D18": ("걷다가 비틀거리기", "stumbling while walking"),
    "D19": ("가볍게 뛰어오르기", "jumping gently"),
}


@dataclass(frozen=True)
class ActivityWindows:
    """Windows [n, length, channels] in g and rad/s; the activity (of `activities`), person (of `people`) and split of each."""

    name: str
    rate: float
    channels: tuple[str, ...]
    windows: Array
    activity: Ints
    person: Ints
    activities: tuple[str, ...]
    people: tuple[str, ...]

    @property
    def split(self) -> list[str]:
        """ "train", "dev" or "test" of each window, by its person alone."""
        of = [split(self.name, p) for p in self.people]
        return [of[p] for p in self.person]

    def signal(self, n: int) -> Signal:
        """One window as a signal."""
        return Signal(self.windows[n].astype(np.float32), self.rate, self.channels)

    def labels(self, n: int) -> Labels:
        """What somebody did in a window, for its whole length."""
        return Labels((Episode(*SPOKEN[self.activities[self.activity[n]]], 0, self.windows.shape[1]),))


def split(name: str, person: str) -> str:
    """The fixed split of a person: HMP's by name, SisFall's and Fitbit's by number (a fourth or so for testing, an eighth for choosing)."""
    if name.startswith("hmp"):
        return "test" if person in HMP_TEST else "dev" if person in HMP_DEV else "train"
    number = int("".join(c for c in person if c.isdigit()))
    return "test" if number % 4 == 0 else "dev" if number % 8 == 1 else "train"


PROMPTS = 8  # templates that an activity is asked by


def prompts(activity: str, language: Language, seconds: float) -> list[str]:
    """An activity of HMP or SisFall as captions of a window of that length say it."""
    korean = language == "ko"
    called = SPOKEN[activity][0 if korean else 1]
    words = {"activity": called, "start": "0.0초" if korean else "0.0 s", "end": f"{seconds:.1f}초" if korean else f"{seconds:.1f} s"}
    return [t.said(words) for t in templates(language)["activity"][:PROMPTS]]


Starts = Callable[[int], list[int]]


def spread(length: int, many: int = 2) -> Starts:
    """At most `many` windows of a recording, evenly over it; one in the middle of a short one."""

    def starts(recorded: int) -> list[int]:
        room = recorded - length
        if room <= 0:
            return [0]
        return sorted({round(k * room / max(1, many - 1)) for k in range(many)}) if room >= length else [room // 2]

    return starts


def every(length: int, hop: int) -> Starts:
    """A window each `hop` rows: as many as a recording has, for training."""
    return lambda recorded: list(range(0, max(1, recorded - length + 1), hop))


def hmp(data: Path, starts: Starts | None = None) -> ActivityWindows:
    """Wrist accelerometer at 32 Hz, 14 activities, 16 people (Bruno et al. 2013); windows of 4 s."""
    return _windows(data / HMP, "hmp wrist", 32.0, ACCELERATION, 128, starts, lambda x: -1.5 + x / 63 * 3)


def sisfall(data: Path, starts: Starts | None = None) -> ActivityWindows:
    """Waist accelerometer (±16 g in 13 bits) and gyroscope (±2000 °/s in 16) at 25 Hz, 19 activities, 38 people (Sucerquia et al. 2017);
    windows of 8 s."""
    scale = np.array([16 / 4096] * 3 + [np.deg2rad(2000 / 32768)] * 3)
    return _windows(data / SISFALL, "sisfall waist", 25.0, (*ACCELERATION, *ROTATION), 200, starts, lambda x: x * scale)


def _windows(
    stem: Path, name: str, rate: float, channels: tuple[str, ...], length: int, starts: Starts | None, units: Callable[[Array], Array]
) -> ActivityWindows:
    index = [json.loads(line) for line in Path(f"{stem}.index.jsonl").read_text("utf-8").splitlines()]
    with np.load(f"{stem}.npz", allow_pickle=False) as kept:
        signal = kept["x"]
    activities, people = tuple(sorted({r["activity"] for r in index})), tuple(sorted({r["subject"] for r in index}))
    where = starts or spread(length)
    windows, activity, person = [], [], []
    for r in index:
        for start in where(r["length"]):
            raw = signal[r["start"] + start : r["start"] + min(start + length, r["length"])].astype(np.float64)
            windows.append(units(np.pad(raw, ((0, length - len(raw)), (0, 0)), mode="edge")))
            activity.append(activities.index(r["activity"]))
            person.append(people.index(r["subject"]))
    return ActivityWindows(name, rate, channels, np.stack(windows), np.array(activity), np.array(person), activities, people)


@dataclass(frozen=True)
class PersonDay:
    """A day of one person: their id, the split of it, and what was measured."""

    person: str
    split: str
    signal: Signal


def fitbit_days(data: Path, worn: int = 100) -> list[PersonDay]:
    """Whole days of steps and intensity by minute of 33 people, by person and date; days of fewer than `worn` steps are left out.

    Hours that the export has no row for are masked.
    """
    people: dict[str, dict[str, Array]] = {}
    for column, name in enumerate(("minuteStepsWide", "minuteIntensitiesWide")):
        with gzip.open(data / FITBIT / f"{name}_merged.csv.gz", "rt", encoding="utf-8") as file:
            for row in csv.reader(file):
                if row[0] == "Id":
                    continue
                at = _hour(row[1])
                day = people.setdefault(row[0], {}).setdefault(at.date().isoformat(), np.full((MINUTES, 2), np.nan))
                day[at.hour * 60 : at.hour * 60 + 60, column] = [float(x) for x in row[2:62]]
    order = sorted(people)
    found = []
    for number, person in enumerate(order):
        for date, values in sorted(people[person].items()):
            if np.nansum(values[:, 0]) >= worn:
                signal = Signal(values.astype(np.float32), 1 / 60, ("steps", "intensity"), date)
                found.append(PersonDay(person, split("fitbit", str(number)), signal))
    return found


def _hour(text: str) -> Any:
    for form in ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M"):
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no hour of the export")
