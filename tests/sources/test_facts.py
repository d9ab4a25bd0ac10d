"""Facts of every kind become JSON, and what a table, a shard or a frame holds is read back as it was written."""

from __future__ import annotations

import csv
import datetime
import decimal
import json
import math
import unicodedata
import uuid
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hannun import hangul, sources
from hannun.errors import HannunError, InputError
from hannun.item import Problem
from hannun.sources import fact
from tests.sources.found import plain, read
from tests.sources.test_shards import shard


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (0.5, 0.5),
        (math.nan, None),
        (math.inf, None),
        (unicodedata.normalize("NFD", "빨강"), "빨강"),
        (datetime.datetime(2024, 1, 2, 3, 4), "2024-01-02T03:04:00"),
        (datetime.time(3, 4), "03:04:00"),
        (np.int64(7), 7),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([1, 2]), [1, 2]),
        (np.float64(math.nan), None),
        (decimal.Decimal("1.5"), 1.5),
        (decimal.Decimal("NaN"), None),
        (decimal.Decimal("0.10"), 0.1),
        (decimal.Decimal("12345678901234567890.5"), "12345678901234567890.5"),
        (2**63 - 1, 2**63 - 1),
        (2**63, "9223372036854775808"),
        (-(2**63) - 1, "-9223372036854775809"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime.timedelta(seconds=90), "PT90S"),
        (datetime.timedelta(milliseconds=-1500), "-PT1.5S"),
        (np.datetime64("2024-01-02T03:04:05", "ns"), "2024-01-02T03:04:05"),
        ((1, [2, (3,)]), [1, [2, [3]]]),
        ({"b", "a", "c"}, ["a", "b", "c"]),
        ({unicodedata.normalize("NFD", "색"): {1: math.nan}}, {"색": {"1": None}}),
    ],
)
def test_facts_become_json(given: Any, expected: Any) -> None:
    made = fact(given)
    assert made == expected and type(made) is type(expected)
    assert json.loads(json.dumps(made, allow_nan=False)) == made


@pytest.mark.parametrize("given", [b"x", object(), 1j, {"a": [b"x"]}])
def test_facts_that_have_no_json(given: Any) -> None:
    with pytest.raises(InputError, match="a fact is"):
        fact(given)


def test_facts_that_are_nested_too_deep() -> None:
    deep: Any = 1
    for _ in range(32):
        deep = [deep]
    assert fact(deep) == deep
    with pytest.raises(InputError, match="nested"):
        fact([deep])
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(HannunError, match="nested"):
        fact(endless)


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12).map(hangul.normalise)
WHOLE = st.integers(-(2**63), 2**63 - 1)
DECIMAL = st.floats(allow_nan=False, allow_infinity=False)
CODES = st.sampled_from(["007", "3.10", "1e5", "+82", "-0", "1.", ".5", "9" * 19, "0x1F", "NaN", "inf", "None", "null", "1,000", "٣"])
SINGLE = st.one_of(TEXT, CODES, WHOLE, DECIMAL, st.booleans(), st.none(), st.dates(), st.datetimes(), st.times())
NESTED = st.recursive(SINGLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=5)
NAMES = TEXT.filter(lambda n: n and n not in ("id", "text", "image") and not n.startswith("_"))
ROWS = st.lists(st.dictionaries(NAMES, NESTED, max_size=3), min_size=1, max_size=3)
COLUMN = st.one_of(
    *(st.lists(k | st.none(), min_size=3, max_size=3) for k in (TEXT, CODES, WHOLE, DECIMAL, st.booleans(), st.dates(), st.datetimes()))
)
# Columns of one Arrow type each, lists and structs among them.
KINDS = (TEXT, CODES, WHOLE, DECIMAL, st.booleans(), st.dates(), st.datetimes(), st.times())
ONE = st.sampled_from(KINDS)
FILLED = ONE.flatmap(lambda k: st.lists(k, min_size=3, max_size=3))
LISTS = ONE.flatmap(lambda k: st.lists(st.lists(k, min_size=1, max_size=2) | st.none(), min_size=3, max_size=3))
STRUCTS = ONE.flatmap(lambda k: st.lists(st.fixed_dictionaries({"a": k | st.none(), "b": st.lists(k, max_size=2)}), min_size=3, max_size=3))
DEEP = LISTS | STRUCTS
WITHOUT_SHARED = hypothesis.settings(
    deadline=None, max_examples=40, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow]
)


def given_back(path: Path) -> list[dict[str, Any]]:
    items, problems = read(path)
    assert not problems
    return [plain(it) for it in items]


def as_fact(row: dict[str, Any]) -> str:
    """A row's facts with their types: 1 is not True, 1.0 not "1.0"."""
    return json.dumps(sources.facts(row), sort_keys=True)


