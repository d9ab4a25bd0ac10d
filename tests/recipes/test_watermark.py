"""Marks that are drawn for training the watermark head, where its threshold is laid, and how it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from hannun.curate.image.watermark import Head
from hannun.recipes.data import marks
from tests.curate.world import discs


def changed(one: PIL.Image.Image, other: PIL.Image.Image) -> float:
    """The share of the pixels that differ by more than 8 in a colour."""
    return float((np.abs(np.asarray(one, np.int16) - np.asarray(other)).max(-1) > 8).mean())


@pytest.mark.parametrize("kind", marks.KINDS + marks.STRONGER)
def test_marks_are_drawn_where_they_should_be(kind: str) -> None:
    picture = discs()
    marked = marks.draw(picture, np.random.default_rng(3), kind)
    assert marked.size == picture.size and 0.0005 < changed(marked, picture) < 0.6


def test_a_sign_covers_a_part_and_leaves_the_rest() -> None:
    picture = discs()
    shown = marks.sign(picture, np.random.default_rng(0))
    assert shown.size == picture.size and 0.003 < changed(shown, picture) < 0.5


def test_what_is_trained_on_is_worn_in_one_way() -> None:
    """Both views have one size, no larger than the picture was by a quarter, and differ where the mark is."""
    pytest.importorskip("torch")
    from hannun.recipes import watermark

    picture, rng = discs().resize((200, 150)), np.random.default_rng(1)
    for _ in range(8):
        plain, marked = watermark.hardly(picture, rng)
        assert plain.size == marked.size and max(plain.size) <= 250 and changed(plain, marked) > 0
    for n in range(20):  # nothing else differs: with no mark drawn the views would be the same
        first, second = (watermark.plainly(picture, np.random.default_rng(n)) for _ in range(2))
        assert first[0].tobytes() == second[0].tobytes() and first[1].tobytes() == second[1].tobytes()


def test_the_auc_by_hand() -> None:
    from hannun.recipes.watermark import auc

    assert auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])) == 3 / 4
    assert auc(np.array([0.5, 0.5]), np.array([0, 1])) == 0.5


def test_the_threshold_is_the_lowest_of_a_precision() -> None:
    from hannun.recipes.watermark import threshold

    scores, labels = np.array([0.6, 0.9, 0.7, 0.8], np.float32), np.array([1, 1, 0, 1])  # precisions from the top: 1, 1, 2/3, 3/4
    assert threshold(scores, labels, 0.75) == pytest.approx(0.6)
    assert threshold(scores, labels, 0.76) == pytest.approx(0.8)
    assert threshold(scores, 1 - labels, 0.5) == 1.0  # 0, 0, 1/3, 1/4: never reached
    assert threshold(np.array([0.5, 0.5], np.float32), np.array([1, 0]), 0.9) == 1.0  # equal scores are called alike: 1/2
    assert threshold(np.array([0.5, 0.5], np.float32), np.array([1, 0]), 0.5) == 0.5


def test_a_threshold_is_laid_without_changing_the_order() -> None:
    from hannun.recipes.watermark import AT, laid

    one = np.ones(1, np.float32)
    head = Head(one, one[:, None], 0 * one, np.ones((18, 1), np.float32), 0.0, "tower")
    x = np.zeros((3, 18), np.float32)
    x[:, 0] = 0.5, 1, 2  # eight ninths of which is above the mean of its view
    before, after = head.score(x), laid(head, float(head.score(x)[1])).score(x)
    assert after[1] == pytest.approx(AT) and np.argsort(before).tolist() == np.argsort(after).tolist()


def test_features_that_are_made_are_read_again(tmp_path: Path) -> None:
    from hannun.recipes import watermark

    class Tower:
        """Gives each view its mean colour and counts them."""

        fingerprint, seen = "tower", 0

        def patches(self, views: Sequence[Any]) -> Any:
            self.seen += len(views)
            means = [np.asarray(v.load()).mean() for v in views]
            return np.tile(np.array(means, np.float32)[:, None, None], (1, 9, 384))

    tower: Any = Tower()
    pictures = [discs(), discs().rotate(90)]
    x, y = watermark.examples(pictures, tower, watermark.plainly, 0, tmp_path, batch=1)
    assert x.shape == (4, 2 * 9 * 384) and y.tolist() == [0, 1, 0, 1] and tower.seen == 8  # the whole and the middle of each
    again, _ = watermark.examples(pictures, tower, watermark.plainly, 0, tmp_path)
    assert np.array_equal(again, x) and tower.seen == 8
    watermark.examples(pictures, tower, watermark.plainly, 1, tmp_path)
    assert tower.seen == 16
