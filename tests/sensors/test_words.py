"""What is said of a signal, and whether what is said holds: levels, languages, particles, lengths, right and wrong claims."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hannun.errors import InputError
from hannun.sensors.captions import LEVELS, Labels, caption, described, time
from hannun.sensors.checking import accuracy, checked
from hannun.sensors.episodes import Episode, MoodNote
from hannun.sensors.templates import LANGUAGES, particle, templates
from hannun.signals import Signal
from tests.sensors.test_facts import minutes


def day(seed: int = 0) -> Signal:
    """A rising and falling heart rate, and an hour's walk before dawn."""
    random = np.random.default_rng(seed)
    heart = 62 + 12 * np.sin(np.arange(1440) / 1440 * 6.28 - 2) + random.normal(size=1440)
    steps = np.zeros(1440)
    steps[240:300], heart[236:300] = 100 + random.integers(0, 9, 60), heart[236:300] + 40
    heart[1000:1100] = np.nan
    return minutes(HR=heart, steps=steps)


def window() -> Signal:
    return Signal(np.random.default_rng(0).normal(size=(128, 3)).astype(np.float32), 32.0, ("acc_x", "acc_y", "acc_z"))


LABELS = Labels((Episode("수영", "swimming", 600, 640), Episode("잠", "sleep", 0, 200)), (MoodNote("평온", "calm", 700),))


@pytest.mark.parametrize("language", LANGUAGES)
def test_as_many_templates_as_the_release_has_and_all_are_different(language: str) -> None:
    some = templates(language)  # type: ignore[arg-type]
    assert {k: len(v) for k, v in some.items() if k != "parts"} == {
        "statistics": 20, "trend": 15, "peak": 15, "activity": 20, "mood": 10,
    }  # fmt: skip
    texts = [t.text for v in some.values() for t in v]
    assert len(set(texts)) == len(texts) and all(t.endswith(".") and ". " not in t for t in texts)


@pytest.mark.parametrize(
    ("word", "kind", "end"), [("심박수", "은", "는"), ("걸음", "은", "은"), ("HR", "이", "이"), ("달리기", "을", "를")]
)
def test_particles_follow_the_last_syllable(word: str, kind: str, end: str) -> None:
    assert particle(word, kind) == end


def test_the_same_day_has_the_same_words_and_levels_come_as_they_are_asked() -> None:
    text = caption(day(), "ko")
    assert text == caption(day(), "ko") and text.startswith("심박수 평균") and "새벽 04:00부터 새벽 05:00까지 걷기." in text
    assert caption(day(), "en", ("semantic", "statistical")).startswith("Walking from 04:00 to 05:00.")
    assert "새벽에" in caption(day(), "ko", ("semantic",)) and "평균" not in caption(day(), "ko", ("semantic",))
    assert caption(day(), seed=1) != caption(day(), seed=2)


@pytest.mark.parametrize("levels", [(), ("statistic",), ("semantic", "semantic")])
def test_levels_that_are_none_are_refused(levels: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="statistical, structural, semantic"):
        caption(day(), levels=levels)  # type: ignore[arg-type]


def test_a_language_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="expected ko or en"):
        caption(day(), "fr")  # type: ignore[arg-type]


def test_a_caption_that_is_too_long_keeps_whole_sentences() -> None:
    short = caption(day(), fits=lambda text: len(text) <= 90)
    assert 0 < len(short) <= 90 and short.endswith(".") and caption(day()).startswith(short)
    assert caption(day(), fits=lambda text: False) == ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_claim_of_every_template_is_right(language: str) -> None:
    for seed in range(25):
        for signal, labels in ((day(seed), LABELS), (day(seed), Labels()), (window(), Labels((Episode("걷기", "walking", 0, 128),)))):
            claims = checked(caption(signal, language, LEVELS, labels, seed), signal, labels)  # type: ignore[arg-type]
            assert claims and all(c.found == "right" for c in claims), [c for c in claims if c.found != "right"]


def test_a_changed_number_is_noticed() -> None:
    signal = day()
    for sentence in described(signal, "ko") + described(signal, "en"):
        for number in re.finditer(r"(?<![\d:])\d+\.\d(?!\d)", sentence):
            other = sentence[: number.start()] + f"{float(number[0]) + 0.1:.1f}" + sentence[number.end() :]
            assert [c.found for c in checked(other, signal)].count("wrong") == 1, other


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("심박수가 오늘은 좋아 보인다.", "unread"),
        ("피부 온도 평균 33.0, 최고 34.0, 최저 32.0, 편차 0.5.", "wrong"),
        ("Skin temperature spikes at 04:20.", "wrong"),
        ("심박수가 새벽 04:20에 뚝 떨어진다.", "wrong"),
        ("Step count falls from 08:00 to 16:00.", "wrong"),
        ("오전 09:00부터 오전 10:00까지 걷기.", "wrong"),
        ("새벽 04:00부터 새벽 05:00까지 달리기.", "wrong"),
        ("저녁에 3,000걸음을 걸었다.", "wrong"),
        ("오전 04:00부터 새벽 05:00까지 걷기.", "wrong"),  # the part of the day is not that of the clock
        ("Mood at 11:40: calm.", "wrong"),
    ],
)
def test_what_the_signal_does_not_say_is_not_right(text: str, found: str) -> None:
    claims = checked(text, day())
    assert claims and found in {c.found for c in claims} and accuracy(claims) == 0


def test_parts_of_the_day_without_a_count_hold_where_there_are_steps() -> None:
    assert accuracy(checked("새벽에 걸은 날. Walked in the early morning.", day())) == 1
    assert accuracy(checked("저녁에 걸은 날.", day())) == 0


def test_times_are_clocks_of_days_and_seconds_of_windows() -> None:
    assert time(day(), 240, "ko") == "새벽 04:00" and time(day(), 1440, "en") == "24:00" and time(window(), 64, "ko") == "2.0초"
    late = Signal(np.ones((60, 1), np.float32), 1 / 60, ("HR",), "2026-11-01T22:30")
    assert time(late, 0, "ko") == "밤 22:30"


def test_nothing_of_no_claim_is_no_accuracy() -> None:
    assert np.isnan(accuracy([])) and checked("", day()) == []
