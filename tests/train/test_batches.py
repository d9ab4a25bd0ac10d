"""Batches: the mix of sources, and that nothing appears twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")

from hannun.errors import InputError
from hannun.item import Item, Pair, Text
from hannun.train.batches import Batch, Mixture, distinct, draw, from_pairs, from_shards, shares, without_twins
from tests.conftest import shard


def test_shares_by_size_evenly_and_weighted() -> None:
    sizes = {"a": 16, "b": 1, "none": 0}
    assert shares(sizes, 1) == {"a": pytest.approx(16 / 17), "b": pytest.approx(1 / 17)}
    assert shares(sizes, 2) == {"a": pytest.approx(4 / 5), "b": pytest.approx(1 / 5)}
    assert shares(sizes, 2, {"b": 4.0}) == {"a": pytest.approx(1 / 2), "b": pytest.approx(1 / 2)}


def test_a_batch_follows_from_seed_and_step() -> None:
    odds = {"a": 0.5, "b": 0.5}
    assert [draw(i, 7, odds)[0] for i in range(50)] == [draw(i, 7, odds)[0] for i in range(50)]
    assert {draw(i, 7, odds)[0] for i in range(50)} == {"a", "b"}
    assert (distinct(range(9), 9, draw(3, 7, odds)[1]) == distinct(range(9), 9, draw(3, 7, odds)[1])).all()


def test_distinct_is_cut_to_what_there_is() -> None:
    rows = distinct([4, 5, 6], 10, np.random.default_rng(0))
    assert sorted(rows.tolist()) == [4, 5, 6]


def test_twins_are_left_out_in_order() -> None:
    assert without_twins(np.array([10, 11, 12, 13]), [2, 1, 2, 3]).tolist() == [10, 11, 13]


# ------------------------------------------------------------------------------------------------------------- the mixture


def pairs(name: str, count: int, twins: int = 1) -> list[Pair]:
    """Pair i asks for positive i // twins."""
    return [Pair(words(f"{name} q{i}"), words(f"{name} p{i // twins}"), (), name) for i in range(count)]


def words(text: str) -> Item:
    return Item(text, (Text(text),))


def ids(batch: Batch) -> list[str]:
    return [p.query.id for p in batch.pairs]


def test_every_pair_comes_once_in_an_epoch() -> None:
    mixture = Mixture([from_pairs("a", pairs("a", 30))], 8, seed=1)
    first = [q for _ in range(15) for q in ids(mixture.next())]  # 120 pairs: four epochs
    for epoch in range(4):
        assert sorted(first[epoch * 30 : epoch * 30 + 30]) == sorted(p.query.id for p in pairs("a", 30))
    assert first[:30] != first[30:60]


def test_no_positive_comes_twice_in_a_batch_and_its_twin_is_not_lost() -> None:
    mixture = Mixture([from_pairs("a", pairs("a", 40, twins=2))], 8, seed=1)
    seen: list[str] = []
    for _ in range(10):
        batch = mixture.next()
        positives = [p.positive.id for p in batch.pairs]
        assert len(set(positives)) == len(positives)
        seen += ids(batch)
    assert set(seen) == {p.query.id for p in pairs("a", 40)}


def test_a_batch_is_of_one_source_or_of_blocks() -> None:
    sources = [from_pairs("a", pairs("a", 50)), from_pairs("b", pairs("b", 50))]
    alone = Mixture(sources, 8, seed=1)
    assert all(len({p.source for p in alone.next().pairs}) == 1 for _ in range(10))
    blocks = Mixture(sources, 8, seed=1, block=2)
    several = [blocks.next() for _ in range(10)]
    assert all(len({p.source for p in b.pairs[i : i + 2]}) == 1 for b in several for i in range(0, 8, 2))
    assert any(len({p.source for p in b.pairs}) == 2 for b in several)


