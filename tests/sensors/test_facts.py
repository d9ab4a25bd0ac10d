"""Facts of signals by hand: the paper's table, statistics, trends and peaks by published thresholds, walks, what is never made up."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hannun.errors import InputError
from hannun.sensors.channels import FEATURES, KNOWN, channel, recognised, spoken
from hannun.sensors.episodes import ASLEEP, Episode, steps_by_part, told, walked
from hannun.sensors.form import day_signal, day_table, gridded, standardised
from hannun.sensors.statistics import of_channel, statistics
from hannun.sensors.structure import SEGMENTS, Trend, binned, chosen, direction, edges, extremes, summits, trends
from hannun.signals import Signal


def minutes(date: str | None = "2026-11-01", **columns: np.ndarray) -> Signal:
    """A day of channels by minute."""
    return Signal(np.stack(list(columns.values()), axis=1).astype(np.float32), 1 / 60, tuple(columns), date)


def test_the_paper_has_26_features_with_the_names_of_its_release() -> None:
    assert len(FEATURES) == 26 and len(KNOWN) == len({c.key for c in KNOWN.values()})
    assert [f.key for f in FEATURES if f.total] == ["steps"]
    assert (channel("HR").mean, channel("HR").deviation, channel("steps").deviation) == (75.9586, 16.1887, 18.8926)


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("심박수", "HR"), ("Heart Rate", "HR"), ("bpm", "HR"), ("걸음 수", "steps"), ("Step count", "steps"), ("steps", "steps"),
        ("Average heart rate (bpm)", "HR"), ("심박수(bpm)", "HR"), ("accel_x", "acc_x"), ("피부온도", "skin_temperature_magnitude"),
        ("가격", None), ("id", None),
    ],
)  # fmt: skip
def test_columns_are_known_in_korean_and_english(column: str, key: str | None) -> None:
    assert recognised(column) == key


def test_a_day_is_laid_on_the_papers_table_and_nothing_is_made_up() -> None:
    heart = np.full(1440, 70.0)
    heart[100:200] = np.nan
    values, mask = day_table(minutes(HR=heart, mine=np.ones(1440)))
    assert values.shape == mask.shape == (1440, 26)
    assert mask[:, 0].sum() == 1340 and not mask[:, 1:].any() and not values[~mask].any()
    assert standardised(values, mask)[0, 0] == pytest.approx((70 - 75.9586) / 16.1887) and not standardised(values, mask)[~mask].any()
    back = day_signal(values, mask, "2026-11-01")
    assert back.channels == ("HR",) and day_table(back)[1].sum() == 1340


def test_faster_rows_are_averaged_and_steps_are_added() -> None:
    half = Signal(np.array([[60, 1], [80, 2], [90, 3]], np.float32), 1 / 30, ("HR", "steps"), "2026-11-01T06:00")
    values, mask = day_table(half)
    column = [f.key for f in FEATURES].index("steps")
    assert values[360, 0] == 70 and values[360, column] == 3 and values[361, 0] == 90 and mask[:, 0].sum() == 2
    with pytest.raises(InputError, match="at least one of HR"):
        day_table(minutes(mine=np.ones(10)))


def test_cells_without_a_sample_are_unmeasured() -> None:
    made, there = gridded(np.array([0, 0, 2]), [1, 3, 5], [True, True, False], 3, False)
    assert made.tolist() == [2, 0, 0] and there.tolist() == [True, False, False]


def test_statistics_are_of_what_was_measured() -> None:
    heart = np.array([60.0, 80.0, np.nan, 100.0])
    found = of_channel(minutes(HR=heart), "HR")
    assert found is not None and (found.mean, found.highest, found.lowest) == (80, 100, 60)
    assert found.deviation == pytest.approx((800 / 3) ** 0.5)
    assert [s.key for s in statistics(minutes(HR=heart, kurtosis=heart, axis_mean=heart))] == ["HR", "kurtosis"]  # as the release selects
    assert spoken(("axis_mean",)) == ["axis_mean"]


def test_a_day_has_36_bins_of_40_minutes_and_half_of_one_must_be_measured() -> None:
    x = np.arange(1440.0)
    x[:20], x[40:61] = np.nan, np.nan
    signal = minutes(HR=x)
    assert np.diff(edges(1440)).tolist() == [40] * 36
    bins = binned(signal, "HR")
    assert bins[0] == np.arange(20, 40).mean() and np.isnan(bins[1]) and bins[2] == np.arange(80, 120).mean()


@pytest.mark.parametrize("size", SEGMENTS)
def test_a_line_rises_where_it_is_steeper_than_the_threshold(size: int) -> None:
    steep = SEGMENTS[size] / 40  # of a range of 1
    part = np.arange(size) * steep
    assert direction(part * 1.01, 1.0) == ("rising" if part[-1] * 1.01 > 0.2 else None)
    assert direction(-part * 1.5, 1.0) == "falling" and direction(part * 0.99, 1.0) is None
    assert direction(np.zeros(size), 1.0) == "stable" and direction(np.zeros(size), 0.0) is None
    assert direction(np.where(np.arange(size) == 2, np.nan, part * 2), 1.0) is None


def test_three_trends_are_told_that_hardly_overlap() -> None:
    bins = np.concatenate([np.linspace(0, 10, 12), np.full(12, 10.0), np.linspace(10, 0, 12)])
    found = chosen(bins)
    assert [way for _, _, way in found] == ["rising", "stable", "falling"]
    for (a, b, _), (c, _, _) in itertools.pairwise(found):
        assert b - c <= 0.3 * (b - a)
    assert chosen(np.full(36, np.nan)) == [] and chosen(np.full(36, 5.0)) == []
    assert chosen(bins, 10.1) == [] and len(chosen(bins, 10.0)) == 3  # bins that differ by less than the least are flat


def test_trends_of_a_day_say_its_minutes() -> None:
    heart = np.concatenate([np.full(720, 60.0), np.linspace(60, 120, 240), np.full(480, 120.0)])
    assert Trend("HR", "rising", 720, 960) in [t for t in trends(minutes(HR=heart)) if t.direction == "rising"] or any(
        t.direction == "rising" and 480 <= t.start <= 720 and 960 <= t.end <= 1200 for t in trends(minutes(HR=heart))
    )


def test_spikes_and_dips() -> None:
    bins = np.full(36, 60.0)
    bins[20], bins[5] = 140, 60
    assert extremes(bins) == [(20, "spike")]
    deep = np.full(36, 60.0)
    deep[9] = 10
    assert extremes(deep) == [(9, "dip")] and extremes(np.full(36, 3.0)) == []
    bins[19] = np.nan  # beside a gap nothing stands out
    assert extremes(bins) == []


def test_summits_are_those_of_scipy() -> None:
    scipy = pytest.importorskip("scipy.signal", reason="what summits are compared with")
    random = np.random.default_rng(0)
    some = 0
    for n in range(200):
        x = np.round(random.normal(size=36).cumsum() if n % 2 else random.exponential(size=36) ** 2, 1)
        height, prominence = 0.2 * np.ptp(x) + x.mean(), 0.3 * np.ptp(x)
        theirs = scipy.find_peaks(x, height=height, prominence=prominence, distance=5, width=(None, 4))[0].tolist()
        assert summits(x, height, prominence) == theirs
        some += len(theirs)
    assert some > 100


def test_a_walk_is_read_from_steps_and_a_short_one_is_not_told() -> None:
    steps = np.zeros(1440)
    steps[300:330], steps[310:312] = 100, 0  # a pause of two minutes
    steps[600:610] = 100
    steps[700:725] = 160
    day = minutes(steps=steps)
    assert walked(day) == [
        Episode("걷기", "walking", 300, 330, labelled=False),
        Episode("걷기", "walking", 600, 610, labelled=False),
        Episode("달리기", "running", 700, 725, labelled=False),
    ]
    assert [(e.start, e.end) for e in told(day)] == [(300, 330), (700, 725)]
    labels = (Episode("수영", "swimming", 400, 440), Episode(*ASLEEP, 0, 280), Episode("요가", "yoga", 500, 510))
    assert [e.english for e in told(day, labels)] == ["sleep", "swimming"]  # labels stand before what steps show
    assert walked(minutes(HR=steps)) == []


def test_steps_by_part_of_the_day_want_half_of_it_measured() -> None:
    steps = np.zeros(1440)
    steps[60:70], steps[800:805] = 50, 10
    assert [(p.korean, p.steps) for p in steps_by_part(minutes(steps=steps))] == [("새벽", 500)]
    steps[71:260] = np.nan
    assert steps_by_part(minutes(steps=steps)) == [] and steps_by_part(minutes(None, steps=np.ones(1440))) == []
