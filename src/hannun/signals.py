"""Measured values (lists, arrays, JSON) go in, a Signal comes out: a part of an item, of one or several channels at an even rate."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast, final

import numpy as np
import numpy.typing as npt

from hannun import hangul
from hannun.embeddings import Floats
from hannun.errors import InputError
from hannun.facts import fact, moment
from hannun.part import AnyPart

MAX_VALUES = 4_000_000  # of one signal: three channels at 50 Hz for seven hours, 16 MB
_FIELDS = ("values", "rate", "channels", "start", "mask", "shape")


@final
@dataclass(frozen=True, eq=False)
class Signal(AnyPart):
    """Values measured at an even rate. Raises InputError for values, rates, names or times that contradict each other.

    Attributes:
        values: float32 [n, channels]; one channel may come as [n]. 0 where nothing was measured.
        rate: how many rows there are in a second (Hz): 1/60 for one in a minute.
        channels: a name for each column; "1", "2" … where none came.
        start: when the first row was measured, as an ISO date with or without a time; None where it is not known.
        mask: bool [n, channels]: whether a value was measured. NaN and None in `values` were not.
    """

    kind: ClassVar[str] = "signal"
    #: What is sent of it, as OpenAPI describes it.
    schema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "required": ["values", "rate"],
        "properties": {
            "values": {"type": "array", "minItems": 1, "items": {"type": "number", "minimum": -1e9, "maximum": 1e9}},
            "rate": {"type": "number", "minimum": 1e-6, "maximum": 1e9, "description": "values in a second"},
            "channels": {"type": "array", "items": {"type": "string"}, "description": "a name for each column"},
            "start": {"type": "string", "format": "date"},
            "mask": {"type": "array", "description": "whether each value was measured"},
        },
        "additionalProperties": False,
        "description": "measured values at an even rate: numbers, or rows of them; null where nothing was measured",
    }
    values: Floats
    rate: float
    channels: tuple[str, ...] = ()
    start: str | None = None
    mask: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        values = _matrix("values", self.values, np.float32)
        if not 0 < values.size <= MAX_VALUES:
            raise InputError(f"a signal of {values.size:,} values came, expected 1 … {MAX_VALUES:,}; cut it into windows, an item each")
        measured = ~np.isnan(values)
        if self.mask is not None:
            mask = _matrix("mask", self.mask, np.bool_)
            if mask.shape != values.shape:
                raise InputError(f"a signal came with a mask of {mask.shape} and values of {values.shape}, expected a mask for each value")
            measured &= mask
        if not np.isfinite(values[measured]).all():
            raise InputError("a signal came with infinite values, expected numbers that float32 holds; leave them out (NaN or null)")
        if not measured.any():
            raise InputError("a signal came without a single measured value (NaN, null or masked everywhere), expected some")
        if isinstance(self.rate, bool) or not isinstance(self.rate, int | float) or not math.isfinite(self.rate) or self.rate <= 0:
            raise InputError(f"a signal came with rate={self.rate!r}, expected values in a second, above 0 (1/60 for one in a minute)")
        many = values.shape[1]
        names = tuple(hangul.normalise(str(c)) for c in self.channels) or tuple(str(n) for n in range(1, many + 1))
        if isinstance(self.channels, str) or len(names) != many or len(set(names)) != many or not all(names):
            raise InputError(
                f"a signal of {many} channels came with channels={self.channels!r}, expected a list of as many different names"
            )
        start = fact(self.start)
        if start is not None and (not isinstance(start, str) or moment(start) is None):
            raise InputError(f"a signal came with start={self.start!r}, expected an ISO date, such as 2025-11-01T09:30:00+09:00")
        whole = np.where(measured, values, 0).astype(np.float32)
        for array in (whole, measured):
            array.setflags(write=False)
        for name, value in (("values", whole), ("rate", float(self.rate)), ("channels", names), ("start", start), ("mask", measured)):
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, value: object) -> tuple[Signal, ...]:
        """One part of {"values": …, "rate": …} (and "channels", "start", "mask"), or of each of a list of these. Raises InputError."""
        match value:
            case None:
                return ()
            case Signal():
                return (value,)
            case list() | tuple():
                return tuple(s for one in value for s in cls.of(one))
            case Mapping():
                return (cls.of_json(value),)
        raise InputError(f"'signal' is a {type(value).__name__}, expected a dict with 'values' and 'rate'")

    @classmethod
    def reads(cls, value: object) -> bool:
        """A Signal, a dict with "values", or a list of these: a number, a text or another dict named "signal" stays a fact."""
        if isinstance(value, list | tuple):
            return bool(value) and all(map(cls.reads, value))
        return isinstance(value, Signal) or (isinstance(value, Mapping) and "values" in value)

    @classmethod
    def plain(cls, side: int) -> Signal:
        """Two seconds of one channel."""
        return Signal(np.array([0.0, 1.0], np.float32), 1.0)

    @property
    def measured(self) -> npt.NDArray[np.bool_]:
        """`mask`, which is always there once the signal is made."""
        assert self.mask is not None
        return self.mask

    def data(self) -> bytes:
        """Its description as JSON, then its values as little-endian float32 and the bits of its mask."""
        head = {"shape": self.values.shape, "rate": self.rate, "channels": self.channels, "start": self.start}
        return json.dumps(head, ensure_ascii=False).encode() + self.values.astype("<f4").tobytes() + np.packbits(self.measured).tobytes()

    def to_json(self) -> dict[str, Any]:
        """Plain values, exact: `values` and (where something is missing) the bits of `mask` in base64, with their `shape`."""
        found: dict[str, Any] = {
            "values": _base64(self.values.astype("<f4").tobytes()),
            "shape": list(self.values.shape),
            "rate": self.rate,
        }
        found |= {"channels": list(self.channels)} | ({"start": self.start} if self.start is not None else {})
        return found | ({} if self.measured.all() else {"mask": _base64(np.packbits(self.measured).tobytes())})

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Signal:
        """The inverse of `to_json`; `values` and `mask` may be lists (of rows, or of numbers for one channel), null what is missing.

        Raises InputError.
        """
        if unknown := [k for k in data if k not in _FIELDS]:
            raise InputError(f"'signal' came with {unknown[0]!r}, expected {', '.join(_FIELDS)} alone; other facts belong beside it")
        if "rate" not in data:
            raise InputError("'signal' came without 'rate', expected how many values there are in a second (1/60 for one in a minute)")
        values, mask = data.get("values"), data.get("mask")
        if isinstance(values, str):
            rows, columns = _shape(data.get("shape"))
            values = _decoded("values", values, 4 * rows * columns).view("<f4").reshape(rows, columns)
            if isinstance(mask, str):
                bits = np.unpackbits(_decoded("mask", mask, -(-rows * columns // 8)), count=rows * columns)
                mask = bits.astype(bool).reshape(rows, columns)
        channels = data.get("channels") or ()
        return Signal(cast(Any, values), data["rate"], channels if isinstance(channels, str) else tuple(channels), data.get("start"), mask)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Signal) and self.data() == other.data()

    def __hash__(self) -> int:
        return hash(self.data())

    def __str__(self) -> str:
        rows, columns = self.values.shape
        return f"signal of {rows:,}×{columns} values at {self.rate:g} Hz"


def _matrix(name: str, given: object, kind: type[np.float32] | type[np.bool_]) -> npt.NDArray[Any]:
    try:
        array = np.asarray(given)
        if array.dtype.kind not in ("b", "i", "u", "f", "O") or (kind is np.bool_ and array.dtype.kind not in ("b", "i", "u")):
            raise TypeError
        with np.errstate(over="ignore"):
            made = np.array(array, dtype=kind)
    except (TypeError, ValueError):
        raise InputError(f"a signal came with {name} that are no numbers, or rows of unlike length; expected rows of numbers") from None
    if made.ndim == 1:
        made = made[:, None]
    if made.ndim != 2:
        raise InputError(f"a signal came with {name} of {made.ndim} dimensions, expected rows of numbers, one for each channel")
    return made


def _shape(given: object) -> tuple[int, int]:
    match given:
        case [int(rows), int(columns)] if rows > 0 and columns > 0:
            return rows, columns
    raise InputError(f"a signal in base64 came with shape={given!r}, expected [rows, channels]")


def _decoded(name: str, text: str, size: int) -> npt.NDArray[np.uint8]:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if len(data) != size:
        raise InputError(f"a signal came with {name} that are no base64 of {size:,} bytes, as their shape says")
    return np.frombuffer(data, np.uint8)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
