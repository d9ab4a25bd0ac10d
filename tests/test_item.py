"""What a user hands over becomes the right parts; every odd or hostile picture becomes pixels or one clear error."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import time
import unicodedata
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from hannun.errors import HannunError, InputError, MissingError, PictureError
from hannun.item import MAX_PIXELS, MAX_TEXT, Image, Item, Text, content_hash, item, require_content
from tests.conftest import bomb, draw, encoded

RED, WHITE = (255, 0, 0), (255, 255, 255)


def pixel(picture: PIL.Image.Image, x: int = 0, y: int = 0) -> tuple[int, ...]:
    found = picture.getpixel((x, y))
    assert isinstance(found, tuple)
    return found


# What is text and what is a picture


@pytest.mark.parametrize(
    "text", ["a.jpg", "/etc/passwd", "https://example.com/a.jpg", "file:///etc/passwd", "C:\\a.png", "data:image/png;base64,AA"]
)
def test_a_str_is_always_text(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw().save("a.jpg")  # even when such a file exists
    assert item(text).parts == (Text(text),)


def test_a_path_bytes_and_pil_are_pictures() -> None:
    picture, data = draw(), encoded(draw())
    assert item(data).parts == (Image(data),)
    assert item(picture).parts == (Image(picture),)
    assert item(bytearray(data)).parts == (Image(data),)  # type: ignore[arg-type]
    assert item(memoryview(data)).parts == (Image(data),)  # type: ignore[arg-type]


def test_a_path_is_a_picture_and_an_image_str_is_a_path(tmp_path: Path) -> None:
    draw().save(tmp_path / "a.png")
    assert item(tmp_path / "a.png").parts == item({"image": str(tmp_path / "a.png")}).parts == (Image(tmp_path / "a.png"),)


def test_a_row_has_text_then_pictures_then_facts() -> None:
    row = {"id": 7, "text": " 빨간  원피스 ", "image": ["a.jpg", "b.jpg"], "price": 9900, "색": "빨강"}
    it = item(row)
    assert it == Item("7", (Text("빨간 원피스"), Image(Path("a.jpg")), Image(Path("b.jpg"))), {"price": 9900, "색": "빨강"})
    assert it.text == "빨간 원피스" and len(it.images) == 2


def test_names_of_facts_are_composed_too() -> None:
    assert item({"text": "a", unicodedata.normalize("NFD", "색깔"): 1}).facts == {"색깔": 1}


@pytest.mark.parametrize("row", [{"text": "a", "image": None}, {"text": "a", "image": ""}, {"text": "a", "image": []}])
def test_no_picture_is_no_part(row: dict[str, Any]) -> None:
    assert item(row).parts == (Text("a"),)


def test_an_item_comes_back_as_it_is() -> None:
    it = Item("x", (Text("a"),))
    assert item(it) is it


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "expected 'text' and/or 'image'"),
        ({"title": "a"}, r"keys \['title'\]"),
        ({"text": 5}, "'text' is a int"),
        ({"text": b"a"}, "'text' is a bytes"),
        ({"image": 5}, "'image' is a int"),
        ({"image": "  "}, "expected the path"),
        ({"image": "a\0b"}, "expected the path"),
        ({"image": "https://example.com/a.jpg"}, "does not fetch"),
        ({"image": "a\udcff.jpg"}, "not UTF-8"),
        ({"image": Path("a\udcff.jpg")}, "not UTF-8"),
        (Path("a\0b"), "not UTF-8"),
        ({"text": "a", "id": 1.5}, "'id' is a float"),
        ({"text": "a", "id": True}, "'id' is a bool"),
        (5, "int came"),
        (None, "NoneType came"),
        (["a"], "list came"),
        (object(), "object came"),
    ],
)
def test_what_is_neither_is_refused_with_a_reason(content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        item(content)


def test_equal_content_has_an_equal_hash_whatever_its_form() -> None:
    assert item("한글").id == item(unicodedata.normalize("NFD", "한글")).id == item({"text": " 한글 "}).id
    assert item("한글").id != item("한굴").id
    assert len({item("ab").id, item({"text": "a"}).id, item(b"ab").id, content_hash((Text("a"), Text("b")))}) == 4


def test_an_id_is_composed_and_never_empty() -> None:
    assert item({"id": unicodedata.normalize("NFD", "가방"), "text": "a"}).id == "가방"
    assert item({"id": "", "text": "a"}).id == item("a").id
    assert item({"id": 0, "text": "a"}).id == "0"


@pytest.mark.parametrize("empty", ["", "   ", "\n\u3000\u200b", {"text": None}, {"text": "", "image": None}])
def test_empty_content_is_refused_only_when_it_is_needed(empty: Any) -> None:
    with pytest.raises(InputError, match="empty content"):
        require_content(item(empty))


def test_emoji_and_long_texts_and_surrogates() -> None:
    assert item("👗👠").text == "👗👠"
    long = "가나다 " * 25_000
    assert len(item(long).text or "") == 99_999
    assert item("\ud83d원").text == "?원"
    with pytest.raises(InputError, match="1,000,001 characters"):
        item("a" * (MAX_TEXT + 1))


# Pictures


def corners(picture: PIL.Image.Image) -> list[str]:
    """The nearest colour name at the four corners: top left, top right, bottom right, bottom left."""
    names = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
    w, h = picture.size
    found = [pixel(picture, x, y) for x, y in [(2, 2), (w - 3, 2), (w - 3, h - 3), (2, h - 3)]]
    return [min(names, key=lambda n: sum(abs(a - b) for a, b in zip(names[n], f, strict=True))) for f in found]


def quartered(width: int = 64, height: int = 32) -> PIL.Image.Image:
    picture = PIL.Image.new("RGB", (width, height), (255, 255, 255))
    for colour, box in [("red", (0, 0)), ("green", (width // 2, 0)), ("blue", (width // 2, height // 2))]:
        picture.paste(colour, (*box, box[0] + width // 2, box[1] + height // 2))
    picture.paste((0, 255, 0), (width // 2, 0, width, height // 2))
    return picture


# How a camera stores an upright picture for each EXIF orientation (JEITA CP-3451, tag 274).
STORED = {
    1: None,
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_90,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(("kind", "side"), [("JPEG", None), ("JPEG", 64), ("PNG", None), ("PNG", 64), ("WEBP", None), ("TIFF", None)])
def test_exif_orientation_is_honoured(orientation: int, kind: str, side: int | None) -> None:
    upright = quartered(512, 256) if side else quartered()
    turn = STORED[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = PIL.Image.Exif()
    exif[274] = orientation
    loaded = Image(encoded(stored, kind, exif=exif)).load(side)
    assert corners(loaded) == ["red", "green", "blue", "white"]
    assert loaded.width == 2 * loaded.height
    assert loaded.size == upright.size if side is None else min(loaded.size) >= side


def test_a_decoded_picture_stays_upright_when_it_is_kept() -> None:
    exif = PIL.Image.Exif()
    exif[274] = 6
    opened = PIL.Image.open(io.BytesIO(encoded(quartered().transpose(PIL.Image.Transpose.ROTATE_90), "JPEG", exif=exif)))
    assert corners(Image(opened).load()) == ["red", "green", "blue", "white"]
    assert corners(Image(Image(opened).read()).load()) == ["red", "green", "blue", "white"]


def test_loading_does_not_change_the_picture_that_was_handed_over() -> None:
    mine = PIL.Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    Image(mine).load(2)
    Image(mine).read()
    assert mine.mode == "RGBA" and mine.size == (8, 8)


def half_clear(mode: str) -> PIL.Image.Image:
    """Left half dark and opaque, right half dark and fully transparent."""
    picture = PIL.Image.new("RGBA", (8, 8), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (4, 0, 8, 8))
    return picture if mode == "RGBA" else picture.convert(mode)


@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF")])
@pytest.mark.parametrize("side", [None, 2])
def test_transparency_lies_on_white(mode: str, kind: str, side: int | None) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    loaded = Image(encoded(half_clear(mode), kind, **options)).load(side)
    assert loaded.mode == "RGB"
    assert pixel(loaded) == (0, 0, 0) and pixel(loaded, loaded.width - 1) == WHITE


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_transparency_of_a_palette_lies_on_white(kind: str) -> None:
    picture = PIL.Image.new("P", (8, 8), 0)
    picture.putpalette([10, 20, 30, 200, 0, 0])
    picture.paste(1, (4, 0, 8, 8))
    loaded = Image(encoded(picture, kind, transparency=0)).load()
    assert pixel(loaded) == WHITE and pixel(loaded, 7) == (200, 0, 0)
    assert pixel(Image(Image(picture).read()).load()) == (10, 20, 30)  # no transparency declared: the colour itself


@pytest.mark.parametrize(("mode", "key"), [("RGB", (10, 20, 30)), ("L", 10)])
def test_a_transparent_colour_lies_on_white(mode: str, key: Any) -> None:
    picture = PIL.Image.new(mode, (8, 8), key)
    picture.paste(0, (4, 0, 8, 8))
    for side in (None, 2):
        loaded = Image(encoded(picture, "PNG", transparency=key)).load(side)
        assert pixel(loaded) == WHITE and pixel(loaded, loaded.width - 1) == (0, 0, 0)


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    ramp = PIL.Image.fromarray(np.array([[0, 256 * 64, 256 * 128, 65535]], np.uint16))
    assert [pixel(Image(encoded(ramp)).load(), x)[0] for x in range(4)] == pytest.approx([0, 64, 128, 255], abs=1)
    assert [pixel(Image(encoded(ramp, "TIFF")).load(), x)[0] for x in range(4)] == pytest.approx([0, 64, 128, 255], abs=1)
    wide = PIL.Image.fromarray(np.array([[0, 256 * 128, 65535]], np.int32))
    assert pixel(Image(wide).load(), 1) == pixel(Image(Image(wide).read()).load(), 1) == (127, 127, 127)


@pytest.mark.parametrize("mode", ["L", "1", "CMYK", "YCbCr", "P", "F", "HSV", "LAB"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    picture = (
        draw(size=(40, 30)).convert("RGB").convert("L").convert(mode)
        if mode == "F"
        else draw(size=(40, 30)).convert(mode)
        if mode != "LAB"
        else PIL.Image.new("LAB", (40, 30))
    )
    loaded = Image(picture).load()
    assert loaded.mode == "RGB" and loaded.size == (40, 30)
    kept = Image(Image(picture).read()).load()
    assert kept.size == (40, 30) and np.abs(np.asarray(kept, int) - np.asarray(loaded, int)).max() <= 1


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
@pytest.mark.parametrize("side", [None, 100])
def test_jpegs_of_every_mode(mode: str, side: int | None) -> None:
    loaded = Image(encoded(draw((200, 30, 30), (900, 700)).convert(mode), "JPEG")).load(side)
    grey = draw((200, 30, 30)).convert("L").convert("RGB")
    assert loaded.mode == "RGB"
    assert pixel(loaded, 5, 5) == pytest.approx(pixel(grey) if mode == "L" else (200, 30, 30), abs=6)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
def test_the_first_frame_of_a_moving_picture(kind: str) -> None:
    frames = [PIL.Image.new("RGB", (16, 16), c) for c in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    loaded = Image(encoded(frames[0], kind, save_all=True, append_images=frames[1:])).load()
    assert pixel(loaded) == pytest.approx(RED, abs=3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_one_pixel_is_a_picture(kind: str) -> None:
    for side in (None, 224):
        assert Image(encoded(PIL.Image.new("RGB", (1, 1), RED), kind)).load(side).size == (1, 1)


@pytest.mark.parametrize("size", [(4000, 3000), (3000, 4000), (225, 224), (224, 5000), (100, 50), (1000, 449)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_reduced_scale_keeps_the_shorter_side(size: tuple[int, int], kind: str) -> None:
    data = encoded(PIL.Image.new("RGB", size, RED), kind)
    loaded = Image(data).load(224)
    assert min(loaded.size) >= min(224, *size)
    assert min(loaded.size) < 2 * 224 or min(size) < 2 * 224
    assert loaded.width / loaded.height == pytest.approx(size[0] / size[1], rel=0.02)


def test_a_reduced_scale_looks_the_same() -> None:
    sharp = quartered(1024, 512)
    for kind in ("JPEG", "PNG"):
        full, reduced = (Image(encoded(sharp, kind)).load(s).resize((32, 16)) for s in (None, 64))
        assert np.abs(np.asarray(full, int) - np.asarray(reduced, int)).mean() < 4


# Broken and hostile files


def test_truncated_files() -> None:
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"):
        data = encoded(draw(size=(300, 300), seed=1), kind)
        for end in (len(data) // 2, 20, 3):
            with pytest.raises(PictureError, match=r"cannot be decoded|not a picture"):
                Image(data[:end]).load()


def test_zero_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(PictureError, match="empty"):
        Image(tmp_path / "a.jpg").load()
    with pytest.raises(PictureError, match="empty"):
        Image(b"").load()


@pytest.mark.parametrize(
    "data",
    [
        "이것은 글입니다".encode(),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"\0" * 4096,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(x) run\n",
        b"P3 2 2 255 " + b"1 " * 12,
        b"#define im_width 1\n#define im_height 1\nstatic char im_bits[] = {\n0x00 };",
    ],
)
def test_other_things_named_jpg(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(PictureError, match=r"a\.jpg: is not a picture"):
        Image(tmp_path / "a.jpg").load()


def test_a_wrong_ending_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(draw()))
    assert Image(tmp_path / "a.jpg").load().size == (24, 24)


def crafted(width: int, height: int) -> bytes:
    """A PNG whose header declares a size that its few pixels do not have."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    real = bomb()
    assert len(real) < 200_000
    for data in (real, crafted(20_000, 20_000), crafted(2**31 - 1, 2**31 - 1)):
        begun = time.perf_counter()
        with pytest.raises(PictureError, match="178,956,970"):
            Image(data).load()
        with pytest.raises(PictureError, match="178,956,970"):
            Image(data).load(224)
        assert time.perf_counter() - begun < 0.5


