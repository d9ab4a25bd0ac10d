"""Heads apart over mini's bodies: constants come back as they went, wrong ones are told, and mini-free is a model of its own."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hannun
from hannun import runtime
from hannun.errors import EncoderMismatch, InputError, MissingError
from hannun.item import Image
from hannun.mini import heads
from hannun.mini.heads import FILE, HeadValues, rounded
from hannun.mini.model import FREE, HERE, Mini
from tests.conftest import draw

PACKAGE = HERE.parent


def test_a_byte_and_its_scale_by_hand() -> None:
    value, scale = rounded(np.array([[2.54, -1.0], [0.0, 0.01]], np.float32), axis=0)
    np.testing.assert_allclose(scale, [[0.02, 1 / 127]], rtol=1e-5)  # 2.54 / 127, 1 / 127
    np.testing.assert_array_equal(value, [[127, -127], [0, 1]])


def test_constants_lie_where_onnx_finds_them() -> None:
    onnx = pytest.importorskip("onnx", reason="reading graphs is for training")
    data = (HERE / "image.onnx").read_bytes()
    found, known = runtime.constants(data), onnx.load_from_string(data).graph.initializer
    assert {t.name for t in known if t.raw_data} == set(found)
    assert all(data[slice(*found[t.name])] == t.raw_data for t in known if t.raw_data)


def test_constants_of_other_lengths_and_names_are_refused() -> None:
    data = (HERE / "image.onnx").read_bytes()
    name, (at, end) = next(iter(runtime.constants(data).items()))
    assert runtime.with_constants(data, {name: data[at:end]}) == data
    with pytest.raises(ValueError, match=f"2 bytes came for the constant {name!r}, which has {end - at}"):
        runtime.with_constants(data, {name: b"ab"})
    with pytest.raises(ValueError, match="the constant 'nothing', which has 0"):
        runtime.with_constants(data, {"nothing": b"ab"})


def test_what_is_saved_comes_back_and_the_same_makes_the_same_bytes(tmp_path: Path) -> None:
    made = HeadValues(tmp_path / FILE, {"image.onnx": {"a::b/c.byte": np.int8([[1, -2]]), "a::b/c.scale": np.float32([[0.5]])}})
    made.save()
    first, back = (tmp_path / FILE).read_bytes(), HeadValues.load(tmp_path)
    assert {k: v.tolist() for k, v in back.files["image.onnx"].items()} == {"a::b/c.byte": [[1, -2]], "a::b/c.scale": [[0.5]]}
    back.save()
    assert (tmp_path / FILE).read_bytes() == first


@pytest.mark.parametrize("cut", [0, 100, -1000])
def test_a_truncated_file_is_told_in_a_line(tmp_path: Path, cut: int) -> None:
    shutil.copytree(FREE, tmp_path / "free")
    path = tmp_path / "free" / FILE
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"is damaged .* reinstall hannun") as told:
        Mini(heads=path.parent).encode_query(["모자"])
    assert "\n" not in str(told.value)


def test_a_missing_file_and_one_of_another_network_are_told(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such weights"):
        Mini(heads=tmp_path).encode_query(["모자"])
    HeadValues(tmp_path / FILE, {"text.onnx": {"joint.head.nothing": np.zeros(3, np.float32)}}).save()
    with pytest.raises(InputError, match=r"was made for another text\.onnx than the one in this package"):
        Mini(heads=tmp_path).encode_query(["모자"])


def test_heads_for_half_precision_and_for_bytes_give_the_same_vectors() -> None:
    """The same heads over a graph that keeps bytes, and over one that keeps halves, differ by the halves' rounding alone."""
    free = HeadValues.load(FREE)
    name = next(n for n in free.files["text.onnx"] if n.endswith(runtime.BYTE))
    plain = name.removesuffix(runtime.BYTE)
    whole = free.files["text.onnx"][name].astype(np.float32) * free.files["text.onnx"][plain + runtime.SCALE]
    halved = np.abs(whole.astype(np.float16).astype(np.float32) - whole)
    assert (halved <= np.abs(whole) * 2**-11 + 1e-7).all()


