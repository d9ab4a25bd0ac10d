"""Hostile pictures and bodies: each is answered, none crashes or hangs the service.

HANNUN_HOSTILE is how many are sent (80 when it is not set).
"""

from __future__ import annotations

import base64
import json
import os
import random
import struct
import time
import zlib
from collections.abc import Callable, Iterator

import httpx2
import PIL.Image

from tests.conftest import bomb, draw, encoded
from tests.serve.conftest import Start

COUNT = int(os.environ.get("HANNUN_HOSTILE", "80"))
KINDS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def lying(width: int, height: int) -> bytes:
    """A PNG whose head names a size that its data do not have."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def pictures(rng: random.Random) -> Iterator[bytes]:
    """Pictures that are cut off, flipped, padded, lying about their size, of other kinds, or no pictures at all."""
    whole = {kind: encoded(draw(seed=1, size=(64, 48)), kind) for kind in KINDS}
    fixed: list[bytes] = [
        b"",
        b"\0" * 1000,
        bomb(20_000),
        lying(100_000, 100_000),
        lying(2**31 - 1, 2**31 - 1),
        lying(0, 0),
        lying(1, 2_000_000),
        b"GIF89a" + b"\xff" * 500,
        b"\xff\xd8\xff\xe0" + b"\xff" * 5000,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(id) run",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"II*\0\x08\0\0\0" + b"\xff" * 200,
        b"MM\0*" + struct.pack(">I", 4) * 50,
        b"RIFF\xff\xff\xff\xffWEBPVP8L" + b"\xff" * 100,
        b"BM" + b"\xff" * 100,
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0" * 13) + chunk(b"zTXt", b"x\0\0" + zlib.compress(b"a" * 20_000_000)),
        b"PK\x03\x04" + bytes(200),
        b"\x7fELF" + bytes(200),
    ]
    yield from fixed
    palette = PIL.Image.new("P", (10, 10))
    yield encoded(palette, "GIF", save_all=True, append_images=[palette] * 200)
    exif = PIL.Image.Exif()
    exif[0x0112] = 99
    yield encoded(draw(), "JPEG", exif=exif)
    while True:
        data = bytearray(whole[rng.choice(KINDS)])
        match rng.randrange(4):
            case 0:
                del data[rng.randrange(len(data)) :]
            case 1:
                for _ in range(rng.randrange(1, 30)):
                    data[rng.randrange(len(data))] = rng.randrange(256)
            case 2:
                at = rng.randrange(len(data))
                data[at:at] = rng.randbytes(rng.randrange(1, 3000))
            case _:
                data[rng.randrange(min(40, len(data)))] ^= 1 << rng.randrange(8)
        yield bytes(data)


def bodies(rng: random.Random) -> Iterator[bytes]:
    """Bodies that are no JSON, too deep, too long, of other types, or full of odd characters."""
    yield from (
        b"",
        b"null",
        b"[" * 100_000,
        b'{"query":' * 5000 + b"1" + b"}" * 5000,
        b'{"query": "\\ud800"}',
        b'{"query": "' + b"\xff\xfe" * 100 + b'"}',
        b'{"query": "a", "limit": 1e999}',
        b'{"query": "a", "limit": ' + b"9" * 5000 + b"}",
        b'{"query": "a", "mix": NaN}',
        json.dumps({"query": "가" * 900_000}).encode(),
        json.dumps({"query": "\0\u202e\u200b\x1b[31m"}).encode(),
        json.dumps({"query": "a", "where": "(" * 20_000}).encode(),
        json.dumps({"query": "a", "where": "not " * 2000 + "a = 1"}).encode(),
        json.dumps({"query": "a", "where": " or ".join(f"a{n} = {n}" for n in range(900))}).encode(),
        json.dumps({"query": "-a " * 60}).encode(),
        json.dumps({"query": "a", "like": [{"id": "x"}] * 33}).encode(),
        json.dumps({"query": {"image": " " * 1_000_000 + "!"}}).encode(),
        json.dumps({"query": {"image": "data:" + ";a=b" * 100_000}}).encode(),
        json.dumps({"__proto__": {"a": 1}, "query": "a"}).encode(),
        json.dumps({"query": "a", "group_by": 'x"]}'}).encode(),
    )
    whole = json.dumps({"query": {"text": "빨간 원피스"}, "where": "price < 3", "limit": 5, "weights": [0.5, 0.5]}).encode()
    while True:
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        yield bytes(data)


def test_nothing_that_is_sent_crashes_or_hangs(start: Start) -> None:
    rng = random.Random(0)
    running = start(timeout=20, body=4 * 2**20, pixels=5_000_000)
    running.add({"id": "a", "text": "가"})
    sent: list[tuple[str, bytes]] = []
    shown, said = pictures(rng), bodies(rng)
    for n in range(COUNT):
        image = base64.b64encode(next(shown)).decode()
        wrap: list[Callable[[str], tuple[str, object]]] = [
            lambda i: ("/v1/search", {"query": {"image": i}}),
            lambda i: ("/v1/embeddings", {"input": [{"image": i}, "가"]}),
            lambda i: ("/v1/items?wait=10", {"items": [{"image": i, "id": "hostile"}]}),
            lambda i: ("/v1/rerank", {"query": "가", "documents": [{"image": i}]}),
        ]
        path, body = wrap[n % 4](image)
        sent.append((path, json.dumps(body).encode()))
        sent.append(("/v1/search" if n % 3 else "/v1/items", next(said)))
    statuses: set[int] = set()
    with httpx2.Client(base_url=running.url, trust_env=False, timeout=25) as client:
        for path, data in sent[:COUNT]:
            begun = time.monotonic()
            answer = client.post(path, content=data, headers={"content-type": "application/json"})
            assert answer.status_code < 500, (path, data[:200], answer.text)
            assert time.monotonic() - begun < 20, (path, data[:200])
            if answer.status_code >= 400:
                assert answer.json()["error"]["message"], data[:200]
            statuses.add(answer.status_code)
            time.sleep(0)
        assert {200, 400, 413, 422} - {413} <= statuses
        assert client.post("/v1/search", json={"query": "가"}).json()["hits"][0]["id"] == "a"
        until = time.monotonic() + 90
        while client.get("/v1/jobs").json()["unfinished"]:
            assert time.monotonic() < until
            time.sleep(0.02)
