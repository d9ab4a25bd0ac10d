"""sensorlm as a recipe: whose its numbers are, pairs of every style, a model of recordings of one's own, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hannun.continuation import Manner
from hannun.errors import InputError
from hannun.models.captioner.network import Captioner
from hannun.models.captioner.speaking import captions
from hannun.models.checkpoint import open_checkpoint, open_model
from hannun.recipes import sensorlm
from hannun.recipes.data import signals, simulated_days
from hannun.recipes.sensorlm import PAPER, SIZES, TINY
from hannun.recipes.skeleton import Training
from hannun.sensors.captions import Labels, caption
from hannun.sensors.checking import accuracy, checked
from hannun.sensors.episodes import Episode
from hannun.sensors.recording import SignalRecording
from hannun.signals import Signal
from hannun.train.own import OwnData


def test_every_number_has_an_origin() -> None:
    for recipe in SIZES.values():
        assert all(origin for _, _, origin in recipe.rows()) and set(recipe.weights) == {"caption", "contrast", "pairwise"}
    assert PAPER.weights == {"caption": 2.0, "contrast": 1.0, "pairwise": 0} and TINY.weights["caption"] == 0
    assert (PAPER.batch, PAPER.learning_rate, PAPER.weight_decay, PAPER.warmup, PAPER.steps * PAPER.batch // 10**6) == (
        1024,
        5e-4,
        1e-4,
        0.2,
        49,
    )
    assert sensorlm.FORMS[0].tokens == 24 * 13 and len(sensorlm.STYLES) == 7


def test_simulated_days_have_a_physiology() -> None:
    made = simulated_days.days(30, 2, seed=1)
    assert made[0].signal == simulated_days.days(30, 2, seed=1)[0].signal
    ratio, asleep, awake, walking = [], [], [], []
    for one in made:
        heart = np.where(one.signal.measured[:, 0], one.signal.values[:, 0], np.nan)
        steps = one.signal.values[:, one.signal.channels.index("steps")]
        assert np.nanmin(heart) > 30 and np.nanmax(heart) <= 208 - 0.7 * 18
        night = np.zeros(1440, bool)
        for e in one.labels.episodes:
            night[e.start : e.end] |= e.english == "sleep"
        asleep.append(np.nanmean(heart[night]))
        awake.append(np.nanmean(heart[~night]))
        for e in one.labels.episodes:
            if e.english in ("walking", "running") and e.end - e.start > 25 and one.signal.measured[e.start : e.end, 0].all():
                ratio.append(np.nanmean(heart[e.start + 5 : e.end]) / asleep[-1])
                walking.append(steps[e.start : e.end].mean())
                rise = heart[e.start : e.start + 10]
                assert rise[0] < rise[-1]  # the heart follows late
    assert np.mean(np.array(awake) > np.array(asleep)) > 0.95 and 1.2 < np.median(ratio) < 2.5 and min(walking) >= 60
    assert 0.05 < np.mean([1 - d.signal.measured[:, 0].mean() for d in made]) < 0.3  # not worn all the time
    assert len({d.signal.channels for d in made}) > 3 and not any("jerk_auto" in d.signal.channels for d in made)


def test_pairs_of_every_style_in_both_languages_say_what_is_true() -> None:
    some = [(d.signal, d.labels, "") for d in simulated_days.days(10, 2, seed=2)]
    made = signals.paired("days", some, 0)
    assert "days semantic" in made and len(made) >= 5
    for pairs in made.values():
        for pair in pairs:
            signal = next(p for p in pair.positive.parts if isinstance(p, Signal))
            labels = next(lab for s, lab, _ in some if s == signal)
            assert accuracy(checked(pair.query.text or "", signal, labels)) == 1
    assert {p.query.id[-2:] for v in made.values() for p in v} == {"ko", "en"}


def test_captions_longer_than_the_context_are_cut_at_a_sentence() -> None:
    text = "하나 1.5 입니다. 둘 2.5 입니다. 셋 3.5 입니다."
    assert signals.shortened(text, lambda t: len(t) <= 25) == "하나 1.5 입니다. 둘 2.5 입니다."
    assert signals.shortened(text, lambda t: len(t) < 99) == text and signals.shortened(text, lambda t: not t) == ""


def own_days(people: int, each: int) -> list[SignalRecording]:
    """Days on which somebody walks before dawn (of an even sum of person and day), or in the evening."""
    found = []
    random = np.random.default_rng(0)
    for who in range(people):
        for day in range(each):
            steps = np.zeros(1440, np.float32)
            start = (240, 1140)[(who + day) % 2]
            steps[start : start + 60] = 100 + random.integers(0, 20)
            heart = (60 + 0.3 * np.convolve(steps, np.ones(3) / 3, "same") + random.normal(0, 1, 1440)).astype(np.float32)
            signal = Signal(np.stack([heart, steps], axis=1), 1 / 60, ("HR", "steps"), f"2026-11-{day + 1:02d}")
            found.append(SignalRecording(signal, name=f"2026-11-{day + 1:02d}", person=f"p{who}"))
    return found


def test_it_learns_from_recordings_of_ones_own_and_finds_days_by_words(tmp_path: Path) -> None:
    contrastive = {**sensorlm.VARIANTS["contrastive"]}
    recipe = replace(TINY, steps=30, batch=24, learning_rate=3e-3, precision="fp32", ema=0.0, weights=contrastive)
    lines: list[str] = []
    told = sensorlm.of_own(recipe, own_days(5, 6), Training(recipe, tmp_path, lines.append))
    assert any("R@10 of 6" in line for line in told) and any("channels: HR, steps" in line for line in lines)
    encoder = open_checkpoint(str(tmp_path / "model"))
    fresh = own_days(2, 3)
    seen = encoder.encode_document([{"signal": r.signal.to_json()} for r in fresh]).dense
    asked = encoder.encode_query(["새벽에 걸은 날.", "저녁에 걸은 날."]).dense
    dawn = ["새벽에" in caption(r.signal, "ko", ("semantic",)) for r in fresh]
    assert dawn == [True, False, True, False, True, False]
    towards = (asked[0] - asked[1]) @ seen.T  # how much nearer to the one than to the other
    assert towards[dawn].min() > towards[[not d for d in dawn]].max()


def test_it_goes_on_from_a_trained_model_and_says_what_is_checked(tmp_path: Path) -> None:
    recipe = replace(TINY, steps=2, batch=8, precision="fp32", weights=sensorlm.VARIANTS["CoCa"])
    days = own_days(5, 2)
    sensorlm.of_own(recipe, days, Training(recipe, tmp_path / "first"))
    sensorlm.of_own(recipe, days, Training(recipe, tmp_path / "second"), tmp_path / "first" / "model")
    model = open_model(tmp_path / "second" / "model")
    assert isinstance(model, Captioner)
    said = captions(model, [days[0].signal], "semantic", "ko", Manner(longest=12))
    assert all(c.found in ("right", "wrong", "unread") for c in checked(said[0][0][0], days[0].signal))


def test_raw_recordings_are_cut_into_windows_with_their_labels() -> None:
    values = np.random.default_rng(0).normal(size=(320, 3)).astype(np.float32)
    labels = Labels((Episode("걷기", "walking", 0, 130), Episode("달리기", "running", 130, 320)))
    raw = SignalRecording(Signal(values, 50.0, ("acc_x", "acc_y", "acc_z")), labels)
    found = signals.of_recordings([raw], 128)
    assert [activity for _, _, activity in found] == ["walking", "walking", "running", "running"]
    assert all(len(s.values) == 128 and lab.episodes[0].start == 0 for s, lab, _ in found[:1])
    (form,) = sensorlm.own_forms([raw])
    assert form.rate == 50 and form.rows == 128 and form.channels == ("acc_x", "acc_y", "acc_z")


def test_too_few_recordings_pairs_and_other_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="3 recordings of 1 people came, expected 10 days or 5 people"):
        sensorlm.of_own(TINY, own_days(1, 3), Training(TINY, tmp_path))
    with pytest.raises(InputError, match="pairs came; give recordings with `hannun sensor train"):
        sensorlm.own(TINY, OwnData((), (), (), ()), None, Training(TINY, tmp_path))
    with pytest.raises(InputError, match="expected tiny, small, base, large"):
        sensorlm.build(replace(TINY, backbone="huge"), ["a"])
