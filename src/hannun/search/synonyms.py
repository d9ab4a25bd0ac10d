"""Lines of synonyms, in the form that Solr and Elasticsearch read, and the words of a query go in; its other wordings come out.

`바지, 팬츠, 슬랙스` are the same, each finds the others; `츄리닝 => 트레이닝복, 운동복` puts what stands on the right in the place of
what stands on the left. An entry may have several words. Lines that begin with # are comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from hannun import hangul
from hannun.errors import InputError

MOST = 10_000  # lines that a collection keeps
WORDINGS = 32  # of one query; what is beyond is left out
_PARTICLE = r"(?:은|는|이|가|을|를|의|에|에서|에게|로|으로|와|과|랑|이랑|도|만|나|이나|부터|까지)?"


@dataclass(frozen=True)
class Rule:
    """Wherever one of `left` stands, each of `right` is meant."""

    left: tuple[str, ...]
    right: tuple[str, ...]


def rules(lines: Iterable[str]) -> tuple[Rule, ...]:
    """The rules of some lines. Raises InputError with the line that is none."""
    if isinstance(lines, str):
        raise InputError(f"synonyms is the str {lines[:80]!r}, expected a list of lines, such as '바지, 팬츠'")
    kept = tuple(lines)
    if len(kept) > MOST:
        raise InputError(f"{len(kept):,} lines of synonyms came, the limit is {MOST:,}; leave out what nobody asks")
    return _rules(kept)


@lru_cache(maxsize=8)
def _rules(lines: tuple[str, ...]) -> tuple[Rule, ...]:
    found = []
    for number, line in enumerate(lines, start=1):
        if not str(line).strip() or str(line).lstrip().startswith("#"):
            continue
        sides = [_entries(side) for side in str(line).split("=>")]
        if len(sides) > 2 or not all(sides) or (len(sides) == 1 and len(sides[0]) < 2):
            raise InputError(
                f"line {number} of the synonyms is {str(line)[:80]!r}, expected words such as '바지, 팬츠' or '츄리닝 => 운동복'"
            )
        found.append(Rule(sides[0], sides[-1]))
    return tuple(found)


def _entries(side: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(e for part in side.split(",") if any(map(str.isalnum, e := _folded(part)))))


def _folded(text: str) -> str:
    return " ".join(hangul.folded(text).split())


def parted(text: str, known: Sequence[Rule]) -> list[tuple[str, ...]]:
    """The text in pieces, each with all that it may be put as, as it is asked for first: `검은 바지` is [(검은,), (바지, 팬츠)]."""
    words = _folded(text).split()
    found: list[tuple[str, ...]] = []
    plain: list[str] = []
    at = 0
    while at < len(words):
        length, others = _longest(words[at:], known)
        if length:
            found += [(" ".join(plain),)] * bool(plain) + [others]
            plain, at = [], at + length
        else:
            plain.append(words[at])
            at += 1
    return found + [(" ".join(plain),)] * bool(plain)


def _longest(words: Sequence[str], known: Sequence[Rule]) -> tuple[int, tuple[str, ...]]:
    """How many of the first words are the longest entry of a rule, and what they may be put as; (0, ()) where none is."""
    length, others = 0, dict[str, None]()
    for rule in known:
        for entry in rule.left:
            size = entry.count(" ") + 1
            if length <= size <= len(words) and re.fullmatch(re.escape(entry) + _PARTICLE, " ".join(words[:size])):
                if size > length:
                    length, others = size, {}
                others |= dict.fromkeys([entry] if entry in rule.right else []) | dict.fromkeys(rule.right)
    return length, tuple(others)


def wordings(text: str, known: Sequence[Rule]) -> tuple[str, ...]:
    """The query as it is asked for, and with each piece put in each other way; the text alone where no rule says anything of it."""
    pieces = parted(text, known)
    if all(len(p) == 1 for p in pieces) and " ".join(p[0] for p in pieces) == _folded(text):
        return (text,)
    first = [p[0] for p in pieces]
    found = [" ".join(first)]
    for n, piece in enumerate(pieces):
        found += [" ".join([*first[:n], other, *first[n + 1 :]]) for other in piece[1:]]
    return tuple(dict.fromkeys(found))[:WORDINGS]
