"""A file of an export goes in (Fitbit's JSON, Apple Health's export.xml, Google Fit's daily metrics); samples of its channels come out.

What each holds is told by its name and its fields; other files of an export are passed over. Apple writes its clock with an offset, and
times are taken as they stood on the wall. Fitbit's heart rate and steps are in UTC, its sleep and exercise in local time: `shift` moves the
former. Minutes of which Apple tells no steps stay unmeasured.
"""

from __future__ import annotations

import datetime
import io
import json
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from hannun.errors import InputError
from hannun.sensors.recording import Samples, joined

_EPOCH = datetime.datetime(1970, 1, 1)
_FITBIT = re.compile(r"(heart_rate|steps|calories|sleep|exercise)-\d{4}-\d\d-\d\d\.json")
_US = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{2}|\d{4})(?:\s+(\d{1,2}):(\d\d)(?::(\d\d))?\s*(AM|PM)?)?", re.IGNORECASE)
_APPLE = {
    "HKQuantityTypeIdentifierHeartRate": ("HR", 1.0),
    "HKQuantityTypeIdentifierStepCount": ("steps", 1.0),
    "HKQuantityTypeIdentifierRestingHeartRate": ("hr_at_rest_mean", 1.0),
    "HKQuantityTypeIdentifierHeartRateVariabilitySDNN": ("sdnn_percentile_0595", 1.0),
    "HKQuantityTypeIdentifierOxygenSaturation": ("spo2", 100.0),
    "HKQuantityTypeIdentifierAppleSleepingWristTemperature": ("skin_temperature_magnitude", 1.0),
    "HKQuantityTypeIdentifierActiveEnergyBurned": ("calories", 1.0),
}
_SLEEP, _ASLEEP = "HKCategoryTypeIdentifierSleepAnalysis", "HKCategoryValueSleepAnalysisAsleep"
_WORKOUT = "HKWorkoutActivityType"
LARGEST = 512 * 2**20  # bytes of one JSON file


def of_export(file: Path, shift: float = 0.0) -> Samples | None:
    """The samples of one file, or of a .zip all of its files together; None where it is no export.

    `shift`: seconds to add to times that are in UTC. Raises InputError for a damaged file.
    """
    try:
        if file.suffix.lower() == ".zip":
            return _of_zip(file, shift)
        if file.name == "export.xml":
            with file.open("rb") as opened:
                return apple(opened)
        if (kind := _FITBIT.fullmatch(file.name)) is not None:
            return fitbit(kind[1], _json(file.open("rb"), file.name, file.stat().st_size), shift)
    except (ET.ParseError, zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError) as e:
        raise InputError(f"{file}: cannot be read as an export ({' '.join(str(e).split())[:120]}); export it again") from None
    return None


def _of_zip(file: Path, shift: float) -> Samples | None:
    found = []
    with zipfile.ZipFile(file) as archive:
        for inside in sorted(archive.infolist(), key=lambda i: i.filename):
            name = Path(inside.filename).name
            if name == "export.xml":
                with archive.open(inside) as opened:
                    found.append(apple(opened))
            elif (kind := _FITBIT.fullmatch(name)) is not None:
                found.append(fitbit(kind[1], _json(archive.open(inside), name, inside.file_size), shift))
    return joined(found) if found else None


def _json(opened: IO[bytes], name: str, size: int) -> Any:
    with opened:
        if size > LARGEST:
            raise ValueError(f"{name} has {size:,} bytes, over {LARGEST:,}")
        return json.load(io.TextIOWrapper(opened, "utf-8-sig"))


