"""A seed goes in; records of what a page says come out: owner, place, time, labelled values, and the queries that ask for it.

Every second record is a twin of the one before: same topic and kind, other facts. A page is found by reading it, not by its type.
Queries are of Jina-VDR's kinds (Günther et al. 2025: keywords, key phrases, long descriptions, statements of fact) and questions.
"""

# ruff: noqa: E501  (the topics below are one to a line, like a table)

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

KINDS = ("table", "chart", "form", "receipt", "slide", "map", "web", "markdown")
QUERIES = ("keywords", "phrase", "description", "fact", "question")
LANGUAGES = ("ko", "en")


@dataclass(frozen=True)
class DocumentRecord:
    """What one page says. `entries` are (label, value with unit); `asked` is the entry that facts and questions are about."""

    id: str
    lang: str
    kind: str
    topic: str
    title: str
    owner: str
    place: str
    when: str
    unit: str
    entries: tuple[tuple[str, str], ...]
    asked: int
    variant: int = 0  # of the look: fonts, colours, noise

    @property
    def said(self) -> str:
        """Everything on the page as plain text: what perfect reading would give."""
        return "\n".join([self.title, f"{self.owner}, {self.place}, {self.when}", *(f"{a}: {b}" for a, b in self.entries)])


@dataclass(frozen=True)
class Topic:
    """A subject with its titles, labels, unit and range of values in both languages."""

    name: str
    ko: str
    en: str
    labels_ko: tuple[str, ...]
    labels_en: tuple[str, ...]
    unit_ko: str
    unit_en: str
    low: int
    high: int
    step: int
    owner_ko: str
    owner_en: str


def _t(name: str, ko: str, en: str, labels: str, units: str, span: tuple[int, int, int], owners: str) -> Topic:
    pairs = [p.split("/") for p in labels.split(", ")]
    (unit_ko, unit_en), (owner_ko, owner_en) = units.split("/"), owners.split("/")
    return Topic(name, ko, en, tuple(p[0] for p in pairs), tuple(p[1] for p in pairs), unit_ko, unit_en, *span, owner_ko, owner_en)


FIGURES = (
    _t("sales", "지점별 매출", "sales by branch",
       "종로점/Jongno branch, 강남점/Gangnam branch, 해운대점/Haeundae branch, 유성점/Yuseong branch, 수원점/Suwon branch, 목포점/Mokpo branch",
       "만 원/thousand won", (120, 990, 10), "상회/Trading"),
    _t("visitors", "월별 방문객", "visitors by month", "1월/January, 3월/March, 5월/May, 7월/July, 9월/September, 11월/November",
       "명/visitors", (200, 9800, 20), "미술관/Museum"),
    _t("rain", "도시별 강수량", "rainfall by city", "춘천/Chuncheon, 강릉/Gangneung, 여수/Yeosu, 포항/Pohang, 통영/Tongyeong, 청주/Cheongju",
       "mm/mm", (20, 480, 5), "기상대/Weather Station"),
    _t("loans", "분야별 도서 대출", "book loans by subject",
       "소설/novels, 역사/history, 과학/science, 요리/cooking, 여행/travel, 만화/comics", "권/loans", (40, 2400, 10), "도서관/Library"),
    _t("power", "건물별 전기 사용량", "electricity by building",
       "본관/main hall, 별관/annex, 체육관/gymnasium, 식당/canteen, 기숙사/dormitory, 강당/auditorium", "kWh/kWh", (300, 9000, 50), "학교/School"),
    _t("survey", "좋아하는 과일 설문", "survey of favourite fruit",
       "사과/apples, 배/pears, 포도/grapes, 복숭아/peaches, 수박/watermelons, 딸기/strawberries", "표/votes", (8, 240, 1), "농장/Farm"),
    _t("steps", "요일별 걸음 수", "steps by day", "월요일/Monday, 화요일/Tuesday, 수요일/Wednesday, 금요일/Friday, 토요일/Saturday, 일요일/Sunday",
       "보/steps", (2100, 18000, 100), "건강센터/Health Centre"),
    _t("delays", "노선별 지연 시간", "delays by line", "1호선/Line 1, 2호선/Line 2, 5호선/Line 5, 7호선/Line 7, 공항선/Airport Line, 순환선/Loop Line",
       "분/minutes", (2, 58, 1), "교통공사/Transit"),
)  # fmt: skip
PRICES = (
    _t("cafe", "카페 메뉴", "coffee menu",
       "아메리카노/americano, 카페라테/caffè latte, 유자차/yuja tea, 녹차빙수/green tea bingsu, 소금빵/salt bread, 치즈케이크/cheesecake",
       "원/won", (2500, 9800, 100), "카페/Cafe"),
    _t("stationery", "문구류 가격", "stationery prices",
       "연필/pencils, 공책/notebooks, 색종이/coloured paper, 가위/scissors, 물감/paints, 지우개/erasers", "원/won", (500, 12500, 100), "문구/Stationers"),
    _t("market", "장보기 물가", "grocery prices", "달걀/eggs, 두부/tofu, 대파/spring onions, 고등어/mackerel, 쌀 5kg/rice 5 kg, 우유/milk",
       "원/won", (1200, 26000, 100), "마트/Market"),
    _t("camping", "캠핑용품 가격", "camping gear prices", "천막/tent, 침낭/sleeping bag, 버너/stove, 손전등/torch, 접이식 의자/folding chair, 아이스박스/cooler",
       "원/won", (8000, 189000, 1000), "아웃도어/Outdoors"),
)  # fmt: skip
COURSES = (
    _t("lesson", "강좌 신청서", "course application",
       "도예/pottery, 수영/swimming, 서예/calligraphy, 기타/guitar, 제빵/baking, 사진/photography", "원/won", (30000, 220000, 5000), "문화센터/Arts Centre"),
    _t("clinic", "진료 예약서", "appointment form", "치과/dentist, 안과/eye clinic, 내과/internal medicine, 피부과/dermatology, 정형외과/orthopaedics, 한의원/Korean medicine",
       "원/won", (5000, 90000, 500), "의원/Clinic"),
    _t("moving", "이사 신청서", "moving request", "원룸/studio, 투룸/two rooms, 사무실/office, 아파트/apartment, 주택/house, 창고/warehouse",
       "원/won", (150000, 1900000, 10000), "이사/Movers"),
)  # fmt: skip
PLACES = (
    _t("walk", "걸어서 가는 길", "walking map", "지하철역/subway station, 우체국/post office, 약국/pharmacy, 놀이터/playground, 시장/market, 주차장/car park",
       "m/m", (60, 1900, 10), "마을/Village"),
    _t("hike", "등산 안내도", "hiking map", "샘터/spring, 정자/pavilion, 대피소/shelter, 전망대/lookout, 약수터/well, 정상/summit", "m/m", (120, 4800, 20), "산/Mountain"),
    _t("festival", "축제 안내 지도", "festival map", "매표소/ticket office, 무대/stage, 화장실/toilets, 먹거리 장터/food court, 응급실/first aid, 분실물 보관소/lost property",
       "m/m", (20, 700, 5), "축제/Festival"),
)  # fmt: skip
_SUBJECTS = {
    "table": FIGURES, "chart": FIGURES, "slide": FIGURES, "markdown": (*FIGURES, *PRICES), "web": PRICES, "receipt": PRICES, "form": COURSES, "map": PLACES,
}  # fmt: skip
_OWNERS = {
    "ko": ("한빛", "새솔", "두레", "누리", "가온", "미르", "으뜸", "라온", "늘봄", "다온", "해오름", "달빛", "푸른솔", "은하", "바람골", "꽃길"),
    "en": ("Hillside", "Northgate", "Riverbend", "Oakwood", "Larkspur", "Maple", "Granite", "Harbor", "Sunfield", "Willow", "Beacon", "Cedar",
           "Foxglove", "Juniper", "Lantern", "Meadow"),
}  # fmt: skip
_PLACES = {
    "ko": ("서울 마포구", "부산 해운대구", "대전 유성구", "광주 북구", "제주 서귀포시", "강원 강릉시", "전북 전주시", "경북 안동시"),
    "en": ("Mapo, Seoul", "Haeundae, Busan", "Yuseong, Daejeon", "Bukgu, Gwangju", "Seogwipo, Jeju", "Gangneung", "Jeonju", "Andong"),
}  # fmt: skip
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
_NAMES = {
    "ko": ("김서연", "이도윤", "박지호", "최하은", "정민준", "강예린", "조시우", "윤채원", "임건우", "한소율"),
    "en": ("Mina Park", "Joon Lee", "Sora Kim", "Daniel Cho", "Grace Han", "Hana Yoon", "Leo Kang", "Ivy Lim", "Noah Jung", "Ella Choi"),
}  # fmt: skip


def records(per_kind: int, seed: int = 0) -> list[DocumentRecord]:
    """`per_kind` records of every kind in each language, in pairs of twins."""
    return [r for lang in LANGUAGES for kind in KINDS for r in _of_kind(lang, kind, per_kind, seed)]


