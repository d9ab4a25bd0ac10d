"""Rows go in with the bucket each belongs to; parquet files with one row group for each bucket, and later one bucket's rows, come out.

This is how a stage hands rows to the next without anyone holding them all: every task writes one file, sorted by bucket; the task of a
bucket reads its own row group out of every file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hannun.files import whole

Row = dict[str, Any]
_GROUP = 4096  # rows of a row group in files without buckets

RAW = pa.schema(
    [
        ("key", pa.string()),
        ("source", pa.string()),
        ("url", pa.string()),
        ("path", pa.string()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("title", pa.string()),
        ("queries", pa.list_(pa.string())),
        ("counts", pa.list_(pa.int64())),
        ("attributes", pa.string()),
        ("problem", pa.string()),
    ]
)
LOOKED = pa.schema(
    [
        *(f for f in RAW if f.name != "problem"),
        ("image_hash", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("white", pa.float32()),
        ("phash", pa.uint64()),
        ("tint", pa.binary(8)),
    ]
)
GROUPED = pa.schema([*LOOKED, ("copies", pa.int32())])
REFS = pa.schema([("ref", pa.string()), ("image_hash", pa.string())])
LINKS = pa.schema([("ref", pa.string()), ("source", pa.string()), ("title", pa.string()), ("query", pa.string()), ("count", pa.int64())])
JOINED = pa.schema(
    [("image_hash", pa.string()), ("source", pa.string()), ("title", pa.string()), ("query", pa.string()), ("count", pa.int64())]
)
BANDS = pa.schema([("band", pa.uint64()), ("image_hash", pa.string()), ("phash", pa.uint64()), ("tint", pa.binary(8))])
EDGES = pa.schema([("a", pa.string()), ("b", pa.string())])
CLUSTERS = pa.schema([("image_hash", pa.string()), ("leader", pa.string()), ("size", pa.int32())])
LEDGER = pa.schema(
    [
        ("stage", pa.string()),
        ("kind", pa.string()),
        ("reason", pa.string()),
        ("figures", pa.string()),
        ("key", pa.string()),
        ("image_hash", pa.string()),
        ("text", pa.string()),
        ("url", pa.string()),
        ("source", pa.string()),
    ]
)


def bucket(name: str, buckets: int) -> int:
    """The bucket of a name: the same in every run, on every machine."""
    return int.from_bytes(blake2b(name.encode("utf-8", "replace"), digest_size=8).digest(), "big") % buckets


def write(path: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema, of: Sequence[int] | None = None) -> None:
    """Rows into one file, whole or not at all; `of` gives each row's bucket. Rows of a bucket keep their order. Raises StorageError."""
    listed = list(rows)
    order = sorted(range(len(listed)), key=of.__getitem__) if of is not None else range(len(listed))
    groups: list[tuple[int, list[Mapping[str, Any]]]] = []
    for n in order:
        number = of[n] if of is not None else n // _GROUP
        if not groups or groups[-1][0] != number:
            groups.append((number, []))
        groups[-1][1].append(listed[n])
    tagged = schema.with_metadata({"buckets": json.dumps([number for number, _ in groups])})
    # On the disk when this returns: the tally that calls the task done must not reach it before its rows.
    with whole(path) as file, pq.ParquetWriter(file, tagged, compression="zstd") as writer:
        for _, group in groups:
            writer.write_table(pa.Table.from_pylist(group, schema=tagged), row_group_size=len(group))


def rows(path: Path) -> Iterator[Row]:
    """All rows of a file, a row group at a time."""
    with pq.ParquetFile(path) as file:
        for n in range(file.num_row_groups):
            yield from file.read_row_group(n).to_pylist()


def buckets(path: Path) -> list[int]:
    """The buckets that a file has rows of."""
    found: list[int] = json.loads((pq.read_schema(path).metadata or {}).get(b"buckets", b"[]"))
    return found


def of_bucket(paths: Iterable[Path], number: int) -> Iterator[Row]:
    """The rows of one bucket out of all files, in the files' order."""
    for path in paths:
        with pq.ParquetFile(path) as file:
            numbers = json.loads((file.schema_arrow.metadata or {}).get(b"buckets", b"[]"))
            if number in numbers:
                yield from file.read_row_group(numbers.index(number)).to_pylist()
