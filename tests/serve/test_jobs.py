"""Accepted work is done: while searches go on, through a full stop, and through a crash."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hannun import collection
from hannun.collection import Report
from hannun.errors import CollectionBusy, MissingError, StorageError
from hannun.serve.http.inbox import SPARE
from hannun.serve.http.jobs import Busy, Jobs
from hannun.serve.outside import outside
from tests.conftest import ROOT
from tests.serve.conftest import Running, Start, picture
from tests.toy import Toy

TOY_SERVER = """
import sys, hannun.load, hannun.collection.local
from tests.conftest import toy
sys.modules["hannun.load"].load = hannun.collection.local.load = toy
import hannun.serve.http.service
hannun.serve.http.service.load = toy
from hannun.serve.cli.main import run
sys.exit(run(["serve", *sys.argv[1:]]))
"""


class Target:
    """A collection that can be held up."""

    def __init__(self) -> None:
        self.gate, self.done = threading.Event(), []
        self.gate.set()

    def add(self, contents: Iterator[Any], progress: Any = None) -> Report:
        report = Report()
        for c in contents:
            self.gate.wait(10)
            self.done.append(c)
            report.added += 1
            progress(1)
        return report

    def delete(self, ids: tuple[str, ...] = (), where: str | None = None) -> int:
        raise RuntimeError("a bug")

    def update(self, facts: Any, ids: tuple[str, ...] = (), where: str | None = None) -> int:
        return len(ids)


def test_work_is_done_in_order_and_a_bug_stops_nothing(tmp_path: Path) -> None:
    target = Target()
    jobs = Jobs(target, tmp_path, lambda row: row, str, 10)
    first, bug = jobs.accept("add", {"rows": [1, 2]}), jobs.accept("delete", {"ids": ["a"], "where": None})
    last = jobs.accept("update", {"facts": {}, "ids": ["a", "b"], "where": None})
    assert jobs.settled(last, 5)
    assert (first.state, first.added, first.done, first.total) == ("done", 2, 2, 2)
    assert bug.state == "failed" and bug.error == "unexpected: RuntimeError: a bug" and last.changed == 2
    assert not list(tmp_path.glob("*.json")) and jobs.unfinished == 0
    assert len(jobs.set_aside) == 1 and jobs.set_aside[0].endswith(f"{bug.id}.json.failed")  # accepted, so not thrown away
    assert jobs.close(1) == 0
    with pytest.raises(Busy, match="shutting down"):
        jobs.accept("add", {"rows": []})


def test_too_much_work_is_refused(tmp_path: Path) -> None:
    target = Target()
    target.gate.clear()
    jobs = Jobs(target, tmp_path, lambda row: row, str, 2)
    jobs.accept("add", {"rows": [1]})
    last = jobs.accept("add", {"rows": [2]})
    with pytest.raises(Busy, match="2 jobs are waiting"):
        jobs.accept("add", {"rows": [3]})
    target.gate.set()
    assert jobs.settled(last, 5) and jobs.accept("add", {"rows": [3]})
    jobs.close(5)
    assert target.done == [1, 2, 3]


def test_what_the_grace_does_not_suffice_for_is_done_after_the_next_start(tmp_path: Path) -> None:
    target = Target()
    target.gate.clear()
    jobs = Jobs(target, tmp_path, lambda row: row, str, 10)
    for n in range(3):
        jobs.accept("add", {"rows": [n, n]})
    threading.Timer(0.3, target.gate.set).start()
    assert jobs.close(0.05) == 3
    again = Target()
    jobs = Jobs(again, tmp_path, lambda row: row, str, 10)
    assert jobs.close(10) == 0 and again.done == [0, 0, 1, 1, 2, 2]
    with pytest.raises(MissingError):
        jobs.get("nobody")


class Full(Target):
    """A disk that has no room until `room` is set; what is added and removed is remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.room, self.kept = threading.Event(), set[str]()

    def add(self, contents: Iterator[Any], progress: Any = None) -> Report:
        found = list(contents)
        if not self.room.is_set():
            raise StorageError("/srv/secret/shop.hannun/shard-1: the disk is full")
        self.kept.update(found)
        return Report(added=len(found))

    def delete(self, ids: tuple[str, ...] = (), where: str | None = None) -> int:
        gone = self.kept & set(ids)
        self.kept -= gone
        return len(gone)


