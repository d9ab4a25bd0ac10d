"""Tables (jsonl, csv, parquet) and tar shards of training pairs go in, Pairs come out; what cannot be read is a Problem with its reason.

A row says `query` and `positive`, and may say `negatives` (a list), `score` and other facts. Each of them is a text, or an object
{"text": …, "image": path}; paths are relative to the table. In a CSV `query_image` and `positive_image` hold paths. A shard's
record may say the same in its JSON; one that does not, but has a text and a picture, is the pair (text → picture).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hannun import shards, sources
from hannun.errors import HannunError, InputError, MissingError
from hannun.item import Image, Item, Member, Pair, Problem, image_part, item
from hannun.part import PLACE, digest

ENDINGS = ("jsonl", "csv", "parquet", "tar")


def read(paths: Iterable[Path], source: str = "") -> Iterator[Pair | Problem]:
    """Every pair below the paths, in the order of file names; `source` names them all (by default the file's own name).

    Raises MissingError for a path that is not there, and InputError for a table whose columns are others.
    """
    for path in paths:
        if not path.exists():
            raise MissingError(f"{path}: no such file or folder; check the path")
        files = sorted(f for e in ENDINGS for f in path.rglob(f"*.{e}")) if path.is_dir() else [path]
        if not files:
            raise InputError(f"{path}: holds no pairs, expected {', '.join('.' + e for e in ENDINGS)} files")
        for file in files:
            yield from _file(file, source or file.stem)


def _file(file: Path, source: str) -> Iterator[Pair | Problem]:
    if file.suffix[1:].lower() not in ENDINGS:
        raise InputError(f"{file}: is of no kind that holds pairs, expected one of {', '.join('.' + e for e in ENDINGS)}")
    if file.suffix.lower() == ".tar":
        for record in shards.read(file):
            yield _checked(f"{file}::{record.key}", lambda record=record: from_record(record, source))  # type: ignore[misc]
        return
    for number, row in enumerate(sources.rows(file), start=1):
        if isinstance(row, Problem):
            yield row
            continue
        if not {"query", "query_image"} & set(row) or not {"positive", "positive_image"} & set(row):
            raise InputError(
                f"{file}: has the columns {', '.join(sorted(map(str, row)))[:200]}, expected 'query' and 'positive'; rename them"
            )
        yield _checked(f"{file}, row {number}", lambda row=row: from_row(row, file.parent, source))  # type: ignore[misc]


def _checked(where: str, make: Callable[[], Pair]) -> Pair | Problem:
    try:
        return make()
    except HannunError as e:
        return Problem(where, str(e))


def from_row(row: Mapping[str, Any], folder: Path, source: str) -> Pair:
    """A table's row as a Pair. Raises InputError for a side that is empty or of another type."""
    sides = {k: _side(k, row.get(k), row.get(f"{k}_image"), folder) for k in ("query", "positive")}
    given = row.get("negatives") or ()
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InputError(f"'negatives' is a {type(given).__name__}, expected a list")
    negatives = tuple(_side("negatives", n, None, folder) for n in given)
    used = ("query", "positive", "negatives", "query_image", "positive_image", "source")
    facts = {k: v for k, v in row.items() if k not in used and v is not None}
    return Pair(replace(sides["query"], facts=facts), sides["positive"], negatives, str(row.get("source") or source))


def _side(name: str, given: Any, picture: Any, folder: Path) -> Item:
    content = dict(given) if isinstance(given, Mapping) else {"text": "" if given is None else str(given)}
    if picture:
        content["image"] = picture
    found = content.get("image")
    many = found if isinstance(found, list) else [] if not found else [found]
    made = item({**content, "image": [_beside(p, folder) for p in many]}, id="")
    if not made.parts:
        raise InputError(f"{name!r} is empty, expected a text and/or a picture")
    return made if made.id else replace(made, id=label(made))


def _beside(picture: Any, folder: Path) -> Image:
    if isinstance(picture, Mapping):  # a picture in a shard, as `negatives.write` names it
        try:
            picture = Member(folder / str(picture["archive"]), int(picture["offset"]), int(picture["size"]), str(picture["name"]))
        except (KeyError, ValueError, TypeError):
            raise InputError(f"'image' has the keys {sorted(map(str, picture))}, expected archive, offset, size and name") from None
    part = image_part(picture)
    return Image(folder / part.source) if isinstance(part.source, Path) else part


def from_record(record: shards.Record, source: str) -> Pair:
    """A shard's record as a Pair: by its own query and positive, or its text → its picture."""
    if "_problem" in record.data:
        raise InputError(f"its JSON cannot be read ({record.data['_problem']})")
    if "query" in record.data and "positive" in record.data:
        pictures = iter(record.pictures)
        row = {k: _with_picture(v, pictures) if k in ("query", "positive") else v for k, v in record.data.items()}
        return from_row(row, Path(), source)
    text = record.data.get("text") or record.text or record.data.get("caption")
    if not text or not record.pictures:
        raise InputError("has neither query and positive nor a text with a picture")
    facts = {k: v for k, v in record.data.items() if k not in ("text", "caption", "id")}
    query = item({"text": str(text)}, id=f"{record.key}/text")
    return Pair(replace(query, facts=facts), Item(record.key, (Image(record.pictures[0]),), facts), (), source)


def _with_picture(value: Any, pictures: Iterator[Any]) -> Any:
    """In a shard a picture is not a path: "image": true takes the record's next picture."""
    if isinstance(value, Mapping) and value.get("image") is True:
        return {**value, "image": next(pictures, None)}
    return value


def label(it: Item) -> str:
    """What makes two items the same thing in a batch: its text and where its pictures lie (by content, for pictures handed over as bytes).

    No picture is read from disk for it. A decoded picture is told by its pixels (PIL pictures cannot be hashed).
    """
    return digest(it.parts, PLACE)
