"""A user's tables (jsonl, csv, tsv, xlsx, parquet) and tar shards go in, Pairs come out; what cannot be read is a Problem with its reason.

A row is one of three kinds, by its columns:

    query, positive      a pair; it may say `negatives` (a list), `score` and other facts
    query, clicked       a click: the id of an item (or of several), `shown` those that were shown beside it and not clicked
    text and/or image    an item: each of its texts belongs to its picture (`Reading` names columns of other names)

A side is a text, or an object {"text": …, "image": path}; paths are relative to the table. In a CSV `query_image` and `positive_image` hold
paths. A shard's record may say the same in its JSON; of one that does not, each text is a pair with its picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

from hannun import shards, sources
from hannun.errors import HannunError, InputError, MissingError
from hannun.item import Image, Item, Member, Pair, Problem, Text, image_part, item
from hannun.part import PLACE, digest
from hannun.sources import Reading
from hannun.sources.columns import expected, identity, made_of, words
from hannun.sources.reading import walk
from hannun.sources.roots import on_disk
from hannun.sources.tables import ending

ENDINGS = ("jsonl", "csv", "tsv", "xlsx", "parquet", "tar")
_ASKED, _RIGHT = {"query", "query_image"}, {"positive", "positive_image"}


def read(
    paths: Iterable[Path], source: str = "", reading: Reading | None = None, known: Callable[[str], Item | None] | None = None
) -> Iterator[Pair | Problem]:
    """Every pair below the paths, in the order of file names.

    Args:
        paths: files, and folders of them.
        source: a name for all of them (by default each file's own name).
        reading: how rows of items are read.
        known: gives the item that a click names by id, None for an id it has not; those of tables among the paths are known besides.

    Raises:
        MissingError: a path is not there. InputError: a table whose columns are others.
    """
    given = [(path, files_of(path)) for path in paths]
    catalogue = _Catalogue([f for _, files in given for f in files], reading or Reading(), known)
    for _, files in given:
        for file in files:
            yield from _file(file, source or file.stem, catalogue)


def files_of(path: Path) -> list[Path]:
    """The path itself, or what below it may hold pairs and is not hidden. Raises MissingError, and InputError where there is none."""
    if not path.exists():
        raise MissingError(f"{path}: no such file or folder; check the path")
    below = sorted(folder / name for folder, names in walk(path) for name in names if ending(Path(name)) in ENDINGS)
    files = below if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path}: holds no pairs, expected {', '.join('.' + e for e in ENDINGS)} files")
    return files


@final
class _Catalogue:
    """The items that clicks name by id: read out of the tables when the first click comes."""

    def __init__(self, files: Sequence[Path], reading: Reading, known: Callable[[str], Item | None] | None) -> None:
        self.reading = reading
        self._files, self._known = files, known
        self._items: dict[str, Item] = {}
        self._read = False

    def get(self, id: str) -> Item:
        """The item of an id. Raises InputError."""
        if self._known is not None and (it := self._known(id)) is not None:
            return it
        if not self._read:
            self._read = True
            for file in self._files:
                for number, row in enumerate(_rows(file), start=1):
                    named = self.reading.named(row) if isinstance(row, Mapping) else {}
                    if kind(named) == "item" and named.get("id") is not None:
                        try:
                            it, _ = made_of(file, file.name, number, named, self.reading)
                        except HannunError:  # told when the item's own row is read
                            continue
                        self._items.setdefault(it.id, it)
        if id not in self._items:
            raise InputError(f"the click names the item {id!r}, which is in no table given; give the table of items too")
        return self._items[id]


def kind(row: Mapping[str, Any]) -> str:
    """What a row is by its columns: "pair", "click", "item", or "" for none of these."""
    if _ASKED & set(row) and _RIGHT & set(row):
        return "pair"
    if "query" in row and "clicked" in row:
        return "click"
    return "item" if {"text", "image"} & set(row) else ""


def _rows(file: Path) -> Iterator[Mapping[str, Any] | Problem]:
    return iter(()) if file.suffix.lower() == ".tar" else sources.rows(file)


def _file(file: Path, source: str, catalogue: _Catalogue) -> Iterator[Pair | Problem]:
    if ending(file) not in ENDINGS:
        raise InputError(f"{file}: is of no kind that holds pairs, expected one of {', '.join('.' + e for e in ENDINGS)}")
    if file.suffix.lower() == ".tar":
        for record in shards.read(file):
            yield from _checked(f"{file}::{record.key}", lambda record=record: from_record(record, source))  # type: ignore[misc]
        return
    for number, row in enumerate(_rows(file), start=1):
        if isinstance(row, Problem):
            yield row
            continue
        named = catalogue.reading.named(row)
        if not kind(named):
            raise InputError(f"{file}: {expected(row, 'query and positive, query and clicked, or text and image')}")

        def made(row: Mapping[str, Any] = named, number: int = number) -> Sequence[Pair]:
            match kind(row):
                case "pair":
                    return [from_row(row, file.parent, source)]
                case "click":
                    return clicked(row, source, catalogue.get)
            return of_item(made_of(file, file.name, number, row, catalogue.reading)[0], source)

        yield from _checked(f"{file}, row {number}", made)


def of_item(it: Item, source: str) -> list[Pair]:
    """Each text of an item with its picture. Raises InputError for an item that has not both."""
    lines = [p.value for p in it.parts if isinstance(p, Text)]
    texts = list(dict.fromkeys(line for t in lines for line in t.split("\n") if line.strip()))
    if not texts or not it.images:
        raise InputError(f"the item {it.id!r} has a {'picture' if it.images else 'text'} alone, and a pair needs both")
    shown = replace(it, parts=it.images[:1])
    return [Pair(Item(f"{it.id}/text{n}", (Text(t),), it.facts), shown, (), source) for n, t in enumerate(texts)]


def clicked(row: Mapping[str, Any], source: str, get: Callable[[str], Item]) -> list[Pair]:
    """A pair of the query and each item that was clicked; those that were only shown are its negatives. Raises InputError."""
    chosen, shown = ids(row["clicked"]), ids(row.get("shown"))
    if not chosen:
        raise InputError("'clicked' is empty, expected the id of an item")
    asked = _side("query", row.get("query"), row.get("query_image"), Path())
    passed = tuple(get(i) for i in shown if i not in chosen)
    facts = {k: v for k, v in row.items() if k not in ("query", "query_image", "clicked", "shown", "id") and v is not None}
    return [Pair(replace(asked, facts=facts), get(i), passed, source) for i in chosen]


def ids(given: Any) -> list[str]:
    """Ids under `clicked` or `shown`: one, a list, or several in one cell with commas or blanks between."""
    match given:
        case None:
            return []
        case list() | tuple():
            return [i for one in given for i in ids(one)]
        case str():
            return [i for i in given.replace(",", " ").split() if i]
    return [identity(given)]


def _checked(where: str, make: Callable[[], Sequence[Pair]]) -> list[Pair | Problem]:
    try:
        return list(make())
    except HannunError as e:
        return [Problem(where, str(e))]


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
    content = dict(given) if isinstance(given, Mapping) else {"text": words(given) or ""}
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
    return Image(on_disk(folder / part.source)) if isinstance(part.source, Path) else part


def from_record(record: shards.Record, source: str) -> list[Pair]:
    """A shard's record as Pairs: its own query and positive, or each of its texts → its picture. Raises InputError."""
    if "_problem" in record.data:
        raise InputError(f"its JSON cannot be read ({record.data['_problem']})")
    if "query" in record.data and "positive" in record.data:
        pictures = iter(record.pictures)
        row = {k: _with_picture(v, pictures) if k in ("query", "positive") else v for k, v in record.data.items()}
        return [from_row(row, Path(), source)]
    texts = shards.texts(record.data, record.text)
    if not texts or not record.pictures:
        raise InputError("has neither query and positive nor a text with a picture")
    facts = {k: v for k, v in record.data.items() if k not in ("text", "caption", "id")}
    shown = Item(record.key, (Image(record.pictures[0]),), facts)
    asked = [item({"text": t}, id=f"{record.key}/text{n or ''}") for n, t in enumerate(texts)]
    return [Pair(replace(a, facts=facts), shown, (), source) for a in asked]


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
