"""A collection's folder goes in; what is damaged in it comes out, and what nobody needs any more."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hannun import checksums
from hannun.checksums import Damage
from hannun.collection.records import Checked, Compacted
from hannun.collection.storage import FolderStorage, own_pictures, require_collection
from hannun.errors import CollectionBusy, InputError, StorageError
from hannun.files import on_disk
from hannun.index.edge import Edge, integrity

_PICTURE = "put it back from its source, or `hannun delete` its item and `hannun compact`"


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
        require_collection(root)
    storage = FolderStorage(root)
    try:
        if accept:
            for file in (f for name in (integrity.CLOSED, integrity.OPEN) for f in root.glob(f"shard-*/{name}")):
                file.unlink()
        found, shard = _settings(storage)
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
        storage.close()


def _settings(storage: FolderStorage) -> tuple[list[Damage], str | None]:
    file = storage.folder / "hannun.json"
    try:
        settings = storage.read()
        return [], None if settings is None else settings.shard
    except StorageError:
        what = "is damaged" if file.exists() else "has vanished"
        shards = sorted(f.parent.name for f in storage.folder.glob("shard-*/current"))
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


def raise_for_pictures(checked: Checked, before: str = "") -> None:
    """Raises StorageError that names the first damaged picture, and counts the others."""
    if checked.damaged:
        others = f" (and {len(checked.damaged) - 1} other pictures)" if len(checked.damaged) > 1 else ""
        d = checked.damaged[0]
        raise StorageError(f"{before}{d.file} {d.what}{others}; {d.remedy}")


def compact(root: Path, shard: str, used: set[str], name: str) -> Compacted:
    """Remove the leftovers of a collection's folder. Raises StorageError where it cannot be written."""
    if not os.access(root, os.W_OK):
        raise StorageError(f"{name}: was opened for reading only (it is read-only); make it writable, then compact again")
    before = on_disk(root)
    gone = leftovers(root, shard, used)
    remove(gone)
    return Compacted(len(gone), before - on_disk(root))


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
