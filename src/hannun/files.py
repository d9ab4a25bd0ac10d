"""A path and bytes go in, a file that is whole or not there at all comes out: what was promised to be kept survives a loss of power.

The bytes are written beside the target and are on the disk before they take its name in one step; the folder that holds the name is
on the disk before this returns.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from hannun.errors import StorageError


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
