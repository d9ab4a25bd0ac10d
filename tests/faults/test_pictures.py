"""Hostile pictures among good ones: each is read, with the right colour where that is known, or is one Problem with a reason."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hannun import open as open_collection
from hannun.errors import HannunError
from hannun.exif import facts_of
from hannun.item import Image, Item, item
from tests.conftest import Tally, draw, encoded
from tests.faults import LONG
from tests.faults.hostile import FAMILIES, RED, REFUSED, Hostile, opened, pictures
from tests.toy import Toy

COUNT = 20_000 if LONG else 616  # HANNUN_FAULTS=long python -m pytest tests/faults/test_pictures.py
SEED = 28


@pytest.fixture(scope="module")
def hostile() -> list[Hostile]:
    return list(pictures(COUNT, SEED))


def centre(data: Image) -> tuple[int, int, int]:
    loaded = data.load()
    assert loaded.mode == "RGB" and not loaded.info
    return loaded.getpixel((loaded.width // 2, loaded.height // 2))  # type: ignore[return-value]


def test_each_is_read_rightly_or_refused_with_a_reason(hostile: list[Hostile], tally: Tally) -> None:
    wrong: list[str] = []
    for n, (kind, data, right) in enumerate(hostile):
        try:
            seen = centre(Image(data))
        except HannunError as e:  # whatever else is raised fails here
            if right not in (None, REFUSED):
                wrong.append(f"{n} {kind}: refused ({e})")
            assert len(str(e)) < 400 and "\n" not in str(e)
            tally("hostile pictures, refused with a reason", 1)
        else:
            tally("hostile pictures, read", 1)
            if right == REFUSED or (right is not None and np.abs(np.subtract(seen, right)).max() > 6):
                wrong.append(f"{n} {kind}: {seen}, expected {right}")
    assert not wrong, "\n".join(wrong)


def test_at_a_reduced_scale_the_same_are_read(hostile: list[Hostile]) -> None:
    for kind, data, right in hostile:
        if right is not None:
            try:
                Image(data).load(8)
                assert right != REFUSED, kind
            except HannunError:
                assert right == REFUSED, kind


def test_the_good_rows_between_them_are_added(hostile: list[Hostile], tmp_path: Path) -> None:
    rows = [{"id": f"bad {n}", "image": h.data} for n, h in enumerate(hostile)]
    good = [{"id": f"good {n}", "image": encoded(draw((n % 200, 90, 90)))} for n in range(len(hostile) // 5)]
    shuffled = random.Random(1).sample(rows + good, len(rows) + len(good))
    with open_collection(tmp_path / "c.hannun", encoder=Toy()) as shop:
        report = shop.add(shuffled)
        ids = {it.id for it in shop}
    failed = Counter(p.id for p in report.problems)
    assert set(failed.values()) <= {1} and all(p.reason for p in report.problems)
    assert report.added + len(failed) == len(shuffled) and not ids & set(failed)
    assert {g["id"] for g in good} <= ids
    for n, h in enumerate(hostile):
        assert h.right is None or (f"bad {n}" in failed) == (h.right == REFUSED), (n, h.kind)


def test_pictures_that_were_opened_with_damaged_notes_beside_them() -> None:
    rng = random.Random(SEED)
    for _ in range(COUNT // 5):
        picture = opened(rng)
        given = dict(picture.info)
        made = item({"image": picture})  # its id is the hash of its bytes
        assert np.abs(np.subtract(centre(made.images[0]), RED)).max() < 6
        assert np.abs(np.subtract(centre(Image(made.images[0].read())), RED)).max() < 6
        assert {k: v for k, v in picture.info.items() if k in given} == given


def test_facts_of_any_damage_are_believable_or_missing(hostile: list[Hostile]) -> None:
    for _, data, _ in hostile:
        found = facts_of(data)
        assert set(found) <= {"taken", "latitude", "longitude", "camera"}
        assert abs(found.get("latitude", 0)) <= 90 and abs(found.get("longitude", 0)) <= 180
        assert all(isinstance(found.get(k, ""), str) for k in ("taken", "camera"))


def test_the_pictures_are_what_they_say() -> None:
    """The generator itself: every family comes, the same seed gives the same bytes, and each kind is refused or known somewhere."""
    first, again = list(pictures(110, 3)), list(pictures(110, 3))
    assert first == again and len({h.data for h in first}) > 90
    assert len(first) == 10 * len(FAMILIES)
    assert {h.right == REFUSED for h in first} == {True, False}
    assert isinstance(item({"image": first[0].data}), Item)