def test_mini_free_is_a_model_of_its_own_over_the_same_bodies() -> None:
    mini, free = hannun.load("mini"), hannun.load("mini-free")
    assert isinstance(mini, Mini) and isinstance(free, Mini)
    assert free.name == "mini-free" and free.fingerprint != mini.fingerprint and free.dims == mini.dims
    picture, words = [draw(size=(99, 99), seed=4)], ["빨간 줄무늬 원피스", "a dog on the beach"]
    for content in (picture, words):
        assert np.abs((mini.encode_query(content).dense * free.encode_query(content).dense).sum(1)).max() < 0.99
    seen = [m.seen([Image(draw(size=(99, 99), seed=4))]) for m in (mini, free)]
    np.testing.assert_allclose(seen[0][1], seen[1][1], atol=1e-4)  # class scores are the bodies'
    np.testing.assert_allclose(seen[0][2], seen[1][2], atol=1e-4)
    assert free.styles == ()  # the captioner was taught by restricted captions


def test_the_fingerprint_is_of_the_heads_and_of_the_bodies_alone(tmp_path: Path) -> None:
    free = hannun.load("mini-free")
    assert free.fingerprint == heads.fingerprint(FREE, HERE)
    other = HeadValues.load(FREE)
    changed = {k: dict(v) for k, v in other.files.items()}
    some = min(changed["text.onnx"])
    changed["text.onnx"][some] = changed["text.onnx"][some] + 1
    dataclasses.replace(other, where=tmp_path / FILE, files=changed).save()
    assert heads.fingerprint(tmp_path, HERE) != free.fingerprint
    base = tmp_path / "base"
    base.mkdir()
    for name in ("image.onnx", "text.onnx", "tokenizer.json"):
        shutil.copyfile(HERE / name, base / name)
    (base / "image.onnx").write_bytes(other.over(HERE / "image.onnx"))  # mini with other heads
    assert heads.fingerprint(FREE, base) == free.fingerprint
    data = (base / "text.onnx").read_bytes()
    name, (at, end) = next((k, v) for k, v in runtime.constants(data).items() if k.startswith("l0"))
    (base / "text.onnx").write_bytes(runtime.with_constants(data, {name: bytes(255 - b for b in data[at:end])}))  # another body
    assert heads.fingerprint(FREE, base) != free.fingerprint


def test_mini_free_has_a_value_of_its_own_for_every_weight_of_minis_heads() -> None:
    """What a restricted licence taught must not come along."""
    own = HeadValues.load(FREE)
    for file, begins in (("text.onnx", "joint.head."), ("image.onnx", "head.")):
        there = {heads.plain(n) for n in runtime.constants((HERE / file).read_bytes()) if n.startswith(begins)}
        assert there and there <= {heads.plain(n) for n in own.files[file]}


def test_equal_constants_that_an_exporter_wrote_as_one_are_found_by_who_reads_them(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is in the [train] extra")
    onnx = pytest.importorskip("onnx", reason="onnx is in the [train] extra")
    from hannun.recipes.mini.free import _shared

    def graph(second: str, reader: str = "outer/Add") -> object:
        make = onnx.helper
        biases = [onnx.numpy_helper.from_array(np.zeros(3, np.float16), f"{n}.half") for n in dict.fromkeys(("first", second))]
        casts = [make.make_node("Cast", [t.name], [t.name.removesuffix(".half")], to=1) for t in biases]
        adds = [
            make.make_node("Add", ["mean", "first"], ["half"], name="turn/Add"),
            make.make_node("Add", ["half", second], ["dense"], name=reader),
        ]
        ports = [[make.make_tensor_value_info(n, 1, [3])] for n in ("mean", "dense")]
        return make.make_graph([*casts, *adds], "g", *ports, biases)

    own = {"first.half": np.zeros(3, np.float16)}
    assert list(_shared(graph("first"), graph("second"), own)) == ["second.half"]
    assert _shared(graph("first"), graph("first"), own) == {}
    with pytest.raises(ValueError, match=r"second\.half: the build has no value of its own"):
        _shared(graph("first", "another/Add"), graph("second"), own)


def test_a_collection_of_mini_is_not_opened_with_mini_free(tmp_path: Path) -> None:
    path = tmp_path / "shop.hannun"
    with hannun.open(path, encoder=hannun.load("mini")) as shop:
        shop.add([{"id": "1", "text": "빨간 원피스"}])
    with pytest.raises(EncoderMismatch, match=rf"hannun reindex {path} --model mini-free"):
        hannun.open(path, encoder=hannun.load("mini-free"))


def test_everything_embedded_weighs_at_most_75_megabytes() -> None:
    weights = [p for p in PACKAGE.rglob("*") if p.suffix in (".onnx", ".npz")]
    assert len(weights) > 8 and sum(p.stat().st_size for p in weights) <= 75e6


def test_mini_free_needs_no_torch_and_no_onnx() -> None:
    code = (
        "import sys, hannun; hannun.load('mini-free').encode_query(['모자']);"
        "assert not {'torch', 'transformers', 'onnx', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
