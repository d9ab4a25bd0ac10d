"""The slug of a Korean document and a variant number go in; its facts (what it says) and its picture come out.

Variant 0 shows the figures as written below, every other variant changes them, so that a fact must be read from the page and
not guessed from its title. Charts are drawn with Pillow. The shops, people and figures are invented.
"""

# ruff: noqa: E501  (the documents below are one to a line, like a table)

from __future__ import annotations

import functools
import importlib.util
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from hannun.catalogue.drawing import RGB, blend, lighter
from hannun.errors import DependencyError

SIZE = (400, 520)  # larger than the other pictures, so that the small print stays readable
_WIDE, _HIGH, _LEFT = 800, 1040, 64  # drawn at twice the size

_INK, _GREY, _RULE = (38, 38, 46), (112, 114, 124), (206, 208, 214)
_INKS = ((196, 62, 58), (32, 98, 176), (30, 128, 98), (120, 76, 158), (204, 118, 32), (44, 62, 110))
_SLICES = ((226, 92, 82), (64, 132, 204), (250, 190, 70), (86, 172, 122), (150, 110, 190), (158, 162, 172))


@dataclass(frozen=True)
class Page:
    """One document: what it is about, and the words and numbers it shows."""

    slug: str
    kind: str
    topic: str
    title: str
    english: str
    words: tuple[str, ...]  # paragraphs, labels, table cells row by row, or goods
    numbers: tuple[int, ...] = ()
    unit: str = ""


