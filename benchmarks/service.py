"""A collection of 100,000 items goes in; what the service makes of the encoder's and the engine's own speed comes out.

    python benchmarks/service.py --work build/service [--only search,adding,batching,overload,memory,page] [--seconds 60] [--minutes 10]
    python benchmarks/service.py --only memory-parts      # half a minute; needs no large collection

Own client on loopback: 32 connections, each sends its next query when the last one is answered; no query comes twice, so that nothing
is remembered. The ceilings (encoder alone, engine alone, in one process without HTTP) are measured before and after, in the same run.
Needs no data: titles are drawn words, document vectors are seeded clusters, queries are encoded by mini.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from hannun import collection
from hannun.embeddings import Embeddings, unit
from hannun.encoder import Calibration
from hannun.item import Content, item
from hannun.mini.model import Mini

CLIENTS = 32
WORDS = (
    "빨간 파란 노란 하얀 검은 초록 보라 회색 분홍 갈색 남색 하늘색 베이지 주황 민트 은색",
    "줄무늬 체크 꽃무늬 민무늬 물방울 레이스 니트 데님 가죽 린넨 실크 면 울 벨벳 코듀로이 자수",
    "원피스 치마 코트 셔츠 바지 가방 신발 모자 목도리 장갑 재킷 조끼 양말 시계 반지 우산",
    "봄 여름 가을 겨울 사계절 환절기 장마철 한겨울",
)
COLOURS, PATTERNS, THINGS, SEASONS = (line.split() for line in WORDS)


def title(n: int) -> str:
    """The n-th of many different titles, four or five words long."""
    words = [COLOURS[n % 16], PATTERNS[n // 16 % 16], THINGS[n // 256 % 16], SEASONS[n // 4096 % 8], f"{n // 32768}호"]
    return " ".join(words)


class Known:
    """mini, whose document vectors are not made but drawn (seeded clusters): 100,000 of them in a minute. Queries are encoded."""

    def __init__(self, inner: Mini, queries: dict[str, Any] | None = None) -> None:
        self._inner, self._queries, self._rng = inner, queries, np.random.default_rng(0)
        self._centres = unit(self._rng.standard_normal((2000, 384)))
        self.name, self.fingerprint, self.dims, self.kinds, self.side = inner.name, inner.fingerprint, inner.dims, inner.kinds, 32
        self.calibration: Calibration = inner.calibration

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """By mini, or by heart."""
        if self._queries is not None:
            return Embeddings(np.stack([self._queries[item(c).text or ""] for c in contents]))
        return self._inner.encode_query(contents)

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Drawn."""
        near = self._centres[self._rng.integers(0, len(self._centres), len(contents))]
        return Embeddings(unit(near + 0.7 * unit(self._rng.standard_normal(near.shape))))


