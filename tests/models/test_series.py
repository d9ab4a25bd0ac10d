"""Signals as tokens: the paper's sizes, places and masks, forms, a captioner over them that learns, and its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hannun.errors import InputError
from hannun.models.backbones import series, tiny
from hannun.models.backbones.series import Series, SeriesForm, SeriesShape, day_form
from hannun.models.captioner import network
from hannun.models.captioner.network import END, PAD, Captioner, CaptionerShape, special_tokens
from hannun.models.checkpoint import open_checkpoint, open_model, save
from hannun.signals import Signal
from tests.sensors.test_facts import minutes

WRIST = SeriesForm("wrist", 64, 32.0, ("acc_x", "acc_y", "acc_z"), (8, 3))
STYLES = {"semantic": "[SEMANTIC]"}


def small(*forms: SeriesForm) -> Series:
    torch.manual_seed(0)
    return Series(SeriesShape(forms or (day_form((60, 2)), WRIST), 16, 1, 2, 32)).eval()


def waved(hertz: float = 2.0, rows: int = 64, rate: float = 32.0) -> Signal:
    t = np.arange(rows) / rate
    return Signal(np.stack([np.sin(6.28 * hertz * t), t * 0, t * 0 + 1], axis=1).astype(np.float32), rate, WRIST.channels)


def test_the_papers_day_has_1872_tokens_and_its_sizes_their_parameters() -> None:
    assert day_form().tokens == 1872 and day_form().grid == (144, 13)
    counted = {}
    for name, numbers in (("small", series.SMALL), ("base", series.BASE), ("large", series.LARGE)):
        with torch.device("meta"):
            made = Series(SeriesShape((day_form(),), **numbers))
            counted[name] = sum(p.numel() for p in made.parameters())
    layer = 4 * 768 * 768 + 4 * 768 + 2 * 768 * 3072 + 3072 + 768 + 4 * 768  # attention, two linear layers, two norms
    assert counted["base"] == 12 * layer + 40 * 768 + 768 + (144 + 13) * 768 + 2 * 768
    assert [round(v / 1e6) for v in counted.values()] == [21, 85, 303]


def test_a_step_at_the_papers_tokens() -> None:
    torch.manual_seed(0)
    model = Series(SeriesShape((day_form(),), 16, 1, 2, 32))
    whole = Signal(np.random.default_rng(0).normal(70, 5, (1440, 26)).astype(np.float32), 1 / 60, day_form().channels, "2026-11-01")
    tokens, mask = model(model.collate([whole]))
    assert tokens.shape == (1, 1872, 16) and bool(mask.all())
    tokens.square().mean().backward()
    assert model.enter[0].weight.grad is not None and bool(model.enter[0].weight.grad.abs().sum() > 0)


def test_what_was_not_measured_has_no_token_and_changes_nothing() -> None:
    model = small()
    heart = np.full(1440, 70.0)
    heart[120:300] = np.nan
    made = model.collate([minutes(HR=heart)])
    assert made["there"].sum() == 21 and 2 not in made["place"][0].tolist()[:2]  # 24 hours less the three that are empty
    hidden = minutes(HR=np.where(np.isnan(heart), 99.0, heart))
    masked = Signal(hidden.values, hidden.rate, hidden.channels, hidden.start, ~np.isnan(heart)[:, None])
    for name, tensor in model.collate([masked]).items():
        assert torch.equal(tensor, made[name])


def test_a_batch_of_several_forms_equals_its_signals_one_by_one() -> None:
    model = small()
    some = [minutes(HR=np.linspace(60, 90, 1440)), waved(), waved(5.0, rows=40)]
    with torch.inference_mode():
        tokens, mask = model(model.collate(some))
        for n, one in enumerate(some):
            alone, there = model(model.collate([one]))
            assert int(mask[n].sum()) == there.shape[1]
            torch.testing.assert_close(tokens[n][mask[n]], alone[0], atol=2e-5, rtol=1e-4)


def test_the_form_is_the_one_with_most_of_the_channels() -> None:
    waist = SeriesForm("waist", 200, 25.0, (*WRIST.channels, "gyro_x"), (8, 2))
    model = small(day_form((60, 2)), WRIST, waist)
    turned = Signal(np.ones((50, 4), np.float32), 25.0, waist.channels)
    assert [model.formed(s) for s in (minutes(steps=np.ones(1440)), waved(), turned)] == [0, 1, 2]
    assert model.formed(waved(rate=25.0)) == 2
    with pytest.raises(InputError, match="this model reads HR"):
        model.formed(Signal(np.ones((5, 1), np.float32), 1.0, ("mine",)))


def test_other_rates_and_lengths_are_laid_on_the_form() -> None:
    values, mask = WRIST.laid(Signal(np.repeat(np.arange(64.0), 2)[:, None].astype(np.float32), 64.0, ("acc_x",)))
    assert values[:, 0].tolist() == list(range(64)) and mask[:, 0].all() and not mask[:, 1:].any()
    values, mask = WRIST.laid(Signal(np.ones((32, 1), np.float32), 16.0, ("acc_x",)))
    assert mask[:, 0].tolist() == [True, False] * 32
    values, _ = WRIST.laid(Signal(np.arange(128.0)[:, None].astype(np.float32), 32.0, ("acc_x",)))
    assert values[0, 0] == 32 and values[-1, 0] == 95  # the middle of a longer one


def captioner(context: int = 24) -> Captioner:
    torch.manual_seed(0)
    texts = ["활동: 걷기.", "walking from 0.0 s to 4.0 s.", "달리기 12:30"] * 3
    words = tiny.tokenizer(texts, special_tokens(STYLES), pad=PAD, eos=END, size=400, length=context, digits=True)
    shape = CaptionerShape(16, 16, 2, 32, 1, 1, queries=4, vocabulary=len(words), context=context, styles=STYLES)
    return Captioner(small(), words, shape)


def test_digits_are_tokens_of_their_own() -> None:
    words = tiny.tokenizer(["12 123 1234"] * 9, ["<pad>", "</s>"], pad="<pad>", eos="</s>", size=400, digits=True)
    assert len(words("1234")["input_ids"]) == 4 and words.decode(words("72.5")["input_ids"]) == "72.5"


def test_a_captioner_of_signals_is_an_encoder_and_comes_back_from_its_folder(tmp_path: Path) -> None:
    model = captioner().eval()
    save(model, tmp_path / "m")
    encoder = open_checkpoint(str(tmp_path / "m"))
    assert encoder.kinds == ("text", "signal")
    made = encoder.encode_document([{"signal": waved().to_json()}, minutes(HR=np.full(1440, 70.0)), {"text": "걷기"}]).dense
    assert made.shape == (3, 16) and np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    again = open_model(tmp_path / "m")
    assert isinstance(again, Captioner) and again.source.shape == model.source.shape
    with pytest.raises(InputError, match="this model reads"):
        encoder.encode_document([Signal(np.ones((5, 1), np.float32), 1.0, ("mine",))])


def test_the_papers_decoder_over_the_papers_signals_on_the_meta_device() -> None:
    shape = replace(network.BASE, vocabulary=32_000, context=1024)
    with torch.device("meta"):
        model = Captioner(Series(SeriesShape((day_form(),), **series.BASE)), None, shape)
    assert 330e6 < sum(p.numel() for p in model.parameters()) < 400e6
