"""A text goes in; the terms that a word index keeps of it, or is asked by, come out.

Korean glues particles to nouns and endings to stems, so its words are the morphemes that Kiwi finds: nouns, the stems of
verbs and adjectives (as their dictionary form, 빨간 → 빨갛다), numbers, English. A compound stands whole and in its parts. What Kiwi
does not know (new names, mostly) stands whole and in pairs of letters. Terms are kept with the points and counted there, so
that no table of ours can disagree with them.

Kiwi takes two seconds and half a gigabyte, and is loaded by the first text that has Hangul in it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hannun import hangul
from hannun.errors import InputError

if TYPE_CHECKING:
    from kiwipiepy import Kiwi

_NOUNS = ("NNG", "NNP", "NR", "XR")
_STEMS = ("VV", "VA")
_FOREIGN = ("SL", "SN", "SH")
_JOINS = -11.0  # log probability of a part after the one before it: 청바지 −10.7 is a compound, 선글라스 −15.3 is not
_COMMON = 12.0  # what stands after a single syllable must be common by itself: 청|바지 10.5, 손|가방 10.1, but 원|피스 13.2
_UNKNOWN = 3  # Kiwi gives nouns that it does not know the ids of their tags, NNG 2 and NNP 3
_PIECE = 4000  # characters given to Kiwi at once
_RUN = re.compile(r"[^\W_]+")
_NUMBER_COMMA = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_JAMO_RUN = re.compile(r"([ㄱ-ㅎㅏ-ㅣ])\1+")
_loading = threading.Lock()


@dataclass(frozen=True)
class Terms:
    """`words` for BM25, each as often as it stands in the text; `initials` for what is typed by first consonants."""

    words: tuple[str, ...]
    initials: tuple[str, ...]


def entries(words: Iterable[str]) -> tuple[str, ...]:
    """A user dictionary as it is kept: in lower case, each word once. Raises InputError for what is not one word."""
    if isinstance(words, str):
        raise InputError(f"dictionary is the str {words!r}, expected a list of words")
    kept = {word: hangul.normalise(str(word)).lower().strip() for word in words}
    for word, tidy in kept.items():
        if not _RUN.fullmatch(tidy):
            raise InputError(f"the dictionary has {word!r}, expected words of letters and digits, without spaces or signs")
    return tuple(dict.fromkeys(kept.values()))


def document(text: str, dictionary: Sequence[str] = ()) -> Terms:
    """The terms to keep of a text. `dictionary`: `entries` that Kiwi is to take whole; the same for documents and queries."""
    tidy = _tidy(text)
    return Terms(tuple(_words(tidy, tuple(dictionary))), tuple(_initials(tidy)))


def query(text: str, dictionary: Sequence[str] = ()) -> Terms:
    """The terms to ask by, each once. First consonants alone (ㅃㄱ) are asked for as initials, and are no words."""
    tidy = _tidy(text)
    typed = [w for w in tidy.split() if len(w) > 1 and hangul.is_initials(w) and len(set(w)) > 1]
    rest = " ".join(w for w in tidy.split() if w not in typed)
    return Terms(tuple(dict.fromkeys(_words(rest, tuple(dictionary)))), tuple(dict.fromkeys(typed)))


def readings(text: str, dictionary: Sequence[str] = ()) -> tuple[str, ...]:
    """What a query may have meant if the keyboard was left on the other language, likeliest first; none for plain text.

    `qkfrks` gives 빨간 and 발간 (those readings whose every word Kiwi knows), `ㅇㄱㄷㄴㄴ` gives dress. It is for queries that find
    nothing as they stand: many English words are Korean syllables too.
    """
    tidy, own = hangul.normalise(text), tuple(dictionary)
    if any(hangul.is_hangul(c) for c in tidy):
        broken = any(hangul.is_hangul(c) and not hangul.is_syllable(c) for c in tidy) and not hangul.is_initials(tidy)
        strange = not broken and not all(_known(w, own) for w in tidy.split())
        typed_blind = hangul.is_initials(tidy) and re.search(r"[aeiou]", hangul.to_keys(tidy)) is not None
        return (hangul.to_keys(tidy),) if broken or strange or typed_blind else ()
    found = [hangul.from_keys(w) or (w,) for w in tidy.split()]
    if not any(len(f) > 1 or any(map(hangul.is_syllable, f[0])) for f in found):
        return ()
    kept = []
    for words in found:
        sure = [w for w in words if not any(map(hangul.is_syllable, w)) or _known(w, own)]
        if not sure:
            return ()
        kept.append(sorted(sure, key=lambda w: _rarity(w, own)))
    depth = max(map(len, kept))
    return tuple(dict.fromkeys(" ".join(words[min(n, len(words) - 1)] for words in kept) for n in range(depth)))


# ------------------------------------------------------------------------------------------------------------------- words


def _tidy(text: str) -> str:
    # ㅋㅋㅋㅋ and ㅋㅋ mean the same; 2,000 is 2000.
    return _NUMBER_COMMA.sub("", _JAMO_RUN.sub(r"\1\1", hangul.normalise(text).lower()))


def _words(text: str, dictionary: tuple[str, ...]) -> Iterator[str]:
    if not any(map(hangul.is_syllable, text)):
        for run in _RUN.findall(text):
            yield from _foreign(run)
        return
    for piece in _pieces(text):
        found = list(_korean(piece, dictionary))
        # A text of nothing but particles and endings (은/는) still has letters to be found by.
        yield from found or [t for run in _RUN.findall(piece) for t in _grams(run)]


def _korean(text: str, dictionary: tuple[str, ...]) -> Iterator[str]:
    compound: list[Any] = []
    for token in _kiwi(dictionary).tokenize(text):
        tag = token.tag.partition("-")[0]
        joins = tag in _NOUNS or tag in ("SL", "SN", "XPN") or (tag == "XSN" and token.form not in ("들", "님"))
        if compound and (not joins or token.start != compound[-1].start + compound[-1].len):
            yield from _whole(compound)
            compound = []
        if joins:
            compound.append(token)
        if tag in _NOUNS:
            yield from _noun(token.form, token.id, dictionary)
        elif tag in _STEMS:
            yield f"{token.form}다"
        elif tag in _FOREIGN or tag.startswith("W_"):
            for run in _RUN.findall(token.form):
                yield from _words(run, dictionary) if any(map(hangul.is_syllable, run)) and tag.startswith("W_") else _foreign(run)
        elif tag == "SW":
            yield from (run for run in _RUN.findall(token.form) if len(run) > 1)  # ㅋㅋ
    if compound:
        yield from _whole(compound)


def _whole(tokens: Sequence[Any]) -> Iterator[str]:
    """A word of several parts as it is written: 형태소분석기, 대학생, iphone15."""
    text = "".join(_RUN.findall("".join(t.form for t in tokens)))
    if len(tokens) > 1 and len(text) > 1 and any(t.tag in _NOUNS or t.tag == "SL" for t in tokens):
        yield text


def _noun(form: str, id: int, dictionary: tuple[str, ...]) -> Iterator[str]:
    word = "".join(_RUN.findall(form))
    if not word:
        return
    if id <= _UNKNOWN and word not in dictionary:
        yield word
        if len(word) > 2:
            yield from _grams(word)
        return
    yield word
    yield from form.split() if " " in form else _parts(word, dictionary)  # 테드 번디 is one name of two words


@lru_cache(maxsize=50_000)
def _parts(noun: str, dictionary: tuple[str, ...]) -> tuple[str, ...]:
    """What a noun in Kiwi's dictionary is made of: 김치찌개 → 김치, 찌개; 사용량 → 사용; 빨간색 → 빨갛다; none for a word of one piece."""
    if len(noun) < 2 or noun in dictionary or not all(map(hangul.is_syllable, noun)):
        return ()
    tokens = _kiwi(dictionary).tokenize(noun, blocklist=[noun])
    tags = [t.tag.partition("-")[0] for t in tokens]
    if tags == ["VA", "ETM", "NNG"] and tokens[2].form == "색":
        return (f"{tokens[0].form}다",)
    if "".join(t.form for t in tokens) != noun or not all(t.id > _UNKNOWN and t.score >= _JOINS for t in tokens[1:]):
        return ()
    if len(tokens) == 2 and len(tokens[1].form) == 1 and tags[0] in _NOUNS and tags[1] in ("NNG", "NNB", "XSN"):
        return (tokens[0].form,) if len(tokens[0].form) > 1 and tokens[0].id > _UNKNOWN else ()  # 사용량: 사용
    fits = (
        len(tokens) > 1
        and all(t in (*_NOUNS, "XPN") for t in tags)
        and tokens[0].id > _UNKNOWN
        and len(tokens[-1].form) > 1
        and (len(tokens[0].form) > 1 or _rarity(tokens[-1].form, dictionary) <= _COMMON)
    )
    return tuple(t.form for t in tokens if len(t.form) > 1) if fits else ()


