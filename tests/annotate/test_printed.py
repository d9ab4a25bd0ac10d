"""Print in pictures: lines are cut out upright and dark on light, words are put together, and a collection is searched by them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

import hannun
from hannun.annotate.lines import GAP, HEIGHT, LineFinder, inked, line, page
from hannun.annotate.printed import KEY, PrintReader, _words
from hannun.annotate.written import tag
from hannun.errors import DependencyError
from hannun.item import Image, Item
from tests.conftest import draw
from tests.toy import Toy


def tesseract(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str, languages: str = "eng kor") -> None:
    """A program of that name, which knows these languages and says this of every page."""
    program = folder / "bin" / "tesseract"
    program.parent.mkdir()
    (folder / "says").write_text(says, "utf-8")
    (folder / "langs").write_text("\n".join(["List:", *languages.split()]), "utf-8")
    program.write_text(
        f"""#!/bin/sh
case "$1" in
--version) echo "tesseract 9.9" ;;
--list-langs) cat {folder}/langs ;;
*) cat >/dev/null; cat {folder}/says ;;
esac
"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def row(text: str, left: int, width: int, line: int = 1, sure: float = 90.0) -> str:
    """One of Tesseract's table."""
    return "\t".join(map(str, (5, 1, 1, 1, line, 1, left, 20, width, 48, sure, text)))


def test_pieces_of_hangul_that_touch_are_one_word_and_blanks_part() -> None:
    table = [
        row("스", 0, 40),
        row("타", 42, 40),
        row("벅스", 85, 80),
        row("강남점", 190, 120),
        row("COFFEE", 312, 100),
        row("둘째", 0, 80, 2),
    ]
    assert [w for w, _ in _words([r.split("\t") for r in table])] == ["스타벅스", "강남점COFFEE", "둘째"]
    assert _words([row("no", 0, 40).split("\t"), row("space", 41, 60).split("\t")]) == [("no", 90.0), ("space", 90.0)]
    assert _words([row("가", 0, 40, sure=80).split("\t"), row("나", 41, 40, sure=60).split("\t")]) == [("가나", 60.0)]


def test_a_line_is_cut_out_dark_on_light_and_lines_stand_apart() -> None:
    board = PIL.Image.new("RGB", (200, 100), "navy")
    PIL.ImageDraw.Draw(board).rectangle((60, 45, 140, 55), fill="white")
    cut = line(board, np.array([[40, 30], [160, 30], [160, 70], [40, 70]], np.float32))
    values = np.asarray(cut)
    assert cut.size == (144, HEIGHT) and values[0].min() == 255 and values[HEIGHT // 2, 72] == 0
    sheet = page([cut, cut])
    assert sheet.size == (144 + 2 * GAP, 2 * (HEIGHT + GAP) + GAP) and np.asarray(sheet)[:GAP].min() == 255


def test_what_stands_around_a_board_does_not_tell_its_ground() -> None:
    """White letters on a grey board before a white wall, and black ones before a black one: ink is black, the board white."""
    for around, board, ink in ((250, 120, 255), (5, 130, 0)):
        grey = np.full((48, 120), around, np.float32)
        grey[6:42, 4:116] = board
        grey[20:28, 30:60] = ink
        made = inked(grey)
        assert made[24, 40] == 0 and made[35, 80] == 255
    assert inked(np.full((48, 50), 7, np.float32)).min() == 255


def test_words_become_a_fact_that_finds_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tesseract(tmp_path, monkeypatch, "head\n" + "\n".join([row("스타벅스", 0, 150), row("x", 400, 20), row("흐린것", 500, 90, sure=20)]))
    reader = PrintReader()
    assert reader.version == "print-1-9.9"
    signed, plain = draw((200, 30, 30)), draw((30, 30, 200))
    shown = {np.asarray(signed).tobytes(): [signed.convert("L")]}
    monkeypatch.setattr(reader._lines, "cut", lambda p: shown.get(np.asarray(p).tobytes(), []))
    items = [Item("a", (Image(signed),)), Item("b", (Image(plain),)), Item("글", ()), Item("깨진", (Image(b"no"),))]
    (found,), (nothing,), *blind = reader.annotate(items)
    assert (found.key, found.value) == (KEY, "스타벅스") and found.score == pytest.approx(0.9)
    assert nothing.value is None and blind == [(), ()]
    with hannun.open(tmp_path / "c.hannun", Toy()) as c:
        c.add([{"id": "a", "image": signed}, {"id": "b", "image": plain}])
        report = tag(c, reader)
        assert report.findings == {KEY: 1} and report.unknown == {KEY: 1} and tag(c, reader).unchanged == 2
        assert c.search("스타벅스", words=1)[0].id == "a" and c.get("a").facts[KEY] == "스타벅스"


def test_what_is_missing_is_said_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tesseract(tmp_path, monkeypatch, "", languages="eng")
    with pytest.raises(DependencyError, match="no language 'kor'; install it: apt-get install tesseract-ocr tesseract-ocr-kor"):
        _ = PrintReader().version
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DependencyError, match="needs the program tesseract"):
        _ = PrintReader().version


def test_the_command_reads_after_it_has_indexed_and_fails_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hannun.serve.cli.main import run

    (tmp_path / "photos").mkdir()
    draw().save(tmp_path / "photos" / "a.png")
    command = ["index", str(tmp_path / "photos"), "--to", str(tmp_path / "c.hannun"), "--read"]
    with monkeypatch.context() as m:
        m.setenv("PATH", str(tmp_path))
        assert run(command) == 1 and "needs the program tesseract" in capsys.readouterr().err
        assert not (tmp_path / "c.hannun").exists()
    tesseract(tmp_path, monkeypatch, "head\n" + row("스타벅스", 0, 150))
    monkeypatch.setattr(LineFinder, "cut", lambda self, picture: [picture.convert("L")])
    assert run(command) == 0
    assert "print read: in 1 of 1 items with pictures; 0 were read before" in capsys.readouterr().out
    with hannun.open(tmp_path / "c.hannun") as c:
        assert [it.facts[KEY] for it in c] == ["스타벅스"]


def test_a_sign_on_a_photo_is_read() -> None:
    pytest.importorskip("rapidocr", reason="rapidocr is in hannun[read]")
    if shutil.which("tesseract") is None:
        pytest.skip("the program tesseract is not here")
    from hannun.recipes.data.marks import _font

    board = PIL.Image.new("RGB", (640, 480), (150, 120, 90))
    pen = PIL.ImageDraw.Draw(board)
    pen.rectangle((80, 150, 560, 260), fill=(20, 100, 60))
    pen.text((100, 180), "스타벅스 강남점", font=_font(40), fill="white")
    reader = PrintReader()
    try:
        ((found,),) = reader.annotate([Item("a", (Image(board),))])
    except DependencyError as e:
        pytest.skip(str(e))
    assert found.value == "스타벅스 강남점"
