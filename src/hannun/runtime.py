"""Nothing goes in, onnxruntime comes out: loaded when it is first needed, and kept from recording and reporting its use.

From 1.2x on it writes a device's id and a database of events below ~/.cache/Microsoft while it is imported, and sends them when it can.
Only a variable of the environment that is set before keeps it from that: `disable_telemetry_events` comes too late.
"""

from __future__ import annotations

import os
from typing import Any


def onnxruntime() -> Any:
    """The module. ORT_DISABLE_TELEMETRY is set for this process unless it is set already."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime
