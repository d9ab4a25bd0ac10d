"""Which picture stands for a document: hand-made scores and vectors, thresholds that can be counted out, and the embedded model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageFilter
import pytest

from hannun import catalogue, load
from hannun.embeddings import unit
from hannun.encoder import Encoder
from hannun.errors import InputError
from hannun.item import Image
from hannun.search.thumbnail import Wanted, choose, sharpness, threshold, thumbnails
from tests.toy import Toy

APART = np.eye(4, dtype=np.float32)


def shown(ranked: list[object]) -> list[int]:
    return [r.number for r in ranked if r.shown]  # type: ignore[attr-defined]


def test_the_best_is_shown_where_it_fits() -> None:
    ranked = choose([0.2, 0.9, 0.6, 0.1], APART, [1, 1, 1, 1], Wanted(0.5))
    assert [r.number for r in ranked] == [1, 2, 0, 3] and shown(ranked) == [1]
    assert [r.why_not for r in ranked] == ["", "beyond the limit", "below the threshold", "below the threshold"]
    assert shown(choose([0.2, 0.9, 0.6, 0.1], APART, [1, 1, 1, 1], Wanted(0.5, limit=3))) == [1, 2]
    assert shown(choose([0.2, 0.4, 0.3, 0.1], APART, [1, 1, 1, 1], Wanted(0.5))) == []


def test_near_duplicates_are_one_and_the_sharpest_stands_for_them() -> None:
    vectors = unit(np.array([[1, 0, 0], [1, 0.01, 0], [0, 1, 0]]))
    ranked = choose([0.9, 0.8, 0.7], vectors, [1.0, 2.0, 1.0], Wanted(0.5, limit=3))
    assert shown(ranked) == [1, 2]
    assert ranked[0].score == 0.9  # the group keeps the better score
    assert (ranked[-1].number, ranked[-1].same_as, ranked[-1].why_not) == (0, 1, "the same as another")


def test_a_threshold_for_a_precision() -> None:
    """Good, good, bad, good, bad by falling score: precisions 1, 1, 2/3, 3/4, 3/5."""
    scores, good = [0.9, 0.8, 0.7, 0.6, 0.5], [True, True, False, True, False]
    assert threshold(scores, good, 1.0) == (0.8, 2 / 5)
    assert threshold(scores, good, 0.75) == (0.6, 4 / 5)
    assert threshold(scores, good, 0.6) == (0.5, 1.0)
    with pytest.raises(InputError, match=r"the best is 0\.000"):
        threshold([0.5], [False], 0.9)
    # Equal scores fall on one side: at 0.8 both come, and one of them is bad.
    assert threshold([0.9, 0.8, 0.8], [True, True, False], 0.9) == (0.9, 1 / 3)


@pytest.mark.parametrize("wrong", [{"threshold": 1.5}, {"words": 1.0}, {"limit": 0}, {"same": 0.0}])
def test_wishes_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="expected a threshold"):
        Wanted(**wrong)  # type: ignore[arg-type]


def test_icons_banners_and_broken_pictures_are_not_looked_at() -> None:
    icon, banner = (Image(PIL.Image.new("RGB", s, "red")) for s in ((32, 32), (900, 90)))
    pictures = [icon, banner, Image(b"no picture"), Image(Path("nowhere.jpg")), Image(PIL.Image.new("RGB", (80, 80), "red"))]
    ranked = thumbnails(Toy(), "빨강", pictures, wanted=Wanted(0.0))
    assert shown(ranked) == [4]
    assert {r.number: r.why_not for r in ranked[1:]} == {0: "too small", 1: "too long", 2: "unreadable", 3: "unreadable"}


def test_no_pictures_and_no_picture_tower() -> None:
    assert thumbnails(Toy(), "빨강", []) == []
    with pytest.raises(InputError, match="no vectors of pictures alone"):
        thumbnails(Toy(parts=False), "빨강", [])


def test_words_by_a_picture_count_as_much_as_is_asked() -> None:
    """Two equal pictures: the one with the words of the query by it is first, if words count at all."""
    noise = np.random.default_rng(0).integers(0, 255, (2, 80, 80, 3), np.uint8)
    pictures = [Image(PIL.Image.fromarray(n)) for n in noise]
    words = ["기차역", "빨간 원피스"]
    assert thumbnails(Toy(), "빨간 원피스", pictures, words, Wanted(0.0, words=0.9, same=1.0))[0].number == 1


def test_a_blurred_copy_is_less_sharp() -> None:
    picture = catalogue.entries()[0].picture()
    assert sharpness(picture) > 1.5 * sharpness(picture.filter(PIL.ImageFilter.GaussianBlur(3)))
    assert sharpness(PIL.Image.new("RGB", (2, 2))) == 0


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load("mini")


def test_mini_chooses_the_garment_that_was_asked_for(mini: Encoder) -> None:
    every = {e.id: e for e in catalogue.entries()}
    pictures = [
        Image(every[i].picture())
        for i in ("coat-navy-polka-dot", "dress-red-plain", "page-bakery" if "page-bakery" in every else "coat-blue-floral")
    ]
    ranked = thumbnails(mini, "빨간 원피스", pictures, wanted=Wanted(0.3, aspect=1.0))
    assert shown(ranked) == [1] and ranked[0].box is not None
    left, upper, right, lower = ranked[0].box
    assert right - left == lower - upper  # square
    assert shown(thumbnails(mini, "민법 제750조 불법행위", pictures, wanted=Wanted(0.5))) == []
