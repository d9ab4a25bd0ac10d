"""Sources and rules go in; shards of clean pairs, a ledger of what was dropped, a manifest and a report page come out.

Killed at any point, the same call goes on where it was: every task's output is written whole, and tasks that are done are passed over.
One run at a time is at work in a folder, and one process at a time on a task: workers that outlive a killed run do not meet the next one.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import filelock
import pyarrow.parquet as pq

from hannun.curate import report, shuffle
from hannun.curate.record import SCHEMA
from hannun.curate.rows import ScanTask, count_rows, require_pictures, scan_tasks
from hannun.curate.runner import Runner
from hannun.curate.stages import fetch, finish, group, join, look, near, scan
from hannun.curate.stages.ledger import tally_file
from hannun.curate.stages.models import models_of
from hannun.curate.stages.plan import RunPlan
from hannun.curate.tally import Tally, read
from hannun.errors import CollectionBusy, HannunError, InputError, MissingError, StorageError
from hannun.files import write_whole

CLAIM, LOCK = "run.json", "run.lock"
_WORK = ("raw", "urls", "fetched", "looked", "refs", "links", "joined", "grouped", "bands", "edges", "tallies")
_GOING_DOWN = 3.0  # seconds that a killed run may still hold its lock

Stage = Callable[[RunPlan, str], dict[str, Any]]  # (plan, task) → what it counted
#: Opens a progress bar: what is done, how many tasks; the value is called with how many more are done.
Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class RunResult:
    """Where it lies, and what was counted."""

    out: Path
    manifest: Mapping[str, Any]
    tally: Tally


def run(sources: Sequence[Path], plan: RunPlan, runner: Runner | None = None, bar: Bar | None = None, keep_work: bool = False) -> RunResult:
    """All stages.

    Raises InputError where `plan.out` holds another run's output, MissingError for sources that are not there, CollectionBusy
    where another run is at work in that folder, StorageError for a disk that is full or read-only.
    """
    runner, out = runner or Runner(), Path(os.path.abspath(plan.out))
    plan = replace(plan, out=out)
    todo = scan_tasks([Path(os.path.abspath(p)) for p in sources])
    require_pictures(todo, plan.columns)
    for path in plan.links:
        if not Path(path).exists():
            raise MissingError(f"{path}: no such file; check the path")
    if (out / "manifest.json").exists():
        return _finished(plan, todo, keep_work)
    with stored(out), _owned(out):
        if (out / "manifest.json").exists():  # by the run that this one has waited for
            return _finished(plan, todo, keep_work)
        _claim(plan, todo)
        return _run(sources, plan, todo, runner, bar or (lambda what, total: nullcontext(lambda done: None)), keep_work)


def _finished(plan: RunPlan, todo: Sequence[ScanTask], keep_work: bool) -> RunResult:
    """The result of a run that came to its end."""
    _claim(plan, todo)
    if not keep_work:
        shutil.rmtree(plan.work, ignore_errors=True)  # it may have been killed while it tidied up
    manifest = json.loads((plan.out / "manifest.json").read_text("utf-8"))
    return RunResult(plan.out, manifest, Tally.merged([json.loads((plan.out / "tally.json").read_text("utf-8"))]))


def _run(sources: Sequence[Path], plan: RunPlan, todo: Sequence[ScanTask], runner: Runner, bar: Bar, keep_work: bool) -> RunResult:
    for name in (*(f"work/{n}" for n in _WORK), "ledger", "shards"):
        (plan.out / name).mkdir(parents=True, exist_ok=True)
    go = partial(_stage, plan, runner, bar)
    go(scan.scan, [json.dumps({"number": t.number, "paths": t.paths}) for t in todo], _json_number)
    if plan.fetch and plan.parts("urls"):
        hosts = sorted({n for p in plan.parts("urls") for n in shuffle.buckets(p)})
        go(fetch.fetch, [str(n) for n in hosts], _number)
    plan = replace(plan, buckets=_buckets(plan))
    go = partial(_stage, plan, runner, bar)
    go(look.look, [str(p) for p in plan.parts("raw")], _stem)
    numbers = [str(n) for n in range(plan.buckets)]
    if plan.links:
        links = [json.dumps({"number": n, "path": os.path.abspath(p)}) for n, p in enumerate(plan.links)]
        go(join.link, links, _json_number)
        go(join.join, numbers, _number)
    go(group.group, numbers, _number)
    if plan.rules.near is not None:
        go(near.near, numbers, _number)
        near.clusters(plan)
    go(finish.finish, numbers, _number)
    return _close(plan, sources, keep_work)


def _number(task: str) -> str:
    return f"{int(task):05d}"


def _json_number(task: str) -> str:
    return f"{json.loads(task)['number']:05d}"


def _stem(task: str) -> str:
    return Path(task).stem


def preview(sources: Sequence[Path], plan: RunPlan, rows: int = 1000, runner: Runner | None = None, bar: Bar | None = None) -> Tally:
    """The same run on about `rows` rows spread evenly over the sources, in a temporary folder: what it counted."""
    every = sum(count_rows(t) for t in scan_tasks(sources))
    with tempfile.TemporaryDirectory(prefix="hannun-curate-") as folder:
        sampled = replace(plan, out=Path(folder) / "out", step=max(1, every // max(1, rows)), fetch=False)
        return run(sources, sampled, runner, bar).tally


def _stage(plan: RunPlan, runner: Runner, bar: Bar, stage: Stage, tasks: Sequence[str], name: Callable[[str], str]) -> None:
    """Run a stage over the tasks whose tally is not there yet."""
    what = stage.__name__
    left = [t for t in tasks if not tally_file(plan, what, name(t)).exists()]
    with bar(what, len(tasks)) as advance:
        advance(len(tasks) - len(left))
        for _ in runner.map(partial(_once, plan, stage, name), left):
            advance(1)


def _once(plan: RunPlan, stage: Stage, name: Callable[[str], str], task: str) -> dict[str, Any]:
    """Do a task, unless another process has done it meanwhile.

    A worker goes on with its task for a while after its run was killed. Two at one task would write one file: the first to finish
    takes it from under the other's hands ("train-000.tar: No such file or directory"), or a pack is emptied that is being read.
    """
    done = tally_file(plan, stage.__name__, name(task))
    with stored(plan.out), filelock.FileLock(done.with_suffix(".lock")):
        return {} if done.exists() else stage(plan, task)


@contextmanager
def _owned(out: Path) -> Iterator[None]:
    """Nobody else runs in this folder meanwhile. Raises CollectionBusy, or InputError for a folder with other things in it."""
    out.mkdir(parents=True, exist_ok=True)
    there = {p.name for p in out.iterdir()}
    if there - {LOCK, f"{CLAIM}.part"} and CLAIM not in there:
        raise InputError(f"{out}: is not empty and holds no run; name another --to")
    try:
        lock = filelock.FileLock(out / LOCK).acquire(timeout=_GOING_DOWN)
    except filelock.Timeout:
        raise CollectionBusy(
            f"{out}: another run is at work in this folder; wait for it, or stop it and run the same command again"
        ) from None
    with lock:
        yield


@contextmanager
def stored(out: Path) -> Iterator[None]:
    """What the disk refuses becomes a StorageError that names the file."""
    try:
        yield
    except OSError as e:
        if isinstance(e, HannunError):
            raise
        remedy = "free some space" if e.errno == errno.ENOSPC else "see to the disk and its permissions"
        raise StorageError(f"{e.filename or out}: {e.strerror or e}; {remedy} and run the same command again to go on") from None


def _claim(plan: RunPlan, todo: Sequence[ScanTask]) -> None:
    """The output folder is this run's, or is refused: resuming with other sources or rules would mix two runs."""
    settings: dict[str, Any] = {
        "rules": plan.rules.plain(),
        "model": plan.model,
        "ocr": plan.ocr,
        "watermark": plan.watermark,
        "adult": plan.adult,
        "korean": plan.korean,
        "columns": dict(plan.columns.given),
        "fetch": plan.fetch,
        "step": plan.step,
        "links": list(plan.links),
    }
    h = hashlib.blake2b(json.dumps(settings, sort_keys=True, ensure_ascii=False).encode(), digest_size=16)
    for path in [p for t in todo for p in t.paths] + list(plan.links):
        stat = os.stat(path)
        h.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "replace"))
    place = plan.out / CLAIM
    if not place.exists():
        write_whole(place, json.dumps({"fingerprint": h.hexdigest(), **settings}, ensure_ascii=False, indent=1).encode())
        return
    try:
        claimed = json.loads(place.read_text("utf-8")).get("fingerprint")
    except (OSError, ValueError) as e:
        raise StorageError(f"{plan.out}: cannot be used ({e}); check the disk and its permissions") from None
    if claimed != h.hexdigest():
        raise InputError(f"{plan.out}: holds a run with other sources or rules; name another --to, or remove that folder")


