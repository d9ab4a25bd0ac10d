"""Every expected figure is a fraction that the reader can count out on paper."""

from __future__ import annotations

import math
from fractions import Fraction

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


def test_hit_asks_for_any_relevant_document() -> None:
    assert metrics.hit(RANKED, 1).tolist() == [1, 0, 0]
    assert metrics.hit(RANKED, 4).tolist() == [1, 1, 0]


# Two pictures; captions 0 and 1 are of picture 0, caption 2 of picture 1. Caption 1 is nearer to the wrong picture.
CAPTIONS, OWNER = [[0.9, 0.1], [0.2, 0.4], [0.3, 0.8]], [0, 0, 1]


def test_the_protocols_of_several_captions_from_text() -> None:
    assert metrics.text_to_image(CAPTIONS, OWNER, "each").tolist() == [1, 2, 1]  # three queries, one of them wrong
    assert metrics.text_to_image(CAPTIONS, OWNER, "first").tolist() == [1, 1]  # captions 0 and 2
    # Means for picture 0: (0.9 + 0.2)/2 = 0.55 against (0.1 + 0.4)/2 = 0.25.
    assert metrics.text_to_image(CAPTIONS, OWNER, "mean").tolist() == [1, 1]


def test_the_protocols_of_several_captions_from_pictures() -> None:
    # Picture 0: its best caption has 0.9, nobody else's as much. Picture 1: its own has 0.8, others 0.1 and 0.4.
    assert metrics.image_to_text(CAPTIONS, OWNER, "any").tolist() == [1, 1]
    # One's own other captions never count as being ahead: picture 0's captions both tie at 0.5, caption 2 has 0.6.
    assert metrics.image_to_text([[0.5, 0], [0.5, 0], [0.6, 1]], OWNER, "any").tolist() == [2, 1]
    assert metrics.image_to_text([[0.5, 0], [0.9, 0], [0.6, 1]], OWNER, "first").tolist() == [2, 1]  # caption 1 is left out
    assert metrics.image_to_text(np.ones((3, 2)), OWNER).tolist() == [2, 3]  # all equal: after all captions of others


def test_captions_must_cover_the_pictures() -> None:
    for owner in ([0, 0, 0], [0, 1], [0, 1, 2], [0.0, 0.0, 1.0]):
        with pytest.raises(InputError, match="owner"):
            metrics.text_to_image(CAPTIONS, owner)
    with pytest.raises(InputError, match="protocol"):
        metrics.text_to_image(CAPTIONS, OWNER, "any")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="protocol"):
        metrics.image_to_text(CAPTIONS, OWNER, "each")  # type: ignore[arg-type]
