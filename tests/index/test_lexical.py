"""Terms of Korean and English texts: what a query says must be among what a text that answers it says."""

from __future__ import annotations

import subprocess
import sys
import threading
import unicodedata

import pytest

from hannun import hangul
from hannun.errors import InputError
from hannun.index import lexical
from hannun.index.lexical import Terms, document, query


def words(text: str, *dictionary: str) -> set[str]:
    return set(document(text, dictionary).words)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("빨간 원피스를 입은 여자", {"빨갛다", "원피스", "입다", "여자"}),  # stems and nouns; particles and endings fall away
        ("아름다웠던 바다에서 걷는다", {"아름답다", "바다", "걷다"}),
        ("형태소분석기", {"형태소", "분석기", "분석", "형태소분석기"}),  # a compound whole and in its parts
        ("김치찌개", {"김치찌개", "김치", "찌개"}),  # also one that the dictionary has as a single noun
        ("청바지", {"청바지", "바지"}),
        ("사용량과 운동화", {"사용량", "사용", "운동화", "운동"}),  # and without a last syllable that only says what kind of thing it is
        ("테드 번디가", {"테드번디", "테드", "번디"}),  # a name of two words that the dictionary has as one noun
        ("빨간색 흰색", {"빨간색", "빨갛다", "흰색", "희다"}),  # a colour also as the adjective that it is made of
        ("대학생들이", {"대학", "대학생"}),  # with its suffix, but not with the plural's
        ("iPhone15 케이스", {"iphone", "15", "iphone15", "케이스"}),
        ("2,000원", {"2000"}),
        ("Two Dresses, three boxes and berries", {"two", "dresse", "three", "boxe", "and", "berry"}),  # Harman's rules
        ("the bus passes", {"the", "bus", "passe"}),
        ("東京タワー", {"東京", "京タ", "タワ", "ワー"}),
        ("ㅋㅋㅋㅋㅋ", {"ㅋㅋ"}),
        ("", set()),
        ("😀 !!! …", set()),
    ],
)
def test_words(text: str, said: set[str]) -> None:
    assert words(text) == said


@pytest.mark.parametrize("one_piece", ["할아버지", "오토바이", "선글라스", "스트라이프", "크리스마스", "블라우스"])
def test_words_of_one_piece_stay_whole(one_piece: str) -> None:
    assert words(one_piece) == {one_piece}


def test_what_kiwi_does_not_know_is_found_by_its_letters() -> None:
    assert words("듀이트리") == {"듀이트리", "듀이", "이트", "트리"}
    assert words("뷁쉙") == {"뷁쉙"}
    assert words("듀이트리를") & words("듀이트리 마스크") >= {"듀이트리"}
    assert words("그것은") == {"그것", "것은"}  # nothing but a pronoun and a particle


def test_entries_of_a_dictionary() -> None:
    assert lexical.entries(["듀이트리", " Levis ", "듀이트리", unicodedata.normalize("NFD", "빨강이")]) == ("듀이트리", "levis", "빨강이")
    for wrong in ([""], ["!?"], ["\u200b"]):
        with pytest.raises(InputError, match="words of letters and digits"):
            lexical.entries(wrong)
    with pytest.raises(InputError, match="expected a list"):
        lexical.entries("듀이트리")


def test_a_dictionary_keeps_its_words_whole() -> None:
    assert words("듀이트리 크림", "듀이트리") == {"듀이트리", "크림"}
    assert "김치" not in words("김치찌개", "김치찌개")
    assert "듀이" in words("듀이트리")  # and other callers are not touched


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("줄무늬 원피스", "이 제품은 줄무늬원피스입니다"),
        ("찌개", "엄마가 끓인 김치찌개"),
        ("빨간 옷", "옷이 빨갛고 예뻐요"),
        ("달리는 강아지", "강아지가 해변을 달렸다"),
        ("dog", "Two dogs are running"),
        ("아이폰 15", "아이폰15프로맥스 케이스"),
        ("바지", "물빠진 청바지를"),
        ("빨간 원피스", "빨간색 원피스"),
    ],
)
def test_a_query_is_among_what_the_text_says(asked: str, text: str) -> None:
    assert set(query(asked).words) <= words(text)


