"""Accepted work goes in (rows to add, items to change or delete), its progress comes out; one thread does it, in order.

inbox/NUMBER-ID.json    accepted and not finished: what is answered 202 is on the disk first, so neither a full stop nor a crash
                        loses it. Adding is the same done once or twice, so work that was cut off is done again.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, final

from hannun.errors import HannunError, InputError, MissingError
from hannun.item import Content, Problem
from hannun.serve.http.keys import private

Kind = Literal["add", "delete", "update"]
_LISTED = 100  # problems of a job that are told one by one
_REMEMBERED = 1000  # finished jobs


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
    error: str | None = None
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
        self._target, self._folder, self._row, self._said, self._limit = target, folder, row, said, limit
        self._changed = threading.Condition()
        self._files: dict[str, Path] = {}
        self._queue: deque[Job] = deque()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._closing = self._aborted = False
        self._last = 0
        self.version = 0  # changes whenever items may have
        with self._changed:
            for file in sorted(folder.glob("*-*.json")):
                self._enqueue(Job(file.stem.partition("-")[2], "add"), file)
        self._thread = threading.Thread(target=self._work, name="hannun-jobs", daemon=True)
        self._thread.start()

    def accept(self, kind: Kind, work: Mapping[str, Any]) -> Job:
        """Take work on: it is on the disk when this returns. Raises Busy when too much waits, StorageError when the disk is full."""
        rows = work.get("rows")
        job = Job(secrets.token_hex(8), kind, total=len(rows) if rows is not None else None)
        data = json.dumps({"kind": kind, **work}, ensure_ascii=False).encode("utf-8", "surrogatepass")
        with self._changed:
            self._room()
            # Numbered by time, so that work of an earlier run comes first in the next one.
            self._last = max(self._last + 1, time.time_ns())
            file = self._folder / f"{self._last:020}-{job.id}.json"
            self._files[job.id] = file  # a place in the queue, before the disk is written to
        try:
            private(file, data)
        except BaseException:
            with self._changed:
                del self._files[job.id]
            raise
        with self._changed:
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
                self._changed.wait_for(lambda: self._queue or self._closing)
                if self._aborted or not self._queue:
                    return
                job = self._queue.popleft()
                file = self._files[job.id]
            self._do(job, file)
            if self._aborted:
                return  # its file stays: what was cut off is done again
            with contextlib.suppress(OSError):
                file.unlink()
            with self._changed:
                del self._files[job.id]
                job.finished = time.time()
                self.version += 1
                self._changed.notify_all()
            self._after(job)

    def _do(self, job: Job, file: Path) -> None:
        try:
            work = json.loads(file.read_bytes().decode("utf-8", "surrogatepass"))
            job.state, job.kind = "running", work["kind"]
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
                    job.removed = self._target.delete(tuple(work["ids"]), work["where"])
                case "update":
                    job.changed = self._target.update(work["facts"], tuple(work["ids"]), work["where"])
            job.state = "done"
        except InputError as e:  # nothing at all could be added
            job.state, job.error = "failed", self._said(e)
            job.problem_count = max(job.problem_count, job.total or 1)
        except HannunError as e:
            job.state, job.error = "failed", self._said(e)
        except Exception as e:  # the next job must still be done
            job.state, job.error = "failed", f"unexpected: {type(e).__name__}: {e}"

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
                problem = Problem(f"row {number}", str(e), None if id is None else str(id))
                if len(job.problems) < _LISTED:  # told even where nothing can be added in the end
                    job.problems.append({"where": problem.where, "reason": problem.reason, "id": problem.id})
                yield problem
