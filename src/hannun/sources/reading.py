"""Paths go in (folders, pictures, texts, tables, PDFs, shards) with how to read rows; Items, Problems and counts of unread files come out.

The item of a file has the file's place as its id (`photos/2024/a.jpg`: from the folder that was named, see `roots`); the item of a row
has its `id` column, or else the file's place and the row's number; that of a page has the file's place and the page's number. A table
of a wearable's signals (`signals.is_signals`) has an item a day, and its caption for words. Every item carries where it came from in
`SOURCE` and `PLACE`, so that `--prune` knows what has vanished. The name of a picture or PDF and the
folder that it lies in become facts (`title`, `folder`), which are a picture's words too, since it has no text.
"""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hannun import exif, generated, hangul, shards
from hannun.errors import HannunError, InputError, MissingError
from hannun.facts import facts
from hannun.item import PLACE, SOURCE, STATE, Image, Item, Problem, image_part, item
from hannun.sources import columns, html, pdf, places, shard, signals, video
from hannun.sources.columns import Reading
from hannun.sources.roots import Rooted, absolute, fresh, placed, root_of
from hannun.sources.tables import TABLES, Notes, about, decode_text, ending, rows

TEXTS = frozenset({"txt", "md"})
KINDS = shards.PICTURES | video.VIDEOS | TEXTS | html.PAGES | TABLES | {"pdf", "tar", "json"}  # endings of the files that are read
PLAIN = Reading()
_HEAD = 256 * 1024  # bytes: EXIF is one of the first segments of a JPEG, none of which has more than 64 kB
_MAX_TEXT_FILE = 4 * 2**20  # bytes


@dataclass(frozen=True)
class Survey:
    """What lies below some paths: the files to read, each with whether it was named itself, and how many of each kind are not read.

    `folders`: for each file the folder that it lies in, as seen from the path that was named ("제주도/2024"); the folder's own name
    where that is the path itself. `within`: for pages, the path that was named, which their pictures must lie below. `roots`: what the
    paths are roots of, see `roots.root_of`.
    """

    files: tuple[tuple[Path, bool], ...]
    unread: dict[str, int]
    folders: dict[Path, str] = field(default_factory=dict)
    within: dict[Path, Path] = field(default_factory=dict)
    roots: tuple[str, ...] = ()

    def unread_kinds(self) -> str:
        """ "3 .hwp, 1 .zip", the most frequent first; "" where everything is read."""
        return ", ".join(f"{n} {kind}" for kind, n in sorted(self.unread.items(), key=lambda k: (-k[1], k[0])))


def read(paths: Iterable[Path] | Survey, reading: Reading = PLAIN, rooted: Rooted = fresh) -> Iterator[Item | Problem]:
    """Every item below the paths, files in sorted order. Raises MissingError, before anything is read, for a path that is not there.

    Files of other kinds inside a folder are counted by `survey`; one that is named itself makes a Problem. An id that comes a second
    time makes a Problem too, and the first one stands. `rooted` gives the names of roots, where some have names already.
    """
    seen: dict[str, str] = {}
    found = paths if isinstance(paths, Survey) else survey(paths, reading)
    roots = rooted(found.roots)
    for file, named in found.files:
        source = absolute(file)
        place = placed(roots, source)
        items = _file(file, named, reading, found.folders.get(file, ""), place, found.within.get(file, file.parent))
        for one in items if ending(file) not in video.VIDEOS else _with_state(found, file, place, items):
            if isinstance(one, Problem):
                yield replace(one, id=place) if one.id == source else one  # readers of tables know only their files
            elif one.id in seen:
                yield Problem(
                    f"{file}", f"the id {one.id!r} came before in {seen[one.id]}; the first one is kept, give this one another id"
                )
            else:
                seen[one.id] = str(file)
                yield replace(one, facts={**one.facts, SOURCE: source, PLACE: place})


def _with_state(found: Survey, file: Path, place: str, items: Iterable[Item | Problem]) -> Iterator[Item | Problem]:
    """The items of a file, each with the state that the file had before it was read; without, where not all of it could be read."""
    state, every = _state(found, file, place), list(items)
    whole = state is not None and not any(isinstance(one, Problem) for one in every)
    for one in every:
        yield replace(one, facts={**one.facts, STATE: f"{len(every)} {state}"}) if whole and isinstance(one, Item) else one


def _state(found: Survey, file: Path, place: str) -> str | None:
    """What tells one state of a file from another: its size and time, and what its items are called by."""
    with suppress(OSError):
        stat = file.stat()
        return f"{stat.st_size} {stat.st_mtime_ns} {place} {found.folders.get(file, '')}"
    return None


