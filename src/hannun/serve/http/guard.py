"""Every request goes in first here; what may pass goes on, with an id, a log line, safe headers and a bound on size and time.

In this order: the host it is addressed to, the site it comes from, how much is at work already, the key and its scope, the key's
rate, the size and the speed of the body, the time it takes. What is refused gets one clear line in OpenAI's form of an error.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hannun.serve.http.keys import SCOPES, Key, Keys
from hannun.serve.http.metrics import Metrics
from hannun.serve.http.receiving import Receiving
from hannun.serve.http.refused import Refused, failure
from hannun.serve.http.settings import ServiceSettings

log = logging.getLogger("hannun.http")

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_LOCAL = ("localhost", "127.0.0.1", "[::1]", "::1")
_ALWAYS = ("/healthz", "/readyz")  # asked by machines that watch: never refused for load
#: Pictures are named by signed links, the page is the same for everybody: neither asks for a key.
_KEYLESS = re.compile(r"/(healthz|readyz|favicon\.ico|openapi\.json|docs|web/.*|v1/(pictures|thumbnails)/.*)?")
_PAGE = (
    "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_NOTHING = "default-src 'none'; frame-ancestors 'none'; sandbox"
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_BUCKETS = 10_000  # addresses or keys whose rate is remembered


@dataclass
class _Bucket:
    tokens: float
    since: float


@final
class Guard:
    """ASGI middleware around the whole service."""

    def __init__(self, app: ASGIApp, settings: ServiceSettings, keys: Keys, metrics: Metrics) -> None:
        self._app, self._settings, self._keys, self._metrics = app, settings, keys, metrics
        self._hosts = {*_LOCAL, settings.host.lower(), *settings.hosts}
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._at_work, self._receiving = 0, Receiving(settings)
        self._name, self._numbers = secrets.token_hex(4).encode(), count(1)  # ids of requests: not secret, only their own
        self._pace = 0.05  # seconds of a request, a moving mean
        # It stays so when the last key is revoked, also through a restart: the door opens when the file of keys is deleted, or by setting.
        self._guarded = len(keys) > 0 or (keys.kept and not settings.without_keys)
        self.closing = False
        metrics.watch("receiving", "Bodies that are being received now.", lambda: self._receiving.count)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = begun = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        id = given if _ID.fullmatch(given) else b"%s-%x" % (self._name, next(self._numbers))
        scope["state"] = {**scope.get("state", {}), "id": id.decode()}
        answer = _Answer(send, id, scope["path"])
        name = "-"
        counted = scope["path"] not in _ALWAYS
        try:
            try:
                self._addressed(headers)
                self._load(counted)
                name = self._admit(scope, headers)
            except Refused:
                await self._receiving.drained(receive)
                raise
            async with self._receiving.body(receive, headers) as whole:
                self._load(counted)  # once more: others came while its body did
                begun = time.perf_counter()
                await self._worked(scope, whole, answer, counted)
        except Refused as refusal:
            self._metrics.refused.labels(refusal.reason).inc()
            await answer.refuse(refusal)
        except Exception as e:
            log.exception("failed", extra={"fields": {"id": id.decode(), "error": type(e).__name__}})
            await answer.refuse(Refused(500, "internal", f"an error of the service's own; its log has it under the id {id.decode()}"))
        took = time.perf_counter() - started
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(scope["method"] if scope["method"] in _METHODS else "other", route, answer.status).inc()
        self._metrics.seconds.labels(route).observe(took)
        if counted and answer.status < 400:
            self._pace += 0.05 * (time.perf_counter() - begun - self._pace)
        if log.isEnabledFor(logging.INFO):
            address = (scope.get("client") or ("-",))[0]
            fields = {"id": id.decode(), "method": scope["method"], "path": scope["path"], "status": answer.status}
            log.info("request", extra={"fields": {**fields, "ms": round(took * 1e3, 2), "key": name, "client": address}})

    async def _worked(self, scope: Scope, receive: Receive, answer: _Answer, counted: bool) -> None:
        self._at_work += counted
        self._metrics.in_flight.set(self._at_work)
        try:
            async with asyncio.timeout(self._settings.timeout):
                await self._app(scope, receive, answer)
        except TimeoutError:
            raise Refused(504, "timeout", f"the answer took more than {self._settings.timeout:g} seconds; ask for less at once") from None
        finally:
            self._at_work -= counted
            self._metrics.in_flight.set(self._at_work)

    def _addressed(self, headers: Mapping[bytes, bytes]) -> None:
        """Names that others made to point here (DNS rebinding) and pages of other sites must not reach a service without keys."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = host.rpartition(":")[0] if re.search(r":\d*$", host) and not host.endswith("]") else host
        if "*" not in self._hosts and name not in self._hosts:
            raise Refused(
                421, "host", f"the host {name[:100]!r} is not served here; start with HANNUN_HOSTS={name[:60] or 'NAME'} if it should be"
            )
        if headers.get(b"sec-fetch-site", b"none") in (b"cross-site", b"same-site") and headers.get(b"sec-fetch-mode") != b"navigate":
            raise Refused(403, "cross-site", "requests by pages of other sites are not answered")

    def _load(self, counted: bool) -> None:
        if not counted:
            return
        if self.closing:
            raise Refused(503, "closing", "the service is shutting down; ask again when it is back", {"Retry-After": "5"})
        if self._at_work >= self._settings.in_flight:
            wait = max(1, min(30, math.ceil(self._pace)))
            raise Refused(429, "load", f"{self._at_work} requests are at work; ask again in {wait} s", {"Retry-After": str(wait)})

    def _admit(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        """The name of the key (or "-"), when it may do this now."""
        if _KEYLESS.fullmatch(scope["path"]) and scope["method"] in ("GET", "HEAD"):
            return "-"
        key: Key | None = None
        who = str((scope.get("client") or ("-",))[0])
        if len(self._keys) or self._guarded:
            kind, _, sent = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
            key = self._keys.of(sent.strip()) if kind.lower() == "bearer" and sent else None
            if key is None:
                self._spend(f"address:{who}", self._settings.rate)  # trying keys is bounded, too
                raise Refused(401, "key", "a key is needed: send 'Authorization: Bearer KEY'", {"WWW-Authenticate": "Bearer"})
            wanted = needed(scope["method"], scope["path"])
            if wanted not in key.scopes:
                raise Refused(403, "scope", f"the key {key.name!r} may {' and '.join(key.scopes)}, and this needs {wanted!r}")
            who = f"key:{key.name}"
        if scope["path"] not in _ALWAYS:
            self._spend(who, (key.rate if key else 0) or self._settings.rate)
        scope["state"]["scopes"] = key.scopes if key else SCOPES
        return key.name if key else "-"

    def _spend(self, who: str, rate: float) -> None:
        """One of `rate` tokens a minute, up to ten seconds' worth at once."""
        if rate <= 0:
            return
        now, full = time.monotonic(), max(1.0, rate / 6)
        bucket = self._buckets.setdefault(who, _Bucket(full, now))
        self._buckets.move_to_end(who)
        while len(self._buckets) > _BUCKETS:
            self._buckets.popitem(last=False)
        bucket.tokens = min(full, bucket.tokens + (now - bucket.since) * rate / 60)
        bucket.since = now
        if bucket.tokens < 1:
            wait = math.ceil((1 - bucket.tokens) * 60 / rate)
            raise Refused(429, "rate", f"over {rate:g} requests a minute came; ask again in {wait} s", {"Retry-After": str(wait)})
        bucket.tokens -= 1


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_WRITING = re.compile(r"/v1/(items|jobs|synonyms)(/.*)?")


def needed(method: str, path: str) -> str:
    """The scope that a request needs: everything that changes items, or how they are found, is `write`, everything else `read`."""
    return "write" if method not in ("GET", "HEAD", "OPTIONS") and _WRITING.fullmatch(path) else "read"


@final
class _Answer:
    """The way out: adds headers, remembers the status, and answers a refusal if nothing has been answered yet."""

    def __init__(self, send: Send, id: bytes, path: str) -> None:
        self._send, self._id, self.status, self._begun = send, id, 0, False
        self._policy = (_PAGE if path in ("/", "/docs") or path.startswith("/web/") else _NOTHING).encode()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun, self.status = True, message["status"]
            headers = [*message.get("headers", []), (b"x-request-id", self._id), (b"content-security-policy", self._policy), *_HEADERS]
            if not any(k.lower() == b"cache-control" for k, _ in headers):
                headers.append((b"cache-control", b"no-store"))
            message = {**message, "headers": headers}
        await self._send(message)

    async def refuse(self, refusal: Refused) -> None:
        if self._begun:
            return  # too late to say so: the connection is closed in the middle
        body = json.dumps(failure(refusal.status_code, refusal.detail, refusal.reason), ensure_ascii=False).encode()
        given = [(k.lower().encode(), v.encode("latin-1", "replace")) for k, v in (refusal.headers or {}).items()]
        # What is left of the body is not read: the connection ends here.
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), (b"connection", b"close"), *given]
        await self({"type": "http.response.start", "status": refusal.status_code, "headers": head})
        await self({"type": "http.response.body", "body": body})
