"""Sources (folders, tables, tar shards, URL lists) go in; raw rows that say where each picture lies, and what is said of it, come out.

Everything streams: a table is read a batch at a time, pictures stay where they are, and only pictures inside a table's cells are copied.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from hannun import hangul, shards, sources
from hannun.curate.text.korean import is_korean
from hannun.errors import HannunError, InputError, MissingError, neighbours
from hannun.item import Problem
from hannun.sources import on_disk
from hannun.sources.columns import proposed

PICTURES_PER_TASK = 1000
_BATCH = 512  # rows of a table read at once

#: What columns may be called, in order of preference; compared without regard to case.
NAMES: dict[str, tuple[str, ...]] = {
    "key": ("key", "id", "sample_id", "image_id", "product_id"),
    "image": ("image", "image_path", "jpg", "file", "picture"),
    "url": ("url", "image_url", "img_url"),
    "title": ("title", "text", "caption", "alt", "alt_text", "name"),
    "queries": ("query", "queries", "search_query"),
    "counts": ("query_count", "query_counts", "count", "counts", "clicks"),
    "attributes": ("attributes", "attribute", "attrs"),
    "image_hash": ("image_hash",),
    "width": ("width", "original_width"),
    "height": ("height", "original_height"),
}


@dataclass(frozen=True)
class Columns:
    """Which column is what: `given` (our name → the table's) over the names in NAMES."""

    given: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.given:
            if name not in NAMES:
                raise InputError(f"the column {name!r} came; {neighbours(name, NAMES)}")

    def of(self, columns: Sequence[str]) -> dict[str, str]:
        """Our name → the table's column, for those that are there."""
        lower = {hangul.normalise(c).lower(): c for c in reversed(columns)}
        found: dict[str, str] = {}
        for name, aliases in NAMES.items():
            for alias in (hangul.normalise(self.given[name]),) if name in self.given else aliases:
                if alias.lower() in lower and lower[alias.lower()] not in found.values():
                    found[name] = lower[alias.lower()]
                    break
        return found


@dataclass(frozen=True)
class ScanTask:
    """One file, or up to PICTURES_PER_TASK loose pictures, to be scanned by one task."""

    number: int
    paths: tuple[str, ...]


def scan_tasks(paths: Sequence[Path]) -> list[ScanTask]:
    """The files below the paths, in sorted order; loose pictures count only in a folder without tables and shards.

    Raises MissingError for a path that is not there, InputError where there is nothing.
    """
    found: list[tuple[str, ...]] = []
    for path in paths:
        if not path.exists():
            raise MissingError(f"{path}: no such file or folder; check the path")
        loose: list[str] = []
        tables = 0
        for file in _walk(path):
            ending = file.suffix[1:].lower()
            if ending in sources.TABLES or ending == "tar":
                found.append((str(file),))
                tables += 1
            elif ending in shards.PICTURES:
                loose.append(str(file))
            elif file == path:
                raise InputError(f"{file}: is of no kind that holds pairs, expected a folder, a .tar, a table or a picture")
        if tables:  # then loose pictures are the tables'
            loose = []
        found += [tuple(loose[n : n + PICTURES_PER_TASK]) for n in range(0, len(loose), PICTURES_PER_TASK)]
    if not found:
        raise InputError(f"{', '.join(map(str, paths))}: no pictures, tables or shards there")
    return [ScanTask(n, paths) for n, paths in enumerate(found)]


def require_pictures(tasks: Sequence[ScanTask], columns: Columns) -> None:
    """Raises InputError, before anything is done, where all sources are tables and none of them has a column of pictures."""
    told = ""
    for task in tasks:
        file = Path(task.paths[0])
        if file.suffix[1:].lower() not in sources.TABLES:
            return
        try:
            row = next(_rows(file, None), {"_problem": "is empty"})
        except (HannunError, OSError):  # told with the file's rows
            return
        if "_problem" in row or {"image", "url"} & columns.of(list(row)).keys():
            return
        told = told or f"{file}: {_without_pictures(row)}"
    if told:
        raise InputError(told)


def _without_pictures(row: Mapping[str, Any]) -> str:
    """What is said of a table by one of its rows, and the likeliest reading of its columns."""
    near = proposed(row).replace("text=", "title=").replace("id=", "key=")
    remedy = f"run again with `--columns {near}`" if "image=" in near else "name them with --columns image=…,title=…"
    return f"has the columns {', '.join(map(str, row))[:200]}, expected 'image' or 'url' (and 'title'); {remedy}"


def _walk(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, inner, names in os.walk(path):
        inner[:] = sorted(d for d in inner if not d.startswith("."))
        yield from (Path(folder) / n for n in sorted(names) if not n.startswith("."))


def read_rows(task: ScanTask, columns: Columns, korean: float = 0.0) -> Iterator[dict[str, Any]]:
    """Raw rows as `shuffle.RAW` has them, and with `bytes`, `width` and `height` where they are mappings.

    With `korean`, rows whose title and queries have less than this share of Hangul come as `{"foreign": n}`, n rows at a time.
    """
    if len(task.paths) == 1 and Path(task.paths[0]).suffix[1:].lower() not in shards.PICTURES:
        file = Path(task.paths[0])
        try:
            yield from _shard(file, korean) if file.suffix.lower() == ".tar" else _table(file, columns, korean)
        except (HannunError, OSError, ValueError) as e:
            yield {"key": str(file), "source": str(file), "problem": " ".join(str(e).split())[:300]}
        return
    for name in task.paths:
        yield _picture(Path(name))


def read_links(file: Path, columns: Columns) -> Iterator[dict[str, Any]]:
    """Rows of a table of documents or clicks: (ref, title, query, count), one for each text; `ref` is how the picture is named there."""
    for row in _rows(file, None):
        names = columns.of(list(row))
        value = {k: row.get(c) for k, c in names.items()}
        if value.get("image_hash"):
            ref = f"hash:{value['image_hash']}"
        elif value.get("url"):
            ref = f"url:{value['url']}"
        elif value.get("image") or value.get("key"):
            ref = f"key:{_text(value.get('image') or value.get('key'))}"
        else:
            expected = "one of image_hash, url, image or id"
            raise InputError(f"{file}: a row has the columns {', '.join(map(str, row))[:160]}, expected {expected} to find its picture by")
        base = {"ref": ref, "source": str(file), "title": None, "query": None, "count": None}
        if value.get("title"):
            yield {**base, "title": _text(value["title"])}
        queries, counts = _queries(value)
        for query, count in zip(queries, counts, strict=True):
            yield {**base, "query": query, "count": count}


def _picture(file: Path) -> dict[str, Any]:
    title, data = None, {}
    for ending in (".json", ".txt"):
        beside = file.with_suffix(ending)
        if beside.is_file() and beside.stat().st_size < 1 << 20:
            try:
                text = sources.decode_text(beside.read_bytes(), str(beside))
                if ending == ".txt":
                    title = title or text
                elif isinstance(parsed := json.loads(text), dict):
                    data = parsed
            except (ValueError, RecursionError):
                continue
    row = _row(data, Columns().of(list(data)), str(file), file.stem) if data else _empty(file.stem, str(file))
    if not row["title"]:
        row["title"] = title or (file.stem.replace("_", " ") if hangul.hangul_ratio(file.stem) else None)  # IMG_1234 is no title
    return {**row, "path": str(file.absolute()), "offset": 0, "size": file.stat().st_size, "bytes": None}


def _shard(file: Path, korean: float) -> Iterator[dict[str, Any]]:
    for record in shards.read(file):
        data = {**record.data, **({"title": record.text} if record.text and "title" not in record.data else {})}
        row = _row(data, Columns().of(list(data)), str(file), record.key)
        if "_problem" in data:
            row["problem"] = f"its JSON cannot be read ({data['_problem']})"
        if record.pictures:
            member = record.pictures[0]
            row |= {"path": str(member.archive.absolute()), "offset": member.offset, "size": member.size, "bytes": None}
        yield row if not korean or _korean(row, korean) else {"foreign": 1}


def _table(file: Path, columns: Columns, korean: float) -> Iterator[dict[str, Any]]:
    mappings: dict[tuple[str, ...], dict[str, str]] = {}  # the rows of a .jsonl may have different columns
    checked = False
    for number, row in enumerate(_rows(file, (columns, korean)), start=1):
        if "foreign" in row:
            yield row
            continue
        shape = tuple(row)
        if shape not in mappings:
            mappings[shape] = columns.of(shape)
        names = mappings[shape]
        if not checked and "_problem" not in row:
            checked = True
            if not ({"image", "url"} & names.keys()):
                raise InputError(_without_pictures(row))
        made = _row(row, names, str(file), f"{file.stem}#{number}")
        if "_problem" in row:
            made["problem"] = row["_problem"]
        yield made if not korean or _korean(made, korean) else {"foreign": 1}


def _korean(row: Mapping[str, Any], share: float) -> bool:
    return bool(row.get("problem")) or any(is_korean(t, share) for t in (row["title"] or "", *row["queries"]))


def _empty(key: str, source: str) -> dict[str, Any]:
    blank: dict[str, Any] = {
        "url": None,
        "path": None,
        "offset": 0,
        "size": -1,
        "title": None,
        "queries": [],
        "counts": [],
        "attributes": None,
    }
    return {"key": key, "source": source, **blank, "problem": None, "bytes": None}


def _row(row: Mapping[str, Any], names: Mapping[str, str], source: str, key: str) -> dict[str, Any]:
    value = {k: row.get(c) for k, c in names.items()}
    made = _empty(_text(value.get("key")) or key, source)
    made["title"] = _text(value.get("title")) or None
    made["queries"], made["counts"] = _queries(value)
    attributes = value.get("attributes")
    if isinstance(attributes, str) and attributes.startswith("{"):
        try:
            attributes = json.loads(attributes)
        except ValueError:
            attributes = None
    if isinstance(attributes, Mapping):
        made["attributes"] = json.dumps({str(k): v for k, v in attributes.items()}, ensure_ascii=False, default=str)
    made["url"] = _text(value.get("url")) or None
    made["width"], made["height"] = _number(value.get("width")), _number(value.get("height"))
    picture = value.get("image")
    if isinstance(picture, Mapping):
        picture = picture.get("bytes") or picture.get("path")
    if isinstance(picture, bytes | bytearray | memoryview):
        made["bytes"] = bytes(picture)
    elif isinstance(picture, str) and picture.startswith(("http://", "https://")):
        made["url"] = made["url"] or picture
    elif isinstance(picture, str) and picture:
        made["path"] = str(on_disk(Path(source).parent / picture).absolute())
        if not names.get("key"):
            made["key"] = picture
    return made


def _queries(value: Mapping[str, Any]) -> tuple[list[str], list[int]]:
    """Queries and their counts: lists, one of each, or a JSON list in a cell."""
    given, counted = value.get("queries"), value.get("counts")
    if isinstance(given, str) and given.startswith("["):
        try:
            given = json.loads(given)
        except ValueError:
            given = [given]
    if isinstance(counted, str) and counted.startswith("["):
        try:
            counted = json.loads(counted)
        except ValueError:
            counted = []
    many = list(given) if isinstance(given, list | tuple) else [] if given in (None, "") else [given]
    counts = list(counted) if isinstance(counted, list | tuple) else [counted] * len(many)
    counts += [None] * (len(many) - len(counts))
    kept = [(_text(q), _number(c)) for q, c in zip(many, counts, strict=False) if _text(q)]
    return [q for q, _ in kept], [c if c is not None and c >= 0 else 1 for _, c in kept]


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _number(value: object) -> int | None:
    try:
        return None if value is None or value == "" else int(float(str(value)))
    except (ValueError, OverflowError):
        return None


def _rows(file: Path, wanted: tuple[Columns, float] | None) -> Iterator[dict[str, Any]]:
    """A table's rows as dicts. A row that cannot be read has `_problem`; `wanted` lets parquet skip columns and foreign rows unread."""
    ending = file.suffix[1:].lower()
    if ending not in sources.TABLES:
        raise InputError(f"{file}: has the ending {file.suffix!r}, expected one of .{', .'.join(sorted(sources.TABLES))}")
    if ending == "parquet":
        yield from _parquet(file, wanted)
        return
    for row in sources.rows(file, typed=False):
        yield {"image": None, "_problem": row.reason} if isinstance(row, Problem) else dict(row)


def _parquet(file: Path, wanted: tuple[Columns, float] | None) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as table:
            present = list(table.schema_arrow.names)
            names = wanted[0].of(present) if wanted else {}
            use = list(dict.fromkeys(names.values())) if wanted else None
            text = [names[n] for n in ("title", "queries") if n in names] if wanted and wanted[1] else []
            plain = [c for c in text if pa.types.is_string(table.schema_arrow.field(c).type)]
            for batch in table.iter_batches(_BATCH, columns=use or None):
                rows = batch.num_rows
                if text and plain == text:  # a row without one Hangul syllable is not worth a Python object
                    some = [pc.fill_null(pc.match_substring_regex(batch.column(c), "[가-힣]"), False) for c in text]
                    batch = batch.filter(some[0] if len(some) == 1 else pc.or_(*some))
                    if rows > batch.num_rows:
                        yield {"foreign": rows - batch.num_rows}
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as e:
        raise InputError(f"is not a whole parquet file ({(str(e).splitlines() or ['?'])[0][:160]})") from None


def count_rows(task: ScanTask) -> int:
    """About how many rows a task has, cheaply."""
    if len(task.paths) > 1:
        return len(task.paths)
    return max(1, sources.count([Path(task.paths[0])]))


def chunks(rows: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    """The rows in lists of `size`."""
    while chunk := list(islice(rows, size)):
        yield chunk
