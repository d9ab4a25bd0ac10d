"""Hubs: how near a picture is to all sentences, where it moves, and the graph that does so."""

from __future__ import annotations

import io

import numpy as np
import pytest

from hannun.embeddings import Floats, unit

pytest.importorskip("onnx", reason="writing graphs is for training")
from hannun.datasets.sentences import Described, Sentence
from hannun.mini.model import HERE, Mini
from hannun.recipes.mini import hubs
from tests.conftest import draw


def rows(n: int, seed: int) -> Floats:
    """Unit rows that share a direction in their last values, as texts do."""
    x = np.random.default_rng(seed).normal(size=(n, 384)).astype(np.float32) / 20
    x[:, 300] += 0.7
    return unit(x)


@pytest.fixture(scope="module")
def found() -> hubs.Hubs:
    return hubs.found([rows(300, 1), rows(100, 2)], rows(500, 3), unit(rows(50, 4) - rows(50, 5)))


def test_nearness_is_a_soft_maximum_by_hand() -> None:
    bank, direction = np.eye(2, 4, dtype=np.float32), np.zeros(4, np.float32)
    known = hubs.Hubs(bank, np.array([0.5, 0.5], np.float32), direction)
    v = np.array([[0.6, 0.0, 0.8, 0.0]], np.float32)
    by_hand = 0.03 * np.log((np.exp(0.6 / 0.03) + 1) / 2)
    assert known.nearness(v)[0] == pytest.approx(by_hand, abs=1e-5)


def test_a_hub_is_farther_from_every_text_by_its_share_and_short_vectors_stay(found: hubs.Hubs) -> None:
    said, texts = rows(300, 1), rows(200, 6)
    pictures = unit(np.concatenate([rows(4, 7) - 0.9 * rows(4, 8), said[:4] + rows(4, 9)]))
    moved = found.moved(pictures)
    more = found.nearness(pictures) - found.usual
    fallen = ((pictures - moved * (pictures @ pictures.T).diagonal()[:, None]) @ texts.T).mean(axis=1)
    assert more[4:].min() > more[:4].max()  # what looks like a sentence is the hub
    assert fallen[4:].min() > fallen[:4].max() and np.corrcoef(more, fallen)[0, 1] > 0.95
    before, after = (unit(x[:, : hubs.FROM]) for x in (pictures, moved))
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert abs(found.direction @ texts.mean(axis=0) - 1) < 0.05 and not found.direction[: hubs.FROM].any()


def test_kinds_of_sentences_count_alike(found: hubs.Hubs) -> None:
    assert found.shares.sum() == pytest.approx(1, abs=1e-4)
    assert found.shares[:300].sum() == pytest.approx(0.5, abs=1e-4)  # of 300 sentences and of 100


def test_the_graph_says_what_the_arithmetic_says(found: hubs.Hubs) -> None:
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper

    body = helper.make_graph(
        [helper.make_node("Identity", ["seen"], ["dense"])], "toy", [helper.make_tensor_value_info("seen", TensorProto.FLOAT, ["n", 384])],
        [helper.make_tensor_value_info("dense", TensorProto.FLOAT, ["n", 384])],
    )  # fmt: skip
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    x = unit(rows(5, 11) - rows(5, 12))
    for known, wanted in ((found, found.moved(x)), (None, x)):
        built = hubs.built_in(onnx.ModelProto.FromString(model.SerializeToString()), known)
        out = ort.InferenceSession(built.SerializeToString()).run(["dense", hubs.PLAIN], {"seen": x})
        np.testing.assert_allclose(out[0], wanted, atol=1e-3)
        np.testing.assert_array_equal(out[1], x)
        (again,) = ort.InferenceSession(hubs.without(built).SerializeToString()).run(["dense"], {"seen": x})
        np.testing.assert_array_equal(again, x)


def test_what_is_asked_are_korean_sentences_of_the_sources_that_are_there() -> None:
    def described(n: int, source: str) -> Described:
        said = (Sentence(f"사진 {n}", True), Sentence(f"그림 {n}", True), Sentence(f"풍경 {n}", True), Sentence(f"photo {n}", False))
        return Described(str(n), source, said, frozenset())

    every = [*(described(n, "flickr8k") for n in range(3)), described(9, "emoji")]
    told = hubs.asked(every)
    assert list(told) == ["flickr8k"] and len(told["flickr8k"]) == 6 and not any("photo" in t for t in told["flickr8k"])
    assert hubs.asked([described(9, "emoji")]) == {}
    texts = hubs.shared(every, [("개, 강아지", "dog, puppy")])
    assert {"개", "dog"} <= set(texts) and any(t.startswith("photo") for t in texts)


def test_minis_short_vectors_have_no_hubs_and_heads_read_what_was_before() -> None:
    def png(seed: int) -> bytes:
        out = io.BytesIO()
        draw(seed=seed).save(out, "PNG")
        return out.getvalue()

    from hannun.item import Image

    mini, pictures = Mini(HERE), [Image(png(n)) for n in range(4)]
    moved, plain = mini.encode_document(pictures).dense, mini.seen(pictures)[0]
    assert np.abs(moved - plain).max() > 1e-4 and (moved * plain).sum(axis=1).min() > 0.95
    np.testing.assert_allclose(unit(moved[:, : hubs.FROM]), unit(plain[:, : hubs.FROM]), atol=1e-5)
