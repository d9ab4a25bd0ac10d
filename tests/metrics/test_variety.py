"""Coverage and distance within a list, counted out."""

from __future__ import annotations

import pytest

from hannun import metrics
from hannun.errors import InputError


def test_coverage_is_the_share_of_the_catalogue_that_is_shown() -> None:
    assert metrics.coverage([[0, 1], [1, 2]], 6) == 3 / 6
    assert metrics.coverage([[0, 0]], 1) == 1  # a catalogue of one item, shown
    with pytest.raises(InputError, match="expected 0…1"):
        metrics.coverage([[2]], 2)


@pytest.mark.parametrize("bad", [[0, 1], [[0.0, 1.0]]], ids=["one list alone", "numbers that are not whole"])
def test_lists_of_other_shapes_or_types_are_refused(bad: list[object]) -> None:
    with pytest.raises(InputError, match=r"whole numbers \[lists, k\]"):
        metrics.coverage(bad, 2)  # type: ignore[arg-type]


def test_intra_list_distance_is_the_mean_over_pairs() -> None:
    x, y = [1.0, 0.0], [0.0, 1.0]
    # Pairs of (x, x, y): 0, 1, 1 → 2/3. Lengths do not matter.
    assert metrics.intra_list_distance([[x, [5.0, 0.0], y]])[0] == pytest.approx(2 / 3)
    assert metrics.intra_list_distance([[x, x], [x, [-1.0, 0.0]]]).tolist() == pytest.approx([0, 2])
    with pytest.raises(InputError, match="k ≥ 2"):
        metrics.intra_list_distance([[x]])
