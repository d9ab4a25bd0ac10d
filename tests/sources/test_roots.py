"""Names of folders and places of files: what others are told of where a file lies."""

from __future__ import annotations

import os
import unicodedata
from itertools import product
from pathlib import Path

import pytest

from hannun.sources import Roots, bound, fresh, learnt, on_disk, placed
from hannun.sources.roots import root_of

PHOTOS = "/home/me/photos"


@pytest.mark.parametrize(
    ("roots", "expected"),
    [
        ([PHOTOS], {"photos": PHOTOS}),
        ([PHOTOS, PHOTOS], {"photos": PHOTOS}),
        ([PHOTOS, "/mnt/photos", "/x/photos"], {"photos": PHOTOS, "photos-2": "/mnt/photos", "photos-3": "/x/photos"}),
        ([PHOTOS, f"{PHOTOS}/2024"], {"photos": PHOTOS}),  # what lies within has its ids already
        ([f"{PHOTOS}/2024", PHOTOS], {"2024": f"{PHOTOS}/2024", "photos": PHOTOS}),
        ([f"{PHOTOS}/*", PHOTOS], {"photos": PHOTOS}),  # a file first, then the folder that it lies in
        ([PHOTOS, f"{PHOTOS}/*", f"{PHOTOS}/in/*"], {"photos": PHOTOS}),
        (["/home/me/*", PHOTOS], {"me": "/home/me/*", "photos": PHOTOS}),  # one file of a home names no folder of it
        (["/home/me/photo", PHOTOS], {"photo": "/home/me/photo", "photos": PHOTOS}),
        (["/"], {"files": "/"}),
        (["/*"], {"files": "/*"}),
        (["/a/b "], {"b": "/a/b "}),
    ],
)
def test_each_folder_has_one_name(roots: list[str], expected: Roots) -> None:
    assert fresh(roots) == expected
    assert fresh([*roots, *roots]) == expected  # named again, nothing changes


@pytest.mark.parametrize(
    ("file", "place"),
    [
        (f"{PHOTOS}/a.jpg", "photos/a.jpg"),
        (f"{PHOTOS}/in/er/a#1.jpg", "photos/in/er/a#1.jpg"),
        (f"{PHOTOS}/2024/a.jpg", "2024/a.jpg"),  # of the innermost folder that has a name
        (f"{PHOTOS}/2024/in/a.jpg", "2024/in/a.jpg"),
        ("/home/me/a.csv", "me/a.csv"),
        ("/home/me/photos.csv", "me/photos.csv"),
    ],
)
def test_a_place_is_the_name_and_the_way_from_there(file: str, place: str) -> None:
    roots = fresh([f"{PHOTOS}/2024", PHOTOS, "/home/me/*"])
    assert placed(roots, file) == place
    assert placed(bound({}, learnt(file, place)), file) == place  # a file and its place tell of the folder between


def test_what_lies_in_no_named_folder_has_no_place() -> None:
    for file in ("/home/me/videos/a.jpg", "/home/a.jpg", f"{PHOTOS}-2/a.jpg"):
        with pytest.raises(KeyError):
            placed(fresh([PHOTOS, "/home/me/*"]), file)
    assert placed(fresh(["/"]), "/a.jpg") == "files/a.jpg" and placed(fresh(["/*"]), "/a.jpg") == "files/a.jpg"


def test_a_folder_is_its_own_root_and_a_file_is_one_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").touch()
    monkeypatch.chdir(tmp_path / "in")
    assert root_of(Path(".")) == root_of(Path("../in/")) == root_of(tmp_path / "in") == f"{tmp_path}/in"
    assert root_of(Path("a.txt")) == f"{tmp_path}/in/*"


@pytest.mark.parametrize("forms", product(("NFC", "NFD"), repeat=3))
def test_each_part_of_a_path_is_found_in_the_form_that_the_disk_has(tmp_path: Path, forms: tuple[str, ...]) -> None:
    there = tmp_path.joinpath(*(unicodedata.normalize(f, n) for f, n in zip(forms, ("가게", "여름 옷", "원피스.jpg"), strict=True)))
    there.parent.mkdir(parents=True)
    there.touch()
    for typed in ("NFC", "NFD"):
        assert on_disk(tmp_path / unicodedata.normalize(typed, "가게/여름 옷/원피스.jpg")).samefile(there)


def test_what_is_not_there_stays_as_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.symlink(tmp_path, "가")
    for name in ("나", "가/나", "가" * 300, f"가/{'나' * 300}/다", "나\0"):  # the third is longer than a disk takes
        assert on_disk(Path(name)) == Path(name)
