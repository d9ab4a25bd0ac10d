"""Snapshots of folders: what counts as new, changed, gone, and what is kept because a disk may be away."""

from __future__ import annotations

from pathlib import Path

from hannun.sources import Snapshot, Stamp, changes, held, snapshot

A, B = Stamp(1, 1, 1, 1, "photos", 7), Stamp(2, 2, 2, 2, "photos", 7)
USB = Stamp(3, 3, 3, 3, "photos", 9)  # below the same folder, on another disk


def test_a_file_is_taken_when_two_snapshots_show_it_alike() -> None:
    assert changes({}, {}, {"a": A}) == (set(), set())  # just come: it may be half of itself
    assert changes({}, {"a": A}, {"a": B}) == (set(), set())  # it grows
    assert changes({}, {"a": A}, {"a": A}) == ({"a"}, set())
    assert changes({"a": A}, {"a": A}, {"a": A}) == (set(), set())  # known as it is
    assert changes({"a": A}, {"a": B}, {"a": B}) == ({"a"}, set())


def test_a_file_is_gone_when_two_snapshots_miss_it() -> None:
    assert changes({"a": A}, {"a": A}, {}) == (set(), set())
    assert changes({"a": A}, {}, {}) == (set(), {"a"})
    assert changes({"a": A}, {"b": A}, {"b": A}) == ({"b"}, {"a"})  # a renamed file: both in one batch


def test_what_vanishes_with_its_whole_disk_is_kept() -> None:
    before = {"/photos/a": A, "/photos/b": B, "/photos/usb/c": USB}
    assert held(before, Snapshot({"/photos/a": A, "/photos/usb/c": USB}, {})) == ({"/photos/a": A, "/photos/usb/c": USB}, set())
    assert held(before, Snapshot({"/photos/a": A}, {})) == ({"/photos/a": A, "/photos/usb/c": USB}, {"photos"})
    assert held(before, Snapshot({}, {})) == (before, {"photos"})


def test_what_lies_in_a_folder_that_cannot_be_listed_is_kept() -> None:
    before = {"/photos/in/a": A, "/photos/inner": B, "/photos/c": A}
    now, empty = held(before, Snapshot({"/photos/c": A}, {"/photos/in": "Input/output error"}))
    assert now == {"/photos/c": A, "/photos/in/a": A} and not empty


def test_a_snapshot_sees_what_is_read(tmp_path: Path) -> None:
    for name in ("a.png", "b.hwp", ".c.png", "in/d.txt", ".in/e.txt", "s.hannun/f.png"):
        (tmp_path / "pics" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pics" / name).write_bytes(b"12345")
    (tmp_path / "pics/gone.png").symlink_to("nowhere")
    (tmp_path / "one.dat").touch()
    seen = snapshot([tmp_path / "pics", tmp_path / "one.dat", tmp_path / "away"])  # what is named itself is looked at whatever it is
    assert {f: s.size for f, s in seen.files.items()} == {
        str(tmp_path / "pics/a.png"): 5,
        str(tmp_path / "pics/in/d.txt"): 5,
        str(tmp_path / "one.dat"): 0,
    }
    assert set(seen.failed) == {str(tmp_path / "pics/gone.png"), str(tmp_path / "away")}
