"""The URL of a picture goes in, its bytes come out — from public addresses of allowed hosts only, checked where it connects.

The name is looked up here, every address it has is checked, and the connection is made to a checked address, so that a name that
changes its address between check and connection (DNS rebinding) gains nothing. Each redirect goes through the same door.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, final
from urllib.parse import SplitResult, urljoin, urlsplit

from hannun.errors import InputError

REDIRECTS = 3
_PIECE = 64 * 2**10
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Look = Callable[[str, int], list[str]]


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system resolves them."""
    try:
        return list(dict.fromkeys(str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
    except (OSError, UnicodeError):
        raise InputError(f"the host {host!r} of the picture's URL is not known; check the URL") from None


@final
class Fetch:
    """Fetches pictures; `allowed` names hosts, or "*" for every host with a public address."""

    def __init__(
        self,
        allowed: Sequence[str] = (),
        limit: int = 32 * 2**20,
        timeout: float = 10.0,
        look: Look = look_up,
        ports: Sequence[int] = (80, 443),
    ) -> None:
        """`limit` is bytes, `timeout` seconds for all of it, redirects included; `look` resolves names; other `ports` are refused."""
        self._allowed, self._limit, self._timeout, self._look, self._ports = tuple(allowed), limit, timeout, look, tuple(ports)

    def __call__(self, url: str) -> bytes:
        """The bytes behind `url`. Raises InputError where it may not or cannot be fetched."""
        until = time.monotonic() + self._timeout
        for _ in range(REDIRECTS + 1):
            answer = self._once(url, until)
            if isinstance(answer, bytes):
                return answer
            url = answer
        raise InputError(f"{_short(url)}: more than {REDIRECTS} redirects came; give the picture's own URL")

    def _once(self, url: str, until: float) -> bytes | str:
        """The body, or the URL that it redirects to."""
        parts, host, port = self._check(url)
        addresses = [public(a, url) for a in self._look(host, port)]
        if not addresses:
            raise InputError(f"{_short(url)}: the host has no address")
        connection = http.client.HTTPConnection(host, port, timeout=self._timeout)
        try:
            with contextlib.ExitStack() as closing:
                closing.callback(connection.close)
                held: list[Any] = [self._connect(addresses, port, until)]  # its last is what is read from
                watch = threading.Timer(
                    max(0.0, until - time.monotonic()), _cut, [held]
                )  # a byte now and then resets a socket's own timeout
                watch.start()
                closing.callback(watch.cancel)
                if parts.scheme == "https":
                    safe = ssl.create_default_context()
                    held.append(safe.wrap_socket(held[0], server_hostname=host, do_handshake_on_connect=False))
                    held[-1].do_handshake()
                connection.sock = held[-1]
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                connection.request("GET", path, headers={"Host": parts.netloc, "Accept": "image/*", "User-Agent": "hannun"})
                response = connection.getresponse()
                if response.status in (301, 302, 303, 307, 308):
                    return urljoin(url, response.headers.get("Location") or "")
                if response.status != 200:
                    raise InputError(f"{_short(url)}: the host answered {response.status}, expected 200")
                return self._body(response, url, until)
        except (OSError, http.client.HTTPException, ValueError, UnicodeError) as e:
            if isinstance(e, InputError):
                raise
            if time.monotonic() >= until:
                raise InputError(f"{_short(url)}: did not come within {self._timeout:g} seconds") from None
            raise InputError(f"{_short(url)}: cannot be fetched ({type(e).__name__})") from None

    def _check(self, url: str) -> tuple[SplitResult, str, int]:
        if any(c <= " " or c == "\x7f" for c in url) or "\\" in url:
            raise InputError("a URL with spaces, backslashes or control characters came; percent-encode them")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise InputError(f"{_short(url)}: is not a URL") from None
        if parts.scheme not in ("http", "https") or not host or parts.username is not None or not url.isascii():
            raise InputError(f"{_short(url)}: expected http:// or https:// with a host, in ASCII, and no user name")
        if "*" not in self._allowed and host.rstrip(".").lower() not in self._allowed:
            allowed = ", ".join(self._allowed) or "none"
            raise InputError(f"{_short(url)}: pictures may not be fetched from there (allowed hosts: {allowed}); send the bytes as base64")
        if port not in self._ports:
            raise InputError(f"{_short(url)}: the port {port} is not allowed, expected {' or '.join(map(str, self._ports))}")
        return parts, host, port

    def _connect(self, addresses: Sequence[Address], port: int, until: float) -> socket.socket:
        failed: OSError = TimeoutError("timed out")
        for address in addresses:
            left = until - time.monotonic()
            if left <= 0:
                break
            try:
                return socket.create_connection((str(address), port), timeout=left)  # an address, so nothing is looked up again
            except OSError as e:
                failed = e
        raise failed

    def _body(self, response: http.client.HTTPResponse, url: str, until: float) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while True:
            piece = response.read1(_PIECE)
            if time.monotonic() >= until:
                raise TimeoutError
            if not piece:
                return b"".join(pieces)
            size += len(piece)
            if size > self._limit:
                raise InputError(f"{_short(url)}: has over {self._limit:,} bytes; scale the picture down")
            pieces.append(piece)


def _cut(held: Sequence[socket.socket]) -> None:
    with contextlib.suppress(OSError):
        held[-1].shutdown(socket.SHUT_RDWR)


def public(address: str, url: str) -> Address:
    """The address itself. Raises InputError unless it is a public one, whatever notation hides it (mapped, NAT64, 6to4, Teredo)."""
    try:
        found = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        raise InputError(f"{_short(url)}: {address!r} is not an address") from None
    real: Address = found
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None or found in _NAT64:
            real = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)  # what is reached in the end
        elif found.sixtofour is not None or found.teredo is not None or found in _COMPATIBLE:
            raise InputError(f"{_short(url)}: leads to a tunnel's address; send the bytes as base64")
    if not real.is_global or real.is_multicast or real.is_reserved or real.is_unspecified:
        raise InputError(f"{_short(url)}: leads to an address that is not public; send the bytes as base64")
    return found


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


def _short(url: str) -> str:
    return repr(url[:120])
