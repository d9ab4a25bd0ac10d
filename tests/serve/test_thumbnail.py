"""`hannun thumbnail` on a page of drawn garments, with the embedded model."""

from __future__ import annotations

import json
from pathlib import Path

import PIL.Image
import pytest

from hannun import catalogue
from hannun.serve.cli.main import run


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doc")
    every = {e.id: e for e in catalogue.entries()}
    for id in ("coat-navy-polka-dot", "dress-red-plain"):
        every[id].picture().save(folder / f"{id}.jpg", quality=90)
    pictures = "".join(f"<p>글</p><img src='{p.name}'>" for p in sorted(folder.glob("*.jpg")))
    (folder / "doc.html").write_text(f"<title>옷</title>{pictures}<img src='https://x.test/y.jpg'>", "utf-8")
    return folder


def test_the_picture_that_fits_is_chosen_cut_and_written(page: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = [
        "thumbnail",
        str(page / "doc.html"),
        "--query",
        "빨간 원피스",
        "--threshold",
        "0.3",
        "--aspect",
        "4:3",
        "--to",
        str(tmp_path / "out"),
        "--json",
    ]
    assert run(words) == 0
    (row,) = json.loads(capsys.readouterr().out)
    (best,) = [p for p in row["pictures"] if p["shown"]]
    assert best["picture"] == "dress-red-plain.jpg" and row["unread"][0]["why"].startswith("lies elsewhere")
    with PIL.Image.open(best["written"]) as cut:
        assert abs(cut.width / cut.height - 4 / 3) < 0.01


def test_where_nothing_fits_none_is_shown(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["thumbnail", str(page / "doc.html"), "--query", "민법 제750조 불법행위", "--threshold", "0.6"]) == 1
    told = capsys.readouterr()
    assert "no picture fits" in told.out and "below the threshold" in told.out and "not read: https://x.test/y.jpg" in told.err


def test_wrong_calls_say_what_to_do(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["thumbnail", str(page / "doc.html")]) == 1 and "--query WORDS" in capsys.readouterr().err
    assert run(["thumbnail", str(page / "doc.html"), "--query", "x", "--aspect", "wide"]) == 1
    assert "expected WIDTH:HEIGHT" in capsys.readouterr().err
