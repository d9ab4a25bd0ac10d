"""Paths go in (folders, pictures, text files, tables of rows, tar shards); Items, and Problems with reasons, come out.

The item of a file has the file's absolute path as its id; the item of a row has its `id` column, or else the file's path
and the row's number. Every item carries where it came from in `SOURCE`, so that `--prune` knows what has vanished.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hannun import hangul, shards
from hannun.errors import HannunError, InputError, MissingError
from hannun.facts import cell
from hannun.facts import fact as fact
from hannun.facts import facts as facts
from hannun.item import Image, Item, Problem, image_part, item

SOURCE = "_source"  # the fact that holds the absolute path of the file an item came from
TEXTS = frozenset({"txt", "md"})
TABLES = frozenset({"jsonl", "csv", "parquet"})
_MAX_TEXT_FILE = 4 * 2**20  # bytes
_CONTENT = frozenset({"id", "text", "image"})


def read(paths: Iterable[Path]) -> Iterator[Item | Problem]:
    """Every item below the paths, files in sorted order. Raises MissingError, before anything is read, for a path that is not there.

    Files of other kinds inside a folder are passed over; one that is named itself makes a Problem. An id that comes a second
    time makes a Problem too, and the first one stands.
    """
    seen: dict[str, str] = {}
    for file, named in files(paths):
        for found in _file(file, named):
            if isinstance(found, Item):
                source = os.path.abspath(file)
                if found.id in seen:
                    yield Problem(
                        f"{file}", f"the id {found.id!r} came before in {seen[found.id]}; the first one is kept, give this one another id"
                    )
                    continue
                seen[found.id] = str(file)
                yield replace(found, facts={**found.facts, SOURCE: hangul.normalise(source)})
            else:
                yield found


def files(paths: Iterable[Path]) -> list[tuple[Path, bool]]:
    """The files below the paths, and whether each was named itself. A picture that a table beside it names is the table's."""
    found: dict[str, tuple[Path, bool]] = {}  # by absolute path, so that no file comes twice however it was named
    for path in paths:
        if not path.exists():
            raise MissingError(f"{path}: no such file or folder; check the path")
        if not path.is_dir():
            found[os.path.abspath(path)] = (path, True)
            continue
        for folder, inner, names in os.walk(path):
            inner[:] = sorted(d for d in inner if not d.startswith(".") and not d.endswith(".hannun"))
            for name in sorted(names):
                file = Path(folder) / name
                if not name.startswith(".") and _ending(file) in shards.PICTURES | TEXTS | TABLES | {"tar"}:
                    found.setdefault(os.path.abspath(file), (file, False))
    claimed = {p for file, _ in found.values() if _ending(file) in TABLES and file.is_file() for p in _claimed(file)}
    return [(file, named) for path, (file, named) in found.items() if named or path not in claimed]


def count(paths: Iterable[Path]) -> int:
    """About how many items the paths hold, cheaply: rows of tables by line count or footer, shards by their headers."""
    total = 0
    for file, _ in files(paths):
        match _ending(file) if file.is_file() else "":  # opening a pipe would wait for its writer
            case "jsonl" | "csv":
                with contextlib.suppress(OSError), file.open("rb") as f:
                    total += sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))
            case "parquet":
                import pyarrow.parquet as pq

                try:
                    total += pq.read_metadata(file).num_rows
                except Exception:  # a damaged file is reported when it is read
                    total += 1
            case "tar":
                try:
                    total += sum(1 for _ in shards.read(file))
                except (HannunError, OSError):
                    total += 1
            case _:
                total += 1
    return total


def _ending(path: Path) -> str:
    return path.suffix[1:].lower()


def _claimed(table: Path) -> Iterator[str]:
    with contextlib.suppress(OSError, HannunError):  # reported when the table itself is read
        for row in rows(table, pictures_only=True):
            for picture in _pictures(row) if isinstance(row, Mapping) else ():
                if isinstance(picture, str) and picture:
                    yield os.path.abspath(_on_disk(table.parent / picture))


def _pictures(row: Mapping[str, Any]) -> list[Any]:
    """A row's pictures: paths or bytes, out of a list, or out of the {'bytes', 'path'} of published parquet files."""
    given = row.get("image")
    many = given if isinstance(given, list) else [given]
    plain = [(p.get("bytes") or p.get("path")) if isinstance(p, Mapping) else p for p in many]
    return [p for p in plain if p is not None and p != "" and not _nan(p)]


def _nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _on_disk(path: Path) -> Path:
    """The path in the form (NFC or NFD) that the disk has: a table made on one system names files copied from another."""
    if str(path).isascii() or path.exists():
        return path
    forms = (path.parent / unicodedata.normalize(f, path.name) for f in ("NFC", "NFD"))
    whole = (Path(unicodedata.normalize(f, str(path))) for f in ("NFC", "NFD"))
    return next((p for p in (*forms, *whole) if p.exists()), path)


def _file(file: Path, named: bool) -> Iterator[Item | Problem]:
    ending, id = _ending(file), hangul.normalise(os.path.abspath(file))
    try:
        image_part(file)  # for its check of the name, whatever the file is
        if file.exists() and not file.is_file():
            raise InputError(f"{file}: is a pipe or a device, expected a file")
        if ending in shards.PICTURES:
            yield Item(id, (Image(file),), {"title": hangul.normalise(file.stem)})
        elif ending in TEXTS:
            text = item(_text(file), id=id)
            yield text if text.parts else Problem(str(file), "is empty, expected text", id)
        elif ending in TABLES:
            yield from _table(file)
        elif ending == "tar":
            yield from _shard(file)
        elif named:
            kinds = ", ".join(sorted(shards.PICTURES | TEXTS | TABLES | {"tar"}))
            yield Problem(str(file), f"is of no kind that can be indexed, expected one of {kinds}")
    except HannunError as e:
        where = str(file).encode("utf-8", "replace").decode()
        yield Problem(where, str(e).removeprefix(f"{file}: ").removeprefix(f"{where!r}: "), id)
    except OSError as e:
        yield Problem(str(file), f"cannot be read ({e.strerror or e})", id)


