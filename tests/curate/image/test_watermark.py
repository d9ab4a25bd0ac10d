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
    rng = np.random.default_rng(0)
    head = Head(np.ones(384, np.float32), rng.normal(size=(384, 4)).astype(np.float32), np.zeros(4, np.float32),
                np.ones((18, 4), np.float32), 0.0, Mini().fingerprint)  # fmt: skip
    head.save(tmp_path / "head.npz")
    again = Head.load(tmp_path / "head.npz")
    assert again.fingerprint == head.fingerprint and np.allclose(again.inner, head.inner, atol=1e-2)
    with pytest.raises(EncoderMismatch, match="train it again"):
        Watermarks(replace(head, fingerprint="another"))
    assert all(0 <= s <= 1 for s in Watermarks(head)([discs(), draw(size=(30, 200))]))


def test_a_head_by_hand() -> None:
    """One detector of the first value: a cell that has 9 more than the eight others of its view is 8 above their mean, they are 1 below."""
    from hannun.curate.image.watermark import Head, apart

    first = np.zeros((384, 1), np.float32)
    first[0] = 1
    outer = np.zeros((18, 1), np.float32)
    outer[4], outer[5] = 0.5, 100  # what the fifth cell says counts a half
    x = np.zeros((1, 18, 384), np.float32)
    x[0, :, 0], x[0, :, 1] = 3, 7
    x[0, 4, 0] += 9
    assert apart(x.reshape(1, -1))[0, :, 0].tolist() == [-1] * 4 + [8] + [-1] * 4 + [0] * 9
    head = Head(np.ones(384, np.float32), first, np.zeros(1, np.float32), outer, -4.0, "tower")
    assert head.score(x.reshape(1, -1)).tolist() == [0.5]  # 0.5 · 8 − 4 = 0; the sixth cell is below zero and says nothing


def test_a_head_of_another_make_is_refused(tmp_path: Path) -> None:
    from hannun.curate.image.watermark import Head
    from hannun.errors import InputError

    old = {k: np.zeros(3, np.float16) for k in ("mean", "scale", "inner", "inner_bias", "outer")}
    np.savez(tmp_path / "old.npz", **old, outer_bias=0.0, fingerprint="tower")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="of another make"):
        Head.load(tmp_path / "old.npz")


def test_the_shipped_watermark_head_belongs_to_the_shipped_tower() -> None:
    """When mini's weights change: python -m hannun.recipes.watermark --data FOLDER --clipart FOLDER."""
    from hannun.curate.image.watermark import Head
    from hannun.mini.model import Mini

    assert Head.load().fingerprint == Mini().fingerprint