@hypothesis.given(ROWS)
@WITHOUT_SHARED
def test_what_a_jsonl_or_tar_holds_is_read_back(tmp_path: Path, given: list[dict[str, Any]]) -> None:
    told = [{"id": str(n), "text": "x", **sources.facts(row)} for n, row in enumerate(given)]
    lines = [json.dumps(row, ensure_ascii=False) for row in told]
    (tmp_path / "t.jsonl").write_text("\n".join(lines), "utf-8")
    shard(tmp_path / "t.tar", *[(f"{n}.json", line.encode()) for n, line in enumerate(lines)])
    for file in ("t.jsonl", "t.tar"):
        assert [*map(as_fact, given_back(tmp_path / file))] == [*map(as_fact, given)]


@hypothesis.given(st.dictionaries(NAMES, st.lists(SINGLE, min_size=2, max_size=2), min_size=1, max_size=3))
@hypothesis.example({"새것": ["False", "TRUE"], "말": ["fAlse", "tRue"]})
@WITHOUT_SHARED
def test_a_cell_writes_back_as_it_was_read(tmp_path: Path, given: dict[str, list[Any]]) -> None:
    """True and TRUE are truths as true is: their case alone does not write back."""

    def cell(value: Any) -> str:
        return str(value).lower() if isinstance(value, bool) else str(value)

    rows = [[cell(v) for v in row] for row in zip(*given.values(), strict=True)]
    for file, mark in (("t.csv", ","), ("t.tsv", "\t")):
        with (tmp_path / file).open("w", encoding="utf-8", newline="") as f:
            writer = csv.writer(f, delimiter=mark)
            writer.writerows([["text", *given], *(["x", *row] for row in rows)])
        for row, back in zip(rows, given_back(tmp_path / file), strict=True):
            normal = {k: hangul.normalise(v) for k, v in zip(given, row, strict=True) if v}
            written = {k: v.lower() if v.lower() in ("true", "false") and isinstance(back.get(k), bool) else v for k, v in normal.items()}
            assert {k: cell(v) for k, v in back.items() if v != ""} == {k: v for k, v in written.items() if v}


@hypothesis.given(st.dictionaries(NAMES, COLUMN | DEEP, min_size=1, max_size=3))
@WITHOUT_SHARED
def test_what_a_parquet_holds_is_read_back(tmp_path: Path, given: dict[str, list[Any]]) -> None:
    pq.write_table(pa.table({"text": ["x"] * 3, **given}), tmp_path / "t.parquet")
    expected = [dict(zip(given, row, strict=True)) for row in zip(*given.values(), strict=True)]
    assert [*map(as_fact, given_back(tmp_path / "t.parquet"))] == [*map(as_fact, expected)]


@pytest.mark.parametrize("frame", ["pandas", "polars", "table", "batch"])
@hypothesis.given(st.data())
@WITHOUT_SHARED
def test_what_a_frame_holds_is_read_back(frame: str, data: st.DataObject) -> None:
    """pandas makes floats of whole numbers beside which one is missing, before we see them, so that its columns are whole."""
    given = data.draw(st.dictionaries(NAMES, FILLED if frame == "pandas" else COLUMN | DEEP, min_size=1, max_size=3))
    table = pa.table({"text": ["x"] * 3, **given})
    made = {
        "pandas": lambda: pytest.importorskip("pandas") and table.to_pandas(),
        "polars": lambda: pytest.importorskip("polars").from_arrow(table),
        "table": lambda: table,
        "batch": lambda: table.to_batches()[0],
    }[frame]()
    back = [c for c in sources.contents(made) if not isinstance(c, Problem)]
    expected = [dict(zip(given, row, strict=True)) for row in zip(*given.values(), strict=True)]
    assert [as_fact(dict(it.facts)) for it in back] == [*map(as_fact, expected)]


def test_parquet_of_odd_types_keeps_its_rows(tmp_path: Path) -> None:
    columns = {
        "text": pa.array([["하나", " 둘 "], ["셋"]]),
        "map": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
        "ns": pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns", "Asia/Seoul")),
        "dec": pa.array([decimal.Decimal("3.10"), None], pa.decimal128(5, 2)),
        "big": pa.array([2**64 - 1, 5], pa.uint64()),
        "dur": pa.array([90 * 10**9, None], pa.duration("ns")),
        "raw": pa.array([b"x", b"y"]),
        "mask": pa.array([{"bytes": b"x", "path": "a"}] * 2),
        "when": pa.array([[datetime.date(2024, 1, 2)], []]),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    items, problems = read(tmp_path / "t.parquet")
    assert [it.text for it in items] == ["하나\n둘", "셋"]
    assert plain(items[0]) == {
        "map": {"a": 1},
        "ns": "2023-11-15T07:13:20.123456+09:00",
        "dec": 3.1,
        "big": str(2**64 - 1),
        "dur": "PT90S",
        "when": ["2024-01-02"],
    }
    assert plain(items[1]) == {"map": {}, "big": 5, "when": []}
    assert sorted(p.where.rpartition("column ")[2] for p in problems) == ["'big'", "'mask'", "'raw'"]
