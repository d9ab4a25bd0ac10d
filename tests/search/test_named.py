"""An item is named by a query when every word of the query is in it, in whatever way the two are written."""

from __future__ import annotations

import pytest

from hannun.index import lexical
from hannun.index.engine import All, Any_, Condition, Holds
from hannun.search.named import MANY, equal, every, verbatim


def holds(condition: Condition | None, terms: lexical.Terms) -> bool:
    match condition:
        case All(some):
            return all(holds(c, terms) for c in some)
        case Any_(some):
            return any(holds(c, terms) for c in some)
        case Holds(term, initials):
            return term in (terms.initials if initials else terms.words)
    raise AssertionError(condition)


def named(query: str, text: str) -> bool:
    return holds(every(query), lexical.document(text))


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SM-S928N", "갤럭시 S24 SMS928N"),
        ("SM S928N", "갤럭시 S24 SMS928N"),
        ("RTX4090", "지포스 RTX 4090"),
        ("RTX 4090", "지포스 RTX4090"),
        ("ＰＳ５", "소니 PS5"),
        ("USB-C 케이블", "케이블 USB C"),
        ("콜라 0.5L", "콜라 500ml"),
        ("콜라 500미리", "콜라 0.5L"),
        ("500 ml", "생수 500ml"),
        ("쌀 2.5kg", "쌀 2,500그램"),
        ("신라면", "농심 신라면 5개입"),
        ("辛라면", "농심 신라면 5개입"),
        ("신라면", "辛라면 컵"),
        ("대한민국", "大韓民國 국기"),
        ("드럼세탁기", "LG 드럼 세탁기"),
        ("엘지그램", "LG 그램 17인치"),
        ("LG그램", "LG 그램 17인치"),
        ("나이키운동화", "NIKE 운동화"),
        ("빨강 니트", "빨간 니트"),
        ("참깨라면", "오뚜기 참깨라면 컵"),
        ("운동화를", "흰 운동화"),
        ("말린", "말린 사과"),
        ("삶은 달걀", "삶은 달걀 30구"),
        ("달콤한", "달콤한 빵"),
        ("뾰족한", "앞이 뾰족한 구두"),
        ("감", "대봉감 감 5kg"),
        ("가지", "가지 1봉"),
        ("지팡이", "국산 지팡이 1개"),
        ("신호등", "국산 신호등 1개"),
        ("부엉이", "국산 부엉이 1개"),
        ("케일", "예쁜 케일"),
        ("케일", "2024 신상 케일 세트"),
        ("식은땀", "2024 신상 식은땀 세트"),
        ("요가", "국산 요가 1개"),
        ("충전기", "100W 고속충전기"),
        ("이불", "차렵이불 Q"),
        ("롱패딩", "남성 롱 패딩"),
        ("비타500", "광동 비타 500"),
        ("비타 500", "광동 비타500"),
        ("2만원 쿠폰", "쿠폰 20,000원"),
        ("이만원 쿠폰", "쿠폰 2만원"),
        ("ㅅㄹㅁ", "농심 신라면"),
        ("ㅅㄹㅁ 5개입", "농심 신라면 5개입"),
    ],
)
def test_the_same_thing_in_other_writing(query: str, text: str) -> None:
    assert named(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("신라면", "너구리 우동 라면"),
        ("물티슈", "키친타올 티슈"),
        ("세탁기", "세탁 세제"),
        ("LG그램", "그램 노트북"),
        ("C타입", "타입 케이블"),
        ("RTX 4090", "RTX 4080"),
        ("SM-S928N", "SM-S926N"),
        ("쌀 2.5kg", "쌀 25kg"),
        ("콜라 500ml", "콜라 1.5L 500원"),
        ("빨강 니트", "파란 니트"),
        ("나이키", "나이 제한"),
        ("ㅅㄹㅁ", "진라면"),
        ("신라면 컵", "신라면 5개입"),
        ("의자", "자유주의자의 글"),
        ("2만원 쿠폰", "쿠폰 2천원"),
        ("비타500", "비타 50"),
    ],
)
def test_a_part_alone_is_another_thing(query: str, text: str) -> None:
    assert not named(query, text)


def test_what_names_nothing() -> None:
    assert every("") is None and every("!!! …") is None
    assert every("말 " * MANY) is not None and every("말 " * (MANY + 1)) is None


@pytest.mark.parametrize("said", ["내일 서울 날씨 알려줘", "이거 어디서 사요?", "비가 오면 우산 챙겨", "미안하다 사랑한다"])
def test_sentences(said: str) -> None:
    assert lexical.sentence(said)


@pytest.mark.parametrize(
    "name", ["신라면", "SM-S928N", "먹는 샘물 2L", "예쁜 가방", "삼성 노트북", "감", "사랑했다", "ㅅㄹㅁ 5개입", "red dress"]
)
def test_names_are_no_sentences(name: str) -> None:
    assert not lexical.sentence(name)


def test_what_has_a_sentence_as_it_stands() -> None:
    assert verbatim("미안하다 사랑한다", "드라마 <미안하다, 사랑한다> DVD")
    assert not verbatim("내일 서울 날씨 알려줘", "서울 날씨 내일 어떤지 알려줘")


def test_a_text_is_the_querys_own_however_it_is_written() -> None:
    texts = ["LG 세탁기", "ＬＧ세탁기", "lg  세탁기\n", "LG 세탁기 12kg", "세탁기", "", "LG 세탁기 " * 9]
    assert equal("lg 세탁기", texts) == [True, True, True, False, False, False, False]
