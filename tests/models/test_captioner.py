"""The captioner: what each half sees, sizes of the paper, kept keys and values, styles and languages, its folder, its ONNX form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("transformers", reason="transformers is in the [train] extra")

import PIL.Image  # noqa: E402

from hannun.continuation import Manner, utterances  # noqa: E402
from hannun.encoder import captioner  # noqa: E402
from hannun.errors import InputError  # noqa: E402
from hannun.item import Image, item  # noqa: E402
from hannun.load import load  # noqa: E402
from hannun.models.backbones import tiny, vit  # noqa: E402
from hannun.models.backbones.places import PictureTokens  # noqa: E402
from hannun.models.captioner import network, speaking  # noqa: E402
from hannun.models.captioner.network import APART, END, PAD, PAIR, Captioner, CaptionerShape, special_tokens  # noqa: E402
from hannun.models.checkpoint import open_model, save  # noqa: E402
from tests.conftest import ROOT, draw, encoded  # noqa: E402

STYLES = {"caption": "[PROMPT]", "query": "[QUERY]"}
TEXTS = ["빨간 원피스를 입은 여자", "a dog runs on the grass", "파란 우산"]
MINI = ROOT / "src/hannun/mini/image.onnx"


def words() -> Any:
    return tiny.tokenizer(TEXTS * 3, special_tokens(STYLES), pad=PAD, eos=END, size=400)


def small(eyes: str = "vit", seed: int = 0) -> Captioner:
    torch.manual_seed(seed)
    tok = words()
    shape = CaptionerShape(dim=24, width=32, heads=2, inner=64, alone=2, joint=2, queries=6, vocabulary=len(tok), context=20, styles=STYLES)
    numbers = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    source: Any = vit.PatchTokens.begin(numbers, 32, 8) if eyes == "vit" else PictureTokens(MINI, 16)
    model = Captioner(source, tok, shape)
    torch.nn.init.normal_(model.words.weight, std=0.5)  # so that an untrained one prefers some words clearly
    return model.eval()


def pictures(many: int = 3) -> list[Image]:
    return [Image(encoded(draw((60 * n, 200 - 50 * n, 30), (40, 30), seed=n))) for n in range(many)]


def pair(model: Captioner, role: str = PAIR, task: str = "caption") -> Any:
    return model.collate([item({"text": t, "image": p.data()}) for t, p in zip(TEXTS, pictures(), strict=True)], role, task=task)


def test_a_word_sees_nothing_that_comes_after_it_and_no_cls() -> None:
    """Changing a later word, or [CLS], leaves the states and scores of earlier places as they are; [CLS] sees every word."""
    model = small()
    ids, real = torch.randint(10, 300, (1, 8)), torch.ones(1, 8, dtype=torch.bool)
    other = ids.clone()
    other[0, 6] = 5
    with torch.no_grad():
        seen, _ = model.look(model.source.collate(pictures(1)))
        states, vector = model.read(ids, real)
        changed, moved = model.read(other, real)
        assert torch.equal(states[:, :6], changed[:, :6]) and not torch.allclose(states[:, 6], changed[:, 6])
        assert not torch.allclose(vector, moved)
        told = model.scores(model.tell(states, seen))
        assert torch.equal(told[:, :6], model.scores(model.tell(changed, seen))[:, :6])
        model.whole.add_(3)
        assert torch.equal(model.read(ids, real)[0], states) and not torch.allclose(model.read(ids, real)[1], vector)


def test_the_lower_half_sees_no_picture_and_the_upper_one_does() -> None:
    model = small()
    first, second = (model(pair(model, PAIR)) for _ in range(2))
    features = pair(model)
    turned = replace(features, pixels={k: v.flip(0) for k, v in features.pixels.items()})
    with torch.no_grad():
        one, two = model(features), model(turned)
    assert torch.equal(first.dense, second.dense) and torch.equal(one.dense, two.dense)
    assert not torch.allclose(one.others["caption"], two.others["caption"])
    torch.testing.assert_close(one.others["seen"], two.others["seen"].flip(0))


def test_padding_changes_nothing() -> None:
    model = small()
    with torch.no_grad():
        together = model(pair(model)).named()
        for n, (text, picture) in enumerate(zip(TEXTS, pictures(), strict=True)):
            alone = model(model.collate([item({"text": text, "image": picture.data()})], PAIR, task="caption")).named()
            for name, value in alone.items():
                torch.testing.assert_close(value[0], together[name][n], atol=1e-4, rtol=1e-4)
    counts = [len(model.tokenizer(t, add_special_tokens=False)["input_ids"]) + 1 for t in TEXTS]  # its words and its end
    assert together["count"].tolist() == counts
    assert set(model(pair(model, APART)).others) == {"seen"}


def test_texts_begin_with_style_and_language_and_lose_their_end_where_they_are_too_long() -> None:
    model = small()
    token = model.tokenizer.convert_ids_to_tokens
    rows = [token(ids.tolist()) for ids in model.tokens([TEXTS[0], TEXTS[1]], "query")["input_ids"]]
    assert [r[:2] for r in rows] == [["[QUERY]", "[KO]"], ["[QUERY]", "[EN]"]] and rows[1][-1] in (END, PAD)
    assert token(model.tokens(["모자"])["input_ids"][0].tolist())[:2] == ["[NONE]", "[KO]"]
    long = model.tokens(["a dog " * 50])
    assert long["input_ids"].shape == (1, 20) and token(int(long["input_ids"][0, -1])) == END
    with pytest.raises(InputError, match=r"no style 'querry' in this model; did you mean 'query'"):
        model.told("querry", "ko")
    with pytest.raises(InputError, match="language 'fr' came"):
        model.told("query", "fr")
    with pytest.raises(InputError, match="a pair to learn from came"):
        model.collate([item({"text": "a"})], PAIR)


@pytest.mark.parametrize(
    ("decoder", "eyes", "text", "picture"),
    [(network.BASE, vit.BASE, 297e6, 86e6), (network.LARGE, vit.LARGE, 484e6, 303e6), (network.HUGE, vit.HUGE, 1.18e9, 1.01e9)],
    ids=["base", "large", "2.1B"],
)
def test_the_sizes_of_the_paper(decoder: CaptionerShape, eyes: dict[str, int], text: float, picture: float) -> None:
    """CoCa, table 1: 86 + 297 M, 303 + 484 M, and 2.1 B of 1 B + 1.1 B; poolers, [CLS] and the two heads are not in those numbers."""
    with torch.device("meta"):
        model = Captioner(vit.PatchTokens.begin(eyes), None, decoder)
    count = {k: sum(p.numel() for p in m.parameters()) for k, m in model.named_children()}
    width, inner = decoder.width, decoder.inner
    layer = 4 * width * (width + 1) + 2 * width * inner + inner + width + 4 * width  # attention, two linear layers, two norms
    across = 4 * width * (width + 1) + 2 * width
    assert count["lower"] == decoder.alone * layer and count["upper"] == decoder.joint * (layer + across)
    assert sum(count[k] for k in ("words", "say", "lower", "upper")) == pytest.approx(text, rel=0.005)
    assert count["source"] == pytest.approx(picture, rel=0.005)


@pytest.mark.parametrize("manner", [Manner(longest=9), Manner(beams=3, longest=9), Manner(nucleus=0.9, longest=9)], ids=str)
def test_what_is_kept_between_tokens_changes_no_text(manner: Manner) -> None:
    model = small()
    with torch.no_grad():
        seen, _ = model.look(model.source.collate(pictures()))
    told, end = model.told("query", "ko"), model.ids[END]
    kept = utterances(speaking.KeptSpeaker(model, seen, told), end, manner)
    anew = utterances(speaking.ForgettingSpeaker(model, seen, told), end, manner)
    assert [[u.tokens for u in each] for each in kept] == [[u.tokens for u in each] for each in anew]
    assert [u.likelihood for each in kept for u in each] == pytest.approx([u.likelihood for each in anew for u in each], abs=1e-4)
    assert len({each[0].tokens for each in kept}) > 1  # the pictures differ, and so do their texts


def test_texts_are_made_in_batches_as_one_by_one_and_within_the_context() -> None:
    model, manner = small(), Manner(beams=2, longest=99)
    together = speaking.captions(model, pictures(), "caption", "en", manner, batch=2)
    alone = [speaking.captions(model, [p], "caption", "en", manner)[0] for p in pictures()]
    assert [[t for t, _ in each] for each in together] == [[t for t, _ in each] for each in alone]
    assert all(len(u.tokens) <= 20 - 2 - 1 for each in together for _, u in each)
    assert not any(token in text for each in together for text, _ in each for token in special_tokens(STYLES))
    with pytest.raises(InputError, match="no style 'poem'"):
        speaking.captions(model, pictures(), "poem", "ko")


@pytest.mark.parametrize("eyes", ["vit", "places"])
def test_a_folder_gives_the_same_model_again(eyes: str, tmp_path: Path) -> None:
    model = small(eyes)
    save(model, tmp_path / "model")
    again = open_model(tmp_path / "model")
    assert isinstance(again, Captioner) and again.shape == model.shape
    with torch.no_grad():
        torch.testing.assert_close(again(pair(again)).others["caption"], model(pair(model)).others["caption"])
    encoder = load(tmp_path / "model")
    assert encoder.kinds == ("text", "image") and encoder.name.endswith("#caption")
    other = load(f"{tmp_path / 'model'}#query")
    assert np.abs(other.encode_query(["모자"]).dense - encoder.encode_query(["모자"]).dense).max() > 1e-3
    writer = captioner(encoder)
    assert writer is not None and writer.styles == ("caption", "query")
    said = writer.caption(pictures(1), "query", "ko", Manner(longest=5))
    assert said[0][0].text == speaking.captions(model, pictures(1), "query", "ko", Manner(longest=5))[0][0][0]


def test_channels_are_standardised_and_tokens_hidden_in_training_alone() -> None:
    source = PictureTokens(MINI, 16, drop=0.5)
    source.settle(pictures(3))
    values = source.collate(pictures(3))
    places = values["places"].float()[:, : 81 * 704].reshape(-1, 704)
    assert torch.allclose(source.place_mean, places.mean(0), atol=1e-3)
    tokens, read = source.eval()(values)
    assert tokens.shape == (3, 90, 16) and bool(read.all())
    torch.manual_seed(0)
    _, hidden = source.train()(values)
    assert 0.3 < float(hidden.float().mean()) < 0.7 and bool(hidden.any(dim=1).all())


def test_the_onnx_form_says_the_same(tmp_path: Path) -> None:
    """int8 rounds: the likelihood of the same words differs by hundredths, and most texts are the same ones."""
    pytest.importorskip("onnx", reason="onnx is in the [train] extra")
    from hannun.mini.captions import CaptionWriter
    from hannun.models.export.captions import export_captioner

    model = small("places")
    model.source.settle(pictures(3))
    export_captioner(model, tmp_path / "captions")
    (tmp_path / "image.onnx").symlink_to(MINI)
    writer = CaptionWriter(tmp_path)
    assert writer.styles == ("caption", "query")
    for manner in (Manner(longest=4), Manner(beams=3, longest=4)):
        for mine, theirs in zip(
            writer.caption(pictures(), "query", "en", manner), speaking.captions(model, pictures(), "query", "en", manner), strict=True
        ):
            assert mine[0].likelihood == pytest.approx(theirs[0][1].likelihood, abs=0.15)
    with pytest.raises(InputError, match="'poem' came, which this captioner does not write"):
        writer.caption(pictures(1), "poem", "ko", Manner())
    with pytest.raises(TypeError, match="sees with a PatchTokens"):
        export_captioner(small(), tmp_path / "other")


def test_a_picture_given_decoded_is_the_same_picture() -> None:
    model = small("places")
    whole = pictures(1)[0]
    loaded: PIL.Image.Image = whole.load(model.side)
    assert torch.equal(model.source.collate([whole])["places"], model.source.collate([loaded])["places"])
