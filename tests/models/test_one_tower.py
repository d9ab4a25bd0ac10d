"""One Transformer for both kinds: against arithmetic written by hand, its teacher, its folder, and the sizes of the paper."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("transformers", reason="transformers is in the [train] extra")

from hannun.encoder import cells  # noqa: E402
from hannun.errors import InputError  # noqa: E402
from hannun.item import Image, item  # noqa: E402
from hannun.load import load  # noqa: E402
from hannun.models.backbones import tiny  # noqa: E402
from hannun.models.checkpoint import open_model, save  # noqa: E402
from hannun.models.one_tower.tower import IMAGE, TEXT, OneTower, momentum  # noqa: E402
from hannun.models.one_tower.trunk import OneTowerShape, sines  # noqa: E402
from tests.conftest import draw  # noqa: E402


def small(**changed: Any) -> OneTower:
    torch.manual_seed(0)
    words = tiny.tokenizer(["빨간 모자", "a hat"], ["<pad>", "</s>"], pad="<pad>", eos="</s>")
    shape = {"side": 8, "width": 8, "layers": 2, "heads": 2, "words": len(words), "hidden": 12, "dim": 6, "limit": 4}
    return OneTower(OneTowerShape(**{**shape, **changed}), words).eval()


# ------------------------------------------------------------------------------------- the same, by hand


def norm(x: Any, layer: Any) -> Any:
    mean, spread = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(spread + 1e-5) * layer.weight.detach().numpy() + layer.bias.detach().numpy()


def linear(x: Any, layer: Any) -> Any:
    return x @ layer.weight.detach().numpy().T + (layer.bias.detach().numpy() if layer.bias is not None else 0)


def gelu(x: Any) -> Any:
    return np.vectorize(lambda v: v * (1 + math.erf(v / math.sqrt(2))) / 2)(x)


def layer(x: Any, y: Any, made: Any) -> Any:
    """One layer on [t, width]: queries of x, keys and values of y, head by head."""
    a, b = norm(x, made.before), norm(y, made.before)
    q, k, v = linear(a, made.query), linear(b, made.key), linear(b, made.value)
    heads = []
    for part in np.split(np.arange(q.shape[1]), made.heads):
        scores = np.exp(q[:, part] @ k[:, part].T / math.sqrt(len(part)))
        heads.append(scores / scores.sum(1, keepdims=True) @ v[:, part])
    x = x + linear(np.concatenate(heads, axis=1), made.out)
    inner = gelu(linear(norm(x, made.between), made.feed[0]))
    return x + linear(inner, made.feed[2])


def head(x: Any, made: Any) -> Any:
    """Linear layers with LayerNorm and GELU between them."""
    parts = list(made)
    for n in range(0, len(parts) - 1, 3):
        x = gelu(norm(linear(x, parts[n]), parts[n + 1]))
    return linear(x, parts[-1])


def begun(model: OneTower, pixels: Any, ids: list[int]) -> tuple[Any, Any]:
    """[CLS] and one patch; [CLS] and the tokens."""
    trunk = model.student.trunks[0]
    flat = pixels.reshape(1, -1)  # channel, row, column: as a patch is unfolded
    patch = norm(linear(flat, trunk.seen.project), trunk.seen.norm) + sines(1, 8).numpy()
    tokens = norm(trunk.said.words.weight.detach().numpy()[ids], trunk.said.norm) + trunk.said.order.detach().numpy()[: len(ids)]
    first = trunk.cls.detach().numpy()[None]
    return np.concatenate([first, patch]), np.concatenate([first, tokens])


def test_every_mode_equals_the_arithmetic_on_two_tokens() -> None:
    """A picture of one patch and a text of one token: two states each, [CLS] first; F(X|Y) swaps keys and values in both layers."""
    model = small()
    pixels, ids = torch.randn(1, 3, 8, 8), [7]
    trunk = model.student.trunks[0]
    image, text = trunk.image(pixels), trunk.text(torch.tensor([ids]), torch.ones(1, 1))
    found = {
        k: v[0].detach().numpy() for k, v in model.student.read(image, text, (IMAGE, TEXT, "image|text", "text|image", "both")).items()
    }
    x, y = begun(model, pixels.numpy(), ids)
    alone_x, alone_y, cross_x, cross_y, both = x, y, x, y, np.concatenate([x, y[1:]])
    for made in trunk.layers:
        alone_x, alone_y, both = layer(alone_x, alone_x, made), layer(alone_y, alone_y, made), layer(both, both, made)
        cross_x, cross_y = layer(cross_x, cross_y, made), layer(cross_y, cross_x, made)
    by_hand = {IMAGE: alone_x, TEXT: alone_y, "image|text": cross_x, "text|image": cross_y, "both": both}
    for mode, states in by_hand.items():
        z = head(norm(states[0], trunk.norm)[None], model.student.projectors[0])[0]
        np.testing.assert_allclose(found[mode], z, atol=1e-5, err_msg=mode)
    asked = model.predicted(IMAGE, torch.from_numpy(found[IMAGE])[None])[0].detach().numpy()
    expected = head(found[IMAGE][None], model.predictors[0])[0]
    np.testing.assert_allclose(asked, expected / np.linalg.norm(expected), atol=1e-5)


def test_padding_changes_nothing() -> None:
    trunk = small().student.trunks[0]
    ids = torch.tensor([[5, 6, 0, 0], [5, 6, 9, 9]])
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 0, 0]])
    said = trunk.alone(trunk.text(ids, mask))[:, 0]
    alone = trunk.alone(trunk.text(ids[:1, :2], mask[:1, :2]))[:, 0]
    assert torch.allclose(said[0], said[1], atol=1e-6) and torch.allclose(said[:1], alone, atol=1e-6)
    image = trunk.image(torch.randn(2, 3, 8, 8))
    across = trunk.across(image, trunk.text(ids, mask))[0]
    assert torch.allclose(
        across[0], trunk.across(image.__class__(image.states[:1], image.there[:1]), trunk.text(ids[:1, :2], mask[:1, :2]))[0][0], atol=1e-6
    )


# ------------------------------------------------------------------------------------- teacher


def test_the_teacher_follows_and_is_never_taught() -> None:
    model = small()
    assert model.teacher is not None and not any(p.requires_grad for p in model.teacher.parameters())
    assert not any(k.startswith("predictors") for k, _ in model.teacher.named_parameters())
    with torch.no_grad():
        model.student.trunks[0].cls += 1
    before = model.teacher.trunks[0].cls.clone()
    model.follow(0, 10)
    assert torch.allclose(model.teacher.trunks[0].cls, before + 0.01, atol=1e-6)  # 0.99 of the old, 0.01 of what is one higher
    frozen = model.student.trunks[0].seen.project.weight
    assert not frozen.requires_grad and torch.equal(frozen, model.teacher.trunks[0].seen.project.weight)


def test_the_momentum_rises_from_99_to_100_percent() -> None:
    assert momentum(0, 100) == pytest.approx(0.99) and momentum(50, 100) == pytest.approx(0.995) and momentum(100, 100) == 1
    assert OneTowerShape().momentum == 0.99


# ------------------------------------------------------------------------------------- as an encoder


def test_its_folder_gives_the_same_vectors_and_the_places_of_a_picture(tmp_path: Path) -> None:
    model = small(side=16)
    save(model, tmp_path / "m")
    again, encoder = open_model(tmp_path / "m"), load(tmp_path / "m")
    assert isinstance(again, OneTower) and all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    picture = draw((200, 30, 30), (40, 30), seed=3)
    both = {"text": "빨간 모자", "image": picture}
    text, image = encoder.encode_document(["빨간 모자", picture]).dense
    assert encoder.encode_document([both]).dense[0] == pytest.approx((text + image) / np.linalg.norm(text + image), abs=1e-5)
    asked = encoder.encode_query(["빨간 모자"]).dense[0]
    assert np.abs(asked - text).max() > 1e-3  # a query goes through the predictor, a document does not
    sees = cells(encoder)
    assert sees is not None and sees.grid == (2, 2)
    seen = sees.patches([Image(picture), Image(draw(seed=1)), Image(picture)])
    assert seen.shape == (3, 4, 6) and np.linalg.norm(seen, axis=-1) == pytest.approx(np.ones((3, 4)), abs=1e-5)
    assert np.array_equal(seen[0], seen[2]) and np.abs(seen[0] - seen[1]).max() > 1e-3


def test_a_row_of_both_is_one_sequence_in_training_and_keeps_its_place() -> None:
    model = small(side=16)
    rows = [item("모자"), item({"text": "모자", "image": draw(seed=1)}, id="1"), item({"image": draw(seed=1)}, id="2")]
    rows.append(item({"text": "모자", "image": [draw(seed=1), draw(seed=2)]}, id="3"))
    found = model(model.collate(rows, "document")).dense
    alone = torch.cat([model(model.collate([r], "document")).dense for r in rows])
    assert torch.allclose(found, alone, atol=1e-5)
    trunk = model.student.trunks[0]
    f = model.collate(rows[1:2], "document")
    z = trunk.together(trunk.image(f.pixels["pixel_values"]), trunk.text(f.rows["input_ids"], f.rows["attention_mask"]))[:, 0]
    assert torch.allclose(found[1:2], torch.nn.functional.normalize(model.student.projected("both", z), dim=-1), atol=1e-5)


def test_kept_pixels_are_the_pixels(tmp_path: Path) -> None:
    model = small(side=16)
    rows = [item({"image": draw((9, 200, 50), (30, 50), seed=n)}, id=str(n)) for n in range(3)]
    plain = model.collate(rows, "document").pixels["pixel_values"]
    model.remember(tmp_path)
    for _ in range(2):
        assert torch.equal(model.collate(rows, "document").pixels["pixel_values"], plain)
    assert len(model.kept) == 3 and plain.abs().max() <= 1


def test_two_towers_share_nothing_and_read_each_kind_alone() -> None:
    model = small(trunks=2, projectors=2, momentum=0.0)
    assert model.teacher is None and not len(model.predictors) and model.log_scale is not None
    assert model.student.trunk(IMAGE) is not model.student.trunk(TEXT) and model.student.trunk(IMAGE).said is None
    one = sum(p.numel() for p in small().student.trunks.parameters())
    assert abs(sum(p.numel() for p in model.student.trunks.parameters()) - one) < 0.02 * one  # half the layers each
    image = model.student.trunk(IMAGE).image(torch.zeros(1, 3, 8, 8))
    text = model.student.trunk(TEXT).text(torch.tensor([[5]]), torch.ones(1, 1))
    with pytest.raises(ValueError, match="two towers read each kind alone"):
        model.student.read(image, text, ("both",))


@pytest.mark.parametrize("wrong", [{"side": 60}, {"heads": 3}, {"trunks": 3}, {"projectors": 0}, {"momentum": 1.0}])
def test_a_shape_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="came, expected"):
        OneTowerShape(**wrong)


def test_batch_normalisation_is_mocos() -> None:
    """Behind every linear layer of the heads, without weights behind the last; [n, t, width] is normalised over n and t."""
    model = small(batch_norm=True)
    norms = [m for m in model.student.projectors.modules() if isinstance(m, torch.nn.BatchNorm1d)]
    assert len(norms) == 3 and [m.affine for m in norms] == [True, True, False]
    model.train()
    z = model.student.projectors[0](torch.randn(5, 7, 8))
    assert torch.allclose(z.mean((0, 1)), torch.zeros(6), atol=1e-5) and torch.allclose(
        z.var((0, 1), unbiased=False), torch.ones(6), atol=1e-2
    )
