"""One form for all Korean text, with nothing of meaning lost."""

from __future__ import annotations

import unicodedata

import pytest

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
