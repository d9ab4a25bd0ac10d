"""A path and bytes go in, a file that is whole or not there at all comes out; and a file's bytes without the holes between them.

Bytes are written beside the target and are on the disk before they take its name in one step; the folder that holds the name is on
the disk before the writing ends. So what was promised to be kept survives a loss of power.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from hannun.errors import HannunError, StorageError

_BLOCK = 2**16
_ZEROS = bytes(_BLOCK)
_REMEDY = "free some space or make the folder writable, then run the same again"


def write_whole(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write a file, whole or not at all; see `whole`."""
    with whole(path, mode) as f:
        f.write(data)


@contextlib.contextmanager
def whole(path: Path, mode: int = 0o666, remedy: str = _REMEDY) -> Iterator[BinaryIO]:
    """A file to write, which takes its name when the block ends well, in a folder that is made where there is none.

    `mode` is that of a new file, before the process's umask: 0o600 for its owner's eyes only. Raises StorageError, which ends in
    `remedy`, where the disk refuses a step; what was there before then stays, as it does when the block raises anything else.
    """
    part = path.with_name(path.name + ".part")
    try:
        _made(path.parent)
        part.unlink(missing_ok=True)  # a killed process's, maybe of another mode
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode), "wb") as f:
            yield f
            f.flush()
            os.fsync(f.fileno())
        os.replace(part, path)
        sync(path.parent)
    except BaseException as e:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)  # it would only take up the room that is missing
        if not isinstance(e, OSError) or isinstance(e, HannunError):  # the block's own, which says already what is wrong
            raise
        raise StorageError(f"{path}: cannot be written ({e.strerror or e}); {remedy}") from e


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `folder` when the block ends well; until then what was there stays.

    Raises OSError; whatever the block raises leaves nothing of the new one.
    """
    former = folder.with_name(f".{folder.name}.old")
    with folder_beside(folder) as part:
        yield part
        shutil.rmtree(former, ignore_errors=True)
        if folder.exists():
            os.replace(folder, former)
        os.replace(part, folder)
        sync(folder.parent)
    shutil.rmtree(former, ignore_errors=True)


@contextlib.contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """An empty folder on the disk of `path`, for what is made on the way to it; gone at the end, or at the next try. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_cached(path: Path, data: bytes, modified: int | None = None) -> None:
    """Write a file that can be made again, whole or not at all: many may write it at once, and nothing waits for the disk.

    `modified` is its time of modification, in nanoseconds. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        part.write_bytes(data)
        if modified is not None:
            os.utime(part, ns=(modified, modified))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _made(folder: Path) -> None:
    """Make a folder, and those above it, with their names on the disk."""
    if not folder.is_dir():
        _made(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def sync(path: Path) -> None:
    """What was written to a file, or the names that a folder holds, are on the disk when this returns. Raises OSError."""
    if os.name != "posix" and path.is_dir():
        return  # Windows opens no folders, and writes their names through by itself
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def filled(path: Path) -> Iterator[tuple[int, bytes]]:
    """The blocks of a file that are not all zeros, with their places: what is left of it without its holes. Raises OSError."""
    with path.open("rb", buffering=0) as f:
        size, at = os.fstat(f.fileno()).st_size, 0
        while at < size:
            if hasattr(os, "SEEK_DATA"):
                try:
                    at = os.lseek(f.fileno(), at, os.SEEK_DATA) // _BLOCK * _BLOCK  # always of one grid, whatever the file system's is
                except OSError:  # nothing but a hole is left
                    return
            f.seek(at)
            block = f.read(_BLOCK)
            while block and len(block) < _BLOCK and (more := f.read(_BLOCK - len(block))):
                block += more
            if not block:
                return
            if block != _ZEROS[: len(block)]:
                yield at, block
            at += _BLOCK


def copy_filled(source: str, target: str, seen: Callable[[int, bytes], None] = lambda at, block: None) -> None:
    """Copy a file with no room taken for its zeros: the engine makes its files large and fills little of them. Raises OSError.

    `seen` is given the blocks on the way, as `filled` has them.
    """
    with open(target, "wb", buffering=0) as t:
        for at, block in filled(Path(source)):
            seen(at, block)
            bare = block.lstrip(b"\0")
            t.seek(at + len(block) - len(bare))
            rest = memoryview(bare.rstrip(b"\0"))
            while rest:
                rest = rest[t.write(rest) :]
        t.truncate(os.stat(source).st_size)


def on_disk(folder: Path) -> int:
    """The bytes that a folder's files take on the disk, their holes left out."""
    stats = [f.stat() for f in folder.rglob("*") if f.is_file()]
    return sum(getattr(s, "st_blocks", -(-s.st_size // 512)) * 512 for s in stats)  # Windows counts no blocks
