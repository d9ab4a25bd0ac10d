"""The path of an ONNX file goes in, an onnxruntime session on the CPU comes out, with as many threads as this process may use.

A session may also give what a graph computes on its way: `inner` names such values.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hannun import runtime
from hannun.errors import MissingError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(path: Path, threads: int | None = None, inner: Sequence[str] = ()) -> InferenceSession:
    """A session that also gives the `inner` values; `threads` is by default the number of cores this process may run on.

    Raises MissingError.
    """
    there(path)
    ort = runtime.onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or cores()
    options.log_severity_level = 3
    # Threads that wait must not spin: pictures are decoded on the same cores meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    runtime.lean(options)
    model: str | bytes = _with_outputs(path.read_bytes(), inner) if inner else str(path)
    session: InferenceSession = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    runtime.give_back()
    return session


def _with_outputs(model: bytes, names: Sequence[str]) -> bytes:
    """An ONNX file's bytes with further outputs. Protobuf merges a message that is written twice, so they need not be parsed."""
    outputs = b"".join(_field(12, _field(1, n.encode())) for n in names)  # GraphProto.output, ValueInfoProto.name
    return model + _field(7, outputs)  # ModelProto.graph


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def there(path: Path) -> Path:
    """The path itself. Raises MissingError where there is no such file."""
    if not path.exists():
        raise MissingError(
            f"{path}: no such weights, expected them inside the package; reinstall hannun, or run hannun.mini's export scripts"
        )
    return path


def cores() -> int:
    """Cores that this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
