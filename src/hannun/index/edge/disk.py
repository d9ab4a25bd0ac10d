"""A store's folder goes in; out come whether it may be written, whether there is room, and a place to read it where there is neither.

The engine opens nearly all of its files for writing, and writes some as soon as it loads them, even for one search. So where a
folder is read-only or its disk is full, those files are copied to a temporary folder, without their holes; the bulk of an
optimised store, which the engine only ever reads, is linked to where it lies.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from hannun import checksums
from hannun.checksums import Sums
from hannun.errors import StorageError
from hannun.files import copy_filled, on_disk
from hannun.index.edge.integrity import fixed

# The engine maps its files into memory, and a disk that fills up under a mapped file kills the process (SIGBUS): there is no
# error to catch. So nothing is added without this much room (bytes), which is refused as an error before.
ROOM = 64 * 2**20
LITTLE = 4 * 2**20  # for opening and for deleting, which writes some hundred bytes an item


def require(size: int, folder: Path, least: int = ROOM) -> None:
    """Raises StorageError where a disk has not this much room."""
    free = shutil.disk_usage(folder).free
    if free < least + size:
        raise StorageError(
            f"{folder}: the disk is full ({free / 2**20:,.0f} MB free, {(least + size) / 2**20:,.0f} MB needed); "
            "free some space, then run the command again (what was added is kept)"
        )


def reading_only(folder: Path) -> str:
    """Why a store that is there can only be read, in a few words; empty where it can be opened for writing."""
    if not os.access(folder, os.W_OK) or not os.access(folder / "current", os.W_OK):
        return "it is read-only"
    free = shutil.disk_usage(folder).free
    if free < LITTLE + (_holes(f for f in folder.rglob("*") if f.is_file()) if _in_memory(folder) else 0):
        return f"the disk is full, {free / 2**20:,.1f} MB free"
    return ""


def aside(generation: Path) -> tempfile.TemporaryDirectory[str]:
    """A place where the engine can open a generation that lies where nothing can be written. Raises StorageError."""
    need = 0
    for home in [Path(tempfile.gettempdir()), *([Path("/dev/shm")] if sys.platform == "linux" else [])]:
        need = 4 * LITTLE + _to_copy(generation, home)
        if os.access(home, os.W_OK) and shutil.disk_usage(home).free > need:
            break
    else:
        raise StorageError(
            f"{generation.parent}: cannot be written, and no temporary folder has the {need / 2**20:,.0f} MB to read it from; "
            "free some space, or set TMPDIR to a folder that has them"
        )
    place = tempfile.TemporaryDirectory(prefix="hannun-reading-", dir=home, ignore_cleanup_errors=True)
    root = generation.absolute()

    def laid(source: str, target: str) -> str:
        if os.name == "posix" and fixed(Path(source).name):
            os.symlink(source, target)
        else:
            copy_filled(source, target)
        return target

    try:
        shutil.copytree(root, Path(place.name) / generation.name, copy_function=laid)
    except BaseException:
        place.cleanup()
        raise
    return place


def warm(folder: Path) -> None:
    """Read every file: the engine holds the interpreter while it loads, and then waits for no disk (100,000 items: 0.04 s, not 0.15)."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb", buffering=0) as f:
                while f.read(2**20):
                    pass


def copy(folder: Path, target: Path) -> Sums:
    """Copy a folder's files without their holes; the sums of what was read, named below `target`'s own folder.

    Raises StorageError where there is no room for them.
    """
    require(on_disk(folder), target.parent)
    sums: Sums = {}

    def laid(source: str, place: str) -> None:
        sums[Path(place).relative_to(target.parent).as_posix()] = checksums.copied(Path(source), Path(place))

    shutil.copytree(folder, target, copy_function=laid)
    return sums


def _to_copy(generation: Path, home: Path) -> int:
    files = [f for f in generation.rglob("*") if f.is_file() and not fixed(f.name)]
    stats = [f.stat() for f in files]
    held = sum(min(s.st_size, getattr(s, "st_blocks", s.st_size) * 512) for s in stats)
    return held + (_holes(files) if _in_memory(home) else 0)


def _holes(files: Iterable[Path]) -> int:
    """What mapping and reading files adds to a disk in memory (tmpfs), which fills the holes that are read; the engine reads ahead in
    all but its log and its payloads."""
    read = [f.stat() for f in files if not {"wal", "payload_storage"} & set(f.parts)]
    return sum(max(0, s.st_size - getattr(s, "st_blocks", s.st_size) * 512) for s in read)


def _in_memory(folder: Path) -> bool:
    if sys.platform != "linux":
        return False
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines():
        mount, _, kind = line.partition(" - ")
        if mount.split()[2] == wanted:
            return kind.startswith("tmpfs")
    return False
