"""Nothing of a folder disappears silently: what is not read is counted by kind and reason."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from hannun import collection, sources
from hannun.item import Item, Problem
from tests.conftest import draw, encoded
from tests.toy import Toy

CASES = Path(__file__).parents[3] / "shared" / "cases" / "mixed_folder"
ODD = (
    *("a.hwp", "a.hwpx", "a.docx", "a.pptx", "a.xls", "a.zip", "a.7z", "a.rar", "a.gz", "a.svg", "a.psd", "a.ai", "a.cr2", "a.dng"),
    *("a.mp3", "a.wav", "a.json", "a.xml", "a.yaml", "a.db", "a.exe", "a.lnk", "README", "Makefile"),
)


def test_twenty_odd_kinds_are_counted(tmp_path: Path) -> None:
    for name in ODD:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "b.hwp").write_bytes(b"x")
    for name in (".DS_Store", ".hidden.png", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"x")
    for name in (".git", "s.hannun", "in"):
        (tmp_path / name).mkdir()
        draw().save(tmp_path / name / "x.png")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    found = sources.survey([tmp_path])
    expected = {f".{n.partition('.')[2]}": 1 for n in ODD if "." in n}
    expected |= {".hwp": 2, ".db": 2, "without an ending": 2, "hidden": 2, "hidden folder": 1, "collection": 1, "link to a folder": 1}
    assert found.unread == expected and [f.name for f, _ in found.files] == ["x.png"]
    with collection.open(tmp_path / "c", Toy(), words=False) as kept:
        report = kept.add(tmp_path / "in")
        assert report.unread == {}
        assert kept.add(tmp_path).unread == expected | {"without an ending": expected["without an ending"]} | kept.add(tmp_path).unread


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_cannot_be_listed_is_counted(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir(mode=0)
    assert sources.survey([tmp_path]).unread == {"folder that cannot be listed (Permission denied)": 1}


def test_every_file_is_an_item_a_problem_or_counted(tmp_path: Path) -> None:
    """The files of a mixed folder, those that are of another kind than their name, and damaged ones."""
    png, jpeg = encoded(draw(seed=1)), encoded(draw(seed=2), "JPEG")
    with zipfile.ZipFile(tmp_path / "zip.xlsx", "w") as z:
        z.writestr("a.txt", "x")
    given = {
        "png.jpg": png,  # read: by what it is
        "pdf.png": b"%PDF-1.4\n",
        "html.png": b"<html>",
        "jpeg.pdf": jpeg,
        "text.mp4": b"words",
        "png.txt": png,
        "jpeg.csv": jpeg,
        "zip.tar": (tmp_path / "zip.xlsx").read_bytes(),
        "cut.png": png[: len(png) // 2],
        "cut.jpg": jpeg[:100],
        "empty.pdf": b"",
        "empty.png": b"",
        "a.unknown": b"",
    }
    for name, data in given.items():
        (tmp_path / name).write_bytes(data)
    with collection.open(tmp_path / "c.hannun", Toy(), words=False) as kept:
        report = kept.add(tmp_path)
        there = {it.id.partition("#")[0].rpartition("/")[2] for it in kept}
    told = {Path(p.where.partition(", ")[0].partition("::")[0]).name for p in report.problems}
    assert there | told | {"a.unknown"} == {*given, "zip.xlsx"} and there >= {"png.jpg"} and not there & told
    assert report.unread == {".unknown": 1, "collection": 1} and all("\n" not in p.reason for p in report.problems)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("locked.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, "is encrypted with a password, or of the old kind .xls"),
        ("huge.txt", b"x" * (4 * 2**20 + 1), "the limit for a text"),
        ("deep.jsonl", b'{"id": "1", "text": "a", "m": ' + b"[" * 50_000 + b"]" * 50_000 + b"}\n", "is not JSON"),
        ("deep2.jsonl", b'{"id": "1", "text": "a", "m": ' + b"[" * 100 + b"]" * 100 + b"}\n", "nested over 32 deep"),
        ("nul.csv", b"id,text\n1,\0\0\n", ""),
        ("bomb.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x02\0\0\0\0\0\0\0", ""),
        ("pdf.png", b"%PDF-1.7\n1 0 obj\n", "is not a picture"),
    ],
)
def test_bad_files_are_one_line_and_the_others_go_on(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    if name.endswith("xlsx"):
        pytest.importorskip("python_calamine", reason="needs hannun[formats]")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / name).write_bytes(data)
    (folder / "z.txt").write_text("초록 바지", "utf-8")
    with collection.open(tmp_path / "c.hannun", Toy(), words=False) as kept:
        report = kept.add(folder)
        assert "in/z.txt" in kept and len(report.problems) == 1
    told = report.problems[0].reason
    assert reason in told and "\n" not in told and len(told) < 400


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the repository")
def test_the_mixed_folder_of_the_cases() -> None:
    found = sources.survey([CASES])
    items = [f for f in sources.read(found) if isinstance(f, Item)]
    problems = [f for f in sources.read(found) if isinstance(f, Problem)]
    names = {Path(it.facts[sources.SOURCE]).name for it in items} | {Path(p.where.partition(", ")[0]).name for p in problems}
    assert names >= {p.name for p in CASES.iterdir()} and not found.unread
