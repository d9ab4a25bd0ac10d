"""Precision and recall of personal data by kind, on generated sentences."""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable

from curating.rates import portion
from hannun.curate.text import pii

FRAMES = (
    "{} 문의 주세요",
    "판매자 {} 입니다",
    "연락처: {}",
    "배송 관련 {} 확인 부탁",
    "{}",
    "원피스 팔아요 {} 쿨거래",
    "({}) 로 보내주세요",
    "자세한 것은 {}",
)
SURNAMES, GIVEN = "김이박최정강조윤장임", ("민준", "서연", "도윤", "하은", "지호", "수아", "예준", "지우")


def _digits(rng: random.Random, n: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(n))


def _resident(rng: random.Random) -> str:
    year, month, day = rng.randint(40, 99), rng.randint(1, 12), rng.randint(1, 28)
    twelve = f"{year:02}{month:02}{day:02}{rng.choice('12')}{_digits(rng, 5)}"
    made = f"{twelve[:6]}-{twelve[6:]}{pii.checksum(twelve)}"
    return rng.choice((made, made, made.replace("-", ""), made.replace("-", " - ")))


def _phone(rng: random.Random) -> str:
    kind, a, b = rng.randint(0, 6), _digits(rng, 4), _digits(rng, 4)
    spoken = "공일공 " + " ".join("".join("공일이삼사오육칠팔구"[int(c)] for c in x) for x in (a, b))
    return (f"010-{a}-{b}", f"010{a}{b}", f"010.{a}.{b}", f"02-{a[:3]}-{b}", f"031-{a[:3]}-{b}", f"+82-10-{a}-{b}", spoken)[kind]


def _address(rng: random.Random) -> str:
    city = rng.choice(
        ("서울특별시 강남구", "부산광역시 해운대구", "경기도 성남시 분당구", "대전광역시 유성구", "서울 마포구", "인천 연수구")
    )
    road = rng.choice(("테헤란로", "중앙로", "판교역로", "월드컵북로", "센텀동로", "대학로"))
    return f"{city} {road} {rng.randint(1, 400)}" + rng.choice(
        ("", f" {rng.randint(101, 120)}동 {rng.randint(101, 2504)}호", f"번길 {rng.randint(1, 60)}")
    )