def fitbit(kind: str, rows: Any, shift: float) -> Samples:
    """Of one kind of Fitbit's files: heart_rate, steps, calories, sleep or exercise."""
    samples = Samples()
    if not isinstance(rows, list):
        raise ValueError(f"a JSON {type(rows).__name__}, expected a list")
    if kind == "sleep":
        for night in rows:
            samples.activities.append(("asleep", _iso(night["startTime"]), _iso(night["endTime"])))
    elif kind == "exercise":
        for one in rows:
            start = seconds_of(one["startTime"])
            samples.activities.append((str(one["activityName"]), start, start + float(one["duration"]) / 1000))
    else:
        key = {"heart_rate": "HR"}.get(kind, kind)
        values = [r["value"]["bpm"] if kind == "heart_rate" else r["value"] for r in rows]
        samples.add(key, [seconds_of(r["dateTime"]) + shift for r in rows], [float(v) for v in values])
    return samples


def apple(opened: IO[bytes]) -> Samples:
    """Of an export.xml, which is read as a stream: it may have gigabytes."""
    samples = Samples()
    found: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    events = ET.iterparse(opened, events=("start", "end"))
    _, root = next(events)
    for event, element in events:
        if event == "start":
            continue
        told = element.attrib
        if element.tag == "Record" and told.get("type") in _APPLE:
            key, scale = _APPLE[told["type"]]
            times, values = found.setdefault((key, told.get("sourceName", "")), ([], []))
            for t, v in _shared(
                _wall(told["startDate"]), _wall(told["endDate"]), float(told["value"]) * scale, key in ("steps", "calories")
            ):
                times.append(t)
                values.append(v)
        elif element.tag == "Record" and told.get("type") == _SLEEP and told.get("value", "").startswith(_ASLEEP):
            samples.activities.append(("asleep", _wall(told["startDate"]), _wall(told["endDate"])))
        elif element.tag == "Workout":
            activity = told["workoutActivityType"].removeprefix(_WORKOUT)
            samples.activities.append((activity, _wall(told["startDate"]), _wall(told["endDate"])))
        if element.tag in ("Record", "Workout", "ActivitySummary"):
            root.clear()
    samples.activities = _merged(samples.activities)
    for (key, source), (some_times, some_values) in found.items():
        samples.add(key, some_times, some_values, source)
    return samples


def _shared(start: float, end: float, value: float, total: bool) -> Iterator[tuple[float, float]]:
    """A value at its begin; a count shared out over the minutes that it was made in."""
    minutes = np.arange(start // 60, max(start // 60, -(-end // 60) - 1) + 1) if total and end > start else np.array([start // 60])
    if len(minutes) == 1:
        yield start, value
        return
    for m in minutes.tolist():
        a, b = max(start, m * 60), min(end, m * 60 + 60)
        yield a, value * (b - a) / (end - start)


def _merged(some: list[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Stages of one night (apart by at most an hour) as one stretch of sleep."""
    out = [s for s in some if s[0] != "asleep"]
    for one in sorted(s for s in some if s[0] == "asleep"):
        if out and out[-1][0] == "asleep" and one[1] - out[-1][2] <= 3600:
            out[-1] = ("asleep", out[-1][1], max(out[-1][2], one[2]))
        else:
            out.append(one)
    return out


def _wall(text: str) -> float:
    """Seconds of "2026-11-01 06:30:00 +0900" by the clock on the wall."""
    return (datetime.datetime.fromisoformat(text[:19]) - _EPOCH).total_seconds()


def _iso(text: str) -> float:
    return (datetime.datetime.fromisoformat(text.strip().removesuffix("Z")) - _EPOCH).total_seconds()


def seconds_of(text: str) -> float:
    """Seconds of "05/12/24 00:00:05" or "4/12/2016 1:00:00 AM", month first, as Fitbit writes them; NaN for other texts."""
    if (found := _US.fullmatch(text.strip())) is None:
        return float("nan")
    month, day, year, hour, minute, second, half = found.groups()
    late = 12 if (half or "").upper() == "PM" and int(hour) < 12 else -12 if (half or "").upper() == "AM" and int(hour) == 12 else 0
    whole = int(year) + (2000 if len(year) == 2 else 0)
    try:
        at = datetime.datetime(whole, int(month), int(day), int(hour or 0) + late, int(minute or 0), int(second or 0))
    except ValueError:
        return float("nan")
    return (at - _EPOCH).total_seconds()
