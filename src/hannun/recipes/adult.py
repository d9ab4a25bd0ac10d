"""The npm package of nsfwjs goes in; its classifier as ONNX, for `hannun curate run --adult FILE`, and its false positives come out.

    npm pack nsfwjs@4.4.0
    python -m hannun.recipes.adult --package nsfwjs-4.4.0.tgz --to adult.onnx --data FOLDER

nsfwjs (MIT, Infinite Red) carries GantMan's nsfw_model: a MobileNetV2 with five classes, as a TensorFlow.js graph with 8-bit weights in
JavaScript files. The graph has ten kinds of nodes, so it is written anew here node by node, and neither TensorFlow nor JavaScript is
needed. The weights stay in 8 bits: the file has 4.3 MB. It takes pictures as `hannun.curate.image.scorer.pixels` gives them.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from hannun import metrics, shards
from hannun.curate.image.classifier import classifier
from hannun.curate.image.scorer import MEAN, SPREAD, Scorer
from hannun.errors import InputError, MissingError
from hannun.files import write_whole
from hannun.item import Image

Weights = Mapping[str, tuple[npt.NDArray[Any], float, float]]  # numbers, scale, smallest: a weight is number · scale + smallest

MODEL = "package/dist/models/mobilenet_v2_mid/"
CLASSES = ("drawing", "hentai", "neutral", "porn", "sexy")  # their order
SIDE = 224
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|!0|!1|void 0|[A-Za-z_$][\w$]*|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|.', re.DOTALL)
_SAID = {"!0": "true", "!1": "false", "void 0": "null", "null": "null", "true": "true", "false": "false"}


def literal(script: str) -> Any:
    """What a minified CommonJS file exports, an object or a string. Raises InputError for a file of another kind."""
    found = re.search(r'\b\w+\.exports=(?=["{])', script)
    if found is None:
        raise InputError("a file without an exported object or string came, expected one of nsfwjs' models; take nsfwjs 4.4.0")
    out: list[str] = []
    for token in _TOKEN.findall(script[found.end() :]):
        if token[0] in ".0123456789":
            out.append(repr(float(token)) if "." in token or "e" in token else token)
        else:
            out.append(_SAID.get(token, json.dumps(token)) if token[0].isalpha() or token[0] in "_$!" else token)
    try:
        return json.JSONDecoder().raw_decode("".join(out))[0]
    except ValueError as e:
        raise InputError(f"an object that cannot be read came ({e}), expected nsfwjs' minified model; take nsfwjs 4.4.0") from None


def opened(package: Path) -> tuple[list[dict[str, Any]], Weights]:
    """The graph's nodes, and its weights by name. Raises MissingError and InputError for another file."""
    if not package.exists():
        raise MissingError(f"{package}: no such file, expected nsfwjs' package; get it with: npm pack nsfwjs@4.4.0")
    try:
        with tarfile.open(package) as tar:
            scripts = {m.name: tar.extractfile(m) for m in tar.getmembers() if m.name.startswith(MODEL)}
            texts = {name: f.read().decode() for name, f in scripts.items() if f is not None}
    except (tarfile.TarError, EOFError, OSError) as e:
        raise InputError(f"{package}: cannot be read as a package of npm ({e}); get it again with: npm pack nsfwjs@4.4.0") from None
    if f"{MODEL}model.min.js" not in texts:
        raise InputError(f"{package}: holds no {MODEL}model.min.js, expected nsfwjs 4.4.0; get it with: npm pack nsfwjs@4.4.0")
    model = literal(texts[f"{MODEL}model.min.js"])
    weights: dict[str, tuple[npt.NDArray[Any], float, float]] = {}
    for group in model["weightsManifest"]:
        data = b"".join(base64.b64decode(literal(texts[f"{MODEL}{p}.min.js"])) for p in group["paths"])
        for w in group["weights"]:
            kept = w.get("quantization", {"dtype": w["dtype"], "scale": 1.0, "min": 0.0})
            kind = np.dtype(kept["dtype"])
            size = int(np.prod(w["shape"], dtype=int)) * kind.itemsize
            weights[w["name"]] = (np.frombuffer(data[:size], kind).reshape(w["shape"]), float(kept["scale"]), float(kept["min"]))
            data = data[size:]
    return model["modelTopology"]["node"], weights


