"""Tables and exports of wearables by hand: what is read, what is put right and told, what is refused in a line, and what can be indexed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hannun import sources
from hannun.errors import InputError, MissingError
from hannun.item import Item, Problem
from hannun.sensors.recording import SignalRecording
from hannun.signals import Signal
from hannun.sources.signals import SignalReading, read_signals, row


def table(folder: Path, head: str, *lines: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text("\n".join((head, *lines)) + "\n", "utf-8")
    return path


def one(path: Path, how: SignalReading | None = None) -> SignalRecording:
    (found,) = read_signals([path], how)
    return found


def minute(n: int) -> str:
    return f"2026-11-01T{n // 60:02d}:{n % 60:02d}"


def test_korean_columns_with_date_and_clock_apart_and_a_label(tmp_path: Path) -> None:
    lines = [
        f"2026.11.01,오전 {n // 60}:{n % 60:02d},{60 + n % 7},{100 if 300 <= n < 330 else 0},{'걷기' if 300 <= n < 330 else ''}"
        for n in range(600)
    ]
    found = one(table(tmp_path, "날짜,시각,심박수,걸음 수,활동", *lines))
    assert found.name == "2026-11-01" and found.signal.channels == ("HR", "steps") and found.signal.values.shape == (1440, 2)
    assert found.signal.measured.sum() == 1200 and not found.signal.measured[600:].any()
    assert [(e.korean, e.start, e.end) for e in found.labels.episodes] == [("걷기", 300, 330)]
    told = row(found)
    assert told["date"] == "2026-11-01" and told["steps"] == 3000 and "새벽 05:00부터 새벽 05:30까지 걷기." in told["text"]


def test_columns_are_mapped_and_a_wrong_one_lists_its_neighbours(tmp_path: Path) -> None:
    path = table(tmp_path, "when,pulse_wave,n", *(f"{minute(n)},{60 + n},{n}" for n in range(90)))
    found = one(path, SignalReading({"time": "when", "HR": "pulse_wave"}))
    assert found.signal.channels == ("HR",) and found.signal.measured.sum() == 90
    with pytest.raises(InputError, match="has no column 'puls'"):
        one(path, SignalReading({"time": "when", "HR": "puls"}))
    with pytest.raises(InputError, match="none of which is a channel with any value; say which with --columns"):
        one(path)
    with pytest.raises(InputError, match="'heart' came, expected time="):
        SignalReading({"heart": "a"})


def test_times_out_of_order_and_twice_are_put_right_and_told(tmp_path: Path) -> None:
    lines = [f"{minute(n)},{60 + n}" for n in (3, 1, 2, 2, 0)]
    found = one(table(tmp_path, "time,hr", *lines))
    assert found.signal.values[:4, 0].tolist() == [60, 61, 62, 63] and any("put in order" in s for s in found.said)


def test_steps_of_equal_times_are_counted_once(tmp_path: Path) -> None:
    found = one(table(tmp_path, "time,steps", *(f"{minute(n)},{s}" for n, s in ((0, 10), (0, 30), (1, 5)))))
    assert found.signal.values[:2, 0].tolist() == [30, 5] and any("equal times" in s for s in found.said)


@pytest.mark.parametrize(
    ("head", "value", "said", "first"),
    [
        ("hr", lambda n: 1.1 + n % 5 / 10, "beats a second", 66.0),
        ("skin temperature", lambda n: 90.0 + n % 3, "Fahrenheit", (90 - 32) / 1.8),
        ("rr", lambda n: 0.8 + n % 4 / 100, "seconds", 800.0),
    ],
)
def test_other_units_are_read_and_told(tmp_path: Path, head: str, value: object, said: str, first: float) -> None:
    lines = [f"{minute(n)},{value(n)}" for n in range(70)]  # type: ignore[operator]
    found = one(table(tmp_path, f"time,{head}", *lines))
    assert found.signal.values[0, 0] == pytest.approx(first, rel=1e-4) and any(said in s for s in found.said)


def test_steps_that_were_summed_up_become_steps_a_minute(tmp_path: Path) -> None:
    found = one(table(tmp_path, "time,steps", *(f"{minute(n)},{n * 20}" for n in range(100))))
    assert found.signal.values[1:100, 0].tolist() == [20] * 99 and any("summed up" in s for s in found.said)


def test_columns_that_were_swapped_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "time,hr", *(f"{minute(n)},{n % 9}" for n in range(60)))
    with pytest.raises(InputError, match=r"HR: holds values of 0 … 8, expected 25 … 250 bpm; is it another column"):
        one(path)


def test_single_values_that_cannot_be_are_masked_and_a_stuck_sensor_is_told(tmp_path: Path) -> None:
    found = one(table(tmp_path, "time,hr", *(f"{minute(n)},{0 if n == 5 else 70}" for n in range(100))))
    assert found.signal.measured.sum() == 99 and not found.signal.measured[5, 0]
    assert any("beyond 25 … 250" in s for s in found.said) and any("sensor stuck" in s for s in found.said)


def test_a_day_without_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="channel with any value"):
        one(table(tmp_path, "time,hr", *(f"{minute(n)}," for n in range(5))))
    with pytest.raises(InputError, match="holds no rows"):
        one(table(tmp_path, "time,hr", name="b.csv"))
    with pytest.raises(MissingError, match="no such file"):
        one(tmp_path / "c.csv")


def test_cells_that_are_no_numbers_are_counted(tmp_path: Path) -> None:
    found = one(table(tmp_path, "time,hr", *(f"{minute(n)},{'오류' if n < 3 else 70 + n}" for n in range(20))))
    assert found.signal.measured.sum() == 17 and any("3 cells are no numbers" in s for s in found.said)


def test_raw_values_keep_their_rate_and_gaps_are_masked(tmp_path: Path) -> None:
    lines = [f"{n / 25:.3f},{n},0,1" for n in range(100) if not 40 <= n < 50]
    found = one(table(tmp_path, "t,x,y,z", *lines))
    assert found.signal.rate == 25 and found.signal.channels == ("acc_x", "acc_y", "acc_z") and found.signal.values.shape == (100, 3)
    assert not found.signal.measured[40:50].any() and found.signal.measured[:40].all()
    with pytest.raises(InputError, match=r"come every 0.04 s \(25 Hz\), and a rate of 50 Hz came"):
        one(tmp_path / "a.csv", SignalReading(rate=50.0))


def test_times_to_the_second_with_many_rows_each_are_spread(tmp_path: Path) -> None:
    found = one(table(tmp_path, "time,x,y,z", *(f"2026-11-01T10:00:{n // 20:02d},{n},0,0" for n in range(200))))
    assert found.signal.rate == 20 and found.signal.values[:, 0].tolist() == list(range(200))


def test_rows_without_times_need_a_rate(tmp_path: Path) -> None:
    path = table(tmp_path, "x,y,z", *(f"{n},0,0" for n in range(64)))
    with pytest.raises(InputError, match="no column tells times"):
        one(path)
    assert one(path, SignalReading(rate=32.0)).signal.rate == 32


def test_people_and_days_are_parted(tmp_path: Path) -> None:
    lines = [f"{who},2026-11-0{day}T08:00,70" for who in ("가", "나") for day in (1, 2)]
    found = list(read_signals([table(tmp_path, "사람,time,hr", *lines)]))
    assert [(r.person, r.name) for r in found] == [("가", "2026-11-01"), ("가", "2026-11-02"), ("나", "2026-11-01"), ("나", "2026-11-02")]
    assert row(found[3])["id"] == "나-2026-11-02"


def fitbit(folder: Path) -> Path:
    export = folder / "Fitbit"
    export.mkdir()
    clock = [f"11/01/26 {h:02d}:{m:02d}" for h in range(24) for m in range(60)]
    heart = [{"dateTime": f"{t}:05", "value": {"bpm": 60 + n % 9, "confidence": 2}} for n, t in enumerate(clock)]
    steps = [{"dateTime": f"{t}:00", "value": "90" if 120 <= n < 150 else "0"} for n, t in enumerate(clock)]
    (export / "heart_rate-2026-11-01.json").write_text(json.dumps(heart))
    (export / "steps-2026-11-01.json").write_text(json.dumps(steps))
    night = {"startTime": "2026-11-01T00:10:00.000", "endTime": "2026-11-01T06:40:00.000"}
    (export / "sleep-2026-11-01.json").write_text(json.dumps([night]))
    ride = {"activityName": "Outdoor Bike", "startTime": "11/01/26 18:00:00", "duration": 1_800_000}
    (export / "exercise-2026-11-01.json").write_text(json.dumps([ride]))
    (export / "badge.json").write_text("{}")
    return export


def test_fitbits_files_belong_together_and_utc_is_shifted(tmp_path: Path) -> None:
    export = fitbit(tmp_path)
    (found,) = read_signals([export])
    assert found.signal.channels == ("HR", "steps") and found.signal.measured.all()
    assert [(e.english, e.start, e.end) for e in found.labels.episodes] == [("sleep", 10, 400), ("cycling", 1080, 1110)]
    first, second = read_signals([export], SignalReading(shift=9 * 3600))
    assert first.signal.measured[:, 0].sum() == 15 * 60 and second.signal.measured[:, 0].sum() == 9 * 60
    with zipfile.ZipFile(tmp_path / "takeout.zip", "w") as archive:
        for file in export.iterdir():
            archive.write(file, f"Takeout/Fitbit/{file.name}")
    assert one(tmp_path / "takeout.zip").signal == found.signal


def test_apples_export_is_a_stream_and_two_devices_count_once(tmp_path: Path) -> None:
    def record(kind: str, source: str, start: str, end: str, value: object) -> str:
        times = f'startDate="2026-11-01 {start} +0900" endDate="2026-11-01 {end} +0900"'
        return f'<Record type="HK{kind}" sourceName="{source}" {times} value="{value}"/>'

    asleep = "HKCategoryValueSleepAnalysisAsleepCore"
    run = 'startDate="2026-11-01 20:00:00 +0900" endDate="2026-11-01 20:25:00 +0900"'
    records = [
        record("QuantityTypeIdentifierStepCount", "Watch", "06:00:00", "06:10:00", 1000),
        record("QuantityTypeIdentifierStepCount", "Phone", "06:00:00", "06:10:00", 800),
        record("QuantityTypeIdentifierHeartRate", "Watch", "06:00:03", "06:00:03", 92),
        record("QuantityTypeIdentifierOxygenSaturation", "Watch", "06:05:00", "06:05:00", 0.97),
        record("CategoryTypeIdentifierSleepAnalysis", "Watch", "00:10:00", "03:00:00", asleep),
        record("CategoryTypeIdentifierSleepAnalysis", "Watch", "03:20:00", "05:30:00", asleep),
        f'<Workout workoutActivityType="HKWorkoutActivityTypeRunning" {run}/>',
    ]
    path = tmp_path / "export.xml"
    path.write_text(f"<!DOCTYPE HealthData [<!ELEMENT HealthData ANY>]><HealthData>{''.join(records)}</HealthData>")
    found = one(path)
    column = found.signal.channels.index("steps")
    assert found.signal.values[360:370, column].tolist() == [100] * 10 and found.signal.measured[:, column].sum() == 10
    assert found.signal.values[365, found.signal.channels.index("spo2")] == pytest.approx(97)
    assert [(e.english, e.start, e.end) for e in found.labels.episodes] == [("sleep", 10, 330), ("running", 1200, 1225)]
    path.write_text("<HealthData><Record")
    with pytest.raises(InputError, match="cannot be read as an export"):
        one(path)


def test_google_fits_daily_metrics_name_the_day_in_the_file(tmp_path: Path) -> None:
    lines = [f"{h:02d}:{m:02d}:00.000+09:00,,{60 + h},{h}" for h in range(24) for m in (0, 15, 30, 45)]
    found = one(table(tmp_path, "Start time,End time,Average heart rate (bpm),Step count", *lines, name="2026-11-01.csv"))
    assert found.name == "2026-11-01" and found.signal.channels == ("HR", "steps") and found.signal.measured[:, 0].sum() == 96


def test_signals_are_items_of_an_index(tmp_path: Path) -> None:
    table(tmp_path, "time,hr,steps", *(f"{minute(n)},{60 + n % 9},{90 if 120 <= n < 150 else 0}" for n in range(1440)), name="day.csv")
    (tmp_path / "w.json").write_text(json.dumps({"values": [[0.1, 0.2], [0.3, 0.4]], "rate": 50, "channels": ["acc_x", "acc_y"]}))
    (tmp_path / "settings.json").write_text(json.dumps({"theme": "dark"}))
    (tmp_path / "goods.csv").write_text("text,price\n원피스,100\n", "utf-8")
    survey = sources.survey([tmp_path])
    assert survey.unread == {".json": 1}
    found = {i.id.rpartition("/")[2]: i for i in sources.read(survey) if isinstance(i, Item)}
    assert set(found) == {"day.csv", "w.json", "goods.csv#1"}
    day = found["day.csv"]
    assert day.kinds == ("text", "signal") and day.facts["date"] == "2026-11-01" and day.facts["steps"] == 2700
    assert day.text is not None and "새벽에 2,700걸음을 걸었다." in day.text and found["goods.csv#1"].kinds == ("text",)


def test_rows_of_days_come_back_as_items_and_as_recordings(tmp_path: Path) -> None:
    made = one(table(tmp_path, "time,hr", *(f"{minute(n)},{60 + n % 9}" for n in range(300))))
    path = tmp_path / "days.jsonl"
    path.write_text(json.dumps(row(made), ensure_ascii=False) + "\n", "utf-8")
    (item,) = sources.read([path])
    assert isinstance(item, Item) and item.id == "2026-11-01" and item.parts[1] == made.signal and item.facts["date"] == "2026-11-01"
    assert one(path).signal == made.signal


def test_a_broken_signal_file_is_a_problem_and_not_the_end(tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text('{"values": [1, 2], "rate": 0}')
    table(tmp_path, "time,hr", *(f"{minute(n)},{n % 9}" for n in range(60)), name="odd.csv")
    found = list(sources.read([tmp_path]))
    assert len(found) == 2 and all(isinstance(f, Problem) for f in found)
    assert any("above 0" in f.reason for f in found if isinstance(f, Problem))


def test_signals_of_several_shapes_are_no_table_of_pictures() -> None:
    assert Signal(np.ones((2, 1), np.float32), 1.0).channels == ("1",)
