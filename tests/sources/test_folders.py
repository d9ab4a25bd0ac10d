"""Folders become the items that are in them; what is broken becomes a Problem and stops nothing."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from hannun import sources
from hannun.errors import MissingError
from hannun.item import PLACE, SOURCE, Item, plain_facts
from tests.conftest import draw, encoded
from tests.sources.found import picture, plain, read, table


def test_a_folder_of_pictures_and_texts_in_sorted_order(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "deep/er/c.webp", "d.gif", "e.bmp", "f.tiff", "g.jpeg"):
        picture(tmp_path / name)
    (tmp_path / "글.txt").write_text("빨간  원피스", "utf-8")
    (tmp_path / "글.md").write_text("# 제목", "utf-8")
    items, problems = read(tmp_path)
    assert not problems
    assert [it.id.removeprefix(f"{tmp_path.name}/") for it in items] == [
        *("a.png", "b.JPG", "d.gif", "e.bmp", "f.tiff", "g.jpeg", "글.md", "글.txt", "deep/er/c.webp")
    ]
    assert (
        items[7].text == "빨간 원피스"
        and plain(items[0]) == {"title": "a", "folder": tmp_path.name}
        and plain(items[8])["folder"] == "deep/er"
    )
    assert all(it.facts[PLACE] == it.id and it.facts[SOURCE] == str(tmp_path.parent / it.id) for it in items)
    assert all(it.images[0].load().size == (24, 24) for it in items if it.images)
    assert sources.count([tmp_path]) == 9


def test_hidden_things_other_kinds_and_collections_are_passed_over(tmp_path: Path) -> None:
    for name in (".hidden.jpg", "._mac.jpg", ".git/a.jpg", "mine.hannun/pictures/a.jpg", "seen.jpg"):
        picture(tmp_path / name)
    (tmp_path / "readme.svg").write_text("x")
    (tmp_path / "noending").write_text("x")
    items, problems = read(tmp_path)
    assert [Path(it.id).name for it in items] == ["seen.jpg"] and not problems


def test_an_empty_folder_has_nothing(tmp_path: Path) -> None:
    assert read(tmp_path) == ([], []) and sources.count([tmp_path]) == 0


def test_a_path_that_is_not_there_is_told_before_anything_is_read(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    with pytest.raises(MissingError, match="nowhere: no such file"):
        next(sources.read([tmp_path / "a.png", tmp_path / "nowhere"]))


def test_a_named_file_of_no_known_kind_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_text("x")
    items, problems = read(tmp_path / "a.docx")
    assert not items and "of no kind" in problems[0].reason and problems[0].where.endswith("a.docx")


def test_a_file_named_twice_in_any_way_comes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "pics/a.png")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    items, problems = read(Path("../pics"), tmp_path / "pics", Path("../pics/a.png"), tmp_path / "other/../pics/a.png")
    assert [it.id for it in items] == ["pics/a.png"] and not problems


def test_the_id_of_a_file_does_not_depend_on_how_its_folder_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "pics/a.png")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert read(Path("../pics"))[0][0].id == read(tmp_path / "pics")[0][0].id


def test_decomposed_file_names_have_composed_ids_and_can_be_read(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "빨간 원피스.png")
    picture(tmp_path / name)
    items, _ = read(tmp_path)
    assert items[0].id == f"{tmp_path.name}/빨간 원피스.png" and plain(items[0])["title"] == "빨간 원피스"
    assert items[0].images[0].load().size == (24, 24)


@pytest.mark.parametrize(("disk", "row"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_table_names_its_pictures_in_either_form(tmp_path: Path, disk: Any, row: Any) -> None:
    picture(tmp_path / unicodedata.normalize(disk, "사진/원피스.png"))
    table(tmp_path, "t.jsonl", {"id": "1", "image": unicodedata.normalize(row, "사진/원피스.png")})
    items, problems = read(tmp_path)
    assert [it.id for it in items] == ["1"] and not problems  # claimed by the table, so not an item of its own
    assert items[0].images[0].load().size == (24, 24)


def test_a_file_name_that_is_not_utf8_is_a_problem_that_can_be_printed(tmp_path: Path) -> None:
    broken = os.fsdecode(os.fsencode(tmp_path) + b"/" + "사진.png".encode("cp949"))
    Path(broken).write_bytes(encoded(draw()))
    items, problems = read(tmp_path)
    assert not items and "not UTF-8" in problems[0].reason
    assert f"{problems[0].where}{problems[0].reason}{problems[0].id}".encode()


def test_pipes_and_broken_links(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    picture(tmp_path / "a.png")
    items, problems = read(tmp_path)
    assert [Path(it.id).name for it in items] == ["a.png"]
    assert sorted(Path(p.where).name for p in problems) == ["gone.csv", "gone.txt", "pipe.csv", "pipe.txt"]
    assert sources.count([tmp_path]) >= 1


def test_empty_wrong_and_huge_texts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" \n")
    (tmp_path / "b.txt").write_bytes(bytes(range(256)))
    (tmp_path / "c.txt").write_bytes("빨간 원피스".encode("cp949"))
    (tmp_path / "d.txt").write_bytes(b"x" * (4 * 2**20 + 1))
    (tmp_path / "e.txt").write_text("가" * 100_000, "utf-8")
    items, problems = read(tmp_path)
    assert [it.text for it in items] == ["빨간 원피스", "가" * 100_000]
    assert [p.reason.split(",")[0] for p in problems] == ["is empty", "is not text in UTF-8", "has 4"]
    assert all(p.id == f"{tmp_path.name}/{Path(p.where).name}" for p in problems)


def test_what_is_not_read_is_counted_by_kind(tmp_path: Path) -> None:
    for name in ("a.hwp", "b.HWP", "c/d.zip", "README", ".hidden.zip", "e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = sources.survey([tmp_path])
    assert found.unread == {".hwp": 2, ".zip": 1, "without an ending": 1, "hidden": 1} and [f.name for f, _ in found.files] == ["e.txt"]
    assert found.unread_kinds() == "2 .hwp, 1 .zip, 1 hidden, 1 without an ending"


def test_what_a_photo_says_of_itself_becomes_facts(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0110] = "EOS R6"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:01 12:34:56"
    (tmp_path / "제주도").mkdir()
    (tmp_path / "제주도" / "바다.jpg").write_bytes(encoded(draw(size=(32, 32)), "JPEG", exif=exif.tobytes()))
    place = {"title": "바다", "folder": "제주도"}
    (told,) = (it for it in sources.read([tmp_path]) if isinstance(it, Item))
    (bare,) = (it for it in sources.read([tmp_path], sources.Reading(exif=False)) if isinstance(it, Item))
    assert plain_facts(told.facts) == {**place, "taken": "2024-05-01T12:34:56", "camera": "EOS R6"}
    assert plain_facts(bare.facts) == place


def test_a_photo_is_read_whole_by_the_encoder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a JPEG only the beginning is looked at for its EXIF, however long it is."""
    exif = PIL.Image.Exif()
    exif[0x0110] = "Nikon Z6"
    file = tmp_path / "long.jpg"
    file.write_bytes(encoded(draw(size=(64, 64)), "JPEG", exif=exif.tobytes()) + bytes(3 * 2**20))
    taken: list[int] = []
    looked = sources.reading.exif.facts_of
    monkeypatch.setattr(sources.reading.exif, "facts_of", lambda data: taken.append(len(data)) or looked(data))
    (found,) = sources.read([file])
    assert found.facts["camera"] == "Nikon Z6" and taken == [256 * 1024]
