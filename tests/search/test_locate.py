"""Where something is in a picture: windows, the mean of their maps, the box, on an encoder whose cells are their colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from hannun.embeddings import Floats, unit
from hannun.encoder import cells
from hannun.errors import InputError
from hannun.item import Image
from hannun.search import locate
from hannun.search.locate import FINE, QUICK, WHOLE, Windows
from tests.toy import Toy

RED = np.array([1, 0, 0], np.float32)


class Colours:
    """Sees the mean colours of 3 × 3 cells."""

    grid = (3, 3)

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def patches(self, pictures: Sequence[Image]) -> Floats:
        loaded = [p.load() for p in pictures]
        self.seen += [p.size for p in loaded]
        small = [np.asarray(p.resize((3, 3), PIL.Image.Resampling.BOX), np.float32).reshape(9, 3) for p in loaded]
        return unit(np.stack(small) + 1)


def scene(box: tuple[int, int, int, int], size: tuple[int, int] = (240, 160)) -> Image:
    picture = PIL.Image.new("RGB", size, (40, 40, 200))
    PIL.ImageDraw.Draw(picture).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=(230, 20, 20))
    return Image(picture)


def test_windows_cover_the_picture_and_touch_its_edges() -> None:
    boxes = Windows(((0.5, 3),)).boxes(200, 100)
    assert boxes[0] == (0, 0, 100, 50) and boxes[4] == (50, 25, 150, 75) and boxes[-1] == (100, 50, 200, 100) and len(boxes) == 9
    assert len(FINE.boxes(640, 480)) == 34 and len(QUICK.boxes(640, 480)) == 9 and WHOLE.boxes(64, 48) == [(0, 0, 64, 48)]
    assert all(0 <= a < c <= 3 and 0 <= b < d <= 1 for a, b, c, d in FINE.boxes(3, 1))  # a picture thinner than its windows


def test_one_look_is_the_cells_own_cosines() -> None:
    sees = Colours()
    looked = locate.look(sees, scene((160, 0, 240, 53)), WHOLE)
    near = locate.nearness(looked, RED)
    expected = (sees.patches([scene((160, 0, 240, 53))])[0] @ RED).tolist()
    assert (near.rows, near.columns) == (3, 3) and near.values == pytest.approx(expected) and int(np.argmax(near.values)) == 2


@pytest.mark.parametrize("box", [(20, 30, 70, 80), (170, 90, 225, 150), (100, 60, 150, 110)])
def test_windows_find_a_thing_and_its_box(box: tuple[int, int, int, int]) -> None:
    sees = Colours()
    found = locate.located(locate.look(sees, scene(box), FINE), RED)
    x, y = found.peak
    assert box[0] <= x <= box[2] and box[1] <= y <= box[3]
    across = max(0, min(box[2], found.box[2]) - max(box[0], found.box[0]))
    down = max(0, min(box[3], found.box[3]) - max(box[1], found.box[1]))
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, found.box)]
    assert across * down / (sum(areas) - across * down) > 0.4
    assert found.heat.rows == found.heat.columns == FINE.places and found.score == max(found.heat.values) and len(sees.seen) == 34
    for side, low, high in ((240, found.box[0], found.box[2]), (160, found.box[1], found.box[3])):
        assert 0 <= low < high <= side


def test_a_box_is_of_one_thing() -> None:
    """Two red things: the box is around the one with the hottest place, not around both."""
    picture = scene((10, 10, 60, 60)).load()
    PIL.ImageDraw.Draw(picture).rectangle((180, 100, 229, 149), fill=(230, 20, 20))
    found = locate.located(locate.look(Colours(), Image(picture), FINE), RED)
    assert found.box[2] < 120 or found.box[0] > 120


def test_a_flat_map_has_a_box() -> None:
    found = locate.located(locate.look(Colours(), Image(PIL.Image.new("RGB", (1, 5), (9, 9, 9))), FINE), RED)
    assert found.box == (0, 0, 1, 5)


def test_shorter_queries_read_the_beginning_of_the_cells() -> None:
    near = locate.nearness(locate.look(Colours(), scene((160, 0, 240, 53)), WHOLE), RED[:2])
    assert int(np.argmax(near.values)) == 2 and max(near.values) <= 1 + 1e-6


def test_fine_cells_need_no_windows() -> None:
    sees = Colours()
    assert locate.looks(sees) == FINE and locate.looks(sees, QUICK) == QUICK
    sees.grid = (6, 6)
    assert locate.looks(sees) == WHOLE


def test_an_encoder_without_cells_is_told() -> None:
    assert cells(Toy()) is None
    with pytest.raises(InputError, match="toy1 gives no vectors for the places of a picture, expected a model that does"):
        locate.sees_cells(Toy())


def test_the_overlay_lights_the_place_and_draws_the_box() -> None:
    picture = scene((20, 30, 70, 80))
    found = locate.located(locate.look(Colours(), picture, FINE), RED)
    drawn = np.asarray(locate.overlay(picture.load(), found), np.float32)
    before = np.asarray(picture.load(), np.float32)
    share = drawn.sum(axis=2) / before.sum(axis=2)
    assert drawn.shape == before.shape and share[55, 45] > 0.8 and share[140, 220] < 0.5
    left, upper, right, lower = found.box
    assert drawn[upper, left].tolist() == drawn[lower - 1, right - 1].tolist() == [255, 40, 40]
