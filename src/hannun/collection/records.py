"""What a collection's methods take and return, wherever the collection lies: reports of changes, checks, and a map."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hannun.checksums import Damage
from hannun.embeddings import Floats
from hannun.errors import InputError
from hannun.item import Content, Problem

#: Told how many more items are done: a `hannun.encode.Done`, which knows how many of them were there already.
Progress = Callable[[int], None]
#: What `add` takes: see `hannun.sources.frames`; frames and tables of other packages are known by what they can do.
Contents = Iterable[Content | Problem] | Content | Any


@dataclass
class Report:
    """What became of the items handed to `add`, `reindex`, `prune` or `copy`; `problems` lists each that could not be read, and why.

    `unread` counts what lies in a folder that was added and is not read, by kind: {".hwp": 3, "hidden": 1}.
    """

    added: int = 0
    unchanged: int = 0
    removed: int = 0
    problems: list[Problem] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        counts = f"added={self.added}, unchanged={self.unchanged}, removed={self.removed}"
        if not self.problems:
            return f"Report({counts}, problems=[])"
        return f"Report({counts}, problems=[{len(self.problems)}, the first: {self.problems[0].where}: {self.problems[0].reason}])"

    def require_some(self) -> None:
        """Raises InputError with the first reason where nothing could be added."""
        if self.problems and not self.added and not self.unchanged:
            first = self.problems[0]
            raise InputError(f"nothing could be added: {first.where}: {first.reason}" + and_more(len(self.problems) - 1))


@dataclass(frozen=True)
class Compacted:
    """What `compact` removed: how many pictures and leftovers, and the bytes on the disk that they took."""

    removed: int
    bytes: int


@dataclass(frozen=True, eq=False)
class Map:
    """Items on a plane: `points` [n, 2] within −1…1, what is alike lies near; `explained`: the variance on the two axes it began on."""

    ids: tuple[str, ...]
    points: Floats
    explained: tuple[float, float]

    def __repr__(self) -> str:
        return f"Map({len(self.ids)} items, explained={self.explained[0]:.2f} + {self.explained[1]:.2f})"


@dataclass(frozen=True)
class Checked:
    """What a check found: how many files and bytes were judged, what is damaged, and what could not be judged and why."""

    files: int
    bytes: int
    damaged: tuple[Damage, ...] = ()
    notes: tuple[str, ...] = ()


def and_more(others: int) -> str:
    """How many mistakes there are besides the one that is told."""
    return f" (and {others} more like it)" if others > 0 else ""


def require_either(where: object, ids: Sequence[str]) -> None:
    """Raises InputError where a condition came besides ids, or a str in their place."""
    if where is not None:
        raise InputError("where and ids came together, expected one of them; write the ids into where: `id in (…)`")
    require_list("ids", ids)


def require_list(name: str, ids: Sequence[str]) -> None:
    """Raises InputError for a str, which would be taken for a list of its letters."""
    if isinstance(ids, str):
        raise InputError(f"{name} is the str {ids!r}, expected a list of ids")
