"""A service with too little disk, slow clients, and damaged pictures beside good ones: nothing that was accepted is lost."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from hannun import collection
from tests.conftest import Tally, draw, encoded
from tests.faults import LONG
from tests.serve.conftest import Running, Start, picture, start  # noqa: F401

SLOW = 150 if LONG else 40
MEGABYTE = 2**20


def trickling(running: Running, path: str = "/v1/search") -> socket.socket:
    """A client that announces a body, sends a byte of it, and holds the rest back."""
    host, port = running.url.removeprefix("http://").split(":")
    s = socket.create_connection((host, int(port)), timeout=30)
    s.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{".encode())
    return s


def answered(s: socket.socket) -> bytes:
    """Everything that comes until the service closes the connection."""
    found = b""
    while piece := s.recv(65536):
        found += piece
    return found


def until(true: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_bodies_that_are_held_back_take_no_place_of_searches(start: Start, tally: Tally) -> None:  # noqa: F811
    tally("bodies held back", SLOW)
    running = start(in_flight=8, body_time=6.0 if LONG else 3.0)
    running.add({"id": "a", "text": "빨간 원피스"})
    with contextlib.ExitStack() as closing:
        slow = [closing.enter_context(trickling(running)) for _ in range(SLOW)]
        until(lambda: running.guard._receiving.count == SLOW)
        metrics = running.client.get("/metrics").text
        assert f"hannun_receiving {SLOW}.0" in metrics
        answers = [running.post("/v1/search", query=f"원피스 {n}") for n in range(20)]
        assert [a.status_code for a in answers] == [200] * 20 and answers[0].json()["hits"][0]["id"] == "a"
        told = [answered(s) for s in slow]  # each of them is told in the end, and cut off
    assert all(t.startswith(b"HTTP/1.1 408") and b"send all of it within" in t and b"connection: close" in t for t in told)
    until(lambda: running.guard._receiving.count == 0)
    assert f'hannun_refused_total{{reason="slow"}} {SLOW}.0' in running.client.get("/metrics").text


def test_a_body_has_to_come_at_a_rate(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("hannun.serve.http.receiving.PATIENCE", 1.0)
    running = start(body_rate=100)
    with trickling(running) as s:
        for _ in range(40):  # a byte now and then is no progress
            with contextlib.suppress(OSError):
                s.sendall(b" ")
            time.sleep(0.05)
        with contextlib.suppress(ConnectionError):
            assert answered(s).startswith(b"HTTP/1.1 408")
    until(lambda: 'reason="slow"} 1.0' in running.client.get("/metrics").text)

    def fast() -> Iterator[bytes]:
        yield b'{"query": "' + b"a" * 1000
        for _ in range(5):  # longer than a second, but at more than 100 bytes a second
            time.sleep(0.3)
            yield b"a" * 1000
        yield b'"}'

    assert running.client.post("/v1/search", content=fast(), headers={"content-type": "application/json"}).status_code == 200


def test_bodies_are_bounded_in_number_and_in_memory(start: Start) -> None:  # noqa: F811
    running = start(receiving=3, body=MEGABYTE, body_time=20.0)
    with contextlib.ExitStack() as closing:
        slow = [closing.enter_context(trickling(running)) for _ in range(3)]
        until(lambda: running.guard._receiving.count == 3)
        over = running.post("/v1/search", query="하나 더")
        assert over.status_code == 429 and over.headers["retry-after"] == "2"
        assert running.client.get("/v1/models").status_code == 200  # has no body
        for s in slow:
            s.close()
    until(lambda: running.guard._receiving.count == 0)
    running.guard._receiving._held = 8 * MEGABYTE  # what others' large bodies take
    large = running.client.post("/v1/search", content=b" " * 200_000, headers={"content-type": "application/json"})
    assert large.status_code == 429 and "large bodies" in large.json()["error"]["message"]
    assert running.post("/v1/search", query="짧은 말").status_code == 200
    running.guard._receiving._held = 0
    assert running.client.post("/v1/search", content=b" " * 200_000, headers={"content-type": "application/json"}).status_code == 422
    assert running.guard._receiving._held == 0  # given back with the answer


def test_a_client_that_goes_while_it_sends_leaves_nothing_behind(start: Start) -> None:  # noqa: F811
    running = start()
    with trickling(running, "/v1/items"):
        until(lambda: running.guard._receiving.count == 1)
    until(lambda: running.guard._receiving.count == 0)
    assert running.client.get("/v1/jobs").json()["jobs"] == []
    until(lambda: running.guard._at_work == 0)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 320 megabytes of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("a disk can be mounted by root on Linux only")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=320m", "tmpfs", str(place)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"nothing may be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def filled(place: Path, name: str, leave: int) -> Path:
    """A file that leaves so many bytes of a disk free."""
    disk = os.statvfs(place)
    file = place / name
    with file.open("wb") as f:
        os.posix_fallocate(f.fileno(), 0, disk.f_bavail * disk.f_frsize - leave)
    return file


def test_every_202_on_a_full_disk_is_there_once_there_is_room(
    start: Start,  # noqa: F811
    small: Path,
    monkeypatch: pytest.MonkeyPatch,
    tally: Tally,
) -> None:
    monkeypatch.setattr("hannun.serve.http.jobs._LONGEST", 0.5)
    running = start(small / "shop.hannun")
    running.add({"id": "first", "text": "처음"})
    filler = filled(small, "filler", 8 * MEGABYTE)
    accepted, refused = ["first"], 0
    for n in range(12):  # a megabyte each
        answer = running.post("/v1/items", items=[{"id": f"{n}", "text": "말 " * 250_000}])
        assert answer.status_code in (202, 507), answer.text
        if answer.status_code == 507:
            refused += 1
            assert "free some space, then send it again" in answer.json()["error"]["message"]
        else:
            accepted.append(f"{n}")
    assert refused and len(accepted) > 3
    until(lambda: running.client.get("/v1/jobs").json()["jobs"][-2]["attempts"] > 1)
    waiting = running.client.get("/v1/jobs").json()
    assert waiting["unfinished"] == len(accepted) - 1
    assert str(small) not in str(waiting) and "the disk is full" in waiting["jobs"][-2]["error"]
    assert running.post("/v1/search", query="처음").status_code == 200
    running.stop()
    filler.unlink()
    again = start(small / "shop.hannun")
    until(lambda: not again.client.get("/v1/jobs").json()["unfinished"])
    assert {i.id for i in again.service.collection} == set(accepted)
    tally("items answered 202 on a full disk, all of them kept", len(accepted))
    again.stop()


def damaged() -> bytes:
    """A good picture whose EXIF block is zeros."""
    return encoded(draw(seed=7, size=(64, 48)), "JPEG", exif=b"Exif\0\0" + bytes(100))


@pytest.mark.parametrize("form", ["files", "rows"])
def test_a_damaged_picture_takes_no_good_row_with_it(start: Start, form: str) -> None:  # noqa: F811
    """What cannot be read is told; damaged metadata alone must not keep a picture out, and neither one keeps the others out."""
    running = start()
    good, odd, cut = encoded(draw(seed=1)), damaged(), encoded(draw(seed=2, size=(64, 48)), "JPEG")[:200]
    sent = {"good.png": good, "odd.jpg": odd, "cut.jpg": cut}
    if form == "files":
        files = [("files", (name, io.BytesIO(data), "image/jpeg")) for name, data in sent.items()]
        job = running.client.post("/v1/items", params={"wait": 20}, files=files).json()
    else:
        rows = [{"id": name, "file": name, "image": base64.b64encode(data).decode()} for name, data in sent.items()]
        job = running.client.post("/v1/items", params={"wait": 20}, json={"items": rows}).json()
    there = {i.facts["file"] for i in running.service.collection}
    assert job["state"] == "done" and "good.png" in there, job
    assert len(there) == job["added"] and job["problem_count"] == 3 - job["added"] >= 1
    assert "cut.jpg" not in there and all(p["reason"] for p in job["problems"])


def test_no_answer_tells_where_files_lie(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Pictures and texts of a folder with a telling name, with ids of the owner's own: no answer has a piece of it."""
    secret = tmp_path / "secret folder" / "inner"
    secret.mkdir(parents=True)
    for n in range(3):
        (secret / f"{n}.png").write_bytes(encoded(draw(seed=n)))
    place = secret / "shop.hannun"
    with collection.open(place, words=False) as made:
        made.add([{"id": f"p{n}", "text": "빨간 원피스", "image": secret / f"{n}.png", "price": n} for n in range(3)])
    running = start(place)
    for n in range(2):
        (secret / f"{n}.png").unlink()
    seen: list[str] = []

    def look(method: str, path: str, **more: Any) -> Any:
        answer = running.client.request(method, path, **more)
        seen.append(f"{path}\n{answer.headers}\n{answer.text}")
        return answer

    links = look("GET", "/v1/items/p0").json()["images"][0]
    for path in ("/", "/openapi.json", "/v1/collection", "/v1/facets", "/v1/map", "/v1/items", "/v1/items/nobody", "/v1/jobs"):
        look("GET", path)
    for path in ("/v1/jobs/x", "/v1/models", "/metrics", "/readyz", "/nowhere", links["picture"], links["thumbnail"], "/web/../x"):
        look("GET", path)
    for body in (
        {"query": "빨간", "explain": True},
        {"query": {"image": picture(seed=1)}, "explain": True},
        {"like": [{"id": "p0"}]},
        {"like": [{"id": "nobody"}]},
        {"query": "a", "where": "price <"},
        {"query": "a", "where": "colour = 1", "group_by": "colour"},
        {"query": {"image": "/etc/passwd"}},
    ):
        look("POST", "/v1/search", json=body)
    look("POST", "/v1/explain", json={"query": "빨간", "id": "p0"})
    look("POST", "/v1/embeddings", json={"input": [{"image": "bm8="}]})
    look("POST", "/v1/items", params={"wait": 10}, json={"items": [{"id": "x", "image": "bm8="}, {"id": "y", "text": "가"}]})
    look("POST", "/v1/items", params={"wait": 10}, files=[("files", ("a.jpg", io.BytesIO(b"no picture"), "image/jpeg"))])
    look("PATCH", "/v1/items", params={"wait": 10}, json={"facts": {"a": 1}, "ids": ["p1"]})
    for error in (OSError(28, "No space left on device", str(secret / "x")), RuntimeError(f"cannot open {place}/shard-1/wal")):

        def fails(self: object, *a: object, error: Exception = error, **k: object) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(type(running.service.collection), "delete", fails)
            patch.setattr(type(running.service.collection), "search", fails)
            look("DELETE", "/v1/items/p2", params={"wait": 0.5})
            look("POST", "/v1/search", json={"query": "a"})
            look("GET", "/v1/jobs")
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", lambda a, b: (_ for _ in ()).throw(OSError(30, "Read-only file system")))
        look("POST", "/v1/items", json={"items": [{"id": "x", "text": "가"}]})
    look("DELETE", "/v1/items", params={"wait": 10}, json={"ids": ["p1"]})
    told = [s for s in seen if re.search(r"secret|inner|" + re.escape(str(tmp_path)), s)]
    assert not told and len(seen) > 30


def test_pictures_of_the_tests_are_what_they_say() -> None:
    """The damaged one is a picture: its pixels can be read."""
    assert PIL.Image.open(io.BytesIO(damaged())).convert("RGB").size == (64, 48)
