"""Text in pictures: what is found, and how much it covers."""

from __future__ import annotations

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from tests.conftest import draw
from tests.curate.world import discs


def test_text_boxes_are_found_and_things_are_not_text() -> None:
    pytest.importorskip("rapidocr", reason="rapidocr is in hannun[curate]")
    from hannun.curate.image.ocr import TextDetector
    from hannun.recipes.data.marks import _font

    page = PIL.Image.new("RGB", (480, 480), (255, 255, 255))
    pen = PIL.ImageDraw.Draw(page)
    for row in range(6):
        pen.text((40, 30 + 70 * row), f"{row + 1}번째 줄 안내문 {row}", font=_font(30), fill=(0, 0, 0))
    detector = TextDetector()
    found, thing = detector.find(page), detector.find(discs())
    assert found.count >= 5 and 0.05 < found.share < 0.6
    assert thing.share < 0.2 and detector.find(draw((90, 90, 90), (300, 300))).count == 0


def test_the_share_of_boxes_counts_overlap_once() -> None:
    from hannun.curate.image.ocr import covered

    half = np.array([[0, 0], [100, 0], [100, 50], [0, 50]])
    assert covered([half, half], (100, 100)) == pytest.approx(0.5, abs=0.02)
    assert covered([], (100, 100)) == 0.0
