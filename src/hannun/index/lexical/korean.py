"""A text with Hangul goes in; its Korean terms come out: nouns, and stems as their dictionary form.

A compound stands whole and in its parts. What Kiwi does not know (new names, mostly) stands whole, in pairs of letters and in the
nouns that it begins and ends with. Where Kiwi must choose between two readings of the same letters, a noun that the dictionary has
is kept beside the other (감 is a persimmon or 가다; 아버지가방 holds a bag or a room), in texts and in queries alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, groupby
from operator import attrgetter
from typing import Any

from hannun.index.lexical import codes, compounds, kiwi
from hannun.index.lexical.names import also

_STEMS = ("VV", "VA")
_TELLING = frozenset((*kiwi.NOUNS, *_STEMS, "SL", "SN", "XPN", "XSN", "NNB"))
_ENDINGS = ("EF", "EC", "ETN")
_COUNTED = ("SN", "NR", "MM", "ETM")  # after these a dependent noun is a unit or a bound word, else a name (LG그램)
_BOUND = frozenset("등중때것수데간전후듯만뿐채바줄리분번명시월일년원")  # dependent nouns of most sentences
_PIECE = 4000  # characters given to Kiwi at once
_RUN = re.compile(r"[^\W_]+")
_HANGUL = re.compile(r"[가-힣]+")
_LONGEST = 4  # syllables of a word of one noun that is read as a verb
_PREDICATE = frozenset(("EF", "EC", "EP"))  # a text with one of these says something; one without names something, as titles do
# Words of one syllable that stand before a noun or a verb far more often than they are nouns (이, a tooth; 새, a bird).
_LEADING = frozenset("이그저새헌옛첫각총한두세네전매몇나너난넌더덜잘안좀또곧참꼭막딱다왜즉및온")
_ADNOMINAL = (4, 8)  # the numbers of the final consonants ㄴ and ㄹ
_CONTRACTED = re.compile("[타케코킨킬]")  # 하다, 하게, 하고, 한, 할: as good as always the letters of a name (비타, 케일), which is kept
_NO_ENDS = frozenset(("을", "를", "는", "에서", "으로", "까지", "부터", "에게", "와"))  # particles that no noun of three syllables ends in
_EDGES = " .,!~?…·:;^*()[]\"'"


def pieces(text: str) -> Iterator[str]:
    """What of a folded text Kiwi is given at once: all of it, mostly; long texts in pieces that end at a space."""
    text = text.strip(_EDGES)
    while len(text) > _PIECE:
        cut = text.rfind(" ", _PIECE // 2, _PIECE)
        cut = cut if cut > 0 else _PIECE
        yield text[:cut]
        text = text[cut:]
    yield text


def words(text: str, tokens: Sequence[Any], dictionary: tuple[str, ...]) -> Iterator[str]:
    """The Korean terms of a piece of text, each as often as it stands, by Kiwi's `tokens` of it; `dictionary`: words kept whole."""
    tags = [_general(t.tag) for t in tokens]
    yield from _plain(text, tokens, tags, dictionary)
    for term in _other_readings(text, tokens, tags, dictionary):
        yield from _with_other(term)


def modifier(word: str, dictionary: tuple[str, ...]) -> str:
    """The stem of a word that may stand before a noun, as 말린 and 삶은 do, which alone may be a name or a noun; "" for others.

    One syllable (간, 단) is a noun: as a verb it would be half of all that stands before nouns.
    """
    if len(word) < 2 or not _HANGUL.fullmatch(word) or (ord(word[-1]) - 0xAC00) % 28 not in _ADNOMINAL:
        return ""
    tokens = kiwi.tokenize(f"{word} 것", dictionary)
    made = [_general(t.tag) for t in tokens] in (["VV", "ETM", "NNB"], ["VA", "ETM", "NNB"])
    return f"{tokens[0].form}다" if made else ""


def predicates(tokens: Sequence[Any]) -> bool:
    """Whether morphemes say something, by a verb that ends a clause; 먹는 샘물 and 사용하기 do not."""
    return not _PREDICATE.isdisjoint(_general(t.tag) for t in tokens)


def grams(run: str) -> list[str]:
    """Every two letters that stand side by side; a single letter as it is."""
    return [run[n : n + 2] for n in range(len(run) - 1)] or [run]


def _with_other(term: str) -> tuple[str, ...]:
    other = also(term)
    return (term, other) if other else (term,)


def _general(tag: str) -> str:
    """A tag without the kind of conjugation that Kiwi adds to it: VV of VV-I."""
    return tag.partition("-")[0] if "-" in tag else tag


