"""What the embedded store does beyond the contract: optimising beside other work, first-format shards, damaged and full disks."""

from __future__ import annotations

import json
import math
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import qdrant_edge as qe

from hannun import checksums
from hannun.embeddings import unit
from hannun.errors import CollectionBusy, InputError, StorageError
from hannun.index import request as form
from hannun.index.edge import Edge, binding, generations
from hannun.index.engine import Layout, Plan, Point, Words

LAYOUT = Layout(("text", "image"), (16, 8))


def point(n: int, **facts: object) -> Point:
    rows = unit(np.random.default_rng(n).standard_normal((2, 16)))
    return Point(str(n), {"text": rows[0], "image": rows[1]}, {"facts": {"n": n, **facts}}, words=("w", f"w{n % 5}"))


def plan(n: int) -> Plan:
    return Plan(point(n).vectors["text"], {"text": 1.0}, {"text": 1.0})


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few points are indexed too."""
    monkeypatch.setattr(binding, "INDEX_FROM", 1)


def test_others_go_on_while_the_index_is_built(tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything written meanwhile is in the fresh generation: added, replaced, deleted, updated."""
    monkeypatch.setattr(generations, "CHILD", "import time; time.sleep(0.5)\n" + generations.CHILD)  # so that there is a meanwhile
    store = Edge(tmp_path / "s", LAYOUT)
    store.upsert([point(n) for n in range(400)])
    worker = threading.Thread(target=store.optimise)
    worker.start()
    added = 400
    while worker.is_alive():
        store.upsert([point(added), point(added % 100, again=True)])
        store.delete([str(200 + added % 50)])
        store.update([Point(str(300 + added % 50), {}, {"facts": {"n": -1}}, words=("neu",))])
        assert store.query(plan(150))[0].payload["id"] == "150"
        added += 1
    worker.join()
    assert store._generation == "g2" and added > 405
    gone = {200 + n % 50 for n in range(400, added)}
    updated = {300 + n % 50 for n in range(400, added)}
    found = {int(p["id"]): p["facts"] for p in store.scan(["id", "facts"])}
    assert found.keys() == set(range(added)) - gone
    assert all(found[n % 100] == {"n": n % 100, "again": True} for n in range(400, added))
    assert all(found[n] == {"n": -1} for n in updated)
    assert {int(m.payload["id"]) for m in store.query(Words(("neu",), limit=100))} == updated
    assert store.query(plan(added - 1))[0].payload["id"] == str(added - 1)
    store.close()
    again = Edge(tmp_path / "s")
    assert again.count() == len(found) and [f.name for f in (tmp_path / "s").glob("g*")] == ["g2"]
    again.close()


def test_closing_ends_an_optimisation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generations, "CHILD", "import time; time.sleep(60)")
    store = Edge(tmp_path / "s", LAYOUT)
    store.upsert([point(1)])
    worker = threading.Thread(target=store.optimise)
    worker.start()
    while store._child is None:
        time.sleep(0.01)
    store.close()
    worker.join(timeout=20)
    assert not worker.is_alive()
    with Edge_(tmp_path / "s") as again:
        assert again.count() == 1 and again._generation == "g1" and len(list((tmp_path / "s").glob("g*"))) == 1


class Edge_:
    """`with` for a store."""

    def __init__(self, folder: Path, layout: Layout | None = None) -> None:
        self.store = Edge(folder, layout)

    def __enter__(self) -> Edge:
        return self.store

    def __exit__(self, *_: object) -> None:
        self.store.close()


