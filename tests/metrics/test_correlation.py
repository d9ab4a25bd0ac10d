"""Average ranks and Spearman's correlation, counted out."""

from __future__ import annotations

import math

import pytest

from hannun import metrics
from hannun.errors import InputError


def test_average_ranks_share_the_mean_of_their_places() -> None:
    # 10 takes place 1; the two 20s share 2 and 3; 30 takes 4.
    assert metrics.average_ranks([20, 10, 30, 20]).tolist() == [2.5, 1, 4, 2.5]
    assert metrics.average_ranks([7, 7, 7]).tolist() == [2, 2, 2]


def test_spearman() -> None:
    assert metrics.spearman([1, 2, 3], [10, 200, 3000]) == 1
    assert metrics.spearman([1, 2, 3], [3, 2, 1]) == -1
    assert metrics.spearman([1, 2], [8, 9]) == 1
    with pytest.raises(InputError, match="length ≥ 2"):
        metrics.spearman([1], [1])
    # Ranks 1 2 3 4 against 2 1 4 3: 1 − 6·Σd²/(n³−n) = 1 − 6·4/60 = 3/5.
    assert metrics.spearman([1, 2, 3, 4], [2, 1, 4, 3]) == pytest.approx(3 / 5)
    # Ranks 1, 2.5, 2.5, 4 against 1 2 3 4: 4.5 / sqrt(4.5 · 5) = sqrt(9/10).
    assert metrics.spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(math.sqrt(9 / 10))


def test_spearman_of_a_constant_list_is_an_error_and_not_nan() -> None:
    with pytest.raises(InputError, match="equal values"):
        metrics.spearman([1, 1, 1], [1, 2, 3])
