"""Every expected figure is a fraction that the reader can count out on paper."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from hannun import metrics
from hannun.errors import InputError

# Ranked lists of five documents: relevant at ranks 1, 3, 5; at 4; nowhere.
RANKED = [[1, 0, 1, 0, 1], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]]


def test_recall_is_the_share_of_the_relevant_that_is_found() -> None:
    assert metrics.recall(RANKED, 1).tolist() == pytest.approx([1 / 3, 0, 0])
    assert metrics.recall(RANKED, 3).tolist() == pytest.approx([2 / 3, 0, 0])
    assert metrics.recall(RANKED, 4).tolist() == pytest.approx([2 / 3, 1, 0])
    assert metrics.recall(RANKED, 99).tolist() == [1, 1, 0]


def test_precision_divides_by_k_even_beyond_the_list() -> None:
    assert metrics.precision(RANKED, 1).tolist() == [1, 0, 0]
    assert metrics.precision(RANKED, 3).tolist() == pytest.approx([2 / 3, 0, 0])
    assert metrics.precision(RANKED, 10).tolist() == pytest.approx([3 / 10, 1 / 10, 0])


def test_reciprocal_rank_and_its_mean() -> None:
    assert metrics.reciprocal_rank(RANKED).tolist() == [1, 1 / 4, 0]
    assert metrics.reciprocal_rank(RANKED).mean() == pytest.approx(5 / 12)  # (1 + 1/4 + 0) / 3
    assert metrics.reciprocal_rank(np.zeros((2, 0))).tolist() == [0, 0]


def test_average_precision_is_the_mean_precision_at_the_relevant_ranks() -> None:
    first = Fraction(1, 3) * (Fraction(1, 1) + Fraction(2, 3) + Fraction(3, 5))  # 34/45
    assert first == Fraction(34, 45)
    assert metrics.average_precision(RANKED).tolist() == pytest.approx([float(first), 1 / 4, 0])


def test_ndcg_with_binary_grades() -> None:
    # log2 of 2, 4, 6 is 1, 2, log2 6 for ranks 1, 3, 5; the best order puts them at ranks 1, 2, 3.
    got, best = 1 + 1 / 2 + 1 / math.log2(6), 1 + 1 / math.log2(3) + 1 / 2
    assert metrics.ndcg(RANKED, 5).tolist() == pytest.approx([got / best, 1 / math.log2(5), 0])
    assert metrics.ndcg(RANKED, 1).tolist() == [1, 0, 0]


def test_ndcg_with_grades_linear_and_exponential() -> None:
    # Grades 1, 3 at ranks 1, 2: linear 1 + 3/log2 3 over 3 + 1/log2 3; exponential has 2^1−1 = 1 and 2^3−1 = 7.
    d = 1 / math.log2(3)
    assert metrics.ndcg([[1, 3]], 2)[0] == pytest.approx((1 + 3 * d) / (3 + 1 * d))
    assert metrics.ndcg([[1, 3]], 2, exponential=True)[0] == pytest.approx((1 + 7 * d) / (7 + 1 * d))
    assert metrics.ndcg([[0, 2, 1], [2, 1, 0]], 1).tolist() == [0, 1]


def test_the_best_order_of_ndcg_counts_documents_beyond_k() -> None:
    assert metrics.ndcg([[1, 0, 3]], 1)[0] == pytest.approx(1 / 3)  # the best first document has grade 3


def test_by_rank_orders_by_score() -> None:
    assert metrics.by_rank([[0.1, 0.9, 0.5]], [[1, 0, 2]]).tolist() == [[0, 2, 1]]


def test_a_tie_counts_against_the_system() -> None:
    same = np.ones((1, 4))
    ranked = metrics.by_rank(same, [[0, 2, 1, 0]])
    assert ranked.tolist() == [[0, 0, 1, 2]]  # the less relevant first
    assert metrics.reciprocal_rank(ranked)[0] == pytest.approx(1 / 3)
    assert metrics.recall(ranked, 2)[0] == 0


def test_a_tie_below_does_no_harm() -> None:
    assert metrics.by_rank([[0.9, 0.2, 0.2]], [[1, 0, 1]]).tolist() == [[1, 0, 1]]


def test_pessimistic_rank_counts_equals_as_better() -> None:
    scores = [[0.5, 0.5, 0.1], [0.9, 0.5, 0.5], [0.3, 0.2, 0.1]]
    assert metrics.pessimistic_rank(scores, [0, 0, 2]).tolist() == [2, 1, 3]


def test_pessimistic_rank_agrees_with_by_rank() -> None:
    random = np.random.default_rng(3)
    scores = random.integers(0, 4, size=(50, 9)).astype(float)  # many ties
    target = random.integers(0, 9, size=50)
    relevance = np.eye(9)[target]
    both = metrics.reciprocal_rank(metrics.by_rank(scores, relevance))
    assert both == pytest.approx(1 / metrics.pessimistic_rank(scores, target))


def test_average_ranks_share_the_mean_of_their_places() -> None:
    # 10 takes place 1; the two 20s share 2 and 3; 30 takes 4.
    assert metrics.average_ranks([20, 10, 30, 20]).tolist() == [2.5, 1, 4, 2.5]
    assert metrics.average_ranks([7, 7, 7]).tolist() == [2, 2, 2]


def test_spearman() -> None:
    assert metrics.spearman([1, 2, 3], [10, 200, 3000]) == 1
    assert metrics.spearman([1, 2, 3], [3, 2, 1]) == -1
    # Ranks 1 2 3 4 against 2 1 4 3: 1 − 6·Σd²/(n³−n) = 1 − 6·4/60 = 3/5.
    assert metrics.spearman([1, 2, 3, 4], [2, 1, 4, 3]) == pytest.approx(3 / 5)
    # Ranks 1, 2.5, 2.5, 4 against 1 2 3 4: 4.5 / sqrt(4.5 · 5) = sqrt(9/10).
    assert metrics.spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(math.sqrt(9 / 10))


def test_spearman_of_a_constant_list_is_an_error_and_not_nan() -> None:
    with pytest.raises(InputError, match="equal values"):
        metrics.spearman([1, 1, 1], [1, 2, 3])


def test_accuracy_and_macro_f1() -> None:
    truth, guess = ["옷", "옷", "옷", "신발"], ["옷", "옷", "신발", "가방"]
    assert metrics.accuracy(truth, guess) == 2 / 4
    # 옷: 2·2/(3+2) = 4/5; 신발: true once, guessed once, never rightly: 0; 가방: guessed only: 0.
    assert metrics.macro_f1(truth, guess) == pytest.approx(4 / 5 / 3)
    assert metrics.macro_f1([1, 1, 2], [1, 1, 2]) == 1


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


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(InputError, match="finite"):
        metrics.by_rank([[bad, 1.0]], [[1, 0]])
    with pytest.raises(InputError, match="finite"):
        metrics.pessimistic_rank([[bad, 1.0]], [1])
    with pytest.raises(InputError, match="finite"):
        metrics.recall([[bad, 1.0]], 1)
    with pytest.raises(InputError, match="finite"):
        metrics.spearman([bad, 1.0], [1, 2])
    with pytest.raises(InputError, match="finite"):
        metrics.bootstrap([bad, 1.0])
    with pytest.raises(InputError, match="finite"):
        metrics.accuracy([bad, 1.0], [1.0, 1.0])


@pytest.mark.parametrize("k", [0, -1, True, 1.5])
def test_k_is_a_whole_number_from_one(k: Any) -> None:
    for metric in (metrics.recall, metrics.precision, metrics.ndcg):
        with pytest.raises(InputError, match="k="):
            metric(RANKED, k)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="shape"):
        metrics.by_rank([[1, 2]], [[1]])
    with pytest.raises(InputError, match="shape"):
        metrics.recall([1, 0], 1)
    with pytest.raises(InputError, match="documents 0…2"):
        metrics.pessimistic_rank([[1, 2], [1, 2]], [0, 2])
    with pytest.raises(InputError, match="expected one whole number"):
        metrics.pessimistic_rank([[1, 2]], [0.0])
    with pytest.raises(InputError, match="grade"):
        metrics.recall([[-1, 1]], 1)
    with pytest.raises(InputError, match="length"):
        metrics.accuracy([1], [1, 2])
    with pytest.raises(InputError, match="length"):
        metrics.spearman([1, 2], [1, 2, 3])