def test_an_optimisation_that_fails_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Edge_(tmp_path / "s", LAYOUT) as store:
        store.upsert([point(n) for n in range(5)])
        for code in ("raise OSError('No space left on device')", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"):
            monkeypatch.setattr(generations, "CHILD", code)
            with pytest.raises(StorageError, match=r"could not be optimised .*it is as it was"):
                store.optimise()
        assert store.count() == 5 and [f.name for f in (tmp_path / "s").glob("g*")] == ["g1"]
        store.upsert([point(6)])
        assert store.count() == 6


def test_an_optimisation_needs_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Edge_(tmp_path / "s", LAYOUT) as store:
        store.upsert([point(1)])
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr("shutil.disk_usage", lambda _: type(usage)(usage.total, usage.total, 2**20))
        with pytest.raises(StorageError, match="the disk is full"):
            store.optimise()
        with pytest.raises(StorageError, match="the disk is full"):
            store.upsert([point(2)])
        assert store.query(plan(1))[0].payload["id"] == "1"
        monkeypatch.undo()
        store.optimise()
        assert store._generation == "g2" and store.count() == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_about_the_change_of_generations(tmp_path: Path, moment: str) -> None:
    """A second generation beside the one in force, and `current` not yet or just written: both open whole, the other one goes."""
    with Edge_(tmp_path / "s", LAYOUT) as store:
        store.upsert([point(1)])
    (tmp_path / "s" / "checksums.json").unlink()  # a killed process leaves none
    shutil.copytree(tmp_path / "s" / "g1", tmp_path / "s" / "g2")
    if moment == "after":
        (tmp_path / "s" / "current").write_text("g2")
    else:
        shutil.rmtree(tmp_path / "s" / "g2" / "segments")  # half copied
        (tmp_path / "s" / "current.part").write_text("g")
    with Edge_(tmp_path / "s") as store:
        assert store.count() == 1 and store._generation == ("g2" if moment == "after" else "g1")
        assert len(list((tmp_path / "s").glob("g*"))) == 1


def test_the_sums_of_lengths_are_there_after_closing_and_counted_after_a_crash(tmp_path: Path, small: None) -> None:
    with Edge_(tmp_path / "s", LAYOUT) as store:
        store.upsert([point(n) for n in range(60)])
        store.optimise()
        store.delete(["1", "2"])
        before = [(m.payload["id"], m.score) for m in store.query(Words(("w3", "w"), limit=60))]
    file = tmp_path / "s" / "words.json"
    assert checksums.verified(file.read_bytes()) == {"stale": True, "sums": {"w": [58, 116], "c": [0, 0]}}
    file.unlink()  # as a killed process leaves it
    with Edge_(tmp_path / "s") as store:
        assert [(m.payload["id"], pytest.approx(m.score)) for m in store.query(Words(("w3", "w"), limit=60))] == before
        store.upsert([point(1), point(2)])
        assert not file.exists()
    assert json.loads(file.read_text())["sums"] == {"w": [60, 120], "c": [0, 0]}


def test_the_top_by_words_is_exact_after_many_deletes(tmp_path: Path, small: None) -> None:
    """The engine's old frequencies choose 200 points to be weighed anew; half the store is gone, and of one word nearly all."""
    random = np.random.default_rng(0)
    documents = {str(n): [f"w{min(int(x), 400)}" for x in random.exponential(60, random.integers(3, 40))] for n in range(3000)}
    vector = np.full(16, 0.25, np.float32)
    with Edge_(tmp_path / "s", LAYOUT) as store:
        store.upsert([Point(i, {"text": vector}, {}, tuple(d)) for i, d in documents.items()])
        store.optimise()
        gone = [i for i, d in documents.items() if random.random() < (0.98 if "w5" in d else 0.4)]
        store.delete(gone)
        left = {i: Counter(d) for i, d in documents.items() if i not in set(gone)}
        having = Counter(t for d in left.values() for t in d)
        average = sum(d.total() for d in left.values()) / len(left)
        for seed in range(40):
            query = ("w5", *(f"w{n}" for n in np.random.default_rng(seed).integers(0, 120, 2)))
            truth = sorted((-_bm25(d, query, having, len(left), average), i) for i, d in left.items() if any(t in d for t in query))[:10]
            found = store.query(Words(query))
            assert [m.score for m in found] == pytest.approx([-s for s, _ in truth], abs=1e-5)
            assert [m.payload["id"] for m in found] == [i for _, i in truth]


def _bm25(document: Counter[str], query: Sequence[str], having: Counter[str], points: int, average: float) -> float:
    total = 0.0
    for t in {t for t in query if t in document}:
        idf = math.log(1 + (points - having[t] + 0.5) / (having[t] + 0.5))
        total += idf * document[t] * 2.2 / (document[t] + 1.2 * (0.25 + 0.75 * document.total() / average))
    return total


def test_a_shard_of_the_first_format_opens(tmp_path: Path) -> None:
    first = tmp_path / "s"
    vectors = {p: qe.EdgeVectorParams(size=16, distance=qe.Distance.Dot) for p in ("text", "image")}
    old = qe.EdgeShard.create(str(_made(first)), qe.EdgeConfig(vectors=vectors))
    points = [point(n, yes=True) for n in range(450)]
    for p in points:
        p.vectors.pop("image") if int(p.id) % 2 else None  # type: ignore[attr-defined]
    rows = [
        qe.Point(
            form.uid(p.id),
            {n: v.tolist() for n, v in p.vectors.items()},
            {**p.payload, "id": p.id, "_t": 1, "_i": 0, "_ti": 0.0, "_truths": {}},
        )
        for p in points
    ]
    old.update(qe.UpdateOperation.upsert_points(rows))
    old.flush()
    old.close()
    with pytest.raises(StorageError, match="early Hannun"):
        Edge(first)
    for _ in range(2):
        with Edge_(first, LAYOUT) as store:
            found = {p.id: p for p in store.points()}
            assert len(found) == 450 and all(found[p.id].payload == {**p.payload, "id": p.id} for p in points)
            assert all(found[p.id].vectors.keys() == p.vectors.keys() for p in points)
            query = points[6].vectors["text"]
            even = Plan(query, {"text": 0.5, "image": 0.5}, {"text": 1, "image": 1, "text+image": 1}, limit=450)
            scores = {m.payload["id"]: m.score for m in store.query(even)}
            for p in points[:20]:
                truth = float(query @ unit(np.sum(list(p.vectors.values()), axis=0)))
                assert scores[p.id] == pytest.approx(truth, abs=1e-5)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["s"]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_rewriting_that_was_killed_at_its_end_is_finished(tmp_path: Path) -> None:
    with Edge_(tmp_path / "s", LAYOUT) as store:
        store.upsert([point(1)])
    os.replace(tmp_path / "s", tmp_path / "s.new")
    (tmp_path / "s.format-1").mkdir()
    with Edge_(tmp_path / "s", LAYOUT) as store:
        assert store.count() == 1
    assert sorted(f.name for f in tmp_path.iterdir()) == ["s"]


def test_a_second_opener_is_told_what_to_do(tmp_path: Path) -> None:
    with Edge_(tmp_path / "s", LAYOUT), pytest.raises(CollectionBusy, match="hannun serve"):
        Edge(tmp_path / "s")


@pytest.mark.parametrize("file", ["current", "layout.json"])
def test_damaged_files_are_told(tmp_path: Path, file: str) -> None:
    Edge(tmp_path / "s", LAYOUT).close()
    (tmp_path / "s" / file).write_text("{")
    with pytest.raises(StorageError):
        Edge(tmp_path / "s")


def test_no_store_without_a_layout(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no store is there"):
        Edge(tmp_path / "none")
    with pytest.raises(InputError):
        Edge(tmp_path / "bad", Layout(("text",), (8, 16)))
    assert not (tmp_path / "bad").exists()


def test_vectors_come_as_they_were_stored_and_may_be_written_to() -> None:
    """Single precision numbers pass through Python's doubles unchanged; a matrix of token vectors and an empty list too."""
    rows = np.random.default_rng(0).normal(size=(3, 384)).astype(np.float32)
    rows[0, :4] = 0, -0.0, np.float32(1e-42), np.finfo(np.float32).max
    for wanted in (rows[0], rows, rows[:0, 0]):
        given = binding.floats(wanted.tolist())
        assert given.dtype == np.float32 and given.shape == wanted.shape and given.tobytes() == wanted.tobytes()
        given += 1
