"""Rows with URLs go in; each row with its picture's bytes, or with the reason why there are none, comes out.

One host is asked by one thread, no faster than the politeness says or its robots.txt asks for; robots.txt and the X-Robots-Tag directives
against machine learning are obeyed; failures that may pass are tried again after growing waits.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any, final
from urllib.parse import urljoin, urlsplit
from urllib.robotparser import RobotFileParser

AGENT = "hannun-curate"
HOSTS = 64  # buckets that hosts are split into: as many tasks fetch at once at most
THREADS = 16
MAX_BYTES = 32 * 2**20
TRIES = 4
_WAITS = (1.0, 2.0, 4.0)  # seconds before the second, third and fourth try, times the politeness
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_REFUSED = frozenset({"noai", "noimageai", "noindex", "noimageindex"})  # X-Robots-Tag directives that keep a picture out
_TIMEOUT = 10.0

Row = dict[str, Any]


def host(url: str) -> str:
    """The host (and port) of a URL, lower case; empty where there is none."""
    try:
        return (urlsplit(url).netloc.rpartition("@")[2]).lower()
    except ValueError:
        return ""


@dataclass
class _Host:
    """What is known of one host while it is asked."""

    robots: RobotFileParser | None = None
    wait: float = 1.0
    next: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


@final
class Downloader:
    """Downloads pictures. `politeness` is the least number of seconds between two requests to one host; `private` allows addresses of one's
    own network, which a list from the web has no business naming."""

    def __init__(self, politeness: float = 1.0, private: bool = True, threads: int = THREADS) -> None:
        import httpx2

        self._http: Any = httpx2.Client(headers={"User-Agent": AGENT}, timeout=_TIMEOUT, follow_redirects=False)
        self._errors: Any = (httpx2.HTTPError, httpx2.InvalidURL)
        self._politeness, self._private, self._threads = politeness, private, threads
        self._hosts: dict[str, _Host] = defaultdict(lambda: _Host(wait=politeness))

    def download(self, rows: Iterable[Row]) -> Iterator[tuple[Row, bytes | str]]:
        """(row, bytes) or (row, reason) for each row, in the order in which they arrive."""
        by_host: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_host[host(row["url"])].append(row)
        with ThreadPoolExecutor(max_workers=self._threads, thread_name_prefix="hannun-fetch") as pool:
            futures = [pool.submit(self._of_host, name, mine) for name, mine in by_host.items()]
            for done in as_completed(futures):
                yield from done.result()

    def _of_host(self, name: str, rows: list[Row]) -> list[tuple[Row, bytes | str]]:
        place = self._hosts[name]
        with place.lock:
            return [(row, self._one(place, row["url"])) for row in rows]

    def _one(self, place: _Host, url: str) -> bytes | str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return "fetch_bad_url"
        if not self._private and _is_private(parts.hostname):
            return "fetch_private_address"
        if place.robots is None:
            place.robots = self._robots(place, f"{parts.scheme}://{parts.netloc}/robots.txt")
            delay = place.robots.crawl_delay(AGENT)
            place.wait = max(place.wait, float(delay or 0))
            place.next = max(place.next, time.monotonic() + float(delay or 0))
        if not place.robots.can_fetch(AGENT, url):
            return "fetch_robots"
        reason = "fetch_failed"
        for attempt in range(TRIES):
            if attempt:
                time.sleep(_WAITS[attempt - 1] * self._politeness)
            status, headers, data = self._get(place, url)
            if status == 200:
                return _accepted(headers, data)
            if status not in _PASSING and status != 0:
                return f"fetch_http_{status}" if status in (401, 403, 404, 410, 451) else "fetch_http_other"
            reason = "fetch_timeout" if status == 0 else f"fetch_http_{status}"
            if status in (429, 503) and str(headers.get("Retry-After", "")).isdigit():
                place.next = max(place.next, time.monotonic() + min(60.0, float(headers["Retry-After"])) * min(1.0, self._politeness))
        return reason

    def _get(self, place: _Host, url: str, redirects: int = 3) -> tuple[int, Mapping[str, str], bytes]:
        """(status, headers, body); status 0 for no answer. A redirect is followed by hand: its target is checked like any other."""
        time.sleep(max(0.0, place.next - time.monotonic()))
        try:
            with self._http.stream("GET", url) as answer:
                status, headers = int(answer.status_code), {k.title(): v for k, v in answer.headers.items()}
                taken = bytearray()
                for piece in answer.iter_bytes():
                    taken += piece
                    if len(taken) > MAX_BYTES:
                        break
                data = bytes(taken)
        except (*self._errors, OSError, ValueError):
            return 0, {}, b""
        finally:
            place.next = time.monotonic() + place.wait
        if status in (301, 302, 303, 307, 308) and redirects and "Location" in headers:
            target = urljoin(url, headers["Location"])
            if urlsplit(target).scheme in ("http", "https") and (self._private or not _is_private(urlsplit(target).hostname or "")):
                return self._get(place, target, redirects - 1)
        return status, headers, data

    def _robots(self, place: _Host, url: str) -> RobotFileParser:
        """The host's rules; without any (404) all is allowed, and while it answers with an error or not at all, nothing is."""
        rules = RobotFileParser(url)
        status, _, data = self._get(place, url)
        if status == 200:
            rules.parse(data.decode("utf-8", "replace").splitlines())
        elif 400 <= status < 500 and status != 429:
            rules.parse([])
        else:
            rules.parse(["User-agent: *", "Disallow: /"])
        return rules


def _accepted(headers: Mapping[str, str], data: bytes) -> bytes | str:
    for name, value in headers.items():
        if name.lower() == "x-robots-tag":
            agent, _, directives = value.rpartition(":")
            if (not agent or agent.strip().lower() == AGENT) and _REFUSED & {d.strip().lower() for d in directives.split(",")}:
                return "fetch_x_robots_tag"
    if len(data) > MAX_BYTES:
        return "fetch_too_large"
    return data or "fetch_empty"


def _is_private(name: str) -> bool:
    try:
        return any(not ipaddress.ip_address(info[4][0]).is_global for info in socket.getaddrinfo(name, None))
    except (OSError, ValueError):
        return False  # what does not resolve fails by itself
