"""A table goes in (.jsonl, .csv, .tsv, .parquet, .arrow, .xlsx); its rows come out as they stand there, and Problems for what is broken."""

from __future__ import annotations

import codecs
import csv
import datetime
import io
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, final

from hannun import hangul
from hannun.errors import InputError
from hannun.facts import cell
from hannun.item import Problem

TABLES = frozenset({"jsonl", "csv", "tsv", "parquet", "xlsx", "arrow"})
SURPLUS = "cells"  # the fact that keeps the cells of a row that is longer than its header
CONTENT = frozenset({"id", "text", "image"})
SHEETS = "an XLSX table needs the package python-calamine; `pip install -c constraints.txt '.[formats]'`"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of an encrypted workbook, and of an old one
_MAX_SHEETS = 2**30  # bytes that an XLSX file may unpack to
_SEPARATOR = re.compile(r'"?sep=([,;\t|])"?[,;\s]*', re.IGNORECASE)  # the line before the header by which Excel is told
Row = Mapping[str, Any]


@final
@dataclass
class Notes:
    """What is told of a table once, however many of its rows have it."""

    seen: dict[str, int] = field(default_factory=dict)
    new: list[Problem] = field(default_factory=list)

    def tell(self, about: str, where: str, reason: str) -> None:
        """Keep a Problem, where it is the first of its kind."""
        self.seen[about] = self.seen.get(about, 0) + 1
        if self.seen[about] == 1:
            self.new.append(Problem(where, reason))

    def rest(self, about: str, file: Path, words: str) -> None:
        """Keep how many more there were of a kind."""
        if (more := self.seen.get(about, 1) - 1) > 0:
            self.new.append(Problem(str(file), f"{more} more {words}"))

    def drain(self) -> list[Problem]:
        """What was kept since this was last called."""
        told, self.new = self.new, []
        return told


def ending(path: Path) -> str:
    """A file's ending in lower case, without the dot."""
    return path.suffix[1:].lower()


def decode_text(data: bytes, where: str) -> str:
    """UTF-8 (with or without a mark), UTF-16 with one, else CP949, the old Korean Windows encoding. Raises InputError for anything else."""
    text = hangul.decoded(data)
    if text is None:
        raise InputError(f"{where}: is not text in UTF-8, UTF-16 or CP949; convert it with iconv")
    return text


def rows(file: Path, *, columns: Sequence[str] | None = None, typed: bool = True, notes: Notes | None = None) -> Iterator[Row | Problem]:
    """The rows of a table.

    Args:
        file: a .jsonl, .csv, .tsv, .parquet, .arrow or .xlsx.
        columns: only these are wanted; others may be there too.
        typed: cells of .csv and .tsv as numbers and truths where they are written so; else all as text.
        notes: takes what is told once of the whole table; it is not among the rows.
    """
    told = notes if notes is not None else Notes()
    match ending(file):
        case "jsonl":
            yield from _jsonl(file, columns)
        case "csv" | "tsv":
            yield from _csv(file, typed, told)
        case "xlsx":
            yield from _xlsx(file, told)
        case "arrow":
            yield from _arrow(file, columns, told)
        case _:
            yield from _parquet(file, columns, told)


def _jsonl(file: Path, columns: Sequence[str] | None) -> Iterator[Row | Problem]:
    wanted = None if columns is None else [json.dumps(c, ensure_ascii=False).encode() for c in columns]
    with file.open("rb") as raw:
        wide = raw.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        raw.seek(0)
        lines: Iterator[bytes] = iter(decode_text(raw.read(), str(file)).encode().splitlines()) if wide else raw
        for number, line in enumerate(lines, start=1):
            if not line.strip() or (wanted is not None and b"\\" not in line and line.isascii() and not any(w in line for w in wanted)):
                continue
            where = f"{file}, row {number}"
            try:
                if line[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):  # of a whole file it would be at the begin
                    raise InputError("is not text in UTF-8 or CP949; convert it with iconv")
                row = json.loads(decode_text(line, str(file)))
                yield row if isinstance(row, dict) else Problem(where, f"is a JSON {type(row).__name__}, expected an object")
            except InputError as e:
                yield Problem(where, str(e).removeprefix(f"{file}: "))
            except (ValueError, RecursionError) as e:
                yield Problem(where, f"is not JSON ({e}); mend the line")


def _broken(file: Path, kind: str, error: Exception | str) -> Problem:
    reason = (str(error).removeprefix(f"{file}: ").splitlines() or [type(error).__name__])[0][:160]
    return Problem(str(file), f"is not a {kind} ({reason})", hangul.normalise(os.path.abspath(file)))


# ------------------------------------------------------------------------------------------------------ comma and tab


