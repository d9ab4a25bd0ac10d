"""Every kind of file becomes the items that are in it; what is broken becomes a Problem and stops nothing."""

from __future__ import annotations

import csv
import datetime
import decimal
import html
import io
import json
import math
import os
import tarfile
import unicodedata
import uuid
import zipfile
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hannun import hangul, sources
from hannun.errors import HannunError, InputError, MissingError
from hannun.item import PLACE, SOURCE, Image, Item, Member, Problem, plain_facts
from hannun.sources import fact
from tests.conftest import draw, encoded


def read(*paths: Path) -> tuple[list[Item], list[Problem]]:
    found = list(sources.read(paths))
    return [f for f in found if isinstance(f, Item)], [f for f in found if isinstance(f, Problem)]


def plain(it: Item) -> dict[str, Any]:
    return plain_facts(it.facts)


def table(folder: Path, name: str, *rows: object) -> Path:
    (folder / name).write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return folder / name


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    draw().save(path)
    return path


# Folders


def test_a_folder_of_pictures_and_texts_in_sorted_order(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "deep/er/c.webp", "d.gif", "e.bmp", "f.tiff", "g.jpeg"):
        picture(tmp_path / name)
    (tmp_path / "글.txt").write_text("빨간  원피스", "utf-8")
    (tmp_path / "글.md").write_text("# 제목", "utf-8")
    items, problems = read(tmp_path)
    assert not problems
    assert [it.id.removeprefix(f"{tmp_path.name}/") for it in items] == [
        *("a.png", "b.JPG", "d.gif", "e.bmp", "f.tiff", "g.jpeg", "글.md", "글.txt", "deep/er/c.webp")
    ]
    assert (
        items[7].text == "빨간 원피스"
        and plain(items[0]) == {"title": "a", "folder": tmp_path.name}
        and plain(items[8])["folder"] == "deep/er"
    )
    assert all(it.facts[PLACE] == it.id and it.facts[SOURCE] == str(tmp_path.parent / it.id) for it in items)
    assert all(it.images[0].load().size == (24, 24) for it in items if it.images)
    assert sources.count([tmp_path]) == 9


def test_hidden_things_other_kinds_and_collections_are_passed_over(tmp_path: Path) -> None:
    for name in (".hidden.jpg", "._mac.jpg", ".git/a.jpg", "mine.hannun/pictures/a.jpg", "seen.jpg"):
        picture(tmp_path / name)
    (tmp_path / "readme.svg").write_text("x")
    (tmp_path / "noending").write_text("x")
    items, problems = read(tmp_path)
    assert [Path(it.id).name for it in items] == ["seen.jpg"] and not problems


def test_an_empty_folder_has_nothing(tmp_path: Path) -> None:
    assert read(tmp_path) == ([], []) and sources.count([tmp_path]) == 0


def test_a_path_that_is_not_there_is_told_before_anything_is_read(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    with pytest.raises(MissingError, match="nowhere: no such file"):
        next(sources.read([tmp_path / "a.png", tmp_path / "nowhere"]))


def test_a_named_file_of_no_known_kind_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_text("x")
    items, problems = read(tmp_path / "a.docx")
    assert not items and "of no kind" in problems[0].reason and problems[0].where.endswith("a.docx")


def test_a_file_named_twice_in_any_way_comes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "pics/a.png")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    items, problems = read(Path("../pics"), tmp_path / "pics", Path("../pics/a.png"), tmp_path / "other/../pics/a.png")
    assert [it.id for it in items] == ["pics/a.png"] and not problems


def test_the_id_of_a_file_does_not_depend_on_how_its_folder_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "pics/a.png")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert read(Path("../pics"))[0][0].id == read(tmp_path / "pics")[0][0].id


def test_decomposed_file_names_have_composed_ids_and_can_be_read(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "빨간 원피스.png")
    picture(tmp_path / name)
    items, _ = read(tmp_path)
    assert items[0].id == f"{tmp_path.name}/빨간 원피스.png" and plain(items[0])["title"] == "빨간 원피스"
    assert items[0].images[0].load().size == (24, 24)


