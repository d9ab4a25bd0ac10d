"""A text goes in; the abuse (욕설), vulgarity (비속어) or adult word (성인) in it comes out, also where it is written to get past a list.

Variants are met by form and not by listing them: signs or digits between syllables (시1발, 씨*발), single syllables with spaces (씨 발),
stretched vowels (시이이발), tense or plain or jamo-split first consonants (씌발, ㅅㅣ발), one syllable by its first consonant (ㅂ신, 병ㅅ),
repeated signs. The word list is our own
(`profanity.tsv`); each word says where it counts and which longer words it is innocent in.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal, cast

from hannun.curate.verdict import KEEP, Verdict, text_of
from hannun.item import Pair

Kind = Literal["abuse", "vulgar", "adult"]
Mode = Literal["any", "start", "word", "spaced"]

_PARTICLES = (
    "(?:은|는|이|가|을|를|의|에|도|만|야|아|들|이다|다|임|네|요|냐|같은|같다|같이|처럼"
    "|이라|라고|이나|하고|까지|부터|마다|에서|에게|한테|으로|로)?"
)
_APART = re.compile(r"[^a-z0-9ㄱ-ㅣ가-힣+]+|(?<=[가-힣ㄱ-ㅣ])[0-9]+(?=[가-힣ㄱ-ㅣ])")
_JUNK = "[^a-zㄱ-ㅣ가-힣+]*"
_BETWEEN = r"[^\w\s]{0,3}[0-9_]?[^\w\s]{0,3}"  # what may stand between two syllables of one word
# Compatibility jamo that spell a syllable out (ㅅㅣ발): a consonant and a vowel, and a final consonant where none but it can follow.
_SPELLED = re.compile(r"([ㄱ-ㅎ])([ㅏ-ㅣ])([ㄱ-ㅎ](?![ㅏ-ㅣ]))?")
_STRETCHED = re.compile(r"([가-힣])[이으아어우오에]{2,}(?=[가-힣])")
_FIRST = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_LAST = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_VOWEL = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
# Syllables that are written for another to get past a list.
_DISGUISED = re.compile(r"(씌|쒸|쓔|슈|싀|씨|시)(벌|뱔|빨|펄)")
_ALONE = re.compile("[좆썅ㅄ]")  # the words of one sign
_WIDE = re.compile("[\u1100-\u11ff\u2460-\u24ff\uff00-\uffef\U0001d400-\U0001d7ff]")
_ODD = re.compile("[\u1100-\u11ff\u2460-\u24ff\u3131-\u318e\uff00-\uffef\U0001d400-\U0001d7ff]|[이으아어우오에]{2}")


_JOT = r"ㅈ(?=같|까|되|됐|된|됨|밥|망|만한|만아)"  # 좆 is one syllable, so what follows must tell

_COMMON = ("시발", "미친놈", "미친년", "새끼야", "존나")  # that are written so too, beside those that are written with spaces


@dataclass(frozen=True)
class FoundWord:
    """A word of the list, its kind, and where it stands in the text as `plain` gives it."""

    kind: Kind
    word: str
    start: int


@dataclass(frozen=True)
class _Entry:
    kind: Kind
    mode: Mode
    word: str
    innocent: tuple[str, ...]


@cache
def entries() -> tuple[_Entry, ...]:
    """The list, in its own order."""
    lines = Path(__file__).with_name("profanity.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return tuple(_Entry(cast(Kind, r[0]), cast(Mode, r[1]), r[2], tuple((r[3] if len(r) > 3 else "").split())) for r in rows)


def _pattern(entry: _Entry) -> re.Pattern[str]:
    letters = [re.escape(c) for c in entry.word]
    inside = _BETWEEN.join(letters) if len(letters) > 1 and not entry.word.isascii() else re.escape(entry.word)
    edge = r"(?<![^\W_])"
    match entry.mode:
        case "any":
            body = inside if not entry.word.isascii() else rf"(?<![A-Za-z0-9]){inside}"
        case "start":
            body = edge + inside
        case "word":
            tail = _PARTICLES if not entry.word.isascii() else "s?"
            body = rf"{edge}{inside}{tail}(?![^\W_])(?! ?(?:못|않|안|마라|마세|말))"
        case "spaced":
            # Also single syllables with spaces: the first must begin a word, and the last, a particle aside, must end one.
            apart = r"\s+".join(letters)
            body = rf"(?:{inside}|{edge}{apart}{_PARTICLES}(?![^\W_]))"
    return re.compile(body, re.IGNORECASE)


_Begin = tuple[str, ...]  # the first two signs of a word, or its only one


@cache
def _index() -> tuple[re.Pattern[str], dict[_Begin, tuple[int, ...]], frozenset[_Begin], tuple[re.Pattern[str], ...]]:
    """Which words begin with which signs, in their disguises too, and the pattern of each word: few words are looked for in any text.

    The first pattern finds any of these beginnings in a lower-case text, whatever that is no letter stands between the two signs.
    """
    begins: dict[_Begin, list[int]] = {}
    for number, entry in enumerate(entries()):
        begins.setdefault(tuple(entry.word[:2].lower()), []).append(number)
    disguised = [n for n, e in enumerate(entries()) if e.word in ("씨발", "시발", "씨팔", "시팔")]
    for first in "씌쒸쓔슈싀씨시":
        for second in "벌뱔빨펄":
            begins.setdefault((first, second), []).extend(disguised)
    seconds: dict[str, str] = {}
    for first, *others in begins:
        seconds[first] = seconds.get(first, "") + "".join(others)
    after = "|".join(f"(?<={re.escape(f)}){_JUNK}[{re.escape(s)}]" for f, s in seconds.items() if s)
    wide = f"[{re.escape(''.join(seconds))}](?={_JUNK}[{re.escape(''.join(seconds.values()))}])"  # rules most texts out at once
    gate = re.compile(f"{wide}(?:{after})|{_ALONE.pattern}")
    return gate, {k: tuple(v) for k, v in begins.items()}, frozenset(begins), tuple(map(_pattern, entries()))


@cache
def _jamo_forms() -> tuple[re.Pattern[str], dict[str, str]]:
    """The usual words of abuse with one syllable by its first consonant, and the whole words: ㅂ신 and 병ㅅ are 병신.

    The consonant stands alone (ㅋㅋ and ㅅㅅ are something else), and where it comes last the word begins there: 하지ㄹ is a slip.
    """
    whole: dict[str, str] = {}
    for entry in entries():
        if (entry.mode == "spaced" or entry.word in _COMMON) and all("가" <= c <= "힣" for c in entry.word):
            for n, c in enumerate(entry.word):
                short = entry.word[:n] + _FIRST[(ord(c) - 0xAC00) // 588] + entry.word[n + 1 :]
                whole.setdefault(short, entry.word)
    last = "|".join(re.escape(w) for w in whole if w[0] not in _FIRST)
    first = "|".join(re.escape(w) for w in whole if w[0] in _FIRST)
    return re.compile(rf"(?<![ㄱ-ㅣ])(?:{first}|{_JOT})(?![ㄱ-ㅣ])|(?<![가-힣ㄱ-ㅣ])(?:{last})(?![ㄱ-ㅣ])"), whole


def plain(text: str) -> str:
    """The text as words are looked for in it: NFKC, lower case, jamo joined to syllables and halved words to whole ones, stretched vowels
    shortened, disguised pairs undone."""
    if not text.isascii():
        if _ODD.search(text):
            text = unicodedata.normalize("NFKC", text) if _WIDE.search(text) else text
            halved, whole = _jamo_forms()
            text = halved.sub(lambda m: whole.get(m[0], "좆"), _SPELLED.sub(_join, text))
            text = _STRETCHED.sub(r"\1", text)
        text = _DISGUISED.sub(lambda m: ("씨" if m[1] in "씌쒸쓔씨" else "시") + ("팔" if m[2] == "펄" else "발"), text)
    return text.lower()


def find(text: str) -> FoundWord | None:
    """The first word of the list that counts in the text."""
    if _ODD.search(text):
        text = plain(text)
    gate, begins, names, patterns = _index()
    lower = text.lower()
    if not gate.search(lower):
        return None
    dense = "".join(lower.split())
    if not dense.isalpha():
        dense = _APART.sub("", lower)
    hit: frozenset[_Begin] = names.intersection(pairwise(dense))
    if _ALONE.search(dense):
        hit |= names.intersection((c,) for c in dense)
    if not hit:
        return None
    normal = plain(text)
    found = [f for n in sorted({n for h in hit for n in begins[h]}) if (f := _first(entries()[n], patterns[n], normal)) is not None]
    return min(found, key=lambda f: f.start, default=None)


def _first(entry: _Entry, pattern: re.Pattern[str], text: str) -> FoundWord | None:
    for match in pattern.finditer(text):
        if not any(_covers(text, match, word) for word in entry.innocent):
            return FoundWord(entry.kind, entry.word, match.start())
    return None


def profane(pair: Pair) -> Verdict:
    """Drops texts with abuse, vulgarity or adult words, each kind with its own reason."""
    found = find(text_of(pair))
    return KEEP if found is None else Verdict(f"text_{found.kind}")


def _covers(text: str, match: re.Match[str], word: str) -> bool:
    """Whether the innocent word stands around the match."""
    near = text[max(0, match.start() - len(word)) : match.end() + len(word)]
    offset = match.start() - max(0, match.start() - len(word))
    at = near.find(word)
    while at >= 0:
        if at <= offset < at + len(word):
            return True
        at = near.find(word, at + 1)
    return False


def _join(match: re.Match[str]) -> str:
    first, vowel, last = match[1], match[2], match[3] or " "
    if first not in _FIRST or vowel not in _VOWEL or last not in _LAST:
        return match[0]
    return chr(0xAC00 + (_FIRST.index(first) * 21 + _VOWEL.index(vowel)) * 28 + _LAST.index(last))
