"""A picture and queries go in; Grad-CAM maps (Selvaraju et al. 2017, arXiv:1610.02391) of mini's picture tower for them come out.

The tower is an ONNX file, through which nothing runs backward. What Grad-CAM needs of a gradient is its sum over all places of a channel,
which is the derivative of the score along "this channel a little more everywhere": it is taken by differences, with the head alone, which
is cut out of the file where the last map [81, 208] enters it. Needs the package onnx.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hannun import runtime
from hannun.item import Image
from hannun.mini.image import _pixels
from hannun.mini.model import HERE
from hannun.mini.session import open_session

MAP, CELLS = "/body/Transpose_3_output_0", "/body/Concat_6_output_0"  # of the body: the last map, and textures and colours of the cells
STEP = 0.1  # of a channel's spread


class GradCam:
    """The body's inner values, and the head as a session of its own."""

    def __init__(self) -> None:
        import onnx
        from onnx.utils import Extractor

        self._body = open_session(HERE / "image.onnx", 1, (MAP, CELLS))
        whole = onnx.load(str(HERE / "image.onnx"))
        for name, shape in ((MAP, ("n", 81, 208)), (CELLS, ("n", 9, 200))):
            whole.graph.value_info.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
        head = Extractor(whole).extract_model([MAP, CELLS, "logits"], ["dense"])
        ort: Any = runtime.onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._head = ort.InferenceSession(head.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def _dense(self, maps: npt.NDArray[np.float32], cells: Any, logits: Any) -> npt.NDArray[np.float32]:
        n = len(maps)
        given = {MAP: maps, CELLS: np.repeat(cells, n, axis=0), "logits": np.repeat(logits, n, axis=0)}
        out: npt.NDArray[np.float32] = self._head.run(["dense"], given)[0]
        return out

    def maps(self, picture: Image, queries: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """[queries, 9, 9], not negative: how much each place speaks for each query [n, 384]."""
        seen, cells, logits = self._body.run([MAP, CELLS, "logits"], {"pixels": _pixels(picture)[None]})
        channels = seen.shape[-1]
        step = STEP * (seen[0].std(axis=0) + 1e-3)
        start = self._dense(seen, cells, logits)
        moved = np.concatenate(
            [
                self._dense(seen + (step * np.eye(channels, dtype=np.float32)[at : at + 52])[:, None], cells, logits)
                for at in range(0, channels, 52)
            ]
        )
        weight = (moved - start) / step[:, None] @ queries.T  # [channels, queries]
        side = round(seen.shape[1] ** 0.5)
        heat = np.maximum(seen[0] @ weight, 0).T.reshape(len(queries), side, side)
        return np.asarray(heat, np.float32)
