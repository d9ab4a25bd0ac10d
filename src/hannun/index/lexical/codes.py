"""A folded text goes in; the terms of its Latin words, numbers, measures and model numbers come out.

One code is written in many ways: RTX4090, RTX 4090 and RTX-4090; SM-S928N and SMS928N; Wi-Fi and wifi. Each gives the term of all
its letters and digits together, and those of its parts. A decimal is one number (2.5 is not 25), and a measure also gives its
amount in one unit of its kind, so that 0.5L, 500ml and 500 밀리리터 are one. Terms are letters and digits alone, as the
engines keep them: the point of a decimal is ꞏ (U+A78F), which is a letter by Unicode's count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

POINT = "\ua78f"
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_LATIN_OR_DIGIT = re.compile("[a-z0-9]")
_RUN = re.compile(r"[a-z0-9]+(?:(?<=\d)\.\d+[a-z0-9]*)*")
_DECIMAL = re.compile(r"\d+(?:\.\d+)?")
_LETTERS_AND_NUMBER = re.compile(r"([a-z]{2,})(\d{2,}(?:\.\d+)?)|([a-z]{3,})(\d)|(\d{2,}(?:\.\d+)?)([a-z]{2,})")
_NUMBER_INSIDE = re.compile(r"([a-z]{3,})(\d+)([a-z]{3,})")
_MOST = 3  # runs that one code may be written in: WH-1000 XM5, SM S928 N
# Words of English that begin or end no code: "and 3" is not and3.
_PLAIN = frozenset(
    str.split(
        "a an and are as at be but by do for from go has have he i if in is it me my no not of on or our so the to up us was we with you"
    )
)

# Each unit: what it is counted in, how many of those, and how it is written. What has other uses after a number (프로, k, x) is left out.
_UNITS = {
    "mg": ("g", "0.001", "mg 밀리그램 밀리그람"),
    "g": ("g", "1", "g gr 그램 그람"),
    "kg": ("g", "1000", "kg kgs 킬로그램 킬로그람 키로그램 킬로 키로"),
    "ml": ("ml", "1", "ml cc 밀리리터 밀리 미리리터 미리 씨씨 시시"),
    "cl": ("ml", "10", "cl"),
    "dl": ("ml", "100", "dl 데시리터"),
    "l": ("ml", "1000", "l lt ltr liter liters litre litres 리터"),
    "mm": ("mm", "1", "mm 밀리미터 미리미터"),
    "cm": ("mm", "10", "cm 센티미터 센치미터 센티 센치"),
    "m": ("mm", "1000", "m 미터"),
    "km": ("mm", "1000000", "km 킬로미터 키로미터"),
    "inch": ("inch", "1", "in inch inches 인치"),
    "oz": ("oz", "1", "oz 온스"),
    "lb": ("lb", "1", "lb lbs 파운드"),
    "mb": ("gb", "0.001", "mb 메가바이트"),
    "gb": ("gb", "1", "gb 기가바이트 기가"),
    "tb": ("gb", "1000", "tb 테라바이트 테라"),
    "mah": ("mah", "1", "mah 밀리암페어"),
    "w": ("w", "1", "w 와트"),
    "kw": ("w", "1000", "kw 킬로와트"),
    "v": ("v", "1", "v 볼트"),
    "hz": ("hz", "1", "hz 헤르츠"),
    "percent": ("percent", "1", "% 퍼센트"),
}
_NAMES = {name: (base, Decimal(times), sign) for sign, (base, times, names) in _UNITS.items() for name in names.split()}
_LATIN = "|".join(sorted((n for n in _NAMES if n.isascii() and n != "%"), key=len, reverse=True))
_KOREAN = "|".join(sorted((n for n in _NAMES if not n.isascii()), key=len, reverse=True))
_MEASURE = re.compile(rf"(?<![a-z0-9.])(\d+(?:\.\d+)?)(?: ?({_LATIN})(?![a-z0-9])| ?(%)| ?({_KOREAN}))")
MEASURED = re.compile(rf"(?<=\d)( ?)({_KOREAN})")  # a unit in Hangul after its number is no word of its own


def plain_numbers(text: str) -> str:
    """2,000 is 2000."""
    return _THOUSANDS.sub("", text)


def terms(text: str) -> Iterator[str]:
    """The terms of every run of Latin letters and digits, each as often as it stands; `text` folded, without thousands' commas."""
    if not _LATIN_OR_DIGIT.search(text):
        return
    sequence: list[tuple[str, bool]] = []  # runs that may be one code, and whether each is tied to the one before it by more than a space
    end = 0
    for match in _RUN.finditer(text):
        between = text[end : match.start()]
        tied = bool(sequence) and _ties(between, sequence[-1][0], match[0])
        if sequence and not tied and between != " ":
            yield from _code(tuple(sequence))
            sequence = []
        sequence.append((match[0], tied))
        end = match.end()
    if sequence:
        yield from _code(tuple(sequence))
    for match in _MEASURE.finditer(text):
        number, unit = match[1], match[2] or match[3] or match[4]
        as_written, exact = _measure(number, unit)
        if text[match.start() : match.end()].replace(".", POINT) != as_written:  # else it is a run of its own
            yield as_written
        if exact != as_written:
            yield exact


