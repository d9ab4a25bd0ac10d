"""Nodes and weights go in one by one, an ONNX model comes out: what both export scripts build their graphs with.

Graphs are written node by node instead of being traced from torch: the export needs no torch, the names are readable, and
each operator is one that onnxruntime has a fast kernel for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, checker, helper, numpy_helper

Port = tuple[str, str, Sequence[int | str]]  # an input or output: name, "FLOAT" or "INT64" or …, shape


class Graph:
    """An ONNX graph under construction: nodes and initialisers are appended, names are made up."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: npt.NDArray[Any], name: str) -> str:
        """An initialiser; returns its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], name: str, outputs: int = 1, domain: str = "", **attributes: Any) -> list[str]:
        """One node; returns the names of its outputs."""
        names = [name] if outputs == 1 else [f"{name}.{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=f"{name}/{kind}", domain=domain, **attributes))
        return names

    def model(self, name: str, inputs: Sequence[Port], outputs: Sequence[Port]) -> Any:
        """The finished and checked `onnx.ModelProto`."""

        def info(port: Port) -> Any:
            return helper.make_tensor_value_info(port[0], getattr(TensorProto, port[1]), list(port[2]))

        body = helper.make_graph(self.nodes, name, [info(p) for p in inputs], [info(p) for p in outputs], self.constants)
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(body, opset_imports=opsets, ir_version=10, producer_name="hannun")
        checker.check_model(model)
        return model
