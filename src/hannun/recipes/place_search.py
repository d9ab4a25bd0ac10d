"""A table of places with their pictures goes in; a collection comes out that finds places by photo, photos by place, and either with words.

    python -m hannun.recipes.place_search index places.csv --to places.hannun
    python -m hannun.recipes.place_search find photo.jpg --in places.hannun [--words 야경] [--region 국내/대한민국]

The table has the columns name, region (a path: 국내/대한민국/경상도/경주), latitude, longitude and pictures (paths, ; between). An item is
a picture of a place: its text is the place's name and region, and its facts are place, region (every step of the path, so that
`region = 국내/대한민국` holds for all below), latitude and longitude. `find` says the places of the nearest pictures, or that none fits.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hannun.collection import Collection, Hit
from hannun.collection import open as opened
from hannun.errors import InputError
from hannun.item import Content
from hannun.sources import on_disk, tables

COLUMNS = ("name", "region", "latitude", "longitude", "pictures")
THRESHOLD = 0.84  # of the cosine of two pictures (docs/places.md): below it there is no such place here; `chosen` finds yours


@dataclass(frozen=True)
class Place:
    """A place that was found: its name, its region's path, where it lies, how near the nearest picture is, and that picture's hit."""

    name: str
    region: str
    latitude: float | None
    longitude: float | None
    score: float
    hit: Hit


def rows(table: Path) -> Iterator[dict[str, Any]]:
    """A row for each picture of each place, as a collection takes them. Raises InputError for a table without the columns."""
    for number, told in enumerate(tables.rows(table)):
        row = dict(told) if isinstance(told, dict) else {}
        if missing := [c for c in COLUMNS if c not in row]:
            raise InputError(f"{table}, row {number + 1}: has no {missing[0]!r}, expected the columns {', '.join(COLUMNS)}")
        name, region = str(row["name"]).strip(), str(row["region"] or "").strip("/ ")
        steps = region.split("/") if region else []
        facts = {
            "place": name,
            "region": ["/".join(steps[: n + 1]) for n in range(len(steps))],
            **{k: float(row[k]) for k in ("latitude", "longitude") if row[k] not in (None, "")},
        }
        for n, picture in enumerate(p.strip() for p in str(row["pictures"] or "").split(";")):
            if picture:
                yield {
                    "id": f"{region}/{name}#{n}",
                    "text": " ".join([name, *reversed(steps)]),
                    "image": on_disk(table.parent / picture),
                    **facts,
                }


def find(
    places: Collection, photo: Content | None, words: str = "", region: str | None = None, threshold: float = THRESHOLD, limit: int = 5
) -> list[Place]:
    """The places that a photo shows, words tell of, or both together; none where the nearest picture is not near enough.

    Args:
        places: the collection.
        photo: a picture, or None for words alone ("발리 해변"), which no threshold holds back.
        words: what the photo is changed by: "야경", "카페".
        region: only places below this step of a region's path.
        threshold: the least cosine of the photo and a place's picture; of a photo with words nothing is held back.
        limit: how many places.
    """
    where = None if region is None else f"region = '{region}'"
    if photo is None:
        return [_place(h, h.score) for h in places.search(words, where=where, group_by="place", limit=limit)]
    asked: dict[str, Any] = {"image": photo, **({"text": words} if words else {})}
    hits = places.search(asked, where=where, weights={"image": 1.0}, words=0, group_by="place", limit=limit, mix=0.5)
    near = _nearness(places, photo, hits)
    found = [_place(h, s) for h, s in zip(hits, near, strict=True)]
    return found if words else [p for p in found if p.score >= threshold]


def chosen(own: Sequence[float], strange: Sequence[float]) -> tuple[float, float]:
    """The threshold that tells best photos of known places from those of others (the best balanced accuracy), and that accuracy.

    Args:
        own: for photos of places that are there, the score of the nearest place.
        strange: the same for photos of places that are not.
    """
    scores = np.unique(np.concatenate([np.asarray(own), np.asarray(strange)]))
    balance = [(np.mean(np.asarray(own) >= t) + np.mean(np.asarray(strange) < t)) / 2 for t in scores]
    best = int(np.argmax(balance))
    return float(scores[best]), float(balance[best])


def _nearness(places: Collection, photo: Content, hits: Sequence[Hit]) -> list[float]:
    """The cosine of the photo alone with the picture of each hit."""
    query = places.encoder.encode_query([photo]).dense[0]
    stored = places.vectors([h.id for h in hits])
    return [float(stored[h.id]["image"] @ query) if "image" in stored.get(h.id, {}) else 0.0 for h in hits]


def _place(hit: Hit, score: float) -> Place:
    facts = hit.item.facts
    path = facts.get("region") or [""]
    return Place(str(facts.get("place", hit.id)), str(path[-1]), facts.get("latitude"), facts.get("longitude"), score, hit)


def main() -> None:
    """The command of this recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    below = parser.add_subparsers(dest="what", required=True)
    index = below.add_parser("index", help="a table of places → a collection")
    index.add_argument("table", type=Path)
    index.add_argument("--to", default="places.hannun")
    ask = below.add_parser("find", help="a photo and/or words → places")
    ask.add_argument("photo", type=Path, nargs="?")
    ask.add_argument("--in", dest="place", default="places.hannun")
    ask.add_argument("--words", default="")
    ask.add_argument("--region")
    ask.add_argument("--threshold", type=float, default=THRESHOLD)
    given = parser.parse_args()
    if given.what == "index":
        with opened(given.to) as places:
            report = places.add(list(rows(given.table)))
            count = len(places.facets(["place"], limit=10_000)["place"])
            print(f"{report.added} pictures added, {report.unchanged} unchanged; {count} places")
            for problem in report.problems:
                print(f"not read: {problem.where}: {problem.reason}")
        return
    if given.photo is None and not given.words:
        raise InputError("neither a photo nor --words came, expected one of them")
    with opened(given.place, create=False) as places:
        found = find(places, given.photo, given.words, given.region, given.threshold)
    for p in found:
        at = "" if p.latitude is None else f"  {p.latitude:.4f}, {p.longitude:.4f}"
        print(f"{p.score:.3f}  {p.name}  {p.region}{at}  {p.hit.id}")
    if not found:
        print("no such place here")


if __name__ == "__main__":
    main()
