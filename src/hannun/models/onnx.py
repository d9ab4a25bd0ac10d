"""A network of tensors goes in; its ONNX model, and onnxruntime's session of one, come out."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import nn

from hannun import runtime


class Projecting(Protocol):
    """What can be traced: inputs → states [n, width] → unit vectors [n, dim]."""

    def states(self, inputs: Mapping[str, Any]) -> Any:
        """States [n, width] of named inputs."""
        ...

    def __call__(self, states: Any) -> Any:
        """Unit vectors [n, dim] of states."""
        ...

    def modules(self) -> Iterator[Any]:
        """Every module inside, the whole one first."""
        ...


def onnx_bytes(tower: Projecting, inputs: Mapping[str, Any], projected: bool) -> bytes:
    """A tower as an ONNX model with the names of `inputs`: `states` [n, width] out, or unit `vectors` [n, dim] where `projected`."""
    names = list(inputs)

    class EncoderGraph(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.tower = tower

        def forward(self, *values: Any) -> Any:
            states = self.tower.states(dict(zip(names, values, strict=True)))
            return self.tower(states) if projected else states

    return traced(EncoderGraph(), inputs, ["vectors" if projected else "states"], [k for k, v in inputs.items() if v.ndim == 2])


def traced(
    network: nn.Module,
    inputs: Mapping[str, Any],
    outputs: Sequence[str],
    lengths: Sequence[str] = (),
    axes: Mapping[str, Mapping[int, str]] | None = None,
) -> bytes:
    """Any network as an ONNX model: named inputs of n rows in, named outputs out; those in `lengths` have a second axis of any length.

    `axes` says all of it instead: the axes of any length of each input and output, with their names.
    """
    out, held = io.BytesIO(), logging.getLogger("torch.onnx").level
    free = axes or {k: {0: "n", **({1: "t"} if k in lengths else {})} for k in (*inputs, *outputs)}
    modes = [(m, m.training) for m in network.modules()]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of shapes that become constants; whoever writes the model compares its outputs
            torch.onnx.export(
                network.eval(), tuple(inputs.values()), out, input_names=list(inputs), output_names=list(outputs),
                dynamic_axes={k: dict(v) for k, v in free.items()}, opset_version=18, dynamo=False,
            )  # fmt: skip
    finally:
        for module, mode in modes:
            module.training = mode
        logging.getLogger("torch.onnx").setLevel(held)
    return out.getvalue()


def session(model: bytes) -> Any:
    """onnxruntime's session of a model on the CPU, on as many threads as torch uses."""
    ort = runtime.onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
