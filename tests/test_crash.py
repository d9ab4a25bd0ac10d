"""kill -9 at any moment, again and again: what was begun is finished, with nothing lost and nothing there twice."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from hannun import collection
from tests.conftest import child
from tests.toy import Toy

N, KILLS = 600, 8

# What the children run; a little slowed, so that there is something to kill.
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
    + """
with collection.open(sys.argv[1], Slow(Toy())) as c:
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
def test_indexing(tmp_path: Path, seed: int) -> None:
    hits, added, unchanged, problems = killed_again_and_again(INDEX, tmp_path / "c", seed, longest=0.5)
    assert hits >= KILLS // 2 and added + unchanged == N and not problems
    assert unchanged > 0  # what the killed ones had done was not done again
    check(tmp_path / "c", Toy())


@pytest.mark.parametrize("seed", [2])
def test_reindexing(tmp_path: Path, seed: int) -> None:
    with collection.open(tmp_path / "c", Toy()) as shop:
        shop.add({"id": str(i), "text": f"빨간 원피스 {i}", "n": i} for i in range(N))
    hits, added, unchanged, problems = killed_again_and_again(REINDEX, tmp_path / "c", seed, longest=0.5)
    assert hits >= KILLS // 2 and added + unchanged == N and not problems
    check(tmp_path / "c", Toy("2"))
