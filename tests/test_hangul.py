"""One form for all Korean text, with nothing of meaning lost."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hannun import hangul


def test_decomposed_and_composed_become_one() -> None:
    composed = "빨간 원피스"
    decomposed = unicodedata.normalize("NFD", composed)
    assert decomposed != composed and len(decomposed) > len(composed)
    assert hangul.normalise(decomposed) == hangul.normalise(composed) == composed


def test_normalising_twice_changes_nothing() -> None:
    for text in ("빨간  원피스\t", unicodedata.normalize("NFD", "값싼 옷"), "👨\u200d👩\u200d👧", "ㅋㅋㅋ", "a\x00b", "\ud800"):
        once = hangul.normalise(text)
        assert hangul.normalise(once) == once


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("  빨간\n\t 원피스  ", "빨간 원피스"),
        ("\ufeff제목", "제목"),
        ("원\u200b피스", "원피스"),
        ("a\x00b\x07", "ab"),
        ("", ""),
        (" \n\u3000 ", ""),
        ("ㅋㅋㅋ ㅠㅠ", "ㅋㅋㅋ ㅠㅠ"),  # informal jamo carry meaning
        ("👨\u200d👩\u200d👧 가족", "👨\u200d👩\u200d👧 가족"),  # joiners build emoji
        ("\ud800원\udfff", "?원?"),  # lone surrogates cannot be written as UTF-8
    ],
)
def test_what_is_folded_and_what_is_kept(given: str, expected: str) -> None:
    assert hangul.normalise(given) == expected


def test_the_result_can_always_be_written_as_utf8() -> None:
    assert hangul.normalise("".join(map(chr, range(0xD7F0, 0xE010)))).encode()


def test_hangul_is_syllables_and_jamo_of_both_kinds() -> None:
    assert all(map(hangul.is_hangul, "가힣ㄱㅣㅋ\u1100"))
    assert not any(map(hangul.is_hangul, "aA1漢あ!👗"))


def test_ratio_counts_letters_only() -> None:
    assert hangul.hangul_ratio("원피스 123!!") == 1
    assert hangul.hangul_ratio("빨강 red") == 2 / 5
    assert hangul.hangul_ratio("123 👗") == 0
    assert hangul.hangul_ratio("") == 0
    assert hangul.hangul_ratio(unicodedata.normalize("NFD", "빨강red")) == 2 / 5


# Letters that folding has to do with, so that short texts often have them side by side.
_SIGNS = "가각ㄱㅏㅋaZé0½²①Ⅲ㎖㉠㈜ＬＧ１％ﾡￂ\u1100\u1161\u11a8\u0301\u0307\u200b\u200d\u00ad\u3164\ufe0fİß漢ｶﾞ-–' "
FOLDED = st.text(st.one_of(st.sampled_from(_SIGNS), st.characters()))


@given(FOLDED)
@settings(max_examples=300, deadline=None)
def test_folding_twice_changes_nothing(text: str) -> None:
    once = hangul.folded(text)
    assert hangul.folded(once) == once


@given(st.text(st.sampled_from("가값빨간éÅÜ원피스 abc12")))
@settings(deadline=None)
def test_folding_sees_no_difference_of_composition_width_or_case(text: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    assert {hangul.folded(t) for t in (unicodedata.normalize("NFD", text), text.upper(), wide)} == {hangul.folded(text)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("ＬＧ ５００㎖ １００％", "lg 500ml 100%"),
        ("㈜한눈 Ⅲ ℃", "(주)한눈 iii °c"),
        ("ㅋㅋ ㄱㅂ", "ㅋㅋ ㄱㅂ"),  # compatibility jamo stay what is typed
        ("ﾡﾢ", "ㄱㄲ"),
        ("원\u200d피\u00ad스\u3164 A\ufe0f\u200bB", "원피스 ab"),
        ("2½ 10²", "2 1\u20442 10 2"),  # no 21/2 and no 102
        ("나이키™", "나이키"),
        ("Café ÜBER й が", "cafe uber й が"),  # Latin letters alone lose their marks
        ("SM–S928N Levi’s", "sm-s928n levi's"),
    ],
)
def test_the_form_in_which_words_are_compared(given: str, expected: str) -> None:
    assert hangul.folded(given) == expected
