"""Folders that were named go in, a name for each comes out; with these, the place of a file as it is told: `photos/2024/a.jpg`.

A place is what others are told of where a file lies: the name of the folder that was indexed, and the way from there. The file's absolute
path is the machine's own business. A file that was named itself lies in a root that holds only the files right in it.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from hannun import hangul

#: Name → absolute path, NFC; one that ends in FLAT holds the files right in it and none of the folders below.
Roots = Mapping[str, str]
#: The names of roots; those that are new are named now.
Rooted = Callable[[Sequence[str]], Roots]
FLAT = "/*"
_NAMELESS = "files"  # the name of a root that has none: the machine's whole disk


def absolute(path: Path) -> str:
    """A file's path as items carry it."""
    return hangul.normalise(os.path.abspath(path))


def root_of(path: Path) -> str:
    """The root that a path which was named makes: the folder itself, or the files of the one that it lies in."""
    inside = hangul.normalise(os.path.abspath(path) + "/")  # a folder's name may end in a blank
    return inside.rstrip("/") or "/" if path.is_dir() else flat(absolute(path).rpartition("/")[0])


def flat(folder: str) -> str:
    """The root of the files right in a folder."""
    return folder.rstrip("/") + FLAT


def bound(known: Roots, root: str) -> Roots:
    """The roots with this one among them, under its folder's name: with a number behind it, where another one has that name.

    A folder within a known root needs no name of its own: its files keep the ids that they have.
    """
    if any(covers(other, root) for other in known.values()):
        return known
    folder = root.removesuffix(FLAT)
    if (former := next((n for n, other in known.items() if other == flat(folder)), None)) is not None:
        return {**known, former: root}
    return {**known, free_name(known, folder): root}


def free_name(known: Roots, folder: str) -> str:
    """The name of a folder, with a number behind it where there is a root of that name."""
    name = named = folder.rpartition("/")[2].strip() or _NAMELESS
    number = 1
    while named in known:
        number += 1
        named = f"{name}-{number}"
    return named


def fresh(roots: Iterable[str]) -> Roots:
    """The names of roots where none has a name yet."""
    known: Roots = {}
    for root in roots:
        known = bound(known, root)
    return known


def holds(root: str, file: str) -> bool:
    """Whether a file, given by its absolute path, lies in a root."""
    if root.endswith(FLAT):
        return file.rpartition("/")[0] + FLAT == root
    return file.startswith(root.rstrip("/") + "/")


def covers(root: str, other: str) -> bool:
    """Whether all that one root may hold lies in another."""
    return root == other or (not root.endswith(FLAT) and (other.removesuffix(FLAT) + "/").startswith(root.rstrip("/") + "/"))


def placed(roots: Roots, file: str) -> str:
    """The place of a file, given by its absolute path: of the innermost root that holds it. Raises KeyError where none does."""
    inner = [(len(root), name, root.removesuffix(FLAT).rstrip("/")) for name, root in roots.items() if holds(root, file)]
    if not inner:
        raise KeyError(file)
    _, name, folder = max(inner)
    return name + file[len(folder) :]


def learnt(source: str, place: str) -> str:
    """The root that a file's path and its place tell of."""
    inner = place.partition("/")[2]
    folder = source[: len(source) - len(inner)].rstrip("/") or "/"
    return folder if "/" in inner else flat(folder)


def on_disk(path: Path) -> Path:
    """The path in the form (NFC or NFD) that the disk has: what is written on one system names files copied from another."""
    if str(path).isascii() or os.path.exists(path):
        return path
    found = Path(path.anchor)
    for name in path.parts[1 if path.anchor else 0 :]:  # a folder that was made here may hold one that was copied from there
        forms = (found / form for form in (name, *(unicodedata.normalize(f, name) for f in ("NFC", "NFD"))))
        there = next((p for p in forms if os.path.exists(p)), None)  # unlike Path.exists it takes a name that is too long for the disk
        if there is None:
            return path
        found = there
    return found
