"""Terms of Korean and English texts: what a query says must be among what a text that answers it says."""

from __future__ import annotations

import subprocess
import sys
import threading
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


# Kiwi finds words in these too (스타, 토마, 구리, 차장).
@pytest.mark.parametrize(
    "one_piece", ["스타킹", "데이터", "토마토", "피아노", "개구리", "주차장", "아시아", "타이어", "도시락", "샌드위치"]
)
def test_what_looks_like_a_compound_and_is_none(one_piece: str) -> None:
    assert words(one_piece) == {one_piece}


@pytest.mark.parametrize(
    ("noun", "title"),
    [
        ("못", "못 100개입"),
        ("깨", "깨 세트"),
        ("두건", "두건 선물용"),
        ("지도", "국내산 지도 1장"),
        ("무", "무 선물용"),
        ("나사", "나사 세트"),
    ],
)
def test_a_noun_that_titles_have_alone_is_kept_in_them(noun: str, title: str) -> None:
    assert noun in words(title) and noun in query(noun).words


def test_a_single_syllable_belongs_to_what_follows() -> None:
    assert "저지방" in words("저지방우유 1L") and {"롱", "원피스"} <= words("롱원피스") and {"털", "모자"} <= words("털모자")


def test_what_stands_before_nouns_and_verbs_is_no_noun() -> None:
    assert "못" not in words("어제는 못 갔다") and "새" not in words("새 신발") and "이" not in words("이 책")


def test_many_texts_have_the_terms_that_each_has_alone() -> None:
    texts = ["빨간 원피스", "", "RTX 4090", "은/는", "긴 글 " * 3000, "감 100개"]
    assert list(lexical.documents(texts, ["듀이트리"])) == [document(t, ["듀이트리"]) for t in texts]


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


def meets(text: str, asked: str, *dictionary: str) -> bool:
    return bool(words(text, *dictionary) & set(query(asked, dictionary).words))


SAME = [
    ("RTX4090", "RTX 4090", "RTX-4090", "ＲＴＸ４０９０"),
    ("SM-S928N", "SMS928N", "sm s928n", "SM–S928N"),
    ("Wi-Fi", "wifi", "Wi Fi"),
    ("iPhone15", "iPhone 15"),
    ("USB-C", "USBC", "usb c"),
    ("A4용지", "A4 용지"),
    ("500ml", "500 ml", "500㎖", "0.5L", "500 밀리리터", "500cc"),
    ("2.5kg", "2.50kg", "2500그램", "2.5 킬로"),
    ("27인치", "27 inch"),
    ("5만원권", "50000원", "50,000원", "오만원"),
    ("1만2천원", "12,000원"),
    ("辛라면", "신라면"),
    ("大韓民國", "대한민국"),
    ("엘지", "LG", "ＬＧ"),
    ("빨강", "빨간", "빨간색", "빨갛다", "새빨간"),
    ("노랑", "노란"),
    ("검정", "까만", "검은색"),
    ("하얀", "흰", "흰색"),
    ("파랑", "파란"),
]


@pytest.mark.parametrize("ways", SAME, ids=lambda w: w[0])
def test_ways_to_write_one_thing_meet_in_both_directions(ways: tuple[str, ...]) -> None:
    for a in ways:
        for b in ways:
            assert meets(f"{a} 가방", b), (a, b)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("청도 감 5kg", "감"),
        ("대봉감 선물세트", "대봉감"),
        ("가지 볶음", "가지"),
        ("꿀템 추천", "꿀템"),
        ("나주 배 7.5kg", "배"),
        ("LG그램 17", "그램"),
        ("롱원피스", "원피스"),
        ("뷔스티에원피스", "원피스"),
        ("슬랙스팬츠", "슬랙스"),
        ("크롭티", "티"),
        ("물티슈", "티슈"),
        ("어그부츠", "부츠"),
        ("아버지가방", "가방"),
        ("아버지가방", "아버지"),
        ("농심 참깨라면", "라면"),  # or: if it is sesame
        ("오뚜기 진라면 매운맛", "라면"),
        ("불닭볶음면", "볶음면"),
        ("서해안 게 2kg", "게"),  # or 것이
        ("P&G 다우니 섬유유연제", "다우니"),
        ("LG그램", "lg"),
        ("C타입 케이블", "c"),
        ("거실 암막커튼", "암막"),
    ],
)
def test_a_noun_is_found_where_kiwi_reads_something_else(text: str, asked: str) -> None:
    assert asked in words(text) & set(query(asked).words)


