"""The nearest of an item's pictures."""

from __future__ import annotations

import numpy as np

from hannun.search.rerank import best_picture


def test_the_best_of_several_pictures() -> None:
    x = np.eye(3, dtype=np.float32)
    assert best_picture(x[1], x) == (1, 1.0)
