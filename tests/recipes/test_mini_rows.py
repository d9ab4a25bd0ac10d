"""Heads at 8 bits by row, scenes of classes, and the gate of the build without photos. Nothing here needs the data folder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="writing graphs is for training")
from hannun.mini.graph import Graph
from hannun.recipes.mini import rows, scenes


def graph() -> Any:
    """A body (x · frozen = mean), a product and a table behind it, and a gate of at most 2."""
    from onnx import TensorProto

    rng, g = np.random.default_rng(0), Graph()

    def half(name: str, shape: tuple[int, int]) -> str:
        g.constant((rng.normal(size=shape) * rng.uniform(0.1, 10, (1, shape[1]))).astype(np.float16), f"{name}.half")
        return g.node("Cast", [f"{name}.half"], name, to=TensorProto.FLOAT)[0]

    g.node("MatMul", ["x", half("frozen", (128, 128))], "mean")
    product = g.node("MatMul", ["mean", half("product", (128, 256))], "product.out")[0]
    small = g.node("MatMul", [product, half("small", (256, 2))], "small.out")[0]
    g.node("Gather", [half("table", (256, 128)), g.constant(np.array([3, 5]), "which")], "named", axis=0)
    g.node("Sigmoid", [small], "sure")
    g.node("Constant", [], "limit", value_float=2.0)
    g.nodes[-1].ClearField("attribute")
    from onnx import helper, numpy_helper

    g.nodes[-1].attribute.append(helper.make_attribute("value", numpy_helper.from_array(np.float32(2.0))))
    g.node("Mul", ["limit", "sure"], "gate")
    outputs = [(n, "FLOAT", ["n", "k"]) for n in ("mean", "product.out", "named", "gate")]
    return g.model("one", [("x", "FLOAT", ["n", 128])], outputs)


def run(model: Any) -> list[Any]:
    import onnxruntime as ort

    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(1).normal(size=(4, 128)).astype(np.float32)
    out: list[Any] = session.run(None, {"x": x})
    return out


def test_heads_become_bytes_and_bodies_stay() -> None:
    before, model = run(graph()), rows.by_rows(graph())
    kept = {t.name: t for t in model.graph.initializer}
    assert {"frozen.half", "small.half", "product.byte", "product.scale", "table.byte", "table.scale", rows.MOST} <= set(kept)
    assert not {"product.half", "table.half"} & set(kept)
    assert list(kept["product.scale"].dims) == [1, 256] and list(kept["table.scale"].dims) == [256, 1]
    after = run(model)
    np.testing.assert_array_equal(before[0], after[0])  # the body
    for was, now in zip(before[1:], after[1:], strict=True):
        assert (was * now).sum() / np.linalg.norm(was) / np.linalg.norm(now) > 0.9999


def test_done_twice_it_changes_nothing() -> None:
    once = rows.by_rows(graph()).SerializeToString()
    import onnx

    assert rows.by_rows(onnx.load_from_string(once)).SerializeToString() == once


def test_every_scene_is_of_classes_and_in_both_languages() -> None:
    table = scenes.scenes()
    assert min(table) >= 0 and max(table) <= 999 and len(table) > 700
    for korean, english in table.values():
        assert all(any("가" <= c <= "힣" for c in t) for t in korean) and all(t.isascii() and t.strip() == t for t in english)
    assert "강아지" in table[207][0] and "dog" in table[207][1]  # a golden retriever
    assert any("soccer" in t for t in table[805][1])


def test_a_class_is_its_names_and_as_much_its_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "scenes", lambda: {1: (("개",), ("a dog", "dog"))})
    vectors = {"개": np.float32([0, 2]), "a dog": np.float32([3, 0]), "dog": np.float32([0, 1])}
    both = scenes.with_scenes(np.full((2, 4, 2), 7, np.float32), vectors)
    assert both.shape == (2, 8, 2) and (both[0] == 7).all() and (both[:, :4] == 7).all()
    np.testing.assert_allclose(both[1, 4:6], [[0, 1]] * 2)  # the Korean scene, of length 1
    np.testing.assert_allclose(both[1, 6:], [[2**-0.5, 2**-0.5]] * 2)  # the mean of two unit vectors at a right angle


def test_the_gate_is_fitted_to_photos_and_keeps_what_drawings_had() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini import free
    from hannun.recipes.mini.backbone import CELL, MAP
    from hannun.recipes.mini.pools import Views
    from tests.recipes.test_mini import untrained

    rng, n = np.random.default_rng(0), 24
    cells = rng.random((n, 9, CELL)).astype(np.float16)
    cells[: n // 2] += 3  # what photos are like, here
    maps = rng.random((n, 81, MAP)).astype(np.float16)
    share, classes = np.full((n, 20), 0.05, np.float16), np.tile(np.arange(20, dtype=np.int16), (n, 1))
    views = Views([maps], np.zeros(n, np.int64), np.arange(n), cells, share, classes, {})
    towers = untrained().eval()
    free.gate(towers, views, list(range(n // 2)), list(range(n // 2, n)), aim=4.0)
    with torch.no_grad():
        fitted = towers.picture(*views.take(range(n))[:3], towers.classes()[views.take(range(n))[3]])[2]
    assert towers.picture.most == free.MOST
    assert fitted[: n // 2].mean().item() == pytest.approx(4.0, abs=0.5)
    assert fitted[n // 2 :].mean().item() == pytest.approx(2 / (1 + np.e), abs=0.3)  # 2 · sigmoid(−1), as untrained


def test_the_head_becomes_the_map_that_was_solved() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini import ridge
    from hannun.recipes.mini.backbone import CELL, DEEP, MAP
    from tests.recipes.test_mini import untrained

    basis = ridge.beside_the_mean(6)
    assert torch.allclose(basis.T @ basis, torch.eye(5), atol=1e-5) and torch.allclose(basis.sum(0), torch.zeros(5), atol=1e-5)
    head = untrained().eval().picture
    head.most = 0.0  # what is seen, alone
    maps = torch.rand(1, 1, MAP).expand(3, 81, MAP) + torch.rand(3, 1, 1)  # every place alike, so that all parts agree
    linear = ridge.Linear(torch.randn(384, DEEP), torch.zeros(384, CELL), 1.0)
    ridge.become(head, linear, torch.zeros(0, 384))
    deep = ((head.top(maps)[1].mean(1) - head.deep_mean) / head.deep_spread).clamp(-6, 6)
    wanted = torch.nn.functional.normalize((deep @ linear.deep.T)[:, :-1], dim=-1)
    seen, _, _ = head(maps, torch.zeros(3, 9, CELL), torch.full((3, 20), 0.05), torch.randn(3, 20, 384))
    assert torch.allclose(seen[:, :-1], wanted, atol=1e-3) and torch.allclose(seen[:, -1], torch.zeros(3), atol=1e-5)


def test_a_map_that_is_there_is_found_again() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini import ridge
    from hannun.recipes.mini.backbone import CELL, DEEP

    torch.manual_seed(0)
    few = torch.randn(300, 12)
    x = torch.nn.functional.pad(few, (0, DEEP + CELL - 12))
    y = torch.nn.functional.normalize(few @ torch.randn(12, 384), dim=-1)
    found = ridge.solved(x, y, torch.ones(300))
    told = torch.nn.functional.normalize(x[:, :DEEP] @ found.deep.T, dim=-1)
    assert (told * torch.nn.functional.normalize(y - y.mean(0), dim=-1)).sum(1).mean() > 0.97
    assert found.deep[:, 12:].abs().max() < 1e-4
