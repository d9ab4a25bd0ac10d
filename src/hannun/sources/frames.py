"""Whatever `add` is handed goes in (one content, rows, a data frame, an Arrow table, a folder); an iterable of contents comes out.

Frames are known by what they can do, so that none of their packages is needed: pandas, polars, Arrow, Hugging Face datasets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import PIL.Image

from hannun.errors import HannunError, InputError
from hannun.item import Content, Events, Item, Problem, Signal, content_of, item
from hannun.sources.columns import Reading, identity, kept_facts, pictures, words
from hannun.sources.reading import Survey, read, survey
from hannun.sources.roots import Rooted, fresh
from hannun.sources.tables import Notes, arrow_rows

_EXPECTED = (
    "rows such as {'id': '1', 'text': '…', 'image': 'b.jpg', 'price': 9900}, texts, pictures, Items, "
    "a pandas or polars DataFrame, an Arrow table, a dataset, or the Path of a folder or file"
)


def surveyed(given: Any) -> tuple[Any, dict[str, int]]:
    """What was handed over, a path as a survey of what lies there; and how much of each kind there is not read."""
    found = survey([given]) if isinstance(given, Path) else given
    return found, dict(found.unread) if isinstance(found, Survey) else {}


def contents(given: Any, rooted: Rooted = fresh) -> Iterable[Content | Problem]:
    """The contents in what was handed over; one text, row or picture is one. `rooted` gives folders their names.

    Raises InputError that names a type that holds none.
    """
    match given:
        case Mapping():
            if given and all(hasattr(v, "column_names") for v in given.values()):
                raise InputError(
                    f"a dataset with the splits {', '.join(map(str, given))} came, expected one of them; choose it by its name"
                )
            return [dict(given)]
        case str() | bytes() | bytearray() | PIL.Image.Image() | Signal() | Events() | Item() | Problem():
            return [given if not isinstance(given, bytearray) else bytes(given)]
        case Path() | Survey():
            return read([given] if isinstance(given, Path) else given, rooted=rooted)
    if (rows := _frame(given)) is not None:
        return rows
    if isinstance(given, Iterable):
        return given
    raise InputError(f"{type(given).__name__} came, expected {_EXPECTED}")


def _frame(given: Any) -> Iterator[Item | Problem] | None:
    notes = Notes()
    if hasattr(given, "iloc") and hasattr(given, "to_dict") and hasattr(given, "columns"):  # pandas
        return _items(given.to_dict("records"), notes)
    if hasattr(given, "collect_schema") and hasattr(given, "collect"):  # a lazy frame of polars
        given = given.collect()
    if hasattr(given, "iter_rows") and hasattr(given, "columns"):  # polars
        return _items(given.iter_rows(named=True), notes)
    if hasattr(given, "schema") and hasattr(given, "to_batches"):  # an Arrow table
        return _items((row for batch in given.to_batches() for row in arrow_rows(batch, "the table", notes)), notes)
    if hasattr(given, "schema") and hasattr(given, "to_pylist"):  # an Arrow batch
        return _items(arrow_rows(given, "the batch", notes), notes)
    return None


def _items(rows: Iterable[Mapping[str, Any]], notes: Notes) -> Iterator[Item | Problem]:
    plain = Reading()
    for number, row in enumerate(rows, start=1):
        yield from notes.drain()
        content = content_of(row)
        if not content:
            names = ", ".join(map(str, row))[:200]
            yield Problem(f"row {number}", f"has the columns {names}, expected 'text' and/or 'image' (and 'id'); rename them")
            return
        try:
            id = identity(row.get("id"))
            made = item(content | {"text": words(row.get("text")), "image": pictures(row)} | ({"id": id} if id else {}))
            told, odd = kept_facts({k: v for k, v in row.items() if k not in content}, plain)
        except HannunError as e:
            yield Problem(f"row {number}", str(e))
            continue
        for name, reason in odd:
            notes.tell(f"column {name}", f"row {number}, column {name!r}", reason)
        yield Item(made.id, made.parts, told)
    yield from notes.drain()