def _plain(text: str, tokens: Sequence[Any], tags: Sequence[str], dictionary: tuple[str, ...]) -> Iterator[str]:
    compound: list[Any] = []
    before = None
    last = ""  # the tag of the token before
    for token, tag in zip(tokens, tags, strict=True):
        if tag not in _TELLING and tag[0] != "W":  # particles and endings, every other token
            if compound:
                yield from _whole(compound)
                compound = []
            if tag == "XSA" and before is not None and token.form == "하":  # 달콤|한 alone is 달콤한 빵's 달콤하다
                yield f"{before.form}하다"
            before, last = token, tag
            continue
        measured = (
            last == "SN"
            and before is not None
            and codes.MEASURED.match(text, token.start if token.start == before.end else token.start - 1)
        )
        noun = tag in kiwi.NOUNS
        joins = (noun and not measured) or tag in ("SL", "SN", "XPN") or (tag == "XSN" and token.form not in ("들", "님"))
        if compound and (not joins or token.start != compound[-1].start + compound[-1].len):
            yield from _whole(compound)
            compound = []
        if joins:
            compound.append(token)
        if noun and not measured:
            after = before is not None and last in ("SN", "NR") and before.end == token.start
            if not (after and tag == "NR" and token.form in "십백천만억조"):  # 만 of 5만 is in every price
                yield from _noun(token.form, token.id > kiwi.UNKNOWN, tag == "NNP", dictionary)
        elif tag in _STEMS:
            yield from _stem(token.form)
        elif tag == "NNB" and not measured and (before is None or (len(token.form) > 1 and last not in _COUNTED)):
            yield from _with_other(token.form)
        elif tag.startswith("W_"):
            for run in _HANGUL.findall(token.form):
                yield from words(run, kiwi.tokenize(run, dictionary), dictionary)
        before, last = token, tag
    if compound:
        yield from _whole(compound)


@lru_cache(maxsize=20_000)
def _stem(form: str) -> tuple[str, ...]:
    return _with_other(f"{form}다")


def _whole(tokens: Sequence[Any]) -> tuple[str, ...]:
    """A word of several parts as it is written: 형태소분석기, 대학생, 아이폰15. Latin letters and digits alone are left to `codes`."""
    if len(tokens) < 2:
        return ()
    written = "".join(t.form for t in tokens)
    if "." in written or written.isascii() or not any(t.tag in kiwi.NOUNS for t in tokens):
        return ()
    text = written if written.isalnum() else "".join(_RUN.findall(written))
    if len(text) < 2 or text.isascii():
        return ()
    # A single syllable belongs to what follows it: 저|지방|우유 has 저지방, 신|제품|출시 has 신제품.
    joined = tokens[0].form + tokens[1].form if len(tokens) > 2 and len(tokens[0].form) == 1 and len(tokens[1].form) > 1 else ""
    # A suffix belongs to what it follows: 고속|충전|기 has 충전기.
    ended = tokens[-2].form + tokens[-1].form if len(tokens) > 2 and tokens[-1].tag == "XSN" else ""
    return (*_with_other(text), *dict.fromkeys(part for part in (joined, ended) if _HANGUL.fullmatch(part)))


@lru_cache(maxsize=50_000)
def _noun(form: str, known: bool, name: bool, dictionary: tuple[str, ...]) -> tuple[str, ...]:
    """The terms of a noun: itself, what it is made of, or what can be told of one that Kiwi does not know, each with its other form."""
    word = form if form.isalnum() else "".join(_RUN.findall(form))
    if not word:
        return ()
    made: Sequence[str]
    if known or word in dictionary:
        made = form.split() if " " in form else compounds.parts(word, dictionary, name)  # 테드 번디 is one name of two words
    else:
        pairs = grams(word) if len(word) > 2 else []
        made = [*pairs, *(p for p in compounds.inside(word, dictionary) if p not in pairs)]
    return tuple(chain.from_iterable(map(_with_other, (word, *made))))


def _other_readings(text: str, tokens: Sequence[Any], every: Sequence[str], dictionary: tuple[str, ...]) -> Iterator[str]:
    """Nouns of the dictionary that stand in the text in letters which Kiwi read otherwise."""
    before = ""  # the tag that the word before this one ended in
    title = _PREDICATE.isdisjoint(every)
    groups = [list(g) for _, g in groupby(tokens, key=attrgetter("word_position"))]
    at = 0
    for n, group in enumerate(groups):
        tags = every[at : at + len(group)]
        at += len(group)
        one = len(group) == 1 or (len(group) == 2 and tags[1][0] == "J" and not (title and len(group[0].form) == 1))
        if one and tags[0] in kiwi.NOUNS:  # most words are read in one way
            if title and len(group) == 2 and (len(group[0].form) == 1 or group[1].form not in _NO_ENDS):
                yield from _as_title(text, group, tags, dictionary)
            before = tags[-1]
            continue
        if any(tag in ("XSA", "XSV") and _CONTRACTED.match(text, token.start) for token, tag in zip(group, tags, strict=True)):
            yield text[group[0].start : group[-1].end]
        stem = next((k for k, tag in enumerate(tags) if tag in _STEMS), None)
        if stem is not None and (stem == 0 or tags[stem - 1] in kiwi.NOUNS):
            yield from _as_noun(
                text, group[stem:], tags[stem:], group[stem - 1] if stem else None, before, groups[n + 1 : n + 2], dictionary
            )
        elif tags[0].startswith("XSA") or (stem == 1 and tags[0] == "MAG"):  # 다우니, read as 다 + 울다 or as the end of a word
            yield from _as_noun(text, group, tags, None, before, groups[n + 1 : n + 2], dictionary)
        elif tags[:2] == ["IC", "MAG"]:  # 암막커튼: what Kiwi does not know, taken for exclamations
            yield text[group[0].start : group[1].end]
        yield from _after_particle(text, group, tags, dictionary)
        yield from _as_goods(text, group, tags, groups[n + 1 :])
        if stem is None and _one_noun(group, tags, before):
            surface = text[group[0].start : group[-1].end]
            if kiwi.noun(surface, dictionary)[0]:
                yield surface
        elif title:
            yield from _as_title(text, group, tags, dictionary)
        before = tags[-1]


