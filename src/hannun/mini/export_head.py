"""A head goes in; mini's picture network with the head in its graph comes out as one ONNX file (needs the package onnx, not torch).

The file's outputs are image.onnx's own; `dense` is the tuned vector, so that whatever reads mini's files reads these.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from hannun.mini.graph import Graph
from hannun.mini.image import DEEP, LOOKS, STATES
from hannun.mini.session import open_session
from hannun.mini.text import WIDTH
from hannun.mini.tuned import CLIP, TunedHead

OWN = "dense.mini"  # the untuned vector inside the new graph


def with_head(image: Path, head: TunedHead) -> Any:
    """The `onnx.ModelProto` of an image.onnx and a head."""
    model = onnx.load(str(image))
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [OWN if n == "dense" else n for n in names]
    added = Graph()
    _build(added, head)
    model.graph.node.extend(added.nodes)
    model.graph.initializer.extend(added.constants)
    onnx.checker.check_model(model)
    return model


def _build(g: Graph, head: TunedHead) -> None:
    """Nodes from the states to `dense`."""

    def number(name: str, value: float) -> str:
        return g.constant(np.array(value, np.float32), f"head.{name}")

    def integers(name: str, *values: int) -> str:
        return g.constant(np.array(values, np.int64), f"head.{name}")

    def values(name: str, array: npt.NDArray[Any]) -> str:
        return g.constant(array.astype(np.float32), f"head.{name}")

    def put(kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        return g.node(kind, inputs, f"head.{name}", **attributes)[0]

    first, cells, across = integers("first", 0), integers("cells", 1), integers("across", 1)
    whole = put("Squeeze", "whole", put("Slice", "sliced", DEEP, first, integers("one", 1), across), cells)
    mean = put("ReduceMean", "looks", LOOKS, axes=[1], keepdims=1)
    square = put("ReduceMean", "squares", put("Pow", "apart", put("Sub", "off", LOOKS, mean), number("two", 2.0)), axes=[1], keepdims=0)
    states = put("Concat", "states", OWN, whole, put("Squeeze", "mean_looks", mean, cells), put("Sqrt", "spread_looks", square), axis=1)
    scaled = put("Div", "scaled", put("Sub", "centred", states, values("mean", head.mean)), values("spread", head.spread))
    bounded = put("Clip", "bounded", scaled, number("low", -CLIP), number("high", CLIP))
    matrix = values("matrix", head.matrix / np.sqrt(STATES))
    moved = put("MatMul", "moved", bounded, matrix)
    near = put("MatMul", "cosines", OWN, values("centres", head.centres.T))
    nearest = put("ReduceMax", "nearest", near, axes=[1], keepdims=1)
    begin, width = float(head.near[0]), max(float(head.near[1] - head.near[0]), 1e-6)
    ramp = put("Div", "ramp", put("Sub", "beyond", nearest, number("begin", begin)), number("width", width))
    gate = put("Clip", "gate", ramp, number("zero", 0.0), number("full", 1.0))
    summed = put("Add", "summed", OWN, put("Mul", "weighed", gate, moved))
    length = put("ReduceL2", "length", summed, axes=[1], keepdims=1)
    g.node("Div", [summed, length], "dense")


def export(head: TunedHead, mini: Path, folder: Path) -> float:
    """Write image.onnx with the head, and mini's text.onnx and tokenizer.json, into a folder that is there.

    Returns the smallest cosine of its vectors to the head's own over probe pictures.
    """
    onnx.save(with_head(mini / "image.onnx", head), str(folder / "image.onnx"))
    for name in ("text.onnx", "tokenizer.json"):
        (folder / name).write_bytes((mini / name).read_bytes())
    pixels = np.random.default_rng(0).integers(0, 255, (4, 260, 260, 3), dtype=np.uint8)
    found = open_session(folder / "image.onnx").run(["dense"], {"pixels": pixels})[0]
    own, deep, looks = open_session(mini / "image.onnx", inner=(DEEP, LOOKS)).run(["dense", DEEP, LOOKS], {"pixels": pixels})
    states = np.concatenate([own, deep[:, 0], looks.mean(axis=1), looks.std(axis=1)], axis=1)
    assert states.shape[1] == STATES and found.shape[1] == WIDTH
    return float((found * head.vectors(states)).sum(axis=1).min())
