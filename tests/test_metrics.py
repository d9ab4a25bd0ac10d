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


def test_coverage_is_the_share_of_the_catalogue_that_is_shown() -> None:
    assert metrics.coverage([[0, 1], [1, 2]], 6) == 3 / 6
    with pytest.raises(InputError, match="expected 0…1"):
        metrics.coverage([[2]], 2)


def test_intra_list_distance_is_the_mean_over_pairs() -> None:
    x, y = [1.0, 0.0], [0.0, 1.0]
    # Pairs of (x, x, y): 0, 1, 1 → 2/3. Lengths do not matter.
    assert metrics.intra_list_distance([[x, [5.0, 0.0], y]])[0] == pytest.approx(2 / 3)
    assert metrics.intra_list_distance([[x, x], [x, [-1.0, 0.0]]]).tolist() == pytest.approx([0, 2])
    with pytest.raises(InputError, match="k ≥ 2"):
        metrics.intra_list_distance([[x]])


def test_bert_score_matches_greedily() -> None:
    x, y, z = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]
    # Candidate (x, y) against (x, z, z): x finds 1, y finds 0 → P = 1/2; reference: 1, 0, 0 → R = 1/3; F1 = 2·(1/6)/(5/6) = 2/5.
    assert metrics.bert_score([[x, y]], [[x, z, z]])[0].tolist() == pytest.approx([1 / 2, 1 / 3, 2 / 5])
    # With weights 3 and 1 for x and y: P = 3/4; with 1, 1, 0 for x, z, z: R = 1/2.
    assert metrics.bert_score([[x, y]], [[x, z, z]], ([[3, 1]], [[1, 1, 0]]))[0, :2].tolist() == pytest.approx([3 / 4, 1 / 2])
    assert metrics.bert_score([[x]], [[y]])[0].tolist() == [0, 0, 0]


def test_clip_score_is_never_negative() -> None:
    x, y = [[2.0, 0.0], [1.0, 0.0], [3.0, 4.0]], [[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]]
    assert metrics.clip_score(x, y).tolist() == pytest.approx([2.5, 0, 2.5 * 3 / 5])
    assert metrics.clip_score(x, y, weight=100).tolist() == pytest.approx([100, 0, 60])


def test_frechet_distance_of_sets_in_one_and_two_dimensions() -> None:
    # Means 0 and 3, variances ((±1)²·2)/(2−1) = 2 and 8: 9 + 2 + 8 − 2·√16 = 11.
    assert metrics.frechet_distance([[-1.0], [1.0]], [[1.0], [5.0]]) == pytest.approx(11)
    square = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    assert metrics.frechet_distance(square, square) == pytest.approx(0, abs=1e-9)
    moved = np.add(square, [3.0, 4.0])
    assert metrics.frechet_distance(square, moved) == pytest.approx(25)  # 3² + 4², the spreads being equal


def test_guess_gives_a_shared_first_place_away() -> None:
    assert metrics.guess([[0.5, 0.5, 0.1], [0.1, 0.9, 0.2], [0.4, 0.1, 0.4]], [0, 1, 2]).tolist() == [1, 1, 0]


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


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_vectors_that_are_not_finite_are_an_error_and_no_score(bad: float) -> None:
    good, broken = [[1.0, 0.0], [0.0, 1.0]], [[1.0, bad], [0.0, 1.0]]
    for measure in (metrics.clip_score, metrics.frechet_distance, metrics.text_to_image, metrics.paired):
        with pytest.raises(InputError, match="finite"):
            measure(broken, good if measure is not metrics.text_to_image else [0, 1])  # type: ignore[operator]
    with pytest.raises(InputError, match="finite"):
        metrics.intra_list_distance([broken])
    with pytest.raises(InputError, match="finite"):
        metrics.bert_score([broken], [good])
    with pytest.raises(InputError, match="finite"):
        metrics.guess(broken, [0, 1])


def test_swapping_means_by_signs_equals_swapping_the_values() -> None:
    random = np.random.default_rng(4)
    a, b, groups = random.random(60), random.random(60), random.integers(0, 20, 60)
    by_signs = metrics.paired(a, b, groups=groups, rounds=3000)
    by_values = metrics.paired(a, b, groups=groups, rounds=3000, statistic=lambda x: float(x.mean()))
    assert by_signs[:3] == pytest.approx(by_values[:3]) and by_signs[3] == pytest.approx(by_values[3], abs=0.04)
    assert metrics.paired([1.0] * 30, [0.0] * 30, rounds=10, swaps=9999)[3] == pytest.approx(1 / 10000)
