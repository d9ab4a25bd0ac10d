"""A function that writes files goes in; how it ends when it is killed, or refused by the disk, at each of its steps comes out.

A step is whatever changes a folder: a file opened for writing, flushed to the disk, renamed or removed, a folder made or removed. Python
reports these to audit hooks, so that no writer needs to be known here. Each attempt is a forked child of a process that has imported
everything and started nothing.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
KILLED, REFUSED, BROKEN = 137, 3, 4


def watched(folder: Path, at: int, how: str) -> list[str]:
    """From now on this process's steps in the folder are listed; the step of number `at` (from 1) kills it, or fails with ENOSPC."""
    steps: list[str] = []
    below = str(folder)

    def step(name: str) -> None:
        steps.append(name)
        if len(steps) == at:
            if how == "kill":
                os._exit(KILLED)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), below)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(below) and flags & _WRITES:
                step(f"open {os.path.basename(os.fsdecode(path))}")
        elif event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "shutil.copyfile"):
            path = arguments[0]
            inside = isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(below)
            if inside or (isinstance(arguments[-1], int) and arguments[-1] > 0 and event in ("os.remove", "os.rmdir")):
                step(f"{event} {os.path.basename(os.fsdecode(path))}")

    def fsync(file: Any) -> None:  # it need not happen: a killed process loses nothing that it has written
        number = file if isinstance(file, int) else file.fileno()
        if os.readlink(f"/proc/self/fd/{number}").startswith(below):  # a collection that is read settles files of its own elsewhere
            step("fsync")

    sys.addaudithook(hook)
    os.fsync = fsync
    return steps


def attempt(work: Callable[[], Any], folder: Path, at: int = 0, how: str = "kill") -> dict[str, Any]:
    """One attempt in a child: its exit status, its steps where it came to an end, what `work` gave, and what it said of a failure.

    What it had to import comes back too: `imported` before further attempts, that is not paid for again in each.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        steps = watched(folder, at, how)
        status, told = 0, {}
        try:
            told = {"gave": work(), "modules": sorted(sys.modules)}
        except BaseException as e:
            from hannun.errors import HannunError

            status = REFUSED if isinstance(e, HannunError) else BROKEN
            told = {"said": str(e) if status == REFUSED else traceback.format_exc()}
        with os.fdopen(writing, "w") as out:
            json.dump({"status": status, "steps": steps, **told}, out)
        os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as given:
        text = given.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return json.loads(text) if text else {"status": status, "steps": []}


def imported(modules: list[str]) -> None:
    """Import what an attempt has imported, in this process."""
    for name in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def spread(number: int, most: int | None) -> list[int]:
    """1 … number, or about `most` of them, evenly spread, the first and the last among them."""
    if most is None or number <= most:
        return list(range(1, number + 1))
    return sorted({1 + round(n * (number - 1) / (most - 1)) for n in range(most)})
