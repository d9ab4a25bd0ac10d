"""A value of any type that Python, a table or an archive holds goes in; a fact (plain JSON), or what conditions read of facts, comes out.

What is written is never changed in silence: a cell becomes a number only where this writes back as the cell was read, so that
`3.10`, `007`, `1e5`, `+82` and whole numbers of over 64 bits stay the texts that they are. `true`, `True` and `TRUE` are one truth.
"""

from __future__ import annotations

import datetime
import decimal
import math
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hannun import hangul
from hannun.errors import InputError

Scalar = str | int | float | bool

CALLED = ("title", "folder", "place", "place_en")  # the facts that are a picture's words
TAGS = "tags"  # the fact that says which others annotators found, with their scores, and by annotator:
BY, WORDS = "by", "words"  # its version, and what its findings are called besides

MAX_DEPTH = 32  # of lists and dicts in a fact; a store's own JSON reader gives up at 128
LOWEST, HIGHEST = -(2**63), 2**63 - 1
_DIGITS = re.compile(r"-?\d+(\.\d+)?(e[+-]\d+)?", re.ASCII)
_DAY = r"\d{4}-\d\d-\d\d"
_CLOCK = r"\d\d:\d\d(:\d\d([.,]\d{1,9})?)?"
_MOMENT = re.compile(rf"{_DAY}([T ]{_CLOCK}( ?(Z|[+-]\d\d(:?\d\d)?))?)?", re.ASCII)
_TIME = re.compile(_CLOCK, re.ASCII)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def facts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata as JSON values under NFC names, without those that have no value. Raises InputError as `fact` does."""
    plain = {hangul.normalise(str(k)): fact(v) for k, v in given.items()}
    return {k: v for k, v in plain.items() if v is not None}


def called(told: Mapping[str, Any]) -> str:
    """What a picture without a text is called: its title, its folder and where it was taken, as far as they are told; "" otherwise."""
    found = (told.get(name) for name in CALLED)
    return "\n".join(" ".join(map(str, v)) if isinstance(v, list) else v for v in found if isinstance(v, str | list))


def found(told: Mapping[str, Any]) -> frozenset[str]:
    """The names of facts that annotators found (`hannun.annotate`), by the fact TAGS."""
    tags = told.get(TAGS)
    return frozenset(k for k, v in tags.items() if isinstance(v, float | int)) if isinstance(tags, Mapping) else frozenset()


def noted(told: Mapping[str, Any]) -> str:
    """The words of what annotators found: each value, and what else it is called; "" where nothing was found."""
    tags = told.get(TAGS)
    if not isinstance(tags, Mapping):
        return ""
    values = [v for name in tags if name in found(told) and isinstance(v := told.get(name), str)]
    said = tags.get(WORDS)
    also = said.values() if isinstance(said, Mapping) else [said]  # of older versions of Hannun it is the last annotator's alone
    return " ".join([*values, *(w for w in also if isinstance(w, str))])


def fact(value: Any, depth: int = 0) -> Any:
    """A metadata value as JSON: NFC text, dates as ISO strings, NaN as None; whole numbers of over 64 bits as text.

    Raises InputError for bytes and other objects that have no JSON.
    """
    if depth > MAX_DEPTH:
        raise InputError(f"a fact is nested over {MAX_DEPTH} deep; make it flatter")
    match value:
        case None | bool():
            return value
        case int():
            return int(value) if LOWEST <= value <= HIGHEST else str(int(value))
        case float():
            return float(value) if math.isfinite(value) else None
        case str():
            return hangul.normalise(value)
        case datetime.date() | datetime.time():
            return None if value != value else value.isoformat()  # pandas' NaT is a date that equals nothing
        case datetime.timedelta():
            return None if value != value else _duration(value)
        case decimal.Decimal():
            return _decimal(value)
        case uuid.UUID():
            return str(value)
        case Mapping():
            return {hangul.normalise(str(k)): fact(v, depth + 1) for k, v in value.items()}
        case list() | tuple():
            return [fact(v, depth + 1) for v in value]
        case set() | frozenset():
            return sorted((fact(v, depth + 1) for v in value), key=str)  # in one order, or the row would seem changed in the next run
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        moments = getattr(getattr(value, "dtype", None), "kind", "") in ("m", "M") and hasattr(value, "astype")
        # In nanoseconds numpy gives plain numbers of them.
        plain = (value.astype(f"{'timedelta64' if value.dtype.kind == 'm' else 'datetime64'}[us]") if moments else value).tolist()
        if plain is not value:
            return fact(plain, depth + 1)
    if hasattr(value, "__float__"):
        return fact(float(value), depth + 1)
    raise InputError(f"a fact is a {type(value).__name__}, expected text, a number, true/false, a date, or lists and dicts of them")


def _duration(value: datetime.timedelta) -> str:
    """ISO 8601, in seconds: exact, and with its unit."""
    whole, micros = divmod(abs(value) // datetime.timedelta(microseconds=1), 10**6)
    sign = "-" if value < datetime.timedelta(0) else ""
    return f"{sign}PT{whole}{f'.{micros:06}'.rstrip('0') if micros else ''}S"


def _decimal(value: decimal.Decimal) -> str | float | None:
    """A number where a float holds it exactly as it is written out, else text."""
    if not value.is_finite():
        return None
    near = float(value)
    return near if math.isfinite(near) and decimal.Decimal(repr(near)) == value else format(value, "f")


def number(text: str) -> int | float | None:
    """The number that is written exactly as the text is; None where there is none: `3.10`, `007`, `1e5`, `+82`, `-0`, over 64 bits."""
    if not _DIGITS.fullmatch(text):
        return None
    if text.lstrip("-").isdigit():
        # Python refuses to read whole numbers of thousands of digits.
        whole = int(text) if len(text) <= 20 else HIGHEST + 1
        return whole if LOWEST <= whole <= HIGHEST and str(whole) == text else None
    near = float(text)
    return near if math.isfinite(near) and repr(near) == text else None


def cell(text: str) -> Scalar:
    """What a cell of a table without types holds: a number or true/false where it is written as one, else the text as it stands."""
    if (truth := _TRUTHS.get(text)) is not None:
        return truth
    found = number(text)
    return text if found is None else found


def moment(text: str) -> int | None:
    """Microseconds from 1970 (UTC) to an ISO date, with or without a time; one without a zone is read as UTC. None for other texts."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        found = datetime.datetime.fromisoformat(text.replace(",", ".").replace(" Z", "Z").replace(" +", "+").replace(" -", "-"))
    except ValueError:  # the 31st of February
        return None
    try:
        return (found.replace(tzinfo=found.tzinfo or datetime.UTC) - _EPOCH) // datetime.timedelta(microseconds=1)
    except OverflowError:
        return None


