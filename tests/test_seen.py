"""Hashes of what a model was trained on: what counts as the same text and picture, and files of them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from hannun.errors import InputError
from hannun.item import Image, Item, Text
from hannun.seen import FILE, Seen, hashes, picture_hash, text_hash
from tests.conftest import draw


def test_a_text_is_the_same_in_any_writing() -> None:
    nfd = "한 아이가 공을 찬다"
    assert text_hash("한 아이가 공을 찬다") == text_hash(nfd) == text_hash("  한 아이가  공을 찬다. ")
    assert text_hash("A Dog runs fast!") == text_hash("a dog runs fast") != text_hash("a dog ran fast")


def test_a_name_is_no_row() -> None:
    assert text_hash("빨간 원피스") is None and text_hash("🙂 ! ?") is None


def encoded(kind: str, colour: tuple[int, int, int]) -> Image:
    out = io.BytesIO()
    draw(colour, (64, 48)).save(out, kind)
    return Image(out.getvalue())


def test_a_picture_is_known_in_another_lossless_file() -> None:
    assert picture_hash(encoded("PNG", (200, 30, 30))) == picture_hash(encoded("BMP", (200, 30, 30)))
    assert picture_hash(encoded("PNG", (200, 30, 30))) != picture_hash(encoded("PNG", (30, 200, 30)))
    assert picture_hash(Image(b"no picture")) is None


def test_a_set_of_hashes_goes_to_disk_and_back(tmp_path: Path) -> None:
    known = Item("1", (Text("한 아이가 공을 찬다"), encoded("PNG", (200, 30, 30))))
    seen = Seen(hashes([known])) | Seen([2**64 - 1])
    seen.save(tmp_path)
    again = Seen.of(tmp_path)
    assert again is not None and len(again) == 3 and again.holds(2**64 - 1) and not again.holds(5) and not again.holds(None)
    assert again.knows(Item("2", (Text("다른 말 세 낱말"), encoded("BMP", (200, 30, 30)))))  # one side is enough
    assert not again.knows(Item("3", (Text("다른 말 세 낱말"),)))
    assert np.load(tmp_path / FILE).nbytes == 3 * 8
    (tmp_path / FILE).write_bytes(b"x")
    with pytest.raises(InputError, match="is no list of hashes"):
        Seen.of(tmp_path)
    assert Seen.of(tmp_path / "nowhere") is None
