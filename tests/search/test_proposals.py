"""What a word that a collection lacks may stand for: a name in the other script, or a word misspelt."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hannun import collection
from hannun.search.proposals import near, skeleton, unwritten, vocabulary
from tests.toy import Toy

TITLES = (
    *("NIKE 러닝화", "New Balance 530 운동화", "BOTTEGA VENETA 카드 지갑", "L'OCCITANE 핸드크림"),
    *("국물 떡볶이", "돼지고기 김치찌개", "USB 메모리 64GB", "여성 가방"),
)
SHOP = vocabulary(TITLES)


@pytest.mark.parametrize(
    ("korean", "latin"),
    [
        ("나이키", "nike"),
        ("다이슨", "dyson"),
        ("반스", "vans"),
        ("고프로", "gopro"),
        ("마샬", "marshall"),
        ("호카", "hoka"),
        ("셀린느", "celine"),
    ],
)
def test_a_name_sounds_alike_in_both_scripts(korean: str, latin: str) -> None:
    assert skeleton(korean) == skeleton(latin)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("나이키", "nike"),
        ("나이키 러닝화", "nike 러닝화"),
        ("뉴발란스", "new balance"),
        ("보테가베네타", "bottega veneta"),
        ("록시땅", "l'occitane"),
        ("떡뽁이", "떡볶이"),
        ("김치찌게", "김치찌개"),
    ],
)
def test_what_is_there_is_proposed(query: str, first: str) -> None:
    assert near(query, SHOP)[0] == first


@pytest.mark.parametrize(
    "query",
    [
        "",
        "  ",
        "nike",
        "NIKE",
        "러닝화",
        "러닝화를",
        "김치",
        "지갑에서",
        "64gb",
        "64기가",
        "500미리",
        "ㅋㅋ",
        "!?",
        "가",
        "소크라테스",
        "a b c d e f g",
    ],
)
def test_what_is_there_or_near_to_nothing_has_no_proposal(query: str) -> None:
    assert near(query, SHOP) == ()


def test_few_words_that_no_hit_has_are_asked_about() -> None:
    assert unwritten("나이키 신발", [0.4, None, 0.9]) and unwritten("나이키", [])
    assert not unwritten("나이키", [0.4, 1]) and not unwritten("하나 둘 셋 넷", []) and not unwritten(" ", [])


def test_a_collection_proposes_its_own_words(tmp_path: Path) -> None:
    with collection.open(tmp_path / "c", Toy()) as shop:
        shop.add([{"id": str(n), "text": t} for n, t in enumerate(TITLES)])
        assert shop.readings("나이키")[0] == "nike" and shop.readings("rkqkd")[0] == "가방" and shop.readings("러닝화") == ()
        assert shop.readings("떡뽁이") == ("떡볶이",)


def test_a_large_vocabulary_is_no_trap() -> None:
    begun = time.process_time()
    large = vocabulary(f"{chr(0xAC00 + n % 11172)}{chr(0xAC00 + n * 7 % 11172)} a{n:x} 이름" for n in range(20_000))
    for query in ("나이키", "abcde", "가나다라마바사아자차카타파하", "x" * 500):
        near(query, large)
    assert time.process_time() - begun < 60  # of seconds: what was quadratic would take hours
