"""A collection's folder goes in; one file of it, a collection made again of one, or what is damaged in it comes out."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hannun import checksums
from hannun.checksums import Damage
from hannun.errors import CollectionBusy, HannunError, InputError, MissingError, StorageError
from hannun.files import copy_filled, filled, on_disk
from hannun.home import Folder, own_pictures, there
from hannun.index import integrity
from hannun.index.edge import Edge

_NEAR = 4096  # bytes: a hole shorter than this is not worth its place in the list of them
_PICTURE = "put it back from its source, or `hannun delete` its item and `hannun compact`"


@dataclass(frozen=True)
class Checked:
    """What a check found: how many files and bytes were judged, what is damaged, and what could not be judged and why."""

    files: int
    bytes: int
    damaged: tuple[Damage, ...] = ()
    notes: tuple[str, ...] = ()


def check(path: str | Path, accept: bool = False) -> Checked:
    """Read everything that a collection holds, and name what is not as it was written.

    Args:
        path: the collection's folder.
        accept: take the engine's files as they are from now on, with new checksums; for when there is no backup.

    Raises:
        MissingError: there is no collection. CollectionBusy: a process has it open. InputError: an address came.
    """
    if "://" in str(path):
        raise InputError(f"{path}: is an address, expected a folder; a server looks after its own files")
    root = Path(path)
    if not root.is_dir():
        there(root)
    home = Folder(root)
    try:
        if accept:
            for file in (f for name in (integrity.CLOSED, integrity.OPEN) for f in root.glob(f"shard-*/{name}")):
                file.unlink()
        found, shard = _settings(home)
        notes: list[str] = []
        files = size = 0
        if shard is not None:
            sums = integrity.known(root / shard)
            files, size = len(sums), on_disk(root / shard)
            found += _store(root / shard, notes)
        pictures = checked_pictures(root)
        files, size = files + pictures.files, size + pictures.bytes
        found += pictures.damaged
        if shard is not None and not any(d.remedy == integrity.REMEDY for d in found):
            found += _opened(root, shard, {d.file for d in found})
        return Checked(files, size, tuple(found), tuple(notes))
    finally:
        home.close()


def _settings(home: Folder) -> tuple[list[Damage], str | None]:
    file = home.folder / "hannun.json"
    try:
        settings = home.read()
        return [], None if settings is None else settings.shard
    except StorageError:
        what = "is damaged" if file.exists() else "has vanished"
        shards = sorted(f.parent.name for f in home.folder.glob("shard-*/current"))
        return [Damage(file, what, integrity.REMEDY)], shards[-1] if shards else None


def _store(folder: Path, notes: list[str]) -> list[Damage]:
    """What is damaged of the files of a store at rest."""
    sums = integrity.known(folder)
    found = integrity.damaged(folder, sums, sums)
    vouched = [f for f in (folder / integrity.CLOSED, folder / integrity.OPEN) if f.exists()]
    if not integrity.at_rest(folder):
        if vouched and checksums.read(vouched[0]) is None:
            found.append(Damage(vouched[0], "is damaged, so that the store's other files could not be judged", "it has been written anew"))
        elif vouched:
            notes.append(
                f"{folder}: was not closed by its last process, so that only {len(sums)} files, which never change, could be judged"
            )
        else:
            notes.append(f"{folder}: had no checksums yet; they have been written now")
    words = folder / "words.json"
    if words.exists() and checksums.verified(words.read_bytes()) is None and checksums.verified(words.read_bytes(), True) is None:
        found.append(Damage(words, "is damaged", "nothing is to be done: it is counted anew from the items"))
    return found


def _opened(root: Path, shard: str, known: set[Path]) -> list[Damage]:
    """What is damaged that shows only in the open store; its closing writes checksums where there were none."""
    try:
        store = Edge(root / shard)
    except (CollectionBusy, InputError):
        raise
    except StorageError as e:
        return [Damage(root / shard, f"cannot be opened ({e})", integrity.REMEDY)]
    try:
        return [d for d in missing_pictures(root, store.scan(["id", "images"])) if d.file not in known]
    finally:
        store.close()


def checked_pictures(root: Path) -> Checked:
    """A collection's own pictures have the hash of their bytes for a name."""
    found, count, size = [], 0, 0
    for file in sorted(root.glob("pictures/*/*")):
        if file.suffix == ".part":
            continue
        try:
            data = file.read_bytes()
        except OSError as e:
            found.append(Damage(file, f"cannot be read ({e.strerror or e})", _PICTURE))
            continue
        count, size = count + 1, size + len(data)
        if hashlib.blake2b(data, digest_size=16).hexdigest() != file.name:
            found.append(Damage(file, "has other bytes than were kept", _PICTURE))
    return Checked(count, size, tuple(found))


