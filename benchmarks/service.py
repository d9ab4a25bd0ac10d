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
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hannun import collection
from hannun.mini.model import Mini
from serving.client import CLIENTS, Answers, add, asks, embeds, load, resident, service
from serving.drawn import Known, build, queries, title

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
