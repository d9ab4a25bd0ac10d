"""Nothing goes in, onnxruntime comes out: loaded when it is first needed, kept from recording its use, and with little memory.

From 1.2x on it writes a device's id and a database of events below ~/.cache/Microsoft while it is imported, and sends them when it can.
Only a variable of the environment that is set before keeps it from that: `disable_telemetry_events` comes too late.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: How a constant's name ends by the way its values are stored: bytes that scales are multiplied with, or half precision.
BYTE, SCALE, HALF = ".byte", ".scale", ".half"
_registering = threading.Lock()
_registered = False


def onnxruntime() -> Any:
    """The module. ORT_DISABLE_TELEMETRY is set for this process unless it is set already."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def lean(options: Any) -> None:
    """Set a session's options so that it works in the memory that all such sessions share, which grows by what is asked for.

    By default each session keeps its own, doubled whenever it is too small, and plans a block for each shape of input besides
    (benchmarks/memory.py: same vectors, same speed).
    """
    global _registered
    ort = onnxruntime()
    with _registering:
        if not _registered:
            place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
            growth = {"max_mem": 0, "arena_extend_strategy": 1, "initial_chunk_size_bytes": -1, "max_dead_bytes_per_chunk": -1}
            with contextlib.suppress(Exception):  # whoever uses onnxruntime in this process too may have registered one
                ort.create_and_register_allocator(place, ort.OrtArenaCfg(growth))
            _registered = True
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.enable_mem_pattern = False


def give_back() -> None:
    """Memory that was freed goes back to the system: glibc keeps it, half a gigabyte of what unfolding a network's weights took."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def with_outputs(model: bytes, names: Sequence[str]) -> bytes:
    """An ONNX file's bytes with further outputs. Protobuf merges a message that is written twice, so they need not be parsed."""
    outputs = b"".join(_field(12, _field(1, n.encode())) for n in names)  # GraphProto.output, ValueInfoProto.name
    return model + _field(7, outputs)  # ModelProto.graph


def constants(model: bytes) -> dict[str, tuple[int, int]]:
    """Where the values of an ONNX file's constants lie in its bytes: name → (first byte, byte behind the last).

    Those whose values are written out as numbers instead of bytes (exporters do so for a few short ones) are left out.
    """
    found: dict[str, tuple[int, int]] = {}
    for graph in _parts(model, 0, len(model), 7):  # ModelProto.graph
        for tensor in _parts(model, *graph, 5):  # GraphProto.initializer
            for name in _parts(model, *tensor, 8):  # TensorProto.name, raw_data
                found |= {model[slice(*name)].decode(): values for values in _parts(model, *tensor, 9)}
    return found


def with_constants(model: bytes, values: Mapping[str, bytes]) -> bytes:
    """An ONNX file's bytes with other values of some constants, of the same lengths. Raises ValueError for others.

    `SessionOptions.add_initializer` does not do this: it replaces constants after they were folded into others.
    """
    there, out = constants(model), bytearray(model)
    for name, data in values.items():
        at, end = there.get(name, (0, 0))
        if end - at != len(data):
            raise ValueError(f"{len(data)} bytes came for the constant {name!r}, which has {end - at}")
        out[at:end] = data
    return bytes(out)


def _parts(model: bytes, at: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Where the message fields of one number lie among the fields from `at` to `end`."""
    while at < end:
        key, at = _read_varint(model, at)
        number, kind = key >> 3, key & 7
        if kind == 2:
            length, at = _read_varint(model, at)
            if number == wanted:
                yield at, at + length
            at += length
        elif kind == 0:
            _, at = _read_varint(model, at)
        else:
            at += 8 if kind == 1 else 4


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at a place, and the place behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