def test_just_over_the_limit_is_refused_and_just_below_is_not_refused_for_its_size() -> None:
    side = int(MAX_PIXELS**0.5)
    with pytest.raises(PictureError, match="178,956,970"):
        Image(crafted(side + 1, side + 1)).load()
    with pytest.raises(PictureError, match="cannot be decoded"):
        Image(crafted(300, 300)).load()


def test_files_that_are_not_there_or_not_files(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such picture"):
        Image(tmp_path / "none.jpg").load()
    with pytest.raises(PictureError, match="is a folder"):
        Image(tmp_path).load()
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PictureError, match="pipe or a device"):
        Image(tmp_path / "pipe.jpg").load()
    with pytest.raises(PictureError):
        Image(Path("a\0b.jpg")).load()
    with pytest.raises(PictureError, match="cannot be read"):
        Image(Path("a" * 5000)).load()


def test_noise_never_makes_another_kind_of_error() -> None:
    random = np.random.default_rng(0)
    good = [encoded(draw(size=(40, 40), seed=2), k) for k in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")]
    for n in range(600):
        data = bytearray(good[n % len(good)])
        for at in random.integers(0, len(data) if n % 2 else min(len(data), 64), size=random.integers(1, 8)):
            data[at] = random.integers(256)
        with contextlib.suppress(HannunError):
            assert Image(bytes(data)).load(16).mode == "RGB"