def test_nfd_and_nfc_say_the_same() -> None:
    text = "빨간 줄무늬 원피스"
    assert document(unicodedata.normalize("NFD", text)) == document(text)


def test_a_document_repeats_and_a_query_does_not() -> None:
    assert document("강아지 강아지 고양이").words == ("강아지", "강아지", "고양이")
    assert query("강아지 강아지 고양이").words == ("강아지", "고양이")


def test_terms_are_letters_and_digits_in_lower_case() -> None:
    """What the engine's own tokeniser keeps as it is."""
    for text in ["C++ & A/B-test_x 3.5kg", "https://a.com/b?c=1 #여름룩 @me", "가-나 (다) 「라」", "Ünïcode ÅB"]:
        for term in (*document(text).words, *document(text).initials):
            assert term.isalnum() and term == term.lower()


def test_long_texts() -> None:
    text = "강아지가 공원에서 논다. " * 2000
    said = document(text).words
    assert said.count("강아지") == said.count("공원") == 2000
    assert document("가나" * 9000).words  # without a space to cut at


def test_initials() -> None:
    told = document("빨간 원피스를 샀다").initials
    assert {"ㅃㄱ", "ㅇㅍㅅ", "ㅇㅍㅅㄹ", "ㅅㄷ"} == set(told)
    assert query("ㅃㄱ ㅇㅍㅅ") == Terms((), ("ㅃㄱ", "ㅇㅍㅅ"))
    assert query("ㅃㄱ 원피스") == Terms(("원피스",), ("ㅃㄱ",))
    assert query("ㅋㅋ").initials == ()  # laughter, not a word's first letters


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("qkfrks", ("빨간", "발간")),
        ("Qkfrks", ("빨간",)),
        ("dnjsvltm", ("원피스",)),
        ("qkfrks dnjsvltm", ("빨간 원피스", "발간 원피스")),
        ("ㅇㄱㄷㄴㄴ", ("dress",)),
        ("ㅅㅗㄷ", ("the",)),
        ("dress", ()),
        ("red shoes", ()),
        ("빨간 원피스", ()),
        ("", ()),
        ("123", ()),
    ],
)
def test_readings_of_a_query_typed_on_the_other_keyboard(typed: str, meant: tuple[str, ...]) -> None:
    assert lexical.readings(typed) == meant


def test_kiwi_is_loaded_by_korean_words_alone() -> None:
    code = """
import sys
from hannun.index import lexical
lexical.document("two dogs"), lexical.query("ㅃㄱ"), lexical.readings("dress")
assert "kiwipiepy" not in sys.modules
lexical.document("강아지")
assert "kiwipiepy" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_threads_share_one_kiwi() -> None:
    found: list[Terms] = []
    threads = [threading.Thread(target=lambda: found.append(document("강아지가 공원에서 논다"))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [document("강아지가 공원에서 논다")] * 8


# The pure functions below


def test_syllables_come_apart_and_together() -> None:
    for text in ["빨간", "값이", "왜", "닭볶음탕", "원피스를", "괜찮아", "까치", "읽었다"]:
        assert hangul.compose(hangul.jamo(text)) == text
    assert hangul.jamo("값") == "ㄱㅏㅂㅅ" and hangul.compose("ㄱㅏㅂㅅㅣ") == "갑시"
    assert hangul.compose("ㅋㅋ") == "ㅋㅋ" and hangul.compose("") == ""


def test_keys() -> None:
    assert hangul.from_keys("dkssudgktpdy")[0] == "안녕하세요"
    assert hangul.from_keys("EKfrl") == ("딸기", "딸끼")
    assert "빨간" in hangul.from_keys("qkfrks") and hangul.from_keys("qkfrks")[0] == "발간"
    assert hangul.from_keys("dress") == () and hangul.from_keys("빨간") == () and hangul.from_keys("12") == ()
    for text in ["안녕하세요", "딸기", "괜찮아"]:
        assert text in hangul.from_keys(hangul.to_keys(text))


def test_is_initials() -> None:
    assert (
        hangul.is_initials("ㅃㄱ ㅇㅍㅅ")
        and not hangul.is_initials("ㅏ")
        and not hangul.is_initials("ㅃ간")
        and not hangul.is_initials(" ")
    )
    assert hangul.initials("빨간 dress 원피스") == "ㅃㄱㅇㅍㅅ"