def _one_noun(group: Sequence[Any], tags: Sequence[str], before: str) -> bool:
    """Whether a word may be one noun that Kiwi read as an exclamation (자), a unit (배), a pronoun (게) or two of one syllable (하양)."""
    if len(group) == 1:
        return tags[0] == "IC" or (tags[0] == "NNB" and before not in ("", *_COUNTED) and group[0].form not in _BOUND)
    if tags == ["NNB", "JKS"]:  # 게 is a crab or 것이, which wants a word before it that tells of it
        return before not in _COUNTED
    return len(group) == 2 and all(t in (*kiwi.NOUNS, "NNB") for t in tags) and all(len(t.form) == 1 for t in group)


def _as_title(text: str, group: Sequence[Any], tags: Sequence[str], dictionary: tuple[str, ...]) -> Iterator[str]:
    """A word of a title that is a noun, and that Kiwi reads as what stands in no title by itself: 못 (not), 두|건, 지팡|이, 식|은|땀."""
    ended = next((k for k, tag in enumerate(tags) if tag[0] == "S"), len(tags))
    begins = group[0].start
    if not ended or text[begins - 1 : begins].isalnum():
        return
    surface = text[begins : group[ended - 1].end]
    if len(surface) <= 2 and any(tag[0] in "EZ" for tag in tags[:ended]):
        return
    if surface not in _LEADING and _HANGUL.fullmatch(surface) and kiwi.noun(surface, dictionary)[0]:
        yield surface


def _as_noun(
    text: str,
    group: Sequence[Any],
    tags: Sequence[str],
    before: Any,
    last: str,
    following: Sequence[Sequence[Any]],
    dictionary: tuple[str, ...],
) -> Iterator[str]:
    """A verb's form that is a noun too: 감, 가지; not where the sentence wants a verb (집에 감, 가지 않다)."""
    ended = next((k for k, tag in enumerate(tags) if tag.startswith("S")), len(tags))
    if not ended or tags[ended - 1] not in _ENDINGS or (before is None and last in ("JKB", "JKO", "JKS", "JKC")):
        return
    if following and following[0][0].tag.partition("-")[0] == "VX":
        return
    surface = text[group[0].start : group[ended - 1].end]
    if not _HANGUL.fullmatch(surface) or len(surface) > _LONGEST:
        return
    coined = group[ended - 1].form == "ᆷ" and "VCP" in tags[:ended]  # 꿀템, read as 꾸다 + 터 + 이다
    if coined or kiwi.noun(surface, dictionary)[0]:
        yield surface
        if before is not None:
            yield text[before.start : group[ended - 1].end]


def _as_goods(text: str, group: Sequence[Any], tags: Sequence[str], following: Sequence[Sequence[Any]]) -> Iterator[str]:
    """참깨라면 is sesame noodles as well as "if it is sesame", unless the sentence goes on: a condition has a predicate after it."""
    if len(group) < 3 or tags[-2:] != ["VCP", "EC"] or group[-1].form not in compounds.GOODS or tags[-3] not in ("NNG", "NNP"):
        return
    surface = text[group[-3].start : group[-1].end]
    written = group[-3].form + group[-1].form == surface  # without the 이 of 학생이라면
    if written and not any(t.tag[0] in "EV" for later in following for t in later):
        yield group[-1].form
        yield surface


def _after_particle(text: str, group: Sequence[Any], tags: Sequence[str], dictionary: tuple[str, ...]) -> Iterator[str]:
    """아버지|가|방 is also 아버지|가방: a noun after a particle without a space between is rare."""
    for k in range(1, len(group) - 1):
        if tags[k].startswith("J") and tags[k - 1] in kiwi.NOUNS and tags[k + 1] in kiwi.NOUNS and group[k].end == group[k + 1].start:
            surface = text[group[k].start : group[k + 1].end]
            if _HANGUL.fullmatch(surface) and kiwi.noun(surface, dictionary)[0]:
                yield surface
