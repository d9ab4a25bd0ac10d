"""Any moment, written in any of the forms that logs have, is read back; columns are mapped as they are named."""

from __future__ import annotations

import datetime

import hypothesis
import hypothesis.strategies as st
import pyarrow as pa
import pytest

from hannun.errors import InputError
from hannun.sources.logs import COLUMNS, mapped, seconds

SOME = hypothesis.settings(max_examples=40)
MOMENTS = st.datetimes(datetime.datetime(2001, 9, 10), datetime.datetime(2033, 5, 17)).map(lambda t: t.replace(microsecond=0))
ZONES = st.integers(-11, 13)


def epoch(t: datetime.datetime) -> int:
    return round(t.replace(tzinfo=datetime.UTC).timestamp())


def half_day(t: datetime.datetime) -> str:
    return f"{'오후' if t.hour >= 12 else '오전'} {t.hour % 12 or 12}:{t.minute:02}:{t.second:02}"


@SOME
@hypothesis.given(MOMENTS, ZONES)
def test_a_moment_is_read_back_from_every_form(t: datetime.datetime, zone: int) -> None:
    there = (t + datetime.timedelta(hours=zone)).isoformat() + f"{zone:+03}:00"
    forms = [
        t.isoformat(),
        t.isoformat(" "),
        f"{t.isoformat()}Z",
        there,
        f"{t:%Y/%m/%d %H:%M:%S}",
        f"{t.year}. {t.month}. {t.day}. {half_day(t)}",
        f"{t.year}년 {t.month}월 {t.day}일 {t.hour}시 {t.minute}분 {t.second}초",
        f"{t:%Y%m%d%H%M%S}",
        f"{t:%Y%m%dT%H%M%S}",
    ]
    for form in forms:  # each in a column of its own: a column has one form
        assert seconds(pa.array([form])).tolist() == [epoch(t)], form


@SOME
@hypothesis.given(MOMENTS)
def test_numbers_are_read_by_their_size(t: datetime.datetime) -> None:
    for unit in (1, 10**3, 10**6, 10**9):
        assert seconds(pa.array([epoch(t) * unit])).tolist() == pytest.approx([epoch(t)], abs=1e-3), unit


@SOME
@hypothesis.given(st.text(max_size=30))
def test_any_text_is_a_time_or_none(text: str) -> None:
    (found,) = seconds(pa.array([text])).tolist()
    assert found != found or abs(found) < 1e12


NAMES = st.text(st.characters(exclude_characters=",=", exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=8)


@SOME
@hypothesis.given(st.dictionaries(st.sampled_from(COLUMNS), NAMES))
def test_columns_are_mapped_as_they_are_named(given: dict[str, str]) -> None:
    assert mapped(",".join(f" {ours} = {theirs} " for ours, theirs in given.items())) == given


@SOME
@hypothesis.given(st.text(max_size=20))
def test_any_other_mapping_is_one_clear_error(text: str) -> None:
    try:
        found = mapped(text)
    except InputError as e:
        assert "\n" not in str(e) and "expected user=…" in str(e)
    else:
        assert set(found) <= set(COLUMNS) and all(found.values())
