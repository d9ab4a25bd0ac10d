"""The inputs of a piece of work go in; its result comes out, from the disk where an earlier run that was killed has finished it.

A long command cuts its work into pieces, and a Journal keeps the result of each under the hash of everything that it depends on. So a
command that was killed and is run again does only what is missing, and takes nothing over where its inputs are others.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import final

from hannun.files import write_whole

_SIZE = 16  # bytes of a hash
_PIECE = re.compile(r"[0-9a-f]{32}(\.part)?")


def digest(*inputs: str | bytes) -> str:
    """128 bits of BLAKE2b over the inputs, each with its length, as hex."""
    h = hashlib.blake2b(digest_size=_SIZE)
    for given in inputs:
        data = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else given
        h.update(f"{len(data)}:".encode())
        h.update(data)
    return h.hexdigest()


@final
class Journal:
    """The finished pieces of one command's work, a file each in a folder of their own, until `close`; without a folder nothing is kept."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def has(self, inputs: str) -> bool:
        """Whether a piece seems to be there, as far as can be told without reading it."""
        return self._folder is not None and (self._folder / inputs).exists()

    def get(self, inputs: str, make: Callable[[], bytes]) -> bytes:
        """What `make` gives, or gave in an earlier run of the same inputs (a `digest`). Raises StorageError where it cannot be kept."""
        if self._folder is None:
            return make()
        file = self._folder / inputs
        with contextlib.suppress(OSError):
            kept = file.read_bytes()
            if kept[:_SIZE] == _sum(kept[_SIZE:]):  # else it is damaged, and made again
                return kept[_SIZE:]
        data = make()
        write_whole(file, _sum(data) + data)
        return data

    def close(self) -> None:
        """Forget all pieces: the command's own result is whole. What cannot be removed, or is not the journal's, stays."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            for file in self._folder.iterdir():
                if _PIECE.fullmatch(file.name):
                    file.unlink()
            self._folder.rmdir()


def _sum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_SIZE).digest()
