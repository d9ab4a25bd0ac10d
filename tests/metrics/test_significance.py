"""Intervals and p-values against what can be derived."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hannun import metrics
from hannun.errors import InputError


def test_bootstrap_of_equal_values_is_a_point() -> None:
    assert metrics.bootstrap([0.25] * 10) == (0.25, 0.25)


def test_bootstrap_agrees_with_the_normal_interval() -> None:
    values = np.array([0.0, 1.0] * 200)  # mean 1/2, standard error 1/2 / sqrt(400) = 1/40
    low, high = metrics.bootstrap(values, rounds=4000)
    assert low == pytest.approx(0.5 - 1.96 / 40, abs=0.006)
    assert high == pytest.approx(0.5 + 1.96 / 40, abs=0.006)
    assert metrics.bootstrap(values, seed=1) == metrics.bootstrap(values, seed=1)
    assert metrics.bootstrap(values, seed=1) != metrics.bootstrap(values, seed=2)


def test_bootstrap_takes_another_statistic_and_level() -> None:
    low, high = metrics.bootstrap([1, 2, 3, 4], statistic=lambda x: float(x.max()), level=0.5)
    assert low in (3, 4) and high == 4


def test_bootstrap_draws_groups_whole() -> None:
    values, groups = [0.0, 0.0, 0.0, 1.0], [7, 7, 7, 9]
    # Two groups drawn twice: means 0, 1/4·… never anything but all of a group: {7,7} → 0, {7,9} → 1/4, {9,9} → 1.
    low, high = metrics.bootstrap(values, groups=groups, level=0.999)
    assert (low, high) == (0, 1)
    seen: set[float] = set()
    metrics.bootstrap(values, groups=groups, statistic=lambda x: seen.add(float(x.mean())) or 0.0)
    assert seen == {0, 1 / 4, 1}
    with pytest.raises(InputError, match="groups"):
        metrics.bootstrap(values, groups=[1, 2])


def test_bootstrap_of_rows_and_of_a_statistic_that_is_not_always_there() -> None:
    pairs = [[1.0, 2.0], [2.0, 3.0], [3.0, 5.0]]

    def order(x: Any) -> float:
        return metrics.spearman(x[:, 0], x[:, 1]) if len(set(x[:, 0])) > 1 else math.nan

    assert metrics.bootstrap(pairs, statistic=order) == (1, 1)
    with pytest.raises(InputError, match="no such statistic"):
        metrics.bootstrap(pairs, statistic=lambda _: math.nan)
    with pytest.raises(InputError, match="at least one"):
        metrics.bootstrap([])


def test_the_ends_are_the_quantiles_of_the_draws() -> None:
    counted = iter(range(101))
    # The statistics of the draws are 0 … 100 in turn: nine tenths lie between 5 and 95.
    assert metrics.bootstrap([1.0, 2.0], statistic=lambda _: float(next(counted)), level=0.9, rounds=101) == pytest.approx((5, 95))


def test_a_level_lies_between_and_one_draw_is_enough() -> None:
    assert metrics.bootstrap([3.0, 3.0], rounds=1) == (3, 3)
    for level, rounds in ((0.0, 10), (1.0, 10), (0.95, 0)):
        with pytest.raises(InputError):
            metrics.bootstrap([3.0, 3.0], level=level, rounds=rounds)


def test_half_of_the_draws_may_have_no_statistic() -> None:
    for there, refused in ((5, False), (4, True)):
        values = iter([7.0] * there + [math.nan] * (10 - there))
        if refused:
            with pytest.raises(InputError, match="6 of 10 draws"):
                metrics.bootstrap([1.0, 2.0], statistic=lambda _, values=values: next(values), rounds=10)
        else:
            assert metrics.bootstrap([1.0, 2.0], statistic=lambda _, values=values: next(values), rounds=10) == (7, 7)


def test_paired_difference_interval_and_p() -> None:
    a, b = [1.0] * 10, [0.0] * 10
    difference, low, high, p = metrics.paired(a, b, rounds=999)
    assert (difference, low, high) == (1, 1, 1)
    # All ten must fall the same way: 2 / 2^10 of the swaps, so about 2 of 999 rounds, and 1 above and below.
    assert 1 / 1000 <= p < 0.02
    difference, low, high, p = metrics.paired([1, 0, 1, 0], [0, 1, 1, 0], rounds=200)
    assert difference == 0 and p == 1 and low < 0 < high
    assert metrics.paired(a, a)[0] == 0


def test_paired_swaps_groups_whole() -> None:
    # One group only: either all swap or none, so every difference is as large as the one found.
    assert metrics.paired([1.0] * 10, [0.0] * 10, groups=[1] * 10, rounds=50)[3] == 1


def test_paired_takes_rows_and_a_statistic() -> None:
    gold = np.arange(30.0)
    good, bad = np.stack([gold, gold], axis=1), np.stack([-gold, gold], axis=1)
    difference, _, _, p = metrics.paired(good, bad, statistic=lambda x: metrics.spearman(x[:, 0], x[:, 1]), rounds=200)
    assert difference == 2 and p < 0.05
    with pytest.raises(InputError, match="same queries"):
        metrics.paired([1, 2], [1])


def test_holm_multiplies_the_smallest_by_all() -> None:
    # 0.01·3, then 0.02·2 = 0.04, then 0.5·1; never less than the one before, never above 1.
    assert metrics.holm([0.5, 0.01, 0.02]).tolist() == pytest.approx([0.5, 0.03, 0.04])
    assert metrics.holm([0.9, 0.8]).tolist() == [1, 1]
    assert metrics.holm([0.03, 0.02]).tolist() == pytest.approx([0.04, 0.04])


def test_swapping_means_by_signs_equals_swapping_the_values() -> None:
    random = np.random.default_rng(4)
    a, b, groups = random.random(60), random.random(60), random.integers(0, 20, 60)
    by_signs = metrics.paired(a, b, groups=groups, rounds=3000)
    by_values = metrics.paired(a, b, groups=groups, rounds=3000, statistic=lambda x: float(x.mean()))
    assert by_signs[:3] == pytest.approx(by_values[:3]) and by_signs[3] == pytest.approx(by_values[3], abs=0.04)
    assert metrics.paired([1.0] * 30, [0.0] * 30, rounds=10, swaps=9999)[3] == pytest.approx(1 / 10000)
