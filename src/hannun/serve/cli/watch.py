"""`hannun watch`: folders go in; a collection is kept as they are until Ctrl-C, and a line for each batch of changes comes out."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Container, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, final

import typer

from hannun import hangul
from hannun.errors import EncoderMismatch, HannunError, InputError, MissingError
from hannun.serve.cli.index import IndexOutcome, read_into, reading_of
from hannun.serve.cli.options import DEFAULT, Columns, Exif, Model, Numbers, To

if TYPE_CHECKING:
    from hannun.collection import Progress
    from hannun.encoder import Encoder
    from hannun.sources import Reading, Snapshot, Stamp, Survey

_OPTIMISE_AFTER = 1000  # items added or removed: writing the indexes anew for every photo would cost more than they save


def watch(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER…", help="Folders, or files, to keep indexed.")],
    to: To = DEFAULT,
    model: Model = None,
    every: Annotated[
        float, typer.Option(metavar="SECONDS", help="Seconds between two looks; a file is read when it has not changed for so long.")
    ] = 2.0,
    columns: Columns = None,
    numbers: Numbers = None,
    exif: Exif = True,
    keep_removed: Annotated[bool, typer.Option("--keep-removed", help="Keep items whose files have vanished.")] = False,
) -> int:
    """Keep folders indexed until Ctrl-C: what is new, changed, moved or gone is taken up once it has been still for a moment."""
    from hannun import collection
    from hannun.load import load

    if not every > 0:
        raise InputError(f"--every {every:g} came, expected seconds above 0")
    missing = [f for f in folders if not f.exists()]
    if missing:
        raise MissingError(f"{missing[0]}: no such file or folder; check the path")
    service = to.startswith(("http://", "https://"))
    watched = Watched(folders, to, reading_of(columns, numbers, exif), not keep_removed and not service, model)
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)  # how a service of the system is stopped
    try:
        watched.encoder = load(model) if model else None
        with collection.open(to, watched.encoder):  # an error that time does not mend is told at once
            pass
        _say(f"watching {', '.join(map(str, folders))} for {to} every {every:g} s (Ctrl-C stops it)")
        if service and not keep_removed:
            _say(f"{to}: is not told from which files its items were read; those of vanished files stay, `hannun delete` removes them")
        while True:
            watched.look()
            time.sleep(every)
    except KeyboardInterrupt:
        _say("stopped")
        return 0
    finally:
        signal.signal(signal.SIGTERM, former)


@final
@dataclass
class Watched:
    """Folders, the collection that they are kept in, and what is known of their files; the collection is open only while it is changed.

    `taken`: the files as they were when they were read; `before`: as they were at the last look; `claimed`: the pictures among them
    that belong to rows of tables; `begun`: whether they have been read for the first time.
    """

    folders: list[Path]
    to: str
    reading: Reading
    prune: bool
    model: str | None
    encoder: Encoder | None = None
    taken: dict[str, Stamp] = field(default_factory=dict)
    before: Mapping[str, Stamp] | None = None
    claimed: set[str] = field(default_factory=set)
    begun: bool = False
    unoptimised: int = 0
    notes: set[str] = field(default_factory=set)
    trouble: str = ""

    def look(self) -> None:
        """Look at the files once, and take up what has changed. Says what it did, and what it could not do, and goes on."""
        from hannun import sources

        seen = sources.snapshot(self.folders)
        before, first = self.before or {}, self.before is None
        now, empty = sources.held(before, seen)
        self.before = now
        self._note(seen, empty)
        fresh, gone = sources.changes(self.taken, before, now)
        if first or (self.begun and not fresh and not gone):
            return
        trouble = ""
        try:
            lines = self._take(seen, now, fresh, gone)
        except BrokenPipeError:
            raise
        except (HannunError, OSError) as e:
            if isinstance(e, EncoderMismatch) and not self.model:
                self.encoder = None  # another one has encoded the collection anew: it is loaded by name at the next look
            trouble, lines = " ".join(str(e).split()) + "; it is tried again", []
        if trouble != self.trouble:
            lines.append(trouble)
        self.trouble = trouble
        for line in filter(None, lines):
            _say(line)

    def _take(self, seen: Snapshot, now: Mapping[str, Stamp], fresh: set[str], gone: set[str]) -> list[str]:
        """Bring the collection up to these changes; the lines that tell of it."""
        from hannun import sources

        found = sources.survey([f for f in self.folders if f.exists()], self.reading)
        places = {os.path.abspath(file): file for file, _ in found.files}
        claimed = {f for f in seen.files if f not in places and os.path.exists(f)}
        again = {f for f in places if self.taken.get(f) == now.get(f) and Path(f).suffix[1:].lower() in sources.TABLES}
        read = (fresh | self.claimed | (again if fresh & claimed else set())) & places.keys()
        keep = {hangul.normalise(f) for f in now.keys() | places.keys() if f not in read and f not in claimed}
        below: list[Path] = []
        if self.prune:
            changed = read | gone | (claimed - self.claimed)
            below = [Path(f) for f in changed] if self.begun else [f for f in self.folders if _is_whole(f, seen, places)]
        lines: list[str] = []
        if read or below:
            chosen = replace(found, files=tuple((f, named) for f, named in found.files if os.path.abspath(f) in read))
            lines = self._read(chosen, below, keep)
        # What vanished while it was read, and may come back as it was, has not been taken.
        self.taken |= {f: now[f] for f in fresh | read if f in now and os.path.exists(f)}
        for file in gone:
            self.taken.pop(file, None)
        self.claimed, self.begun = claimed, True
        return lines

    def _read(self, found: Survey, below: list[Path], keep: set[str]) -> list[str]:
        from hannun import collection, sources
        from hannun.serve.cli import output

        bar: AbstractContextManager[Progress | None] = nullcontext() if self.begun else output.progress("indexing", sources.count(found))
        with collection.open(self.to, self.encoder) as opened, bar as advance:
            outcome = read_into(opened, found, self.reading, prune=below, keep=keep, progress=advance)
            report = outcome.report
            if report.added and not self.to.startswith(("http://", "https://")):
                self.encoder = opened.encoder
            self.unoptimised += report.added + report.removed
            if not self.begun or self.unoptimised >= _OPTIMISE_AFTER:
                opened.optimise()
                self.unoptimised = 0
        output.problems(report.problems)
        if outcome.moved:  # those of a disk that is away may be among them, and are read again when it is back
            self.taken = {f: stamp for f, stamp in self.taken.items() if os.path.exists(f)}
        unread = found.unread_kinds() if not self.begun else ""
        return [_counts(outcome), str(outcome.failure or ""), f"not read: {unread}" if unread else ""]

    def _note(self, seen: Snapshot, empty: set[str]) -> None:
        """Say once, as long as it is so, whose files are out of reach: their items are kept."""
        from hannun import sources

        notes = {
            f"{place}: cannot be read ({why}); what came from there is kept" for place, why in seen.failed.items() if os.path.lexists(place)
        }
        for folder in self.folders:
            if not any(sources.lies_below(f, os.path.abspath(folder)) for f in seen.files):
                state = "holds nothing to index" if folder.exists() else "is gone"
                notes.add(f"{folder}: {state}; what came from there is kept; hannun index {folder} --prune --to {self.to} removes it")
            elif str(folder) in empty:
                notes.add(f"{folder}: a disk below it is gone or empty; what came from there is kept")
        for line in sorted(notes - self.notes):
            _say(line)
        self.notes = notes


def _is_whole(folder: Path, seen: Snapshot, files: Container[str]) -> bool:
    """Whether all folders from this one down could be looked at, and something is there: else nothing may be taken for vanished."""
    from hannun import sources

    place = os.path.abspath(folder)
    closed = [f for f in seen.failed if f not in files and sources.lies_below(f, place)]
    return not closed and any(sources.lies_below(f, place) for f in seen.files)


def _counts(outcome: IndexOutcome) -> str:
    report = outcome.report
    counts = {"added": report.added - outcome.moved, "moved": outcome.moved, "removed": report.removed, "not read": len(report.problems)}
    return ", ".join(f"{n:,} {what}" for what, n in counts.items() if n) or ("" if outcome.failure else "nothing new")


def _say(line: str) -> None:
    typer.echo(f"{time.strftime('%H:%M:%S')} {line}")  # which writes through at once, into a pipe too