def changed(found: Survey, rooted: Rooted, known: Callable[[Set[str]], Mapping[str, Sequence[str]]]) -> tuple[Survey, set[str]]:
    """What is to be read of a survey, and the ids of the items of those files that need not be: videos that are as they were.

    Args:
        found: what lies there.
        rooted: gives the names of roots.
        known: told states of files, returns those of which all items are there, with the items' ids.
    """
    slow = [file for file, _ in found.files if ending(file) in video.VIDEOS]
    if not slow:
        return found, set()
    roots = rooted(found.roots)
    states = {state: file for file in slow if (state := _state(found, file, placed(roots, absolute(file)))) is not None}
    same = known(states.keys())
    passed = {states[state] for state in same}
    return replace(found, files=tuple(f for f in found.files if f[0] not in passed)), {id for ids in same.values() for id in ids}


def files(paths: Iterable[Path]) -> list[tuple[Path, bool]]:
    """The files below the paths, and whether each was named itself. A picture that a table beside it names is the table's."""
    return list(survey(paths).files)


def walk(
    folder: Path, failed: Callable[[OSError], None] | None = None, passed: Callable[[Path, str], None] = lambda place, why: None
) -> Iterator[tuple[Path, list[str]]]:
    """Each folder from this one down with the names of its files, sorted; hidden ones and collections are passed over.

    Args:
        folder: where to begin. Links to folders below it are not followed.
        failed: called with the error of each folder that cannot be listed; left out, such a folder is passed over.
        passed: called with what is passed over, and as what it is to be counted.
    """
    for here, inner, names in os.walk(folder, onerror=failed):
        for name in inner:
            if (why := _passed(Path(here, name))) is not None:
                passed(Path(here, name), why)
        inner[:] = sorted(d for d in inner if not d.startswith(".") and not d.endswith(".hannun"))
        for name in names:
            if name.startswith("."):
                passed(Path(here, name), "hidden")
        yield Path(here), sorted(n for n in names if not n.startswith("."))


def _passed(folder: Path) -> str | None:
    """As what a folder is counted that is not gone into; None for one that is."""
    if folder.name.startswith("."):
        return "hidden folder"
    if folder.name.endswith(".hannun"):
        return "collection"
    return "link to a folder" if folder.is_symlink() else None


def survey(paths: Iterable[Path], reading: Reading = PLAIN) -> Survey:
    """What lies below the paths; hidden files and collections are passed over. Raises MissingError for a path that is not there."""
    found: dict[str, tuple[Path, bool]] = {}  # by absolute path, so that no file comes twice however it was named
    unread: dict[str, str] = {}
    folders: dict[Path, str] = {}
    within: dict[Path, Path] = {}
    roots: list[str] = []

    def passed(place: Path, why: str) -> None:
        unread[os.path.abspath(place)] = why

    for path in paths:
        if not path.exists():
            raise MissingError(f"{path}: no such file or folder; check the path")
        roots.append(root_of(path))
        if not path.is_dir():
            found[os.path.abspath(path)] = (path, True)
            folders.setdefault(path, _folder(path.parent, path.parent))
            continue
        for folder, names in walk(path, lambda e: passed(Path(e.filename), f"folder that cannot be listed ({e.strerror or e})"), passed):
            here = _folder(folder, path)
            for name in names:
                file = folder / name
                if (why := _unread(file)) is not None:
                    passed(file, why)
                    continue
                found.setdefault(os.path.abspath(file), (file, False))
                folders.setdefault(file, here)
                if ending(file) in html.PAGES:
                    within.setdefault(file, path)
    claimed = _claimed(found.values(), within, reading)
    kept = tuple((file, named) for place, (file, named) in found.items() if named or place not in claimed)
    counts = Counter(kind for place, kind in unread.items() if place not in found)
    return Survey(kept, dict(counts), folders, within, tuple(dict.fromkeys(roots)))


def _claimed(found: Iterable[tuple[Path, bool]], within: Mapping[Path, Path], reading: Reading) -> set[str]:
    """The pictures that belong to the tables and pages among these files."""
    if not any(not named and ending(file) in shards.PICTURES for file, named in found):
        return set()
    claimed: set[str] = set()
    for file, _ in found:
        with suppress(OSError, HannunError):  # reported when the table itself is read
            if ending(file) in TABLES and file.is_file():
                claimed.update(columns.claimed(file, reading))
            elif ending(file) in html.PAGES and file.is_file():
                claimed.update(html.claimed(file, within.get(file, file.parent)))
    return claimed


