"""The pair factory, stopped or refused at every step of its writing: the run that follows ends as one that nothing disturbed."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("daft", reason="daft is in hannun[curate]")
pytest.importorskip("ko_pii", reason="ko-pii is in hannun[curate]")

from hannun.curate import run as factory
from hannun.curate.runner import Runner
from hannun.errors import CollectionBusy
from tests.conftest import Tally, child
from tests.curate import world
from tests.curate.test_run import hashes, plan
from tests.faults import LONG

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and reads /proc")

MOST = None if LONG else 6  # steps that are tried of each kind of fault

#: Every attempt runs all stages in one forked process, the tasks one after another; what it made is told as hashes.
EVERY_STEP = """
import hashlib, json, shutil, sys
from pathlib import Path
from hannun.curate import run as factory
from hannun.curate.runner import run_task
from hannun.errors import HannunError
from tests.curate.test_run import plan
from tests.faults.steps import attempt, imported, spread

class InLine:
    workers, ray = 1, None
    def map(self, stage, tasks):
        for task in tasks:
            result = json.loads(run_task(stage, task))
            if "error" in result:
                raise HannunError(result["error"])
            yield result

source, place, how, most = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])

def made(out):
    result = factory.run([source], plan(out), InLine())
    files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted((out / "shards").iterdir())}
    said = {n: s["sha256"] for n, s in result.manifest["shards"].items()}
    left = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.suffix == ".part" or p.name == "work")
    rows = sorted(json.dumps(r, sort_keys=True) for r in factory.ledger(out))
    return {"files": files, "said": said, "left": left, "tally": result.tally.plain(), "ledger": rows}

whole = attempt(lambda: made(place / "whole"), place / "whole")
assert whole["status"] == 0, whole["said"]
imported(whole["modules"])
bad, ends = [], {}
for at in spread(len(whole["steps"]), most):
    out = place / "broken"
    shutil.rmtree(out, ignore_errors=True)
    first = attempt(lambda: made(out), out, at, how)
    ends[first["status"]] = ends.get(first["status"], 0) + 1
    again = attempt(lambda: made(out), out)
    name = f"{at}: {whole['steps'][at - 1]}"
    if first["status"] == 4 or again["status"] or again.get("gave") != whole["gave"]:
        bad.append([name, first.get("said"), again.get("said") or [k for k in whole["gave"] if again["gave"][k] != whole["gave"][k]]])
print(json.dumps({"steps": len(whole["steps"]), "ends": ends, "bad": bad, "gave": whole["gave"]["files"]}))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.make(tmp_path_factory.mktemp("world") / "raw", good=12)


def told(*arguments: str) -> dict[str, Any]:
    """What a child printed as JSON on its last line."""
    process = child("-c", *arguments)
    out, err = process.communicate(timeout=3600 if LONG else 300)
    assert process.returncode == 0, err[-3000:]
    return dict(json.loads(out.splitlines()[-1]))


@pytest.mark.parametrize("how", ["kill", "refuse"])
def test_every_step(source: Path, tmp_path: Path, how: str, tally: Tally) -> None:
    """Killed, the process is simply gone; refused (a full disk), the run ends with one line, never with a traceback."""
    found = told(EVERY_STEP, str(source), str(tmp_path), how, json.dumps(MOST))
    tally(f"steps of curate, each {'killed' if how == 'kill' else 'refused as by a full disk'}", sum(found["ends"].values()))
    assert not found["bad"], "\n".join(map(str, found["bad"]))
    assert found["steps"] > 60 and len(found["gave"]) >= 3  # folders, parts, tallies, shards: none is written unseen
    assert set(found["ends"]) == {"137"} if how == "kill" else {"3"} <= set(found["ends"]) <= {"0", "3"}  # 0: while tidying up


