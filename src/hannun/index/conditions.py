"""Facts and conditions on them go in; what is stored beside the facts for conditions, and Qdrant's filters that read it, come out.

Under one key of ours each point keeps the words of its facts' values (for equality and facets of every kind), the values that lie
in dicts, dates and times of day as numbers, and which facts are lists. Ranges of numbers read the facts themselves.
"""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from hannun import facts
from hannun.errors import InputError
from hannun.facts import HIGHEST, LOWEST, Scalar
from hannun.index.engine import All, Among, Any_, Begins, Compare, Condition, Contains, Holds, Not, Present

Json = dict[str, Any]

# Qdrant takes only u64 and UUID ids; a name-based UUID makes every upsert of one text id land on one point.
_NAMESPACE = uuid.UUID("6f0a9c55-57a6-5d64-9d0b-a1c6f2b8e0d3")
# RFC 4122: the bits that say version 5 and the variant, and all others.
_VERSION, _FREE = 5 << 76 | 1 << 63, ~(0xF << 76 | 0b11 << 62)
OURS = "_"
WORDS, INITIALS = f"{OURS}.w", f"{OURS}.c"
_WORDS, _INNER, _MOMENTS, _CLOCKS, _LISTS = (f"{OURS}.{k}" for k in "fxdhl")
LONG = "h"  # what the word for a long text begins with
_LONG = 200  # characters
_EXACT = 2.0**53  # from here on a double stands for several whole numbers


@lru_cache(maxsize=8192)
def uid(id: str) -> str:
    """The engine's id for a text id: `uuid.uuid5`, written out and kept, for a search needs many of them twice."""
    digest = hashlib.sha1(_NAMESPACE.bytes + id.encode(), usedforsecurity=False).digest()
    name = f"{int.from_bytes(digest[:16], 'big') & _FREE | _VERSION:032x}"
    return f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}"


# ------------------------------------------------------------------------------------------------------------ what is kept


def kept(given: Mapping[str, Any]) -> Json:
    """What is stored beside the facts of a point: by path words ("f"), values in dicts ("x"), dates ("d"), times ("h"); lists ("l")."""
    found: dict[str, dict[str, list[Any]]] = {k: {} for k in "fxdh"}
    lists: dict[str, None] = {}
    for path, leaf, nested, listed in facts.leaves(given):
        found["f"].setdefault(path, []).append(word(leaf))
        if nested:
            found["x"].setdefault(path, []).append(leaf)
        if listed:
            lists[path] = None
        if isinstance(leaf, str) and leaf[:1].isdigit():
            for name, read in (("d", facts.moment), ("h", facts.clock)):
                if (number := read(leaf)) is not None:
                    found[name].setdefault(path, []).append(number)
    return {"f": found["f"], **{k: v for k, v in found.items() if v}, **({"l": list(lists)} if lists else {})}


def word(value: Scalar) -> str:
    """A value of a fact as a word: s빨강, bTrue, n5 (for 5.0 too); of a long text its hash, which cannot be told back."""
    match value:
        case bool():
            return f"b{value}"
        case str():
            return f"s{value}" if len(value) <= _LONG else f"{LONG}{hashlib.blake2b(value.encode(), digest_size=16).hexdigest()}"
        case int():
            return f"n{value}"
        case _:
            return f"n{int(value) if value.is_integer() else value}"


def value(word: str) -> Scalar:
    """The value that a word stands for."""
    kind, rest = word[0], word[1:]
    if kind == "s":
        return rest
    if kind == "b":
        return rest == "True"
    return int(rest) if rest.lstrip("-").isdigit() else float(rest)


# -------------------------------------------------------------------------------------------------------------- conditions


