"""Keys, rates, bounds, headers, and everything that a request may try to be."""

from __future__ import annotations

import contextlib
import json
import socket
import stat
import time
from pathlib import Path

import pytest

from hannun.errors import InputError, MissingError, StorageError
from hannun.serve.http import server
from hannun.serve.http.keys import Keys, Signer
from hannun.serve.http.settings import ServiceSettings
from tests.serve.conftest import Running, Start, picture


def raw(running: Running, request: bytes) -> bytes:
    """What the service answers to bytes as they are."""
    host, port = running.url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=1) as s, contextlib.suppress(OSError):  # an unfinished request gets no answer
        s.sendall(request)
        while piece := s.recv(65536):
            answer += piece
    return answer


def test_keys_are_hashed_and_private(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    sent = keys.add("가게", ["read"], rate=60)
    assert len(sent) > 40 and sent not in (tmp_path / "keys.json").read_text()
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    again = Keys(tmp_path / "keys.json")
    found = again.of(sent)
    assert found is not None and (found.name, found.scopes, found.rate) == ("가게", ("read",), 60)
    assert again.of(sent[:-1]) is None and again.of("") is None
    for wrong in (("가게", ["read"]), ("b", ["admin"]), (" ", ["read"]), ("b", []), ("a\nb", ["read"])):
        with pytest.raises(InputError):
            keys.add(*wrong)
    keys.revoke("가게")
    with pytest.raises(MissingError):
        keys.revoke("가게")
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(StorageError, match="not a file of keys"):
        Keys(tmp_path / "keys.json")


def test_scopes(start: Start, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    reader, writer = keys.add("reader", ["read"]), keys.add("writer", ["read", "write"])
    running = start(keys=tmp_path / "keys.json")
    ask = running.client.request
    body = {"items": [{"id": "a", "text": "가", "image": picture()}]}
    assert ask("GET", "/v1/collection").status_code == 401
    assert ask("GET", "/v1/collection", headers={"authorization": "Basic abc"}).status_code == 401
    assert ask("GET", "/v1/collection", headers={"authorization": "Bearer hn_wrong"}).headers["www-authenticate"] == "Bearer"
    may_read, may_write = ({"authorization": f"Bearer {k}"} for k in (reader, writer))
    for method, path in (("POST", "/v1/items"), ("DELETE", "/v1/items"), ("PATCH", "/v1/items"), ("DELETE", "/v1/items/a")):
        assert ask(method, path, json=body, headers=may_read).status_code == 403
    assert ask("POST", "/v1/items", json=body, headers=may_write, params={"wait": 10}).status_code == 200
    found = ask("POST", "/v1/search", json={"query": "가"}, headers=may_read)
    assert found.status_code == 200
    # An <img> sends no key: pictures are named by signed links. And machines that watch need none.
    links = found.json()["hits"][0]["images"][0]
    assert ask("GET", links["picture"]).status_code == 200 == ask("GET", links["thumbnail"]).status_code
    assert ask("GET", "/healthz").status_code == 200 and ask("GET", "/metrics").status_code == 401
    keys.revoke("reader")
    until = time.monotonic() + 90
    while ask("GET", "/v1/models", headers=may_read).status_code != 401:
        assert time.monotonic() < until
        time.sleep(0.05)
    keys.revoke("writer")  # the last one: the door stays shut
    while ask("GET", "/v1/models", headers=may_write).status_code != 401:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_rate_for_each_key(start: Start, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    slow, free = keys.add("slow", ["read"], rate=12), keys.add("free", ["read"])
    running = start(keys=tmp_path / "keys.json")
    answers = [running.client.get("/v1/models", headers={"authorization": f"Bearer {slow}"}) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 429, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 5 and answers[-1].json()["error"]["type"] == "rate_limit_error"
    assert all(running.client.get("/v1/models", headers={"authorization": f"Bearer {free}"}).status_code == 200 for _ in range(20))


def test_a_rate_without_keys_is_for_each_address(start: Start) -> None:
    running = start(rate=12)
    assert [running.client.get("/v1/models").status_code for _ in range(3)] == [200, 200, 429]
    assert running.client.get("/healthz").status_code == 200


def test_bodies_and_pictures_are_bounded(start: Start) -> None:
    running = start(body=20_000, pixels=1000)
    big = running.post("/v1/search", query="가" * 20_000)
    assert big.status_code == 413 and big.headers["connection"] == "close"

    def pieces() -> object:
        for _ in range(100):
            yield b"x" * 1000

    for _ in range(10):  # who is still sending reads why, too
        assert running.client.post("/v1/search", content=b"x" * 39_000, headers={"content-type": "application/json"}).status_code == 413
    chunked = running.client.post("/v1/search", content=pieces(), headers={"content-type": "application/json"})
    assert chunked.status_code == 413
    over = running.post("/v1/search", query={"image": picture(size=(40, 40))})
    assert over.status_code == 400 and "1,000 pixels" in over.json()["error"]["message"]
    job = running.client.post("/v1/items", params={"wait": 10}, json={"items": [{"id": "a", "image": picture(size=(40, 40))}]}).json()
    assert job["state"] == "failed" and "1,000 pixels" in job["error"]


def test_other_sites_and_other_names_are_not_answered(shop: Running) -> None:
    ask = shop.client.get
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""):
        assert ask("/v1/models", headers={"host": host}).status_code == 421  # a name that somebody else points here
    assert ask("/v1/models", headers={"host": "localhost:1"}).status_code == 200
    assert ask("/v1/models", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}).status_code == 403
    assert ask("/v1/models", headers={"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}).status_code == 200
    # A form of another site can post text/plain without being asked: nothing is taken from it.
    posted = shop.client.post("/v1/items", content=b'{"items":[{"id":"x","text":"x"}]}', headers={"content-type": "text/plain"})
    assert posted.status_code == 400
    searched = shop.client.post("/v1/search", content=b'{"query":"x"}', headers={"content-type": "text/plain"})
    assert searched.status_code == 422


def test_safe_headers_on_everything(shop: Running) -> None:
    for path in ("/", "/v1/models", "/nowhere", "/v1/items/nobody", "/healthz"):
        headers = shop.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"] and "server" not in headers
    assert "default-src 'none'" in shop.client.get("/v1/models").headers["content-security-policy"]
    assert "unsafe" not in shop.client.get("/").headers["content-security-policy"]


def test_request_ids_cannot_carry_anything_else(shop: Running) -> None:
    assert shop.client.get("/healthz", headers={"x-request-id": "abc-1.2_3"}).headers["x-request-id"] == "abc-1.2_3"
    for bad in ("a b", "x" * 65, 'a"b', "가".encode()):
        assert shop.client.get("/healthz", headers={b"x-request-id": bad}).headers["x-request-id"] != bad
    answer = raw(shop, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\r\n\tSet-Cookie: x=1\r\nConnection: close\r\n\r\n")
    assert b"set-cookie" not in answer.lower()
    # What a client names itself comes back nowhere in a head.
    name = "a\r\nX-Evil: 1"
    for answer_ in (shop.client.get("/v1/items/" + name.replace("\r", "%0d").replace("\n", "%0a")), shop.post("/v1/search", query=name)):
        assert "x-evil" not in answer_.headers


@pytest.mark.parametrize(
    "path", ["/web/../serve.py", "/web/..%2f..%2fcli%2fmain.py", "/web/%2e%2e/%2e%2e/errors.py", "/web//etc/passwd", "/web/..\\..\\x"]
)
def test_no_path_leads_out_of_the_page(shop: Running, path: str) -> None:
    answer = raw(shop, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ", 2)[1] in (b"404", b"400") and b"import" not in answer and b"root:" not in answer


def test_broken_requests_are_answered_or_dropped(shop: Running) -> None:
    for request in (
        b"GARBAGE\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        answer = raw(shop, request)
        assert not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 5")), (request[:40], answer[:100])
    assert shop.client.get("/healthz").status_code == 200


def test_signed_links(tmp_path: Path) -> None:
    signer = Signer(tmp_path / "secret")
    token = signer.sign("가:0:../../x")
    assert Signer(tmp_path / "secret").read(token) == "가:0:../../x"  # the same after a restart
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    for bad in (token[:-1], token + "A", "x." + token.split(".")[1], "", ".", "가.나"):
        with pytest.raises(MissingError):
            signer.read(bad)
    with pytest.raises(MissingError):
        Signer(tmp_path / "other").read(token)


@pytest.mark.parametrize("secret", [b"", b"short", b"\0" * 32, b"a" * 31 + b"\n"])
def test_a_secret_that_is_none_is_refused(tmp_path: Path, secret: bytes) -> None:
    (tmp_path / "secret").write_bytes(secret)
    with pytest.raises(StorageError, match=rf"{len(secret)} bytes, expected 32 random ones\); delete it and start again"):
        Signer(tmp_path / "secret")
    assert (tmp_path / "secret").read_bytes() == secret  # nothing is mended behind the owner's back


@pytest.mark.parametrize(
    "keys",
    [
        "",
        "[]",
        '{"keys": [{"name": "a", "ha',
        '{"keys": [{"name": "a", "hash": "", "scopes": ["read"]}]}',
        '{"keys": [{"name": "a", "hash": "%s", "scopes": "read"}]}' % ("0" * 64),
        '{"keys": [{"name": "a", "hash": "%s", "scopes": ["read"], "rate": "x"}]}' % ("0" * 64),
    ],
)
def test_a_damaged_file_of_keys_is_refused_at_the_start_and_changes_nothing_later(tmp_path: Path, keys: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(keys)
    with pytest.raises(StorageError, match="is not a file of keys"):
        Keys(file)
    file.unlink()
    sent = Keys(file).add("가게", ["read"])
    running = Keys(file)
    file.write_text(keys)  # torn while the service runs
    running._looked = 0.0
    assert running.of(sent) is not None and running.of("hn_other") is None and len(running) == 1


def test_no_key_left_is_no_open_door(start: Start, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    keys.add("one", ["read"])
    keys.revoke("one")
    assert start(keys=tmp_path / "keys.json").client.get("/v1/models").status_code == 401
    assert start(keys=tmp_path / "keys.json", without_keys=True).client.get("/v1/models").status_code == 200
    assert start(keys=tmp_path / "none.json").client.get("/v1/models").status_code == 200


def test_keys_and_secrets_are_on_the_disk_before_they_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    Keys(tmp_path / "keys.json").add("one", ["read"])
    assert len(synced) == 2  # the file and its folder
    Signer(tmp_path / "secret")
    assert len(synced) == 4


def test_other_machines_only_with_keys(tmp_path: Path, toy_models: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.conftest import toy

    monkeypatch.setattr("hannun.serve.http.service.load", toy)
    with pytest.raises(InputError, match="can be reached by other machines, and there are no keys"):
        server.serve(tmp_path / "a.hannun", ServiceSettings.of({}, host="0.0.0.0", port=0), create=True)
    assert ServiceSettings.of({}).host == "127.0.0.1"


def test_a_taken_address_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="cannot listen on"):
        server.serve(tmp_path / "a.hannun", ServiceSettings.of({}, port=taken.getsockname()[1]), create=True)
    assert not (tmp_path / "a.hannun").exists()


def test_settings_come_from_the_environment() -> None:
    made = ServiceSettings.of(
        {"HANNUN_PORT": "9000", "HANNUN_TIMEOUT": "2.5", "HANNUN_FETCH": "a.com, B.com", "HANNUN_THUMBNAILS": "no"}, port=None
    )
    assert (made.port, made.timeout, made.fetch, made.thumbnails) == (9000, 2.5, ("a.com", "b.com"), False)
    assert ServiceSettings.of({"HANNUN_PORT": "9000"}, port=1).port == 1
    for name, value in (("PORT", "x"), ("TIMEOUT", "-1"), ("THUMBNAILS", "maybe"), ("BATCH", "0")):
        with pytest.raises(InputError, match=f"HANNUN_{name}"):
            ServiceSettings.of({f"HANNUN_{name}": value})


def test_the_log_is_one_json_line_each(shop: Running, caplog: pytest.LogCaptureFixture) -> None:
    import logging

    from hannun.serve.http.logs import Lines

    record = logging.LogRecord("hannun.http", logging.INFO, "", 0, 'evil\n{"level":"x"}', (), None)
    record.fields = {"path": "/\nx", "id": "1"}
    line = Lines().format(record)
    assert "\n" not in line and json.loads(line)["path"] == "/\nx"
    with caplog.at_level(logging.INFO, "hannun.http"):
        id = shop.client.get("/v1/models").headers["x-request-id"]
    until = time.monotonic() + 90
    while not (found := [r for r in caplog.records if r.message == "request" and r.fields["id"] == id]):
        assert time.monotonic() < until
    assert found[0].fields["status"] == 200 and found[0].fields["path"] == "/v1/models"
