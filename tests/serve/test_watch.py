"""`hannun watch`: a collection follows its folders, and what is only out of reach is kept."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hannun import collection
from hannun.errors import StorageError
from hannun.serve.cli.main import run
from hannun.serve.cli.watch import Watched
from hannun.sources import Reading
from tests.conftest import TOY_CLI, child, draw, encoded
from tests.serve.conftest import Start

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("toy_models")


@pytest.fixture
def pics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two pictures and a text, and an empty collection beside it; the working folder holds both."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "pics"
    folder.mkdir()
    for n, name in enumerate(("a", "b")):
        draw(seed=n).save(folder / f"{name}.png")
    (folder / "c.txt").write_text("초록 바지", "utf-8")
    collection.open("s.hannun", words=False).close()
    return folder


def ids() -> set[str]:
    with collection.open("s.hannun", create=False) as kept:
        return {Path(item.id).name for item in kept}


@pytest.fixture
def lines(capsys: Captured) -> Callable[[Watched], list[str]]:
    """Two looks of a watch, in which what is still is taken up; what it printed, without the time."""

    def look(watched: Watched) -> list[str]:
        capsys.readouterr()
        watched.look()
        watched.look()
        return [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in capsys.readouterr().out.splitlines()]

    return look


Lines = Callable[[Watched], list[str]]


def watched(*folders: str, to: str = "s.hannun", prune: bool = True) -> Watched:
    return Watched([Path(f) for f in folders], to, Reading(), prune, None)


def test_what_is_new_changed_moved_and_gone(pics: Path, lines: Lines) -> None:
    watch = watched("pics")
    assert lines(watch) == ["3 added"] and lines(watch) == []
    draw(seed=7).save(pics / "d.png")
    (pics / "c.txt").write_text("파란 바지", "utf-8")
    assert lines(watch) == ["2 added"] and ids() == {"a.png", "b.png", "c.txt", "d.png"}
    (pics / "in").mkdir()
    (pics / "a.png").rename(pics / "in/e.png")
    (pics / "b.png").unlink()
    assert lines(watch) == ["1 moved, 1 removed"] and ids() == {"c.txt", "d.png", "e.png"}
    (pics / "d.png").touch()  # the same content
    assert lines(watch) == ["nothing new"] and lines(watch) == []


def test_a_file_that_grows_is_not_read_before_it_is_whole(pics: Path, capsys: Captured) -> None:
    watch, data = watched("pics"), encoded(draw(seed=9, size=(64, 64)))
    watch.look()
    for part in (0.3, 0.6, 1.0):
        (pics / "big.png").write_bytes(data[: int(part * len(data))])
        watch.look()
        assert "big.png" not in ids()
    watch.look()
    out, err = capsys.readouterr()
    assert "big.png" in ids() and "could not be read" not in err and "not read" not in out


def test_what_vanished_while_nobody_watched(pics: Path, lines: Lines) -> None:
    assert lines(watched("pics")) == ["3 added"]
    (pics / "b.png").unlink()
    assert lines(watched("pics", prune=False)) == ["nothing new"]
    assert lines(watched("pics")) == ["1 removed"] and ids() == {"a.png", "c.txt"}


def test_removed_ones_are_kept_where_asked_for(pics: Path, lines: Lines) -> None:
    watch = watched("pics", prune=False)
    lines(watch)
    (pics / "b.png").unlink()
    assert lines(watch) == [] and len(ids()) == 3
    (pics / "a.png").rename(pics / "z.png")
    assert lines(watch) == ["1 moved"] and ids() == {"z.png", "b.png", "c.txt"}  # a move removes nothing


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_a_folder_that_is_away_keeps_its_items(pics: Path, lines: Lines, how: str) -> None:
    watch = watched("pics")
    lines(watch)
    pics.rename("away")
    if how == "empty":
        pics.mkdir()
    (line,) = lines(watch)  # once, however many looks
    assert line.startswith("pics: is gone; what" if how == "gone" else "pics: holds nothing to index; what") and "--prune" in line
    assert lines(watch) == [] and len(ids()) == 3
    assert len(lines(watched(str(pics), to="s.hannun"))) == 1 and len(ids()) == 3  # nor does a watch that begins now remove them
    if how == "empty":
        pics.rmdir()
    Path("away").rename(pics)
    (pics / "a.png").unlink()
    assert lines(watch) == ["1 removed"] and ids() == {"b.png", "c.txt"}


def test_a_disk_that_is_unmounted(pics: Path, lines: Lines, disk: Callable[[str], Path]) -> None:
    mounted = disk("8m")
    draw(seed=5).save(mounted / "usb.png")
    watch = watched("disk", "pics")
    assert lines(watch) == ["4 added"]
    subprocess.run(["umount", str(mounted)], check=True)
    (mounted / "in-its-place.txt").write_text("초록", "utf-8")
    assert lines(watch) == ["disk: a disk below it is gone or empty; what came from there is kept", "1 added"]
    assert {"usb.png", "in-its-place.txt"} <= ids()


def test_rows_and_the_pictures_that_they_name(pics: Path, lines: Lines) -> None:
    watch = watched("pics")
    lines(watch)
    rows = [{"id": "1", "text": "빨간 가방", "image": "b.png"}, {"id": "2", "text": "모자"}]
    table = pics / "t.jsonl"
    table.write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    assert lines(watch) == ["2 added, 1 removed"] and ids() == {"a.png", "c.txt", "1", "2"}  # the picture is the table's now
    draw(seed=11).save(pics / "b.png")
    assert lines(watch) == ["1 added"]  # its row, encoded anew
    table.write_text(json.dumps(rows[1]) + "\n", "utf-8")
    assert lines(watch) == ["1 added, 1 removed"] and ids() == {"a.png", "b.png", "c.txt", "2"}


def test_a_damaged_file_is_told_once_and_read_when_it_is_mended(pics: Path, lines: Lines, capsys: Captured) -> None:
    watch = watched("pics")
    lines(watch)
    data = encoded(draw(seed=3))
    (pics / "d.png").write_bytes(data[: len(data) // 2])
    draw(seed=4).save(pics / "e.png")
    watch.look()
    watch.look()
    out, err = capsys.readouterr()
    assert "1 added, 1 not read" in out and err.count("d.png") == 1
    (pics / "e.png").unlink()
    (pics / "f.png").write_bytes(data[:50])  # alone, so that nothing can be added
    (line,) = [part for part in lines(watch) if "nothing could be added" in part]
    assert "f.png" in line
    (pics / "f.png").unlink()
    (pics / "d.png").write_bytes(data)
    assert lines(watch) == ["1 added"] and ids() == {"a.png", "b.png", "c.txt", "d.png"}


def test_an_error_is_told_once_and_tried_again(pics: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = watched("pics")
    with collection.open("s.hannun"):  # as a search that runs just now
        (busy,) = lines(watch)
        assert busy.endswith("; it is tried again") and lines(watch) == []
    assert lines(watch) == ["3 added"]

    def full(*_: object) -> None:
        raise StorageError("the disk is full; free some space")

    draw(seed=3).save(pics / "d.png")
    with monkeypatch.context() as during:
        during.setattr("hannun.collection.local.Local.add", full)
        assert lines(watch) == ["the disk is full; free some space; it is tried again"] and lines(watch) == []
    assert lines(watch) == ["1 added"]


def test_a_collection_that_is_encoded_by_another_model_meanwhile(pics: Path, lines: Lines) -> None:
    watch = watched("pics")
    lines(watch)
    assert run(["reindex", "s.hannun", "--model", "toy2"]) == 0
    draw(seed=3).save(pics / "d.png")
    assert "toy2" in lines(watch)[0]
    assert lines(watch) == ["1 added"]


def test_into_a_service(start: Start, pics: Path, lines: Lines) -> None:
    service = start()
    watch = watched("pics", to=service.url, prune=False)
    assert lines(watch) == ["3 added"]
    (pics / "a.png").unlink()
    draw(seed=3).save(pics / "d.png")
    assert lines(watch) == ["1 added"] and len(service.service.collection) == 4


def test_mistakes_are_told_at_once(pics: Path, capsys: Captured) -> None:
    for given, told in (
        (["nowhere"], "no such file or folder"),
        (["pics", "--every", "0"], "expected seconds above 0"),
        (["pics", "--columns", "text"], "expected ours=theirs"),
        (["pics", "--to", "pics"], "error: "),
    ):
        assert run(["watch", *given]) == 1 and told in capsys.readouterr().err


def test_from_the_shell_until_ctrl_c(pics: Path) -> None:
    process = child("-c", TOY_CLI, "watch", "pics", "--to", "s.hannun", "--every", "0.05", cwd=pics.parent)
    assert process.stdout is not None
    until = time.monotonic() + 120

    def printed(what: str) -> None:  # through a pipe, each line when it is due
        while what not in (line := process.stdout.readline()):  # type: ignore[union-attr]
            assert line and time.monotonic() < until, process.stderr.read()  # type: ignore[union-attr]

    printed("watching pics for s.hannun every 0.05 s")
    printed(" 3 added")
    shutil.copy(pics / "a.png", pics / "again.png")
    printed(" 1 added")
    (pics / "again.png").unlink()
    printed(" 1 removed")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and out.endswith(" stopped\n") and "error" not in err
    assert ids() == {"a.png", "b.png", "c.txt"}