#: A worker of a killed run that is still at its task: it waits in the middle of writing a shard until it is told to go on.
LEFT_OVER = """
import contextlib, os, sys, time
from pathlib import Path
from hannun import shards
from hannun.curate import run as factory
from tests.curate.test_run import plan

source, out, note, go = map(Path, sys.argv[1:5])
real = shards.write

def slow(path, rows):
    def waiting():
        for n, row in enumerate(rows):
            if n == 1 and path.name == "train-000.tar":
                note.touch()
                while not go.exists():
                    time.sleep(0.02)
            yield row
    return real(path, waiting())

shards.write = slow
if sys.argv[5] == "alone":
    out.mkdir()
    factory._owned = lambda out: contextlib.nullcontext()  # the lock of the run went with the run, which was killed
    factory._close = lambda *_: os._exit(0)  # as a worker ends: at once, with whatever threads it has
factory.run([source], plan(out))
"""


def waited_for(place: Path, process: Any) -> None:
    for _ in range(6000):
        if place.exists():
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    raise AssertionError(f"{place} did not come")


def test_a_worker_left_over_from_a_killed_run(source: Path, tmp_path: Path) -> None:
    """It holds `train-000.tar` half written when the next run comes to the same shard: both end well, with the same bytes."""
    whole = factory.run([source], plan(tmp_path / "whole"))
    out, note, go = tmp_path / "out", tmp_path / "note", tmp_path / "go"
    old = child("-c", LEFT_OVER, str(source), str(out), str(note), str(go), "alone")
    waited_for(note, old)
    new = child("-c", LEFT_OVER, str(source), str(out), str(tmp_path / "note2"), str(tmp_path / "go2"), "run")
    time.sleep(6)  # time to come to the shard, and to open it if it may
    for process, told in ((old, go), (new, tmp_path / "go2")):
        told.touch()
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert hashes(factory.run([source], plan(out))) == hashes(whole)


def test_one_run_at_a_time(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factory, "_GOING_DOWN", 0.1)
    out = tmp_path / "out"
    first = child("-c", LEFT_OVER, str(source), str(out), str(tmp_path / "note"), str(tmp_path / "go"), "run")
    waited_for(tmp_path / "note", first)
    with pytest.raises(CollectionBusy, match="another run is at work in this folder"):
        factory.run([source], plan(out))
    (tmp_path / "go").touch()
    _, err = first.communicate(timeout=120)
    assert first.returncode == 0, err


RUN = """
import sys, time
from pathlib import Path
from hannun.curate import run as factory
from hannun.curate.runner import Runner
from tests.curate import world
from tests.curate.test_run import plan

print("begun", flush=True)
factory.run([Path(sys.argv[1])], plan(Path(sys.argv[2]), rules=world.rules(shard=4)), Runner(workers=2))
"""


def offspring(pid: int) -> list[int]:
    """The processes that a process started."""
    return [int(c) for t in Path(f"/proc/{pid}/task").glob("*/children") for c in t.read_text().split()]


def alive(pid: int) -> bool:
    """Whether it runs: what has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_kill_9_with_workers(source: Path, tmp_path: Path, tally: Tally) -> None:
    """Killed at moments spread over its work; its workers end by themselves, and the last run ends as an undisturbed one."""
    alike = world.rules(shard=4)
    whole = factory.run([source], plan(tmp_path / "whole", rules=alike))
    out = tmp_path / "out"
    kills = 20 if LONG else 1
    tally("kills of curate with its workers", kills)
    for number in range(kills):
        process = child("-c", RUN, str(source), str(out))
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        workers: list[int] = []
        until = time.monotonic() + 60
        while not workers and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
            workers = offspring(process.pid)
        time.sleep(0.4 * (number % 10))
        workers = sorted({*workers, *offspring(process.pid)})
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        until = time.monotonic() + 60
        while any(map(alive, workers)) and time.monotonic() < until:
            time.sleep(0.1)
        assert not [w for w in workers if alive(w)]
    result = factory.run([source], plan(out, rules=alike), Runner(workers=2))
    assert hashes(result) == hashes(whole) and result.tally.plain() == whole.tally.plain()
    assert not (out / "work").exists()
