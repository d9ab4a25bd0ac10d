"""A text goes in; the terms that a word index keeps of it, or is asked by, come out.

Korean glues particles to nouns and endings to stems, so its words are the morphemes that Kiwi finds (`korean`); Latin words, numbers
and model numbers are told by their own form (`codes`); Hanja are read (`hanja`). Both sides see one normal form of the text
(`hangul.folded`). Terms are kept with the points and counted there, so that no table of ours can disagree with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from hannun import hangul
from hannun.errors import InputError
from hannun.index.lexical import codes, hanja, kiwi, korean, numerals

ANALYSIS = 3  # raised whenever the terms of a text change, so that a collection can say that a reindex would better it

_ASKED = 2000  # characters of a query; Kiwi takes seconds for more of them without a space, and any client may send them
_RUN = re.compile(r"[^\W_]+")
_JAMO_RUN = re.compile(r"([ㄱ-ㅎㅏ-ㅣ])\1+")
_TYPED = re.compile(r"[ㄱ-ㆎ]{2,}")  # ㅋㅋ
_OTHER = re.compile(r"[^\W_a-z0-9ㄱ-ㆎ가-힣]+")  # letters that are neither Latin nor Hangul
_PAIRED = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")  # Chinese and Japanese have no spaces
_SYLLABLE = re.compile("[가-힣]")
_SIGNS = r"[\s\-_./&'+]*"


@dataclass(frozen=True)
class Terms:
    """`words` for BM25, each as often as it stands in the text; `initials` for what is typed by first consonants."""

    words: tuple[str, ...]
    initials: tuple[str, ...]


def entries(words: Iterable[str]) -> tuple[str, ...]:
    """A user dictionary as it is kept: folded, each once. An entry is a word, a code (SM-S928N) or a phrase with blanks.

    Raises InputError for one without a letter or digit.
    """
    if isinstance(words, str):
        raise InputError(f"dictionary is the str {words!r}, expected a list of words")
    kept = {word: hangul.folded(str(word)) for word in words}
    for word, tidy in kept.items():
        if not _RUN.search(tidy):
            raise InputError(f"the dictionary has {word!r}, expected words of letters and digits, codes, or phrases of them")
    return tuple(dict.fromkeys(kept.values()))


def document(text: str, dictionary: Sequence[str] = ()) -> Terms:
    """The terms to keep of a text. `dictionary`: `entries` that are to be taken whole; the same for documents and queries."""
    (terms,) = documents([text], dictionary)
    return terms


def documents(texts: Iterable[str], dictionary: Sequence[str] = ()) -> Iterator[Terms]:
    """What `document` makes of each of many texts; Kiwi reads several of them at once."""
    own = tuple(dictionary)
    read = [_read(_tidy(text), own) for text in texts]
    for one, words in zip(read, _words(read, own), strict=True):
        yield Terms(tuple(words), tuple(chain.from_iterable(map(_typed_for, _RUN.findall(one.text)))))


def query(text: str, dictionary: Sequence[str] = ()) -> Terms:
    """The terms to ask by, each once, of the first 2,000 characters; first consonants alone (ㅃㄱ) are asked for as initials."""
    if len(text) > _ASKED:
        text = text[:_ASKED].rpartition(" ")[0] or text[:_ASKED]
    tidy = _tidy(text)
    typed = [w for w in tidy.split() if len(w) > 1 and hangul.is_initials(w) and len(set(w)) > 1]
    rest, own = " ".join(w for w in tidy.split() if w not in typed), tuple(dictionary)
    (words,) = _words([_read(rest, own)], own)
    if stem := korean.modifier(rest, own):
        words.append(stem)
    return Terms(tuple(dict.fromkeys(words)), tuple(dict.fromkeys(typed)))


def sentence(text: str, dictionary: Sequence[str] = ()) -> bool:
    """Whether a query of several words says or asks something, by a verb with its ending; one word is a name, whatever its form."""
    read = hanja.read(_tidy(text[:_ASKED]))
    return " " in read and _SYLLABLE.search(read) is not None and korean.predicates(kiwi.tokenize(read, tuple(dictionary)))


def modifier(word: str, dictionary: Sequence[str] = ()) -> str:
    """The term of a word as it is read before a noun (말린 → 말리다), which `query` gives beside its others; "" for most words."""
    return korean.modifier(_tidy(word), tuple(dictionary))


def readings(text: str, dictionary: Sequence[str] = ()) -> tuple[str, ...]:
    """What a query may have meant if the keyboard was left on the other language, likeliest first; none for plain text.

    `qkfrks` gives 빨간 and 발간 (those readings whose every word Kiwi knows), `ㅇㄱㄷㄴㄴ` gives dress. It is for queries that find
    nothing as they stand: many English words are Korean syllables too.
    """
    tidy, own = hangul.normalise(text), tuple(dictionary)
    if any(hangul.is_hangul(c) for c in tidy):
        broken = any(hangul.is_hangul(c) and not hangul.is_syllable(c) for c in tidy) and not hangul.is_initials(tidy)
        strange = not broken and not all(kiwi.known(w, own) for w in tidy.split())
        typed_blind = hangul.is_initials(tidy) and re.search(r"[aeiou]", hangul.to_keys(tidy)) is not None
        return (hangul.to_keys(tidy),) if broken or strange or typed_blind else ()
    found = [hangul.from_keys(w) or (w,) for w in tidy.split()]
    if not any(len(f) > 1 or any(map(hangul.is_syllable, f[0])) for f in found):
        return ()
    kept = []
    for words in found:
        sure = [w for w in words if not any(map(hangul.is_syllable, w)) or kiwi.known(w, own)]
        if not sure:
            return ()
        kept.append(sorted(sure, key=lambda w: kiwi.rarity(w, own)))
    depth = max(map(len, kept))
    return tuple(dict.fromkeys(" ".join(words[min(n, len(words) - 1)] for words in kept) for n in range(depth)))


def _tidy(text: str) -> str:
    # ㅋㅋㅋㅋ and ㅋㅋ mean the same; 2,000 is 2000.
    return codes.plain_numbers(_JAMO_RUN.sub(r"\1\1", hangul.folded(text)))


@dataclass(frozen=True)
class _Prepared:
    """A folded text, the terms of what is no Korean word in it, and with its Hanja read the pieces that Kiwi is given."""

    text: str
    found: list[str]
    korean: str
    pieces: tuple[str, ...]


def _read(text: str, dictionary: tuple[str, ...]) -> _Prepared:
    rest, found = _own(text, dictionary) if dictionary else (text, [])
    found += codes.terms(numerals.without(rest))
    for run in _OTHER.findall(rest):
        found += korean.grams(run) if _PAIRED.search(run) else [run]
    found += _TYPED.findall(rest)
    read = hanja.read(rest)
    if not _SYLLABLE.search(read):
        return _Prepared(text, found, "", ())
    found += numerals.amounts(read)
    return _Prepared(text, found, read, tuple(korean.pieces(read)))


def _words(read: Sequence[_Prepared], dictionary: tuple[str, ...]) -> Iterator[list[str]]:
    """The terms of each text."""
    pieces = [p for one in read for p in one.pieces]
    tokens = kiwi.tokenized(pieces, dictionary) if len(pieces) > 1 else (kiwi.tokenize(p, dictionary) for p in pieces)
    for one in read:
        found = one.found + [term for piece in one.pieces for term in korean.words(piece, next(tokens), dictionary)]
        # A text of nothing but particles and endings (은/는) still has letters to be found by.
        yield found or [t for run in _RUN.findall(one.korean) for t in korean.grams(run)]


def _own(text: str, dictionary: tuple[str, ...]) -> tuple[str, list[str]]:
    """The codes and phrases of a dictionary that stand in a text, as one term each, and the text without the codes.

    The words of a phrase stay words; a code counts as a whole alone. Single words in Hangul are left to Kiwi.
    """
    pattern = _entries_pattern(dictionary)
    if pattern is None:
        return text, []
    found: list[str] = []

    def taken(match: re.Match[str]) -> str:
        found.append("".join(_RUN.findall(match[0])))
        return match[0] if match.lastgroup == "phrase" else " "

    return pattern.sub(taken, text), found


@lru_cache(maxsize=4)
def _entries_pattern(dictionary: tuple[str, ...]) -> re.Pattern[str] | None:
    runs = {entry: re.findall(r"[a-z]+|\d+|[^\W\d_a-z]+", entry) for entry in dictionary}
    loose = {e: _SIGNS.join(map(re.escape, r)) for e, r in runs.items() if not (e.isalnum() and any(map(hangul.is_syllable, e)))}
    ordered = sorted(loose, key=len, reverse=True)
    # A word in Latin letters ends where they do; a particle may follow. A phrase may be written as one word.
    phrases = "|".join(rf"(?<![^\W_]){loose[e]}(?![a-z0-9])" for e in ordered if " " in e)
    one = "|".join(rf"(?<![a-z0-9]){loose[e]}(?![a-z0-9])" for e in ordered if " " not in e)
    either = [f"(?P<{name}>{p})" for name, p in (("phrase", phrases), ("code", one)) if p]
    return re.compile("|".join(either)) if either else None


@lru_cache(maxsize=50_000)
def _typed_for(run: str) -> tuple[str, ...]:
    """First consonants of a word as it is written, and of what is left of it without a last syllable (a particle, mostly)."""
    letters = hangul.initials(run)
    return (letters, letters[:-1]) if len(letters) > 2 else (letters,) if len(letters) > 1 else ()
