"""Any bytes under any name that is read: items with ids of their own and problems of one line come out, and nothing is raised."""

from __future__ import annotations

import io
import json
import tarfile
from functools import cache
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hannun import sources
from hannun.item import Item, Problem
from tests.conftest import draw, encoded

SETTINGS = hypothesis.settings(max_examples=25, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
ROWS = [{"id": "1", "text": "빨간 원피스", "price": 3, "tags": ["a"]}, {"id": "2", "text": "파란 셔츠", "price": 4, "tags": []}]
ENDINGS = ("txt", "md", "jsonl", "csv", "tsv", "parquet", "arrow", "tar", "html", "png")


@cache
def whole(ending: str) -> bytes:
    """A file of this kind as it should be."""
    if ending in ("txt", "md"):
        return "빨간 원피스\n".encode()
    if ending == "jsonl":
        return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in ROWS).encode()
    if ending in ("csv", "tsv"):
        between = "," if ending == "csv" else "\t"
        return "".join(between.join(cells) + "\n" for cells in (["id", "text"], *([str(r["id"]), str(r["text"])] for r in ROWS))).encode()
    if ending == "html":
        return "<title>옷</title><p>빨간 <b>원피스</b></p>".encode()
    if ending == "png":
        return encoded(draw(seed=1, size=(8, 8)))
    out = io.BytesIO()
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), out)
    elif ending == "arrow":
        table = pa.Table.from_pylist(ROWS)
        with pa.ipc.new_file(out, table.schema) as writer:
            writer.write_table(table)
    else:
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name, data in (("1.jpg", encoded(draw(seed=2, size=(8, 8)), "JPEG")), ("1.json", b'{"text": "a"}')):
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def read_anyhow(folder: Path, ending: str, data: bytes) -> list[Item | Problem]:
    """What comes out, with what holds of all of it."""
    path = folder / f"x.{ending}"
    path.write_bytes(data)
    found = list(sources.read([path]))
    for each in found:
        if isinstance(each, Problem):
            assert each.where and each.reason and "\n" not in each.reason
        else:
            assert isinstance(each, Item) and each.id
    assert len({f.id for f in found if isinstance(f, Item)}) == sum(isinstance(f, Item) for f in found)
    return found


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_whole_file_is_read_without_a_problem(tmp_path: Path, ending: str) -> None:
    assert [type(f) for f in read_anyhow(tmp_path, ending, whole(ending)) if isinstance(f, Problem)] == []


@pytest.mark.parametrize("ending", ENDINGS)
@SETTINGS
@hypothesis.given(data=st.binary(max_size=200))
def test_any_bytes(tmp_path: Path, ending: str, data: bytes) -> None:
    read_anyhow(tmp_path, ending, data)


@pytest.mark.parametrize("ending", ENDINGS)
@SETTINGS
@hypothesis.given(data=st.data())
def test_a_file_with_some_bytes_changed_cut_or_added(tmp_path: Path, ending: str, data: st.DataObject) -> None:
    was = bytearray(whole(ending))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(was) - 1))
        was[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        hypothesis.assume(was)
    read_anyhow(tmp_path, ending, bytes(was[: data.draw(st.integers(1, len(was)))]))
