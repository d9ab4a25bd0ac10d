"""Tar archives of pictures with JSON (the WebDataset layout) go in, one record for each key comes out, read in place; and the reverse.

A record is the files that share a name up to the first dot: `KEY.jpg` + `KEY.json` (or `KEY.txt`); what a file is, its last ending
says: `KEY.left.jpg` is a picture of KEY. Where one such name holds several JSON or text files (`22.05.json`, `22.10.json`), its
records are told apart by what is before the last dot. Pictures are not unpacked: a record carries where they lie in the archive.
What is written is the same byte for byte for the same records.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hannun import hangul
from hannun.errors import InputError
from hannun.files import whole
from hannun.item import Member

PICTURES = frozenset({"jpg", "jpeg", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "jp2", "j2k", "heic", "heif", "hif"})
#: The origins of texts that curated records name: a caption or title, a query, a product's name (`[QUERY] 빨간 원피스`).
TAGS = ("PROMPT", "QUERY", "SHOPPING")
_MAX_JSON = 16 * 2**20  # bytes; a larger one is not metadata


@dataclass(frozen=True)
class Record:
    """A key, its JSON object (empty where there is none), its text file's content, its pictures, and the endings of files not read."""

    key: str
    data: dict[str, Any]
    text: str | None
    pictures: tuple[Member, ...]
    unread: tuple[str, ...] = ()


_Named = tuple[str, str, tarfile.TarInfo]  # what stands between the first and the last dot, the ending, the file


def untagged(text: str) -> tuple[str | None, str]:
    """The tag of a curated record's text, if it has one, and the text without it."""
    for tag in TAGS:
        if text.startswith(f"[{tag}] "):
            return tag, text[len(tag) + 3 :]
    return None, text


def texts(data: Mapping[str, Any], text: str | None = None) -> list[str]:
    """What a record says of its picture, each text once, without tags: under `text` or `caption` (one or many), or in its text file."""
    found = list(_flat(data.get("text") or text or data.get("caption")))
    return list(dict.fromkeys(t for t in (untagged(f)[1].strip() for f in found) if t))


def _flat(given: Any) -> Iterator[str]:
    match given:
        case None:
            return
        case str():
            yield given
        case Mapping():
            yield from _flat(list(given.values()))
        case list() | tuple():
            for one in given:
                yield from _flat(one)
        case _:
            yield str(given)


def read(path: Path) -> Iterator[Record]:
    """The records of an uncompressed tar, in order. Raises InputError, after the records before it, at the damaged place."""
    try:
        with tarfile.open(path, "r:") as archive:
            for key, files in _groups(archive):
                yield _record(path, archive, key, files)
    except (tarfile.TarError, EOFError) as e:
        raise InputError(f"{path}: is not a whole uncompressed tar ({e}); pack it again with `tar cf`") from None


def keys(path: Path) -> Iterator[str]:
    """The keys of an uncompressed tar, in order, from its headers alone. Raises InputError as `read` does."""
    try:
        with tarfile.open(path, "r:") as archive:
            for key, _ in _groups(archive):
                yield key
    except (tarfile.TarError, EOFError) as e:
        raise InputError(f"{path}: is not a whole uncompressed tar ({e}); pack it again with `tar cf`") from None


def _groups(archive: tarfile.TarFile) -> Iterator[tuple[str, list[_Named]]]:
    """The files of each key: neighbours whose names are alike up to the first dot."""
    key, files = "", list[_Named]()
    for member in archive:
        folder, _, name = member.name.rpartition("/")
        if not member.isfile() or name.startswith("."):  # macOS packs a ._NAME beside every NAME
            continue
        stem, _, rest = name.partition(".")
        this = f"{folder}/{stem}" if folder else stem
        if this != key and files:
            yield from _split(key, files)
            files = []
        key = this
        between, _, last = rest.rpartition(".")
        files.append((between, last.lower(), member))
    if files:
        yield from _split(key, files)


def _split(key: str, files: list[_Named]) -> Iterator[tuple[str, list[_Named]]]:
    """One record; or several, where the key holds several JSON or text files: then names go on to the last dot (22.05, 22.10)."""
    described = Counter(last for _, last, _ in files if last in ("json", "txt"))
    if max(described.values(), default=0) < 2:
        yield key, files
        return
    apart: dict[str, list[_Named]] = {}
    for between, last, member in files:
        apart.setdefault(f"{key}.{between}" if between else key, []).append((between, last, member))
    yield from apart.items()


def _record(path: Path, archive: tarfile.TarFile, key: str, files: list[_Named]) -> Record:
    data: dict[str, Any] = {}
    text: str | None = None
    for _, ending, member in files:
        if ending not in ("json", "txt"):
            continue
        try:
            if member.size > _MAX_JSON:
                raise ValueError(f"has {member.size:,} bytes, the limit is {_MAX_JSON:,}")
            stream = archive.extractfile(member)
            content = hangul.decoded(stream.read() if stream is not None else b"")
            if content is None:
                raise ValueError("is not text in UTF-8, UTF-16 or CP949")
            if ending == "txt":
                text = content
            elif isinstance(parsed := json.loads(content), dict):
                data = parsed
        except (ValueError, RecursionError) as e:
            data = {"_problem": f"{member.name}: {e}"}
    pictures = tuple(Member(path, m.offset_data, m.size, m.name) for _, e, m in files if e in PICTURES)
    return Record(key, data, text, pictures, tuple(e for _, e, _ in files if e not in PICTURES | {"json", "txt"}))


@dataclass(frozen=True)
class Written:
    """What was written: how many records, how many bytes, and the SHA-256 of the file as hex."""

    records: int
    bytes: int
    sha256: str


def write(path: Path, records: Iterable[tuple[str, bytes, Mapping[str, Any]]]) -> Written:
    """A tar of `KEY.jpg` + `KEY.json` for each (key, JPEG bytes, JSON object), whole or not at all.

    Times, owners and modes are fixed, so that equal records make equal bytes. Raises StorageError when the disk is full or read-only.
    """
    count = 0
    with whole(path, remedy="free some space or make the folder writable, then run the same command again to go on") as file:
        out = _Hashing(file)
        with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
            for key, jpeg, data in records:
                plain = json.dumps(data, ensure_ascii=False, sort_keys=True).encode()
                for name, content in ((f"{key}.jpg", jpeg), (f"{key}.json", plain)):
                    info = tarfile.TarInfo(name)
                    info.size, info.mode = len(content), 0o644
                    archive.addfile(info, io.BytesIO(content))
                count += 1
    return Written(count, out.count, out.hash.hexdigest())


class _Hashing:
    """A file that is written through, its bytes counted and hashed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.hash, self.count = file, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        self.count += len(data)
        return self._file.write(data)
