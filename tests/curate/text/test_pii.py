"""Personal data that is masked or dropped, and numbers that are nobody's."""

from __future__ import annotations

import pytest

from hannun.curate.text import pii
from hannun.curate.verdict import pair_of

pytest.importorskip("ko_pii", reason="ko-pii is in hannun[curate]")


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
