"""Logs as people have them: any names of columns, any form of time, any kind of table; and what is no event is told, not kept."""

from __future__ import annotations

import datetime
import json
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hannun.errors import InputError, MissingError
from hannun.sources.logs import mapped, of_columns, read_log, seconds

pytest.importorskip("daft", reason="Daft is in the [users] extra")
NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC).timestamp()
AT = datetime.datetime(2024, 1, 2, 15, 4, tzinfo=datetime.UTC).timestamp()


@pytest.mark.parametrize(
    "written",
    [
        "2024-01-02T15:04:00",
        "2024-01-03 00:04:00+09:00",
        "2024.1.2 오후 3:04",
        "2024년 1월 2일 15시 4분",
        "2024/01/02 15:04",
        "20240102150400",
        "20240102T1504",
        str(int(AT)),
        str(int(AT * 1000)),
    ],
)
def test_a_time_may_be_written_in_any_form(written: str) -> None:
    assert seconds(pa.array([written, None, "어제", ""])).tolist()[0] == AT
    assert np.isnan(seconds(pa.array([None, "어제", "", "2024-02-31"]))).all()


@pytest.mark.parametrize(
    "column",
    [
        pa.array([int(AT)]),
        pa.array([int(AT * 1e3)]),
        pa.array([int(AT * 1e6)]),
        pa.array([int(AT * 1e9)]),
        pa.array([datetime.datetime.fromtimestamp(AT, datetime.UTC)], pa.timestamp("ns", "Asia/Seoul")),
        pa.array([datetime.datetime(2024, 1, 2, 15, 4)], pa.timestamp("s")),
    ],
)
def test_a_time_may_be_a_number_or_a_date(column: pa.Array) -> None:
    assert seconds(column).tolist() == pytest.approx([AT], abs=1e-3)


def test_days_as_numbers() -> None:
    assert seconds(pa.array([20240102, 20231231])).tolist() == [AT - 15 * 3600 - 240, AT - 15 * 3600 - 240 - 2 * 86_400]


def test_every_kind_of_table_gives_the_same_log(tmp_path: Path) -> None:
    rows = [("가", 7, "2024-01-02", "클릭"), ("나", 8, "2024-01-01", "구매"), ("가", 9, "2024-01-01", "클릭")]
    (tmp_path / "a.csv").write_text("회원,상품,시각,행동\n" + "".join(",".join(map(str, r)) + "\n" for r in rows), "utf-8")
    (tmp_path / "a.tsv").write_text("회원\t상품\t시각\t행동\n" + "".join("\t".join(map(str, r)) + "\n" for r in rows), "utf-8")
    names = ("user_id", "item_id", "timestamp", "event_type")
    dicts = [dict(zip(names, r, strict=True)) for r in rows]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(d, ensure_ascii=False) + "\n" for d in dicts), "utf-8")
    pq.write_table(pa.Table.from_pylist(dicts), tmp_path / "a.parquet")
    for kind in ("csv", "tsv", "jsonl", "parquet"):
        log = read_log([tmp_path / f"a.{kind}"], until=NOW)
        assert (log.users, log.items) == (("가", "나"), ("7", "8", "9")), kind
        assert (log.user.tolist(), log.item.tolist()) == ([0, 0, 1], [2, 0, 1]), kind
        assert [log.names["action"][n] for n in log.named["action"]] == ["클릭", "클릭", "구매"], kind
        assert np.diff(log.starts).tolist() == [2, 1]
    both = read_log([tmp_path / "a.csv", tmp_path / "a.jsonl"], until=NOW)
    assert len(both) == 6 and both.users == ("가", "나")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("before", ["", "sep={}\r\n"])
def test_a_log_is_read_as_spreadsheets_save_it(tmp_path: Path, encoding: str, delimiter: str, before: str) -> None:
    rows = ["고객번호 상품코드 주문일시 가격", '7 가방 2024-01-02 "39,000원"', "8 모자 2024-01-01 12000"]
    (tmp_path / "주문.csv").write_bytes((before.format(delimiter) + "\r\n".join(rows).replace(" ", delimiter)).encode(encoding))
    log = read_log([tmp_path / "주문.csv"], until=NOW)
    assert (log.users, log.items) == (("7", "8"), ("가방", "모자"))
    assert log.value is not None and log.value.tolist() == [39_000, 12_000]
    assert log.time.tolist() == [AT - 15 * 3600 - 240, AT - 39 * 3600 - 240]


def test_a_named_column_is_found_in_either_form_and_taken_once(tmp_path: Path) -> None:
    header = unicodedata.normalize("NFD", "회원,담당 회원,상품,시각")
    (tmp_path / "a.csv").write_text(header + "\na,b,1,2024-01-02\n", "utf-8")
    assert read_log([tmp_path / "a.csv"], until=NOW).users == ("a",)
    assert read_log([tmp_path / "a.csv"], mapped("user=담당 회원"), NOW).users == ("b",)


def test_what_is_no_event_is_left_out_and_told() -> None:
    user = ["a", "a", "", "a", "b", "c", "c", *["bot"] * 20]
    item = ["1", "2", "3", None, "1", "1", "2", *["1"] * 20]
    time = [200, 100, 100, 100, NOW + 9, 100, "x", *[50] * 20]
    log = of_columns(user, item, list(map(str, time)), until=NOW, bot=10)
    assert log.users == ("a", "c") and log.time.tolist() == [100, 200, 100]
    said = "\n".join(log.said)
    assert "3 events without a user, an item or a time" in said and "1 events later than now" in said
    assert "1 users with over 10 events each (20 events)" in said and "1 events came after later ones" in said
    assert "1 of 2 users have one event" in said


def test_mistakes_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such log"):
        read_log([tmp_path / "x.csv"])
    (tmp_path / "a.csv").write_text("who,what,when\na,b,2024-01-01\n", "utf-8")
    with pytest.raises(InputError, match="which is the user and the item and the time cannot be told; give --columns user=…"):
        read_log([tmp_path / "a.csv"])
    with pytest.raises(InputError, match="has no column 'whom'"):
        read_log([tmp_path / "a.csv"], {"user": "whom"})
    assert len(read_log([tmp_path / "a.csv"], mapped("user=who,item=what,time=when"), NOW)) == 1
    with pytest.raises(InputError, match="none of 1 rows is an event"):
        read_log([tmp_path / "a.csv"], mapped("user=who,item=what,time=what"), NOW)
    with pytest.raises(InputError, match="--columns 'usr=a' came"):
        mapped("usr=a")
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(InputError, match=r"is a \.txt, expected"):
        read_log([tmp_path / "a.txt"])
    (tmp_path / "b.parquet").write_bytes(b"PAR1broken")
    with pytest.raises(InputError, match="cannot be read"):
        read_log([tmp_path / "b.parquet"])