class _Writer:
    """The graph in ONNX, and its weights in the numbers that they came in."""

    def __init__(self, weights: Weights) -> None:
        from hannun.mini.graph import Graph

        self.weights, self.graph = weights, Graph()

    def add(self, kind: str, inputs: list[str], out: str, **attributes: Any) -> str:
        """A node; returns the name of what it gives."""
        return self.graph.node(kind, inputs, out, **attributes)[0]

    def constant(self, name: str, value: Any) -> str:
        """A constant; returns its name."""
        return self.graph.constant(np.asarray(value), name)

    def weight(self, name: str, axes: tuple[int, ...] | None = None) -> str:
        """A weight as float32, its axes moved; the runtime does it once, when it opens the file."""
        numbers, scale, least = self.weights[name]
        raw = self.constant(f"{name}:8", numbers.transpose(axes) if axes else numbers)
        if numbers.dtype != np.uint8:
            return raw
        wide = self.add("Cast", [raw], f"{name}:f", to=1)
        scaled = self.add("Mul", [wide, self.constant(f"{name}:s", np.float32(scale))], f"{name}:m")
        return self.add("Add", [scaled, self.constant(f"{name}:l", np.float32(least))], f"{name}:w")


def _attribute(node: Mapping[str, Any], name: str) -> Any:
    (value,) = node["attr"][name].values()
    if isinstance(value, dict):
        (value,) = value.values()
        return [base64.b64decode(v).decode() if name == "fused_ops" else int(v) for v in value]
    return base64.b64decode(value).decode() if name == "padding" else value


def convert(nodes: Sequence[Mapping[str, Any]], weights: Weights) -> Any:
    """The ONNX model: pictures [n, 3, 224, 224] as `pixels` normalises them → class scores [n, 5] before the softmax.

    Raises InputError for a node of another kind than this graph has.
    """
    w = _Writer(weights)
    shape = (1, 3, 1, 1)
    spread = w.add("Mul", ["pixels", w.constant("spread", SPREAD.reshape(shape))], "spread:out")
    names = {"": w.add("Add", [spread, w.constant("mean", MEAN.reshape(shape))], "unit")}
    for node in nodes:
        kind, name = node["op"], node["name"]
        given = [i for i in node.get("input", []) if not i.startswith("^")]
        match kind:
            case "Const":
                continue
            case "Placeholder":
                names[name] = names[""]
            case "_FusedConv2D" | "FusedDepthwiseConv2dNative":
                names[name] = _convolution(w, node, names[given[0]], given[1:])
            case "AddV2" | "Mul" | "Sub":
                inputs = [names[i] if i in names else w.weight(i) for i in given]
                names[name] = w.add("Add" if kind == "AddV2" else kind, inputs, name)
            case "AvgPool":
                names[name] = w.add("GlobalAveragePool", [names[given[0]]], name)
            case "Squeeze":
                names[name] = w.add("Flatten", [names[given[0]]], name)
            case "_FusedMatMul":
                names[name] = w.add("Gemm", [names[given[0]], w.weight(given[1]), w.weight(given[2])], name)
            case "Softmax" | "Identity":
                names[name] = names[given[0]]  # the classifier makes probabilities itself
            case _:
                raise InputError(f"a node {kind} came, expected the graph of nsfwjs' mobilenet_v2_mid; take nsfwjs 4.4.0")
    w.add("Identity", [names[nodes[-1]["name"]]], "scores")
    made = w.graph.model("nsfwjs", [("pixels", "FLOAT", ["n", 3, SIDE, SIDE])], [("scores", "FLOAT", ["n", len(CLASSES)])])
    for key, value in (("labels", ",".join(CLASSES)), ("licence", "MIT: nsfwjs, Infinite Red, Inc.; nsfw_model, GantMan")):
        made.metadata_props.add(key=key, value=value)
    return made


