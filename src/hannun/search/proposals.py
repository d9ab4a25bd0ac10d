"""Words that a collection does not have go in, with its own words; what of these may have been meant comes out ("혹시 …?").

Three things are told: a name written in the other script, by its sound (르크루제, Le Creuset); a word that is a letter or two off
(떡뽁이); and, before these, what the keyboard meant (`lexical.readings`), which the caller has asked for already.

A sound is a skeleton of consonants: what of a foreign word survives being written in Hangul. Vowels do not; they count only where two
skeletons are alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

from hannun import hangul

MOST = 3  # proposals
_WORDS = 6  # of a query, above which it describes, and a word that is not there is no mistake
_FEW = 3  # words of a query that is asked about unless a hit has all of them
_GLUED = 3  # words of a name that is written as one in Hangul (르크루제 is three)
_SHORT = 2  # consonants of a sound, under which too many words are alike
_NEAR = 0.75  # of letters in common, from which a word counts as another one misspelt
_SOUNDS = 0.7  # of a sound in common, vowels with a smaller part
_RUN = re.compile(r"[a-z]+|[가-힣]+|\d+")
# Words in Latin letters that nothing else stands between.
_LATIN = re.compile(r"(?<![a-z0-9])[a-z][a-z'’]*(?:(?: ?& ?|[ .-])[a-z][a-z'’]*)*")
_PARTICLES = (*"은는이가을를의에로도와과만용들랑", "에서", "으로", "부터", "까지")
_FROM, _TO = 0xAC00, 588

# The consonants of a syllable by class: those that one foreign sound is written by. ㅇ has none at the head.
_HEADS = ("k", "k", "n", "t", "t", "l", "m", "p", "p", "s", "s", "", "j", "j", "j", "k", "t", "p", "h")
_TAILS = (
    *("", "k", "k", "k", "n", "n", "n", "t", "l", "lk", "lm", "lp", "ls", "lt", "lp", "l", "m", "p", "p", "t", "t", "ng"),
    *("t", "t", "k", "t", "p", "t"),
)
_VOWELS = ("a", "e", "a", "e", "o", "e", "o", "e", "o", "a", "e", "e", "o", "u", "o", "e", "i", "u", "", "i", "i")
# Latin spellings and the class of what is heard; w has none.
_SPELT: dict[str, str] = dict(
    re.findall(
        r"(\S+)=(\S*)",
        "tch=j sch=s eau=o ght=t ch=j sh=s th=s ph=p ck=k gh=k qu=k wh= kn=n wr=l ng=ng ps=ps ts=j tz=j dg=j ee=i ea=i oo=u ou=u au=o "
        "ai=e ei=i a=a b=p d=t e=e f=p g=k h=h i=i j=j k=k l=l m=m n=n o=o p=p q=k r=l s=s t=t u=u v=p w= x=ks y=i z=j",
    )
)
_SPELLING = re.compile("|".join(sorted(_SPELT, key=len, reverse=True)))


@dataclass(frozen=True)
class Vocabulary:
    """The words of a collection's texts as they are written, with how often; and the sounds of those in Latin letters and in Hangul."""

    words: Mapping[str, int]
    latin: Mapping[str, frozenset[str]]  # sound → names of one to three words

    @cached_property
    def korean(self) -> Mapping[str, frozenset[str]]:
        """Sound → words in Hangul."""
        return _by_sound(w for w in self.words if hangul.is_syllable(w[0]))


