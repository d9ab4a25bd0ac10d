"""Signals by hand: what is read, what is missing, what is refused, and that they come back equal from JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from hannun.errors import InputError
from hannun.item import item
from hannun.part import digest
from hannun.signals import Signal


def test_rows_and_columns_names_and_what_is_missing() -> None:
    signal = Signal([[1, None], [float("nan"), 4]], 0.5, ["심박", "걸음"], "2025-11-01T09:30")  # type: ignore[arg-type]
    assert signal.values.tolist() == [[1, 0], [0, 4]] and signal.values.dtype == np.float32
    assert signal.measured.tolist() == [[True, False], [False, True]]
    assert (signal.rate, signal.channels, signal.start) == (0.5, ("심박", "걸음"), "2025-11-01T09:30")
    assert str(signal) == "signal of 2×2 values at 0.5 Hz"


def test_one_channel_may_come_flat_and_a_mask_hides_values() -> None:
    signal = Signal([1, 2, 3], 50, mask=[True, False, True])  # type: ignore[arg-type]
    assert signal.values.tolist() == [[1], [0], [3]] and signal.channels == ("1",) and signal.start is None
    with pytest.raises(ValueError):
        signal.values[0] = 9  # a part does not change


@pytest.mark.parametrize("missing", [False, True])
def test_json_gives_it_back_exactly(missing: bool) -> None:
    values = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    if missing:
        values[2, 1] = np.nan
    signal = Signal(values, 1 / 60, ("x", "y", "z"), "2025-11-01")
    told = json.loads(json.dumps(signal.to_json()))
    back = Signal.of_json(told)
    assert back == signal and hash(back) == hash(signal) and back.digest() == signal.digest() and ("mask" in told) == missing
    assert Signal(values, 1 / 61, ("x", "y", "z"), "2025-11-01") != signal and digest([back]) == digest([signal])


def test_lists_with_null_are_json_too() -> None:
    assert Signal.of_json({"values": [[1, None], [3, 4]], "rate": 2}) == Signal(np.array([[1, np.nan], [3, 4]]), 2.0)


@pytest.mark.parametrize("fact", [3, "강함", [1, 2, 3], {"strength": 4}, [], None, True])
def test_a_fact_that_is_named_signal_stays_one(fact: object) -> None:
    made = item({"text": "전파", "signal": fact})
    assert made.kinds == ("text",) and made.facts == {"signal": fact}


def test_a_row_may_hold_several() -> None:
    made = item({"signal": [{"values": [1], "rate": 1}, Signal(np.array([2.0], np.float32), 1.0)]})
    assert made.kinds == ("signal",) and [p.values.tolist() for p in made.parts] == [[[1]], [[2]]]  # type: ignore[union-attr]
    assert item(made.parts[0]).parts == made.parts[:1]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"values": [1]}, "without 'rate'"),
        ({"values": [1], "rate": 0}, "above 0"),
        ({"values": [1], "rate": "1"}, "above 0"),
        ({"values": [1], "rate": True}, "above 0"),
        ({"values": [[1], [1, 2]], "rate": 1}, "rows of unlike length"),
        ({"values": ["a"], "rate": 1}, "no numbers"),
        ({"values": 5, "rate": 1}, "0 dimensions"),
        ({"values": np.zeros((2, 2, 2)), "rate": 1}, "3 dimensions"),
        ({"values": [float("inf")], "rate": 1}, "infinite"),
        ({"values": [1e39], "rate": 1}, "infinite"),
        ({"values": [None], "rate": 1}, "without a single measured value"),
        ({"values": [], "rate": 1}, "0 values"),
        ({"values": [1, 2], "rate": 1, "channels": "a"}, "expected a list of names"),
        ({"values": [1, 2], "rate": 1, "channels": 5}, "expected a list of names"),
        ({"values": [[1, 2]], "rate": 1, "channels": ["a", "a"]}, "list of as many"),
        ({"values": [1, 2], "rate": 1, "start": "어제"}, "ISO date"),
        ({"values": [1, 2], "rate": 1, "mask": [[True, False]]}, "a mask for each value"),
        ({"values": [1, 2], "rate": 1, "mask": ["x", "y"]}, "mask that are no numbers"),
        ({"values": [1], "rate": 1, "unit": "bpm"}, "'unit'"),
        ({"values": "AAAA", "rate": 1}, "expected \\[rows, channels\\]"),
        ({"values": "AAAA", "rate": 1, "shape": [1, 1]}, "no base64 of 4 bytes"),
    ],
)
def test_what_is_no_signal_is_told_in_a_line(given: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        item({"signal": given})