def missing_pictures(root: Path, payloads: Iterable[Mapping[str, Any]]) -> list[Damage]:
    """A collection's own pictures that an item has and the folder has not."""
    return [
        Damage(root / place, f"has vanished (item {p.get('id')!r})", _PICTURE)
        for p in payloads
        for place in sorted(own_pictures(p))
        if not (root / place).exists()
    ]


def pack(folder: Path, target: Path, name: str) -> None:
    """Write a folder into a .tar under a name, without the holes in its files; every tar of today reads it. Raises OSError."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
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
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        inner = _unpacked(source, part)
        if not (inner / "hannun.json").exists():
            raise InputError(f"{source}: is no backup of a collection, expected what `hannun backup` wrote")
        for shard in inner.glob("shard-*"):
            sums = integrity.known(shard)
            found = integrity.damaged(shard, sums, sums)
            if found:
                others = f" (and {len(found) - 1} other files)" if len(found) > 1 else ""
                name = found[0].file.relative_to(inner)
                raise StorageError(f"{source}: {name} {found[0].what}{others}; take another backup, nothing was restored")
        os.replace(inner, target)
    except tarfile.TarError as e:
        raise InputError(f"{source}: is no backup of a collection ({e}), expected what `hannun backup` wrote") from None
    except OSError as e:
        if isinstance(e, HannunError):
            raise
        raise StorageError(f"{target}: cannot be written ({e.strerror or e}); free some space, then restore again") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    raise_for_pictures(checked_pictures(target), f"{target}: is restored, but ")


def raise_for_pictures(checked: Checked, before: str = "") -> None:
    """Raises StorageError that names the first damaged picture, and counts the others."""
    if checked.damaged:
        others = f" (and {len(checked.damaged) - 1} other pictures)" if len(checked.damaged) > 1 else ""
        d = checked.damaged[0]
        raise StorageError(f"{before}{d.file} {d.what}{others}; {d.remedy}")


def _unpacked(source: Path, part: Path) -> Path:
    if source.is_dir():
        shutil.copytree(source, part, copy_function=copy_filled, ignore=shutil.ignore_patterns("lock", "owner"))
        return part
    with tarfile.open(source) as archive:
        archive.extractall(part, filter="data")
    return next((f.parent for f in part.glob("*/hannun.json")), part)


def leftovers(root: Path, shard: str, used: set[str]) -> list[Path]:
    """What nobody needs: pictures that no item has, and what killed processes left behind. A killed `reindex` goes on with its own."""
    found = [f for f in root.glob("pictures/*/*") if f.relative_to(root).as_posix() not in used]
    unfinished = {f.name.removesuffix(".made-by") for f in root.glob("shard-*.made-by")}
    for place in root.iterdir():
        name = place.name
        if (name.startswith("shard-") and place.is_dir() and name != shard and name not in unfinished) or name.endswith(".part"):
            found.append(place)
    return sorted(found)


def remove(places: Iterable[Path]) -> None:
    """Remove files and folders; what cannot be removed stays, and does no harm."""
    for place in places:
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                place.unlink()
            with contextlib.suppress(OSError):
                place.parent.rmdir()  # where it was the last one