def _convolution(w: _Writer, node: Mapping[str, Any], given: str, weights: list[str]) -> str:
    name, deep = node["name"], node["op"] == "FusedDepthwiseConv2dNative"
    # TensorFlow's weights are [height, width, in, out], a depthwise one's [height, width, channels, 1].
    kernel = w.weight(weights[0], (2, 3, 0, 1) if deep else (3, 2, 0, 1))
    strides = _attribute(node, "strides")[1:3]
    padding = "SAME_UPPER" if _attribute(node, "padding") == "SAME" else "VALID"
    group = w.weights[weights[0]][0].shape[2] if deep else 1
    out = w.add("Conv", [given, kernel, w.weight(weights[1])], f"{name}:conv", strides=strides, auto_pad=padding, group=group)
    if "Relu6" not in _attribute(node, "fused_ops"):
        return out
    low, high = w.constant(f"{name}:0", np.float32(0)), w.constant(f"{name}:6", np.float32(6))
    return w.add("Clip", [out, low, high], name)


def pictures(data: Path, clipart: Path | None, limit: int) -> dict[str, list[PIL.Image.Image]]:
    """Pictures of which none is for adults, by kind: what a detector takes among them is a false positive."""
    found: dict[str, list[PIL.Image.Image]] = {}
    places = {
        "photos (Flickr8k test)": ("flickr8k", "test-*.tar"),
        "fashion (test)": ("fashion", "test-*.tar"),
        "clothes at home": ("clothing", "photos.tar"),
        "groceries": ("grocery", "val.tar"),
        "receipts": ("receipts", "all-*.tar"),
        "emoji": ("emoji", "all-*.tar"),
    }
    for kind, (folder, pattern) in places.items():
        paths = sorted((data / folder).glob(pattern))
        rows = [Image(r.pictures[0]) for path in paths for r in shards.read(path) if r.pictures]
        if rows:
            found[kind] = [p.load(512).convert("RGB") for p in _spread(rows, limit)]
    drawn = sorted(clipart.rglob("*.png")) if clipart is not None else []
    if drawn:
        found["clipart"] = [Image(p).load(512).convert("RGB") for p in _spread(drawn, limit)]
    return found


def _spread(rows: list[Any], limit: int) -> list[Any]:
    return [rows[k] for k in np.linspace(0, len(rows) - 1, min(limit, len(rows))).round().astype(int)]


def scores(judge: Scorer, rows: list[PIL.Image.Image], batch: int = 32) -> npt.NDArray[Any]:
    """The score of each picture."""
    return np.array([s for start in range(0, len(rows), batch) for s in judge(rows[start : start + batch])])


def main() -> None:
    """Convert, write, and count false positives where there is data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, required=True, help="nsfwjs-4.4.0.tgz")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="the data folder, to count false positives")
    parser.add_argument("--clipart", type=Path, help="a folder of drawings beside it")
    parser.add_argument("--limit", type=int, default=1000, help="pictures of each kind")
    a = parser.parse_args()
    write_whole(a.to, convert(*opened(a.package)).SerializeToString())
    print(f"wrote {a.to} ({a.to.stat().st_size:,} bytes); use it: hannun curate run … --adult {a.to}")
    if a.data is None:
        return
    judge = classifier(str(a.to))
    print("what it takes for adult among pictures that are not (95 % interval)")
    for kind, rows in pictures(a.data, a.clipart, a.limit).items():
        got = scores(judge, rows)
        taken = [(limit, (got >= limit).astype(float)) for limit in (0.5, 0.7, 0.9)]
        told = "   ".join(
            f"at {limit}: {t.mean():.3f} [{low:.3f}, {high:.3f}]" for limit, t in taken for low, high in [metrics.bootstrap(t)]
        )
        print(f"  {kind:24} {len(rows):5}   {told}", flush=True)


if __name__ == "__main__":
    main()
