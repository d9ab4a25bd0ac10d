"""hannun-mini on what users hand over: mixed batches, Korean in both Unicode forms, long texts, odd pictures, and its own size."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import unicodedata
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from hannun import catalogue
from hannun.embeddings import Embeddings, Floats
from hannun.encoder import Encoder
from hannun.errors import InputError, MissingError, PictureError
from hannun.item import Image, Item, Text
from hannun.mini.classes import classes
from hannun.mini.model import DIMS, HERE, Mini, fingerprint
from hannun.mini.text import WINDOWS, _batches, _windows


@pytest.fixture(scope="module")
def mini() -> Mini:
    return Mini()


def drawn(colour: str = "red", size: tuple[int, int] = (80, 60), mode: str = "RGB") -> PIL.Image.Image:
    picture = PIL.Image.new("RGB", size, "white")
    PIL.ImageDraw.Draw(picture).ellipse((size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2), fill=colour)
    return picture.convert(mode)


def png(picture: PIL.Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


def assert_unit(e: Embeddings, n: int) -> None:
    assert e.dense.shape == (n, 384) and e.dense.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(e.dense, axis=1), 1, atol=1e-5)


def test_it_is_an_encoder(mini: Mini) -> None:
    assert isinstance(mini, Encoder)
    assert (mini.name, mini.dims, mini.kinds, mini.side) == ("mini", (384, 256, 128, 96, 64, 48, 32), ("text", "image"), 260)


def test_mixed_batch_keeps_order_and_equals_one_by_one(mini: Mini, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    drawn("blue").save(path)
    batch = [
        "빨간 원피스",
        path,
        {"text": "파란 공", "image": path},
        "a much longer English sentence that makes the padding of every other text in this batch quite long indeed",
        png(drawn("green")),
        drawn("yellow"),
        Item("7", (Text("노란 공"),)),
        "개",
    ]
    for encode in (mini.encode_query, mini.encode_document):
        together = encode(batch)
        assert_unit(together, len(batch))
        alone = np.concatenate([encode([c]).dense for c in batch])
        assert ((together.dense * alone).sum(axis=1) > 0.9999).all()


def test_text_and_picture_is_the_average_of_both(mini: Mini) -> None:
    picture = drawn()
    text, image, both = mini.encode_document(["빨간 공", picture, {"text": "빨간 공", "image": picture}]).dense
    expected = (text + image) / np.linalg.norm(text + image)
    np.testing.assert_allclose(both, expected, atol=1e-3)


def test_no_content_gives_no_rows(mini: Mini) -> None:
    assert mini.encode_query([]).dense.shape == (0, 384)


@pytest.mark.parametrize("empty", ["", " \n\t ", "\u200b"])
def test_empty_text_is_an_error(mini: Mini, empty: str) -> None:
    with pytest.raises(InputError, match="empty"):
        mini.encode_query(["개", empty])
    with pytest.raises(InputError, match="empty"):
        mini.encode_document([empty])


def test_nfd_equals_nfc(mini: Mini) -> None:
    text = "줄무늬 셔츠를 입은 아이"
    decomposed = unicodedata.normalize("NFD", text)
    assert decomposed != text
    a, b = mini.encode_query([text, decomposed]).dense
    assert a @ b > 0.9999


@pytest.mark.parametrize(
    "text", ["😀🎉", "👨‍👩‍👧", "ㅋㅋㅋㅋ", "!!!", "\u200d", "漢字", "日本語のテキスト", "x" * 5000, "가" * 5000, "\ud800", "a\0b"]
)
def test_odd_texts_give_unit_vectors(mini: Mini, text: str) -> None:
    assert_unit(mini.encode_query([text]), 1)


def test_a_long_text_is_read_to_its_end_at_bounded_cost(mini: Mini) -> None:
    long = "오늘은 날씨가 좋아서 산책을 했다. " * 6000
    assert len(long) > 100_000
    plain, other_end = mini.encode_document([long, long[:-60000] + "주식 시장이 폭락했다고 한다. " * 3500]).dense
    assert plain @ other_end < 0.99


def test_windows_are_bounded_and_reach_both_ends() -> None:
    assert _windows([], 10) == [[]]
    assert _windows(list(range(25)), 10) == [list(range(10)), list(range(10, 20)), list(range(20, 25))]
    many = _windows(list(range(1000)), 10)
    assert len(many) == WINDOWS and many[0][0] == 0 and many[-1][-1] == 999 and all(len(w) == 10 for w in many)


def test_batches_hold_every_row_once() -> None:
    lengths = [512, 3, 40, 512, 7, *range(1, 300)]
    assert sorted(r for b in _batches(lengths) for r in b) == list(range(len(lengths)))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_every_pixel_format_gives_a_unit_vector(mini: Mini, mode: str) -> None:
    if mode in ("I;16", "I", "F"):
        values = np.linspace(0, 65535, 60 * 80).reshape(60, 80)
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        picture = PIL.Image.fromarray(values.astype(kind))
    else:
        picture = drawn(mode=mode) if mode != "LA" else drawn(mode="L").convert("LA")
    assert_unit(mini.encode_query([picture]), 1)


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (3000, 2), (4000, 3000)])
def test_every_size_gives_a_unit_vector(mini: Mini, size: tuple[int, int]) -> None:
    assert_unit(mini.encode_document([png(PIL.Image.new("RGB", size, "teal"), "JPEG")]), 1)


def test_an_animation_is_its_first_frame(mini: Mini) -> None:
    out = io.BytesIO()
    drawn("red").save(out, "GIF", save_all=True, append_images=[drawn("blue")])
    animated, still = mini.encode_query([out.getvalue(), png(drawn("red").quantize().convert("RGB"))]).dense
    assert animated @ still > 0.9


def test_unreadable_pictures_say_why(mini: Mini, tmp_path: Path) -> None:
    with pytest.raises(PictureError):
        mini.encode_document([b"no picture"])
    with pytest.raises(PictureError):
        mini.encode_document([png(drawn(size=(400, 300)))[:200]])
    with pytest.raises(MissingError, match="gone"):
        mini.encode_document([tmp_path / "gone.jpg"])


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    for content in ("개", drawn()):
        with pytest.raises(MissingError, match="reinstall"):
            Mini(tmp_path).encode_query([content])
    with pytest.raises(MissingError, match="reinstall"):
        _ = Mini(tmp_path).fingerprint


@pytest.mark.parametrize(
    ("query", "near", "far"),
    [("강아지", "puppy", "car"), ("자동차", "a car", "a cat"), ("빨간 원피스", "red dress", "blue jeans"), ("바닷가", "seashore", "부엌")],
)
def test_korean_and_english_words_of_one_meaning_are_near(mini: Mini, query: str, near: str, far: str) -> None:
    q = mini.encode_query([query]).dense[0]
    a, b = mini.encode_document([near, far]).dense
    assert q @ a > q @ b


def test_towers_load_only_when_needed() -> None:
    fresh = Mini()
    assert fresh.fingerprint and fresh.calibration
    assert fresh._text._loaded is None and fresh._image._session is None
    fresh.encode_query([drawn()])
    assert fresh._text._loaded is None and fresh._image._session is not None


def test_threads_share_one_mini() -> None:
    fresh = Mini()
    rows: list[Floats] = []
    threads = [threading.Thread(target=lambda: rows.append(fresh.encode_query(["고양이", drawn()]).dense)) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(rows) == 6
    for r in rows[1:]:
        np.testing.assert_allclose(r, rows[0], atol=1e-4)


def test_fingerprint_is_that_of_the_committed_weights(mini: Mini) -> None:
    assert mini.fingerprint == fingerprint(HERE), "weights or RECIPE changed: run `make mini`"


def test_calibration_has_every_pair(mini: Mini) -> None:
    background = mini.calibration.background
    assert {(q, d) for q in background for d in background[q]} == {(q, d) for q in ("text", "image") for d in ("text", "image")}
    assert all(0 < deviation < 0.6 for row in background.values() for _, deviation in row.values())
    assert all(-0.2 < background[q][d][0] < 0.2 for q, d in (("text", "image"), ("image", "text")))
    # What is of one kind lies in a cone; that is what calibration takes away.
    assert all(-0.2 < background[k][k][0] < 0.6 for k in ("text", "image"))
    assert 0 < mini.calibration.agreement < 1


def test_it_finds_held_out_products_by_their_korean_titles(mini: Mini) -> None:
    entries = [e for e in catalogue.entries() if e.split == "test" and e.category != "문서"][::4]
    pictures = mini.encode_document([e.picture() for e in entries])
    titles = mini.encode_query([e.title for e in entries])
    for dim in DIMS:
        scores = titles.truncate(dim).dense @ pictures.truncate(dim).dense.T
        first = (scores.argmax(axis=1) == np.arange(len(entries))).mean()
        assert first > 0.6, (dim, first)  # chance is 1 in 40; none of these combinations, poses or backgrounds was trained on


def test_patches_are_unit_vectors_of_nine_cells(mini: Mini) -> None:
    patches = mini.patches([Image(drawn())])
    assert patches.shape == (1, 9, 384)
    np.testing.assert_allclose(np.linalg.norm(patches, axis=-1), 1, atol=1e-3)


def test_a_thousand_classes_have_two_languages() -> None:
    rows = classes()
    assert [c.index for c in rows] == list(range(1000))
    assert all(c.english and c.korean and all(n.strip() == n and n for n in (*c.english, *c.korean)) for c in rows)
    assert all(any("가" <= ch <= "힣" for ch in c.korean[0]) for c in rows)
    for column in ("english", "korean"):
        names = [getattr(c, column)[0] for c in rows]
        assert len(set(names)) == 1000, sorted(n for n in names if names.count(n) > 1)
    known = {1: "금붕어", 154: "페키니즈", 207: "골든 리트리버", 339: "밤색 말", 480: "현금인출기", 805: "축구공", 999: "두루마리 휴지"}
    assert {i: rows[i].korean[0] for i in known} == known


def test_the_folder_is_at_most_75_megabytes_the_captioner_s_25_among_them() -> None:
    files = [p for p in HERE.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(p.stat().st_size for p in files) <= 75e6
    assert sum(p.stat().st_size for p in files if p.parent != HERE) <= 25e6


def test_no_torch_is_imported() -> None:
    code = """
import sys
from PIL import Image
from hannun.mini.model import Mini
Mini().encode_query(["빨간 원피스", Image.new("RGB", (9, 9))])
heavy = {"torch", "transformers", "onnx", "scipy"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, env=None)


def test_importing_the_package_does_nothing() -> None:
    code = "import sys, hannun.mini; assert not {'onnxruntime', 'tokenizers', 'numpy'} & set(sys.modules), 'imported early'"
    subprocess.run([sys.executable, "-c", code], check=True)