def amounts(text: str) -> tuple[list[str], str]:
    """The measures of a text (as for `terms`) in the one unit of their kinds, and the text without them."""
    found = [_measure(m[1], m[2] or m[3] or m[4])[1] for m in _MEASURE.finditer(text)]
    return found, _MEASURE.sub(" ", text)


def singular(word: str) -> str:
    """English without its plural (Harman 1991: ies → y, es → e, s)."""
    if len(word) > 3 and word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    if len(word) > 2 and word.endswith("s") and not word.endswith(("us", "ss")):
        return word[:-1]
    return word


def _ties(between: str, before: str, after: str) -> bool:
    """Whether two runs with these signs between them are one word: always by a hyphen, by others where both sides are short."""
    if between in ("-", "_"):
        return True
    if between == "'":
        return after == "s" or len(before) == 1  # levi's, l'oreal's l
    return between in ("&", " & ", ".") and len(before) <= 2 and len(after) <= 2 and before.isalpha() and after.isalpha()


@lru_cache(maxsize=20_000)
def _code(sequence: tuple[tuple[str, bool], ...]) -> tuple[str, ...]:
    """The runs of a sequence, what each is made of, and those that may be one code glued: RTX 4090 → rtx, 4090, rtx4090."""
    runs, tied = [r for r, _ in sequence], [t for _, t in sequence]
    found = [t for n, run in enumerate(runs) if not (n and run in _NAMES and runs[n - 1][-1].isdigit()) for t in _run(run)]
    for first in range(len(runs)):
        chain = first + 1  # where the runs end that hyphens tie to this one
        while chain < len(runs) and tied[chain]:
            chain += 1
        sizes = {n for n in range(2, _MOST + 1) if first + n <= len(runs)} | ({chain - first} if chain - first > _MOST else set())
        for size in sorted(sizes):
            some, end = runs[first : first + size], first + size
            whole = not tied[first] and end == chain
            if _glues(some, tied[first + 1 : end], whole):
                found.append(_term("".join(some)))
    return tuple(found)


def _glues(runs: Sequence[str], tied: Sequence[bool], whole: bool) -> bool:
    """Whether runs are one code; `tied` says it of each but the first, `whole` that hyphens tie them all and nothing more."""
    joined = "".join(runs)
    if any(a[-1].isdigit() and b[0].isdigit() for a, b in pairwise(runs)):
        return whole and ((joined.isdigit() and len(joined) > 8) or runs[0][0].isalpha())  # 010-1234-5678, i7-13700K, but 3-5 is not 35
    if all(tied):
        return whole or not joined.isalpha()
    if any(r in _PLAIN for r in runs) and all(r.isalpha() or r.isdigit() for r in runs):  # but A 7M4 is one
        return False
    if joined.isalpha():  # Wi Fi, T shirt; most English words that stand side by side are no code
        return len(runs) == 2 and (all(len(r) <= 2 for r in runs) or any(len(r) == 1 for r in runs))
    # Letters and a number, or pieces of a model number; a measure (500 ml) is no code.
    apart = (a.isalpha() and b.isalpha() and not t for (a, b), t in zip(pairwise(runs), tied, strict=True))  # Wi-Fi 6E is one
    return all(r not in _NAMES for r in runs[1:]) and not any(apart)


@lru_cache(maxsize=50_000)
def _run(run: str) -> tuple[str, ...]:
    """A run as it is written, and its parts: iphone15 → iphone, 15; iphone15promax → iphone15, iphone, 15, promax; 2.5kg → 2.5."""
    found = [_term(run)]
    if run.count(".") > 1:  # a date or a version
        return (*found, *run.split("."))
    parts = _LETTERS_AND_NUMBER.fullmatch(run)
    number = _DECIMAL.match(run)
    if parts:
        found += [_term(p) for p in parts.groups() if p]
    elif inside := _NUMBER_INSIDE.fullmatch(run):
        found += [inside[1] + inside[2], *map(_term, inside.groups())]
    elif number and run[number.end() :] in _NAMES:
        found.append(_term(number[0]))
    return tuple(t for t in found if t not in _NAMES or t == run)  # kg is in every weight


def _term(text: str) -> str:
    return singular(text) if text.isalpha() else text.replace(".", POINT)


@lru_cache(maxsize=20_000)
def _measure(number: str, unit: str) -> tuple[str, str]:
    """A measure as it is written and in the one unit of its kind: 0.5, 리터 → 0.5l, 500ml."""
    base, times, sign = _NAMES[unit]
    return number.replace(".", POINT) + sign, f"{(Decimal(number) * times).normalize():f}".replace(".", POINT) + base