def test_a_resumed_mixture_goes_on_where_it_was() -> None:
    def fresh() -> Mixture:
        return Mixture([from_pairs("a", pairs("a", 23, twins=3)), from_pairs("b", pairs("b", 9))], 6, seed=4, block=3)

    whole = fresh()
    before = [ids(whole.next()) for _ in range(7)]
    state = json.loads(json.dumps(whole.state()))
    after = [ids(whole.next()) for _ in range(9)]
    resumed = fresh()
    resumed.restore(state)
    assert [ids(resumed.next()) for _ in range(9)] == after and before != after
    with pytest.raises(InputError, match="was made with the sources"):
        Mixture([from_pairs("c", pairs("c", 9))], 6).restore(state)


def captions(path: Path, count: int, start: int = 0) -> Path:
    """A shard of pictures with a text each."""
    pairs = [
        ((f"{n:03}.jpg", b"not decoded here"), (f"{n:03}.json", json.dumps({"text": f"말 {n}"}).encode()))
        for n in range(start, start + count)
    ]
    return shard(path, *(file for pair in pairs for file in pair))


def test_shards_stream_window_by_window_and_resume(tmp_path: Path) -> None:
    paths = [captions(tmp_path / f"{n}.tar", 5, 5 * n) for n in range(4)]

    def fresh() -> Mixture:
        return Mixture([from_shards("s", paths, window=2)], 4, seed=3)

    whole = fresh()
    assert whole.sources["s"].size == 20
    first = [q for _ in range(5) for q in ids(whole.next())]
    assert len(set(first)) == 20  # one epoch
    halves = [{int(q[:3]) // 10 for q in first[:10]}, {int(q[:3]) // 10 for q in first[10:]}]
    assert all(len(h) == 1 for h in halves)  # a window at a time is open
    whole = fresh()
    for _ in range(3):
        whole.next()
    resumed = fresh()
    resumed.restore(whole.state())
    assert [ids(resumed.next()) for _ in range(6)] == [ids(whole.next()) for _ in range(6)]


def test_a_record_that_is_no_pair_is_left_out(tmp_path: Path) -> None:
    path = shard(captions(tmp_path / "a.tar", 3), ("zzz.json", b"{}"), mode="a")
    mixture = Mixture([from_shards("s", [path])], 4)
    assert len(mixture.next().pairs) == 3


def test_small_sources_and_batches() -> None:
    mixture = Mixture([from_pairs("a", pairs("a", 5))], 64)
    assert mixture.small() == ["the source 'a' has 5 pairs, fewer than the batch of 64: its batches hold all of them"]
    assert [len(mixture.next().pairs) for _ in range(3)] == [5, 5, 5]
    with pytest.raises(InputError, match="a batch of 1"):
        Mixture([from_pairs("a", pairs("a", 5))], 1)
    with pytest.raises(InputError, match="has 1 pairs"):
        Mixture([from_pairs("a", pairs("a", 1))], 4)
    with pytest.raises(InputError, match="no source"):
        Mixture([], 4)
    with pytest.raises(InputError, match="gave 1 different positives"):
        Mixture([from_pairs("a", pairs("a", 6, twins=6))], 4).next()


def test_the_last_batch_has_a_name() -> None:
    mixture = Mixture([from_pairs("a", pairs("a", 5))], 4)
    mixture.next()
    assert str(mixture).startswith("0 (a: 'a q")


def test_processes_get_as_many_pairs_each_with_scores_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    graded = [Pair(Item(f"g{n}", (Text(f"g{n}"),), {"score": n}), words(f"h{n}"), (), "a") for n in range(5)]
    parts = []
    for rank in (0, 1):
        monkeypatch.setattr("hannun.train.batches.world", lambda rank=rank: (rank, 2))
        parts.append(Mixture([from_pairs("a", [*pairs("a", 7), *graded])], 12).next())
    kinds = [sorted("score" in p.query.facts for p in b.pairs) for b in parts]
    assert kinds == [[False] * 3 + [True] * 2] * 2 and [b.size for b in parts] == [10, 10]
    assert not set(ids(parts[0])) & set(ids(parts[1]))
    monkeypatch.setattr("hannun.train.batches.world", lambda: (0, 4))
    with pytest.raises(InputError, match="holds 2 pairs, expected one or more for each of 4 processes"):
        Mixture([from_pairs("a", pairs("a", 2))], 2).next()
