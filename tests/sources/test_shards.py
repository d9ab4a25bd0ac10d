"""A tar of pictures and records gives an item for each key, whole or truncated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hannun import sources
from hannun.item import Member
from tests.conftest import draw, encoded, shard
from tests.sources.found import plain, read


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
