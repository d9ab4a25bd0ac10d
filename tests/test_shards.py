"""The WebDataset layout, read in place."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from hannun import shards
from hannun.errors import InputError
from hannun.item import Image
from tests.conftest import draw, encoded, shard


def test_files_of_one_name_are_one_record(tmp_path: Path) -> None:
    png = encoded(draw())
    path = shard(
        tmp_path / "s.tar",
        ("a/001.jpg", png),
        ("a/001.json", b'{"k": 1}'),
        ("a/001.txt", "글".encode()),
        ("b/001.back.PNG", png),
        ("b/001.front.png", png),
    )
    first, second = shards.read(path)
    assert (first.key, first.data, first.text, len(first.pictures)) == ("a/001", {"k": 1}, "글", 1)
    assert (second.key, second.data, second.text) == ("b/001", {}, None)


def test_the_name_ends_at_the_first_dot(tmp_path: Path) -> None:
    record, *others = shards.read(shard(tmp_path / "s.tar", ("x.left.json", b'{"a": 1}'), ("x.txt", b"t")))
    assert record.key == "x" and record.text == "t" and not others


def test_a_picture_is_read_where_it_lies(tmp_path: Path) -> None:
    pictures = [encoded(draw(seed=n)) for n in range(3)]
    path = shard(tmp_path / "s.tar", *[(f"{n}.png", p) for n, p in enumerate(pictures)])
    members = [r.pictures[0] for r in shards.read(path)]
    assert [Image(m).read() for m in reversed(members)] == pictures[::-1]
    assert str(members[1]) == f"{path}::1.png"


def test_folders_links_hidden_and_unknown_files(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in [("d", tarfile.DIRTYPE), ("l.png", tarfile.SYMTYPE), ("dev.png", tarfile.CHRTYPE)]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        for name in ("._1.png", ".DS_Store", "1.txt"):
            info = tarfile.TarInfo(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
    assert [(r.key, r.text, r.pictures) for r in shards.read(path)] == [("1", "x", ())]


@pytest.mark.parametrize("data", [b"{", b"\xff\xfe\x00", b"9" * 5000, b"[" * 100_000])
def test_broken_json_is_noted(tmp_path: Path, data: bytes) -> None:
    first, second = shards.read(shard(tmp_path / "s.tar", ("0.json", data), ("1.txt", b"t")))
    assert "0.json" in first.data["_problem"] and second.text == "t"


def test_json_that_is_no_object_says_nothing(tmp_path: Path) -> None:
    (record,) = shards.read(shard(tmp_path / "s.tar", ("0.json", b"[1]")))
    assert record.data == {}


def test_the_records_before_a_damaged_place_come_first(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", *[(f"{n}.txt", b"x" * 600) for n in range(5)])
    path.write_bytes(path.read_bytes()[: 3 * 1536 + 700])  # three whole records of header + two blocks, and a part of the fourth
    found = []
    with pytest.raises(InputError, match="not a whole uncompressed tar"):
        for record in shards.read(path):
            found.append(record.key)
    assert found == ["0", "1", "2"]


def test_the_last_ending_says_what_a_file_is(tmp_path: Path) -> None:
    png = encoded(draw())
    path = shard(
        tmp_path / "s.tar", ("1.left.jpg", png), ("1.RIGHT.JPG", png), ("1.json", b'{"k": 1}'), ("2.seg.png", png), ("2.npy", b"x")
    )
    first, second = shards.read(path)
    assert (first.key, len(first.pictures), first.data, first.unread) == ("1", 2, {"k": 1}, ())
    assert (second.key, len(second.pictures), second.unread) == ("2", 1, ("npy",))


@pytest.mark.parametrize("kind", ["json", "txt"])
def test_names_with_dots_that_are_described_each_are_records_each(tmp_path: Path, kind: str) -> None:
    png, told = encoded(draw()), {"json": b'{"text": "%d"}', "txt": b"%d"}[kind]
    files = [(f"d/22.{n:02}.{e}", png if e == "png" else told % n) for n in (5, 10) for e in ("png", kind)]
    records = list(shards.read(shard(tmp_path / "s.tar", *files)))
    assert [r.key for r in records] == ["d/22.05", "d/22.10"] == list(shards.keys(tmp_path / "s.tar"))
    assert [(r.text or r.data["text"], len(r.pictures)) for r in records] == [("5", 1), ("10", 1)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_texts_in_old_encodings(tmp_path: Path, encoding: str) -> None:
    files = (("1.txt", "빨간 원피스".encode(encoding)), ("2.json", '{"text": "빨간 원피스"}'.encode(encoding)))
    first, second = shards.read(shard(tmp_path / "s.tar", *files))
    assert first.text == second.data["text"] == "빨간 원피스"