def _unread(file: Path) -> str | None:
    """As what a file is counted that is not read; None for one that is."""
    kind = ending(file)
    if kind not in KINDS or (kind == "json" and not signals.sniffed(file)):
        return f".{kind}" if kind else "without an ending"
    return None if (needs := _needs(kind)) is None else f".{kind} (needs `{needs}`)"


def _needs(kind: str) -> str | None:
    """How to install what reads files of a kind, where it is not there; None where they can be read."""
    extras = {"xlsx": ("python_calamine", "pip install -c constraints.txt '.[formats]'")}
    extras |= dict.fromkeys(video.VIDEOS, (video.PACKAGE, video.REMEDY))
    package, remedy = extras.get(kind, ("", None))
    return remedy if package and importlib.util.find_spec(package) is None else None


def count(paths: Iterable[Path] | Survey) -> int:
    """About how many items the paths hold, cheaply: rows of tables by line count or footer, shards by their headers, pages."""
    total = 0
    for file, _ in (paths if isinstance(paths, Survey) else survey(paths)).files:
        kind = ending(file) if file.is_file() else ""  # opening a pipe would wait for its writer
        if kind in TABLES:
            total += about(file)
        elif kind == "pdf":
            total += pdf.count(file)
        elif kind == "tar":
            try:
                total += sum(1 for _ in shards.keys(file))
            except (HannunError, OSError):
                total += 1
        else:
            total += 1
    return total


def _folder(folder: Path, root: Path) -> str:
    inside = folder.relative_to(root).as_posix()
    return hangul.normalise(inside if inside != "." else os.path.basename(os.path.abspath(folder)))


def _file(file: Path, named: bool, reading: Reading, folder: str, id: str, root: Path) -> Iterator[Item | Problem]:
    kind = ending(file)
    try:
        image_part(file)  # for its check of the name, whatever the file is
        if file.exists() and not file.is_file():
            raise InputError(f"{file}: is a pipe or a device, expected a file")
        place = {"title": hangul.normalise(file.stem), **({"folder": folder} if folder else {})}
        if kind in shards.PICTURES:
            yield Item(id, (Image(file),), {**place, **_generator(file), **(_exif(file) if reading.exif else {})})
        elif kind in TEXTS:
            text = item(_text(file), id=id)
            yield text if text.parts else Problem(str(file), "is empty, expected text", id)
        elif kind == "json":
            yield from signals.items(file, id)
        elif kind in TABLES:
            yield from _table(file, reading, id)
        elif kind in html.PAGES:
            yield from html.items(file, id, place, root)
        elif kind == "tar":
            yield from shard.items(file, reading)
        elif kind == "pdf":
            yield from pdf.items(file, id, place)
        elif kind in video.VIDEOS:
            yield from video.items(file, id, place)
        elif named:
            yield Problem(str(file), f"is of no kind that can be indexed, expected one of {', '.join(sorted(KINDS))}")
    except HannunError as e:
        where = str(file).encode("utf-8", "replace").decode()
        yield Problem(where, str(e).removeprefix(f"{file}: ").removeprefix(f"{where!r}: "), id)
    except OSError as e:
        yield Problem(str(file), f"cannot be read ({e.strerror or e})", id)


def _exif(file: Path) -> dict[str, Any]:
    """The date, place and camera that a picture's file tells; nothing of one that cannot be read, which is told when it is encoded."""
    with suppress(HannunError, OSError):
        told = exif.facts_of(_head(file))
        where = places.facts_of(told["latitude"], told["longitude"]) if "latitude" in told else {}
        return facts({**told, **where})
    return {}


def _table(file: Path, reading: Reading, id: str) -> Iterator[Item | Problem]:
    notes = Notes()
    table = rows(file, notes=notes)
    of_signals, table = (False, table) if reading.columns else signals.held(table)
    yield from signals.items(file, id, table) if of_signals else columns.items(file, table, notes, reading, id)


def _generator(file: Path) -> dict[str, Any]:
    """Of a picture that says it was generated how it was, so that none is in a collection without `made_by`; whatever else is left out."""
    with suppress(HannunError, OSError):
        return facts(generated.of_picture(Image(file)))
    return {}


def _head(file: Path) -> bytes:
    """The beginning of a JPEG, which has its EXIF: the encoder reads the whole of it later. Of other kinds the whole file."""
    with file.open("rb") as f:
        data = f.read(_HEAD)
        return data if data.startswith(b"\xff\xd8\xff") else data + f.read()


def _text(file: Path) -> str:
    if file.stat().st_size > _MAX_TEXT_FILE:
        raise InputError(
            f"{file}: has {file.stat().st_size:,} bytes, the limit for a text is {_MAX_TEXT_FILE:,}; split it, or make rows of a .jsonl"
        )
    return decode_text(file.read_bytes(), str(file))
