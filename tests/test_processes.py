"""Several processes of one command: the first one tells, one fails for all, and what they share is made once or in turn."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from hannun import processes
from hannun.errors import InputError
from tests.conftest import child

pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")

WORKER = """
import sys
from pathlib import Path
from hannun.errors import HannunError
from hannun.processes import Stopped, in_turn, once, together, wait, world

case, file = sys.argv[1], Path(sys.argv[2])
def refused():
    raise HannunError("this cannot be")
def noted():
    with file.open("a") as f:
        f.write(str(world()[0]))
    return file.read_text()
try:
    with together():
        print("here")
        assert once(lambda: world()) == (0, 2)
        found = in_turn(noted)
        assert found == "01"[: world()[0] + 1], found
        if case == "one fails" and world()[0] == 1:
            refused()
        if case == "all fail":
            once(refused)
        wait()
except Stopped:
    raise SystemExit(1)
except HannunError as e:
    print(f"error: {e}", file=sys.stderr)
    raise SystemExit(1)
"""


@pytest.mark.parametrize("case", ["none fails", "one fails", "all fail"])
def test_the_processes_are_one_command(case: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = []
    for rank in (0, 1):
        setup = f"import os\nos.environ.update(RANK='{rank}', LOCAL_RANK='{rank}', WORLD_SIZE='2', OMP_NUM_THREADS='1', "
        setup += f"ACCELERATE_USE_CPU='true', MASTER_ADDR='127.0.0.1', MASTER_PORT='{port}')\n"
        running.append(child("-c", setup + WORKER, case, str(tmp_path / "turns")))
    said = [p.communicate(timeout=600) for p in running]
    failed = case != "none fails"
    assert [p.returncode for p in running] == [failed, failed], said
    assert [out for out, _ in said] == ["here\n", ""]
    lines = [line for _, err in said for line in err.splitlines() if "Error" in line or "error" in line]
    assert lines == ["error: this cannot be"] * failed


def test_alone_is_said_to_whoever_was_started_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    processes.alone("hannun tune")
    monkeypatch.setenv("WORLD_SIZE", "4")  # as a cluster says it of its machines
    processes.alone("hannun tune")
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(InputError, match="hannun tune runs in one process, and 4 were started"):
        processes.alone("hannun tune")
