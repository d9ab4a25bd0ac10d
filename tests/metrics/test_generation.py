"""BERTScore, CLIPScore and the Fréchet distance of vectors whose figures can be counted out."""

from __future__ import annotations

import numpy as np
import pytest

from hannun import metrics
from hannun.errors import InputError


def test_bert_score_matches_greedily() -> None:
    x, y, z = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]
    # Candidate (x, y) against (x, z, z): x finds 1, y finds 0 → P = 1/2; reference: 1, 0, 0 → R = 1/3; F1 = 2·(1/6)/(5/6) = 2/5.
    assert metrics.bert_score([[x, y]], [[x, z, z]])[0].tolist() == pytest.approx([1 / 2, 1 / 3, 2 / 5])
    # With weights 3 and 1 for x and y: P = 3/4; with 1, 1, 0 for x, z, z: R = 1/2.
    assert metrics.bert_score([[x, y]], [[x, z, z]], ([[3, 1]], [[1, 1, 0]]))[0, :2].tolist() == pytest.approx([3 / 4, 1 / 2])
    assert metrics.bert_score([[x]], [[y]])[0].tolist() == [0, 0, 0]
    assert metrics.bert_score([[x]], [[x]])[0].tolist() == [1, 1, 1]  # 2·1·1/(1 + 1)
    assert metrics.bert_score([[x]], [[x]], ([[0]], [[1]]))[0].tolist() == [0, 1, 0]  # a candidate without any weight
    assert metrics.bert_score([[[0.1, 0.0]]], [[[0.0, 0.0], [0.5, 0.0]]])[0].tolist() == pytest.approx(
        [1, 1 / 2, 2 / 3]
    )  # lengths do not matter


def test_clip_score_is_never_negative() -> None:
    x, y = [[2.0, 0.0], [1.0, 0.0], [3.0, 4.0]], [[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]]
    assert metrics.clip_score(x, y).tolist() == pytest.approx([2.5, 0, 2.5 * 3 / 5])
    assert metrics.clip_score(x, y, weight=100).tolist() == pytest.approx([100, 0, 60])


@pytest.mark.parametrize("bad", [[1.0, 0.0], np.zeros((0, 2))], ids=["one vector alone", "no vectors"])
def test_vectors_come_in_rows_and_at_least_one(bad: np.ndarray) -> None:
    with pytest.raises(InputError, match="at least one row"):
        metrics.clip_score(bad, bad)


def test_frechet_distance_of_sets_in_one_and_two_dimensions() -> None:
    # Means 0 and 3, variances ((±1)²·2)/(2−1) = 2 and 8: 9 + 2 + 8 − 2·√16 = 11.
    assert metrics.frechet_distance([[-1.0], [1.0]], [[1.0], [5.0]]) == pytest.approx(11)
    assert metrics.frechet_distance([[1.0], [3.0]], [[4.0], [6.0]]) == pytest.approx(9)  # means 2 and 5, spreads equal
    square = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    assert metrics.frechet_distance(square, square) == pytest.approx(0, abs=1e-9)
    moved = np.add(square, [3.0, 4.0])
    assert metrics.frechet_distance(square, moved) == pytest.approx(25)  # 3² + 4², the spreads being equal


def test_sets_of_vectors_of_other_lengths_have_no_distance() -> None:
    with pytest.raises(InputError, match="one dim and at least two"):
        metrics.frechet_distance([[1.0], [2.0]], [[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(InputError, match="one dim and at least two"):
        metrics.frechet_distance([[1.0], [2.0]], [[1.0]])
