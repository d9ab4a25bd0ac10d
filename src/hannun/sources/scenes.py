"""A video's path and bounds go in as arguments; a picture of each of its scenes comes out on standard output, and at the end how it went.

This file is run by itself, in a process of its own (`hannun.sources.video` starts it): FFmpeg, which decodes, meets foreign bytes here,
and what these bytes may make of it (a crash, a loop, a bomb) ends with the process. It imports nothing of Hannun.

A record is its length as eight bytes, JSON of that length, and for a scene the JPEG whose length the JSON tells.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

CUT = 0.10  # mean difference of two looks, 0…1, from which a new scene begins
DRIFT = 0.16  # … of a look and the picture that stands for the scene: where the camera has turned away slowly
SAME = 0.05  # … under which a scene looks like one that is there already
BLANK = 0.02  # deviation under which a look shows nothing: black, white, a fade
STEP = 0.5  # seconds between two looks
LOOKS = 1_200  # of one video: a longer one is looked at less often
SEEK = 5.0  # seconds between two looks from which jumping there is cheaper than decoding what lies between
GAP = 1.0  # seconds between two pictures at least
_SMALL = 16  # pixels: what is compared of a look


def main(file: str, side: int, most: int, pixels: int, seconds: float, memory: int) -> None:
    """Write the scenes of a video: pictures of at most `side` pixels, `most` of them, within so much of the processor and memory."""
    _bounded(seconds, memory)
    import cv2

    cv2.setNumThreads(1)
    video = cv2.VideoCapture(file, cv2.CAP_FFMPEG, [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 10_000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 10_000])
    width, height = video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)
    if not video.isOpened() or width < 1 or height < 1:
        return _write({"end": "unreadable"})
    if width * height > pixels:
        return _write({"end": "large", "width": int(width), "height": int(height)})
    duration = _duration(video)
    kept: list[Any] = []
    before, last, at, end = None, -GAP, 0.0, "whole"
    for at, frame in _looks(video, duration, seconds):
        if frame is None:
            end = "slow"
            break
        look = cv2.resize(frame, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        new = before is None or not kept or _far(look, before) > CUT or _far(look, kept[-1]) > DRIFT
        before = look
        if not new or at - last < GAP or float(look.std()) < BLANK or any(_far(look, k) < SAME for k in kept):
            continue
        if len(kept) == most:
            end = "many"
            break
        kept.append(look)
        last = at
        scale = min(1.0, side / max(frame.shape[:2]))
        drawn = frame if scale == 1 else cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        jpeg = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        _write({"time": round(at, 2), "bytes": len(jpeg)}, jpeg)
    _write({"end": end, "duration": round(duration, 2), "reached": round(at, 2)})


def _far(one: Any, other: Any) -> float:
    return float(abs(one - other).mean())


def _duration(video: Any) -> float:
    """Seconds, as the file says; 0 where it says none that could be."""
    import cv2

    rate, frames = video.get(cv2.CAP_PROP_FPS), video.get(cv2.CAP_PROP_FRAME_COUNT)
    length = frames / rate if 0 < rate < 10_000 and 0 < frames < 1e9 else 0.0
    return float(length) if length < 1e6 else 0.0


def _looks(video: Any, duration: float, seconds: float) -> Iterator[tuple[float, Any]]:
    """Frames some time apart, each with its second; None for the one at which the time given is used up."""
    import cv2

    step = max(STEP, duration / LOOKS)
    due, at, passed = 0.0, 0.0, 0
    while passed < 100_000 and video.grab():
        now = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
        at = now if 0 <= now < 1e6 else at
        passed += 1
        if at + 1e-6 < due:
            if time.process_time() > seconds:
                yield at, None
                return
            continue
        good, frame = video.retrieve()
        if good and frame is not None:
            yield at, frame
        passed, due = 0, at + step
        if time.process_time() > seconds:
            yield at, None
            return
        if step >= SEEK:
            video.set(cv2.CAP_PROP_POS_MSEC, due * 1000)


def _bounded(seconds: float, memory: int) -> None:
    """Let the system end this process where it takes more than it may."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limit = int(seconds) + 10
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _write(record: dict[str, Any], data: bytes = b"") -> None:
    plain = json.dumps(record).encode()
    sys.stdout.buffer.write(len(plain).to_bytes(8, "big") + plain + data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6]))
