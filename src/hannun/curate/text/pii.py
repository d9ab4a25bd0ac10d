"""A text goes in; where personal data stands in it, by kind, comes out, and the text with those places masked.

`ko-pii` finds what has a form of its own; added here is what it misses: resident numbers judged by checksum and birth date together,
waybill numbers, addresses of a flat, URLs without http, e-mail addresses and telephone numbers written in words. Texts without a digit,
an @ or a dotted name are passed over at once.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from hannun.curate.verdict import KEEP, Verdict, text_of
from hannun.errors import DependencyError
from hannun.item import Pair

Kind = Literal["resident", "driver", "passport", "phone", "waybill", "address", "email", "url", "card", "account"]
KINDS: tuple[Kind, ...] = ("resident", "driver", "passport", "phone", "waybill", "address", "email", "url", "card", "account")
#: What stands in the place of each kind.
MASKS: dict[Kind, str] = {
    "resident": "[주민등록번호]", "driver": "[운전면허번호]", "passport": "[여권번호]", "phone": "[전화번호]", "waybill": "[운송장번호]",
    "address": "[주소]", "email": "[이메일]", "url": "[URL]", "card": "[카드번호]", "account": "[계좌번호]",
}  # fmt: skip
RANDOM_SINCE = "2020-10"  # resident numbers issued since then end in random digits (행정안전부): their checksum says nothing

_GATE = re.compile(r"[0-9０-９@]|골뱅이|공일공|영일공|www|(?i:\.(?:com|net|org|kr|co|io|me|shop|store|be|ly|tv|app)\b)")
_WIDE = str.maketrans("０１２３４５６７８９－．＠", "0123456789-.@")
_DIGIT = re.compile(r"\d")
_TLD = r"(?:com|net|org|info|biz|kr|io|me|shop|store|site|online|app|tv|ly|be|gl|cc|page|link|xyz|ai)"
_URL = re.compile(
    rf"(?<![\w@.-])(?:www\.)?(?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,4}}{_TLD}(?![\w-])(?!\.[a-z0-9])(?:/[\w./?=&%~#:+-]*)?|(?<![\w@])www\.[\w.-]+\.\w{{2,}}",
    re.IGNORECASE,
)
_MAIL_WORDS = re.compile(
    rf"[a-z0-9][\w.+-]*\s?(?:골뱅이|\(at\)|\[at\]|＠|\s@\s)\s?[a-z0-9-]+\s?(?:\.|닷|점|\(dot\)|\[dot\])\s?(?:co\s?\.\s?)?{_TLD}",
    re.IGNORECASE,
)
_MAIL_GATE = re.compile(r"[@＠(\[]|골뱅이")
_FLAT = re.compile(r"(?<!\d)\d{1,4}\s?동\s?\d{1,4}\s?호(?![가-힣])")
_PARCEL = re.compile(
    r"운송장|송장|등기|택배|배송\s?조회|대한통운|한진|로젠|우체국|편의점택배|GS25|CU택배|롯데글로벌|경동|대신택배|EMS", re.IGNORECASE
)
_WAYBILL = re.compile(r"(?<![\d-])(?:\d{4}[- ]\d{4}[- ]\d{4}(?:[- ]\d{1,2})?|\d{5}-\d{4}-\d{4}|\d{10,14}|[A-Z]{2}\d{9}KR)(?![\d-])")
_NEAR = 24  # characters between a parcel word and its number
_SPOKEN_PHONE = re.compile(
    r"(?<![가-힣0-9-])(?=[-.\s0-9]*[공영일이삼사오육륙칠팔구])(?:[공영0]\s?[일1]\s?[공영0일1육6칠7팔8구9])(?:[-.\s]{0,3}[공영일이삼사오육륙칠팔구0-9]){7,8}(?![가-힣0-9]*[공영일이삼사오육륙칠팔구0-9])"
)
_SPOKEN_GATE = re.compile(r"[공영0]\s?[일1]")
_RESIDENT = re.compile(r"(?<!\d)(\d{2})(\d{2})(\d{2})\s?[-–]?\s?([1-8])(\d{6})(?!\d)")
_MASKED_RESIDENT = re.compile(r"(?<!\d)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-4][*xX●]{6}")
_RESIDENT_WORD = re.compile(r"주민(?:등록)?\s?번호|외국인등록번호|주민번")
_OLD_LICENCE = re.compile(r"(?:서울|부산|경기|강원|충북|충남|전북|전남|경북|경남|제주|대구|인천|광주|대전|울산)\s?\d{2}-\d{6}-\d{2}(?!\d)")
_LICENCE_WORD = re.compile(r"면허")
_LICENCE = re.compile(r"(?<![\d-])(?:1[1-9]|2[0-8])[- ]?\d{2}[- ]?\d{6}[- ]?\d{2}(?![\d-])")
_PASSPORT_WORD = re.compile(r"여권|passport", re.IGNORECASE)
_PASSPORT = re.compile(r"(?<![A-Za-z0-9-])[MSROGDmsrogd](?:\d{8}|\d{3}[A-Za-z]\d{4})(?![A-Za-z0-9-])")
_ADDRESS_GATE = re.compile(r"(?:[시도구군읍면동리로길가]|대로)\s?\d")
# What stands right before a number of goods: 018-669-5770 after 상품번호 is nobody's telephone.
_GOODS = re.compile(r"(?:(?:상품|주문|제품|모델|제조|일련|쿠폰|관리|품)\s?번호?|바코드|쿠폰|코드|ISBN|No\.?)\s*[:#]?\s*$", re.IGNORECASE)
_ACCOUNT_GATE = re.compile(r"계좌|은행|뱅크|입금|농협|신협|새마을|우체국|송금|국민|신한|우리|하나|기업|카카오|토스")


@dataclass(frozen=True)
class Span:
    """Personal data of a kind at text[start:end]."""

    kind: Kind
    start: int
    end: int


@cache
def _detectors() -> dict[str, Callable[[str], Any]]:
    try:
        from ko_pii.patterns import account, address, card, driver_license, email, phone, rrn, url
    except ImportError:
        raise DependencyError("finding personal data needs ko-pii; pip install -c constraints.txt '.[curate]' in Hannun's folder") from None
    return {
        "account": account.detect, "address": address.detect, "card": card.detect, "driver": driver_license.detect, "email": email.detect,
        "phone": phone.detect, "resident": rrn.detect, "url": url.detect,
    }  # fmt: skip


def find(text: str) -> list[Span]:
    """Personal data in the order of the text, none overlapping; where two kinds claim a place, the longer one has it."""
    if not _GATE.search(text):
        return []
    narrow = text.translate(_WIDE)
    spans = sorted(
        _candidates(narrow), key=lambda s: (KINDS.index(s.kind) if s.kind in ("resident", "email") else 9, s.start - s.end, s.start)
    )
    kept: list[Span] = []
    for span in spans:
        if all(span.end <= k.start or span.start >= k.end for k in kept):
            kept.append(span)
    return sorted(kept, key=lambda s: s.start)


def mask(text: str, spans: list[Span]) -> str:
    """The text with each span replaced by the name of its kind."""
    for span in reversed(spans):
        text = f"{text[: span.start]}{MASKS[span.kind]}{text[span.end :]}"
    return text


def personal(pair: Pair) -> Verdict:
    """Drops texts with personal data, with the kind in the reason: the strict choice; masking is the other (`Rules.personal`)."""
    spans = find(text_of(pair))
    return Verdict(f"text_personal_{spans[0].kind}") if spans else KEEP


def _candidates(text: str) -> Iterator[Span]:
    """Everything that may be personal data; the spans may overlap."""
    use = _detectors()
    digits = len(_DIGIT.findall(text))
    if "@" in text:
        yield from (Span("email", r.start, r.end) for r in use["email"](text))
    if _MAIL_GATE.search(text):
        yield from (Span("email", m.start(), m.end()) for m in _MAIL_WORDS.finditer(text))
    if _SPOKEN_GATE.search(text):
        yield from (Span("phone", m.start(), m.end()) for m in _SPOKEN_PHONE.finditer(text))
    if "." in text:
        if "://" in text:
            yield from (Span("url", r.start, r.end) for r in use["url"](text))
        yield from (Span("url", m.start(), m.end()) for m in _URL.finditer(text))
    if digits and _ADDRESS_GATE.search(text):
        yield from (Span("address", r.start, r.end) for r in use["address"](text))
    if digits >= 2:
        yield from (Span("address", m.start(), m.end()) for m in _FLAT.finditer(text))
    if digits >= 7:
        yield from _numbers(text, digits)


def _numbers(text: str, digits: int) -> Iterator[Span]:
    """What takes seven digits at least; `digits` is how many the text has."""
    use = _detectors()
    yield from _residents(text)
    yield from (Span("phone", r.start, r.end) for r in use["phone"](text) if not _GOODS.search(text, max(0, r.start - 12), r.start))
    if _PASSPORT_WORD.search(text):  # without the word, a letter and eight digits is a product's number
        yield from (Span("passport", m.start(), m.end()) for m in _PASSPORT.finditer(text))
    if digits < 10:
        return
    yield from (Span("driver", r.start, r.end) for r in use["driver"](text))
    yield from (Span("driver", m.start(), m.end()) for m in _OLD_LICENCE.finditer(text))
    if _LICENCE_WORD.search(text):
        yield from (Span("driver", m.start(), m.end()) for m in _LICENCE.finditer(text))
    if words := [m.end() for m in _PARCEL.finditer(text)]:
        near = (m for m in _WAYBILL.finditer(text) if any(0 <= m.start() - w <= _NEAR for w in words))
        yield from (Span("waybill", m.start(), m.end()) for m in near)
    if _ACCOUNT_GATE.search(text):
        yield from (Span("account", r.start, r.end) for r in use["account"](text))
    if digits >= 13:
        yield from (Span("card", r.start, r.end) for r in use["card"](text))


def _residents(text: str) -> Iterator[Span]:
    for m in _MASKED_RESIDENT.finditer(text):
        yield Span("resident", m.start(), m.end())
    for m in _RESIDENT.finditer(text):
        named = bool(_RESIDENT_WORD.search(text, max(0, m.start() - 16), m.start()))
        if not _GOODS.search(text, max(0, m.start() - 12), m.start()) and is_resident_number("".join(m.groups()), named, "-" in m[0]):
            yield Span("resident", m.start(), m.end())


def is_resident_number(digits: str, named: bool = False, parted: bool = True) -> bool:
    """Whether 13 digits are a resident (or foreigner's) number: a birth date that has been, and a fitting checksum.

    The checksum is not asked where the text names it as one, nor of numbers that are `parted` by a hyphen and have a birth date
    from RANDOM_SINCE on; thirteen digits in one run are mostly a barcode.
    """
    year = {"1": 1900, "2": 1900, "3": 2000, "4": 2000, "5": 1900, "6": 1900, "7": 2000, "8": 2000}.get(digits[6])
    if year is None or len(digits) != 13:
        return False
    year, month, day = year + int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    if not (1 <= month <= 12 and 1 <= day <= _days(year, month)):
        return False
    if datetime.date(year, month, day) > datetime.date.today():
        return False
    return named or (parted and f"{year:04}-{month:02}" >= RANDOM_SINCE) or checksum(digits[:12], digits[6] in "5678") == int(digits[12])


def checksum(twelve: str, foreigner: bool = False) -> int:
    """The thirteenth digit that twelve call for: (11 − Σ digit × weight mod 11) mod 10, weights 2…9, 2…5; 13 for 11 for foreigners."""
    total = sum(int(d) * w for d, w in zip(twelve, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), strict=True))
    return ((13 if foreigner else 11) - total % 11) % 10


def _days(year: int, month: int) -> int:
    return 30 if month in (4, 6, 9, 11) else 31 if month != 2 else 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28