CARRIERS = ("CJ대한통운", "한진택배", "롯데택배", "우체국택배", "로젠")
PEOPLE, MAILS = ("kim", "lee.shop", "happy_77", "a1b2"), ("naver.com", "gmail.com", "daum.net", "hanmail.net")
SITES = ("smartstore.naver.com/shop", "blog.naver.com/happy", "bit.ly/3xYz", "myshop.co.kr/goods?id=", "open.kakao.com/o/s")
MAKERS: dict[str, Callable[[random.Random], str]] = {
    "resident": _resident,
    "driver": lambda r: f"운전면허 {r.randint(11, 26)}-{r.randint(10, 23):02}-{_digits(r, 6)}-{_digits(r, 2)}",
    "passport": lambda r: f"여권번호 {r.choice('MSR')}{r.choice((_digits(r, 8), _digits(r, 3) + r.choice('ABCDEF') + _digits(r, 4)))}",
    "phone": _phone,
    "waybill": lambda r: f"{r.choice(CARRIERS)} {r.choice(('운송장', '송장번호', ''))} {_digits(r, r.choice((10, 12, 13)))}",
    "address": _address,
    "email": lambda r: f"{r.choice(PEOPLE)}{_digits(r, 2)}{r.choice(('@', '@', '@', ' 골뱅이 ', '(at)'))}{r.choice(MAILS)}",
    "url": lambda r: r.choice(("https://", "http://", "www.", ""))
    + r.choice(SITES) + _digits(r, 3),
}  # fmt: skip
HARD: tuple[Callable[[random.Random], str], ...] = (
    lambda r: f"가격 {r.randint(1, 99)},{_digits(r, 3)}원 {r.randint(10, 90)}% 할인",
    lambda r: f"{r.randint(2018, 2026)}-{r.randint(1, 12):02}-{r.randint(1, 28):02} 입고 {r.randint(9, 20)}:{r.randint(10, 59)}",
    lambda r: f"{r.randint(2018, 2026)}.{r.randint(1, 12):02}.{r.randint(1, 28):02}~{r.randint(1, 12):02}.{r.randint(1, 28):02} 행사",
    lambda r: f"모델명 {r.choice(('SM-G', 'LG-', 'NX', 'WH-', 'AB'))}{_digits(r, 4)}{r.choice('ABCN')}",
    lambda r: f"품번 {r.choice('ABMSRD')}{_digits(r, 8)} 정품",
    lambda r: f"상품번호 {_digits(r, 10)}",
    lambda r: f"바코드 880{_digits(r, 10)}",
    lambda r: f"ISBN 978-89-{_digits(r, 4)}-{_digits(r, 3)}-{_digits(r, 1)}",
    lambda r: f"사이즈 {r.randint(220, 290)} {r.randint(220, 290)} {r.randint(220, 290)} 굽 {r.randint(1, 9)}.5cm",
    lambda r: f"{r.choice(('강남구', '홍대', '해운대', '분당'))} 맛집 {r.randint(5, 100)}곳",
    lambda r: f"{r.randint(1, 12)}동 {r.choice(('주민센터', '물놀이장', '어린이집'))}",
    lambda r: (
        f"해상도 {r.choice(('1920x1080', '3840x2160'))} {r.randint(60, 240)}Hz ver {r.randint(1, 9)}.{r.randint(0, 9)}.{r.randint(0, 9)}"
    ),
    lambda r: f"{r.choice(('나이키', '아디다스'))} 에어 {r.randint(1, 97)} {_digits(r, 6)}-{_digits(r, 3)}",
    lambda r: f"이상형 월드컵 {r.randint(2, 32)}강 @{r.choice(('daily', 'shop'))}",
    lambda r: f"적립 {_digits(r, 5)}점 쿠폰 {_digits(r, 4)}-{_digits(r, 4)}",
    lambda r: f"제조번호 {r.randint(30, 99)}{r.randint(13, 99)}{_digits(r, 2)}-{_digits(r, 7)}",
)


def personal(a: argparse.Namespace) -> None:
    """Precision and recall by kind on generated sentences, half of them hard negatives; ko-pii alone beside it."""
    rng = random.Random(20)
    rows: list[tuple[str, str | None]] = []
    for kind, make in MAKERS.items():
        rows += [(rng.choice(FRAMES).format(make(rng)), kind) for _ in range(150)]
    rows += [(rng.choice(FRAMES).format(rng.choice(HARD)(rng)), None) for _ in range(1200)]
    from ko_pii.detect import detect_all

    names = {"RRN": "resident", "FRN": "resident", "DRIVER_LICENSE": "driver", "PASSPORT": "passport", "PHONE": "phone", "FAX": "phone",
             "ADDRESS": "address", "EMAIL": "email", "URL": "url"}  # fmt: skip
    ways: dict[str, Callable[[str], set[str]]] = {
        "hannun": lambda t: {s.kind for s in pii.find(t)},
        "ko-pii": lambda t: {names[d.label] for d in detect_all(t) if d.label in names},
    }
    print(f"{len(rows)} sentences, {sum(k is None for _, k in rows)} of them hard negatives\n")
    print("| kind | hannun precision | recall | ko-pii precision | recall |\n|---|---|---|---|---|")
    said = {way: [find(t) for t, _ in rows] for way, find in ways.items()}
    for kind in [*MAKERS, "any"]:
        cells = []
        for way in ways:
            hit = [bool(s) if kind == "any" else kind in s for s in said[way]]
            true = [k is not None if kind == "any" else k == kind for _, k in rows]
            cells += [portion(t for t, h in zip(true, hit, strict=True) if h), portion(h for t, h in zip(true, hit, strict=True) if t)]
        print(f"| {kind} | {' | '.join(cells)} |", flush=True)
    for wanted in ("miss", "false alarm"):
        wrong = [
            t
            for (t, k), s in zip(rows, said["hannun"], strict=True)
            if (k is not None and k not in s if wanted == "miss" else k is None and s)
        ]
        print(f"\n{wanted}, {len(wrong)}: " + " / ".join(wrong[:6]))
