"""Places from a table: rows, region facets, photo → place, words → photos, and no such place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import hannun
from hannun.errors import InputError
from hannun.recipes.place_search import chosen, find, rows
from tests.conftest import draw
from tests.toy import Toy

TABLE = """name,region,latitude,longitude,pictures
첨성대,국내/대한민국/경상도/경주,35.8347,129.2190,a.png;b.png
불국사,국내/대한민국/경상도/경주,35.7900,129.3320,c.png
발리 해변,해외/인도네시아/발리,-8.7184,115.1686,d.png
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    for n, name in enumerate("abcd"):
        draw(size=(64, 64), seed=n).save(tmp_path / f"{name}.png")
    (tmp_path / "places.csv").write_text(TABLE, "utf-8")
    return tmp_path / "places.csv"


@pytest.fixture
def places(table: Path, tmp_path: Path) -> Iterator[hannun.Collection]:
    with hannun.open(tmp_path / "places.hannun", encoder=Toy()) as made:
        assert made.add(list(rows(table))).added == 4
        yield made


def test_rows_have_regions_by_steps(table: Path) -> None:
    first, second, *_ = rows(table)
    assert first["region"] == ["국내", "국내/대한민국", "국내/대한민국/경상도", "국내/대한민국/경상도/경주"]
    assert first["text"] == "첨성대 경주 경상도 대한민국 국내" and first["latitude"] == 35.8347 and second["id"].endswith("첨성대#1")
    table.write_text("name,region\nx,y\n", "utf-8")
    with pytest.raises(InputError, match="has no 'latitude'"):
        list(rows(table))


def test_photo_to_place_and_back(places: hannun.Collection, table: Path) -> None:
    found = find(places, table.parent / "b.png", threshold=0.999)
    assert [p.name for p in found] == ["첨성대"] and found[0].score == pytest.approx(1) and found[0].longitude == 129.219
    assert {i.id[-1] for i in places.items("place = 첨성대")} == {"0", "1"}
    assert find(places, draw(size=(64, 64), seed=77), threshold=0.999) == []


def test_regions_narrow_and_words_find(places: hannun.Collection) -> None:
    assert dict(places.facets(["region"])["region"])["국내/대한민국"] == 3
    assert {p.name for p in find(places, None, "해변", region="국내/대한민국")} == {"첨성대", "불국사"}
    assert find(places, None, "발리 해변")[0].name == "발리 해변"


def test_a_photo_with_words_is_not_held_back(places: hannun.Collection, table: Path) -> None:
    assert find(places, table.parent / "a.png", "야경", threshold=1.0)


def test_a_threshold_that_tells_known_from_strange() -> None:
    assert chosen([0.9, 0.8, 0.7], [0.5, 0.6]) == (0.7, 1.0)
    assert chosen([0.9, 0.4], [0.5, 0.3]) in [(0.4, 0.75), (0.9, 0.75)]
