"""Nothing is recorded of a use: encoding, indexing and searching leave an empty home empty."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hannun import runtime
from hannun.mini.model import HERE
from tests.conftest import ROOT, draw

USE = """
import sys
from pathlib import Path
import hannun
from hannun.serve.cli.main import run

hannun.load("mini").encode_document(["빨간 원피스", {"image": Path("a.png")}])
assert run(["index", "a.png", "rows.csv", "--to", "shop.hannun"]) == 0
assert run(["search", "빨간 원피스", "--in", "shop.hannun", "--words", "0.5"]) == 0
"""


def test_an_empty_home_stays_empty(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    draw(seed=1).save(work / "a.png")
    (work / "rows.csv").write_text("id,text\n1,빨간 원피스\n2,파란 코트\n", "utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("XDG_") and k not in ("MPLCONFIGDIR", "ORT_DISABLE_TELEMETRY")}
    here = {**kept, "HOME": str(home), "USERPROFILE": str(home), "PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", USE], cwd=work, env=here, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [str(p.relative_to(home)) for p in home.rglob("*")] == []


def test_onnxruntime_is_loaded_in_one_place() -> None:
    """A module that imports it by itself would set its recorder going; what only types name is not imported."""
    found: set[str] = set()
    for file in (ROOT / "src" / "hannun").rglob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        types = {
            n
            for branch in ast.walk(tree)
            if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.dump(branch.test)
            for n in ast.walk(branch)
        }
        for node in ast.walk(tree):
            names = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            if node not in types and any(n.split(".")[0] == "onnxruntime" for n in names):
                found.add(file.relative_to(ROOT / "src" / "hannun").as_posix())
    assert found == {"runtime.py", "models/export/onnx.py", "models/export/captions.py"}  # these after the first: a part of it


def test_a_choice_of_ones_own_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = ModuleType("onnxruntime")
    monkeypatch.setitem(sys.modules, "onnxruntime", stand_in)
    for own, then in ((None, "1"), ("0", "0")):
        monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
        if own is not None:
            monkeypatch.setenv("ORT_DISABLE_TELEMETRY", own)
        assert runtime.onnxruntime() is stand_in and os.environ["ORT_DISABLE_TELEMETRY"] == then


OWN = """
import hannun
hannun.load("mini").encode_query(["빨간 원피스"])
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon:")) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_loading_took_goes_back_to_the_system() -> None:
    """The text network has 27 MB in its file and 38 MB unfolded; without giving back, a process stands at 600 MB of its own."""
    done = subprocess.run(
        [sys.executable, "-c", OWN], env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 300


def test_a_lean_session_gives_the_same_numbers() -> None:
    ort, found = runtime.onnxruntime(), []
    feeds = {"ids": np.array([[0, 41, 1234, 999, 2]]), "mask": np.ones((1, 5), np.int32)}
    for lean in (False, True):
        options = ort.SessionOptions()
        if lean:
            runtime.lean(options)
        session = ort.InferenceSession(str(HERE / "text.onnx"), options, providers=["CPUExecutionProvider"])
        found.append(session.run(["dense"], feeds)[0])
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)
