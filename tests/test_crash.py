"""kill -9 at any moment, again and again: what was begun is finished, with nothing lost and nothing there twice."""

from __future__ import annotations

import math
import random
import signal
import time
from pathlib import Path

import pytest

from hannun import collection
from hannun.index.edge import Edge
from hannun.index.engine import Layout, Words
from tests.conftest import Tally, child
from tests.faults import LONG
from tests.toy import Toy

N, KILLS = 600, 8 if LONG else 4

# What the children run; a little slowed, so that there is something to kill. Ranking by words would load Kiwi in each of them, which takes
# seconds: the long form does. (The store's own test, below, has words in each form.)
SETUP = f"""
import sys, time
from hannun import collection
from tests.conftest import draw, encoded
from tests.toy import Toy

class Slow:
    def __init__(self, toy): self.toy = toy
    def __getattr__(self, name): return getattr(self.toy, name)
    def encode_document(self, contents, *, instruction=None):
        time.sleep(0.1)
        return self.toy.encode_document(contents)

def rows():
    for i in range({N}):
        row = {{"id": str(i), "text": f"빨간 원피스 {{i}}", "n": i}}
        yield {{**row, "image": encoded(draw((i % 250, 9, 9), (8, 8)))}} if i % 10 == 0 else row

def finish(report):
    with open(sys.argv[2], "w") as done:
        print(report.added, report.unchanged, len(report.problems), file=done)
"""
INDEX = (
    SETUP
    + f"""
with collection.open(sys.argv[1], Slow(Toy()), words={LONG}) as c:
    if {LONG}:
        c.readings("준비")  # Korean words take seconds to be ready, once: the kills are to hit the writing
    print("open", flush=True)
    finish(c.add(rows()))
"""
)
REINDEX = (
    SETUP
    + """
with collection.open(sys.argv[1]) as c:
    print("open", flush=True)
    finish(c.reindex(Slow(Toy("2"))))
"""
)


def killed_again_and_again(code: str, path: Path, seed: int, longest: float) -> tuple[int, int, int, int]:
    """Kills that hit, and what the run that came through says of its items: added, unchanged, problems."""
    chance, hits = random.Random(seed), 0
    for attempt in range(KILLS + 1):
        process = child("-c", code, str(path), str(path.with_suffix(".done")))
        if attempt < KILLS:
            # Some are killed while they start and open, the others while they write.
            if attempt % 4 and process.stdout is not None:
                process.stdout.readline()
            time.sleep(chance.uniform(0, longest))
            process.kill()
        _, err = process.communicate(timeout=60)
        if process.returncode == -signal.SIGKILL:
            hits += 1
            continue
        assert process.returncode == 0, err
        added, unchanged, problems = map(int, path.with_suffix(".done").read_text().split())
        return hits, added, unchanged, problems
    raise AssertionError("unreachable")


def check(path: Path, encoder: Toy) -> None:
    with collection.open(path, encoder) as shop:
        found = [it.id for it in shop]
        assert len(found) == len(shop) == N and set(found) == {str(i) for i in range(N)}
        assert all(it.images[0].load().size == (8, 8) for it in shop if it.images)
        assert shop.search("빨간 원피스 123", limit=1)[0].id == "123"
        assert len(shop.search("원피스", where="n >= 100 and n < 300", limit=500)) == 200
        assert len({h.id for h in shop.search("원피스", limit=N)}) == N


@pytest.mark.parametrize("seed", [1])
def test_indexing(tmp_path: Path, seed: int, tally: Tally) -> None:
    # Half of what a whole run takes on this machine at this moment: some are killed late enough to have stored a part.
    whole = child("-c", INDEX, str(tmp_path / "whole"), str(tmp_path / "whole.done"))
    assert whole.stdout is not None
    whole.stdout.readline()
    awake = time.monotonic()
    whole.communicate(timeout=120)
    hits, added, unchanged, problems = killed_again_and_again(INDEX, tmp_path / "c", seed, longest=(time.monotonic() - awake) / 2)
    assert hits >= KILLS // 2 and added + unchanged == N and not problems
    tally("kills of index, at any moment", hits)
    assert unchanged > 0  # what the killed ones had done was not done again
    check(tmp_path / "c", Toy())


