"""A collection goes in, a whole copy of it in a folder or one file comes out; and of such a copy a collection again."""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

from hannun.collection.integrity import checked_pictures, raise_for_pictures
from hannun.collection.settings import Settings
from hannun.collection.storage import Storage, write_settings
from hannun.errors import HannunError, InputError, MissingError, StorageError
from hannun.files import copy_filled, filled, folder_beside, on_disk, whole, whole_folder
from hannun.index.edge import integrity
from hannun.index.engine import Engine

_UNPACKED = ".unpacked"  # where a backup lies until it has been looked through
_NEAR = 4096  # bytes: a hole shorter than this is not worth its place in the list of them


def backup(engine: Engine, storage: Storage, settings: Settings, to: str | Path, unchanged: AbstractContextManager[object]) -> int:
    """Write a whole copy, see `Collection.backup`; while `unchanged` is held, nobody writes."""
    target = Path(to)
    if target.exists():
        raise InputError(f"{target}: is there already; choose another name for the backup")
    packed = target.suffix == ".tar"
    with _writing(target, "back up"), folder_beside(target) if packed else whole_folder(target) as part:
        with unchanged:
            engine.backup(part / settings.shard)
            pictures = storage.root / "pictures"
            if storage.stores_files and pictures.is_dir():
                shutil.copytree(pictures, part / "pictures", copy_function=_linked, ignore=shutil.ignore_patterns("*.part"))
            write_settings(part, settings)
        raise_for_pictures(checked_pictures(part))
        if packed:
            with whole(target, remedy="free some space, then back up again") as f:
                pack(part, f, target.stem)
    return target.stat().st_size if target.is_file() else on_disk(target)


@contextlib.contextmanager
def _writing(target: Path, what: str) -> Iterator[None]:
    """A disk that refuses a step becomes one line that says to do `what` again."""
    try:
        yield
    except OSError as e:
        if isinstance(e, HannunError):
            raise
        raise StorageError(f"{target}: cannot be written ({e.strerror or e}); free some space, then {what} again") from None


def _linked(source: str, target: str) -> str:
    """A stored picture never changes, so that a second name for it is as good as a copy, where the disk gives one."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def pack(folder: Path, target: BinaryIO, name: str) -> None:
    """Write a folder into an open .tar under a name, without the holes in its files; every tar of today reads it. Raises OSError."""
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in [folder, *sorted(folder.rglob("*"))]:
            place = Path(name) / file.relative_to(folder)
            info = archive.gettarinfo(file, place.as_posix())
            if not info.isreg():
                archive.addfile(info)
                continue
            pieces = _pieces(file)
            if sum(length for _, length in pieces) > info.size - _NEAR:
                with file.open("rb") as f:
                    archive.addfile(info, f)
            else:
                _add_sparse(archive, info, file, pieces)


def _pieces(file: Path) -> list[tuple[int, int]]:
    """Where a file's bytes lie: places and lengths, with what is between them all zeros."""
    pieces: list[tuple[int, int]] = []
    for at, block in filled(file):
        bare = block.lstrip(b"\0")
        start, length = at + len(block) - len(bare), len(bare.rstrip(b"\0"))
        if pieces and start - sum(pieces[-1]) < _NEAR:
            pieces[-1] = (pieces[-1][0], start + length - pieces[-1][0])
        else:
            pieces.append((start, length))
    return pieces


def _add_sparse(archive: tarfile.TarFile, info: tarfile.TarInfo, file: Path, pieces: list[tuple[int, int]]) -> None:
    # "PAX Format, Version 1.0" of GNU tar's manual, Appendix D: the list of pieces as decimal lines, then their bytes.
    pieces = [*pieces, (info.size, 0)]
    listed = "".join(f"{n}\n" for n in (len(pieces), *(n for piece in pieces for n in piece))).encode()
    listed += bytes(-len(listed) % tarfile.BLOCKSIZE)
    place = Path(info.name)
    whole, info.name = info.name, (place.parent / "GNUSparseFile.0" / place.name).as_posix()
    info.pax_headers = {
        "path": info.name,  # before the name that is meant: Python's reader takes the last of the two
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": whole,
        "GNU.sparse.realsize": str(info.size),
    }
    info.size = len(listed) + sum(length for _, length in pieces)
    with file.open("rb") as f:
        archive.addfile(info, _Pieces(f, listed, pieces))


class _Pieces:
    """The list of a file's pieces and then their bytes, as one stream."""

    def __init__(self, file: Any, listed: bytes, pieces: list[tuple[int, int]]) -> None:
        self._file, self._left, self._pieces = file, listed, list(pieces)

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or all that are left."""
        while (size < 0 or len(self._left) < size) and self._pieces:
            at, length = self._pieces.pop(0)
            self._file.seek(at)
            self._left += self._file.read(min(length, 2**20))
            if length > 2**20:
                self._pieces.insert(0, (at + 2**20, length - 2**20))
        end = len(self._left) if size < 0 else size
        given, self._left = self._left[:end], self._left[end:]
        return given


def restore(backup: str | Path, to: str | Path) -> None:
    """Make a collection again of a backup, at a place where nothing is.

    Raises:
        InputError: the file is no backup. StorageError: the backup is damaged and nothing was made of it; or only some of its pictures
        are, and all the rest has been restored.
    """
    source, target = Path(backup), Path(to)
    if not source.exists():
        raise MissingError(f"{source}: no such backup; check the path")
    if target.exists():
        raise InputError(f"{target}: is there already; restore to another place, or move it away first")
    try:
        with _writing(target, "restore"), whole_folder(target) as part:
            inner = _unpacked(source, part / _UNPACKED)
            if not (inner / "hannun.json").exists():
                raise InputError(f"{source}: is no backup of a collection, expected what `hannun backup` wrote")
            for shard in inner.glob("shard-*"):
                sums = integrity.known(shard)
                found = integrity.damaged(shard, sums, sums)
                if found:
                    others = f" (and {len(found) - 1} other files)" if len(found) > 1 else ""
                    name = found[0].file.relative_to(inner)
                    raise StorageError(f"{source}: {name} {found[0].what}{others}; take another backup, nothing was restored")
            for file in inner.iterdir():
                os.replace(file, part / file.name)
            shutil.rmtree(part / _UNPACKED)
    except tarfile.TarError as e:
        raise InputError(f"{source}: is no backup of a collection ({e}), expected what `hannun backup` wrote") from None
    raise_for_pictures(checked_pictures(target), f"{target}: is restored, but ")


def _unpacked(source: Path, part: Path) -> Path:
    if source.is_dir():
        shutil.copytree(source, part, copy_function=copy_filled, ignore=shutil.ignore_patterns("lock", "owner"))
        return part
    with tarfile.open(source) as archive:
        archive.extractall(part, filter="data")
    return next((f.parent for f in part.glob("*/hannun.json")), part)
