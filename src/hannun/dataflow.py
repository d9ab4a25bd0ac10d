"""A purpose goes in, Daft comes out: loaded when it is first needed, kept from reporting its use, and given time to let go at the end.

Daft's threads let go of their Python objects a moment after the last row has come. An interpreter that ends meanwhile takes the lock of
the interpreter from under them, and the process dies of a signal though its work is done: 3 of 120 one-line plans on a busy machine with
Daft 0.7.26, none of 240 that waited.
"""

from __future__ import annotations

import atexit
import functools
import os
import time
from typing import Any

from hannun.errors import DependencyError

_LEAVE = 0.2  # seconds: many turns of a busy machine's scheduler


@functools.cache
def _waiting() -> None:
    atexit.register(time.sleep, _LEAVE)


def daft(purpose: str, extra: str) -> Any:
    """The module. Raises DependencyError with the purpose ("logs are read by") and the extra that brings it, where it is missing."""
    os.environ.setdefault("DO_NOT_TRACK", "true")
    try:
        import daft
    except ImportError:
        raise DependencyError(f"{purpose} Daft; pip install -c constraints.txt '.[{extra}]' in Hannun's folder") from None
    _waiting()
    return daft
