"""The words of a query go in; the condition that an item with every one of them meets comes out.

A word is there as it is written, by its other name (빨강 is 빨간, 엘지 is LG), or in parts that make up the whole of it: RTX4090
in "RTX 4090", 드럼세탁기 in "드럼 세탁기". A part alone is another thing: 신라면 is not every 라면. A measure is its amount,
however it is written. The words of a sentence, though, stand in any text on the same matter: it names what has all of it as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hannun import hangul
from hannun.index import lexical
from hannun.index.engine import All, Any_, Condition, Holds
from hannun.index.lexical import codes, hanja, names, numerals

MANY = 16  # words of a query above which it describes, and names nothing
_GLUED = 3  # words that one code may be written in
_LONGER = 4  # times as long as another is no text that is the same when both are folded
_INSIDE = re.compile(r"(?<=\d)\.(?=\d)")


def every(text: str, dictionary: Sequence[str] = ()) -> Condition | None:
    """Holds for items that have every word of a text; None for a text that has none, or many.

    Args:
        text: the words of a query, as they were typed.
        dictionary: the `lexical.entries` that the collection keeps whole.
    """
    read = hanja.read(codes.plain_numbers(hangul.folded(text)))
    if len(read.split()) > MANY:
        return None
    typed = lexical.query(read, dictionary).initials
    amounts, rest = codes.amounts(read)
    words = [w for w in rest.split() if w not in typed]
    needed: list[Condition] = [Holds(t, initials=True) for t in typed]
    needed += [Holds(a) for a in amounts]
    needed += _all(words, dictionary)
    return All(tuple(needed)) if needed else None


def verbatim(query: str, text: str) -> bool:
    """Whether a text has the letters of a query as they follow one another, whatever stands between them."""
    return _letters(hangul.folded(query)) in _letters(hangul.folded(text))


def equal(query: str, texts: Sequence[str]) -> list[bool]:
    """Whether each text is the query's own, but for how it is written (width, case, spaces)."""
    own, length = _close(query), len(query)
    return [len(t) <= _LONGER * length and length <= _LONGER * len(t) and _close(t) == own for t in texts]


def _close(text: str) -> str:
    return "".join(hangul.folded(text).split())


def _all(words: Sequence[str], dictionary: Sequence[str]) -> Iterator[Condition]:
    """What every word needs; words that may be one code are met by it as well."""
    together = set(lexical.query(" ".join(words), dictionary).words) if len(words) > 1 else set()
    at = 0
    while at < len(words):
        for count in range(min(_GLUED, len(words) - at), 0, -1):
            some = words[at : at + count]
            glued = _letters("".join(some))
            if count == 1 or glued in together:
                break
        each = tuple(c for w in some for c in _word(w, dictionary))
        if count > 1:
            yield Any_((Holds(glued), All(each))) if each else Holds(glued)
        else:
            yield from each
        at += count


def _word(word: str, dictionary: Sequence[str]) -> Iterator[Condition]:
    """What one word needs; one that may stand before a noun is there in that reading too (말린, a name by itself)."""
    found, stem = lexical.query(word, dictionary).words, lexical.modifier(word, dictionary)
    if any(numerals.amounts(word)):
        found = tuple(t for t in found if not numerals.spelled(t))  # 20,000원 has the number of 2만원, not its writing
    terms = [t for t in found if f"{t}하다" not in found]  # the root of 달콤한 is in texts only where it stands by itself
    needed = tuple(_terms(word, [t for t in terms if t not in (stem, names.also(stem))] or terms))
    read = Holds(names.also(stem) or stem)
    if stem and needed and needed != (read,):
        yield Any_((read, All(needed)))
    else:
        yield from needed


def _terms(word: str, terms: Sequence[str]) -> Iterator[Condition]:
    """What the terms of a word need: the longest, whole or in parts, and those that are not written in it (빨갛다 of 빨간).

    Where the word is a term as it stands, the others are its readings in a sentence (가다 of 감), which need not be meant.
    """
    written = _letters(word)
    others = {names.also(t) for t in terms}
    longest: list[str] = []
    for term in sorted((t for t in terms if t in written), key=len, reverse=True):
        if not any(term in t for t in longest):
            longest.append(term)
            own, parts = Holds(names.also(term) or term), _parts(term, terms)
            yield Any_((own, All(tuple(Holds(names.also(p) or p) for p in parts)))) if parts else own
    if written not in terms:
        yield from (Holds(t) for t in terms if t not in written and t not in others)


def _parts(whole: str, terms: Sequence[str]) -> tuple[str, ...]:
    """The fewest of the terms, but for the whole itself, that follow one another in the whole; none where they leave a letter."""
    fewest: list[tuple[str, ...] | None] = [()] + [None] * len(whole)
    for end in range(1, len(whole) + 1):
        for term in terms:
            before = fewest[end - len(term)] if len(term) <= end and term != whole and whole.endswith(term, 0, end) else None
            if before is not None and (fewest[end] is None or len(before) + 1 < len(fewest[end] or ())):
                fewest[end] = (*before, term)
    return fewest[-1] or ()


def _letters(word: str) -> str:
    return "".join(filter(str.isalnum, _INSIDE.sub(codes.POINT, word)))
