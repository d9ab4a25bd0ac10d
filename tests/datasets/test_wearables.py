"""Wearables' windows and days: splits of people that never meet, windows of recordings, and what is masked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hannun.datasets import wearables
from hannun.datasets.wearables import ActivityWindows, every, prompts, split, spread

DATA = Path(__file__).parents[3] / "shared" / "data"


def test_people_are_of_one_split_by_name_alone() -> None:
    assert [split("hmp wrist", p) for p in ("f1", "m1", "f2")] == ["train", "test", "dev"]
    assert [split("sisfall waist", p) for p in ("SA01", "SA04", "SE12", "SA02")] == ["dev", "test", "test", "train"]


def test_windows_of_a_recording() -> None:
    assert spread(100)(90) == [0] and spread(100)(150) == [25] and spread(100)(300) == [0, 200]
    assert every(100, 50)(210) == [0, 50, 100] and every(100, 50)(20) == [0]


def test_activities_are_asked_as_captions_say_them() -> None:
    korean, english = prompts("Walk", "ko", 4.0), prompts("D14", "en", 8.0)
    assert len(set(korean)) == wearables.PROMPTS and all("걷기" in p and "4.0초" in p for p in korean)
    assert all("turning over while lying" in p.lower() for p in english)


def test_a_window_is_a_signal_with_its_label() -> None:
    made = ActivityWindows("made", 32.0, ("acc_x",), np.ones((2, 64, 1)), np.array([0, 1]), np.array([0, 0]), ("Walk", "D01"), ("3",))
    assert made.signal(1).rate == 32 and made.labels(1).episodes[0].korean == "천천히 걷기" and made.labels(1).episodes[0].end == 64


@pytest.mark.skipif(not (DATA / wearables.FITBIT).exists(), reason="the data folder is not here")
def test_real_days_and_windows() -> None:
    days = wearables.fitbit_days(DATA)
    assert len(days) > 700 and {d.signal.channels for d in days} == {("steps", "intensity")}
    people = {part: {d.person for d in days if d.split == part} for part in ("train", "dev", "test")}
    assert sum(map(len, people.values())) == len(set().union(*people.values())) == 33
    hmp = wearables.hmp(DATA)
    assert hmp.windows.shape[1:] == (128, 3) and 0.5 < np.median(np.linalg.norm(hmp.windows, axis=2)) < 1.5
    assert {hmp.people[p] for p, s in zip(hmp.person, hmp.split, strict=True) if s == "test"} == wearables.HMP_TEST