def _text(file: Path) -> str:
    if file.stat().st_size > _MAX_TEXT_FILE:
        raise InputError(
            f"{file}: has {file.stat().st_size:,} bytes, the limit for a text is {_MAX_TEXT_FILE:,}; split it, or make rows of a .jsonl"
        )
    return decode_text(file.read_bytes(), str(file))


def decode_text(data: bytes, where: str) -> str:
    """UTF-8 (with or without a mark), else CP949, the old Korean Windows encoding. Raises InputError for anything else."""
    for encoding in ("utf-8-sig", "cp949"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise InputError(f"{where}: is not text in UTF-8 or CP949; convert it with iconv")


def _table(file: Path) -> Iterator[Item | Problem]:
    wrong = 0
    for number, row in enumerate(rows(file), start=1):
        where = f"{file}, row {number}"
        if isinstance(row, Problem):
            yield row
            continue
        if "text" not in row and "image" not in row:
            wrong += 1
            if wrong == 1:  # said once: a table with other columns would repeat it on every row
                yield Problem(
                    where,
                    f"has the columns {', '.join(sorted(map(str, row)))[:200]}, expected 'text' and/or 'image' (and 'id'); rename them",
                )
            continue
        try:
            yield _row(file, number, row)
        except HannunError as e:
            yield Problem(where, str(e))
    if wrong > 1:
        yield Problem(str(file), f"{wrong - 1} more rows without 'text' and 'image'")


def _row(file: Path, number: int, row: Mapping[str, Any]) -> Item:
    id = _id(row.get("id")) or f"{hangul.normalise(os.path.abspath(file))}#{number}"
    pictures = [_beside(file, p) for p in _pictures(row)]
    made = item({**row, "id": id, "image": pictures, "text": _words(row.get("text"))})
    if not made.parts:
        raise InputError("has neither text nor picture in it")
    return replace(made, facts=facts(made.facts))


def _id(given: object) -> str:
    """A row's id as text, empty where there is none; whole numbers that a table made floats of (1.0) are whole again."""
    if given is None or _nan(given):
        return ""
    return hangul.normalise(str(int(given) if isinstance(given, float) and given.is_integer() else given))


def _words(given: object) -> str | None:
    return None if given is None or _nan(given) else str(given)


def _beside(file: Path, picture: object) -> Image:
    """A row's picture: a path relative to the table's folder, or bytes."""
    part = image_part(picture)
    return image_part(_on_disk(file.parent / part.source)) if isinstance(part.source, Path) else part


def rows(file: Path, pictures_only: bool = False) -> Iterator[Mapping[str, Any] | Problem]:
    """The rows of a .jsonl, .csv or .parquet as they are; `pictures_only` may leave out columns besides `image`."""
    match _ending(file):
        case "jsonl":
            with file.open("rb") as f:
                for number, line in enumerate(f, start=1):
                    if not line.strip():
                        continue
                    try:
                        row = json.loads(decode_text(line, str(file)))
                        if isinstance(row, dict):
                            yield row
                        else:
                            yield Problem(f"{file}, row {number}", f"is a JSON {type(row).__name__}, expected an object")
                    except InputError as e:
                        yield Problem(f"{file}, row {number}", str(e).removeprefix(f"{file}: "))
                    except (ValueError, RecursionError) as e:
                        yield Problem(f"{file}, row {number}", f"is not JSON ({e}); mend the line")
        case "csv":
            csv.field_size_limit(2**27)
            try:
                reader = csv.DictReader(io.StringIO(decode_text(file.read_bytes(), str(file)), newline=""))
                for row in reader:
                    yield {k: v if k in _CONTENT else cell(v) for k, v in row.items() if k and (v or k in _CONTENT)}
            except (csv.Error, InputError) as e:
                yield Problem(
                    str(file), f"is not a CSV table ({str(e).removeprefix(f'{file}: ')})", hangul.normalise(os.path.abspath(file))
                )
        case _:
            import pyarrow as pa
            import pyarrow.parquet as pq

            try:
                with pq.ParquetFile(file) as table:
                    embedded = "image" not in table.schema_arrow.names or "binary" in str(table.schema_arrow.field("image").type)
                    if not (pictures_only and embedded):
                        for batch in table.iter_batches(256, columns=["image"] if pictures_only else None):
                            yield from batch.to_pylist()
            except (pa.ArrowException, OSError) as e:
                reason = (str(e).splitlines() or [type(e).__name__])[0][:160]
                yield Problem(str(file), f"is not a whole parquet file ({reason})", hangul.normalise(os.path.abspath(file)))


def _shard(file: Path) -> Iterator[Item | Problem]:
    for record in shards.read(file):
        data = {k: v for k, v in record.data.items() if k != "_problem"}
        if "_problem" in record.data:
            yield Problem(f"{file}::{record.key}", f"its JSON cannot be read ({record.data['_problem']})")
            continue
        text = data.pop("text", None) or record.text or data.pop("caption", None)
        if not text and not record.pictures:
            yield Problem(f"{file}::{record.key}", "has neither picture nor text")
            continue
        try:
            made = item({**data, "id": _id(data.get("id")) or record.key, "text": _words(text), "image": list(record.pictures)})
            yield replace(made, facts=facts(made.facts))
        except HannunError as e:
            yield Problem(f"{file}::{record.key}", str(e))