def _foreign(run: str) -> Iterator[str]:
    """English without its plural (Harman 1991: ies → y, es → e, s); Chinese and Japanese in pairs of letters; else as it is."""
    if run.isascii():
        yield _singular(run)
    elif any("\u3040" <= c <= "\u30ff" or "\u4e00" <= c <= "\u9fff" for c in run):
        yield from _grams(run)
    else:
        yield run


def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    if len(word) > 2 and word.endswith("s") and not word.endswith(("us", "ss")):
        return word[:-1]
    return word


def _grams(run: str) -> list[str]:
    """Every two letters that stand side by side; a single letter as it is."""
    return [run[n : n + 2] for n in range(len(run) - 1)] or [run]


def _initials(text: str) -> Iterator[str]:
    """First consonants of each word as it is written, and of what is left of it without a last syllable (a particle, mostly)."""
    for run in _RUN.findall(text):
        if sum(map(hangul.is_syllable, run)) > 1:
            letters = hangul.initials(run)
            yield letters
            if len(letters) > 2:
                yield letters[:-1]


def _pieces(text: str) -> Iterator[str]:
    """Long texts in pieces that end at a space."""
    while len(text) > _PIECE:
        cut = text.rfind(" ", _PIECE // 2, _PIECE)
        cut = cut if cut > 0 else _PIECE
        yield text[:cut]
        text = text[cut:]
    yield text


# -------------------------------------------------------------------------------------------------------------------- kiwi


def _kiwi(dictionary: tuple[str, ...]) -> Kiwi:
    with _loading:  # two threads would each load half a gigabyte
        return _loaded(dictionary)


@lru_cache(maxsize=2)
def _loaded(dictionary: tuple[str, ...]) -> Kiwi:
    from kiwipiepy import Kiwi

    kiwi = Kiwi()
    for word in dictionary:
        kiwi.add_user_word(word, "NNP")
    return kiwi


def _known(word: str, dictionary: tuple[str, ...]) -> bool:
    return all(t.id > _UNKNOWN or t.form in dictionary for t in _kiwi(dictionary).tokenize(word))


def _rarity(word: str, dictionary: tuple[str, ...]) -> float:
    """How unlikely Kiwi finds a word: lower is likelier."""
    return -sum(t.score for t in _kiwi(dictionary).tokenize(word)) if any(map(hangul.is_syllable, word)) else 0.0
