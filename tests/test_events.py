"""Events by hand: the order of time, what is kept, what is refused, and that they come back equal from JSON."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from hannun.errors import InputError
from hannun.events import Events
from hannun.item import item

LATER = {"time": "2025-11-02T08:00:00", "action": "purchase", "item": 17, "price": 9900}
FIRST = {"time": datetime.datetime(2025, 11, 1, 9, 30), "action": "click", "surface": "검색", "text": "원피스", "쿠폰": {"할인": 10}}


def test_records_stand_in_the_order_of_time_and_keep_what_is_not_known() -> None:
    (events,) = Events.of([LATER, FIRST, {"time": 0}])
    assert [r["time"] for r in events.records] == ["1970-01-01T00:00:00+00:00", "2025-11-01T09:30:00", "2025-11-02T08:00:00"]
    assert events.records[1]["쿠폰"] == {"할인": 10} and events.records[2]["item"] == "17"
    assert str(events) == "3 events from 1970-01-01T00:00:00+00:00 to 2025-11-02T08:00:00"


def test_equal_times_keep_their_order_and_zones_count() -> None:
    zoned = {"time": "2025-11-01T09:00:00+09:00", "action": "a"}  # midnight in UTC
    (events,) = Events.of([{"time": "2025-11-01T00:30", "action": "b"}, zoned, {"time": "2025-11-01", "action": "c"}])
    assert [r["action"] for r in events.records] == ["a", "c", "b"]


def test_json_gives_them_back() -> None:
    (events,) = Events.of([LATER, FIRST])
    back = Events.of_json(json.loads(json.dumps(events.to_json())))
    assert back == events and hash(back) == hash(events) and back.digest() == events.digest()
    assert Events.of([events.to_json(), [{"time": 5}]]) == (events, *Events.of([{"time": 5}]))
    assert item(events).kinds == ("events",)


@pytest.mark.parametrize("fact", [["세일", "행사"], 3, "행사", [], [{"name": "세일"}], None])
def test_a_fact_that_is_named_events_stays_one(fact: object) -> None:
    made = item({"text": "가게", "events": fact})
    assert made.kinds == ("text",) and made.facts == {"events": fact}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([{"time": "어제"}], "event 1 has time='어제'"),
        ([{"time": 1}, {"action": "click"}], "event 2 has time=None"),
        ([{"time": True}], "event 1 has time=True"),
        ([{"time": 1e30}], "event 1 has time="),
        ([{"time": 1, "price": "싸다"}], "expected a number"),
        ([{"time": 1, "action": 5}], "expected a text"),
        ([{"time": 1, "item": ["a"]}], "expected a text"),
    ],
)
def test_what_is_no_event_is_told_in_a_line(given: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(InputError, match=why):
        item({"events": given})


def test_records_that_are_no_list_are_refused() -> None:
    for bad in ("a", {"time": 1}, 5, (5,), ()):
        with pytest.raises(InputError, match="expected"):
            Events(bad)  # type: ignore[arg-type]
