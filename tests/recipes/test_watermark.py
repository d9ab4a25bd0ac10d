"""Marks that are drawn for training the watermark head, and how it is measured."""

from __future__ import annotations

import numpy as np

from tests.curate.world import discs


def test_marks_are_drawn_where_they_should_be() -> None:
    from hannun.recipes import watermark

    picture = discs()
    for kind in watermark.KINDS:
        marked = watermark.draw(picture, np.random.default_rng(3), kind)
        changed = np.abs(np.asarray(marked, np.int16) - np.asarray(picture)).max(-1) > 8
        assert marked.size == picture.size and 0.0005 < changed.mean() < 0.6, kind


def test_the_auc_by_hand() -> None:
    from hannun.recipes.watermark import auc

    assert auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])) == 3 / 4
    assert auc(np.array([0.5, 0.5]), np.array([0, 1])) == 0.5
