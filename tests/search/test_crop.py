"""Windows of pictures: their size follows from the aspect, their place from what stands out."""

from __future__ import annotations

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from hannun.errors import InputError
from hannun.search.crop import aspect, crop, standing_out, window


def test_aspects() -> None:
    assert aspect("1:1") == 1 and aspect("16:9") == 16 / 9 and aspect("320x180") == 320 / 180 and aspect(" 4 / 3 ") == 4 / 3
    for wrong in ("", "1", "0:1", "wide", "20:1", "1:2:3", "-1:1"):
        with pytest.raises(InputError, match="expected WIDTH:HEIGHT"):
            aspect(wrong)


@pytest.mark.parametrize(
    ("size", "wanted", "expected"), [((400, 200), 1.0, (200, 200)), ((200, 400), 1.0, (200, 200)), ((300, 300), 1.5, (300, 200))]
)
def test_the_window_is_the_largest_of_its_shape(size: tuple[int, int], wanted: float, expected: tuple[int, int]) -> None:
    left, upper, right, lower = window(size, wanted, np.ones((8, 8), np.float32))
    assert (right - left, lower - upper) == expected and 0 <= left < right <= size[0] and 0 <= upper < lower <= size[1]


def test_where_all_is_alike_the_window_is_in_the_middle() -> None:
    assert window((400, 200), 1.0, np.ones((8, 8), np.float32)) == (100, 0, 300, 200)
    assert window((7, 1000), 1.0, np.zeros((8, 8), np.float32))[1] in (496, 497)


def test_the_window_goes_where_the_weight_is() -> None:
    weight = np.zeros((8, 8), np.float32)
    weight[:, 7] = 1
    assert window((400, 200), 1.0, weight)[2] >= 395
    assert window((200, 400), 1.0, weight.T)[3] >= 395


@pytest.mark.parametrize("ground", ["white", (90, 140, 200), "black"])
@pytest.mark.parametrize("place", [20, 150, 290])
def test_what_stands_out_is_kept(ground: str | tuple[int, int, int], place: int) -> None:
    picture = PIL.Image.new("RGB", (400, 120), ground)
    PIL.ImageDraw.Draw(picture).ellipse((place, 20, place + 80, 100), fill=(200, 30, 40))
    left, _, right, _ = crop(picture, 1.0)
    assert left <= place + 4 and place + 76 <= right
    found = standing_out(picture)
    assert found.min() >= 0 and found.max() <= 1


def test_a_grid_of_what_was_asked_draws_the_window() -> None:
    """Two things that stand out alike: the one whose cells fit is shown."""
    picture = PIL.Image.new("RGB", (400, 120), "white")
    for at in (20, 300):
        PIL.ImageDraw.Draw(picture).ellipse((at, 20, at + 80, 100), fill=(200, 30, 40))
    cells = np.zeros((3, 3), np.float32)
    cells[:, 0] = 1
    assert crop(picture, 1.0, cells)[0] < 100 and crop(picture, 1.0, cells[:, ::-1].ravel())[0] > 180
