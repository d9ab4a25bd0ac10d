"""`hannun export`: two towers to ONNX in float32 and int8, the same vectors without torch, and what cannot be exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs hannun[train]: torch")
pytest.importorskip("transformers", reason="needs hannun[train]: transformers")
pytest.importorskip("sentence_transformers", reason="needs hannun[train]: sentence-transformers")
onnx = pytest.importorskip("onnx", reason="needs hannun[train]: onnx")

import onnxruntime  # noqa: E402

from hannun.item import item  # noqa: E402
from hannun.models.backbones import tiny  # noqa: E402
from hannun.models.checkpoint import save  # noqa: E402
from hannun.models.one_sequence import Conventions, OneSequence  # noqa: E402
from hannun.models.two_tower import TwoTower  # noqa: E402
from hannun.serve.cli.main import run  # noqa: E402
from tests.conftest import draw  # noqa: E402

TEXTS = ["빨간 줄무늬 원피스", "a", "아주 긴 글이 하나 있다. 그리고 더 있다."]


@pytest.fixture(scope="module", params=["clip", "siglip"])
def model(request: pytest.FixtureRequest) -> TwoTower:
    return TwoTower.dual(*getattr(tiny, request.param)(TEXTS)).eval()


def vectors(file: Path, inputs: dict[str, Any]) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(file))
    assert {i.name for i in session.get_inputs()} == set(inputs)
    out: np.ndarray = session.run(None, {k: v.numpy() for k, v in inputs.items()})[0]
    return out


@pytest.mark.parametrize("int8", [False, True])
def test_the_files_give_the_models_vectors(model: TwoTower, tmp_path: Path, int8: bool, capsys: pytest.CaptureFixture[str]) -> None:
    save(model, tmp_path / "m")
    assert run(["export", str(tmp_path / "m"), "--to", str(tmp_path / "onnx"), *(["--int8"] if int8 else [])]) == 0
    said = capsys.readouterr().out
    assert "text.onnx" in said and "image.onnx" in said and "MB" in said
    facts = json.loads((tmp_path / "onnx/export.json").read_text())
    assert facts["dim"] == model.dim and facts["int8"] is int8
    pictures = [draw(size=(40, 60), seed=n) for n in range(3)]
    with torch.inference_mode():
        text = model(model.collate([item(t) for t in TEXTS], "query")).dense.numpy()
        image = model(model.collate([item(p) for p in pictures], "document")).dense.numpy()
    for name, inputs, own in (("text", model.tokens(TEXTS), text), ("image", model.pixels(pictures), image)):
        file = tmp_path / "onnx" / f"{name}.onnx"
        assert (vectors(file, inputs) * own).sum(axis=1).min() > (1 - lost_by_rounding(file) if int8 else 1 - 1e-5)


def lost_by_rounding(file: Path) -> float:
    """The cosine that rounding costs: half the power of its noise, added up over the matrix products.

    A step s rounds with the power s²/12. Weights and activations, taken as normal values that reach three deviations, are rounded in
    63 steps on each side of zero (7 bits) and in 255 steps from end to end (8 bits).
    """
    noise = (3 / 63) ** 2 / 12 + (6 / 255) ** 2 / 12
    products = sum(node.op_type == "MatMulInteger" for node in onnx.load(file).graph.node)
    assert products or file.name == "image.onnx"
    return 1e-5 + products * noise / 2


def test_what_cannot_be_exported_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    save(OneSequence(*tiny.llava(TEXTS), Conventions()), tmp_path / "llava")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    for arguments, said in (
        ([str(tmp_path / "none")], "no such folder"),
        (["mini"], "mini: is ONNX as it comes, in "),
        ([str(tmp_path / "empty")], "holds no trained model"),
        ([str(tmp_path / "llava"), "--to", str(tmp_path / "x")], "expected two towers"),
        ([str(tmp_path / "llava"), "--to", str(tmp_path / "full")], "is there already"),
    ):
        assert run(["export", *arguments]) == 1
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
    assert (tmp_path / "full/mine.txt").read_text() == "mine" and not (tmp_path / "x").exists()
