"""Records of what somebody did (time, action, item …) go in, Events come out: a part of an item, in the order of time."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from hannun.errors import InputError
from hannun.facts import fact, facts, moment
from hannun.part import AnyPart

MAX_EVENTS = 100_000
#: What fields of a record hold, where they are there; all others are kept as they come.
TEXTS, NUMBERS = ("action", "surface", "item", "text", "region"), ("price",)


@final
@dataclass(frozen=True)
class Events(AnyPart):
    """What happened, first to last. Raises InputError for records without a time, and for fields of another type.

    Attributes:
        records: each with "time" (ISO, with or without a zone) and, as far as they are known, "action" (click, purchase …), "surface"
            (where: search, home …), "item" (an id), "text", "price", "region"; unknown keys are kept. Equal times keep their order.
    """

    kind: ClassVar[str] = "events"
    #: What is sent of them, as OpenAPI describes it.
    schema: ClassVar[dict[str, Any]] = {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "required": ["time"],
            "properties": {
                "time": {"type": "string", "format": "date"},
                **{name: {"type": "string"} for name in ("action", "surface", "item", "text", "region")},
                "price": {"type": "number"},
            },
        },
        "description": "what happened, each with its time; unknown keys are kept",
    }
    records: tuple[Mapping[str, Any], ...]

    def __post_init__(self) -> None:
        if isinstance(self.records, str | Mapping) or not isinstance(self.records, Sequence):
            raise InputError(f"events came as a {type(self.records).__name__}, expected a list of dicts, each with 'time'")
        if not 0 < len(self.records) <= MAX_EVENTS:
            raise InputError(f"{len(self.records):,} events came, expected 1 … {MAX_EVENTS:,}; cut them into windows, an item each")
        read = [_record(number, r) for number, r in enumerate(self.records, start=1)]
        object.__setattr__(self, "records", tuple(r for _, r in sorted(read, key=lambda r: r[0])))

    @classmethod
    def of(cls, value: object) -> tuple[Events, ...]:
        """One part of a list of records, or of each of a list of such lists. Raises InputError."""
        match value:
            case None:
                return ()
            case Events():
                return (value,)
            case list() | tuple() if value and all(isinstance(v, list | tuple | Events) for v in value):
                return tuple(e for one in value for e in cls.of(one))
            case list() | tuple():
                return (Events(tuple(value)),)
        raise InputError(f"'events' is a {type(value).__name__}, expected a list of dicts, each with 'time'")

    @classmethod
    def reads(cls, value: object) -> bool:
        """Events, a list of dicts of which one has "time", or a list of such lists: other lists and values named "events" stay facts."""
        if not isinstance(value, list | tuple) or not value:
            return isinstance(value, Events)
        if all(isinstance(v, Mapping) for v in value):
            return any("time" in v for v in value)
        return all(map(cls.reads, value))

    @classmethod
    def plain(cls, side: int) -> Events:
        """One click."""
        return Events(({"time": "2000-01-01", "action": "click"},))

    def data(self) -> bytes:
        """The records as JSON."""
        return json.dumps(self.to_json(), sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values."""
        return [dict(r) for r in self.records]

    @classmethod
    def of_json(cls, data: Sequence[Mapping[str, Any]]) -> Events:
        """The inverse of `to_json`."""
        return Events(tuple(data))

    def __hash__(self) -> int:
        return hash(self.data())

    def __str__(self) -> str:
        return f"{len(self.records):,} events from {self.records[0]['time']} to {self.records[-1]['time']}"


def _record(number: int, given: object) -> tuple[int, dict[str, Any]]:
    """When it was, in microseconds from 1970, and the record as plain JSON."""
    if not isinstance(given, Mapping):
        raise InputError(f"event {number} is a {type(given).__name__}, expected a dict with 'time'")
    told = facts(given)
    time = _time(given.get("time"))
    at = moment(time) if time is not None else None
    if at is None:
        raise InputError(f"event {number} has time={given.get('time')!r}, expected an ISO date with a time, or seconds from 1970")
    for name in TEXTS:
        if name == "item" and isinstance(told.get(name), int) and not isinstance(told[name], bool):
            told[name] = str(told[name])
        if name in told and not isinstance(told[name], str):
            raise InputError(f"event {number} has {name}={told[name]!r}, expected a text")
    for name in NUMBERS:
        if name in told and (isinstance(told[name], bool) or not isinstance(told[name], int | float)):
            raise InputError(f"event {number} has {name}={told[name]!r}, expected a number")
    return at, told | {"time": time}


def _time(given: object) -> str | None:
    if isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given):
        try:
            return datetime.datetime.fromtimestamp(given, datetime.UTC).isoformat()
        except (OverflowError, ValueError, OSError):
            return None
    told = fact(given) if given is not None and not isinstance(given, Mapping | list | tuple) else None
    return told if isinstance(told, str) else None
