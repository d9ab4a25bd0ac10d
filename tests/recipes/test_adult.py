"""nsfwjs' classifier as ONNX: a small graph in the form of its package, and the vectors that it should give."""

from __future__ import annotations

import base64
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hannun.errors import InputError, MissingError
from tests.conftest import draw

pytest.importorskip("onnx", reason="onnx is in hannun[train]")

RANDOM = np.random.default_rng(0)
KERNEL, DEEP, DENSE = ((1, 1, 3, 4), (3, 3, 4, 1), (4, 5))  # TensorFlow's order: height, width, in, out


def node(kind: str, name: str, inputs: list[str], **attributes: Any) -> dict[str, Any]:
    return {"op": kind, "name": name, "input": inputs, "attr": attributes}


def said(word: str) -> str:
    return base64.b64encode(word.encode()).decode()


def minified(value: Any) -> str:
    """As a minifier writes an object: names without quotes, true as !0, .5 for 0.5."""
    text = re.sub(r'"([A-Za-z_]\w*)":', r"\1:", json.dumps(value, separators=(",", ":")))
    text = text.replace("true", "!0").replace("false", "!1")
    return "!function(e){module.exports=e()}(function(){a.exports=" + re.sub(r"(?<![\d\w])0\.(\d)", r".\1", text) + "},{},[1])"


def package(folder: Path, kind: str = "AddV2") -> tuple[Path, dict[str, np.ndarray[Any, Any]]]:
    """A package with one of each node, and its weights as they are meant."""
    numbers = {k: RANDOM.integers(0, 256, s, dtype=np.uint8) for k, s in (("k", KERNEL), ("d", DEEP), ("m", DENSE))}
    scales = {"k": (0.01, -1.25), "d": (0.02, -2.5), "m": (0.5, -60.0)}
    meant = {k: (v * np.float32(scales[k][0]) + np.float32(scales[k][1])).astype(np.float32) for k, v in numbers.items()}
    biases = {"kb": RANDOM.normal(size=4).astype(np.float32), "db": RANDOM.normal(size=4).astype(np.float32), "mb": np.ones(5, np.float32)}
    specs = [{"name": k, "shape": list(v.shape), "dtype": "float32",
              "quantization": {"min": scales[k][1], "scale": scales[k][0], "dtype": "uint8"}} for k, v in numbers.items()]  # fmt: skip
    specs += [{"name": k, "shape": list(v.shape), "dtype": "float32"} for k, v in biases.items()]
    data = b"".join(v.tobytes() for v in (*numbers.values(), *biases.values()))
    fused = {"fused_ops": {"list": {"s": [said("BiasAdd"), said("Relu6")]}}, "padding": {"s": said("SAME")}}
    steps = [["1", "1", "1", "1"], ["1", "2", "2", "1"]]
    nodes = [
        node("Placeholder", "input", []),
        *(node("Const", k, []) for k in (*numbers, *biases)),
        node("_FusedConv2D", "a", ["input", "k", "kb"], strides={"list": {"i": steps[0]}}, **fused),
        node("FusedDepthwiseConv2dNative", "b", ["a", "d", "db"], strides={"list": {"i": steps[1]}}, **fused),
        node(kind, "c", ["b", "b"]),
        node("AvgPool", "p", ["c"]),
        node("Squeeze", "s", ["p"]),
        node("_FusedMatMul", "f", ["s", "m", "mb"]),
        node("Softmax", "soft", ["f"]),
        node("Identity", "Identity", ["soft"]),
    ]
    manifest = [{"paths": ["group1-shard1of2", "group1-shard2of2"], "weights": specs}]
    halves = {"group1-shard1of2": data[:20], "group1-shard2of2": data[20:]}
    files = {"model": minified({"modelTopology": {"node": nodes}, "weightsManifest": manifest, "userDefined": True})}
    files |= {k: f'!function(){{return{{1:[function(e,t){{t.exports="{base64.b64encode(v).decode()}"}}]}}}}' for k, v in halves.items()}
    path = folder / "nsfwjs.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"package/dist/models/mobilenet_v2_mid/{name}.min.js")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return path, meant | biases


def test_the_graph_gives_what_its_nodes_say(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is in hannun[train]")
    from hannun.curate.image.classifier import classifier
    from hannun.curate.image.scorer import pixels
    from hannun.mini.session import open_session
    from hannun.recipes import adult

    path, w = package(tmp_path)
    (tmp_path / "adult.onnx").write_bytes(adult.convert(*adult.opened(path)).SerializeToString())
    pictures = [draw(size=(80, 60), seed=1), draw((20, 200, 60), (224, 224))]
    unit = torch.from_numpy(np.stack([np.asarray(p.convert("RGB").resize((224, 224), 3), np.float32) / 255 for p in pictures]))
    t = {k: torch.from_numpy(v) for k, v in w.items()}
    x = (torch.einsum("nhwi,io->nohw", unit, t["k"][0, 0]) + t["kb"][:, None, None]).clamp(0, 6)
    x = torch.nn.functional.pad(x, (0, 1, 0, 1))  # TensorFlow's SAME of an even side: nothing above and left
    x = torch.nn.functional.conv2d(x, t["d"].permute(2, 3, 0, 1), t["db"], stride=2, groups=4).clamp(0, 6)
    expected = (2 * x).mean((2, 3)) @ t["m"] + t["mb"]
    got = open_session(tmp_path / "adult.onnx").run(None, {"pixels": pixels(pictures, 224)})[0]
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-3, atol=1e-3)
    scores = classifier(str(tmp_path / "adult.onnx"))(pictures)
    assert scores == pytest.approx(expected.softmax(1)[:, [1, 3, 4]].sum(1).tolist(), abs=1e-3)  # hentai, porn, sexy


def test_another_file_is_refused(tmp_path: Path) -> None:
    from hannun.recipes import adult

    with pytest.raises(MissingError, match="npm pack nsfwjs"):
        adult.opened(tmp_path / "none.tgz")
    (tmp_path / "text.tgz").write_text("no archive")
    with pytest.raises(InputError, match="cannot be read as a package"):
        adult.opened(tmp_path / "text.tgz")
    with tarfile.open(tmp_path / "empty.tgz", "w:gz"):
        pass
    with pytest.raises(InputError, match=r"holds no package/dist/models/mobilenet_v2_mid/model\.min\.js"):
        adult.opened(tmp_path / "empty.tgz")
    with pytest.raises(InputError, match="a node Conv2DTranspose came"):
        adult.convert(*adult.opened(package(tmp_path, "Conv2DTranspose")[0]))
    with pytest.raises(InputError, match="without an exported object"):
        adult.literal("export default 3")
    assert adult.literal('e.exports={a:[.5,-.25,1e-3,1.5],b:!0,"c d":"x:{.5}",e:null};') == {
        "a": [0.5, -0.25, 0.001, 1.5], "b": True, "c d": "x:{.5}", "e": None,
    }  # fmt: skip
