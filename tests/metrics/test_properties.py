"""What holds of every figure whatever the lists: bounds, orders that must not count, and what a larger k may do."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from hannun import metrics

SOME = hypothesis.settings(max_examples=40)
#: Scores with many ties, and relevance with grades: one row a query.
TABLES = st.integers(1, 4).flatmap(
    lambda queries: st.integers(1, 8).flatmap(
        lambda documents: st.tuples(
            *(
                st.lists(st.lists(values, min_size=documents, max_size=documents), min_size=queries, max_size=queries)
                for values in (st.integers(-3, 3), st.integers(0, 3))
            )
        )
    )
)
BY_K: dict[str, Callable[..., metrics.Array]] = {
    "recall": metrics.recall,
    "hit": metrics.hit,
    "precision": metrics.precision,
    "ndcg": metrics.ndcg,
    "ndcg of exponential gains": lambda ranked, k: metrics.ndcg(ranked, k, exponential=True),
}
WHOLE = {"reciprocal rank": metrics.reciprocal_rank, "average precision": metrics.average_precision}
Given = tuple[list[list[int]], list[list[int]]]


def every(ranked: object, k: int) -> dict[str, metrics.Array]:
    return {name: of(ranked, k) for name, of in BY_K.items()} | {name: of(ranked) for name, of in WHOLE.items()}


@SOME
@hypothesis.given(TABLES, st.integers(1, 10))
def test_figures_lie_between_0_and_1_and_are_1_only_of_a_perfect_order(given: Given, k: int) -> None:
    scores, relevance = given
    found = every(metrics.by_rank(scores, relevance), k)
    best = every(-np.sort(-np.array(relevance), axis=1), k)
    for name, values in found.items():
        assert values.shape == (len(relevance),) and (values >= 0).all() and (values <= 1 + 1e-12).all(), name
        assert (values <= best[name] + 1e-12).all(), name  # no order is above the one by relevance
    some = np.array(relevance).any(axis=1)
    for name in ("ndcg", "reciprocal rank", "average precision"):
        assert best[name] == pytest.approx(some.astype(float)), name


@SOME
@hypothesis.given(TABLES, st.integers(1, 10), st.randoms(use_true_random=False))
def test_the_order_in_which_documents_came_does_not_count(given: Given, k: int, random: object) -> None:
    scores, relevance = np.array(given[0]), np.array(given[1])
    order = np.arange(scores.shape[1])
    random.shuffle(order)  # type: ignore[attr-defined]
    before, after = (every(metrics.by_rank(s, r), k) for s, r in ((scores, relevance), (scores[:, order], relevance[:, order])))
    for name in before:
        assert after[name].tolist() == before[name].tolist(), name


@SOME
@hypothesis.given(TABLES, st.integers(1, 10))
def test_any_rising_change_of_the_scores_changes_nothing(given: Given, k: int) -> None:
    scores, relevance = np.array(given[0]), given[1]
    before, after = (every(metrics.by_rank(s, relevance), k) for s in (scores, scores**3 * 2.0 + 7))
    for name in before:
        assert after[name].tolist() == before[name].tolist(), name


@SOME
@hypothesis.given(TABLES, st.integers(1, 9))
def test_a_longer_list_finds_no_less(given: Given, k: int) -> None:
    ranked = metrics.by_rank(*given)
    assert (metrics.recall(ranked, k + 1) >= metrics.recall(ranked, k)).all()
    assert (metrics.hit(ranked, k + 1) >= metrics.hit(ranked, k)).all()
    assert ((k + 1) * metrics.precision(ranked, k + 1) >= k * metrics.precision(ranked, k) - 1e-12).all()


@SOME
@hypothesis.given(TABLES, st.integers(1, 10))
def test_recall_and_average_precision_are_the_fractions_of_their_definition(given: Given, k: int) -> None:
    ranked = metrics.by_rank(*given)
    for row, recall, average in zip(ranked, metrics.recall(ranked, k), metrics.average_precision(ranked), strict=True):
        right = [n for n, grade in enumerate(row, start=1) if grade > 0]
        of = len(right) or 1
        assert recall == pytest.approx(float(Fraction(sum(n <= k for n in right), of)))
        assert average == pytest.approx(float(sum((Fraction(i, n) for i, n in enumerate(right, start=1)), Fraction()) / of))


@SOME
@hypothesis.given(TABLES, st.data())
def test_a_tie_counts_against_the_system(given: Given, data: st.DataObject) -> None:
    scores = np.array(given[0])
    right = data.draw(st.lists(st.integers(0, scores.shape[1] - 1), min_size=len(scores), max_size=len(scores)))
    ranks = metrics.pessimistic_rank(scores, np.array(right))
    for row, column, rank in zip(scores, right, ranks, strict=True):
        assert rank == sum(s >= row[column] for s in row)
    relevance = np.eye(scores.shape[1])[right]
    assert metrics.reciprocal_rank(metrics.by_rank(scores, relevance)) == pytest.approx(1 / ranks)


@SOME
@hypothesis.given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=2, max_size=12))
def test_spearman_is_even_and_turns_with_one_side(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(side, float) for side in zip(*pairs, strict=True))
    hypothesis.assume(len(set(a)) > 1 and len(set(b)) > 1)
    found = metrics.spearman(a, b)
    assert -1 - 1e-12 <= found <= 1 + 1e-12 and metrics.spearman(b, a) == pytest.approx(found)
    assert metrics.spearman(-a, b) == pytest.approx(-found) and metrics.spearman(a**3, b) == pytest.approx(found)
    assert metrics.spearman(a, a) == pytest.approx(1)


@SOME
@hypothesis.given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_accuracy_and_macro_f1_do_not_know_the_names_of_classes(pairs: list[tuple[int, int]]) -> None:
    truth, guess = (np.array(side) for side in zip(*pairs, strict=True))
    names = np.array([7, 2, 9, 4])
    for figure in (metrics.accuracy, metrics.macro_f1):
        assert 0 <= figure(truth, guess) <= 1 and figure(truth, truth) == 1
        assert figure(names[truth], names[guess]) == pytest.approx(figure(truth, guess))
