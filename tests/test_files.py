"""A file is whole or not there, and its name is on the disk before the caller goes on."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from hannun.errors import StorageError
from hannun.files import copy_filled, whole, whole_folder, write_cached, write_whole


def test_the_order_of_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are on the disk before they get their name, and the name before the caller goes on."""
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        name = os.path.basename(os.readlink(f"/proc/self/fd/{handle}")) if os.path.isdir("/proc/self/fd") else ""
        steps.append(f"sync {name}")
        fsync(handle)

    def named(old: Path, new: Path) -> None:
        steps.append("name")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", named)
    write_whole(tmp_path / "sub" / "a", b"one")
    assert (tmp_path / "sub" / "a").read_bytes() == b"one"
    if os.path.isdir("/proc/self/fd"):
        assert steps == [f"sync {tmp_path.name}", "sync a.part", "name", "sync sub"]  # the new folder's own name first


@pytest.mark.parametrize("step", ["os.fsync", "os.replace"])
def test_a_failed_step_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    write_whole(tmp_path / "a", b"one")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(step, full)
    with pytest.raises(StorageError, match=r"a: cannot be written \(No space left on device\); free some space"):
        write_whole(tmp_path / "a", b"two")
    assert [f.name for f in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_bytes() == b"one"


def test_a_file_for_its_owners_eyes(tmp_path: Path) -> None:
    """What a killed process left beside it is not written into: it may be open to others."""
    (tmp_path / "a.part").touch(0o666)
    write_whole(tmp_path / "a", b"secret", 0o600)
    assert os.name != "posix" or (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    umask = os.umask(0o022)
    try:
        write_whole(tmp_path / "b", b"open")
    finally:
        os.umask(umask)
    assert os.name != "posix" or (tmp_path / "b").stat().st_mode & 0o777 == 0o644


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"one")
    with pytest.raises(KeyError), whole(tmp_path / "a") as f:
        f.write(b"two")
        raise KeyError
    assert [f.name for f in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_bytes() == b"one"


def test_copies_keep_their_holes(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as f:
        f.truncate(64 * 2**20)
        f.seek(10 * 2**20)
        f.write(b"x" * 5000)
        f.seek(40 * 2**20 + 17)
        f.write(b"y")
    (tmp_path / "empty").touch()
    for name in ("a", "empty"):
        copy_filled(str(tmp_path / name), str(tmp_path / "b"))
        assert (tmp_path / "b").read_bytes() == (tmp_path / name).read_bytes()
        if name == "a" and hasattr(os, "SEEK_DATA") and (tmp_path / "a").stat().st_blocks * 512 < 2**20:
            assert (tmp_path / "b").stat().st_blocks * 512 < 2**20


def test_an_error_of_the_blocks_own_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"^the picture is damaged$"), whole(tmp_path / "a", remedy="never said"):
        raise StorageError("the picture is damaged")  # an OSError too, but not of this file
    with (
        pytest.raises(StorageError, match=r"a: cannot be written \(too long\); name another --to"),
        whole(tmp_path / "a", remedy="name another --to"),
    ):
        raise OSError("too long")
    assert not list(tmp_path.iterdir())


def test_files_that_can_be_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many may write one at the same time: each has a name of its own for the unfinished file."""
    names: list[str] = []
    replace = os.replace

    def named(old: Path, new: Path) -> None:
        names.append(Path(old).name)
        if len(names) == 1:
            thread = threading.Thread(target=write_cached, args=(tmp_path / "sub" / "a", b"two"))
            thread.start()
            thread.join()
        replace(old, new)

    monkeypatch.setattr(os, "replace", named)
    write_cached(tmp_path / "sub" / "a", b"one", modified=10**18)
    assert len(set(names)) == 2 and (tmp_path / "sub" / "a").read_bytes() == b"one"
    assert (tmp_path / "sub" / "a").stat().st_mtime_ns == 10**18
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError, match="full"):
        write_cached(tmp_path / "sub" / "a", b"three")
    assert [f.name for f in (tmp_path / "sub").iterdir()] == ["a"] and (tmp_path / "sub" / "a").read_bytes() == b"one"


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "a" / "model"
    with whole_folder(place) as part:
        (part / "one").write_text("1")
        assert not place.exists()
    with pytest.raises(ZeroDivisionError), whole_folder(place) as part:
        (part / "two").write_text("2")
        1 / 0  # noqa: B018
    assert [f.name for f in place.iterdir()] == ["one"] and list(place.parent.iterdir()) == [place]
    with whole_folder(place) as part:
        (part / "two").write_text("2")
    assert [f.name for f in place.iterdir()] == ["two"] and list(place.parent.iterdir()) == [place]
