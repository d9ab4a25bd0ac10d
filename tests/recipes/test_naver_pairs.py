"""The recipe's numbers are the source's, or say that they are ours."""

from __future__ import annotations

import PIL.Image
import PIL.ImageDraw
import pytest

from hannun.curate.image.header import read_header
from hannun.curate.verdict import judge, pair_of
from hannun.item import MAX_PIXELS
from hannun.recipes import naver_pairs
from tests.conftest import draw, encoded


def headers(picture: PIL.Image.Image) -> str | None:
    head = read_header(encoded(picture))
    return judge(pair_of("", {"side": head.side, "ratio": head.ratio, "pixels": head.pixels}), naver_pairs.RULES.headers).reason


@pytest.mark.parametrize(
    ("size", "reason"),
    [((200, 200), None), ((199, 400), "picture_small"), ((600, 200), None), ((601, 200), "picture_long"), ((200, 601), "picture_long")],
)
def test_200_pixels_and_3_to_1(size: tuple[int, int], reason: str | None) -> None:
    assert headers(draw(size=size)) == reason


@pytest.mark.parametrize(("white", "reason"), [(0.8999, None), (0.9, "picture_white"), (1.0, "picture_white")])
def test_white_must_be_under_0_9(white: float, reason: str | None) -> None:
    assert judge(pair_of("", {"white": white}), naver_pairs.RULES.pictures).reason == reason
    assert naver_pairs.RULES.white == 0.9


def test_every_bound_names_its_source() -> None:
    bounds = {b.reason: b for b in naver_pairs.RULES.bounds()}
    assert {r: (b.bound, b.source) for r, b in bounds.items() if b.source == naver_pairs.NAVER} == {
        "picture_small": (200, naver_pairs.NAVER),
        "picture_long": (3.0, naver_pairs.NAVER),
        "picture_white": (0.9, naver_pairs.NAVER),
    }
    assert all(b.source for b in bounds.values()) and bounds["picture_bomb"].bound == MAX_PIXELS
