"""The same plan on a local Ray cluster of several processes, one of whose workers is killed midway: the same output, nothing lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("daft", reason="daft is in hannun[curate]")
pytest.importorskip("ray", reason="ray is in hannun[cluster-curate]")
pytest.importorskip("ko_pii", reason="ko-pii is in hannun[curate]")

from hannun.curate import run as factory
from hannun.curate.runner import Runner
from tests.conftest import child
from tests.curate import world
from tests.curate.test_run import hashes, plan

#: Every task of `finish` says who does it and takes a while, so that its worker can be killed in the middle of it.
ON_RAY = """
import json, os, signal, sys, threading, time
from pathlib import Path
import ray
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR", object_store_memory=256 * 2**20)
try:
    ray.get(ray.remote(lambda: 1).remote(), timeout=60)
except ray.exceptions.GetTimeoutError:
    sys.exit(75)  # the machine is too busy to start one worker
from hannun.curate import run as factory
from hannun.curate.runner import Runner
from hannun.curate.stages import finish as stage
from tests.curate import world
from tests.curate.test_run import plan

source, out, notes = map(Path, sys.argv[1:4])
real = stage.finish

def finish(p, task):
    place = notes / f"{task}.{os.getpid()}"
    place.write_text("")
    time.sleep(1.0)
    return real(p, task)

finish.__name__ = "finish"
stage.finish = finish
killed = []

def kill():
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for place in sorted(notes.glob("*.*")):
            pid = int(place.name.split(".")[1])
            if pid != os.getpid():
                os.kill(pid, signal.SIGKILL)
                killed.append(place.name)
                return
        time.sleep(0.05)

threading.Thread(target=kill, daemon=True).start()
result = factory.run([source], plan(out, rules=world.rules(shard=20, near=None)), Runner(workers=2, ray="local"))
ray.shutdown()
tasks = [p.name.split(".")[0] for p in notes.glob("*.*")]
print(json.dumps({
    "shards": {k: s["sha256"] for k, s in result.manifest["shards"].items()}, "counts": dict(result.tally.counts),
    "killed": killed, "again": sorted({t for t in tasks if tasks.count(t) > 1}),
    "workers": len({p.name.split(".")[1] for p in notes.glob("*.*")}),
}))
"""


def test_a_worker_killed_midway_loses_nothing(tmp_path: Path) -> None:
    source = world.make(tmp_path / "raw")
    (tmp_path / "notes").mkdir()
    here = factory.run([source], plan(tmp_path / "here", rules=world.rules(shard=20, near=None)), Runner())
    process = child("-c", ON_RAY, str(source), str(tmp_path / "there"), str(tmp_path / "notes"))
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    if process.returncode == 75:
        pytest.skip("Ray could not start a worker within 60 s on this machine")
    assert process.returncode == 0, err[-3000:]
    there = json.loads(out.strip().splitlines()[-1])
    assert there["shards"] == hashes(here) and there["counts"] == dict(here.tally.counts)
    assert len(there["killed"]) == 1 and there["killed"][0].split(".")[0] in there["again"]  # the killed task was done once more
    assert there["workers"] >= 2  # by another process