@pytest.mark.parametrize("mark", [".", "!", "~", "?", "…"])
def test_a_word_before_a_mark_is_the_same_word(mark: str) -> None:
    for word in ("감", "대봉감", "가지"):
        assert query(word + mark) == query(word)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("쌀 2.5kg", "25kg"),
        ("생수 1.5L", "15L"),
        ("펌웨어 v2.0", "v20"),
        ("감자 5kg", "감"),
        ("배추 김치", "배"),
        ("3-5세", "35"),
        ("5만원", "5천원"),
        ("500ml", "5000ml"),
        ("무게 5kg", "kg"),  # a unit is in every weight
        ("선글라스", "글라스"),
        ("손가락 골무", "가락"),
        ("오이", "OE"),
        ("강아지가 집에 간다", "의자"),
        ("네가 친구라면 도와줘", "라면"),
        ("학생이라면 누구나", "라면"),
        ("먹을 게 없다", "게"),
        ("나이키 운동화", "나이"),
        ("사회에 이바지", "바지"),
    ],
)
def test_a_text_has_no_term_that_it_does_not_say(text: str, asked: str) -> None:
    assert not meets(text, asked)


def test_codes_that_differ_by_a_sign_are_not_equal() -> None:
    for mine, other in (("RTX 4090", "RTX 4080"), ("SM-S928N", "SM-S926N"), ("WH-1000XM5", "WH-1000XM4"), ("iPhone 15", "iPhone 16")):
        asked = set(query(mine).words)
        assert asked <= words(mine) and not asked <= words(other)


TEXTS = st.text(st.sampled_from("가방감배빨간원피스를 은이ㅋㄱaBs059.,-½％漢辛~!\u200d\u3164"), max_size=12)


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_a_text_has_every_word_that_it_asks_by(text: str) -> None:
    typed = query(text).initials
    rest = " ".join(w for w in hangul.folded(text).split() if w not in typed)
    assert set(query(text).words) - {lexical.modifier(rest)} <= words(rest)
    assert document(unicodedata.normalize("NFD", text)) == document(text) == document(text.upper())
    assert all(t.isalnum() and t == t.lower() for t in document(text).words)


def test_a_dictionary_takes_codes_and_phrases() -> None:
    own = lexical.entries(["A-100", "디올 소바쥬", "Levi's"])
    assert own == ("a-100", "디올 소바쥬", "levi's")
    for text in ("필터 A-100 정품", "필터 A100", "필터 a 100"):
        assert "a100" in words(text, *own) and "100" not in words(text, *own)
    assert "디올소바쥬" in words("디올소바쥬 향수", *own) & words("디올 소바쥬 향수", *own)
    assert "디올" in words("디올 소바쥬 향수", *own)  # the words of a phrase stay words
    assert meets("리바이스 Levi's 501", "levis", *own)


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


def test_a_text_without_a_space_is_no_name_to_look_into(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every end of a name is analysed by itself; those of a page of letters would be analysed for minutes."""
    analysed: list[str] = []
    monkeypatch.setattr(lexical.compounds.kiwi, "noun", lambda word, dictionary: (analysed.append(word) or "", float("inf")))
    assert lexical.compounds.inside("뷁" * 20, ()) == () and 0 < len(analysed) < 100
    analysed.clear()
    assert lexical.compounds.inside("뷁" * 21, ()) == () and not analysed


def test_a_query_has_an_end() -> None:
    assert query("빨간 원피스 " * 20_000) == query("빨간 원피스")
    assert "파란" not in query("가 " * 1000 + "파란").words and max(map(len, query("가" * 100_000).words)) <= 2000


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
