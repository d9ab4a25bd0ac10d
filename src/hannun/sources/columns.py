"""A row of a table goes in with how to read it (which column is what, which hold numbers); an Item comes out.

One column that has no JSON never drops its row: the row is kept without it, and it is told once.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hannun import hangul, shards
from hannun.errors import HannunError, InputError, neighbours
from hannun.facts import fact
from hannun.item import JSON_KINDS, Image, Item, Problem, image_part, item
from hannun.sources.roots import on_disk
from hannun.sources.tables import Notes, Row, decode_text, rows

OURS = ("text", "image", "id")
# How columns are often called, the likeliest first; for a proposal only, nothing is taken for granted.
_LIKELY = {
    "text": (
        *("text", "상품명", "제목", "내용", "본문", "문장", "설명", "이름", "텍스트", "캡션", "리뷰", "질의", "검색어", "질문"),
        *("title", "caption", "name"),
        *("product_name", "description", "content", "sentence", "document", "review"),
    ),
    "image": (
        "image",
        "사진",
        "이미지",
        "그림",
        "파일",
        "파일명",
        "image_path",
        "img",
        "picture",
        "photo",
        "file_name",
        "file",
        "filename",
        "path",
    ),
    "id": ("id", "번호", "상품번호", "상품코드", "코드", "아이디", "no", "key", "sku", "code", "product_id", "item_id", "image_id"),
}
_AMOUNT = re.compile(r"[₩$€¥£]?\s*([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)\s*([^\d\s,.+-][^\d,]{0,7})?")
_MANY = {"만": 10_000, "천": 1_000, "억": 100_000_000}


@dataclass(frozen=True)
class Reading:
    """How rows are read.

    Attributes:
        columns: ours ("text", "image", "id") → the table's name for it.
        numbers: columns whose cells are amounts as people write them ("39,000원", "₩1,200", "19.90", "3만원"): these become numbers.
        exif: whether the date, place and camera that a picture's file tells become facts.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    numbers: frozenset[str] = frozenset()
    exif: bool = True

    def __post_init__(self) -> None:
        for name in self.columns:
            if name not in OURS:
                raise InputError(f"the column {name!r} came, expected text=…, image=… or id=…; {neighbours(name, OURS)}")

    def named(self, row: Row) -> dict[str, Any]:
        """The row under our names for its content; a column of such a name that is something else becomes `column text`."""
        if not self.columns:
            return dict(row)
        taken = {hangul.normalise(theirs): ours for ours, theirs in self.columns.items()}
        made: dict[str, Any] = {}
        for name, value in row.items():
            plain = hangul.normalise(str(name))
            ours = taken.get(plain)
            made[ours or (f"column {plain}" if plain in self.columns else plain)] = value
        return made


def amount(text: str) -> int | float | None:
    """The number in an amount as people write it: "39,000원", "₩1,200", "3만원"; None for other texts."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        return None
    plain, unit = found[1].replace(",", ""), (found[2] or "")[:1]
    number: int | float = float(plain) if "." in plain or len(plain) > 18 else int(plain)
    made = number * _MANY.get(unit, 1)
    return int(made) if isinstance(made, float) and made.is_integer() and abs(made) < 2**53 else made


def items(file: Path, table: Iterable[Row | Problem], notes: Notes, reading: Reading, place: str) -> Iterator[Item | Problem]:
    """The items of a table's rows, one a row; those without an id have the place of their table and their number.

    `notes` are those that whoever reads the rows of the file writes into.
    """
    for number, row in enumerate(table, start=1):
        yield from notes.drain()
        if isinstance(row, Problem):
            yield row
            continue
        named, where = reading.named(_of_image_folder(file, row)), f"{file}, row {number}"
        if "text" not in named and "image" not in named and not plain_parts(named):
            notes.tell("columns", where, _nothing_under(row, reading) or expected(row))
            continue
        try:
            made, odd = made_of(file, place, number, named, reading)
        except HannunError as e:
            yield Problem(where, str(e))
            continue
        for name, reason in odd:
            notes.tell(f"column {name}", f"{where}, column {name!r}", reason)
        yield made
    notes.rest("columns", file, "rows without 'text' and 'image'")
    yield from notes.drain()


def _nothing_under(row: Row, reading: Reading) -> str:
    """What is told of a row where the columns of its content were named: their cells may be empty, or the names wrong; else ""."""
    named = [theirs for ours, theirs in reading.columns.items() if ours != "id"]
    told = ", ".join(sorted(map(str, row)))[:200]
    return f"has nothing under {' or '.join(map(repr, named))}, only {told}; fill in its cells, or mend --columns" if named else ""


def expected(row: Row, wanted: str = "'text' and/or 'image' (and 'id')") -> str:
    """What is wrong with the columns of a row, what is expected, and what to do."""
    names = ", ".join(sorted(map(str, row)))[:200]
    proposal = proposed(row)
    remedy = f"run again with `--columns {proposal}`" if proposal else "name them with --columns text=…,image=…,id=…"
    return f"has the columns {names}, expected {wanted}; {remedy}"


def proposed(row: Row) -> str:
    """The likeliest reading of a row's columns, as --columns takes it: by their names, then by what is in them; "" where none is."""
    names = {hangul.normalise(str(n)).lower(): str(n) for n in row}
    found: dict[str, str] = {}
    for ours, likely in _LIKELY.items():
        near = [n for n in likely if n in names] or [n for n in names if any(len(word) > 3 and word in n for word in likely)]
        if near:
            found[ours] = names[near[0]]
    texts = {str(n): v for n, v in row.items() if isinstance(v, str) and str(n) not in found.values()}
    if "image" not in found:
        files = [n for n, v in texts.items() if Path(v).suffix[1:].lower() in shards.PICTURES]
        found |= {"image": files[0]} if files else {}
    if "text" not in found and "image" not in found:
        long = [n for n, v in texts.items() if len(v) > 3 and any(c.isalpha() for c in v)]
        found |= {"text": max(long, key=lambda n: len(texts[n]))} if long else {}
    chosen = {ours: found[ours] for ours in OURS if ours in found}
    distinct = len(set(chosen.values())) == len(chosen)
    return ",".join(f"{o}={t}" for o, t in chosen.items()) if distinct and {"text", "image"} & chosen.keys() else ""


