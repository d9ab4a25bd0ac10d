"""Clusters that are apart stay apart on the plane."""

from __future__ import annotations

import numpy as np
import pytest

from hannun.embeddings import unit
from hannun.search.project import plane, principal


@pytest.mark.parametrize("n", [0, 1, 2, 3, 15, 16, 60])
def test_any_number_of_rows_has_places_within_the_square(n: int) -> None:
    points, explained = plane(unit(np.random.default_rng(0).normal(size=(n, 8))))
    assert points.shape == (n, 2) and np.isfinite(points).all() and (np.abs(points) <= 1).all()
    assert 0 <= explained[1] <= explained[0] <= 1


def test_neighbours_on_the_plane_are_neighbours_in_the_space() -> None:
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(5), 40)
    rows = unit(np.eye(16)[labels] + 0.1 * random.normal(size=(200, 16)))
    points, _ = plane(rows)
    apart = ((points[:, None] - points[None]) ** 2).sum(-1)
    np.fill_diagonal(apart, np.inf)
    assert (labels[apart.argmin(axis=1)] == labels).mean() > 0.98
    assert (plane(rows)[0] == points).all()  # seeded


def test_principal_axes_explain_what_they_should() -> None:
    rows = np.zeros((100, 5), np.float32)
    rows[:, 3] = np.linspace(-1, 1, 100)
    points, explained = principal(rows)
    assert explained == pytest.approx((1, 0), abs=1e-6) and abs(np.corrcoef(points[:, 0], rows[:, 3])[0, 1]) == pytest.approx(1)
    assert plane(np.ones((20, 4), np.float32) / 2)[1] == pytest.approx((0, 0), abs=1e-6)  # all the same: no axis
