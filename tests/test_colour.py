"""Colours whose CIELAB values are known."""

from __future__ import annotations

import numpy as np

from hannun.colour import lab


def test_white_black_and_grey_have_no_hue() -> None:
    white, black, grey = lab([[255, 255, 255], [0, 0, 0], [119, 119, 119]])
    assert np.allclose(white, [100, 0, 0], atol=0.1) and np.allclose(black, [0, 0, 0], atol=0.01)
    assert np.allclose(grey, [50, 0, 0], atol=0.2)  # sRGB 119 is the middle of L*


def test_red_is_red_and_blue_is_blue() -> None:
    red, blue = lab([[255, 0, 0], [0, 0, 255]])
    assert np.allclose(red, [53.2, 80.1, 67.2], atol=0.2) and np.allclose(blue, [32.3, 79.2, -107.9], atol=0.2)