PAGES: dict[str, Page] = {
    p.slug: p
    for p in (
        Page("river-walk", "글", "산책", "한강 산책 일기", "diary of a walk along the Han river", (
            "저녁을 먹고 한강 공원으로 나갔다. 바람이 선선해서 걷기에 참 좋은 날이었다.",
            "다리 아래에서는 누군가 색소폰을 불고 있었고, 아이들은 자전거를 타며 웃었다. 강물 위로 노을이 길게 번졌다.",
            "편의점 앞 의자에 앉아 라면을 먹었다. 특별한 일은 없었지만 오래 기억하고 싶은 하루다.",
            "내일은 조금 더 멀리, 선유도까지 걸어 볼 생각이다.")),
        Page("kimchi-stew", "글", "요리", "김치찌개 끓이는 법", "recipe for kimchi stew", (
            "재료: 잘 익은 김치 반 포기, 돼지고기 200그램, 두부 한 모, 대파 한 대, 고춧가루 한 숟갈.",
            "먼저 냄비에 기름을 두르고 돼지고기를 볶는다. 고기가 하얗게 익으면 김치를 넣고 5분 더 볶는다.",
            "물 세 컵을 붓고 센 불에서 끓이다가 중간 불로 줄여 20분 동안 푹 끓인다.",
            "마지막에 두부와 대파를 올리고 한소끔 더 끓이면 완성이다. 간은 국간장으로 맞춘다.")),
        Page("jeju-trip", "글", "여행", "제주도 여행기", "notes on a trip to Jeju island", (
            "새벽 첫 비행기를 타고 제주에 도착했다. 공항을 나서자 야자수와 파란 하늘이 우리를 맞았다.",
            "첫날에는 성산일출봉에 올랐다. 계단이 가팔랐지만 정상에서 본 바다는 눈이 부셨다.",
            "둘째 날은 비가 와서 오름 대신 작은 책방과 귤 카페를 찾았다. 따뜻한 귤차 한 잔에 몸이 풀렸다.",
            "돌아오는 길, 가방에는 귤 한 상자와 돌하르방 열쇠고리가 들어 있었다.")),
        Page("hangul-story", "글", "역사", "한글 이야기", "the story of Hangul", (
            "세종대왕은 백성이 쉽게 배워 쓸 수 있는 글자를 만들고자 했다. 훈민정음은 1446년에 반포되었다.",
            "닿소리는 소리를 내는 기관의 모양을 본떴고, 홀소리는 하늘과 땅과 사람을 본떴다.",
            "글자를 모아 쓰는 방식 덕분에 한 음절이 한눈에 들어온다.",
            "10월 9일 한글날에는 곳곳에서 글자를 주제로 한 전시가 열린다.")),
        Page("bakery", "글", "가게", "동네 빵집 이야기", "the story of a neighbourhood bakery", (
            "골목 끝 작은 빵집은 새벽 네 시에 불을 켠다. 주인은 스무 해째 같은 오븐을 쓰고 있다.",
            "가장 먼저 나오는 것은 단팥빵이다. 팥은 전날 밤에 직접 삶아 달지 않게 졸인다.",
            "단골손님은 빵 나오는 시간을 외우고 있다. 소금빵은 열한 시, 식빵은 오후 두 시다.",
            "남은 빵은 저녁마다 이웃 복지관에 보낸다.")),
        Page("balcony-garden", "글", "원예", "베란다 텃밭 가꾸기", "growing vegetables on a balcony", (
            "햇빛이 하루 네 시간 이상 드는 자리를 고른다. 상추와 방울토마토가 처음 기르기에 좋다.",
            "화분 바닥에 굵은 자갈을 깔고 배양토를 채운다. 모종은 손바닥 너비만큼 띄워 심는다.",
            "물은 흙 표면이 마르면 아침에 듬뿍 준다. 한여름에는 저녁에 한 번 더 준다.",
            "상추는 심은 지 한 달이면 겉잎부터 따서 먹을 수 있다.")),
        Page("village-bus", "표", "교통", "마을버스 시간표", "village bus timetable", (
            "노선", "첫차", "막차", "배차", "종로02", "05:40", "23:50", "8분", "마포09", "06:00", "23:20", "12분", "성북05", "05:30", "23:40", "10분",
            "은평10", "06:10", "22:50", "15분", "관악08", "05:50", "23:30", "9분", "강서03", "06:05", "23:10", "14분"), (4,)),
        Page("school-lunch", "표", "급식", "초등학교 급식 식단표", "school lunch menu", (
            "요일", "밥", "국", "반찬", "월", "현미밥", "미역국", "불고기", "화", "카레라이스", "콩나물국", "깍두기", "수", "비빔밥", "된장국", "달걀말이",
            "목", "보리밥", "육개장", "고등어구이", "금", "김치볶음밥", "어묵국", "닭튀김"), (4,)),
        Page("gym-fees", "표", "운동", "체육센터 이용 요금표", "sports centre price list", (
            "종목", "어른", "청소년", "시간", "수영", "62,000", "48,000", "50분", "요가", "45,000", "36,000", "60분", "탁구", "38,000", "30,000", "90분",
            "농구", "40,000", "28,000", "90분", "배드민턴", "42,000", "32,000", "80분", "헬스", "55,000", "44,000", "종일"), (4,)),
        Page("size-chart", "표", "의류", "여성복 치수표", "women's clothing size chart", (
            "치수", "가슴", "허리", "총장", "XS", "80", "62", "96", "S", "85", "67", "98", "M", "90", "72", "100", "L", "95", "77", "102", "XL", "100", "82", "104"), (4,)),
        Page("cafe-sales", "막대그래프", "카페", "월별 카페 매출", "monthly café sales", ("1월", "2월", "3월", "4월", "5월", "6월", "7월", "8월"), (412, 388, 455, 503, 561, 634, 742, 718), "만 원"),
        Page("library-loans", "막대그래프", "도서관", "분야별 도서 대출 권수", "library loans by subject", ("문학", "역사", "과학", "예술", "경제", "아동"), (1840, 620, 710, 430, 560, 2130), "권"),
        Page("recycling", "막대그래프", "환경", "요일별 재활용품 배출량", "recycling by day of the week", ("월", "화", "수", "목", "금", "토", "일"), (86, 54, 61, 48, 72, 118, 134), "kg"),
        Page("temperature", "꺾은선그래프", "날씨", "월평균 기온 변화", "monthly mean temperature", ("3월", "4월", "5월", "6월", "7월", "8월", "9월", "10월"), (6, 13, 18, 23, 26, 27, 22, 15), "도"),
        Page("app-users", "꺾은선그래프", "서비스", "월별 앱 이용자 수", "monthly users of an app", ("1월", "2월", "3월", "4월", "5월", "6월", "7월"), (120, 148, 165, 210, 254, 248, 312), "천 명"),
        Page("bike-rentals", "꺾은선그래프", "자전거", "시간대별 공공자전거 대여", "public bicycle rentals by hour", ("6시", "8시", "10시", "12시", "14시", "16시", "18시", "20시"), (210, 860, 430, 520, 490, 610, 1040, 720), "건"),
        Page("household", "원그래프", "가계", "우리 집 한 달 지출", "a household's monthly spending", ("식비", "주거비", "교통비", "교육비", "문화", "기타"), (32, 26, 11, 15, 9, 7), "%"),
        Page("commute", "원그래프", "출근", "직원 출근 수단 조사", "how the staff commute", ("지하철", "버스", "자가용", "자전거", "도보"), (44, 23, 17, 6, 10), "%"),
        Page("fruit-survey", "원그래프", "설문", "좋아하는 과일 설문", "survey of favourite fruit", ("딸기", "수박", "복숭아", "사과", "포도"), (34, 22, 19, 14, 11), "%"),
        Page("cafe-receipt", "영수증", "카페", "달빛카페", "café receipt", ("아메리카노", "카페라테", "치즈케이크", "유자차"), (4500, 5200, 6800, 5500), "원"),
        Page("mart-receipt", "영수증", "마트", "한마음마트", "grocery receipt", ("두부", "대파", "우유 1L", "달걀 30구", "삼겹살 600g", "귤 2kg"), (2200, 2980, 2850, 7900, 17400, 9900), "원"),
        Page("book-receipt", "영수증", "서점", "느티나무책방", "bookshop receipt", ("시집", "그림책", "여행 안내서", "엽서 세트"), (12000, 15000, 18500, 6000), "원"),
        Page("pen-receipt", "영수증", "문구", "알록달록문구", "stationery receipt", ("연필 12자루", "색종이", "공책 5권", "가위", "풀"), (6000, 1500, 7500, 3200, 1200), "원"),
        Page("lift-check", "공지", "아파트", "승강기 정기 점검 안내", "notice of a lift inspection", (
            "일시: 5월 14일(수) 오전 10시 ~ 12시", "대상: 101동, 102동 승강기 전체", "점검 시간에는 승강기를 이용할 수 없으니 계단을 이용해 주시기 바랍니다.", "푸른숲아파트 관리사무소")),
        Page("library-closed", "공지", "도서관", "도서관 임시 휴관 안내", "notice that the library is closed", (
            "기간: 8월 4일(월) ~ 8월 8일(금)", "사유: 냉난방 시설 교체 공사", "빌린 책의 반납일은 모두 8월 11일로 미뤄집니다. 무인 반납함은 그대로 쓸 수 있습니다.", "햇살구립도서관장")),
        Page("water-cut", "공지", "수도", "수돗물 단수 안내", "notice of a water cut", (
            "일시: 11월 20일(목) 밤 11시 ~ 다음 날 새벽 5시", "지역: 은행동 1번지 ~ 85번지", "낡은 수도관을 바꾸는 공사를 합니다. 미리 물을 받아 두시기 바랍니다.", "중부수도사업소")),
        Page("flea-market", "공지", "행사", "주말 벼룩시장 참가자 모집", "notice of a weekend flea market", (
            "일시: 6월 7일(토) 오후 1시 ~ 6시", "장소: 느티나무 어린이공원", "안 쓰는 옷, 책, 장난감을 나누어요. 참가비는 없으며 돗자리는 각자 가져옵니다.", "은행동 주민자치회")),
    )
}  # fmt: skip

