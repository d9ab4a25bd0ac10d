"""Tar archives of pictures with JSON (the WebDataset layout) go in, one record for each key comes out, read in place.

A record is the files that share a name up to the first dot: `KEY.jpg` + `KEY.json` (or `KEY.txt`). Pictures are not
unpacked: a record carries where they lie in the archive.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hannun.errors import InputError
from hannun.item import Member

PICTURES = frozenset({"jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"})
_MAX_JSON = 16 * 2**20  # bytes; a larger one is not metadata


@dataclass(frozen=True)
class Record:
    """A key, its JSON object (empty where there is none), its text file's content, and its pictures."""

    key: str
    data: dict[str, Any]
    text: str | None
    pictures: tuple[Member, ...]


def read(path: Path) -> Iterator[Record]:
    """The records of an uncompressed tar, in order. Raises InputError, after the records before it, at the damaged place."""
    try:
        with tarfile.open(path, "r:") as archive:
            key: str | None = None
            files: list[tuple[str, tarfile.TarInfo]] = []
            for member in archive:
                folder, _, name = member.name.rpartition("/")
                if not member.isfile() or name.startswith("."):  # macOS packs a ._NAME beside every NAME
                    continue
                stem, _, ending = name.partition(".")
                this = f"{folder}/{stem}" if folder else stem
                if this != key and files:
                    yield _record(path, archive, key or "", files)
                    files = []
                key = this
                files.append((ending.lower(), member))
            if files:
                yield _record(path, archive, key or "", files)
    except (tarfile.TarError, EOFError) as e:
        raise InputError(f"{path}: is not a whole uncompressed tar ({e}); pack it again with `tar cf`") from None


def _record(path: Path, archive: tarfile.TarFile, key: str, files: list[tuple[str, tarfile.TarInfo]]) -> Record:
    data: dict[str, Any] = {}
    text: str | None = None
    for ending, member in files:
        if ending in ("json", "txt") and member.size <= _MAX_JSON:
            stream = archive.extractfile(member)
            content = stream.read() if stream is not None else b""
            try:
                if ending == "txt":
                    text = content.decode("utf-8")
                elif isinstance(parsed := json.loads(content), dict):
                    data = parsed
            except (ValueError, RecursionError) as e:
                data = {"_problem": f"{member.name}: {e}"}
    pictures = tuple(Member(path, m.offset_data, m.size, m.name) for e, m in files if e in PICTURES)
    return Record(key, data, text, pictures)
