"""An ONNX model of mini goes in; the same one whose heads' matrices are 8 bits, with a scale for each of a matrix's outputs, comes out.

Done twice it changes nothing. The frozen bodies stay to the bit: what `logits` and `mean` are made of is not touched.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from hannun.mini.heads import rounded
from hannun.runtime import BYTE, HALF, SCALE

FROZEN = ("logits", "mean")  # outputs of the bodies
LEAST = 16_384  # values of a matrix that is worth it
#: The products of the trained last stage whose loss all that follows would carry: without them vectors keep a cosine of 0.9999.
WHOLE = ("/head/top/MatMul", "/head/top/MatMul_1")
MOST = "gate.most"  # how much the recognised path may count beside the seen one, as a constant that other heads may set


def bodies(graph: Any) -> frozenset[str]:
    """The names of all values and constants that the frozen outputs are made of."""
    makes = {name: node for node in graph.node for name in node.output}
    left, found = [o.name for o in graph.output if o.name in FROZEN], set[str]()
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += list(makes[name].input) if name in makes else []
    return frozenset(found)


def by_rows(model: Any) -> Any:
    """The `onnx.ModelProto`, changed in place: half-precision matrices of its heads as bytes and scales, and MOST as a constant."""
    graph, frozen = model.graph, bodies(model.graph)
    kept, casts = [], {}
    for tensor in graph.initializer:
        plain = tensor.name.removesuffix(HALF)
        if tensor.name in frozen or not large(tensor) or user(graph, plain).name in WHOLE:
            kept.append(tensor)
            continue
        value, scale = rounded(numpy_helper.to_array(tensor).astype(np.float32), axis(graph, plain))
        kept += [numpy_helper.from_array(value, plain + BYTE), numpy_helper.from_array(scale, plain + SCALE)]
        casts[plain] = (
            helper.make_node("Cast", [plain + BYTE], [plain + ".whole"], name=plain + "/Cast", to=TensorProto.FLOAT),
            helper.make_node("Mul", [plain + ".whole", plain + SCALE], [plain], name=plain + "/Mul"),
        )
    nodes: list[Any] = []
    for node in graph.node:
        own = casts.get(node.output[0]) if node.op_type == "Cast" else None
        nodes += own or [node]
    kept += _most(nodes)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    return model


def large(tensor: Any) -> bool:
    """Whether a constant is a matrix in half precision that is worth it."""
    return tensor.name.endswith(HALF) and len(tensor.dims) == 2 and np.prod(tensor.dims) >= LEAST


def user(graph: Any, name: str) -> Any:
    """The node that works with a matrix."""
    return next(n for n in graph.node if name in n.input and n.op_type != "Cast")


def axis(graph: Any, name: str) -> int:
    """What a scale of the matrix goes over: 1 where its rows are outputs (a table, or a transposed product), else 0."""
    node = user(graph, name)
    across = node.op_type == "Gather" or any(a.name == "transB" and a.i for a in node.attribute)
    return 1 if across else 0


def _most(nodes: list[Any]) -> list[Any]:
    """MOST as an initialiser, in place of the node that holds it; none where there is no gate, or it is one already."""
    makes = {name: node for node in nodes for name in node.output}
    gate = makes.get("gate")
    number = next((makes[n] for n in gate.input if n in makes and makes[n].op_type == "Constant"), None) if gate is not None else None
    if gate is None or number is None:
        return []
    value = numpy_helper.to_array(number.attribute[0].t)
    at = list(gate.input).index(number.output[0])
    gate.input[at] = MOST
    if not any(number.output[0] in n.input for n in nodes):
        nodes.remove(number)
    return [numpy_helper.from_array(value, MOST)]