def _csv(file: Path, typed: bool, notes: Notes) -> Iterator[Row | Problem]:
    csv.field_size_limit(2**27)
    try:
        with file.open("rb") as raw:
            text, delimiter = _opened(raw, file)
            reader = csv.reader(_without_nuls(text, file, notes), delimiter=delimiter)
            header = next((h for h in reader if any(h)), None)
            if header is not None:
                cells = ((number, row) for number, row in enumerate((r for r in reader if r), start=1))
                yield from _under(file, header, cells, typed, notes)
    except (csv.Error, InputError, UnicodeError) as e:
        yield _broken(file, "CSV table", e)


def _opened(raw: IO[bytes], file: Path) -> tuple[io.TextIOWrapper, str]:
    """The text of a .csv or .tsv at its header, and what stands between its cells. Raises InputError."""
    text = io.TextIOWrapper(raw, encoding=_encoding(raw, file), newline="")
    first = text.readline(1 << 16)
    if (told := _SEPARATOR.fullmatch(first)) is not None:
        return text, told[1]
    text.seek(0)
    # A tab in a .tsv; in a .csv whose first line has no comma a tab or a semicolon, where it has one.
    return text, "\t" if ending(file) == "tsv" else next((d for d in ",\t;" if d in first), ",")


@contextmanager
def plain(file: Path) -> Iterator[tuple[Path, str]]:
    """A .csv or .tsv in UTF-8 from its header on, for readers that know no other form, and what stands between its cells: the file itself
    where it is so, else a copy that is gone afterwards. Raises InputError."""
    with file.open("rb") as raw:
        text, delimiter = _opened(raw, file)
        if text.encoding == "utf-8-sig" and text.tell() == 0:
            yield file, delimiter
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / file.name
            with copy.open("w", encoding="utf-8", newline="") as out:
                shutil.copyfileobj(text, out)
            yield copy, delimiter


def _encoding(raw: IO[bytes], file: Path) -> str:
    """How a file of text is encoded, by its mark and by reading it once through; it is left at its begin. Raises InputError."""
    head = raw.read(4)
    raw.seek(0)
    wide = head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp949"):
        decoder = codecs.getincrementaldecoder(encoding)()
        nuls = characters = 0
        try:
            while block := raw.read(1 << 20):
                text = decoder.decode(block)
                nuls, characters = nuls + text.count("\0"), characters + len(text)
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            nuls = characters + 1
        raw.seek(0)
        if nuls <= characters * hangul.MOST_NULS:
            return encoding
    raise InputError(f"{file}: is not text in UTF-8, UTF-16 or CP949; convert it with iconv")


def _without_nuls(lines: Iterable[str], file: Path, notes: Notes) -> Iterator[str]:
    """Lines without the NULs that old databases pad cells with."""
    for number, line in enumerate(lines, start=1):
        if "\0" in line:
            notes.tell("nuls", f"{file}, line {number}", "holds NUL characters; they are left out")
            line = line.replace("\0", "")
        yield line
    notes.rest("nuls", file, "lines with NUL characters")


def _named(header: Sequence[object]) -> list[str]:
    """Names of columns, each its own: one without a name by its number, a name that comes again with a number."""
    names: list[str] = []
    for number, given in enumerate(header, start=1):
        name = str(given if given is not None else "").strip() or f"column {number}"
        names.append(name if name not in names else f"{name} ({number})")
    return names


def _under(file: Path, header: Sequence[object], cells: Iterator[tuple[int, Sequence[Any]]], typed: bool, notes: Notes) -> Iterator[Row]:
    """Rows of cells under a header. Where a row is longer, which cell is under which name cannot be told, so its facts have none."""
    names = _named(header)
    for number, row in cells:
        surplus = [c for c in row[len(names) :] if c not in ("", None)]
        made = {k: v if not typed or k in CONTENT or not isinstance(v, str) else cell(v) for k, v in zip(names, row, strict=False)}
        if surplus:
            notes.tell(
                "surplus",
                f"{file}, row {number}",
                f"has {len(row)} cells, the header {len(names)} (a comma that is not in quotes?); its text is kept, "
                f"its other cells lie in the fact {SURPLUS!r}; quote the cell and index again",
            )
            made = {k: v for k, v in made.items() if k in CONTENT} | {SURPLUS: [str(c) for c in row if c not in ("", None)]}
        yield {k: made.get(k) for k in (*names, *([SURPLUS] if surplus else [])) if k in CONTENT or made.get(k) not in ("", None)}
    notes.rest("surplus", file, "rows with more cells than the header")


# ---------------------------------------------------------------------------------------------------------------- sheets


