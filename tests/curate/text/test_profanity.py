"""Abuse, vulgarity and adult words in their disguises, and innocent words that look like them."""

from __future__ import annotations

import pytest

from hannun.curate.text import profanity
from hannun.curate.verdict import pair_of


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("씨발 뭐야", "abuse"),
        ("시1발", "abuse"),
        ("씨 발", "abuse"),
        ("시이이발", "abuse"),
        ("ㅅㅣ발놈", "abuse"),
        ("씌벌", "abuse"),
        ("씨*발", "abuse"),
        ("개새끼", "abuse"),
        ("ㅅㅂ 짜증", "abuse"),
        ("ㅂ신아", "abuse"),  # one syllable by its first consonant, the first or another
        ("병ㅅ 짓", "abuse"),
        ("ㅅ발놈", "abuse"),
        ("개ㅅ끼", "abuse"),
        ("ㅈ랄하네", "abuse"),
        ("ㅈ같은", "abuse"),
        ("ㅈㄹ하네", "abuse"),
        ("ㄱㅅㄲ야", "abuse"),
        ("개ㅅㄲ", "abuse"),
        ("ㅁㅊ놈", "abuse"),
        ("ㅈ나 춥다", "vulgar"),
        ("FUCK you", "abuse"),
        ("존나 예쁜 옷", "vulgar"),
        ("빡치네", "vulgar"),
        ("성인용품 할인", "adult"),
        ("야동 모음", "adult"),
        ("19금 웹툰", "adult"),
        ("조건만남", "adult"),
    ],
)
def test_profanity_and_its_disguises(text: str, kind: str) -> None:
    found = profanity.find(text)
    assert found is not None and found.kind == kind
    assert profanity.profane(pair_of(text, {})).reason == f"text_{kind}"


@pytest.mark.parametrize(
    "text",
    [
        "다시 발견한 맛집",
        "시발점",
        "시발역에서 출발",
        "서울시 발표",
        "번개새끼줄",
        "병신년 달력",
        "최루탄과 지랄탄",
        "씨발라낸 대추",
        "하지ㄹ 마세요",  # a slip of the keyboard
        "ㄱ자 선반과 ㅅ발음",
        "ㅋㅋㅋ 신난다",
        "유니섹스 티셔츠",
        "보지 못한 풍경",
        "잠자지 않는 아이",
        "새끼손가락 반지",
        "3개년 계획",
        "졸라맨 인형",
        "역시 발이 편한 신발",
        "아가씨바지",
        "성인 남성 코트",
        "자지러지는 웃음",
        "생선대가리 육수",
        "도시발전",
    ],
)
def test_innocent_words_that_look_like_it(text: str) -> None:
    assert profanity.find(text) is None
