"""What is dropped from titles and queries, and what is left alone."""

from __future__ import annotations

import html
import itertools
import random

import pytest

from hannun import hangul
from hannun.curate.text import noise, pii, profanity
from hannun.curate.text.clean import NOISE, clean, mostly_signs, noise_share, other_script, readable, squeeze
from hannun.curate.text.korean import is_korean
from hannun.curate.verdict import pair_of

ko_pii = pytest.importorskip("ko_pii", reason="ko-pii is in hannun[curate]")


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


@pytest.mark.parametrize(
    ("text", "korean"), [("나이키 운동화 Nike Air", True), ("Nike Air Max shoes 신", False), ("red dress", False), ("ㅋㅋㅋ", False)]
)
def test_korean_rows(text: str, korean: bool) -> None:
    assert is_korean(text) == korean


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


def masked(text: str) -> str:
    return pii.mask(text, pii.find(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("문의 010-1234-5678 로", "문의 [전화번호] 로"),
        ("공일공-일이삼사-오육칠팔 연락", "[전화번호] 연락"),
        ("abc@naver.com 그리고 abc 골뱅이 naver.com", "[이메일] 그리고 [이메일]"),
        ("smartstore.naver.com/shop1 방문, http://a.kr/b", "[URL] 방문, [URL]"),
        ("CJ대한통운 운송장 612345678901", "CJ대한통운 운송장 [운송장번호]"),
        ("여권 M12345678", "여권 [여권번호]"),
        ("운전면허 11-12-123456-01", "운전면허 [운전면허번호]"),
        ("서울특별시 강남구 테헤란로 123 101동 202호", "[주소]"),
    ],
)
def test_personal_data_is_masked(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "가격 12,900원 2024-05-01",
        "모델 SM-G991N 256GB",
        "M12345678 볼트",
        "상품번호 880101-1234567",
        "사이즈 260 270 280",
        "강남구 맛집",
        "1+1 행사 3,000개",
        "ver 2.0.1",
        "10:30~18:00",
    ],
)
def test_numbers_that_are_nobodys(text: str) -> None:
    assert masked(text) == text


def test_resident_numbers_by_checksum_and_date() -> None:
    """900101-123456: 9·2+0·3+0·4+1·5+0·6+1·7+1·8+2·9+3·2+4·3+5·4+6·5 = 124; (11 − 124 mod 11) mod 10 = 8."""
    assert pii.checksum("900101123456") == 8
    assert pii.is_resident_number("9001011234568") and not pii.is_resident_number("9001011234567")
    assert pii.is_resident_number("9001011234567", named=True)  # the text says what it is
    assert pii.is_resident_number("2011053234567")  # born November 2020: random digits, no checksum
    assert not pii.is_resident_number("9002301234568", named=True)  # no 30 February
    assert not pii.is_resident_number("9001019234568")
    assert pii.is_resident_number("0002293" + "00000" + str(pii.checksum("000229300000")))  # 2000 was a leap year


def test_personal_as_a_filter() -> None:
    assert pii.personal(pair_of("문의 010-1234-5678", {})).reason == "text_personal_phone"
    assert pii.personal(pair_of("빨간 원피스", {})).kept


def test_noise_words_stand_alone() -> None:
    drop = noise.NoiseWords()
    assert {"로또", "주가", "영수증*", "확진자*", "지원금*", "악보"} <= set(drop.words)  # the words that the source names
    assert (
        not drop(pair_of("오늘 주가는", {})).kept
        and not drop(pair_of("로또당첨번호 10회", {})).kept
        and not drop(pair_of("재난지원금 신청", {})).kept
    )
    assert drop(pair_of("맥주가 맛있는 집", {})).kept and drop(pair_of("로또리 인형", {})).kept
    assert noise.NoiseWords(())(pair_of("로또", {})).kept


def test_noise_words_are_proposed_by_count_and_low_agreement() -> None:
    rows = [("빨간 원피스", 0.4), ("파란 코트", 0.42)] * 50 + [("오늘의 로또", 0.05)] * 30 + [("희귀한 로봇", 0.0)] * 3
    found = noise.propose(rows, least_count=20)
    assert [c.word for c in found][:2] == ["로또", "오늘"] and found[0].count == 30 and found[0].agreement == pytest.approx(0.05)
    assert noise.propose(rows, least_count=20, under=1e9) == [] and noise.propose([]) == []


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
