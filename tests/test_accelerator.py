"""benchmarks/accelerator.py goes from its beginning to its end on a CPU, at sizes smaller than its toy's."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs hannun[train]: torch")
pytest.importorskip("transformers", reason="needs hannun[train]: transformers")
pytest.importorskip("sentence_transformers", reason="needs hannun[train]: sentence-transformers")
pytest.importorskip("peft", reason="needs hannun[train]: peft")
pytest.importorskip("accelerate", reason="needs hannun[train]: accelerate")

FILE = Path(__file__).parent.parent / "benchmarks" / "accelerator.py"


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("accelerator_script", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up there
    sys.path.insert(0, str(FILE.parent))  # as for a script that is run
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(FILE.parent))
    del sys.modules[spec.name]


def test_the_script_goes_to_its_end(script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    small = replace(script.TOY, width=32, layers=1, batches=(4,), steps=1, peer=4)
    monkeypatch.setattr(script, "TOY", small)
    monkeypatch.setattr(script.masters, "__defaults__", ((1, 3),))
    monkeypatch.setattr(sys, "argv", [str(FILE), "--toy"])
    script.main()
    told = capsys.readouterr().out
    for name in ("kanana", "jina", "captioner", "sensorlm"):
        assert f"{name}: " in told
    assert told.count("rows_per_second") == 4 and "sentence-transformers " in told and "s in all" in told
    theirs, ours = (float(line.split("loss ")[1]) for line in told.splitlines() if " s a step" in line)
    assert ours == pytest.approx(theirs, abs=0.05)  # the same loss, in bfloat16 in chunks of their own


def test_float32_weights_move_where_bfloat16_ones_do_not(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    script.masters("cpu", (1, 4))
    shares = [line.split(";")[1].split() for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    fp32, bf16, pure = (float(s[-1].rstrip("%")) for s in shares)
    assert fp32 < 5 and bf16 < 5 and pure > 80


def test_without_an_accelerator_it_says_what_runs(script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(script.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", [str(FILE)])
    with pytest.raises(SystemExit):
        script.main()
    assert "--toy runs the same code on a CPU" in capsys.readouterr().err
