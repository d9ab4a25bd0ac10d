"""The files of a folder go in, their lengths and CRC-32 come out; later, those files that are no longer what they were.

A CRC finds accidents (a flipped bit, a lost sector, a copy that stopped), not forgers. Blocks of zeros are passed over, so that a
file has the same sum with holes and without.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hannun.files import copy_filled, filled, write_whole

Sums = dict[str, tuple[int, int]]  # of a file's name below its folder: its length in bytes and its CRC-32


@dataclass(frozen=True)
class Damage:
    """A file that is not what was written: its path, what is wrong with it, and what to do about it."""

    file: Path
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}; {self.remedy}"


def crc(path: Path) -> int:
    """The CRC-32 of a file's blocks and of their places. Raises OSError."""
    total = 0
    for at, block in filled(path):
        total = _with(total, at, block)
    return total


def copied(source: Path, target: Path) -> tuple[int, int]:
    """Copy a file without its holes; its length and its sum, told in the same reading. Raises OSError."""
    total = 0

    def add(at: int, block: bytes) -> None:
        nonlocal total
        total = _with(total, at, block)

    copy_filled(str(source), str(target), add)
    return target.stat().st_size, total


def _with(total: int, at: int, block: bytes) -> int:
    return zlib.crc32(block, zlib.crc32(at.to_bytes(8, "little"), total))


def of(folder: Path, names: Iterable[str]) -> Sums:
    """The sums of these files. Raises OSError."""
    return {n: ((folder / n).stat().st_size, crc(folder / n)) for n in names}


def damaged(folder: Path, sums: Mapping[str, tuple[int, int]], whole: Iterable[str], remedy: str) -> list[Damage]:
    """Those of a folder's files that are not as their sums say: by length all of them, by content those named in `whole`."""
    found = []
    read = set(whole)
    for name, (size, total) in sorted(sums.items()):
        file = folder / name
        try:
            now = file.stat().st_size
            if now != size:
                found.append(Damage(file, f"is {now:,} bytes long, {size:,} were written", remedy))
            elif name in read and crc(file) != total:
                found.append(Damage(file, "has other bytes than were written", remedy))
        except FileNotFoundError:
            found.append(Damage(file, "has vanished", remedy))
        except OSError as e:
            found.append(Damage(file, f"cannot be read ({e.strerror or e})", remedy))
    return found


def signed(data: Mapping[str, Any]) -> bytes:
    """Plain values as JSON that carries its own checksum."""
    return json.dumps({**data, "checksum": _own(data)}, ensure_ascii=False, indent=1).encode()


def verified(text: bytes, unsigned: bool = False) -> dict[str, Any] | None:
    """What was signed; None where it is damaged. `unsigned`: values of a file that never had a checksum come as they are."""
    try:
        data = json.loads(text)
    except ValueError:
        return None
    if not isinstance(data, dict):
        return None
    told = data.pop("checksum", None)
    return data if told == _own(data) or (told is None and unsigned) else None


def write(file: Path, sums: Mapping[str, tuple[int, int]]) -> None:
    """Keep sums. Raises StorageError."""
    write_whole(file, signed({"files": {n: list(s) for n, s in sorted(sums.items())}}))


def read(file: Path) -> Sums | None:
    """The sums that were kept; None where there are none, or they are damaged themselves."""
    try:
        data = verified(file.read_bytes())
        return None if data is None else {str(n): (int(s[0]), int(s[1])) for n, s in data["files"].items()}
    except (OSError, KeyError, IndexError, TypeError, ValueError, AttributeError):
        return None


def _own(data: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(data, sort_keys=True).encode())