def _xlsx(file: Path, notes: Notes) -> Iterator[Row | Problem]:
    try:
        import python_calamine
    except ImportError:
        yield _broken(file, "table that can be read here", SHEETS)
        return
    try:
        with file.open("rb") as f:
            if f.read(8) == _OLE:
                raise InputError(f"{file}: is encrypted with a password, or of the old kind .xls; save it as .xlsx without a password")
        with zipfile.ZipFile(file) as archive:
            if sum(i.file_size for i in archive.infolist()) > _MAX_SHEETS:
                raise InputError(f"{file}: unpacks to over {_MAX_SHEETS >> 20} MB; save it as .csv")
        with python_calamine.CalamineWorkbook.from_path(str(file)) as book:
            for name in book.sheet_names:
                cells = iter(book.get_sheet_by_name(name).to_python(skip_empty_area=False))
                header = next((h for h in cells if any(c not in ("", None) for c in h)), None)
                if header is None:
                    continue
                more = {"sheet": name} if len(book.sheet_names) > 1 else {}
                plain = (
                    (number, [_sheet_cell(c) for c in row])
                    for number, row in enumerate(cells, start=1)
                    if any(c not in ("", None) for c in row)
                )
                for row in _under(file, header, plain, False, notes):
                    yield {**more, **row}
    except (zipfile.BadZipFile, OSError, InputError) as e:
        yield _broken(file, "XLSX table", e)
    except Exception as e:  # the reader's own errors, and whatever a damaged book makes it raise
        yield _broken(file, "XLSX table", e)


def _sheet_cell(value: Any) -> Any:
    """A sheet has doubles alone, and dates with a midnight."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date()
    return value


# --------------------------------------------------------------------------------------------------------------- parquet


def _parquet(file: Path, columns: Sequence[str] | None, notes: Notes) -> Iterator[Row | Problem]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as table:
            present = table.schema_arrow.names
            wanted = None if columns is None else [c for c in columns if c in present]
            if wanted is not None and (not wanted or all("binary" in str(table.schema_arrow.field(c).type) for c in wanted)):
                return
            for batch in table.iter_batches(256, columns=wanted):
                yield from arrow_rows(batch, str(file), notes)
    except (pa.ArrowException, OSError) as e:
        yield _broken(file, "whole parquet file", e)


def _arrow(file: Path, columns: Sequence[str] | None, notes: Notes) -> Iterator[Row | Problem]:
    """The rows of Arrow's own form, as a stream (what `datasets` saves) or as a file."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(file)) as raw:
            try:
                batches: Any = iter(pa.ipc.open_stream(raw))
            except pa.ArrowInvalid:
                raw.seek(0)
                whole = pa.ipc.open_file(raw)
                batches = (whole.get_batch(n) for n in range(whole.num_record_batches))
            for batch in batches:
                if columns is not None:  # names of files are asked for, which are texts
                    batch = batch.select([f.name for f in batch.schema if f.name in columns and "string" in str(f.type)])
                for start in range(0, batch.num_rows, 256):
                    yield from arrow_rows(batch.slice(start, 256), str(file), notes)
    except (pa.ArrowException, OSError) as e:
        yield _broken(file, "whole Arrow file", e)


def _labels(schema: Any) -> dict[str, list[str]]:
    """The names of a data set's classes by column, which its rows have the numbers of (Hugging Face's ClassLabel)."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        classes = {name: told.get("names") for name, told in features.items() if told.get("_type") == "ClassLabel"}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
    return {name: names for name, names in classes.items() if isinstance(names, list) and all(isinstance(n, str) for n in names)}


def arrow_rows(batch: Any, where: str, notes: Notes) -> Iterator[Row]:
    """The rows of an Arrow batch or table, column by column: one whose values have no form in Python is told once and left out."""
    import pyarrow as pa

    made: dict[str, list[Any]] = {}
    labels = _labels(batch.schema)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            made[name] = _values(column)
            if classes := labels.get(name):
                made[name] = [classes[v] if isinstance(v, int) and 0 <= v < len(classes) else v for v in made[name]]
        except (pa.ArrowException, ValueError, OverflowError, KeyError, TypeError) as e:
            reason = f"its values ({column.type}) cannot be read ({str(e)[:100]}); the rows are kept without it"
            notes.tell(f"column {name}", f"{where}, column {name!r}", reason)
    names = list(made)
    for row in zip(*made.values(), strict=True) if names else ():
        yield dict(zip(names, row, strict=True))


def _values(column: Any) -> list[Any]:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":  # Python's own dates end at microseconds
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    elif pa.types.is_duration(kind) and kind.unit == "ns":
        column = column.cast(pa.duration("us"), safe=False)
    elif pa.types.is_time64(kind) and kind.unit == "ns":
        column = column.cast(pa.time64("us"), safe=False)
    nested = pa.types.is_nested(kind)
    found: list[Any] = column.to_pylist(maps_as_pydicts="lossy") if nested else column.to_pylist()
    return found


def about(file: Path) -> int:
    """About how many rows a table has: lines, or what a footer tells."""
    if ending(file) in ("parquet", "xlsx", "arrow"):
        if ending(file) != "parquet":
            return 1
        import pyarrow.parquet as pq

        try:
            return int(pq.read_metadata(file).num_rows)
        except Exception:  # a damaged file is reported when it is read
            return 1
    try:
        with file.open("rb") as f:
            return sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))
    except OSError:
        return 0
