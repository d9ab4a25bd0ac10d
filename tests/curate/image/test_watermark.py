"""The watermark head and the tower that it was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import draw
from tests.curate.world import discs


@pytest.mark.parametrize("path", [None])
def test_watermark_scores_and_their_tower(path: None, tmp_path: Path) -> None:
    from dataclasses import replace

    from hannun.curate.image.watermark import Head, Watermarks
    from hannun.errors import EncoderMismatch, MissingError
    from hannun.mini.model import Mini

    with pytest.raises(MissingError, match=r"hannun\.recipes\.watermark"):
        Head.load(tmp_path / "none.npz")
    wide = 2 * 9 * 384
    rng = np.random.default_rng(0)
    head = Head(np.zeros(wide, np.float32), np.ones(wide, np.float32), rng.normal(size=(wide, 4)).astype(np.float32),
                np.zeros(4, np.float32), np.ones(4, np.float32), 0.0, Mini().fingerprint)  # fmt: skip
    head.save(tmp_path / "head.npz")
    again = Head.load(tmp_path / "head.npz")
    assert again.fingerprint == head.fingerprint and np.allclose(again.inner, head.inner, atol=1e-2)
    with pytest.raises(EncoderMismatch, match="train it again"):
        Watermarks(replace(head, fingerprint="another"))
    assert all(0 <= s <= 1 for s in Watermarks(head)([discs(), draw(size=(30, 200))]))


def test_the_shipped_watermark_head_belongs_to_the_shipped_tower() -> None:
    """When mini's weights change: python -m hannun.recipes.watermark --data FOLDER --clipart FOLDER."""
    from hannun.curate.image.watermark import Head
    from hannun.mini.model import Mini

    assert Head.load().fingerprint == Mini().fingerprint