def until(true: Callable[[], Any]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_work_that_the_disk_has_no_room_for_is_kept_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hannun.serve.http.jobs._PAUSE", 0.01)
    target = Full()
    jobs = Jobs(target, tmp_path, lambda row: row, lambda e: outside(str(e)), 10)
    first, second = jobs.accept("add", {"rows": ["a", "b"]}), jobs.accept("add", {"rows": ["c"]})
    until(lambda: first.attempts >= 3)
    until(lambda: first.state == "queued")
    assert first.error is not None and "the disk is full (kept, and tried again" in first.error and "/srv" not in first.error
    assert (second.attempts, jobs.unfinished, len(list(tmp_path.glob("*.json")))) == (0, 2, 2)
    assert jobs.close(30) == 2  # a stop does not wait for room
    jobs = Jobs(target, tmp_path, lambda row: row, str, 10)
    target.room.set()
    until(lambda: not jobs.unfinished)
    assert target.kept == {"a", "b", "c"} and not list(tmp_path.iterdir())
    assert all(j.state == "done" and j.error is None for j in jobs.all())
    jobs.close(1)


def test_a_delete_makes_room_for_what_waits_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hannun.serve.http.jobs._PAUSE", 30.0)
    target = Full()
    target.kept = {"old", "b"}
    real = target.delete

    def delete(ids: tuple[str, ...] = (), where: str | None = None) -> int:
        target.room.set()
        return real(ids, where)

    monkeypatch.setattr(target, "delete", delete)
    jobs = Jobs(target, tmp_path, lambda row: row, str, 10)
    waiting = jobs.accept("add", {"rows": ["a", "b"]})
    until(lambda: waiting.error)
    gone = jobs.accept("delete", {"ids": ["old", "b"], "where": None})
    assert jobs.settled(gone, 20)
    # It went ahead and was done again in its turn: the order in which the work came decides what is there in the end.
    assert waiting.state == gone.state == "done" and target.kept == {"a"}
    assert (gone.removed, gone.attempts) == (3, 2)
    jobs.close(1)


def test_what_facts_decide_is_not_removed_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hannun.serve.http.jobs._PAUSE", 0.2)
    target, order = Full(), list[str]()
    monkeypatch.setattr(target, "delete", lambda ids, where: order.append("delete") or 0)
    monkeypatch.setattr(target, "update", lambda facts, ids, where: order.append("update") or 0)
    jobs = Jobs(target, tmp_path, lambda row: row, str, 10)
    waiting = jobs.accept("add", {"rows": ["a"]})
    until(lambda: waiting.error)
    jobs.accept("update", {"facts": {"price": 1}, "ids": ["x"], "where": None})
    last = jobs.accept("delete", {"ids": [], "where": "price = 1"})
    until(lambda: waiting.attempts > 1)
    assert not order
    target.room.set()
    assert jobs.settled(last, 20) and order == ["update", "delete"]
    jobs.close(1)


@pytest.mark.parametrize("torn", [b"", b"\0" * 4096, b'{"kind": "add", "rows": [{"id": "a", "te', b'{"kind": "add"}', b"[]", b'"\xff'])
def test_torn_files_are_set_aside_and_told(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / "00000000000000000001-aaaa.json").write_bytes(torn)
    (tmp_path / "00000000000000000002-bbbb.json").write_text('{"kind": "add", "rows": [1]}')
    (tmp_path / "00000000000000000003-cccc.json.part").write_bytes(b"never accepted")
    target = Target()
    jobs = Jobs(target, tmp_path, lambda row: row, str, 10)
    until(lambda: not jobs.unfinished)
    lost = jobs.get("aaaa")
    assert lost.state == "failed" and lost.error is not None and "00000000000000000001-aaaa.json.torn" in lost.error
    assert jobs.set_aside == ["00000000000000000001-aaaa.json.torn"] and target.done == [1]
    assert (tmp_path / jobs.set_aside[0]).read_bytes() == torn and len(list(tmp_path.iterdir())) == 1
    jobs.close(1)
    again = Jobs(target, tmp_path, lambda row: row, str, 10)
    assert again.set_aside == jobs.set_aside and not again.unfinished  # told after the next start, too
    again.close(1)


def test_a_file_that_somebody_took_away_holds_nothing_up(tmp_path: Path) -> None:
    target = Target()
    target.gate.clear()
    jobs = Jobs(target, tmp_path, lambda row: row, str, 10)
    jobs.accept("add", {"rows": [1]})
    taken, last = jobs.accept("add", {"rows": [2]}), jobs.accept("add", {"rows": [3]})
    next(tmp_path.glob(f"*-{taken.id}.json")).unlink()
    target.gate.set()
    assert jobs.settled(last, 20) and target.done == [1, 3] and taken.state == "failed"
    jobs.close(1)


def test_202_comes_after_file_and_folder_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str]] = []
    sync, replace, unlink = os.fsync, os.replace, Path.unlink

    def synced(handle: int) -> None:
        calls.append(("fsync", os.path.basename(os.readlink(f"/proc/self/fd/{handle}"))))
        sync(handle)

    def replaced(source: Any, target: Any) -> None:
        calls.append(("replace", os.path.basename(target)))
        replace(source, target)

    def unlinked(self: Path, missing_ok: bool = False) -> None:
        if self.exists():
            calls.append(("unlink", self.name))
        unlink(self, missing_ok)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    monkeypatch.setattr(Path, "unlink", unlinked)
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("there is no /proc here, which tells what a handle is of")
    target = Target()
    add = target.add

    def added(contents: Iterator[Any], progress: Any = None) -> Report:
        calls.append(("added", ""))
        return add(contents, progress)

    monkeypatch.setattr(target, "add", added)
    jobs = Jobs(target, tmp_path / "state" / "inbox", lambda row: row, str, 10)
    target.gate.clear()
    job = jobs.accept("add", {"rows": [1]})
    calls.append(("accepted", ""))
    target.gate.set()
    assert jobs.settled(job, 20)
    jobs.close(1)
    name = f"{jobs._inbox._last:020}-{job.id}.json"
    assert [c for c in calls if c[0] != "added"] == [
        ("fsync", tmp_path.name),  # the new folders' own names
        ("fsync", "state"),
        ("fsync", f"{name}.part"),
        ("replace", name),
        ("fsync", "inbox"),
        ("accepted", ""),
        ("unlink", name),
    ]
    assert calls.index(("added", "")) < calls.index(("unlink", name))


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_what_cannot_be_kept_is_answered_507_and_not_done(start: Start, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    running = start()
    inbox = running.service.settings.state or running.service.jobs._inbox._folder
    real = getattr(os, broken)

    def full(first: Any, *rest: Any) -> None:
        if broken == "fsync" or "inbox" in str(first):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(first, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(os, broken, full)
        answer = running.post("/v1/items", items=[{"id": "a", "text": "가"}])
    error = answer.json()["error"]
    assert answer.status_code == 507 and "not accepted" in error["message"] and "No space left" in error["message"]
    assert "/" not in error["message"] and not list(inbox.iterdir())
    assert running.client.get("/v1/jobs").json() == {"unfinished": 0, "set_aside": [], "jobs": []}
    assert running.add({"id": "a", "text": "가"})["added"] == 1


def test_rows_leave_room_for_a_delete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs(Target(), tmp_path, lambda row: row, str, 10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10 * SPARE, 9 * SPARE, SPARE))
    with pytest.raises(StorageError, match=r"cannot be kept \(the disk is full\); free some space"):
        jobs.accept("add", {"rows": [1]})
    assert jobs.settled(jobs.accept("update", {"facts": {}, "ids": ["a"], "where": None}), 20)
    jobs.close(1)


def test_searches_go_on_while_items_are_added_and_removed(start: Start) -> None:
    running = start()
    running.add(*({"id": f"old {n}", "text": f"오래된 물건 {n}", "price": n} for n in range(100)))
    stop = threading.Event()
    found: list[int] = []

    def ask(n: int) -> None:
        with httpx2.Client(base_url=running.url, trust_env=False, timeout=20) as client:
            while not stop.is_set():
                answer = client.post("/v1/search", json={"query": f"물건 {n}", "where": "price >= 0", "limit": 20})
                assert answer.status_code == 200, answer.text
                found.append(len(answer.json()["hits"]))

    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(ask, n) for n in range(4)]
        for batch in range(4):
            rows = [{"id": f"new {batch} {n}", "text": f"새 물건 {batch} {n}", "price": n, "image": picture(seed=n % 3)} for n in range(30)]
            job = running.client.post("/v1/items", json={"items": rows}).json()
            running.client.request("DELETE", "/v1/items", json={"ids": [f"old {batch}"]})
            states = [job["state"]]
            while states[-1] not in ("done", "failed"):
                job = running.client.get(f"/v1/jobs/{job['job']}").json()
                states.append(job["state"])
            assert job["added"] == job["done"] == 30, job
        stop.set()
        [a.result(20) for a in asking]
    end = time.monotonic() + 90
    while running.client.get("/v1/jobs").json()["unfinished"] and time.monotonic() < end:
        time.sleep(0.01)
    assert len(running.service.collection) == 100 - 4 + 120 and found and min(found) == 20