def _buckets(plan: RunPlan) -> int:
    """As many buckets as shards are wanted, settled once: a row group is read for each bucket out of each part."""
    place = plan.work / "buckets.json"
    if place.exists():
        return int(json.loads(place.read_text("utf-8")))
    rows = sum(pq.read_metadata(p).num_rows for p in plan.parts("raw"))
    number = int(max(1, -(-rows // plan.rules.shard)))
    write_whole(place, json.dumps(number).encode())
    return number


def _close(plan: RunPlan, sources: Sequence[Path], keep_work: bool) -> RunResult:
    """Manifest, report, and the work folder gone."""
    tally = read(plan.work / "tallies")
    made: dict[str, Any] = {}
    for path in sorted((plan.work / "tallies").glob("finish-*.tally.json")):
        made |= json.loads(path.read_text("utf-8"))["shards"]
    manifest = {
        "format": "webdataset: KEY.jpg + KEY.json, see record.schema.json",
        "rules": plan.rules.plain(),
        "scorer": _scorer(plan),
        "sources": [str(s) for s in sources],
        "counts": dict(sorted(tally.counts.items())),
        "shards": dict(sorted(made.items())),
        "pairs": sum(s["records"] for s in made.values()),
        "splits": {split: sum(s["records"] for n, s in made.items() if n.startswith(split)) for split in ("train", "valid")},
    }
    write_whole(plan.out / "tally.json", json.dumps(tally.plain(), ensure_ascii=False).encode())
    report.write(plan.out / "report.html", manifest, tally, plan.rules)
    write_whole(plan.out / "record.schema.json", SCHEMA.read_bytes())
    write_whole(plan.out / "manifest.json", json.dumps(manifest, ensure_ascii=False, indent=1).encode())
    if not keep_work:
        shutil.rmtree(plan.work, ignore_errors=True)  # what is left of it, the next call removes
    return RunResult(plan.out, manifest, tally)


def _scorer(plan: RunPlan) -> dict[str, str] | None:
    if plan.model is None:
        return None
    encoder = models_of(replace(plan, ocr=False, watermark=None, adult=None)).encoder
    assert encoder is not None
    return {"name": encoder.name, "fingerprint": encoder.fingerprint}


def ledger(out: Path) -> Iterator[dict[str, Any]]:
    """Everything that was dropped, row by row. Raises MissingError where there is no run."""
    if not (out / "ledger").is_dir():
        raise MissingError(f"{out}: holds no curation run, expected its ledger/ folder")
    for path in sorted((out / "ledger").glob("*.parquet")):
        yield from shuffle.rows(path)
