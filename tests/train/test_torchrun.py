"""A whole recipe under torchrun: one command, told and written once, that ends where one process does; and what is refused."""

from __future__ import annotations

import csv
import random
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import child

pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")
pytest.importorskip("daft", reason="Daft is in the [users] extra")

import torch

from hannun.models.sequence.folder import open_users
from hannun.serve.cli.main import run

FEW = ["steps=4", "batch=10", "dims=16,8", "weights.passes=0", "weights.dropout=0"]


def launched(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in two processes."""
    process = child("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "hannun", *arguments)
    out, err = process.communicate(timeout=600)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def test_two_processes_are_one_command_and_end_where_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    draw = random.Random(0)
    rows = [(f"u{u}", f"i{u % 4}-{draw.randrange(5)}", f"2026-01-{draw.randrange(1, 29):02}") for u in range(31) for _ in range(6)]
    with (tmp_path / "log.csv").open("w") as f:
        csv.writer(f).writerows([("user", "item", "time"), *rows])
    # Of 31 users the fourth batch holds one, whom both processes read.
    words = ["users", "train", str(tmp_path / "log.csv"), *(w for each in FEW for w in ("--set", each))]
    done = launched(*words, "--to", str(tmp_path / "two"))
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("wrote") == 1 and done.stdout.count("nDCG@10") == 1
    for told in ("186 events of 31 users", "about ", "step 4/4"):
        assert len(re.findall(f"^{told}", done.stderr, re.M)) == 1, done.stderr
    assert [f.parent.name for f in tmp_path.rglob("recipe.json")] == ["two.work"]
    assert len((tmp_path / "two.work/run/log.jsonl").read_text().splitlines()) == 1
    assert run([*words, "--to", str(tmp_path / "one")]) == 0
    one, two = (open_users(tmp_path / n).state_dict() for n in ("one", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-5)


def test_what_one_process_alone_can_do_is_refused_in_one_line(tmp_path: Path) -> None:
    done = launched("train", "korean_diffusion", "--data", str(tmp_path), "--work", str(tmp_path / "work"))
    said = [line for line in done.stderr.splitlines() if "error: " in line]
    assert done.returncode and said == [
        "error: the recipe korean_diffusion runs in one process, and 2 were started; start it without torchrun"
    ]
