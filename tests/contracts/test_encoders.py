"""The contract of every encoder (`hannun.encoder.Encoder`): order, batches, empty and broken content, Korean in either form."""

from __future__ import annotations

import importlib
import tempfile
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hannun.embeddings import Embeddings
from hannun.encoder import Calibration, Encoder
from hannun.errors import InputError, PictureError
from hannun.item import KINDS, Content, item
from tests.conftest import draw, encoded
from tests.toy import Toy


def mini() -> Encoder:
    try:
        made: Encoder = importlib.import_module("hannun.mini.model").Mini()
    except ImportError as e:
        pytest.skip(f"hannun.mini.model is not there yet: {e}")
    return made


def free() -> Encoder:
    from hannun.load import load

    return load("mini-free")


def trained(kind: str) -> Encoder:
    """A model as training saves it: a tiny real class with random weights, through its folder and `hannun.load`."""
    torch = pytest.importorskip("torch", reason="needs hannun[train]: torch")
    pytest.importorskip("peft", reason="needs hannun[train]: peft")
    from hannun.load import load
    from hannun.models.adapters import TWO_SIDED
    from hannun.models.backbones import tiny
    from hannun.models.checkpoint import save
    from hannun.models.fused import Fused, Shape
    from hannun.models.one_sequence import Conventions, Heads, OneSequence
    from hannun.models.one_tower.tower import OneTower
    from hannun.models.one_tower.trunk import OneTowerShape
    from hannun.models.two_tower import TwoTower

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        model: Any
        if kind == "fused":
            torch.manual_seed(0)
            model = Fused.from_mini(Path(importlib.import_module("hannun").__file__ or "").parent / "mini", Shape(token_dim=32, cut=11))
            torch.nn.init.normal_(model.out.weight, std=0.05)
        elif kind == "one-tower":
            words = tiny.tokenizer(["가나다"], ["<pad>", "</s>"], pad="<pad>", eos="</s>")
            torch.manual_seed(0)
            model = OneTower(OneTowerShape(side=16, width=32, layers=2, words=len(words), hidden=32, dim=24), words)
        elif kind == "two-tower":
            model = TwoTower.dual(*tiny.siglip(["가나다"]))
        elif kind == "captioner":
            from tests.models.test_captioner import small

            model = small()
        else:
            heads = Heads(48, 16, (24,), True, (TWO_SIDED,), rank=4)
            model = OneSequence(*getattr(tiny, kind)(["가나다"]), Conventions(), heads)
        save(model, folder)
        return load(folder)


def tuned() -> Encoder:
    """mini with a head of random numbers, as `hannun tune` writes one."""
    from hannun.load import load
    from hannun.mini.image import STATES
    from hannun.mini.tuned import TunedHead
    from hannun.train import tune

    rng = np.random.default_rng(0)
    scale = np.ones(STATES, np.float32)
    head = TunedHead(
        0 * scale, scale, 0.01 * rng.standard_normal((STATES, 384)).astype(np.float32), np.eye(384, dtype=np.float32)[:4], -scale[:2]
    )
    with tempfile.TemporaryDirectory() as place:
        tune.write(tune.Tuning(head, mini().calibration, [], True, ""), Path(place), {})
        return load(place)


# A new encoder is one line here.
ENCODERS: dict[str, Callable[[], Encoder]] = {
    "toy": Toy,
    "toy-joint": lambda: Toy(parts=False),
    "mini": mini,
    "mini-free": free,
    "tuned": tuned,
    "trained-llava": lambda: trained("llava"),
    "trained-qwen": lambda: trained("qwen"),
    "trained-two-tower": lambda: trained("two-tower"),
    "trained-one-tower": lambda: trained("one-tower"),
    "trained-fused": lambda: trained("fused"),
    "trained-captioner": lambda: trained("captioner"),
}
TOLERANCE = 2e-3  # quantised weights add differently in batches of other shapes


@pytest.fixture(scope="module", params=ENCODERS)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return ENCODERS[request.param]()


@pytest.fixture(params=["query", "document"])
def encode(request: pytest.FixtureRequest, encoder: Encoder) -> Callable[[Sequence[Content]], Embeddings]:
    return encoder.encode_query if request.param == "query" else encoder.encode_document


Encode = Callable[[Sequence[Content]], Embeddings]


def contents(folder: Path) -> list[Content]:
    """Texts, pictures and both, mixed, in every form, of very different lengths."""
    draw((30, 30, 200), (60, 40)).save(folder / "blue.png")
    return [
        "빨간 줄무늬 원피스",
        draw((200, 30, 30), (300, 200)),
        {"text": "파란 가방", "image": folder / "blue.png"},
        "a",
        encoded(draw(size=(64, 64), seed=4), "JPEG"),
        "아주 긴 글입니다. " * 60,
        {"text": "초록", "image": draw((20, 180, 40))},
        folder / "blue.png",
        "👗",
        item({"id": "x", "text": "모자"}),
        {"text": "신발", "image": None},
    ]