def clock(text: str) -> int | None:
    """Microseconds from midnight to an ISO time of day; None for other texts."""
    if not _TIME.fullmatch(text):
        return None
    try:
        found = datetime.time.fromisoformat(text.replace(",", "."))
    except ValueError:
        return None
    return ((found.hour * 60 + found.minute) * 60 + found.second) * 10**6 + found.microsecond


def leaves(given: Mapping[str, Any]) -> Iterator[tuple[str, Scalar, bool, bool]]:
    """Every text, number and truth among facts: its path (`meta.size`), itself, whether it lies in a dict, whether in a list."""
    for name, value in given.items():
        yield from _leaves(name, value, False, False)


def _leaves(path: str, value: Any, nested: bool, listed: bool) -> Iterator[tuple[str, Scalar, bool, bool]]:
    if isinstance(value, str | int | float):
        yield path, value, nested, listed
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(f"{path}.{name}", inner, True, listed)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(path, inner, nested, True)


def names(given: Mapping[str, Any]) -> set[str]:
    """The names that conditions on these facts may use."""
    return {*given, *(path for path, *_ in leaves(given))}


def values(given: Mapping[str, Any], name: str) -> list[Scalar]:
    """The texts, numbers and truths that a fact holds, by its name or its path."""
    if "." not in name:
        return [v for _, v, nested, _ in leaves({name: given.get(name)}) if not nested]
    return [v for path, v, *_ in leaves(given) if path == name]


@dataclass(frozen=True)
class FactRange:
    """A fact that is a number, or an ISO date, in `count` places, and its least and greatest value as they are written."""

    field: str
    kind: Literal["number", "date"]
    least: int | float | str
    greatest: int | float | str
    count: int


def ranges(rows: Iterable[Mapping[str, Any]], limit: int = 12) -> list[FactRange]:
    """The bounds within which numbers and dates among the facts of many items lie: what one may ask for with < and >.

    A fact that is a number here and a date there is told as what it mostly is. One that has a single value is left out: nothing could be
    chosen by it. Those that most items have come first, at most `limit`.
    """
    seen: dict[tuple[str, Literal["number", "date"]], tuple[tuple[Any, Any], tuple[Any, Any], int]] = {}
    for row in rows:
        for path, value, *_ in leaves(row):
            if isinstance(value, bool) or (isinstance(value, str) and not value[:1].isdigit()):
                continue
            at = moment(value) if isinstance(value, str) else value
            if at is None:
                continue
            key: tuple[str, Literal["number", "date"]] = (path, "date" if isinstance(value, str) else "number")
            least, greatest, count = seen.get(key, ((at, value), (at, value), 0))
            seen[key] = min(least, (at, value)), max(greatest, (at, value)), count + 1
    found = [
        FactRange(path, kind, least[1], greatest[1], count)
        for (path, kind), (least, greatest, count) in seen.items()
        if least[0] != greatest[0] and all(count > n for (p, k), (*_, n) in seen.items() if p == path and k != kind)
    ]
    return sorted(found, key=lambda r: (-r.count, r.field))[:limit]
