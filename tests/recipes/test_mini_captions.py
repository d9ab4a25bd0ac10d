"""A captioner's first layer fitted to another picture network: what it makes of a place stays, and the file says it in int8."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is in the [train] extra")

from hannun.mini.captions import FOLDER  # noqa: E402
from hannun.mini.model import HERE  # noqa: E402
from hannun.recipes.mini import captions  # noqa: E402


def places(layer: captions.FirstLayer, n: int, seed: int) -> captions.Doubles:
    x: captions.Doubles = np.random.default_rng(seed).normal(size=(n, len(layer.mean))) * layer.spread + layer.mean
    return x


def test_a_network_that_says_the_same_in_other_channels_loses_nothing() -> None:
    layer = captions.read(onnx.load(str(HERE / FOLDER / "look.onnx")))
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(len(layer.mean),) * 2))[0]
    old, fresh = places(layer, 2500, 1), places(layer, 300, 2)
    made = captions.fitted(layer, old, old @ turn + 1)
    assert captions.explained(layer(fresh), made(fresh @ turn + 1)) > 0.999
    assert captions.explained(layer(fresh), layer(fresh @ turn + 1)) < 0.5  # as it was, it would read them wrongly


def test_the_file_holds_the_layer_that_was_written() -> None:
    model = onnx.load(str(HERE / FOLDER / "look.onnx"))
    layer = captions.read(model)
    half = captions.FirstLayer(layer.mean + 1, layer.spread * 2, layer.weight / 2, layer.bias - 1)
    again = captions.read(captions.write(model, half))
    fresh = places(half, 200, 3)
    assert captions.explained(half(fresh), again(fresh)) > 0.999
    np.testing.assert_allclose(again.mean, half.mean, rtol=1e-6)


def test_the_share_that_is_explained_by_hand() -> None:
    wanted = np.array([[0.0], [2.0]])  # variance about its mean 1: 1 + 1
    assert captions.explained(wanted, np.array([[0.0], [2.0]])) == 1
    assert captions.explained(wanted, np.array([[1.0], [1.0]])) == 0
    assert captions.explained(wanted, np.array([[0.0], [1.0]])) == 0.5