def _of_kind(lang: str, kind: str, count: int, seed: int) -> Iterator[DocumentRecord]:
    rng = random.Random(f"visual_docs/{seed}/{lang}/{kind}")
    owners = rng.sample(_OWNERS[lang], len(_OWNERS[lang]))
    for n in range(count):
        topic = _SUBJECTS[kind][n // 2 % len(_SUBJECTS[kind])]
        yield _record(f"{lang}-{kind}-{n:02}", lang, kind, topic, owners[n % len(owners)], rng)


def _record(id: str, lang: str, kind: str, topic: Topic, owner: str, rng: random.Random) -> DocumentRecord:
    korean = lang == "ko"
    year, month, day = rng.randint(2017, 2025), rng.randint(1, 12), rng.randint(1, 28)
    when = f"{year}년 {month}월 {day}일" if korean else f"{day} {_MONTHS[month - 1]} {year}"
    unit = topic.unit_ko if korean else topic.unit_en
    labels = rng.sample(topic.labels_ko if korean else topic.labels_en, rng.randint(4, 6))
    values = rng.sample(range(topic.low, topic.high, topic.step), len(labels))
    entries = [(a, _amount(v, unit)) for a, v in zip(labels, values, strict=True)]
    asked = rng.randrange(len(entries))
    if kind == "form":
        phone = f"010-{rng.randint(2000, 9999)}-{rng.randint(1000, 9999)}"
        words = ("신청인", "연락처", "종류", "시간", "금액") if korean else ("Applicant", "Phone", "Kind", "Time", "Amount")
        hour = f"{rng.randint(9, 20)}:{rng.choice(('00', '30'))}"
        entries = list(zip(words, (rng.choice(_NAMES[lang]), phone, labels[0], hour, _amount(values[0], unit)), strict=True))
        asked = rng.choice((0, 2, 4))
    name = f"{owner} {topic.owner_ko if korean else topic.owner_en}"
    title = f"{name} {topic.ko}" if korean else f"{name}: {topic.en}"
    return DocumentRecord(id, lang, kind, topic.name, title, name, rng.choice(_PLACES[lang]), when, unit, tuple(entries), asked)


def _amount(value: int, unit: str) -> str:
    return f"{value:,}{'' if unit in ('원', '명', '권', '표', '보', '분') else ' '}{unit}"


def again(record: DocumentRecord, variant: int, kind: str | None = None) -> DocumentRecord:
    """The same facts in another look, or as another kind of page."""
    return replace(record, id=f"{record.id}~{variant}{kind or ''}", variant=variant, kind=kind or record.kind)


def queries(record: DocumentRecord) -> dict[str, str]:
    """One query of every kind."""
    label, amount = record.entries[record.asked]
    first, last = record.entries[0], record.entries[-1]
    if record.lang == "ko":
        kind = dict(zip(KINDS, ("표", "그래프", "서식", "영수증", "발표 자료", "지도", "웹 페이지", "문서"), strict=True))[record.kind]
        topic = record.title.removeprefix(record.owner).strip()
        return {
            "keywords": f"{record.owner} {label} {record.when.split()[0]}",
            "phrase": f"{record.when.split()[0]} {record.place} {record.title} {kind}",
            "description": f"{record.place}에 있는 {josa(record.owner, '이', '가')} {record.when}에 낸 {topic} {josa(kind, '으로', '로')}, {first[0]} {first[1]}부터 "
            f"{last[0]} {last[1]}까지 {len(record.entries)}가지 항목이 적혀 있다",
            "fact": f"{record.owner} 자료에 따르면 {josa(label, '은', '는')} {amount}이다",
            "question": f"{record.when.split()[0]} {record.owner} 자료에서 {josa(label, '은', '는')} 얼마 또는 무엇인가?",
        }
    kind = {"web": "web page", "markdown": "document"}.get(record.kind, record.kind)
    topic = record.title.split(": ")[-1]
    year = record.when.split()[-1]
    return {
        "keywords": f"{record.owner} {label} {year}",
        "phrase": f"{year} {kind} of {record.owner} {topic} in {record.place}",
        "description": f"a {kind} that {record.owner} in {record.place} issued on {record.when} about {topic}, with {len(record.entries)} entries "
        f"from {first[0]} {first[1]} to {last[0]} {last[1]}",
        "fact": f"According to {record.owner}, the figure for {label} is {amount}.",
        "question": f"What does {record.owner} state for {label} in {year}?",
    }


def josa(word: str, closed: str, open_: str) -> str:
    """The word with the particle that its last syllable asks for."""
    code = ord(word[-1]) - 0xAC00
    return word + (closed if 0 <= code < 11172 and code % 28 else open_)


def graded(found: list[DocumentRecord]) -> list[tuple[DocumentRecord, DocumentRecord, int]]:
    """Pairs of pages with how alike they are: 5 the same page in another look, 4 the same facts as another kind of page, 3 twins (topic and
    kind, other facts), 2 the topic alone, 1 the kind and language alone, 0 nothing."""
    pairs: list[tuple[DocumentRecord, DocumentRecord, int]] = []
    for n, r in enumerate(found):
        if n % 2:
            continue
        others = [o for o in found if o.lang == r.lang and o.topic == r.topic and o.kind != r.kind]
        alike = [o for o in found if o.lang == r.lang and o.kind == r.kind and o.topic != r.topic]
        strangers = [o for o in found if o.lang != r.lang and o.topic != r.topic and o.kind != r.kind]
        pairs += [(r, again(r, 1), 5), (r, again(r, 2, "markdown" if r.kind != "markdown" else "table"), 4), (r, found[n + 1], 3)]
        rng = random.Random(f"graded/{r.id}")
        for pool, grade in ((others, 2), (alike, 1), (strangers, 0)):
            if pool:
                pairs.append((r, rng.choice(pool), grade))
    return pairs