def serve(folder: Path, *arguments: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
    """A service as a process of its own, and its URL."""
    if not folder.exists():
        collection.open(folder, Toy(), words=False).close()
    here = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), **environment}
    command = [sys.executable, "-c", TOY_SERVER, str(folder), "--port", "0", "--create", "--log", "warning", *arguments]
    process = subprocess.Popen(command, env=here, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert " at http://" in line, (line, process.communicate(timeout=10))
    return process, line.split(" at ")[1].split()[0]


def rows(start: int, count: int) -> list[dict[str, Any]]:
    return [{"id": str(n), "text": f"물건 {n}", "image": picture(size=(100, 100), seed=n)} for n in range(start, start + count)]


def test_a_stop_finishes_what_was_accepted(tmp_path: Path) -> None:
    process, url = serve(tmp_path / "c.hannun")
    with httpx2.Client(base_url=url, trust_env=False, timeout=20) as client:
        for n in range(4):
            assert client.post("/v1/items", json={"items": rows(20 * n, 20)}).status_code in (200, 202)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    with open(tmp_path / "c.hannun" / "hannun.json") as f:
        assert json.load(f)
    assert not list((tmp_path / "c.hannun" / "service" / "inbox").glob("*.json"))
    process, url = serve(tmp_path / "c.hannun")
    assert httpx2.get(f"{url}/v1/items/79", trust_env=False).status_code == 200
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_crash_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    process, url = serve(tmp_path / "c.hannun")
    with httpx2.Client(base_url=url, trust_env=False, timeout=20) as client:
        for n in range(4):
            client.post("/v1/items", json={"items": rows(20 * n, 20)})
    process.kill()
    process.communicate(timeout=10)
    process, url = serve(tmp_path / "c.hannun")
    with httpx2.Client(base_url=url, trust_env=False, timeout=20) as client:
        until = time.monotonic() + 90
        while client.get("/v1/jobs").json()["unfinished"]:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert all(client.get(f"/v1/items/{n}").status_code == 200 for n in (0, 39, 79))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


def test_another_process_may_open_it_once_it_has_stopped(start: Start, tmp_path: Path, toy_models: None) -> None:
    running: Running = start(tmp_path / "mine.hannun")
    running.add({"id": "a", "text": "가"})
    with pytest.raises(CollectionBusy):
        collection.open(tmp_path / "mine.hannun")
    running.stop()
    with collection.open(tmp_path / "mine.hannun") as mine:
        assert len(mine) == 1


def test_what_has_come_is_indexed_beside_everything_else(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hannun.serve.http.service._UNINDEXED", 5)
    begun: list[int] = []
    monkeypatch.setattr("hannun.collection.local.Local.optimise", lambda self: begun.append(len(self)) or True)
    running = start()
    running.add({"id": "a", "text": "가"})
    assert not begun
    running.add(*({"id": str(n), "text": f"물건 {n}"} for n in range(6)))
    until = time.monotonic() + 90
    while not begun:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert begun == [7]
