"""Accepted work goes in (rows to add, items to change or delete), its progress comes out; one thread does it, in order.

What is answered 202 is on the disk first (`hannun.serve.http.inbox`) and stays there until it is in the collection and flushed, so
that neither a full stop, nor a crash, nor a full disk loses it. Adding is the same done once or twice, so work that was cut off is done
again. Work that the disk has no room for is tried again, later and later; a delete that waits behind it goes ahead, since that is how
room is made, and is done once more when its turn has come.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, final

from hannun.errors import CollectionBusy, HannunError, InputError, MissingError, StorageError
from hannun.item import Content, Problem
from hannun.serve.http.inbox import Inbox, Kind, Torn

log = logging.getLogger("hannun.jobs")
_LISTED = 100  # problems of a job that are told one by one
_REMEMBERED = 1000  # finished jobs
_PAUSE, _LONGEST = 1.0, 60.0  # seconds before work that the disk had no room for is tried again: the first time, at most
_STORAGE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


class Busy(HannunError):
    """More work is waiting than the service accepts."""


class Target(Protocol):
    """What the jobs are done to: a collection."""

    def add(self, contents: Iterator[Content | Problem], progress: Callable[[int], None] | None = None) -> Any:
        """See Collection."""

    def delete(self, ids: tuple[str, ...] = (), where: str | None = None) -> int:
        """See Collection."""

    def update(self, changes: Mapping[str, Any], ids: tuple[str, ...] = (), where: str | None = None) -> int:
        """See Collection."""


@dataclass
class Job:
    """One piece of accepted work and how far it is."""

    id: str
    kind: Kind
    state: Literal["queued", "running", "done", "failed"] = "queued"
    total: int | None = None
    done: int = 0
    added: int = 0
    unchanged: int = 0
    changed: int = 0
    removed: int = 0
    problems: list[dict[str, str | None]] = field(default_factory=list)
    problem_count: int = 0
    error: str | None = None  # why it failed; of a queued job, why it could not be done yet
    attempts: int = 0
    accepted: float = field(default_factory=time.time)
    finished: float | None = None


@final
class Jobs:
    """The queue of accepted work and the thread that does it."""

    def __init__(
        self,
        target: Target,
        folder: Path,
        row: Callable[[Any], Content],
        said: Callable[[object], str],
        limit: int,
        after: Callable[[Job], None] = lambda job: None,
    ) -> None:
        """`row` makes content of a row as it was sent, `said` words of an error; `limit` is how many jobs may wait; `after` is told of
        each job that has ended."""
        self._after = after
        self._target, self._inbox, self._row, self._said, self._limit = target, Inbox(folder), row, said, limit
        self._changed = threading.Condition()
        self._files: dict[str, Path] = {}
        self._queue: deque[Job] = deque()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._urgent: deque[Job] = deque()  # deletes that may go ahead of what waits for room
        self._pause, self._again = _PAUSE, 0.0
        self._closing = self._aborted = False
        self.version = 0  # changes whenever items may have
        with self._changed:
            for id, kind, file in self._inbox.found():
                self._enqueue(Job(id, kind), file)
        if left := self._inbox.aside():
            log.warning("accepted work was set aside", extra={"fields": {"files": left}})
        self._thread = threading.Thread(target=self._work, name="hannun-jobs", daemon=True)
        self._thread.start()

    def accept(self, kind: Kind, work: Mapping[str, Any]) -> Job:
        """Take work on: it is on the disk when this returns. Raises Busy when too much waits, StorageError when the disk is full."""
        rows = work.get("rows")
        job = Job(secrets.token_hex(8), kind, total=len(rows) if rows is not None else None)
        with self._changed:
            self._room()
            file = self._inbox.place(job.id)
            self._files[job.id] = file  # a place in the queue, before the disk is written to
        try:
            self._inbox.keep(file, kind, work)
        except BaseException:
            with self._changed:
                del self._files[job.id]
            raise
        with self._changed:
            # What a change of facts before it decides must not be decided early.
            if kind == "delete" and (work["where"] is None or not any(j.kind == "update" for j in self._queue)):
                self._urgent.append(job)
            self._enqueue(job, file)
        return job

    def get(self, id: str) -> Job:
        """A job by id. Raises MissingError."""
        with self._changed:
            if id not in self._jobs:
                raise MissingError(f"no job {id!r} here; the last {_REMEMBERED:,} are remembered while the service runs")
            return self._jobs[id]

    def all(self) -> list[Job]:
        """Every remembered job, the newest first."""
        with self._changed:
            return list(reversed(self._jobs.values()))

    @property
    def set_aside(self) -> list[str]:
        """The names of files of accepted work that were set aside: torn, or not done for an error that is nobody's mistake."""
        return self._inbox.aside()

    @property
    def unfinished(self) -> int:
        """How many jobs wait or run."""
        return len(self._files)

    def settled(self, job: Job, seconds: float) -> bool:
        """Wait for a job to end; whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: job.finished is not None, seconds)

    def close(self, grace: float) -> int:
        """Finish what was accepted, for `grace` seconds at most; returns how much is left (on disk, for the next start)."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(grace)
        self._aborted = True
        self._thread.join()
        return len(self._files)

    def _room(self) -> None:
        if self._closing:
            raise Busy("the service is shutting down; send the work again when it is back")
        if len(self._files) >= self._limit:
            raise Busy(f"{self._limit} jobs are waiting, and no more are accepted now; send it again in a while")

    def _enqueue(self, job: Job, file: Path) -> None:
        self._files[job.id] = file
        self._jobs[job.id] = job
        while len(self._jobs) > _REMEMBERED + len(self._files):
            oldest = next((i for i, j in self._jobs.items() if j.finished is not None), None)
            if oldest is None:
                break
            del self._jobs[oldest]
        self._queue.append(job)
        self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while (job := self._next()) is None:
                    if self._aborted or (self._closing and (not self._queue or self._again)):
                        return  # what waits for room is left to the next start
                    self._changed.wait(max(0.0, self._again - time.monotonic()) if self._again else None)
                if self._aborted:
                    return
                file, first = self._files[job.id], job is self._queue[0]
            ended = self._do(job, file)
            if self._aborted:
                return  # its file stays: what was cut off is done again
            with self._changed:
                self.version += 1
                over = ended and (first or job.state == "failed")
                if over:
                    self._end(job, file)
                elif ended:
                    job.state = "queued"  # it is done again in its turn: what is before it may bring back what it removed
                if ended:
                    self._again, self._pause = 0.0, _PAUSE  # after an early delete there may be room now
                elif first:
                    self._again, self._pause = time.monotonic() + self._pause, min(2 * self._pause, _LONGEST)
            if over:
                self._after(job)

    def _next(self) -> Job | None:
        """The first job; while that waits for room, a delete behind it; None where there is nothing to do now. Holds the lock."""
        if not self._queue:
            return None
        while self._urgent and self._urgent[0] is self._queue[0]:
            self._urgent.popleft()
        if self._again <= time.monotonic():
            return self._queue[0]
        return self._urgent.popleft() if self._urgent else None

    def _end(self, job: Job, file: Path) -> None:
        """Forget a job that needs no more doing. Holds the lock."""
        with contextlib.suppress(OSError):
            file.unlink()
        self._queue.remove(job)
        del self._files[job.id]
        job.finished = time.time()
        self._changed.notify_all()

    def _do(self, job: Job, file: Path) -> bool:
        """Whether a job has ended, done or failed; if not, it is kept and done again."""
        job.state, job.done, job.problems = "running", 0, []
        job.attempts += 1
        try:
            self._perform(job, self._inbox.read(file))
            job.state, job.error = "done", None
        except Torn:
            name = self._inbox.set_aside(file, "torn")
            job.state, job.error = "failed", f"the disk lost a part of this work; what is left was set aside as {name}: send it again"
            log.error("torn work", extra={"fields": {"job": job.id, "file": name}})
        except FileNotFoundError:
            job.state, job.error = "failed", "somebody took its file away before it was done; send the work again"
        except InputError as e:  # nothing at all could be added
            job.state, job.error = "failed", self._said(e)
            job.problem_count = max(job.problem_count, job.total or 1)
        except Exception as e:  # the next job must still be done
            if _waits(e):
                job.state, job.error = "queued", f"{self._said(e)} (kept, and tried again: attempt {job.attempts} failed)"
                log.warning("work waits for the disk", extra={"fields": {"job": job.id, "attempts": job.attempts, "error": str(e)}})
                return False
            said = self._said(e) if isinstance(e, HannunError) else f"unexpected: {type(e).__name__}: {self._said(e)}"
            job.state, job.error = "failed", said
            if not isinstance(e, MissingError) and not self._aborted:
                name = self._inbox.set_aside(file, "failed")
                log.error("work failed", exc_info=e, extra={"fields": {"job": job.id, "file": name}})
        return True

    def _perform(self, job: Job, work: dict[str, Any]) -> None:
        match work["kind"]:
            case "add":
                job.total = len(work["rows"])
                report = self._target.add(self._rows(job, work["rows"]), lambda done: self._advance(job, done))
                job.added, job.unchanged = report.added, report.unchanged
                job.problem_count = len(report.problems)
                job.problems = [
                    {"where": self._said(p.where), "reason": self._said(p.reason), "id": p.id} for p in report.problems[:_LISTED]
                ]
            case "delete":
                job.removed += self._target.delete(tuple(work["ids"]), work["where"])
            case "update":
                job.changed = self._target.update(work["facts"], tuple(work["ids"]), work["where"])

    def _advance(self, job: Job, done: int) -> None:
        job.done += done
        self.version += 1

    def _rows(self, job: Job, rows: list[Any]) -> Iterator[Content | Problem]:
        for number, row in enumerate(rows, start=1):
            if self._aborted:
                return
            try:
                yield self._row(row)
            except HannunError as e:
                id = row.get("id") if isinstance(row, dict) else None
                problem = Problem(f"row {number}", self._said(e), None if id is None else str(id))
                if len(job.problems) < _LISTED:  # told even where nothing can be added in the end
                    job.problems.append({"where": problem.where, "reason": problem.reason, "id": problem.id})
                yield problem


def _waits(error: Exception) -> bool:
    """Whether an error is the disk's (or a server's that cannot be reached), and may be over later."""
    return isinstance(error, StorageError | CollectionBusy) or (isinstance(error, OSError) and error.errno in _STORAGE)
