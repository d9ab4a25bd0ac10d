"""Batches: the mix of sources, and that nothing appears twice."""

from __future__ import annotations

import numpy as np
import pytest

from hannun.train.batches import distinct, draw, shares, without_twins


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
