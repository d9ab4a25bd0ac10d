"""Folders of data sets as Hugging Face's tools lay them out: Arrow shards of `save_to_disk`, and pictures beside a `metadata` table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from hannun.item import plain_facts
from tests.conftest import draw, encoded
from tests.sources.found import read

FEATURES = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["치마", "바지"]}, "image": {"_type": "Image"}}}}
ROWS: list[dict[str, Any]] = [
    {"text": "빨간 치마", "label": 0, "image": {"bytes": encoded(draw(seed=1)), "path": None}},
    {"text": "파란 바지", "label": 1, "image": {"bytes": encoded(draw(seed=2)), "path": "x.png"}},
    {"text": "무엇", "label": -1, "image": None},
]


def table() -> pa.Table:
    return pa.Table.from_pylist(ROWS).replace_schema_metadata({"huggingface": json.dumps(FEATURES)})


@pytest.mark.parametrize("form", ["stream", "file", "parquet"])
def test_rows_with_pictures_and_names_of_classes(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "goods"
    folder.mkdir()
    if form == "parquet":
        pa.parquet.write_table(table(), folder / "data-00000-of-00001.parquet")
    else:
        open_one = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
        with open_one(folder / "data-00000-of-00001.arrow", table().schema) as out:
            out.write_table(table())
    (folder / "dataset_info.json").write_text("{}")
    items, problems = read(folder)
    assert not problems and [it.text for it in items] == ["빨간 치마", "파란 바지", "무엇"]
    assert [plain_facts(it.facts)["label"] for it in items] == ["치마", "바지", -1]
    assert [len(it.images) for it in items] == [1, 1, 0] and items[0].images[0].load().size == (24, 24)


def test_what_the_library_itself_saves(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    made = datasets.Dataset.from_dict({"text": ["빨간 치마", "파란 바지"], "label": [1, 0]})
    made = made.cast_column("label", datasets.ClassLabel(names=["b", "a"]))
    datasets.DatasetDict({"train": made}).save_to_disk(str(tmp_path / "d"))
    items, problems = read(tmp_path / "d")
    assert not problems and [(it.text, it.facts["label"]) for it in items] == [("빨간 치마", "a"), ("파란 바지", "b")]
    assert items[0].id.startswith("d/train/data-00000-of-00001.arrow#")


@pytest.mark.parametrize("name", ["metadata.jsonl", "metadata.csv", "metadata.parquet"])
def test_a_folder_of_pictures_with_metadata(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "f/train"
    (folder / "in").mkdir(parents=True)
    for n, file in enumerate(("0001.png", "in/0002.png", "loose.png")):
        draw(seed=n).save(folder / file)
    rows = [{"file_name": "0001.png", "text": "하나", "n": 1}, {"file_name": "in/0002.png", "text": "둘", "n": 2}]
    if name.endswith("jsonl"):
        (folder / name).write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    elif name.endswith("csv"):
        pa.csv.write_csv(pa.Table.from_pylist(rows), folder / name)
    else:
        pa.parquet.write_table(pa.Table.from_pylist(rows), folder / name)
    items, problems = read(tmp_path / "f")
    assert not problems and [(it.text, len(it.images)) for it in items] == [(None, 1), ("하나", 1), ("둘", 1)]
    assert items[1].images[0].load().size == (24, 24) and plain_facts(items[2].facts) == {"n": 2}


@pytest.mark.parametrize("data", [b"", b"ARROW1", b"\xff\xff\xff\xff" + b"\0" * 99, b"x" * 500])
def test_a_broken_one_is_one_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.arrow").write_bytes(data)
    items, problems = read(tmp_path)
    assert not items and len(problems) == 1 and "\n" not in problems[0].reason and problems[0].id == f"{tmp_path.name}/a.arrow"