def _by_sound(names: Iterable[str]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name in names:
        if len(sound := skeleton(name)) >= _SHORT:
            found.setdefault(sound, set()).add(name)
    return {sound: frozenset(some) for sound, some in found.items()}


def vocabulary(texts: Iterable[str], most: int = 200_000) -> Vocabulary:
    """The words of texts, at most so many different ones."""
    counts: dict[str, int] = {}
    names: set[str] = set()
    for text in texts:
        folded = hangul.folded(text)
        for run in _RUN.findall(folded):
            if run in counts or len(counts) < most:
                counts[run] = counts.get(run, 0) + 1
        if len(names) < most:
            names.update(_names(folded))
    return Vocabulary(counts, _by_sound(names))


def _names(folded: str) -> Iterator[str]:
    """Every one, two and three words in Latin letters that follow one another."""
    for run in _LATIN.findall(folded):
        words = re.findall(r"[a-z][a-z'’]*", run)
        for size in range(1, _GLUED + 1):
            for n in range(len(words) - size + 1):
                yield " ".join(words[n : n + size])


def unwritten(query: str, relevances: Iterable[float | None]) -> bool:
    """Whether few words were asked for and no hit has all of them: one may be misspelt, or be written in the other script."""
    return 0 < len(query.split()) <= _FEW and 1 not in relevances


def ordered(typed: Sequence[str], query: str, known: Vocabulary) -> tuple[str, ...]:
    """What the keyboard may have meant and what is near, likeliest first: a word that the collection has is likelier than one it lacks."""
    there = [t for t in typed if any(w in known.words for w in hangul.folded(t).split())]
    close = near(query, known)
    return tuple(dict.fromkeys((*there, *close, *(() if there or close else typed))))


def near(query: str, known: Vocabulary) -> tuple[str, ...]:
    """The query with each word that the collection lacks put into one that it has, likeliest first; none where no word has one near."""
    words = hangul.folded(query).split()
    if not words or len(words) > _WORDS:
        return ()
    chosen = [_for_word(w, known) for w in words]
    if not any(chosen):
        return ()
    depth = max(map(len, chosen))
    made = [" ".join(c[min(n, len(c) - 1)] if c else w for w, c in zip(words, chosen, strict=True)) for n in range(depth)]
    return tuple(dict.fromkeys(made))[:MOST]


def _for_word(word: str, known: Vocabulary) -> Sequence[str]:
    """What a word may stand for; nothing for one that is there, alone or with what Korean glues to it."""
    runs = _RUN.findall(word)
    if not runs or any(r.isdigit() for r in runs) or all(_is_there(r, known) for r in runs):
        return ()  # codes and measures are read elsewhere
    scored: dict[str, float] = {}
    if hangul.is_syllable(word[0]):
        for name in _sounding(word, known.latin):
            scored[name] = max(scored.get(name, 0), _heard(word, name))
    elif word[0].isascii():
        for name in _sounding(word, known.korean):
            scored[name] = max(scored.get(name, 0), _heard(word, name))
    scored = {name: s for name, s in scored.items() if s >= _SOUNDS}
    for other, score in _misspelt(word, known):
        scored[other] = max(scored.get(other, 0), score)
    return [w for w, _ in sorted(scored.items(), key=lambda kv: (-kv[1], -known.words.get(kv[0], 0), kv[0]))][:MOST]


def _is_there(run: str, known: Vocabulary) -> bool:
    """Whether a word is written in a text, or begins or ends one as the parts of compounds do; without its particle too."""
    bare = {run, *(run.removesuffix(p) for p in _PARTICLES if len(run) > len(p) + 1)}
    if bare & known.words.keys():
        return True
    return len(run) > 1 and any(w.startswith(run) or w.endswith(run) for w in known.words)


def _sounding(word: str, names: Mapping[str, frozenset[str]]) -> Iterable[str]:
    sound = skeleton(word)
    if len(sound) < _SHORT:
        return ()
    return [n for other, some in names.items() if _alike(sound, other) for n in some]


def _alike(one: str, other: str) -> bool:
    """Whether two skeletons may be of one name: the same, or one or two consonants of a longer one off."""
    if one == other:
        return True
    longer = max(len(one), len(other))
    if longer < 4 or abs(len(one) - len(other)) > longer // 4:
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= 0.8


def _heard(word: str, name: str) -> float:
    """How alike two names sound, 0…1, vowels and all."""
    consonants = SequenceMatcher(None, skeleton(word), skeleton(name), autojunk=False).ratio()
    whole = SequenceMatcher(None, _sound(word), _sound(name), autojunk=False).ratio()
    return 0.5 * consonants + 0.5 * whole


def skeleton(word: str) -> str:
    """The consonants that are heard of a word in either script, those beside one another once: 나이키 and nike are nk."""
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[aeiou]", "", _sound(word)))


def _sound(word: str) -> str:
    made = []
    for run in re.findall(r"[가-힣]+|[a-z]+", hangul.folded(word)):
        if hangul.is_syllable(run[0]):
            for c in run:
                lead, vowel, tail = (ord(c) - _FROM) // _TO, (ord(c) - _FROM) % _TO // 28, (ord(c) - _FROM) % 28
                made.append(_HEADS[lead] + _VOWELS[vowel] + _TAILS[tail])
        else:
            made.append("".join(_SPELT[m] for m in _SPELLING.findall(_soft(run))))
    return "".join(made)


def _soft(run: str) -> str:
    """c and g as they are heard before e, i and y; a last e, which is silent; r, which no vowel follows, is not heard in Hangul."""
    run = re.sub(r"c(?=[eiy])", "s", run)
    run = run.replace("c", "k") if "ch" not in run and "ck" not in run else re.sub(r"c(?![hk])", "k", run)
    run = re.sub(r"r(?![aeiouyr])", "", run)
    run = re.sub(r"(?<=[^aeiou])e$", "", run)
    return re.sub(r"([^aeious])\1", r"\1", run)


def _misspelt(word: str, known: Vocabulary) -> Iterable[tuple[str, float]]:
    """Words that are a letter or two off, in the letters that are typed."""
    if len(word) < 2 or not word.isalpha():
        return
    letters = hangul.jamo(word)
    if len(letters) < 5:
        return
    for other in known.words:
        if abs(len(other) - len(word)) > 1 or len(other) < 2 or other[0].isascii() != word[0].isascii():
            continue
        theirs = hangul.jamo(other)
        if letters[0] != theirs[0] and letters[-2:] != theirs[-2:]:  # of most words neither: they need no closer look
            continue
        match = SequenceMatcher(None, letters, theirs, autojunk=False)
        if match.real_quick_ratio() >= _NEAR and match.quick_ratio() >= _NEAR and (ratio := match.ratio()) >= _NEAR:
            yield other, ratio
