"""Where a picture was taken, as names: facts and words of it, without the internet; nothing at sea."""

from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest

from hannun import collection, sources
from hannun.sources import places
from tests.conftest import draw, encoded
from tests.toy import Toy


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [
        (33.362, 126.533, "대한민국 제주도 제주"),  # Hallasan
        (35.158, 129.160, "대한민국 부산 해운대구"),
        (37.511, 127.098, "대한민국 서울 송파구"),
        (37.795, 128.918, "대한민국 강원도 강원 강릉시"),
        (37.241, 131.867, "대한민국 경상북도 경북 독도"),
        (35.815, 127.153, "대한민국 전라북도 전북 전주시"),
        (36.350, 127.385, "대한민국 대전 서구"),
        (35.658, 139.745, "일본 도쿄"),
        (34.669, 135.501, "일본 오사카"),
        (48.858, 2.294, "프랑스 파리"),
        (40.660, -73.970, "미국 뉴욕"),
        (51.501, -0.125, "영국 런던"),
        (16.060, 108.240, "베트남 다낭"),
        (-33.857, 151.215, "오스트레일리아 시드니"),
        (21.276, -157.827, "미국 호놀룰루"),
        (36.100, -112.100, "미국"),  # far from any city
    ],
)
def test_places_have_names(latitude: float, longitude: float, expected: str) -> None:
    assert " ".join(places.facts_of(latitude, longitude)["place"]).startswith(expected)


@pytest.mark.parametrize(("latitude", "longitude"), [(0.0, -150.0), (-80.0, 0.0), (90.0, 0.0), (-30.0, 80.0)])
def test_nothing_is_told_at_sea_and_at_the_poles(latitude: float, longitude: float) -> None:
    assert places.facts_of(latitude, longitude) == {}


def test_the_table_is_whole() -> None:
    middles, names, regions = places._table()
    assert len(middles) == len(names) == len(regions) > 5000
    assert all(n[0] or n[1] for n in names) and all(r[0] and r[1] for r in regions)
    assert len({r[0][1] for r in regions if r[0][0] == "대한민국"}) == 17


def photo(path: Path, latitude: tuple[float, float, float], longitude: tuple[float, float, float], seed: int) -> None:
    exif = PIL.Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: latitude, 3: "E", 4: longitude})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(draw(seed=seed, size=(32, 32)), "JPEG", exif=exif.tobytes()))


def test_photos_are_found_by_the_place_where_they_were_taken(tmp_path: Path) -> None:
    photo(tmp_path / "photos" / "IMG_1.jpg", (33.0, 15.0, 0.0), (126.0, 33.0, 0.0), 1)  # 서귀포
    photo(tmp_path / "photos" / "IMG_2.jpg", (35.0, 9.5, 0.0), (129.0, 9.6, 0.0), 2)  # 해운대
    photo(tmp_path / "photos" / "IMG_3.jpg", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 3)  # a receiver without a fix
    with collection.open(tmp_path / "c", Toy()) as c:
        c.add(sources.read([tmp_path / "photos"]))
        for words in ("제주", "제주도 바다", "서귀포", "서귀포에서", "Jeju"):
            assert c.search(words, words=0.9, limit=1)[0].item.facts["title"] == "IMG_1", words
        assert c.search("부산 바다", words=0.9, limit=1)[0].item.facts["title"] == "IMG_2"
        assert {i.facts["title"] for i in c.items("place = 제주도")} == {"IMG_1"}
        assert c.count("place is null") == 1
        assert dict(c.facets(["place"])["place"])["대한민국"] == 2
