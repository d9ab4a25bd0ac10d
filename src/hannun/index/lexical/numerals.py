"""A text goes in; the numbers that it writes with Korean numerals come out in digits: 5만원권 → 50000, 3만5천 → 35000, 만원 → 10000.

Numerals without a digit are also other words (만원, crowded; 이천, a town), so they count as numbers before 원 alone, and beside
what the words say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

from hannun.index.lexical.codes import POINT

_DIGITS = {c: n for n, c in enumerate("영일이삼사오육칠팔구")} | {"륙": 6, "공": 0}
_SMALL = {"십": 10, "백": 100, "천": 1000}
_LARGE = {"만": 10**4, "억": 10**8, "조": 10**12}
_MIXED = re.compile(r"(?<![\d.a-z])(?:\d+(?:\.\d+)?[십백천만억]+ ?)+(?:\d+(?![\d.]*[a-z가-힣])|\d+(?= ?원))?")
_SPELLED = re.compile(
    r"(?<![가-힣\d])([일이삼사오육륙칠팔구십백천만억]+) ?원"
    r"(?:(?![가-힣])|(?=권|짜리|대|에|의|을|이|은|도|까|씩|어|샵|숍|마|부|으|상|정|할|쿠|행))"
)
_PART = re.compile(r"\d+(?:\.\d+)?|[가-힣]")
_NUMERAL = re.compile(r"[\d일이삼사오육륙칠팔구십백천만억]+")
_MOST = 30  # letters of a number


def amounts(text: str) -> Iterator[str]:
    """The numbers of a folded text that are written with numerals, in digits."""
    for pattern in (_MIXED, _SPELLED):
        for match in pattern.finditer(text):
            yield from _amount(match[0] if pattern is _MIXED else match[1])


def without(text: str) -> str:
    """The text without the numbers that digits and numerals write together: the 5 of 5만원 is no number of its own."""
    return _MIXED.sub(" ", text)


def spelled(term: str) -> bool:
    """Whether a term is a number written with numerals (2만, 이만), which `amounts` tells in digits."""
    return _NUMERAL.fullmatch(term) is not None and not term.isdigit()


@lru_cache(maxsize=20_000)
def _amount(written: str) -> tuple[str, ...]:
    if len(written) > _MOST or not any(c in _SMALL or c in _LARGE for c in written):
        return ()
    total = section = number = Decimal(0)
    seen = False
    for part in _PART.findall(written):
        if part in _LARGE:
            total, section, number, seen = total + (section + number or 1) * _LARGE[part], Decimal(0), Decimal(0), False
        elif part in _SMALL:
            section, number, seen = section + (number if seen else 1) * _SMALL[part], Decimal(0), False
        else:
            number, seen = Decimal(_DIGITS.get(part, 0)) if part in _DIGITS else Decimal(part), True
    value = f"{(total + section + number).normalize():f}"
    return (value.replace(".", POINT),)