@pytest.mark.parametrize(("disk", "row"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_table_names_its_pictures_in_either_form(tmp_path: Path, disk: Any, row: Any) -> None:
    picture(tmp_path / unicodedata.normalize(disk, "사진/원피스.png"))
    table(tmp_path, "t.jsonl", {"id": "1", "image": unicodedata.normalize(row, "사진/원피스.png")})
    items, problems = read(tmp_path)
    assert [it.id for it in items] == ["1"] and not problems  # claimed by the table, so not an item of its own
    assert items[0].images[0].load().size == (24, 24)


def test_a_file_name_that_is_not_utf8_is_a_problem_that_can_be_printed(tmp_path: Path) -> None:
    broken = os.fsdecode(os.fsencode(tmp_path) + b"/" + "사진.png".encode("cp949"))
    Path(broken).write_bytes(encoded(draw()))
    items, problems = read(tmp_path)
    assert not items and "not UTF-8" in problems[0].reason
    assert f"{problems[0].where}{problems[0].reason}{problems[0].id}".encode()


def test_pipes_and_broken_links(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    picture(tmp_path / "a.png")
    items, problems = read(tmp_path)
    assert [Path(it.id).name for it in items] == ["a.png"]
    assert sorted(Path(p.where).name for p in problems) == ["gone.csv", "gone.txt", "pipe.csv", "pipe.txt"]
    assert sources.count([tmp_path]) >= 1


def test_empty_wrong_and_huge_texts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" \n")
    (tmp_path / "b.txt").write_bytes(bytes(range(256)))
    (tmp_path / "c.txt").write_bytes("빨간 원피스".encode("cp949"))
    (tmp_path / "d.txt").write_bytes(b"x" * (4 * 2**20 + 1))
    (tmp_path / "e.txt").write_text("가" * 100_000, "utf-8")
    items, problems = read(tmp_path)
    assert [it.text for it in items] == ["빨간 원피스", "가" * 100_000]
    assert [p.reason.split(",")[0] for p in problems] == ["is empty", "is not text in UTF-8", "has 4"]
    assert all(p.id == f"{tmp_path.name}/{Path(p.where).name}" for p in problems)


# Tables


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


# Shards


def shard(path: Path, *files: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_a_shard_gives_an_item_for_each_key(tmp_path: Path) -> None:
    red, blue = encoded(draw((200, 0, 0)), "JPEG"), encoded(draw((0, 0, 200)), "JPEG")
    rows = [
        b'{"text": "\xeb\xb9\xa8\xea\xb0\x95", "price": 5, "none": null}',
        b'{"id": 77, "caption": "blue"}',
        b'{"id": {"a": 1}, "text": "x"}',
    ]
    files = [("0.jpg", red), ("0.json", rows[0]), ("1.jpg", blue), ("1.json", rows[1]), ("2.txt", "글".encode()), ("3.json", rows[2])]
    path = shard(tmp_path / "s.tar", *files, ("4.jpg", red), ("5.json", b"{"), ("6.json", b"{}"), ("7.txt", b"last"))
    items, problems = read(tmp_path)
    assert [(it.id, it.text, len(it.images)) for it in items] == [
        *(("0", "빨강", 1), ("77", "blue", 1), ("2", "글", 0), ("{'a': 1}", "x", 0), ("4", None, 1), ("7", "last", 0))
    ]
    assert plain(items[0]) == {"price": 5}
    assert isinstance(items[1].images[0].source, Member) and items[1].images[0].read() == blue
    assert [p.where.removeprefix(str(path)) for p in problems] == ["::5", "::6"]
    assert sources.count([path]) == 8


def test_a_bad_record_of_a_shard_does_not_stop_the_rest(tmp_path: Path) -> None:
    bad = json.dumps({"text": "x", "id": {"a": 1}}).encode()
    files = [("0.json", b'{"text": '), ("1.txt", b"after"), ("2.json", bad), ("3.json", json.dumps({"text": "y", "big": 2**70}).encode())]
    items, problems = read(shard(tmp_path / "s.tar", *files))
    assert [it.text for it in items] == ["after", "x", "y"] and [p.where.rpartition("::")[2] for p in problems] == ["0", "3, 'big'"]


def test_a_truncated_shard_gives_what_is_whole(tmp_path: Path) -> None:
    data = encoded(draw(size=(64, 64), seed=1), "PNG")
    path = shard(tmp_path / "s.tar", *[(f"{n}.png", data) for n in range(4)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    items, problems = read(path)
    assert 1 <= len(items) < 4 and all(it.images[0].load().size == (64, 64) for it in items)
    assert len(problems) == 1 and "not a whole uncompressed tar" in problems[0].reason and problems[0].id == f"{tmp_path.name}/{path.name}"


@pytest.mark.parametrize("data", [b"", b"not a tar" * 200, b"\x1f\x8b\x08\x00" + b"\0" * 600])
def test_something_else_named_tar(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "s.tar").write_bytes(data)
    items, problems = read(tmp_path)
    assert not items and "not a whole uncompressed tar" in problems[0].reason


# Facts


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


# Written and read back: every reader, every kind of fact

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


# Sheets, other encodings, columns of other names


def sheet(path: Path, *rows: list[Any]) -> Path:
    """A minimal XLSX with one sheet, as the standard has it (ECMA-376): strings in their cells, numbers, truths."""

    def one(value: Any) -> str:
        match value:
            case None:
                return "<c/>"
            case bool():
                return f'<c t="b"><v>{int(value)}</v></c>'
            case str():
                return f'<c t="inlineStr"><is><t xml:space="preserve">{html.escape(value)}</t></is></c>'
        return f"<c><v>{value!r}</v></c>"

    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    tied = f'<Relationships xmlns="{package}/relationships">'
    lines = "".join("<row>" + "".join(map(one, row)) + "</row>" for row in rows)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'{tied}<Relationship Id="r" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{office}"><sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": tied
        + f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f"<worksheet {main}><sheetData>{lines}</sheetData></worksheet>",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + content)
    return path


@hypothesis.given(
    st.dictionaries(NAMES, TEXT.filter(bool) | CODES | st.integers(-(10**15), 10**15) | st.booleans(), min_size=1, max_size=4)
)
@WITHOUT_SHARED
def test_what_an_xlsx_holds_is_read_back(tmp_path: Path, given: dict[str, Any]) -> None:
    pytest.importorskip("python_calamine", reason="needs hannun[formats]")
    sheet(tmp_path / "t.xlsx", ["text", *given], ["x", *given.values()])
    assert [*map(as_fact, given_back(tmp_path / "t.xlsx"))] == [as_fact(given)]


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x03\x04" + b"\0" * 99, b"x" * 500])
def test_something_else_named_xlsx_is_one_problem(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.xlsx").write_bytes(data)
    items, problems = read(tmp_path / "t.xlsx")
    assert not items and len(problems) == 1 and problems[0].id == f"{tmp_path.name}/t.xlsx" and "\n" not in problems[0].reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize(("name", "mark"), [("t.csv", ","), ("t.tsv", "\t"), ("t.csv", "\t"), ("t.csv", ";")])
def test_tables_of_text_in_every_encoding(tmp_path: Path, encoding: str, name: str, mark: str) -> None:
    lines = [["id", "text", "가격"], ["1", "빨간 원피스", "9900"], ["2", "파란 셔츠", "3.10"]]
    (tmp_path / name).write_bytes("\n".join(mark.join(line) for line in lines).encode(encoding))
    items, problems = read(tmp_path / name)
    assert not problems and [(it.id, it.text) for it in items] == [("1", "빨간 원피스"), ("2", "파란 셔츠")]
    assert [plain(it) for it in items] == [{"가격": 9900}, {"가격": "3.10"}]


def test_columns_without_a_name_or_with_one_twice_are_kept(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",text,색,색\n0,하나,빨강,파랑\n", "utf-8")
    assert given_back(tmp_path / "t.csv") == [{"column 1": 0, "색": "빨강", "색 (4)": "파랑"}]


@pytest.mark.parametrize(
    ("header", "row", "proposal"),
    [
        ("번호,상품명,가격", '1,빨간 원피스,"39,000"', "text=상품명,id=번호"),
        ("sku,사진,title", "a,b.jpg,원피스", "text=title,image=사진,id=sku"),
        ("a,b,c", "1,b.png,2", "image=b"),
        ("a,b,c", "1,빨간 원피스입니다,색", "text=b"),
    ],
)
def test_other_columns_are_read_as_proposed(tmp_path: Path, header: str, row: str, proposal: str) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\n{row}\n", "utf-8")
    _, (problem,) = read(tmp_path / "t.csv")
    assert f"`--columns {proposal}`" in problem.reason
    reading = sources.Reading(dict(p.split("=") for p in proposal.split(",")))
    (found,) = sources.read([tmp_path / "t.csv"], reading)
    assert isinstance(found, Item) and found.parts


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("39,000원", 39000), ("₩1,200", 1200), ("19.90", 19.9), ("3만원", 30000), ("1.5만", 15000), ("-5", -5), ("12 개", 12)),
        *(("1,00", None), ("비쌈", None), ("1~2", None), ("010-1234-5678", None), ("", None)),
    ],
)
def test_amounts_are_numbers_where_they_are_asked_for(tmp_path: Path, text: str, number: float | None) -> None:
    (tmp_path / "t.csv").write_text(f'text,가격\nx,"{text}"\n', "utf-8")
    (found,) = sources.read([tmp_path / "t.csv"], sources.Reading(numbers=frozenset({"가격"})))
    assert isinstance(found, Item) and plain(found).get("가격", "") == (text if number is None else number)


def test_what_is_not_read_is_counted_by_kind(tmp_path: Path) -> None:
    for name in ("a.hwp", "b.HWP", "c/d.zip", "README", ".hidden.zip", "e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = sources.survey([tmp_path])
    assert found.unread == {".hwp": 2, ".zip": 1, "without an ending": 1, "hidden": 1} and [f.name for f, _ in found.files] == ["e.txt"]
    assert found.unread_kinds() == "2 .hwp, 1 .zip, 1 hidden, 1 without an ending"


def test_what_a_photo_says_of_itself_becomes_facts(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0110] = "EOS R6"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:01 12:34:56"
    (tmp_path / "제주도").mkdir()
    (tmp_path / "제주도" / "바다.jpg").write_bytes(encoded(draw(size=(32, 32)), "JPEG", exif=exif.tobytes()))
    place = {"title": "바다", "folder": "제주도"}
    (told,) = (it for it in sources.read([tmp_path]) if isinstance(it, Item))
    (bare,) = (it for it in sources.read([tmp_path], sources.Reading(exif=False)) if isinstance(it, Item))
    assert plain_facts(told.facts) == {**place, "taken": "2024-05-01T12:34:56", "camera": "EOS R6"}
    assert plain_facts(bare.facts) == place


def test_a_photo_is_read_whole_by_the_encoder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a JPEG only the beginning is looked at for its EXIF, however long it is."""
    exif = PIL.Image.Exif()
    exif[0x0110] = "Nikon Z6"
    file = tmp_path / "long.jpg"
    file.write_bytes(encoded(draw(size=(64, 64)), "JPEG", exif=exif.tobytes()) + bytes(3 * 2**20))
    taken: list[int] = []
    looked = sources.reading.exif.facts_of
    monkeypatch.setattr(sources.reading.exif, "facts_of", lambda data: taken.append(len(data)) or looked(data))
    (found,) = sources.read([file])
    assert found.facts["camera"] == "Nikon Z6" and taken == [256 * 1024]
