"""A client of the service on loopback: searches, embeddings and items go out, answers by status and time come back."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import PIL.Image

from serving.drawn import queries, title

CLIENTS = 32


@dataclass
class Answers:
    """What came back, by status, and how long each took, in seconds."""

    took: list[float] = field(default_factory=list)
    status: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    retry_after: bool = True

    def line(self) -> str:
        """A row of a table."""
        t = sorted(self.took)
        p = {q: t[min(len(t) - 1, int(len(t) * q))] * 1e3 for q in (0.5, 0.95, 0.99)} if t else {0.5: 0, 0.95: 0, 0.99: 0}
        errors = sum(n for s, n in self.status.items() if s != 200)
        return f"{len(t) / self.seconds:.1f} | {p[0.5]:.0f} | {p[0.95]:.0f} | {p[0.99]:.0f} | {p[0.99] / max(p[0.5], 1e-9):.1f} | {errors}"

    @property
    def rate(self) -> float:
        """Answered searches a second."""
        return self.status.get(200, 0) / self.seconds


def request(body: dict[str, Any], path: str = "/v1/search") -> bytes:
    """A POST as bytes."""
    data = json.dumps(body, ensure_ascii=False).encode()
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
    )


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bytes]:
    """Status, head and body of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    low = head.lower()
    at = low.index(b"content-length:") + 15
    return int(head[9:12]), low, await reader.readexactly(int(low[at : low.index(b"\r\n", at)]))


def asks(query: str) -> bytes:
    """A search."""
    return request({"query": query})


def embeds(query: str) -> bytes:
    """The same words, only to be encoded."""
    return request({"model": "mini", "input": query}, "/v1/embeddings")


async def load(port: int, clients: int, seconds: float, salt: int, backoff: bool = False, body: Callable[[str], bytes] = asks) -> Answers:
    """Closed-loop load: each client asks again as soon as it is answered."""
    found, asked, until = Answers(), queries(salt), time.perf_counter() + seconds

    async def client() -> None:
        while time.perf_counter() < until:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while time.perf_counter() < until:
                begun = time.perf_counter()
                writer.write(body(next(asked)))
                status, head, _ = await answer(reader)
                found.status[status] = found.status.get(status, 0) + 1
                if status == 200:
                    found.took.append(time.perf_counter() - begun)
                elif status == 429:
                    found.retry_after &= b"retry-after:" in head
                    if backoff:
                        await asyncio.sleep(0.2)
                if b"connection: close" in head:
                    break
            writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    found.seconds = time.perf_counter() - begun
    return found


async def add(port: int, count: int, pictures: bool = False) -> tuple[float, int]:
    """Add so many items in jobs of 250; seconds until the last one is done, and how many failed."""
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    jobs: list[str] = []
    salt = time.time_ns() % 10**9
    out = io.BytesIO()
    for first in range(0, count, 250):
        rows: list[dict[str, Any]] = [
            {"id": f"new {salt} {n}", "text": f"{title(n)} {salt}", "price": n} for n in range(first, min(first + 250, count))
        ]
        if pictures:
            for row in rows:
                out.seek(0), out.truncate()
                PIL.Image.effect_noise((64, 64), 50).save(out, "JPEG")
                row["image"] = base64.b64encode(out.getvalue()).decode()
        while True:
            writer.write(request({"items": rows}, "/v1/items"))
            status, _, body = await answer(reader)
            if status in (200, 202):
                jobs.append(json.loads(body)["job"])
                break
            await asyncio.sleep(1)
    failed = 0
    for job in jobs:
        while True:
            writer.write(f"GET /v1/jobs/{job} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            _, _, body = await answer(reader)
            state = json.loads(body)
            if state["state"] in ("done", "failed"):
                failed += state["total"] - state["added"]
                break
            await asyncio.sleep(0.25)
    writer.close()
    return time.perf_counter() - begun, failed


@contextmanager
def service(place: Path, **environment: str) -> Iterator[tuple[int, int]]:
    """`hannun serve` as a process of its own: its port and its process id."""
    here = {**os.environ, "HANNUN_TIMEOUT": "60", **environment}
    command = [sys.executable, "-m", "hannun.serve.cli.main", "serve", str(place), "--port", "0", "--log", "warning"]
    process = subprocess.Popen(command, env=here, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        port = int(line.split("http://127.0.0.1:")[1].split()[0])
        asyncio.run(load(port, CLIENTS, 10, 99))  # the first queries load the towers and read the index from the disk
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(180)


def resident(pid: int) -> float:
    """Megabytes of memory that a process holds itself: pages of mapped files, which the system may take back, are not counted."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024
