"""Values, shapes and cut-offs that no metric can be had of are refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hannun import metrics
from hannun.errors import InputError


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
            metric([[1, 0, 1]], k)


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