def build(work: Path, size: int) -> Path:
    """The collection, made once: every item has a title, a picture, a category and a price."""
    place = work / f"{size}.hannun"
    done = work / f"{size}.done"
    if not done.exists():
        work.mkdir(parents=True, exist_ok=True)
        dot = work / "dot.png"
        PIL.Image.new("RGB", (32, 32), (200, 30, 30)).save(dot)
        begun = time.perf_counter()
        with collection.open(place, Known(Mini())) as shop:
            have = len(shop)
            row = lambda n: {"id": str(n), "text": title(n), "image": dot, "category": THINGS[n // 256 % 16], "price": n % 997 * 100}  # noqa: E731
            shop.add(row(n) for n in range(have, size))
            print(f"{size:,} items added in {time.perf_counter() - begun:.0f} s", flush=True)
            shop.optimise()
        print(f"and indexed after {time.perf_counter() - begun:.0f} s", flush=True)
        done.touch()
    return place


# --------------------------------------------------------------------------------------------------------------- ceilings


def ceilings(place: Path, seconds: float, salt: int) -> tuple[float, float]:
    """Queries a second of the encoder alone (its best batch size) and of the engine alone (its best number of threads)."""
    mini = Mini()
    asked = queries(salt)
    mini.encode_query([next(asked) for _ in range(16)])
    best = 0.0
    for batch in (1, 4, 8, 16, 32):
        begun, count = time.perf_counter(), 0
        while (took := time.perf_counter() - begun) < seconds / 5:
            mini.encode_query([next(asked) for _ in range(batch)])
            count += batch
        best = max(best, count / took)
    words = [next(asked) for _ in range(int(400 * seconds))]  # more than will be asked: no word comes twice here either
    vectors = dict(zip(words, mini.encode_query(words).dense, strict=True))
    found, left = 0.0, iter(words)
    with collection.open(place, Known(mini, vectors)) as shop:
        for threads in (1, 2, 4):
            until = time.perf_counter() + seconds / 3

            def ask(until: float) -> int:
                n = 0
                while time.perf_counter() < until:
                    shop.search(next(left))
                    n += 1
                return n

            begun = time.perf_counter()
            with ThreadPoolExecutor(threads) as pool:
                count = sum(pool.map(ask, [until] * threads))
            found = max(found, count / (time.perf_counter() - begun))
    return best, found


def queries(salt: int) -> Iterator[str]:
    """Queries that never come twice."""
    n = salt * 10_000_019
    while True:
        n += 1
        yield f"{COLOURS[n * 7 % 16]} {PATTERNS[n * 5 % 16]} {THINGS[n * 3 % 16]} {n}"


# ----------------------------------------------------------------------------------------------------------------- client


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


# ------------------------------------------------------------------------------------------------------------------ parts


def search(place: Path, o: argparse.Namespace) -> None:
    """Text search by 32 clients, ceilings before and after."""
    first = ceilings(place, o.seconds / 4, 1)
    with service(place) as (port, _):
        got = asyncio.run(load(port, CLIENTS, o.seconds, 2))
    second = ceilings(place, o.seconds / 4, 3)
    encode, engine = ((a + b) / 2 for a, b in zip(first, second, strict=True))
    serial = 1 / (1 / encode + 1 / engine)
    print(f"ceilings (before/after): encoder {first[0]:.0f}/{second[0]:.0f} per s, engine {first[1]:.0f}/{second[1]:.0f} per s")
    print(f"1/(1/encode + 1/search) = {serial:.0f} per s; 0.8 of it = {0.8 * serial:.0f} per s")
    print("\n| clients | searches/s | p50 ms | p95 ms | p99 ms | p99/p50 | errors | of the ceiling |\n|---|---|---|---|---|---|---|---|")
    print(f"| {CLIENTS} | {got.line()} | {got.rate / serial:.2f} |", flush=True)


def adding(place: Path, o: argparse.Namespace) -> None:
    """The same while 10,000 items are added, and the same without, in one run."""
    with service(place) as (port, _):
        alone = asyncio.run(load(port, CLIENTS, o.seconds / 2, 4))

        async def both() -> tuple[Answers, tuple[float, int]]:
            asking = asyncio.create_task(load(port, CLIENTS, o.seconds, 5))
            added = await add(port, o.added)
            return await asking, added

        busy, (took, failed) = asyncio.run(both())
        again = asyncio.run(load(port, CLIENTS, o.seconds / 2, 6))
    print("| | searches/s | p50 ms | p95 ms | p99 ms | p99/p50 | errors |\n|---|---|---|---|---|---|---|")
    for name, got in (("before", alone), (f"while {o.added:,} items are added", busy), ("after", again)):
        print(f"| {name} | {got.line()} |")
    print(f"{o.added:,} items were added in {took:.0f} s ({o.added / took:.0f} per s), {failed} failed", flush=True)


def batching(place: Path, o: argparse.Namespace) -> None:
    """Batching on and off, in turns: searches, which the engine bounds, and embeddings, which the encoder bounds."""
    rows: dict[tuple[str, str], list[Answers]] = {}
    for turn in range(2):
        for name, batch in (("on (16)", "16"), ("off (1)", "1")):
            with service(place, HANNUN_BATCH=batch) as (port, _):
                for what, body in (("searches", asks), ("embeddings", embeds)):
                    got = asyncio.run(load(port, CLIENTS, o.seconds / 6, 7 + turn, body=body))
                    rows.setdefault((what, name), []).append(got)
    print("| | batching | a second | p50 ms | p95 ms | p99 ms | p99/p50 | errors |\n|---|---|---|---|---|---|---|---|")
    for (what, name), turns in sorted(rows.items(), reverse=True):
        for got in turns:
            print(f"| {what} | {name} | {got.line()} |", flush=True)


def overload(place: Path, o: argparse.Namespace) -> None:
    """More clients than the service takes: 429 with Retry-After, and as fast as before when they are gone."""
    with service(place, HANNUN_IN_FLIGHT="48") as (port, _):
        before = asyncio.run(load(port, CLIENTS, o.seconds / 4, 10))
        over = asyncio.run(load(port, 256, o.seconds / 4, 11, backoff=True))
        after = asyncio.run(load(port, CLIENTS, o.seconds / 4, 12))
    print("| clients | searches/s | p50 ms | p95 ms | p99 ms | p99/p50 | not 200 | by status |\n|---|---|---|---|---|---|---|---|")
    for name, got in (("32", before), ("256", over), ("32 again", after)):
        print(f"| {name} | {got.line()} | {got.status} |")
    print(f"every 429 had Retry-After: {over.retry_after}; recovered to {after.rate / before.rate:.2f} of before", flush=True)


def memory(place: Path, o: argparse.Namespace) -> None:
    """Memory of the process, minute by minute, under load."""
    with service(place) as (port, pid):
        seen: list[float] = []
        for minute in range(int(o.minutes) + 1):
            if minute:
                asyncio.run(load(port, CLIENTS, 60, 20 + minute))
            seen.append(resident(pid))
            print(f"after {minute} min: {seen[-1]:.0f} MB", flush=True)
    half = len(seen) // 2
    slope = statistics.linear_regression(range(len(seen) - half), seen[half:]).slope if len(seen) - half > 1 else 0.0
    print(f"growth over the second half: {slope:.2f} MB per minute")


_STEPS = """
import sys
from pathlib import Path

def told(step):
    status = Path("/proc/self/status").read_text()
    rss, own = (int(status.split(name)[1].split()[0]) / 1024 for name in ("VmRSS:", "RssAnon:"))
    print(f"{step}\t{rss:.0f}\t{own:.0f}", flush=True)

told("the interpreter")
import hannun.serve.http.app, hannun.serve.http.server, uvicorn
from hannun.serve.http.service import Service
told("with the service's modules")
import PIL.Image
from hannun.load import load
mini = load("mini")
mini.encode_document([{"image": PIL.Image.new("RGB", (224, 224))}])
told("with the picture tower, one picture encoded")
mini.encode_query(["\ube68\uac04 \uc6d0\ud53c\uc2a4"])
told("with the text tower, one query encoded")
from hannun.index import lexical
lexical.document("\ube68\uac04 \uc6d0\ud53c\uc2a4", ())
told("with Kiwi, one text analysed")
from hannun import collection
with collection.open(sys.argv[1], mini) as shop:
    shop.search("\ube68\uac04 \uc6d0\ud53c\uc2a4", words=0.3)
    told("with the engine open over a few items, searched once")
"""


def memory_parts(place: Path, o: argparse.Namespace) -> None:
    """What the memory of a service over a few items is made of, each part loaded after the last; and `hannun serve` itself."""
    few = o.work / "few.hannun"
    if not few.exists():
        o.work.mkdir(parents=True, exist_ok=True)
        with collection.open(few, Mini()) as shop:
            shop.add({"id": str(n), "text": title(n), "price": n} for n in range(20))
    done = subprocess.run([sys.executable, "-c", _STEPS, str(few)], capture_output=True, text=True, check=True)
    print("| loaded so far | resident MB | of it the process's own | more than before |\n|---|---|---|---|")
    before = 0
    for step, resident_, own in (line.split("\t") for line in done.stdout.splitlines()):
        print(f"| {step} | {resident_} | {own} | {int(resident_) - before} |", flush=True)
        before = int(resident_)
    with service(few) as (_, pid):
        status = Path(f"/proc/{pid}/status").read_text()
        whole = int(status.split("VmRSS:")[1].split()[0]) // 1024
        print(f"| `hannun serve`, after ten seconds of searches | {whole} | {resident(pid):.0f} | |")


def page(place: Path, o: argparse.Namespace) -> None:
    """The page in Chromium, nothing of it remembered from load to load: when its first words stand there."""
    from playwright.sync_api import sync_playwright

    where = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if where is None:
        print("no Chromium here: apt-get install chromium")
        return
    paints: list[float] = []
    with service(place) as (port, _), sync_playwright() as p:
        browser = p.chromium.launch(executable_path=where, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        for _ in range(7):
            context = browser.new_context()
            tab = context.new_page()
            tab.goto(f"http://127.0.0.1:{port}/")
            tab.wait_for_selector("#grid img")
            entries = "() => performance.getEntriesByType('paint').find(e => e.name == 'first-contentful-paint').startTime"
            paints.append(tab.evaluate(entries))
            context.close()
        browser.close()
    print(f"first contentful paint: median {statistics.median(paints):.0f} ms, most {max(paints):.0f} ms, of {len(paints)} cold loads")


PARTS: dict[str, Callable[[Path, argparse.Namespace], None]] = {
    "search": search,
    "adding": adding,
    "batching": batching,
    "overload": overload,
    "memory": memory,
    "page": page,
    "memory-parts": memory_parts,
}
_FEW = {"memory-parts"}  # parts that need no large collection


def main() -> None:
    """Parse the arguments, build the collection where it is not there, and print every part that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="not needed: everything is drawn")
    parser.add_argument("--work", type=Path, default=Path("build/service"), help="where the collection is made and kept")
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--added", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default=",".join(PARTS))
    o = parser.parse_args()
    names = o.only.split(",")
    place = o.work / f"{o.size}.hannun" if set(names) <= _FEW else build(o.work, o.size)
    for name in names:
        print(f"\n## {name}\n", flush=True)
        PARTS[name](place, o)


if __name__ == "__main__":
    main()
