"""Accepted work goes in, one file each; it comes out again after any stop, and what cannot be read is set aside and named, never deleted.

NUMBER-ID.json           accepted and not finished; numbers grow with time, so that the order outlives a restart
NUMBER-ID.json.torn      not whole: the disk lost a part of it
NUMBER-ID.json.failed    not done, for an error that is nobody's mistake; renamed to end in .json, it is done after the next start
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast, final

from hannun.errors import StorageError
from hannun.files import write_whole

Kind = Literal["add", "delete", "update"]
KINDS: tuple[Kind, ...] = ("add", "delete", "update")
SPARE = 2**20  # bytes that rows to add leave free: a delete, which is how room is made, must still find a place
_HEAD = re.compile(rb'\{"kind": "(\w+)"')
_NEEDS: dict[Kind, tuple[str, type]] = {"add": ("rows", list), "delete": ("ids", list), "update": ("facts", dict)}


class Torn(Exception):
    """A file of accepted work is not whole."""


@final
class Inbox:
    """A folder of accepted work."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last = 0
        with contextlib.suppress(OSError):
            for part in folder.glob("*.part"):  # cut off before it was accepted: nobody was told 202
                part.unlink()

    def place(self, id: str) -> Path:
        """The file that work with this id is to be kept in, after every earlier one."""
        self._last = max(self._last + 1, time.time_ns())
        return self._folder / f"{self._last:020}-{id}.json"

    def keep(self, file: Path, kind: Kind, work: Mapping[str, Any]) -> None:
        """Put work on the disk, name and all, before this returns. Raises StorageError where that cannot be."""
        data = json.dumps({"kind": kind, **work}, ensure_ascii=False).encode("utf-8", "surrogatepass")
        reason = "the disk is full"
        try:
            if kind != "add" or _free(self._folder) >= len(data) + SPARE:
                write_whole(file, data, 0o600)
                return
        except StorageError as e:
            reason = getattr(e.__cause__, "strerror", None) or reason
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)  # what is answered 507 must not be done after all
        raise StorageError(f"the work was not accepted: it cannot be kept ({reason}); free some space, then send it again")

    def found(self) -> list[tuple[str, Kind, Path]]:
        """Id, kind and file of what an earlier run accepted and did not finish, in order."""
        files = sorted(self._folder.glob("*-*.json"))
        return [(f.stem.partition("-")[2], _kind(f), f) for f in files]

    def read(self, file: Path) -> dict[str, Any]:
        """The work itself. Raises Torn where it is not whole, FileNotFoundError where it is gone, StorageError where the disk fails."""
        try:
            work = json.loads(file.read_bytes().decode("utf-8", "surrogatepass"))
            need, form = _NEEDS[work["kind"]]
            if not isinstance(work[need], form):
                raise TypeError(need)
        except FileNotFoundError:
            raise
        except OSError as e:
            raise StorageError(f"{file.name}: cannot be read ({e.strerror or e})") from None
        except (ValueError, KeyError, TypeError, RecursionError) as e:
            raise Torn(f"{type(e).__name__}") from None
        return cast(dict[str, Any], work)

    def set_aside(self, file: Path, why: Literal["torn", "failed"]) -> str:
        """Rename a file that is not to be done; returns its new name, or its old one where the disk takes no names."""
        aside = file.with_name(f"{file.name}.{why}")
        with contextlib.suppress(OSError):
            os.replace(file, aside)
            return aside.name
        return file.name

    def aside(self) -> list[str]:
        """The names of what was set aside, in this run or an earlier one."""
        return sorted(f.name for why in ("torn", "failed") for f in self._folder.glob(f"*.json.{why}"))


def _kind(file: Path) -> Kind:
    with contextlib.suppress(OSError), file.open("rb") as f:
        if (head := _HEAD.match(f.read(64))) and (kind := head.group(1).decode()) in KINDS:
            return cast(Kind, kind)
    return "add"


def _free(folder: Path) -> int:
    """Bytes that may still be written below a folder, which is made with the first file."""
    there = next((f for f in (folder, *folder.parents) if f.is_dir()), None)
    return shutil.disk_usage(there).free if there else 0
