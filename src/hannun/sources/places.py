"""Degrees of latitude and longitude go in; the names of the country, region and place that lie nearest come out, in Korean and English.

Nothing is asked of the internet: the table beside this file has the middles of Korea's cities, counties and districts, and of the
world's cities (GeoNames, CC BY 4.0; `docs/places.py` writes it). Near a border the nearest middle may be the neighbour's.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from hannun.embeddings import Floats

TABLE = Path(__file__).with_name("places.tsv")
NEAR, LAND = 40.0, 150.0  # kilometres from the middle of a place up to which one is there, and in its region and country
NEIGHBOURS, SUBURB = 50, 20.0  # how many, and how far, are looked at for one with a Korean name
_EARTH = 6371.0

Names = tuple[tuple[str, ...], tuple[str, ...]]  # in Korean and in English


def facts_of(latitude: float, longitude: float) -> dict[str, list[str]]:
    """Where that is, the widest first: {"place": ["대한민국", "제주특별자치도", "서귀포시"], "place_en": […]}; {} at sea."""
    middles, names, regions = _table()
    away = _EARTH * np.arccos(np.minimum(middles @ _point(latitude, longitude), 1.0))
    at = int(away.argmin())
    if away[at] > LAND:
        return {}
    if not names[at][0]:  # a suburb of a city that has a name in Korean
        at = next((int(n) for n in np.argsort(away)[:NEIGHBOURS] if names[n][0] and regions[n] == regions[at] and away[n] <= SUBURB), at)
    far = float(away[at])
    found = {}
    for n, field in enumerate(("place", "place_en")):
        told = (*regions[at][n], *(names[at][n] if far <= NEAR else ()))
        if told:
            found[field] = list(dict.fromkeys(told))
    return found


def _point(latitude: float, longitude: float) -> Floats:
    """The point on the unit sphere; double precision, for cosines of kilometres."""
    north, east = np.radians(latitude), np.radians(longitude)
    return np.array([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)])


@lru_cache(maxsize=1)
def _table() -> tuple[Floats, list[Names], list[Names]]:
    """The middles as points on the unit sphere [n, 3], and for each its own names and those of its country and region."""
    middles, names, regions = [], list[Names](), list[Names]()
    region: Names = (), ()
    for line in TABLE.read_text("utf-8").splitlines():
        first, *rest = line.split("\t")
        if first == "*":
            region = tuple(filter(None, rest[::2])), tuple(filter(None, rest[1::2]))
        elif not first.startswith("#"):
            east, korean, english = rest
            middles.append(_point(float(first), float(east)))
            names.append(((korean,) if korean else (), (english,) if english else ()))
            regions.append(region)
    return np.stack(middles), names, regions