CHARTS = ("막대그래프", "꺾은선그래프", "원그래프")


def figures(page: Page, variant: int) -> tuple[int, ...]:
    """The numbers shown: as written for variant 0, changed for any other; shares of a whole always sum to 100."""
    if not variant or page.kind == "표":
        return page.numbers
    rng = random.Random(f"{page.slug}/{variant}")
    if page.unit == "%":
        weights = [rng.uniform(0.3, 2) * n for n in page.numbers]
        shares = [max(3, round(100 * w / sum(weights))) for w in weights]
        shares[shares.index(max(shares))] += 100 - sum(shares)
        return tuple(shares)
    step = 100 if page.kind == "영수증" else 1
    return tuple(max(step, round(n * rng.uniform(0.7, 1.35) / step) * step) for n in page.numbers)


def facts(page: Page, variant: int) -> dict[str, str | int]:
    """What the page says, as metadata: its year, and the peak of a chart, the total of a receipt or the rows of a table."""
    numbers = figures(page, variant)
    said: dict[str, str | int] = {"year": 2025 if page.kind == "공지" else 2023 + (len(page.slug) + variant) % 4}  # a notice names weekdays
    if page.kind in CHARTS:
        peak = max(numbers)
        return {**said, "peak": page.words[numbers.index(peak)], "peak_value": peak, "unit": page.unit}
    if page.kind == "영수증":
        counts = _counts(page, variant)
        return {**said, "shop": page.title, "total": sum(n * c for n, c in zip(numbers, counts, strict=True))}
    return {**said, "rows": len(page.words) // numbers[0] - 1} if page.kind == "표" else {**said, "first_line": page.words[0]}


def titles(page: Page, said: dict[str, str | int]) -> tuple[str, str]:
    """The Korean and the English title of a page with these facts."""
    prefix = f"{said['year']}년 " if page.kind in (*CHARTS, "표") else ""
    kinds = {"막대그래프": "bar chart", "꺾은선그래프": "line chart", "원그래프": "pie chart"}
    suffix = f" {page.kind}" if page.kind in (*CHARTS, "영수증") else ""
    english = f"{kinds[page.kind]} of {page.english}, {said['year']}" if page.kind in kinds else page.english
    return prefix + page.title + suffix, english + (f", {said['year']}" if page.kind == "표" else "")


def _counts(page: Page, variant: int) -> tuple[int, ...]:
    rng = random.Random(f"{page.slug}/counts/{variant}")
    return tuple(rng.choice((1, 1, 2, 3)) for _ in page.words)


@functools.cache
def _fonts() -> Path:
    """The folder of Nanum Gothic (OFL) in the package koreanize-matplotlib, found without importing it (that pulls matplotlib)."""
    spec = importlib.util.find_spec("koreanize_matplotlib")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / "fonts" / "NanumGothic.ttf").is_file():
            return Path(place) / "fonts"
    raise DependencyError("no Korean font came with this installation, pages need Nanum Gothic; run `pip install koreanize-matplotlib`")