def test_it_says_what_it_is(encoder: Encoder) -> None:
    assert isinstance(encoder, Encoder)
    assert encoder.name and encoder.fingerprint and encoder.side > 0
    assert set(encoder.kinds) <= set(KINDS) and isinstance(encoder.calibration, Calibration)
    assert encoder.dims and encoder.dims[0] == max(encoder.dims) and len(set(encoder.dims)) == len(encoder.dims)
    assert Calibration.from_json(encoder.calibration.to_json()) == encoder.calibration


def test_rows_are_unit_and_as_long_as_declared(encoder: Encoder, encode: Encode, tmp_path: Path) -> None:
    made = encode(contents(tmp_path))
    assert made.dense.shape == (11, encoder.dims[0]) and made.dense.dtype == np.float32
    assert np.linalg.norm(made.dense, axis=1) == pytest.approx(np.ones(11), abs=1e-4)


def test_a_mixed_batch_keeps_its_order_and_equals_one_by_one(encode: Encode, tmp_path: Path) -> None:
    mixed = contents(tmp_path)
    together = encode(mixed).dense
    alone = np.concatenate([encode([c]).dense for c in mixed])
    assert np.abs(together - alone).max() < TOLERANCE
    backwards = encode(mixed[::-1]).dense[::-1]
    assert np.abs(together - backwards).max() < TOLERANCE
    others = together @ together.T - 2 * np.eye(len(mixed))
    assert others[[0, 3, 5, 8, 9, 10]].max() < 1 - 1e-4  # the texts are all different, so a wrong order would show


def test_nothing_gives_no_rows(encoder: Encoder, encode: Encode) -> None:
    assert encode([]).dense.shape == (0, encoder.dims[0])


@pytest.mark.parametrize("empty", ["", "  \n", "\u200b", {"text": ""}, {"text": None, "image": None}])
def test_empty_content_is_refused(encode: Encode, empty: Content) -> None:
    with pytest.raises(InputError, match="empty content"):
        encode(["something", empty])


def test_parts_of_other_kinds_are_passed_over_and_nothing_else_is_refused(encoder: Encoder, encode: Encode) -> None:
    """No encoder here reads events; where one does, this needs another kind."""
    click = [{"time": "2025-11-01", "action": "click"}]
    with_them, without = encode([{"text": "모자", "events": click}, "모자"]).dense
    assert np.abs(with_them - without).max() < TOLERANCE
    with pytest.raises(InputError, match="content of events came, which this encoder does not read"):
        encode([{"events": click}])


@pytest.mark.parametrize("broken", [b"", b"not a picture", encoded(draw(size=(99, 99), seed=1), "JPEG")[:400]])
def test_an_unreadable_picture_is_told(encode: Encode, broken: bytes) -> None:
    with pytest.raises(PictureError):
        encode(["text", broken])
    with pytest.raises(PictureError):
        encode([{"text": "text", "image": broken}])


def test_decomposed_korean_is_composed_korean(encode: Encode) -> None:
    composed = "빨간 줄무늬 원피스"
    first, second = encode([composed, unicodedata.normalize("NFD", composed)]).dense
    assert np.abs(first - second).max() < TOLERANCE


def test_a_str_that_looks_like_a_place_stays_text(encode: Encode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw((200, 30, 30)).save("a.png")

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    looks = ["a.png", str(tmp_path / "a.png"), "https://example.com/a.png", "file:///etc/passwd"]
    strs, dicts = encode(looks).dense, encode([{"text": t} for t in looks]).dense
    assert np.abs(strs - dicts).max() < TOLERANCE
    picture = encode([tmp_path / "a.png"]).dense[0]
    assert (strs @ picture).max() < 0.999


def test_odd_texts(encode: Encode) -> None:
    odd = ["👗👠", "가" * 2000, "\ud800원피스", "ㅋㅋㅋ", "\u202e", "0", "!" * 500, "a\x00b"]
    made = encode(odd).dense
    assert np.isfinite(made).all() and np.linalg.norm(made, axis=1) == pytest.approx(np.ones(len(odd)), abs=1e-4)


def test_a_very_long_text(encoder: Encoder) -> None:
    made = encoder.encode_document(["가나다 " * 25_000]).dense
    assert np.linalg.norm(made, axis=1) == pytest.approx([1], abs=1e-4)


def test_odd_pictures(encode: Encode) -> None:
    odd: list[Content] = [
        draw(size=(1, 1)),
        draw(size=(1, 500)),
        draw(size=(3000, 2)),
        draw().convert("L"),
        draw().convert("RGBA"),
        draw().convert("P"),
    ]
    made = encode(odd).dense
    assert np.isfinite(made).all() and np.linalg.norm(made, axis=1) == pytest.approx(np.ones(len(odd)), abs=1e-4)


def test_the_same_encoder_made_again_has_the_same_fingerprint(request: pytest.FixtureRequest, encoder: Encoder) -> None:
    again = ENCODERS[request.node.callspec.params["encoder"]]()
    assert again.fingerprint == encoder.fingerprint
    assert np.abs(again.encode_document(["원피스"]).dense - encoder.encode_document(["원피스"]).dense).max() < 1e-5


def test_content_of_no_known_type_is_refused(encode: Encode) -> None:
    with pytest.raises(InputError):
        encode([5])  # type: ignore[list-item]
