"""When, where and with what a picture was taken: believable, or missing."""

from __future__ import annotations

from typing import Any

import PIL.Image
import pytest

from hannun.exif import facts_of
from tests.conftest import draw, encoded
from tests.faults.hostile import in_jpeg, segment


def taken(first: dict[int, Any] = {}, inner: dict[int, Any] = {}, gps: dict[int, Any] = {}, kind: str = "JPEG") -> dict[str, Any]:  # noqa: B006
    """The facts of a picture with these tags."""
    exif = PIL.Image.Exif()
    for block, tags in ((exif, first), (exif.get_ifd(0x8769), inner), (exif.get_ifd(0x8825), gps)):
        block.update(tags)
    return facts_of(encoded(draw(size=(32, 32)), kind, exif=exif.tobytes()))


SEOUL = {1: "N", 2: (37.0, 33.0, 59.4), 3: "E", 4: (126.0, 58.0, 40.8)}  # 37° 33′ 59.4″ = 37 + 33/60 + 59.4/3600 = 37.5665


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_facts_of_a_whole_block(kind: str) -> None:
    found = taken({0x010F: "Canon", 0x0110: "Canon EOS R6"}, {0x9003: "2024:05:01 12:34:56", 0x9011: "+09:00"}, SEOUL, kind)
    assert found == {"taken": "2024-05-01T12:34:56+09:00", "latitude": 37.5665, "longitude": 126.978, "camera": "Canon EOS R6"}


def test_south_and_west_are_negative() -> None:
    found = taken(gps={**SEOUL, 1: "S", 3: "W"})
    assert (found["latitude"], found["longitude"]) == (-37.5665, -126.978)


@pytest.mark.parametrize(
    ("first", "inner", "expected"),
    [
        ({}, {0x9003: "2024:05:01 12:34:56"}, "2024-05-01T12:34:56"),
        ({0x0132: "2020:01:02 03:04:05"}, {0x9003: "0000:00:00 00:00:00"}, "2020-01-02T03:04:05"),
        ({0x0132: "2020:01:02 03:04:05"}, {0x9004: "2021:01:02 03:04:05"}, "2021-01-02T03:04:05"),
        ({}, {0x9003: "2024:05:01 12:34:56", 0x9011: "somewhere"}, "2024-05-01T12:34:56"),
        ({}, {0x9003: "2024:13:45 99:00:00"}, None),
        ({}, {0x9003: "    :  :     :  :  "}, None),
        ({}, {}, None),
    ],
)
def test_the_first_date_that_is_one(first: dict[int, Any], inner: dict[int, Any], expected: str | None) -> None:
    assert taken(first, inner).get("taken") == expected


@pytest.mark.parametrize(
    "gps",
    [
        {**SEOUL, 2: (97.0, 0.0, 0.0)},  # no such latitude
        {**SEOUL, 4: (181.0, 0.0, 0.0)},
        {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)},  # a receiver without a fix
        {1: "N", 2: (37.0, 33.0, 59.4)},  # half a place
        {},
    ],
)
def test_a_place_that_is_none_is_left_out_and_the_rest_stands(gps: dict[int, Any]) -> None:
    assert taken({0x0110: "X100"}, {}, gps) == {"camera": "X100"}


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("SONY", "ILCE-7M4", "SONY ILCE-7M4"),
        ("samsung", "SM-S928N", "samsung SM-S928N"),
        ("Apple\0junk", "iPhone 15\x07 Pro ", "Apple iPhone 15 Pro"),
        ("", "X" * 500, "X" * 100),
        ("", " ", None),
    ],
)
def test_a_camera_is_its_maker_and_model(make: str, model: str, camera: str | None) -> None:
    assert taken({0x010F: make, 0x0110: model}).get("camera") == camera


@pytest.mark.parametrize("data", [b"", b"x", encoded(draw()), in_jpeg(segment(0xE1, b"Exif\0\0" + bytes(100)))])
def test_no_block_no_facts(data: bytes) -> None:
    assert facts_of(data) == {}
