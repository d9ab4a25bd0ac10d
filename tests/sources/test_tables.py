"""Rows of JSONL, CSV and Parquet become items; a broken row becomes a Problem and stops nothing."""

from __future__ import annotations

import datetime
import math
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hannun import sources
from hannun.item import Image
from tests.conftest import draw, encoded
from tests.sources.found import picture, plain, read, table


def test_a_few_nul_characters_do_not_cost_a_table(tmp_path: Path) -> None:
    (tmp_path / "padded.csv").write_bytes("id,text,색\n1,빨간 원피스,빨강\0\0\n2,파란 셔츠,파랑\n3,검은 바지\0,검정\n".encode("cp949"))
    items, problems = read(tmp_path / "padded.csv")
    assert [it.text for it in items] == ["빨간 원피스", "파란 셔츠", "검은 바지"]
    assert [plain(it)["색"] for it in items] == ["빨강", "파랑", "검정"]
    assert [p.reason for p in problems] == ["holds NUL characters; they are left out", "1 more lines with NUL characters"]
    (tmp_path / "wide.csv").write_bytes("id,text\n1,dress\n2,shirt\n".encode("utf-16-le"))  # without a mark
    items, problems = read(tmp_path / "wide.csv")
    assert not items and "is not text in UTF-8, UTF-16 or CP949" in problems[0].reason


def test_rows_have_ids_texts_pictures_and_facts(tmp_path: Path) -> None:
    picture(tmp_path / "img/a.png")
    table(tmp_path, "t.jsonl", {"id": "1", "text": "옷", "image": "img/a.png", "price": 9900, "색": ["빨강"], "new": True, "none": None})
    (one,), problems = read(tmp_path / "t.jsonl")
    assert not problems and one.id == "1" and one.text == "옷"
    assert plain(one) == {"price": 9900, "색": ["빨강"], "new": True}
    assert one.images == (Image(tmp_path / "img/a.png"),)


def test_rows_without_ids_are_named_by_file_and_row(tmp_path: Path) -> None:
    table(tmp_path, "t.jsonl", {"text": "하나"}, {"text": "둘", "id": ""}, {"text": "셋", "id": None})
    assert [it.id for it in read(tmp_path)[0]] == [f"{tmp_path.name}/t.jsonl#{n}" for n in (1, 2, 3)]


def test_a_table_claims_its_pictures_inside_a_folder_only(tmp_path: Path) -> None:
    for name in ("img/a.png", "img/b.png", "img/c.png", "free.png"):
        picture(tmp_path / name)
    table(tmp_path, "t.jsonl", {"id": "1", "image": "img/a.png"}, {"id": "2", "image": ["img/b.png", "./img/../img/c.png"]})
    assert [Path(it.id).name for it in read(tmp_path)[0]] == ["free.png", "1", "2"]
    named, _ = read(tmp_path, tmp_path / "img/a.png")  # asked for by name, so it is wanted
    assert sorted(Path(it.id).name for it in named) == ["1", "2", "a.png", "free.png"]


def test_broken_lines_stop_nothing(tmp_path: Path) -> None:
    lines = [
        '{"id": "1", "text": "하나"}'.encode(),
        b'{"id": "2", "text":',
        b"",
        b"[1, 2]",
        b'"text"',
        b"\xff\xfe\xff",
        b'{"a":' * 100_000,
        b'{"id": "n", "text": "x", "n": ' + b"9" * 5000 + b"}",
        '{"id": "3", "text": "셋"}'.encode("cp949"),
        b'{"id": "4", "text": 5, "nan": NaN, "inf": Infinity}',
        b'{"id": "5", "text": ""}',
        b'{"id": "6", "text": "x", "big": 99999999999999999999}',
        b'{"id": "7", "image": 5}',
        b'{"id": "8", "text": "x", "deep": ' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"id": "9", "text": NaN}',
        b'{"id": ["x"], "text": "ten"}',
    ]
    (tmp_path / "t.jsonl").write_bytes(b"\n".join(lines))
    items, problems = read(tmp_path)
    assert [(it.id, it.text) for it in items] == [("1", "하나"), ("3", "셋"), ("4", "5"), ("6", "x"), ("8", "x"), ("['x']", "ten")]
    assert plain(items[2]) == {} and plain(items[3]) == {"big": "99999999999999999999"} and plain(items[4]) == {}
    assert len(problems) == 11  # of "big" and "deep" it is told that they are text, and left out
    assert sum("is not JSON" in p.reason for p in problems) == 3
    assert all(str(tmp_path / "t.jsonl") in p.where and "row " in p.where for p in problems)


def test_csv_of_every_kind(tmp_path: Path) -> None:
    text = 'id,text,code,price,ratio,empty,word\n001,빨간 원피스,00123,9900,0.5,,NaN\n002,"줄,바꿈\n둘째",1,-3,-0.25,,1e5\n'
    for name, encoding in [("a.csv", "utf-8"), ("b.csv", "utf-8-sig"), ("c.csv", "cp949")]:
        (tmp_path / name).write_bytes(text.encode(encoding))
        (first, second), problems = read(tmp_path / name)
        assert not problems
        assert (first.id, first.text, second.id, second.text) == ("001", "빨간 원피스", "002", "줄,바꿈 둘째")
        assert plain(first) == {"code": "00123", "price": 9900, "ratio": 0.5, "word": "NaN"}
        assert plain(second) == {"code": 1, "price": -3, "ratio": -0.25, "word": "1e5"}
        assert isinstance(first.facts["price"], int)


