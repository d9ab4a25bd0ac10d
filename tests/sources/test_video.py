"""Videos: a picture of each scene with its second, and foreign bytes that are one line each and end nothing."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hannun import collection, sources
from hannun.item import plain_facts
from hannun.serve.cli.index import read_into
from hannun.sources import video
from tests.conftest import draw, encoded
from tests.sources.found import read
from tests.toy import Toy

cv2 = pytest.importorskip("cv2", reason="needs hannun[video]")
SIZE, RATE = (96, 64), 10  # pixels; frames a second
SCENES = [(1.5, 1), (2.0, 2), (1.5, 3)]  # seconds, and which picture


def film(path: Path, scenes: list[tuple[float, int]], code: str = "mp4v") -> Path:
    """A video of still scenes: a picture of noise each, 0 for black."""
    out = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*code), RATE, SIZE)
    assert out.isOpened()
    for seconds, seed in scenes:
        noise = np.random.default_rng(seed).integers(0, 255, (4, 6, 3), dtype=np.uint8) * (seed > 0)
        frame = cv2.resize(noise, SIZE, interpolation=cv2.INTER_NEAREST)
        for _ in range(round(seconds * RATE)):
            out.write(frame)
    out.release()
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("v") / "whole.mp4", SCENES)


@pytest.mark.parametrize(("name", "code"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mov", "mp4v"), ("a.mkv", "mp4v"), ("a.webm", "VP80")])
def test_every_scene_is_an_item_with_its_second(tmp_path: Path, name: str, code: str) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    items, problems = read(film(folder / name, SCENES, code))
    assert not problems and [it.facts["time"] for it in items] == [0.0, 1.5, 3.5]
    assert [it.id for it in items] == [f"films/{name}#t={t}" for t in ("0", "1.5", "3.5")]
    assert plain_facts(items[1].facts) == {"title": "a", "folder": "films", "time": 1.5, "duration": 5.0}
    assert all(it.images[0].load().size == SIZE for it in items)


def test_a_scene_that_comes_again_and_black_are_left_out(tmp_path: Path) -> None:
    items, _ = read(film(tmp_path / "a.mp4", [(1.5, 0), (1.5, 1), (1.5, 2), (1.5, 1), (1.5, 0), (1.5, 3)]))
    assert [it.facts["time"] for it in items] == [1.5, 3.0, 7.5]
    _, problems = read(film(tmp_path / "b.mp4", [(2, 0)]))
    assert "one colour" in problems[0].reason


def test_the_same_video_is_known_again_moved_and_pruned(tmp_path: Path, whole: Path) -> None:
    (tmp_path / "films").mkdir()
    shutil.copy(whole, tmp_path / "films/a.mp4")
    with collection.open(tmp_path / "c.hannun", Toy(), words=False) as kept:
        assert kept.add(tmp_path / "films").added == 3
        again = kept.add(tmp_path / "films")
        assert (again.added, again.unchanged) == (0, 3)
        assert kept.count("time >= 1.5") == 2
        (tmp_path / "films/a.mp4").write_bytes(whole.read_bytes()[:3000])  # damaged is not vanished
        seen = {f.id for f in sources.read([tmp_path / "films"], rooted=kept.rooted) if f.id}
        assert kept.prune([tmp_path / "films"], seen) == 0
        (tmp_path / "films/a.mp4").unlink()
        assert kept.prune([tmp_path / "films"], set()) == 3


def test_a_video_that_is_as_it_was_is_not_decoded_again(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    seen = video._seen
    monkeypatch.setattr(video, "_seen", lambda file: decoded.append(file.name) or seen(file))
    films = tmp_path / "films"
    films.mkdir()
    for name in ("a.mp4", "b.mp4"):
        shutil.copy2(whole, films / name)
    (films / "cut.mp4").write_bytes(whole.read_bytes()[:-200] + b"\0" * 100)
    with collection.open(tmp_path / "c.hannun", Toy(), words=False) as kept:

        def index() -> tuple[list[str], int, int]:
            decoded.clear()
            outcome = read_into(kept, sources.survey([films]), sources.Reading(), prune=[films])
            return sorted(decoded), outcome.report.added, outcome.report.unchanged

        first = index()
        assert first[0] == ["a.mp4", "b.mp4", "cut.mp4"] and first[1] >= 6
        stored = {it.id: dict(it.facts) for it in kept.items()}
        assert all(not name.startswith("_") for facts in stored.values() for name in facts)
        again = index()
        assert set(again[0]) <= {"cut.mp4"} and again[1:] == (0, len(stored))
        assert kept.add(films).unchanged == len(stored) and set(decoded) <= {"cut.mp4"}
        # what was written anew, has another name, or lost a scene, is decoded; nothing else
        os.utime(films / "a.mp4", ns=(1, 1))
        assert set(index()[0]) - {"cut.mp4"} == {"a.mp4"} and set(index()[0]) <= {"cut.mp4"}
        (films / "b.mp4").rename(films / "d.mp4")
        assert set(index()[0]) - {"cut.mp4"} == {"d.mp4"} and set(index()[0]) <= {"cut.mp4"}
        kept.delete(["films/a.mp4#t=1.5"])
        assert set(index()[0]) - {"cut.mp4"} == {"a.mp4"} and "films/a.mp4#t=1.5" in kept
        # facts that were added since do no harm
        kept.update({"seen": True}, ids=["films/a.mp4#t=1.5"])
        assert set(index()[0]) <= {"cut.mp4"} and kept.get("films/a.mp4#t=1.5").facts["seen"] is True


PLAYLIST = b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.mp4", b"", "is empty"),
        ("a.mp4", b"\0" * 4000, "is no video"),
        ("a.mp4", encoded(draw()), "is no video"),
        ("a.mp4", PLAYLIST, "is no video"),  # FFmpeg would open what it names
        ("a.mkv", b"ffconcat version 1.0\nfile /etc/passwd\n", "is no video"),
        ("a.avi", b"RIFF\x00\x01\x00\x00AVI " + PLAYLIST, "no pictures that can be read"),
        ("a.mov", b"\0\0\0\x18ftypqt  \0\0\0\0qt  mp42" + b"\0" * 99, "no pictures that can be read"),
        ("a.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x10moov\0\0\0\x08encv", "is encrypted"),
        ("a.mp4", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 99, "is no video"),
    ],
)
def test_what_is_no_video_is_one_line(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    items, problems = read(tmp_path)
    assert not items and len(problems) == 1 and reason in problems[0].reason and "\n" not in problems[0].reason
    assert problems[0].id == f"{tmp_path.name}/{name}"


def test_a_picture_that_is_a_video_is_one_line_too(tmp_path: Path, whole: Path) -> None:
    shutil.copy(whole, tmp_path / "a.jpg")
    draw().save(tmp_path / "b.png")
    with collection.open(tmp_path / "c.hannun", Toy(), words=False) as kept:
        report = kept.add(tmp_path)
        assert report.added == 1 and len(report.problems) == 1 and "is not a picture" in report.problems[0].reason


def test_cut_off_it_is_told_or_refused_and_nothing_else_is_lost(tmp_path: Path, whole: Path) -> None:
    data = film(tmp_path / "whole.avi", SCENES, "MJPG").read_bytes()
    (tmp_path / "half.avi").write_bytes(data[: len(data) // 2])
    (tmp_path / "half.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])  # its description was at its end
    items, problems = read(tmp_path)
    assert {it.id.partition("#")[0].rpartition("/")[2] for it in items} == {"half.avi", "whole.avi"}
    assert {Path(p.where).name for p in problems} >= {"half.mp4"} and len(problems) <= 2


def test_flipped_bytes_end_nothing(tmp_path: Path, whole: Path) -> None:
    data, draws = whole.read_bytes(), random.Random(5)
    for n in range(8):
        spoilt = bytearray(data)
        for _ in range(30):
            spoilt[draws.randrange(len(data))] = draws.randrange(256)
        (tmp_path / f"{n}.mp4").write_bytes(spoilt)
    items, problems = read(tmp_path)
    assert all("\n" not in p.reason and p.id for p in problems) and len(problems) <= 8
    assert {it.id.partition("#")[0] for it in items} | {p.id for p in problems} == {f"{tmp_path.name}/{n}.mp4" for n in range(8)}


def test_bounds_are_kept_and_told(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(whole, tmp_path / "a.mp4")
    with monkeypatch.context() as m:
        m.setattr(video, "MAX_SCENES", 2)
        items, problems = read(tmp_path)
        assert len(items) == 2 and "scenes; what is seen up to 3.5 s is read" in problems[0].reason
    with monkeypatch.context() as m:
        m.setattr(video, "MAX_PIXELS", 1000)
        items, problems = read(tmp_path)
        assert not items and "has frames of 96×64 pixels, the limit is 1,000" in problems[0].reason
    with monkeypatch.context() as m:
        m.setattr(video, "MAX_SECONDS", 0.0)
        items, problems = read(tmp_path)
        assert len(items) == 1 and "takes over 0 s to decode" in problems[0].reason
    with monkeypatch.context() as m:
        m.setattr(video, "SIDE", 48)
        assert {it.images[0].load().size for it in read(tmp_path)[0]} == {(48, 32)}


def test_a_reader_that_hangs_or_crashes_is_ended(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(whole, tmp_path / "a.mp4")
    real = subprocess.run

    def instead(code: str) -> None:
        monkeypatch.setattr(video.subprocess, "run", lambda command, **more: real([sys.executable, "-c", code], **more))

    monkeypatch.setattr(video, "MAX_WAIT", 0.3)
    instead("import time; time.sleep(60)")
    assert "cannot be decoded to its end, it may be damaged; nothing of it is read" in read(tmp_path)[1][0].reason
    monkeypatch.setattr(video, "MAX_WAIT", 60)
    instead("import os; os.abort()")
    assert "cannot be decoded to its end" in read(tmp_path)[1][0].reason


def test_without_the_package_it_is_counted_and_named(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(whole, tmp_path / "a.mp4")
    monkeypatch.setattr(video, "PACKAGE", "no_such_package")
    assert sources.survey([tmp_path]).unread_kinds() == "1 .mp4 (needs `pip install -c constraints.txt '.[video]'`)"
    assert "needs a reader" in read(tmp_path / "a.mp4")[1][0].reason