@functools.cache
def font(size: int, weight: str = "") -> PIL.ImageFont.FreeTypeFont:
    """Nanum Gothic of a pixel size; `weight` is "", "Bold", "ExtraBold" or "Light"."""
    return PIL.ImageFont.truetype(str(_fonts() / f"NanumGothic{weight}.ttf"), size)


def paper(page: Page, variant: int, rng: random.Random) -> PIL.Image.Image:
    """The sheet of paper of 800 × 1040 pixels, seen straight on."""
    tint = rng.choice(((255, 255, 255), (255, 254, 250), (252, 252, 254)))
    image = PIL.Image.new("RGB", (_WIDE, _HIGH), tint)
    ink = rng.choice(_INKS)
    _LAYOUTS[page.kind](PIL.ImageDraw.Draw(image), page, variant, ink, rng)
    return image


def _wrap(text: str, face: PIL.ImageFont.FreeTypeFont, width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if face.getlength(joined) <= width or not lines[-1]:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


def _heading(draw: PIL.ImageDraw.ImageDraw, page: Page, variant: int, ink: RGB, rng: random.Random) -> int:
    """The title at the top; returns the height below it."""
    title = titles(page, facts(page, variant))[0] if page.kind == "표" else page.title
    face = font(54 if font(54, "ExtraBold").getlength(title) < _WIDE - 2 * _LEFT else 44, "ExtraBold")
    if rng.random() < 0.4:
        draw.rectangle((0, 0, _WIDE, 150), fill=ink)
        draw.text((_WIDE / 2, 75), title, font=face, fill=(255, 255, 255), anchor="mm")
        return 196
    draw.text((_LEFT, 62), title, font=face, fill=_INK)
    draw.line((_LEFT, 140, _WIDE - _LEFT, 140), fill=ink, width=6)
    return 184


def _prose(draw: PIL.ImageDraw.ImageDraw, page: Page, variant: int, ink: RGB, rng: random.Random) -> None:
    y = _heading(draw, page, variant, ink, rng)
    draw.text(
        (_LEFT, y - 14),
        f"{facts(page, variant)['year']}. {rng.randint(1, 12)}. {rng.randint(1, 28)}.  |  {page.topic}",
        font=font(24),
        fill=_GREY,
    )
    y += 42
    words = page.words if not variant else tuple(rng.sample(page.words, 3))
    face = font(33)
    for paragraph in words:
        for line in _wrap("  " + paragraph, face, _WIDE - 2 * _LEFT):
            draw.text((_LEFT, y), line, font=face, fill=_INK)
            y += 54
        y += 24
    draw.text((_WIDE / 2, _HIGH - 44), f"- {rng.randint(1, 96)} -", font=font(22), fill=_GREY, anchor="mm")


def _notice(draw: PIL.ImageDraw.ImageDraw, page: Page, variant: int, ink: RGB, rng: random.Random) -> None:
    draw.rectangle((28, 28, _WIDE - 28, _HIGH - 28), outline=ink, width=8)
    draw.rounded_rectangle((_WIDE / 2 - 130, 84, _WIDE / 2 + 130, 164), 40, fill=ink)
    draw.text((_WIDE / 2, 124), "알 립 니 다", font=font(40, "Bold"), fill=(255, 255, 255), anchor="mm")
    y = 210
    for line in _wrap(page.title, font(62, "ExtraBold"), _WIDE - 2 * _LEFT - 20):
        draw.text((_WIDE / 2, y), line, font=font(62, "ExtraBold"), fill=_INK, anchor="ma")
        y += 84
    y += 36
    for k, text in enumerate(page.words[:-1]):
        face = font(38, "Bold" if k < 2 else "")
        for n, line in enumerate(_wrap(text, face, _WIDE - 2 * _LEFT - 60)):
            if n == 0:
                draw.ellipse((_LEFT + 8, y + 14, _LEFT + 24, y + 30), fill=ink)
            draw.text((_LEFT + 44, y), line, font=face, fill=_INK)
            y += 58
        y += 22
    draw.text((_WIDE / 2, _HIGH - 170), f"{facts(page, variant)['year']}년", font=font(32), fill=_GREY, anchor="ma")
    draw.text((_WIDE / 2, _HIGH - 112), page.words[-1], font=font(42, "ExtraBold"), fill=_INK, anchor="ma")


def _table(draw: PIL.ImageDraw.ImageDraw, page: Page, variant: int, ink: RGB, rng: random.Random) -> None:
    top = _heading(draw, page, variant, ink, rng) + 20
    columns = page.numbers[0]
    rows = [page.words[k : k + columns] for k in range(0, len(page.words), columns)]
    body = rows[1:] if not variant else rng.sample(rows[1:], len(rows) - 1)
    width, height = (_WIDE - 2 * _LEFT) / columns, min(104, (_HIGH - top - 110) / len(rows))
    for r, row in enumerate([rows[0], *body]):
        y = top + r * height
        fill = ink if r == 0 else lighter(ink, 0.9) if r % 2 == 0 else None
        if fill:
            draw.rectangle((_LEFT, y, _WIDE - _LEFT, y + height), fill=fill)
        for c, cell in enumerate(row):
            face = font(32, "Bold" if r == 0 or c == 0 else "")
            draw.text((_LEFT + (c + 0.5) * width, y + height / 2), cell, font=face, fill=(255, 255, 255) if r == 0 else _INK, anchor="mm")
    bottom = top + len(rows) * height
    for r in range(len(rows) + 1):
        draw.line((_LEFT, top + r * height, _WIDE - _LEFT, top + r * height), fill=blend(ink, _RULE, 0.6), width=2)
    for c in range(columns + 1):
        draw.line((_LEFT + c * width, top, _LEFT + c * width, bottom), fill=blend(ink, _RULE, 0.6), width=2)
    draw.text((_LEFT, bottom + 22), "※ 사정에 따라 바뀔 수 있습니다.", font=font(26), fill=_GREY)


def _axes(
    draw: PIL.ImageDraw.ImageDraw, page: Page, variant: int, ink: RGB, rng: random.Random
) -> tuple[float, list[tuple[float, float, str, int]]]:
    """Axes and grid of a chart; returns the base line and, per value, its x, y, label and number."""
    top = _heading(draw, page, variant, ink, rng) + 60
    numbers, base, left, right = figures(page, variant), _HIGH - 150, 130, _WIDE - 56
    rough = max(numbers) / 4
    step = next(m * 10**e for e in range(6) for m in (1, 2, 5) if m * 10**e >= rough)
    ceiling = step * math.ceil(max(numbers) * 1.04 / step)
    for value in range(0, ceiling + 1, step):
        y = base - (base - top) * value / ceiling
        draw.line((left, y, right, y), fill=_INK if value == 0 else _RULE, width=3 if value == 0 else 2)
        draw.text((left - 16, y), f"{value:,}", font=font(26), fill=_GREY, anchor="rm")
    draw.text((left - 16, top - 48), f"({page.unit})", font=font(26), fill=_GREY, anchor="rm")
    gap = (right - left) / len(numbers)
    spots = [
        (left + (k + 0.5) * gap, base - (base - top) * n / ceiling, label, n)
        for k, (n, label) in enumerate(zip(numbers, page.words, strict=True))
    ]
    for x, _, label, _ in spots:
        draw.text((x, base + 34), label, font=font(30, "Bold"), fill=_INK, anchor="mm")
    draw.text((_WIDE / 2, _HIGH - 52), f"{facts(page, variant)['year']}년 조사", font=font(26), fill=_GREY, anchor="mm")
    return base, spots


def _bars(draw: PIL.ImageDraw.ImageDraw, page: Page, variant: int, ink: RGB, rng: random.Random) -> None:
    base, spots = _axes(draw, page, variant, ink, rng)
    many, wide = rng.random() < 0.4, 0.32 * (_WIDE - 186) / len(spots)
    peak = max(n for *_, n in spots)
    for k, (x, y, _, n) in enumerate(spots):
        fill = _SLICES[k % len(_SLICES)] if many else ink if n == peak else lighter(ink, 0.4)
        draw.rounded_rectangle((x - wide, y, x + wide, base), 8, fill=fill, corners=(True, True, False, False))
        draw.text((x, y - 22), f"{n:,}", font=font(26, "Bold"), fill=_INK, anchor="mm")


def _lines(draw: PIL.ImageDraw.ImageDraw, page: Page, variant: int, ink: RGB, rng: random.Random) -> None:
    base, spots = _axes(draw, page, variant, ink, rng)
    if rng.random() < 0.6:
        draw.polygon([(spots[0][0], base - 2), *((x, y) for x, y, *_ in spots), (spots[-1][0], base - 2)], fill=lighter(ink, 0.84))
    draw.line([(x, y) for x, y, *_ in spots], fill=ink, width=9, joint="curve")
    for x, y, _, n in spots:
        draw.ellipse((x - 13, y - 13, x + 13, y + 13), fill=(255, 255, 255), outline=ink, width=6)
        draw.text((x, y - 36), f"{n:,}", font=font(26, "Bold"), fill=_INK, anchor="mm", stroke_width=5, stroke_fill=(255, 255, 255))


def _pie(draw: PIL.ImageDraw.ImageDraw, page: Page, variant: int, ink: RGB, rng: random.Random) -> None:
    top = _heading(draw, page, variant, ink, rng) + 16
    numbers, r = figures(page, variant), 250
    x, y, angle, ring = _WIDE / 2, top + 264, -90.0, rng.random() < 0.4
    for k, n in enumerate(numbers):
        draw.pieslice((x - r, y - r, x + r, y + r), angle, angle + 3.6 * n, fill=_SLICES[k], outline=(255, 255, 255), width=5)
        middle = math.radians(angle + 1.8 * n)
        if n >= 5:
            draw.text(
                (x + 0.72 * r * math.cos(middle), y + 0.72 * r * math.sin(middle)),
                f"{n}%",
                font=font(36, "ExtraBold"),
                fill=(255, 255, 255) if k != 2 else _INK,
                anchor="mm",
            )
        angle += 3.6 * n
    if ring:
        draw.ellipse((x - 112, y - 112, x + 112, y + 112), fill=(255, 255, 255))
        draw.text((x, y), page.topic, font=font(46, "ExtraBold"), fill=_INK, anchor="mm")
    for k, (label, n) in enumerate(zip(page.words, numbers, strict=True)):
        lx, ly = _LEFT + 60 + (k % 2) * 340, y + r + 48 + (k // 2) * 62
        draw.rounded_rectangle((lx, ly, lx + 36, ly + 36), 8, fill=_SLICES[k])
        draw.text((lx + 54, ly + 18), f"{label}  {n}%", font=font(34), fill=_INK, anchor="lm")
    draw.text((_WIDE / 2, _HIGH - 40), f"{facts(page, variant)['year']}년 조사", font=font(26), fill=_GREY, anchor="mm")


_EDGE = 70  # of a receipt


def _dotted(draw: PIL.ImageDraw.ImageDraw, y: int) -> None:
    for x in range(_EDGE, _WIDE - _EDGE, 18):
        draw.line((x, y, x + 10, y), fill=_INK, width=3)


def _receipt(draw: PIL.ImageDraw.ImageDraw, page: Page, variant: int, ink: RGB, rng: random.Random) -> None:
    said, left, right = facts(page, variant), _EDGE, _WIDE - _EDGE
    draw.text((_WIDE / 2, 76), page.title, font=font(64, "ExtraBold"), fill=_INK, anchor="mm")
    draw.text((_WIDE / 2, 146), "영 수 증", font=font(40, "Bold"), fill=_INK, anchor="mm")
    draw.text(
        (left, 196),
        f"{said['year']}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02} {rng.randint(9, 21):02}:{rng.randint(0, 59):02}",
        font=font(30),
        fill=_GREY,
    )
    draw.text((right, 196), f"No. {rng.randint(1000, 9999)}", font=font(30), fill=_GREY, anchor="ra")
    y = 256
    _dotted(draw, y)
    for x, label, anchor in ((left, "품명", "la"), (470, "수량", "ra"), (right, "금액", "ra")):
        draw.text((x, y + 18), label, font=font(32, "Bold"), fill=_INK, anchor=anchor)
    y += 76
    _dotted(draw, y)
    y += 20
    spacing = 60 if len(page.words) < 6 else 50
    for goods, price, count in zip(page.words, figures(page, variant), _counts(page, variant), strict=True):
        for x, text, anchor in ((left, goods, "la"), (455, str(count), "ra"), (right, f"{price * count:,}", "ra")):
            draw.text((x, y), text, font=font(36), fill=_INK, anchor=anchor)
        y += spacing
    y += 12
    _dotted(draw, y)
    draw.text((left, y + 26), "합계", font=font(52, "ExtraBold"), fill=_INK)
    draw.text((right, y + 26), f"{said['total']:,}원", font=font(52, "ExtraBold"), fill=_INK, anchor="ra")
    y += 116
    draw.text((left, y), rng.choice(("신용카드", "현금", "간편결제")), font=font(32), fill=_INK)
    draw.text((right, y), f"부가세 {round(int(said['total']) / 11):,}원", font=font(32), fill=_INK, anchor="ra")
    place = left + 120
    while place < right - 120:
        bar = rng.choice((3, 3, 5, 8))
        draw.rectangle((place, _HIGH - 176, place + bar, _HIGH - 96), fill=_INK)
        place += bar + rng.choice((4, 6, 9))
    draw.text((_WIDE / 2, _HIGH - 52), "이용해 주셔서 고맙습니다", font=font(30), fill=_GREY, anchor="mm")


_LAYOUTS: dict[str, Callable[[PIL.ImageDraw.ImageDraw, Page, int, RGB, random.Random], None]] = {
    "글": _prose, "공지": _notice, "표": _table, "막대그래프": _bars, "꺾은선그래프": _lines, "원그래프": _pie, "영수증": _receipt,
}  # fmt: skip