def condition(where: Condition) -> Json:
    """The filter for a condition on facts (or on `id`). Raises InputError for names and values that cannot be asked for."""
    match where:
        case All(conditions):
            return {"must": [condition(c) for c in conditions]}
        case Any_(conditions):
            return {"should": [condition(c) for c in conditions]}
        case Not(inner):
            return {"must_not": [condition(inner)]}
        case Holds(term, initials):
            return has_term(INITIALS if initials else WORDS, term)
        case Among("id", ids):
            return _ids(ids)
        case Compare("id", "=", value):
            return _ids([value])
        case Present("id"):
            return {"must": []}
        case Compare("id", _, _) | Contains("id", _) | Begins("id", _):
            raise InputError("a condition on id came, expected = or in: `id in (17, 18)`")
        case Among(field, wanted):
            return _words(field, wanted)
        case Compare(field, "=", value):
            return _words(field, [value])
        case Compare(field, op, value):
            return _range(field, op, value)
        case Contains(field, value) if not isinstance(value, bool):
            within = _either(_any(p, {"match": {"substring": str(value)}}) for p in _raw(field))
            text = {"must": [within], "must_not": [{"key": _LISTS, "match": {"value": _named(field)}}]}
            return {"should": [_words(field, [value]), text]}
        case Contains(field, value):
            return _words(field, [value])
        case Begins(field, prefix):
            return _either(_any(p, {"match": {"prefix": prefix}}) for p in _raw(field))
        case Present(field):
            return _either({"must_not": [{"is_empty": {"key": p}}]} for p in (values(field), *_raw(field)))


def has_term(path: str, term: str) -> Json:
    """The filter for points whose words (or initials) hold a term."""
    return {"must": [{"key": path, "match": {"text": term}}]}


def _ids(ids: Iterable[Scalar]) -> Json:
    return {"must": [{"has_id": [uid(str(i)) for i in ids]}]}


def _any(path: str, clause: Json) -> Json:
    return {"must": [{"key": path, **clause}]}


def _either(clauses: Iterable[Json]) -> Json:
    many = list(clauses)
    return many[0] if len(many) == 1 else {"should": many}


def _words(field: str, wanted: Iterable[Scalar]) -> Json:
    words = list(dict.fromkeys(map(word, wanted)))
    return _any(values(field), {"match": {"value": words[0]} if len(words) == 1 else {"any": words}})


def _range(field: str, op: str, value: Scalar) -> Json:
    """An order of numbers, dates or times of day."""
    if isinstance(value, str):
        for path, read in ((_MOMENTS, facts.moment), (_CLOCKS, facts.clock)):
            if (number := read(value)) is not None:
                return _any(key(field, path), {"range": _bounds(op, float(number))})
    if isinstance(value, str | bool) or not math.isfinite(value):
        raise InputError(
            f"{field} {op} {value!r} came, but < <= > >= compare numbers and ISO dates (2025-11-01, '2025-11-01 09:30', 09:30)"
        )
    near = float(value)
    if abs(near) < _EXACT or abs(near) >= 2.0**64:
        return _either(_any(p, {"range": _bounds(op, near)}) for p in _raw(field))
    # An engine may compare doubles, or exactly: both agree on what lies beyond the next double. The whole numbers up to there are
    # named by their words: two thousand at most, for so many lie between two doubles at the end of 64 bits.
    whole, below = int(value), op in ("<", "<=")
    end = math.nextafter(near, -math.inf if below else math.inf)
    beyond = [_any(p, {"range": _bounds("<=" if below else ">=", end)}) for p in _raw(field)]
    low, high = (int(end) + 1, whole + (op == "<=")) if below else (whole + (op == ">"), int(end))
    named = dict.fromkeys(range(max(low, LOWEST), min(high, HIGHEST + 1)))
    if low <= int(near) < high:  # a double of over 64 bits
        named[int(near)] = None
    return _either([*beyond, *([_words(field, named)] if named else [])])


def _bounds(op: str, number: float) -> dict[str, float]:
    return {{"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}[op]: number}


def key(field: str, inside: str = "facts") -> str:
    """The path of a fact in a payload. Raises InputError for names that a path cannot hold."""
    return f'{inside}."{_named(field)}"'


def _named(field: str) -> str:
    if not field or '"' in field or "\\" in field:
        raise InputError(
            f"a condition on the field {field!r} came, but names with double quotes or backslashes cannot be asked for; rename it"
        )
    return field


def _raw(field: str) -> list[str]:
    """The paths of a fact's values as they are: of its own, and where its name may be a path, of what lies in dicts."""
    return [key(field), *([key(field, _INNER)] if "." in field else [])]


def values(field: str) -> str:
    """The path of a fact's values as words."""
    return key(field, _WORDS)


def plain(path: str) -> str:
    """A path as the engine lists its indexes: quoted only where it must be."""
    return path.replace('"', "")