@pytest.mark.parametrize("seed", [2])
def test_reindexing(tmp_path: Path, seed: int, tally: Tally) -> None:
    with collection.open(tmp_path / "c", Toy(), words=LONG) as shop:
        shop.add({"id": str(i), "text": f"빨간 원피스 {i}", "n": i} for i in range(N))
    hits, added, unchanged, problems = killed_again_and_again(REINDEX, tmp_path / "c", seed, longest=0.5)
    assert hits >= KILLS // 2 and added + unchanged == N and not problems
    tally("kills of reindex, at any moment", hits)
    check(tmp_path / "c", Toy("2"))


# The store itself: adding, replacing, deleting and optimising at once, killed again and again.

STORE_KILLS = 50 if LONG else 10

# Every operation is told before and after; what was told after is acknowledged.
WRITE = """
import os, random, sys, threading
from pathlib import Path
import numpy as np
from hannun.index import edge
from hannun.index.engine import Layout, Point

edge.binding.INDEX_FROM = 1  # kilobytes, so that so few points are indexed at all
chance = random.Random(int(sys.argv[2]))
log = os.open(sys.argv[4], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def say(*words):
    os.write(log, (" ".join(map(str, words)) + "\\n").encode())

say("awake")
engine = edge.Edge(Path(sys.argv[1]), Layout(("text",), (16, 8)))

def optimising():
    while True:
        engine.optimise()
        say("optimised")

threading.Thread(target=optimising, daemon=True).start()
number = int(sys.argv[3])
while True:
    number += 1
    some = [str(chance.randrange(300)) for _ in range(chance.choice([1, 5, 20]))]
    adding = chance.random() < 0.7
    say("begin", number, int(adding), *some)
    if adding:
        rows = {i: Point(i, {"text": np.full(16, 0.25, np.float32)}, {"facts": {"n": number}}, words=("w", f"w{int(i) % 7}")) for i in some}
        engine.upsert(list(rows.values()))
    else:
        engine.delete(some)
    say("done", number)
"""


def told(log: Path, word: str) -> None:
    """Wait until a child has told a word."""
    for _ in range(3000):
        if log.exists() and word in log.read_text().split():
            return
        time.sleep(0.02)
    raise AssertionError(f"{word} was not told within a minute")


def test_a_store_killed_again_and_again(tmp_path: Path, tally: Tally) -> None:
    """Every acknowledged point is there with its last payload, none twice, and the words count what is there."""
    chance = random.Random(3)
    state: dict[str, int | None] = {}  # the number of the write that each id's payload must come from; None: deleted
    number, optimised, took = 0, 0, 1.0
    for kill in range(STORE_KILLS):
        log = tmp_path / f"{kill}.log"
        process = child("-c", WRITE, str(tmp_path / "shard"), str(kill), str(number), str(log))
        told(log, "awake")
        started = time.monotonic()
        if kill % 5 == 0:  # let it optimise once
            told(log, "optimised")
            took = time.monotonic() - started
        # Most are killed while they open, write and copy; some about the moment when the fresh generation comes in force.
        time.sleep(chance.uniform(0.8, 1.2) * took if kill % 5 == 1 else chance.uniform(0, 0.6))
        process.kill()
        _, err = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, err
        begun: tuple[int, bool, list[str]] | None = None
        for line in log.read_text().splitlines():
            match line.split():
                case ["begin", n, adding, *some]:
                    begun = (int(n), adding == "1", some)
                    number = int(n)
                case ["done", _] if begun is not None:
                    state |= dict.fromkeys(begun[2], begun[0] if begun[1] else None)
                    begun = None
                case ["optimised"]:
                    optimised += 1
        engine = Edge(tmp_path / "shard", Layout(("text",), (16, 8)))
        rows = [(str(p["id"]), int(p["facts"]["n"])) for p in engine.scan(["id", "facts"])]
        found = dict(rows)
        assert len(rows) == len(found) == engine.count()
        if begun is not None:  # what was not acknowledged may be there or not
            for i in begun[2]:
                if found.get(i) == (begun[0] if begun[1] else None):
                    state[i] = found.get(i)
        assert found == {i: n for i, n in state.items() if n is not None}
        hits = engine.query(Words(("w",), limit=1000, fields=()))
        assert {str(m.payload["id"]) for m in hits} == set(found)
        if hits:  # idf of a word that every point has, times tf / (tf + k1) at the average length
            assert hits[0].score == pytest.approx(math.log(1 + 0.5 / (len(found) + 0.5)), rel=1e-4)
        assert len(list((tmp_path / "shard").glob("g*"))) == 1  # leftovers are gone
        engine.close()
    tally("kills of a store that is written, deleted from and optimised at once", STORE_KILLS)
    assert number > STORE_KILLS and len(state) > 50 and optimised > 0