def made_of(file: Path, place: str, number: int, row: Mapping[str, Any], reading: Reading) -> tuple[Item, list[tuple[str, str]]]:
    """The item of a row, and the columns that it is kept without, each with the reason. Raises InputError where it has no content."""
    id = identity(row.get("id")) or f"{place}#{number}"
    images = [_beside(file, p) for p in pictures(row)]
    made = item({"id": id, "image": images, "text": words(row.get("text")), **plain_parts(row)})
    if not made.parts:
        raise InputError("has neither text nor picture in it")
    told, odd = kept_facts(row, reading)
    return replace(made, facts=told), odd


def plain_parts(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row that are content of the kinds that are plain JSON; others of their names stay facts."""
    return {kind: row[kind] for kind, part in JSON_KINDS.items() if row.get(kind) is not None and part.reads(row[kind])}


def kept_facts(row: Mapping[str, Any], reading: Reading) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The facts of a row, and what had to be left out or changed, each with the reason."""
    told: dict[str, Any] = {}
    odd: list[tuple[str, str]] = []
    content = plain_parts(row)
    for name, given in row.items():
        if name in OURS or name in content:
            continue
        plain = hangul.normalise(str(name))
        value = amount(given) if plain in reading.numbers and isinstance(given, str) else None
        try:
            made = fact(given) if value is None else value
        except InputError as e:
            odd.append((plain, f"{str(e).split(', expected')[0]}; the rows are kept without it"))
            continue
        if isinstance(given, int) and isinstance(made, str):
            odd.append((plain, "has whole numbers of over 64 bits; they are kept as text"))
        if made is not None:
            told[plain] = made
    return told, odd


def identity(given: object) -> str:
    """A row's id as text, empty where there is none; whole numbers that a table made floats of (1.0) are whole again."""
    if given is None or _nan(given):
        return ""
    return hangul.normalise(str(int(given) if isinstance(given, float) and given.is_integer() else given))


def words(given: object) -> str | list[str] | None:
    """A row's text: of a list or a dict (captions, languages) each text in it."""
    match given:
        case None:
            return None
        case str():
            return given
        case bytes():
            return decode_text(given, "'text'")
        case Mapping():
            return words(list(given.values()))
        case list() | tuple():
            inner = [words(v) for v in given]
            return [t for w in inner for t in ([w] if isinstance(w, str) else w or []) if t.strip()]
    return None if _nan(given) else str(given)


def pictures(row: Mapping[str, Any]) -> list[Any]:
    """A row's pictures: paths or bytes, out of a list, or out of the {'bytes', 'path'} of published parquet files."""
    given = row.get("image")
    many = given if isinstance(given, list) else [given]
    plain = [(p.get("bytes") or p.get("path")) if isinstance(p, Mapping) else p for p in many]
    return [p for p in plain if p is not None and p != "" and not _nan(p)]


def _of_image_folder(table: Path, row: Row) -> Row:
    """A row of the `metadata` that lies beside pictures in a folder of Hugging Face's form: its `file_name` is a picture."""
    if table.stem != "metadata" or "file_name" not in row or "image" in row:
        return row
    return {("image" if name == "file_name" else name): value for name, value in row.items()}


def claimed(table: Path, reading: Reading) -> Iterator[str]:
    """The absolute paths of the pictures that a table names. Raises OSError and HannunError as reading it does."""
    wanted = [reading.columns.get("image", "image"), *(["file_name"] if table.stem == "metadata" else [])]
    for row in rows(table, columns=wanted):
        for picture in pictures(reading.named(_of_image_folder(table, row))) if isinstance(row, Mapping) else ():
            if isinstance(picture, str) and picture:
                yield os.path.abspath(on_disk(table.parent / picture))


def _nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _beside(file: Path, picture: object) -> Image:
    """A row's picture: a path relative to the table's folder, or bytes."""
    part = image_part(picture)
    return image_part(on_disk(file.parent / part.source)) if isinstance(part.source, Path) else part
