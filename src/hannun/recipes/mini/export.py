"""Trained towers and the frozen bodies go in; mini's two ONNX files and their card come out.

`image.onnx`: `pixels` uint8 [n, 260, 260, 3] → `dense` [n, 384] unit rows, `plain` the same before hubs are moved, `patches`
[n, 9, 384] unit rows (3 × 3 cells, row by row, the same space), `gate` [n, 1], `logits` [n, 1000]. `text.onnx`: `ids`, `mask` → `mean`
[n, 384] as before, and `dense` [n, 384] unit rows of the joint space. Large weights are stored as fp16, those of the heads as 8 bits
(see `rows`), and computed in fp32.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, compose, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.functional import normalize

from hannun.recipes.mini import backbone, hubs, rows
from hannun.recipes.mini.features import TOP
from hannun.recipes.mini.towers import Towers


class Seeing(nn.Module):  # type: ignore[misc]
    """The whole picture tower, with the class names' vectors as a constant."""

    def __init__(self, towers: Towers) -> None:
        super().__init__()
        self.body, self.head = backbone.load(), copy.deepcopy(towers.picture).eval()
        self.head.top = self.head.top.settled()
        with torch.no_grad():
            self.register_buffer("names", towers.classes())

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        maps, cells, logits = self.body(pixels)
        share, classes = torch.topk(torch.softmax(logits, dim=-1), TOP, dim=-1)
        dense, patches, gate = self.head(maps, cells, share, self.names[classes])
        return dense, patches, gate, logits


def halved(model: Any) -> Any:
    """The ONNX model with every large float32 constant stored as float16 behind a Cast (folded when a session starts)."""
    kept, casts = [], []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) > 256:
            value = numpy_helper.to_array(tensor)
            if np.abs(value).max() < 6e4:
                kept.append(numpy_helper.from_array(value.astype(np.float16), tensor.name + ".half"))
                casts.append(helper.make_node("Cast", [tensor.name + ".half"], [tensor.name], to=TensorProto.FLOAT))
                continue
        kept.append(tensor)
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    return model


def image(towers: Towers, path: Path, known: hubs.Hubs | None) -> None:
    """Write `image.onnx`; without hubs its `plain` is its `dense`."""
    names = ["dense", "patches", "gate", "logits"]
    whole = path.with_suffix(".whole.onnx")
    torch.onnx.export(
        Seeing(towers).eval(), (torch.zeros(2, backbone.SIDE, backbone.SIDE, 3, dtype=torch.uint8),), str(whole), input_names=["pixels"],
        output_names=names, dynamic_axes={k: {0: "n"} for k in ("pixels", *names)}, opset_version=17, dynamo=False,
    )  # fmt: skip
    path.write_bytes(rows.by_rows(hubs.built_in(halved(onnx.load(str(whole))), known)).SerializeToString())
    whole.unlink()


def text(towers: Towers, frozen: Path, path: Path) -> None:
    """Write `text.onnx`: the frozen encoder's graph with the trained projection behind its `mean`."""

    class Said(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.head = towers.text.eval()

        def forward(self, mean: Tensor) -> Tensor:
            return self.head(normalize(mean, dim=-1))

    body = onnx.load(str(frozen))
    version = next(o.version for o in body.opset_import if o.domain in ("", "ai.onnx"))
    whole = path.with_suffix(".whole.onnx")
    torch.onnx.export(
        Said().eval(), (torch.randn(2, 384),), str(whole), input_names=["mean_in"], output_names=["dense"],
        dynamic_axes={"mean_in": {0: "n"}, "dense": {0: "n"}}, opset_version=17, dynamo=False,
    )  # fmt: skip
    head = onnx.version_converter.convert_version(onnx.load(str(whole)), version)
    head.ir_version = body.ir_version
    whole.unlink()
    if any(o.name == "dense" for o in body.graph.output):
        raise ValueError(
            f"{frozen}: already has a projection, expected the frozen encoder's own graph; make it with hannun.mini.export_text"
        )
    joined = compose.merge_models(
        body,
        compose.add_prefix(head, "joint.", rename_inputs=False, rename_outputs=False),
        [("mean", "mean_in")],
        outputs=["mean", "dense"],
    )
    path.write_bytes(rows.by_rows(halved_head(joined)).SerializeToString())


def halved_head(model: Any) -> Any:
    """`halved`, for the projection's weights only: the encoder's own stay bit for bit."""
    own = [t for t in model.graph.initializer if not t.name.startswith("joint.")]
    mine = [t for t in model.graph.initializer if t.name.startswith("joint.")]
    del model.graph.initializer[:]
    model.graph.initializer.extend(mine)
    model = halved(model)
    model.graph.initializer.extend(own)
    assert all(t.data_type != TensorProto.UNDEFINED for t in model.graph.initializer)
    return model


def card(path: Path, **facts: Any) -> None:
    """Write `mini.json`: dims, side, calibration and whatever else the encoder should know of its weights."""
    path.write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
