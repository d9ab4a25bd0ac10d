"""Accepted work is done: while searches go on, through a full stop, and through a crash."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hannun import collection
from hannun.collection import Report
from hannun.errors import CollectionBusy, MissingError
from hannun.serve.http.jobs import Busy, Jobs
from tests.conftest import ROOT
from tests.serve.conftest import Running, Start, picture
from tests.toy import Toy

TOY_SERVER = """
import sys, hannun.load, hannun.collection
from tests.conftest import toy
sys.modules["hannun.load"].load = hannun.collection.load = toy
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
    until = time.monotonic() + 90
    while running.client.get("/v1/jobs").json()["unfinished"] and time.monotonic() < until:
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
    monkeypatch.setattr(collection.Collection, "optimise", lambda self: begun.append(len(self)) or True)
    running = start()
    running.add({"id": "a", "text": "가"})
    assert not begun
    running.add(*({"id": str(n), "text": f"물건 {n}"} for n in range(6)))
    until = time.monotonic() + 90
    while not begun:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert begun == [7]
