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
from hannun.mini.heads import HeadValues

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(path: Path, threads: int | None = None, inner: Sequence[str] = (), heads: Path | None = None) -> InferenceSession:
    """A session that also gives the `inner` values; `threads` is by default the number of cores this process may run on.

    `heads` is a folder of other values for some of the file's constants. Raises MissingError, InputError.
    """
    there(path)
    ort = runtime.onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or cores()
    options.log_severity_level = 3
    # Threads that wait must not spin: pictures are decoded on the same cores meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    runtime.lean(options)
    model: str | bytes = str(path)
    if inner or heads is not None:
        data = path.read_bytes() if heads is None else HeadValues.load(heads).over(path)
        model = runtime.with_outputs(data, inner) if inner else data
    session: InferenceSession = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    runtime.give_back()
    return session


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
