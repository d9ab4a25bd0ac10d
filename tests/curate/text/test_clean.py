"""What is cleaned out of titles and queries, and which shares drop them."""

from __future__ import annotations

import html
import itertools
import random

import pytest

from hannun import hangul
from hannun.curate.text import noise, profanity
from hannun.curate.text.clean import NOISE, clean, mostly_signs, noise_share, other_script, readable, squeeze
from hannun.curate.verdict import pair_of


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("ㅋㅋㅋㅋㅋㅋ 귀여워!!!!!!", "ㅋㅋ 귀여워!!"),
        ("특가 특가 특가 원피스", "특가 원피스"),
        ("무료 배송 무료 배송 무료 배송", "무료 배송"),
        ("할인할인할인할인 원피스", "할인 원피스"),
        ("100000원 코트", "100000원 코트"),
        ("가나다 가나다", "가나다 가나다"),
        ("&lt;b&gt;빨간&lt;/b&gt; 원피스 &amp; 코트", "빨간 원피스 & 코트"),
        ("1 < 2 그리고 3 > 2", "1 < 2 그리고 3 > 2"),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"),
    ],
)
def test_cleaning(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned and clean(cleaned) == cleaned


def test_half_of_lone_jamo_letters_and_signs() -> None:
    assert NOISE == 0.5
    assert noise_share("가나ㅋㅋ") == 2 / 4 and not mostly_signs(pair_of("가나ㅋㅋ", {})).kept
    assert noise_share("가나다ㅋㅋ") == 2 / 5 and mostly_signs(pair_of("가나다ㅋㅋ", {})).kept
    assert noise_share("A B 가") == 2 / 3 and noise_share("AB 가") == 0
    assert noise_share("★★ 세일 ★★") == 4 / 6


@pytest.mark.parametrize(
    ("text", "reason"), [("", "text_empty"), ("12,900 / 3", "text_no_words"), ("ㅋㅋ", "text_no_words"), ("옷", None), ("TV", None)]
)
def test_readable(text: str, reason: str | None) -> None:
    assert readable(pair_of(text, {})).reason == reason


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("빨간 원피스 dress", True),
        ("赤いドレス", False),
        ("красное платье", False),
        ("café 의자", True),
        ("가나다라마바사아자차 中", True),
        ("新品 特價 가방", False),
    ],
)
def test_other_scripts(text: str, kept: bool) -> None:
    assert other_script(pair_of(text, {})).kept == kept


def test_shortcuts_decide_as_the_long_way_does() -> None:
    rng = random.Random(4)
    signs = "가나다시발씨개새끼로또주가ㅋㅎㅏㅣabZ019 .@-_*!?＋+①漢か\u0301\u200b\ufeff\u1100\u1161\t\u3000"
    words = [e.word for e in profanity.entries()]
    texts = ["".join(rng.choices(signs, k=rng.randint(0, 12))) + rng.choice(["", *words]) for _ in range(3000)]
    noisy = noise.NoiseWords()
    gate, _, names, _ = profanity._index()
    for text in [*texts, *(" ".join(w) for w in words)]:
        cleaned = clean(text)
        assert cleaned == squeeze(hangul.normalise(html.unescape(text)))
        pair = pair_of(cleaned, {})
        assert mostly_signs(pair).kept == (noise_share(cleaned) < 0.5)
        assert noisy(pair).kept == (noisy._pattern is None or not noisy._pattern.search(cleaned))
        dense = profanity._APART.sub("", cleaned.lower())
        if names.intersection(itertools.pairwise(dense)):
            assert gate.search(cleaned.lower()), cleaned
