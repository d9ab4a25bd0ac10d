"""mini with a head: what it changes, what it leaves alone, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hannun
from hannun.embeddings import Floats
from hannun.errors import InputError
from hannun.item import Content, Image
from hannun.mini.image import STATES, ImageTower
from hannun.mini.model import HERE, Mini
from hannun.mini.text import WIDTH
from hannun.mini.tuned import Tuned, TunedHead, open_tuned
from hannun.train import tune
from tests.conftest import draw


@pytest.fixture(scope="module")
def states() -> Floats:
    return ImageTower(HERE, states=True).states([Image(draw(seed=n)) for n in range(3)])


def head(states: Floats, far: bool = False) -> TunedHead:
    """One that turns every picture that lies near to the first two axes."""
    matrix = np.zeros((STATES, WIDTH), np.float32)
    matrix[:, :2] = 1.0
    middle = states[:1, :WIDTH] * (-1 if far else 1)
    return TunedHead(states.mean(0), states.std(0) + 1e-4, matrix, middle, np.array([0.1, 0.2], np.float32))


def written(folder: Path, given: TunedHead) -> Path:
    tune.write(tune.Tuning(given, Mini().calibration, [], True, ""), folder, {})
    return folder


def test_states_begin_with_the_vector(states: Floats) -> None:
    own = Mini().encode_document([draw(seed=n) for n in range(3)]).dense
    assert states.shape == (3, STATES) and np.abs(states[:, :WIDTH] - own).max() < 1e-5


def test_far_pictures_and_all_texts_stay_minis(tmp_path: Path, states: Floats) -> None:
    near, far = (open_tuned(written(tmp_path / str(f), head(states, f))) for f in (False, True))
    pictures: list[Content] = [draw(seed=n) for n in range(3)]
    mini, words = Mini(), list[Content](["빨간 원피스", {"text": "파란 셔츠"}])
    was = mini.encode_document(pictures).dense
    assert np.abs(far.encode_document(pictures).dense - was).max() < 1e-5 < np.abs(near.encode_document(pictures).dense - was).max()
    assert (near.encode_query(words).dense == mini.encode_query(words).dense).all()
    assert near.fingerprint != far.fingerprint and mini.fingerprint not in (near.fingerprint, far.fingerprint)


def test_a_collection_is_made_anew_by_it_without_torch(tmp_path: Path, states: Floats) -> None:
    model = written(tmp_path / "model", head(states))
    for n in range(2):
        draw(seed=n).save(tmp_path / f"{n}.png")
    shop = hannun.open(tmp_path / "c.hannun")
    shop.add([{"id": str(n), "text": f"글 {n}", "image": str(tmp_path / f"{n}.png")} for n in range(2)])
    shop.close() if hasattr(shop, "close") else None
    lines = (
        "import sys, hannun\n"
        f"c = hannun.open({str(tmp_path / 'c.hannun')!r}); e = hannun.load({str(model)!r})\n"
        "print(c.reindex(e).added, c.settings.fingerprint == e.fingerprint, len(c.search('글')), 'torch' in sys.modules)\n"
    )
    out = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["2", "True", "2", "False"]


def test_what_is_damaged_or_of_another_mini_is_refused(tmp_path: Path, states: Floats) -> None:
    folder = written(tmp_path / "model", head(states))
    assert isinstance(hannun.load(folder), Tuned)
    weights = (folder / "head.npz").read_bytes()
    (folder / "head.npz").write_bytes(weights[:-9] + b"x" * 9)
    with pytest.raises(InputError, match="is not what was written"):
        hannun.load(folder)
    facts = json.loads((folder / "hannun.json").read_text("utf-8"))
    (folder / "hannun.json").write_text(json.dumps(facts | {"mini": "older"}), "utf-8")
    with pytest.raises(InputError, match="tuned from another mini"):
        hannun.load(folder)


def test_the_head_goes_into_the_graph(tmp_path: Path, states: Floats) -> None:
    pytest.importorskip("onnx", reason="onnx is in hannun[train]")
    from hannun.mini.session import open_session
    from hannun.serve.cli.main import run

    folder = written(tmp_path / "model", head(states))
    assert run(["export", str(folder), "--to", str(tmp_path / "onnx")]) == 0
    pixels = np.random.default_rng(1).integers(0, 255, (2, 260, 260, 3), dtype=np.uint8)
    found = open_session(tmp_path / "onnx" / "image.onnx").run(["dense"], {"pixels": pixels})[0]
    from PIL import Image as Pil

    own = hannun.load(folder).encode_document([Pil.fromarray(p) for p in pixels]).dense
    assert np.abs(found - own).max() < 1e-4
    assert (tmp_path / "onnx" / "text.onnx").exists() and (tmp_path / "onnx" / "tokenizer.json").exists()


def test_what_cannot_be_stock_is_said(tmp_path: Path, states: Floats, capsys: pytest.CaptureFixture[str]) -> None:
    from hannun.serve.cli.main import run

    folder = written(tmp_path / "model", head(states))
    assert run(["export", str(folder), "--to", str(tmp_path / "st"), "--format", "sentence-transformers"]) == 1
    assert "cannot be stock sentence-transformers (mini's networks are ONNX graphs" in capsys.readouterr().err
    assert run(["export", str(folder), "--to", str(tmp_path / "st"), "--format", "onxx"]) == 1
    assert "did you mean 'onnx'" in capsys.readouterr().err
