"""Small vectors whose clusters are plain to see go in; the order that a reader can derive comes out."""

from __future__ import annotations

import numpy as np

from hannun.embeddings import unit
from hannun.search.diversify import mmr, shuffle

# Five hits in ranked order: three reds, a blue, a green, as directions.
ROWS = unit([[1, 0, 0], [0.99, 0.1, 0], [0.98, 0, 0.1], [0, 1, 0], [0, 0, 1]])


def test_shuffle_puts_the_best_of_each_cluster_first_then_the_rest_in_order() -> None:
    assert shuffle(ROWS, 3) == [0, 3, 4, 1, 2]


def test_shuffle_keeps_the_order_when_there_are_no_more_hits_than_clusters() -> None:
    assert shuffle(ROWS, 5) == [0, 1, 2, 3, 4]
    assert shuffle(ROWS[:0], 5) == []
    assert shuffle(ROWS, 1) == [0, 1, 2, 3, 4]


def test_shuffle_of_equal_vectors_keeps_everything() -> None:
    assert sorted(shuffle(np.repeat(ROWS[:1], 7, axis=0), 3)) == list(range(7))


def test_shuffle_is_seeded() -> None:
    rows = unit(np.random.default_rng(1).normal(size=(50, 8)))
    assert shuffle(rows, 5, seed=3) == shuffle(rows, 5, seed=3)


def test_no_diversity_is_pure_relevance() -> None:
    assert mmr(np.array([5, 4, 3, 2, 1], np.float32), ROWS, 0) == [0, 1, 2, 3, 4]


def test_mmr_weighs_relevance_against_likeness() -> None:
    # relevance scaled to 1, ¾, ½, ¼, 0; after hit 0, half and half: hit 1 gets ⅜ − ½·0.99…, hit 3 gets ⅛ − 0: hit 3 comes second
    assert mmr(np.array([5, 4, 3, 2, 1], np.float32), ROWS, 0.5)[:2] == [0, 3]


def test_full_diversity_alternates_clusters() -> None:
    assert set(mmr(np.array([5, 4, 3, 2, 1], np.float32), ROWS, 1.0)[:3]) == {0, 3, 4}