@pytest.mark.parametrize("told", ["sep=;\r\n", "SEP=|\n", '"sep=;"\n', "sep=;;;\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_the_line_that_tells_a_spreadsheet_the_separator_is_no_header(tmp_path: Path, told: str, encoding: str) -> None:
    separator = "|" if "|" in told else ";"
    rows = "id;text;색\n1;빨간 원피스;빨강\n".replace(";", separator)
    (tmp_path / "a.csv").write_bytes((told + rows).encode(encoding))
    (item,), problems = read(tmp_path / "a.csv")
    assert (item.id, item.text, plain(item)) == ("1", "빨간 원피스", {"색": "빨강"}) and not problems
    (tmp_path / "b.csv").write_bytes("sep=a;text\n1;빨강\n".encode(encoding))  # a name of a column that begins so
    (item,), problems = read(tmp_path / "b.csv")
    assert item.text == "빨강" and not problems


@pytest.mark.parametrize("content", ["", "id,text\n", "\n\n"])
def test_csv_without_rows(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    assert read(tmp_path) == ([], [])


def test_csv_with_ragged_and_foreign_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text,price\n1,하나,9,too,many\n2\n3,셋,5,,\n4,넷, 여름용,7\n", "utf-8")
    items, problems = read(tmp_path)
    assert [(it.id, it.text) for it in items] == [("1", "하나"), ("3", "셋"), ("4", "넷")]
    assert [plain(it) for it in items] == [
        {"cells": ["1", "하나", "9", "too", "many"]},
        {"price": 5},  # empty cells at the end are none
        {"cells": ["4", "넷", "여름용", "7"]},
    ]
    assert [p.where.rpartition(", ")[2] for p in problems[:2]] == ["row 1", "row 2"] and len(problems) == 3
    assert "has 5 cells, the header 3" in problems[0].reason and "neither text nor picture" in problems[1].reason
    assert problems[2].reason == "1 more rows with more cells than the header"


def test_other_columns_are_told_once(tmp_path: Path) -> None:
    table(tmp_path, "t.jsonl", *[{"title": "a", "url": "b"}] * 50)
    items, problems = read(tmp_path)
    assert not items and len(problems) == 2
    assert "has the columns title, url, expected 'text' and/or 'image'" in problems[0].reason and problems[0].where.endswith("row 1")
    assert problems[1].reason == "49 more rows without 'text' and 'image'"


def test_the_first_of_equal_ids_stands(tmp_path: Path) -> None:
    table(tmp_path, "a.jsonl", {"id": "1", "text": "처음"}, {"id": 1, "text": "다시"})
    table(
        tmp_path, "b.jsonl", {"id": unicodedata.normalize("NFD", "가"), "text": "x"}, {"id": "가", "text": "y"}, {"id": "1", "text": "또"}
    )
    items, problems = read(tmp_path)
    assert [(it.id, it.text) for it in items] == [("1", "처음"), ("가", "x")]
    assert [Path(p.where).name for p in problems] == ["a.jsonl", "b.jsonl", "b.jsonl"]
    assert all("came before" in p.reason for p in problems)


def test_parquet_with_pictures_as_published(tmp_path: Path) -> None:
    picture(tmp_path / "side.png")
    data = encoded(draw((0, 200, 0)))
    pictures = [{"bytes": data, "path": None}, {"bytes": None, "path": "side.png"}, None]
    columns = {
        "id": [1.0, 2.0, math.nan],
        "text": ["하나", None, "셋"],
        "image": pictures,
        "day": [datetime.date(2024, 1, 2)] * 3,
        "x": [1.5, math.nan, 2],
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    items, problems = read(tmp_path / "t.parquet")
    assert not problems
    assert [it.id for it in items] == ["1", "2", f"{tmp_path.name}/t.parquet#3"]
    assert [it.text for it in items] == ["하나", None, "셋"]
    assert items[0].images == (Image(data),) and items[1].images == (Image(tmp_path / "side.png"),) and not items[2].images
    assert [plain(it) for it in items] == [{"day": "2024-01-02", "x": 1.5}, {"day": "2024-01-02"}, {"day": "2024-01-02", "x": 2}]
    assert sources.count([tmp_path / "t.parquet"]) == 3


def test_parquet_claims_paths_and_passes_bytes_by(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    pq.write_table(pa.table({"image": ["a.png"]}), tmp_path / "paths.parquet")
    pq.write_table(pa.table({"image": [encoded(draw())], "id": ["b"]}), tmp_path / "bytes.parquet")
    assert [Path(it.id).name for it in read(tmp_path)[0]] == ["b", "paths.parquet#1"]


def test_a_broken_parquet_is_one_problem_with_its_id(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["x"] * 1000}), tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    for name, data in [("half", whole[: len(whole) // 2]), ("zero", b""), ("text", b"id,text\n1,a\n" * 9)]:
        path = tmp_path / f"{name}.parquet"
        path.write_bytes(data)
        items, problems = read(path)
        assert not items and len(problems) == 1
        assert (
            "not a whole parquet file" in problems[0].reason
            and "\n" not in problems[0].reason
            and problems[0].id == f"{tmp_path.name}/{path.name}"
        )
        assert sources.count([path]) == 1
