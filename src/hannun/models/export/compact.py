"""An ONNX model goes in; the same with its large weights in 8 bits, a quarter of the bytes, comes out.

Each row or column of a matrix (each filter of a convolution) has a scale of its own. The graph begins with a cast and a product for each,
which onnxruntime works out once when the file is opened: what is computed afterwards is in float32, as before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hannun.embeddings import Floats

LARGE = 2_048  # values: smaller ones (biases, scales) are not worth a node


def in_eight_bits(model: bytes) -> bytes:
    """The model with 8-bit weights."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = onnx.load_model_from_string(model)
    kept: list[Any] = []
    unfolding: list[Any] = []
    for weight in graph.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or values.ndim < 2 or values.size < LARGE:
            kept.append(weight)
            continue
        whole, scale = eight_bits(values)
        kept += [numpy_helper.from_array(whole, f"{weight.name}.whole"), numpy_helper.from_array(scale, f"{weight.name}.scale")]
        unfolding += [
            helper.make_node("Cast", [f"{weight.name}.whole"], [f"{weight.name}.plain"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{weight.name}.plain", f"{weight.name}.scale"], [weight.name]),
        ]
    nodes = [*unfolding, *graph.graph.node]
    for field, values in ((graph.graph.initializer, kept), (graph.graph.node, nodes)):
        del field[:]
        field.extend(values)
    made: bytes = graph.SerializeToString()
    return made


def eight_bits(values: Floats) -> tuple[np.ndarray[Any, Any], Floats]:
    """Whole numbers −127 … 127 and the scales that bring them back, along the first or the last axis: whichever loses less."""
    found = []
    for axis in (0, values.ndim - 1):
        rest = tuple(n for n in range(values.ndim) if n != axis)
        scale = (np.abs(values).max(axis=rest, keepdims=True) / 127).clip(min=1e-12).astype(np.float32)
        whole = np.rint(values / scale).clip(-127, 127).astype(np.int8)
        found.append((float(np.square(whole * scale - values).sum()), whole, scale))
    _, whole, scale = min(found, key=lambda f: f[0])
    return whole, scale
