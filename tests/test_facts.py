"""Facts of many items go in, the bounds of numbers and dates come out."""

from __future__ import annotations

from hannun.facts import FactRange, ranges


def test_ranges_of_numbers_and_dates() -> None:
    rows = [
        {"price": 300, "taken": "2026-03-02T09:30:00", "name": "a", "sale": True, "one": 5, "size": {"cm": 10}},
        {"price": 20.5, "taken": "2025-12-31", "name": "b", "sale": False, "one": 5, "size": {"cm": 12}},
        {"price": 1000, "taken": "2026-01-01T00:00:00+09:00", "code": "007"},
    ]
    assert ranges(rows) == [
        FactRange("price", "number", 20.5, 1000, 3),
        FactRange("taken", "date", "2025-12-31", "2026-03-02T09:30:00", 3),  # as they are written, in the order of time
        FactRange("size.cm", "number", 10, 12, 2),
    ]
    assert ranges(rows, limit=1) == ranges(rows)[:1] and ranges([]) == []


def test_a_fact_of_two_kinds_is_told_as_what_it_mostly_is() -> None:
    rows = [{"year": 2019}, {"year": 2021}, {"year": "2020-01-01"}, {"year": "around 2000"}]
    assert ranges(rows) == [FactRange("year", "number", 2019, 2021, 2)]
