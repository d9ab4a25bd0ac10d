"""A path and bytes go in, a file that is whole or not there at all comes out; and a file's bytes without the holes between them.

Bytes are written beside the target and are on the disk before they take its name in one step; the folder that holds the name is on
the disk before `write_whole` returns. So what was promised to be kept survives a loss of power.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from hannun.errors import StorageError

_BLOCK = 2**16
_ZEROS = bytes(_BLOCK)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all, in a folder that is made where there is none. Raises StorageError; what was there then stays."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.replace(part, path)
        sync(path.parent)
    except OSError as e:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise StorageError(f"{path}: cannot be written ({e.strerror or e}); free some space, then run the same again") from None


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


def copy_filled(source: str, target: str) -> None:
    """Copy a file with no room taken for its zeros: the engine makes its files large and fills little of them. Raises OSError."""
    with open(target, "wb", buffering=0) as t:
        for at, block in filled(Path(source)):
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
