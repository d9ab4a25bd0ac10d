"""A request's body comes in piece by piece, and goes on whole; too long, too slow or too many at a time, it is refused.

A request counts as at work only once its body is in, so that clients that hold theirs back take no place of those that do not.
What they may hold is bounded three ways: how long a body takes, how many are received at a time, and how much memory they have together.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import final

from starlette.types import Message, Receive

from hannun.serve.http.refused import Refused
from hannun.serve.http.settings import ServiceSettings

PATIENCE = 10.0  # seconds before a body's rate counts
_SMALL = 64 * 2**10  # bytes of each body that always find a place: words are not turned away for others' pictures
_WHOLE = 8  # bodies of the largest size that are held at a time, of what goes beyond that
_DRAIN = 2.0  # seconds


@final
class Receiving:
    """Takes in the bodies of all requests of a service."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._held = 0  # bytes beyond the first of each body, until its request has been answered
        self.count = 0  # bodies that are being received

    @contextlib.asynccontextmanager
    async def body(self, receive: Receive, headers: Mapping[bytes, bytes]) -> AsyncIterator[Receive]:
        """The receive of the whole body; its memory is given back at the end. Raises Refused: 413, 408, 429, 400 when the client went."""
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 18 or int(length) > self._settings.body:
            await self.drained(receive)
            raise self._too_long()
        if int(length) == 0 and b"transfer-encoding" not in headers:
            yield receive
            return
        if self.count >= self._settings.receiving:
            await self.drained(receive)
            raise Refused(429, "bodies", f"{self.count} bodies are being received; ask again in 2 s", {"Retry-After": "2"})
        pieces: list[bytes] = []
        try:
            self.count += 1
            try:
                await self._whole(receive, pieces)
            finally:
                self.count -= 1
            yield _replay(b"".join(pieces), receive)
        finally:
            self._held -= _large(sum(map(len, pieces)))

    async def _whole(self, receive: Receive, pieces: list[bytes]) -> None:
        s, clock = self._settings, asyncio.get_running_loop().time
        begun, size, more = clock(), 0, True
        refusal: Refused | None = None
        try:
            async with asyncio.timeout(None) as waiting:
                while more:
                    waiting.reschedule(begun + min(s.body_time, PATIENCE + size / s.body_rate))
                    message = await receive()
                    if message["type"] != "http.request":
                        raise Refused(400, "gone", "the connection was closed before the body had come")
                    piece, more = message.get("body", b""), bool(message.get("more_body"))
                    if refusal := self._beyond(size, size + len(piece)):
                        break
                    self._held += _large(size + len(piece)) - _large(size)
                    pieces.append(piece)
                    size += len(piece)
        except TimeoutError:
            raise Refused(
                408,
                "slow",
                f"{size:,} bytes of the body came in {clock() - begun:.0f} s; send all of it within {s.body_time:g} s, "
                f"and at least {s.body_rate:,} bytes a second",
            ) from None
        if refusal is not None:
            if more:
                await self.drained(receive)
            raise refusal

    def _beyond(self, size: int, grown: int) -> Refused | None:
        """Why a body of `size` bytes may not grow to `grown`."""
        if grown > self._settings.body:
            return self._too_long()
        if self._held + _large(grown) - _large(size) > _WHOLE * self._settings.body:
            return Refused(429, "memory", "too many large bodies came at once; ask again in 2 s", {"Retry-After": "2"})
        return None

    def _too_long(self) -> Refused:
        return Refused(413, "body", f"a body of over {self._settings.body:,} bytes came; send less at once")

    async def drained(self, receive: Receive) -> None:
        """Take in the rest of a body, within bounds: who is still sending when the connection is closed never reads why."""
        left = max(2 * self._settings.body, 1 << 20)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN):
                while left > 0:
                    message = await receive()
                    if message["type"] != "http.request" or not message.get("more_body"):
                        return
                    left -= len(message.get("body", b""))


def _large(size: int) -> int:
    return max(0, size - _SMALL)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body in one message; after it, what comes of the connection (its end)."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_message
