"""Foreign bytes become upright RGB pixels or one reason; damage beside the pixels costs nothing."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import PIL.features
import PIL.Image
import pytest

from hannun import decode
from hannun.errors import PictureError
from hannun.item import Image
from tests.conftest import bomb, draw, encoded
from tests.faults.hostile import BOMB, broken_exif, chunk, in_jpeg, in_png, scans, segment

RED, WHITE, BLACK = (255, 0, 0), (255, 255, 255), (0, 0, 0)


def load(data: bytes, side: int | None = None) -> PIL.Image.Image:
    return decode.examine(data, "x", lambda picture: decode.rgb(picture, side))


def centre(picture: PIL.Image.Image) -> Any:
    return picture.getpixel((picture.width // 2, picture.height // 2))


# Kinds

NEW = [("AVIF", "avif"), ("JPEG2000", "jpg_2000")]


@pytest.mark.parametrize(("kind", "feature"), NEW)
@pytest.mark.parametrize("side", [None, 32])
def test_avif_and_jpeg_2000(kind: str, feature: str, side: int | None) -> None:
    if not PIL.features.check(feature):
        pytest.skip(f"this Pillow has no {kind}")
    exif = PIL.Image.Exif()
    exif[274] = 6
    picture = PIL.Image.new("RGB", (128, 64), RED)
    picture.paste((0, 0, 255), (64, 0, 128, 64))
    data = encoded(picture, kind, **({"exif": exif, "quality": 95} if kind == "AVIF" else {}))
    loaded = load(data, side)
    first, last = loaded.getpixel((2, 2)), loaded.getpixel((loaded.width - 3, loaded.height - 3))
    assert first == pytest.approx(RED, abs=8) and last == pytest.approx((0, 0, 255), abs=8)
    assert (loaded.height == 2 * loaded.width) == (kind == "AVIF")  # turned by its EXIF; the other carries none
    assert not loaded.info


#: 128 × 64 red pixels that an EXIF block calls turned. What reads HEIC here does not write it; this was written by
#: `import pillow_heif; pillow_heif.register_heif_opener()`, and `PIL.Image.new("RGB", (128, 64), RED).save(…, exif=exif, quality=95)`.
HEIC = Path(__file__).with_name("red.heic").read_bytes()


@pytest.mark.parametrize("side", [None, 32])
def test_heic(side: int | None) -> None:
    pytest.importorskip("pi_heif", reason="the extra `formats` is not installed")
    loaded = load(HEIC, side)
    assert loaded.width == 2 * loaded.height  # ISO 23008-12: turning is the container's, and the EXIF's word for it counts for nothing
    assert centre(loaded) == pytest.approx(RED, abs=8) and not loaded.info
    for data in (HEIC[:200], HEIC[:-100]):
        with pytest.raises(PictureError):
            load(data)


def test_heic_without_its_decoder_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for brands in (b"heicmif1", b"mif1heic", b"hevcmsf1"):
        with pytest.raises(PictureError, match=r"\.\[formats\]"):
            load(struct.pack(">I", 24) + b"ftyp" + brands[:4] + bytes(4) + brands + bytes(50))


@pytest.mark.parametrize("kind", ["PPM", "TGA", "PCX", "EPS", "ICO"])
def test_the_list_of_decoders_is_closed(kind: str) -> None:
    with pytest.raises(PictureError, match="not a picture, or of an unknown kind"):
        load(encoded(draw(), kind))


# Bounds


def test_bombs_and_scans_are_refused_before_a_pixel_is_decoded() -> None:
    with pytest.raises(decode.TooLarge, match="178,956,970"):
        load(bomb())
    with pytest.raises(PictureError, match="of 301 scans"):
        load(scans(300 - scans(0).count(b"\xff\xda") + 1))
    assert centre(load(encoded(draw(), "JPEG", progressive=True))) == pytest.approx((200, 30, 30), abs=4)
    with pytest.raises(PictureError, match="no pixels"):
        decode.check_size(0, 7, "x")


# Damage beside the pixels


@pytest.mark.parametrize("way", range(8))
def test_a_damaged_exif_block_says_nothing_and_does_not_come_along(way: int) -> None:
    import random

    loaded = load(in_jpeg(segment(0xE1, broken_exif(random.Random(way), way))))
    again = Image(loaded).load()  # what an encoder does
    assert centre(again) == pytest.approx((200, 30, 30), abs=4)
    assert not loaded.info and not loaded.getexif()


def test_whole_exif_beside_damaged_metadata_still_turns() -> None:
    exif = PIL.Image.Exif()
    exif[274] = 6
    block = exif.tobytes()[6:]
    loaded = load(in_png(chunk(b"eXIf", block), chunk(b"zTXt", b"Comment\0\0" + BOMB)))
    assert loaded.size == (32, 48) and centre(loaded) == (200, 30, 30)
    loaded = load(in_jpeg(segment(0xE1, b"Exif\0\0" + block), segment(0xEC, b"Ducky"), segment(0xE2, b"MPF\0" + bytes(9))))
    assert loaded.size == (32, 48)


def test_the_reason_of_a_broken_picture_is_its_own_and_not_that_of_the_second_try() -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"tEXt", b"k\0v") + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with pytest.raises(PictureError, match=r"^x: cannot be decoded \(.*\); the file may be truncated or damaged$"):
        load(data)


def test_whatever_a_decoder_raises_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(picture: PIL.Image.Image) -> None:
        raise ZeroDivisionError("first line\nsecond")

    with pytest.raises(PictureError, match=r"^x: cannot be decoded \(first line second\)"):
        decode.examine(encoded(draw()), "x", raising)
    with pytest.raises(KeyboardInterrupt):
        decode.examine(encoded(draw()), "x", lambda picture: (_ for _ in ()).throw(KeyboardInterrupt))


# Depth


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(
    ("values", "seen"),
    [
        ([0, 2048, 4095], [0, 127, 255]),  # 12 bits in 16
        ([0, 512, 1023], [0, 127, 255]),  # 10
        ([0, 64, 200], [0, 64, 200]),  # 8: as they are
        ([0, 16384, 32768], [0, 63, 127]),  # a dark picture of 16 bits stays dark
        ([0, 0, 0], [0, 0, 0]),
    ],
)
def test_greys_of_fewer_bits_in_sixteen(kind: str, values: list[int], seen: list[int]) -> None:
    loaded = load(encoded(PIL.Image.fromarray(np.array([values], np.uint16)), kind))
    assert np.asarray(loaded)[0, :, 0].tolist() == pytest.approx(seen, abs=1)


def test_floats_without_a_number_are_black() -> None:
    values = np.array([[0.0, 0.5, 1.0, np.nan, np.inf, -np.inf, -3]], np.float32)
    assert np.asarray(load(encoded(PIL.Image.fromarray(values), "TIFF")))[0, :, 0].tolist() == [0, 127, 255, 0, 0, 0, 0]


# Transparency


def logo(colour: tuple[int, int, int], clear: int = 0, inner: int = 16) -> PIL.Image.Image:
    """A square of one colour in the middle of 64 × 64 pixels, the rest as clear as `clear`."""
    picture = PIL.Image.new("RGBA", (64, 64), (*colour, clear))
    picture.paste((*colour, 255), (inner, inner, 64 - inner, 64 - inner))
    return picture


@pytest.mark.parametrize("colour", [WHITE, (250, 250, 250), (236, 236, 236), (255, 255, 200)])
@pytest.mark.parametrize("form", ["RGBA", "P", "LA", "WEBP"])
def test_light_things_lie_on_black(colour: tuple[int, int, int], form: str) -> None:
    picture = logo(colour)
    data = (
        encoded(picture, "WEBP", lossless=True) if form == "WEBP" else encoded(picture.convert(form) if form != "P" else picture.quantize())
    )
    for side in (None, 16):
        loaded = load(data, side)
        assert loaded.getpixel((0, 0)) == BLACK and min(centre(loaded)) > 190


@pytest.mark.parametrize("colour", [BLACK, (200, 30, 30), (128, 128, 128), (200, 200, 200)])
def test_all_other_things_lie_on_white(colour: tuple[int, int, int]) -> None:
    loaded = load(encoded(logo(colour)))
    assert loaded.getpixel((0, 0)) == WHITE and centre(loaded) == colour


def test_a_light_page_with_clear_corners_lies_on_white_and_nothing_at_all_is_white() -> None:
    assert load(encoded(logo(WHITE, inner=1))).getpixel((0, 0)) == WHITE  # 6 % are clear
    assert centre(load(encoded(PIL.Image.new("RGBA", (8, 8), (0, 0, 0, 0))))) == WHITE


def test_a_transparent_colour_that_is_none_is_no_transparency() -> None:
    picture = draw()
    for odd in ("글", [1], b"\0", object()):
        picture.info["transparency"] = odd
        assert centre(Image(picture).load()) == centre(Image(Image(picture).read()).load()) == (200, 30, 30)


def test_the_users_picture_is_not_changed() -> None:
    exif = PIL.Image.Exif()
    exif[274] = 6
    mine = PIL.Image.open(io.BytesIO(encoded(draw(size=(40, 20)), "JPEG", exif=exif)))
    assert Image(mine).load(4).size[1] > Image(mine).load(4).size[0]
    assert mine.getexif()[274] == 6 and "exif" in mine.info and mine.size == (40, 20)
