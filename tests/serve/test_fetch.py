"""What may be fetched by URL, and what never: the addresses behind names, redirects, and names that change their address."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from hannun.errors import InputError
from hannun.serve.http import fetch as module
from hannun.serve.http.fetch import Fetch, look_up, public
from tests.conftest import draw, encoded

PICTURE = encoded(draw())


@contextmanager
def site(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[tuple[int, list[str]]]:
    """A web site on this machine; the list has the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answer(self)

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def plain(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(PICTURE)))
    handler.end_headers()
    handler.wfile.write(PICTURE)


def redirect(to: str) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.end_headers()

    return answer


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets this machine count as a public one, where a test needs a site that may be fetched."""
    real = public
    monkeypatch.setattr(module, "public", lambda a, url: module.ipaddress.ip_address(a) if a == "127.0.0.1" else real(a, url))


def test_a_public_picture_comes(outside: None) -> None:
    with site(plain) as (port, asked):
        assert Fetch(["*"], look=lambda h, p: ["127.0.0.1"], ports=[port])(f"http://photos.test:{port}/a.png?x=1") == PICTURE
    assert asked == ["/a.png?x=1"]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "2130706433",  # decimal
        "0x7f000001",  # hex
        "0x7f.1",
        "017700000001",  # octal
        "0177.0.0.1",
        "127.1",  # short
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",  # carrier-grade NAT
        "169.254.169.254",  # the clouds' own secrets
        "2852039166",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",  # mapped
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",  # compatible
        "[64:ff9b::7f00:1]",  # NAT64
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",  # 6to4
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",  # Teredo
        "[fc00::1]",
        "[fd00::1]",
        "[fe80::1]",
        "[fe80::1%25lo]",
        "[ff02::1]",
        "[2001:db8::1]",
    ],
)
def test_no_notation_of_a_private_address_gets_through(host: str) -> None:
    reached = []
    with site(lambda handler: reached.append(handler.path)) as (port, _):
        for url in (f"http://{host}:{port}/", f"http://{host}/"):
            with pytest.raises(InputError):
                Fetch(["*"], ports=[80, 443, port], timeout=2)(url)
    assert not reached


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://example.com/",
        "ftp://example.com/a.jpg",
        "http://",
        "http:///a.jpg",
        "http://user:pass@example.com/a.jpg",
        "http://example.com@127.0.0.1/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com/\r\nX-Evil: 1",
        "http://example.com/a b",
        "http://example.com:22/",
        "http://example.com:99999/",
        "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
        "http://[::1/",
        "jar:http://example.com/",
    ],
)
def test_only_plain_urls_of_web_ports(url: str) -> None:
    def never(host: str, port: int) -> list[str]:
        raise AssertionError("a name was looked up")

    with pytest.raises(InputError):
        Fetch(["*"], look=never)(url)


def test_hosts_must_be_allowed() -> None:
    for allowed in ([], ["photos.example.com"]):
        with pytest.raises(InputError, match="may not be fetched"):
            Fetch(allowed)("http://other.example.com/a.jpg")
    with pytest.raises(InputError, match="not public"):
        Fetch(["inside.test"], look=lambda h, p: ["10.0.0.7"])("http://INSIDE.test./a.jpg")


def test_a_redirect_goes_through_the_same_door(outside: None) -> None:
    for target in ("http://169.254.169.254/latest/meta-data", "http://[::ffff:10.0.0.1]/", "file:///etc/passwd", "//10.0.0.1/"):
        with site(redirect(target)) as (port, _):
            look = {"photos.test": ["127.0.0.1"]}
            with pytest.raises(InputError):
                Fetch(["*"], look=lambda h, p, look=look: look.get(h) or look_up(h, p), ports=[80, port])(f"http://photos.test:{port}/")
    with site(plain) as (second, asked), site(redirect(f"http://b.test:{second}/b.png")) as (first, _):
        look_here = lambda h, p: ["127.0.0.1"]  # noqa: E731
        assert Fetch(["a.test", "b.test"], look=look_here, ports=[first, second])(f"http://a.test:{first}/") == PICTURE
        with pytest.raises(InputError, match="may not be fetched"):
            Fetch(["a.test"], look=look_here, ports=[first, second])(f"http://a.test:{first}/")
    assert asked == ["/b.png"]


def test_redirects_end(outside: None) -> None:
    with site(redirect("/again")) as (port, asked), pytest.raises(InputError, match="redirects"):
        Fetch(["*"], look=lambda h, p: ["127.0.0.1"], ports=[port])(f"http://a.test:{port}/")
    assert len(asked) == module.REDIRECTS + 1


def test_a_name_that_changes_its_address_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: public when checked, private when connected. The name is looked up once, and the checked address is used."""
    looked: list[str] = []
    connected: list[tuple[str, int]] = []

    def rebinding(host: str, port: int) -> list[str]:
        looked.append(host)
        return ["93.184.216.34"] if len(looked) == 1 else ["127.0.0.1"]

    def connect(address: tuple[str, int], timeout: float) -> None:
        connected.append(address)
        raise TimeoutError

    monkeypatch.setattr(module.socket, "create_connection", connect)
    with pytest.raises(InputError, match="cannot be fetched"):
        Fetch(["*"], look=rebinding)("http://rebind.test/a.jpg")
    assert looked == ["rebind.test"] and connected == [("93.184.216.34", 80)]


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(InputError, match="not public"):
        Fetch(["*"], look=lambda h, p: ["93.184.216.34", "10.0.0.1"])("http://mixed.test/a.jpg")


def test_too_large_too_slow_and_broken(outside: None) -> None:
    def large(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(64):
            handler.wfile.write(b"x" * 65536)

    def slow(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(15):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    def slow_head(handler: http.server.BaseHTTPRequestHandler) -> None:
        for letter in b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 40:
            handler.wfile.write(bytes([letter]))
            time.sleep(0.05)

    def missing(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_error(404)

    def broken(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"nonsense\r\n\r\n")

    for answer, says in ((large, "bytes"), (slow, "within"), (slow_head, "within"), (missing, "404"), (broken, "cannot be fetched")):
        with site(answer) as (port, _):
            begun = time.monotonic()
            with pytest.raises(InputError, match=says):
                Fetch(["*"], limit=100_000, timeout=0.5, look=lambda h, p: ["127.0.0.1"], ports=[port])(f"http://a.test:{port}/")
            assert time.monotonic() - begun < 5
