"""Near duplicates and the map."""

from __future__ import annotations

import pytest

from hannun.collection import Collection
from hannun.errors import InputError
from tests.collection.contents import rows
from tests.conftest import draw, encoded


def test_dupes_are_the_same_picture_or_nearly(shop: Collection) -> None:
    look = draw(seed=1, size=(64, 64))
    shop.add(
        [
            {"id": "a", "image": encoded(look), "text": "하나"},
            {"id": "b", "image": encoded(look), "text": "둘"},
            {"id": "c", "image": encoded(look, "JPEG", quality=60)},
            {"id": "d", "image": encoded(draw(seed=9))},
            {"id": "e", "text": "같은 글"},
            {"id": "f", "text": "같은 글"},
        ]
    )
    first, second = shop.dupes(0.98)
    assert first.ids == ("a", "b", "c") and not first.exact and 0.98 <= first.similarity <= 1
    assert second.ids == ("e", "f") and second.similarity == pytest.approx(1)
    (only,) = shop.dupes(0.99999, where="id in (a, b, c)")
    assert only.ids == ("a", "b") and only.exact
    for bad in (0, 1.5, "x", True):
        with pytest.raises(InputError, match="expected a cosine"):
            shop.dupes(bad)  # type: ignore[arg-type]


def test_the_map(shop: Collection) -> None:
    assert len(shop.map().ids) == 0
    shop.add([*rows(40), *[{"id": f"p{n}", "image": draw(seed=n, size=(8, 8))} for n in range(10)]])
    whole = shop.map()
    assert len(whole.ids) == 50 and whole.points.shape == (50, 2) and abs(whole.points).max() <= 1
    part = shop.map(limit=20)
    assert len(part.ids) == 20 and part.ids == shop.map(limit=20).ids != shop.map(limit=20, seed=1).ids
    assert set(shop.map(where="n < 5").ids) == {"0", "1", "2", "3", "4"}
