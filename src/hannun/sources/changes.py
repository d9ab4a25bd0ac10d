"""Paths go in; a snapshot of the files below them comes out, and of two snapshots: which files are new or changed, which are gone.

A file counts as new or changed once two snapshots in a row show it alike, so that one that is being copied is left alone; it counts as
gone once two in a row miss it. What vanishes together with all that lay on its disk, or from a folder that cannot be listed, is not gone:
a disk that was unmounted looks just so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hannun.sources.reading import KINDS, walk
from hannun.sources.tables import ending


class Stamp(NamedTuple):
    """What tells one state of a file from another, and where it lies: below which path, on which disk."""

    size: int  # bytes
    modified: int  # ns
    changed: int  # ns; also by a change of rights, which makes a file readable
    inode: int
    root: str
    device: int  # of its folder


@dataclass(frozen=True)
class Snapshot:
    """The files below some paths by absolute path, and why each path could not be looked at that could not be."""

    files: Mapping[str, Stamp]
    failed: Mapping[str, str]


def snapshot(roots: Iterable[Path]) -> Snapshot:
    """The files of kinds that are read, below these folders, or these files themselves. Raises nothing: see `Snapshot.failed`."""
    files: dict[str, Stamp] = {}
    failed: dict[str, str] = {}

    def note(error: OSError) -> None:
        failed[os.path.abspath(error.filename)] = error.strerror or str(error)

    for root in roots:
        within = [(root.parent, [root.name])] if root.is_file() else walk(root, note)
        for folder, names in within:
            try:
                device = folder.stat().st_dev
            except OSError as e:
                note(e)
                continue
            for name in names:
                file = folder / name
                if ending(file) not in KINDS and file != root:
                    continue
                try:
                    found = file.stat()
                except OSError as e:
                    note(e)
                else:
                    times = found.st_mtime_ns, found.st_ctime_ns
                    files.setdefault(os.path.abspath(file), Stamp(found.st_size, *times, found.st_ino, str(root), device))
    return Snapshot(files, failed)


def held(before: Mapping[str, Stamp], now: Snapshot) -> tuple[dict[str, Stamp], set[str]]:
    """The files of a snapshot with those of the one before that may not count as gone, and the roots all of whose files these are."""
    seen = {(s.root, s.device) for s in now.files.values()}
    kept, empty = dict(now.files), set()
    for file, stamp in before.items():
        if file in kept:
            continue
        if (stamp.root, stamp.device) not in seen:
            kept[file] = stamp
            empty.add(stamp.root)
        elif any(lies_below(file, f) for f in now.failed):
            kept[file] = stamp
    return kept, empty


def lies_below(file: str, place: str) -> bool:
    """Whether an absolute path is that of a place, or of something below it."""
    return file == place or file.startswith(place.rstrip(os.sep) + os.sep)


def changes(taken: Mapping[str, Stamp], before: Mapping[str, Stamp], now: Mapping[str, Stamp]) -> tuple[set[str], set[str]]:
    """The files that are new or changed, and those that are gone.

    Args:
        taken: the files as they were when they were last read.
        before: the snapshot before this one.
        now: this snapshot, each with what is `held`.
    """
    fresh = {file for file, stamp in now.items() if before.get(file) == stamp != taken.get(file)}
    return fresh, {file for file in taken if file not in now and file not in before}
