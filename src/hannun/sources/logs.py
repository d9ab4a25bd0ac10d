"""A behaviour log goes in (CSV, TSV, JSONL or Parquet, with any names of columns); its columns, as numbers by user and time, come out.

Daft reads and parses the files in parallel and hands over batches, of which only numbers are kept: 10 million events take about
350 MB. Rows that are no events are left out and counted; what was put right is told.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from hannun import dataflow, hangul
from hannun.errors import InputError, MissingError, neighbours
from hannun.facts import moment
from hannun.sources import tables
from hannun.sources.columns import amount

NEEDED, NAMED = ("user", "item", "time"), ("action", "surface", "region")
COLUMNS = (*NEEDED, *NAMED, "value")
BOT = 100_000  # events of one user; who has more is no person
ROWS = 200_000
# How columns are often called; the first that is there is taken.
_LIKELY: Mapping[str, tuple[str, ...]] = {
    "user": ("user", "user_id", "userid", "uid", "member_id", "visitorid", "회원", "회원번호", "사용자", "유저", "고객", "고객번호"),
    "item": (
        *("item", "item_id", "itemid", "product_id", "article_id", "movie", "movie_id", "movieid", "sku"),
        *("상품", "상품번호", "상품코드", "글번호"),
    ),
    "time": (
        *("time", "timestamp", "ts", "datetime", "date", "event_time", "created_at", "timestamp_ms"),
        *("시각", "시간", "일시", "날짜", "주문일시", "구매일시", "주문일", "구매일"),
    ),
    "action": ("action", "event", "event_type", "event_name", "behavior", "type", "행동", "이벤트"),
    "surface": ("surface", "page", "screen", "channel", "지면", "화면"),
    "region": ("region", "area", "location", "district", "지역", "동네"),
    "value": ("value", "rating", "rate", "score", "price", "평점", "가격"),
}
_ISO_DIGITS = re.compile(r"(\d{4})(\d\d)(\d\d)(?:[T ]?(\d\d):?(\d\d)(?::?(\d\d))?)?")
_WRITTEN = re.compile(
    r"(\d{4})\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})\s*[.일]?"
    r"(?:[T\s]*(오전|오후|AM|PM)?\s*(\d{1,2})\s*[:시]\s*(\d{1,2})(?:\s*[:분]\s*(\d{1,2}))?\D{0,3})?"
)
_EPOCH = datetime.datetime(1970, 1, 1)

Numbers32 = npt.NDArray[np.int32]


@final
@dataclass(frozen=True, eq=False)
class BehaviourLog:
    """Events of users, by user and within each by time. Raises nothing: it is made by `read_log` and `of_columns`.

    `user` and `item` [n] number `users` and `items` (their ids); `time` [n] are seconds from 1970; `named` has for "action", "surface"
    and "region" the number of each event's among `names` (-1: none), as far as the log tells them; `value` [n] or None. `said` is what was
    put right or left out, a line each.
    """

    user: Numbers32
    item: Numbers32
    time: npt.NDArray[np.float64]
    users: tuple[str, ...]
    items: tuple[str, ...]
    named: Mapping[str, Numbers32] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    value: npt.NDArray[np.float64] | None = None
    said: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """Where each user's events begin, and at last where all end: [users + 1]."""
        return np.searchsorted(self.user, np.arange(len(self.users) + 1))

    def only(self, which: npt.NDArray[np.bool_]) -> BehaviourLog:
        """The events for which `which` [n] holds; users and items keep their numbers."""
        named = {k: v[which] for k, v in self.named.items()}
        value = None if self.value is None else self.value[which]
        return BehaviourLog(self.user[which], self.item[which], self.time[which], self.users, self.items, named, self.names, value)


def read_log(paths: Sequence[Path], columns: Mapping[str, str] | None = None, until: float | None = None, bot: int = BOT) -> BehaviourLog:
    """The events of all files.

    Args:
        paths: tables, of one or several kinds.
        columns: ours ("user", "item", "time", "action", "surface", "region", "value") → theirs; what is left out is known by usual names.
        until: seconds from 1970; what is later is left out and told. Now, by default.
        bot: who has more events is left out and told.

    Raises:
        InputError: a column is not there, or no row is an event. MissingError: no such file. DependencyError: Daft is not installed.
    """
    gathered = _Gathered()
    for path in paths:
        if not path.exists():
            raise MissingError(f"{path}: no such log; check the path")
        for batch, theirs in _batches(path, columns or {}):
            gathered.take(batch, theirs)
    return gathered.log(", ".join(map(str, paths)), datetime.datetime.now(datetime.UTC).timestamp() if until is None else until, bot)


def of_columns(
    user: Sequence[Any], item: Sequence[Any], time: Sequence[Any], *, until: float | None = None, bot: int = BOT, **more: Sequence[Any]
) -> BehaviourLog:
    """The same of columns in memory: `more` are "action", "surface", "region" and "value". Raises InputError."""
    import pyarrow as pa

    given = {"user": user, "item": item, "time": time, **more}
    gathered = _Gathered()
    gathered.take({k: pa.chunked_array([pa.array(v)]) for k, v in given.items()}, {k: k for k in given})
    return gathered.log("the columns", datetime.datetime.now(datetime.UTC).timestamp() if until is None else until, bot)


def mapped(given: str | None) -> dict[str, str]:
    """`user=A,item=B,time=C` as ours → theirs. Raises InputError."""
    found: dict[str, str] = {}
    for each in (given or "").split(",") if given else []:
        ours, equals, theirs = (x.strip() for x in each.partition("="))
        if not equals or not theirs or ours not in COLUMNS:
            raise InputError(f"--columns {each!r} came, expected user=…, item=…, time=…, {neighbours(ours, COLUMNS)}")
        found[ours] = theirs
    return found


def _batches(path: Path, columns: Mapping[str, str]) -> Iterator[tuple[Mapping[str, Any], dict[str, str]]]:
    daft = dataflow.daft("logs are read by", "users")
    ending = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    file = str(path.resolve())
    copied = ExitStack()  # Daft reads UTF-8 alone
    try:
        match ending:
            case "csv" | "tsv":
                delimiter = "\t" if ending == "tsv" else ","
                if not path.name.lower().endswith(".gz"):
                    place, delimiter = copied.enter_context(tables.plain(path))
                    file = str(place.resolve())
                frame = daft.read_csv(file, delimiter=delimiter, allow_variable_columns=True)
            case "jsonl" | "ndjson":
                frame = daft.read_json(file)
            case "parquet":
                frame = daft.read_parquet(file)
            case _:
                raise InputError(f"{path}: is a .{ending}, expected .csv, .tsv, .jsonl or .parquet (the first three also with .gz)")
        theirs = _theirs(path, frame.column_names, columns)
        for batch in frame.select(*(daft.col(t) for t in dict.fromkeys(theirs.values()))).to_arrow_iter():
            yield {name: batch.column(name) for name in batch.schema.names}, theirs
    except (InputError, MissingError):
        raise
    except Exception as e:  # the reader's own errors, of a damaged file or one in another encoding
        reason = next((line for line in str(e).splitlines() if line.strip()), type(e).__name__)[:160]
        raise InputError(f"{path}: cannot be read as .{ending} in UTF-8 ({reason}); convert it with iconv, or mend the file") from None
    finally:
        copied.close()


def _theirs(path: Path, there: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    names = {hangul.normalise(n).strip().lower(): n for n in there}
    given = {ours: hangul.normalise(name).strip().lower() for ours, name in columns.items()}
    if unknown := next((ours for ours, name in given.items() if name not in names), None):
        raise InputError(f"{path}: has no column {columns[unknown]!r}; {neighbours(columns[unknown], there)}")
    found = {ours: names[name] for ours, name in given.items()}
    for ours in COLUMNS:
        likely = next((names[n] for n in _LIKELY[ours] if n in names), None)
        if ours not in found and likely is not None and likely not in found.values():
            found[ours] = likely
    if missing := [n for n in NEEDED if n not in found]:
        told = f"has the columns {', '.join(there)[:200]}, and which is the {' and the '.join(missing)} cannot be told"
        raise InputError(f"{path}: {told}; give --columns {','.join(f'{m}=…' for m in missing)}")
    return found


@final
class _Numbered:
    """Texts by number, in the order in which they come."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def of(self, column: Any) -> Numbers32:
        """The numbers of a column's values; -1 where there is none."""
        import pyarrow as pa
        import pyarrow.compute as pc

        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if pa.types.is_floating(whole.type) and pc.all(pc.equal(pc.floor(whole), whole)).as_py():  # 17.0 of a column with holes is 17
            whole = whole.cast(pa.int64(), safe=False)
        coded = pc.dictionary_encode(whole.cast(pa.string()) if not pa.types.is_string(whole.type) else whole)
        coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
        texts = [hangul.normalise(t).strip() for t in coded.dictionary.to_pylist()]
        here = np.array([self.numbers.setdefault(t, len(self.numbers)) if t else -1 for t in texts] or [-1], np.int32)
        index = np.asarray(pc.fill_null(coded.indices.cast(pa.int64()), -1))
        return np.where(index < 0, -1, here[index]).astype(np.int32)


@final
class _Gathered:
    def __init__(self) -> None:
        self.numbered = {name: _Numbered() for name in ("user", "item", *NAMED)}
        self.pieces: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        self.rows = 0

    def take(self, batch: Mapping[str, Any], theirs: Mapping[str, str]) -> None:
        """Keep the numbers of one batch."""
        count = len(batch[theirs["user"]])
        self.rows += count
        for name in COLUMNS:
            column = batch[theirs[name]] if name in theirs else None
            if name == "time":
                self.pieces[name].append(seconds(column))
            elif name == "value":
                self.pieces[name].append(_amounts(column, count))
            else:
                self.pieces[name].append(np.full(count, -1, np.int32) if column is None else self.numbered[name].of(column))

    def log(self, where: str, until: float, bot: int) -> BehaviourLog:
        """All of it, sorted, without what is no event."""
        if not self.rows:
            raise InputError(f"{where}: holds no rows, expected events with user, item and time")
        made = {name: np.concatenate(pieces) for name, pieces in self.pieces.items()}
        said: list[str] = []
        whole = (made["user"] >= 0) & (made["item"] >= 0) & np.isfinite(made["time"])
        _tell(said, ~whole, "without a user, an item or a time that can be read were left out")
        future = whole & (made["time"] > until)
        _tell(said, future, "later than now were left out; is a clock wrong, or the time in another unit?")
        made = {k: v[whole & ~future] for k, v in made.items()}
        if not len(made["time"]):
            raise InputError(f"{where}: none of {self.rows:,} rows is an event ({'; '.join(said)}); look at --columns")
        counts = np.bincount(made["user"])
        bots = np.flatnonzero(counts > bot)
        if len(bots):
            told = f"{len(bots):,} users with over {bot:,} events each ({counts[bots].sum():,} events)"
            said.append(f"{told} were left out: they are no people")
            made = {k: v[~np.isin(made["user"], bots)] for k, v in made.items()}
        by = np.argsort(made["user"], kind="stable")
        early = (np.diff(made["time"][by]) < 0) & (np.diff(made["user"][by]) == 0)
        _tell(said, early, "came after later ones of the same user; they were put in order")
        order = np.lexsort((np.arange(len(made["time"])), made["time"], made["user"]))
        made = {k: v[order] for k, v in made.items()}
        kept, made["user"] = np.unique(made["user"], return_inverse=True)
        things, made["item"] = np.unique(made["item"], return_inverse=True)
        single = int((np.bincount(made["user"]) == 1).sum())
        if single:
            said.append(f"{single:,} of {len(kept):,} users have one event: they get a vector, and teach nothing")
        every = {name: list(n.numbers) for name, n in self.numbered.items()}
        users, items = (tuple(every[name][n] for n in which) for name, which in (("user", kept), ("item", things)))
        named = {name: made[name] for name in NAMED if (made[name] >= 0).any()}
        value = made["value"] if np.isfinite(made["value"]).any() else None
        columns = made["user"].astype(np.int32), made["item"].astype(np.int32), made["time"]
        return BehaviourLog(*columns, users, items, named, {n: tuple(every[n]) for n in named}, value, tuple(said))


def _tell(said: list[str], which: npt.NDArray[np.bool_], words: str) -> None:
    if count := int(which.sum()):
        said.append(f"{count:,} events {words}")


def _amounts(column: Any, count: int) -> npt.NDArray[np.float64]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if column is not None and (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):  # "39,000원"
        coded = pc.dictionary_encode(column)
        coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
        read = [amount(t or "") for t in coded.dictionary.to_pylist()]
        told = np.array([np.nan if n is None else float(n) for n in read] or [np.nan])
        index = np.asarray(pc.fill_null(coded.indices.cast(pa.int64()), -1))
        return np.where(index < 0, np.nan, told[index])
    if column is None or not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        return np.full(count, np.nan)
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def seconds(column: Any) -> npt.NDArray[np.float64]:
    """Seconds from 1970 of an Arrow column of times however written: dates, numbers (s, ms, µs or ns, by their size), texts. Without a zone
    they are read as UTC; NaN where no time can be read."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        whole = column.cast(pa.timestamp("us", getattr(kind, "tz", None)), safe=False).cast(pa.int64()).cast(pa.float64())
        return np.asarray(whole.to_numpy(zero_copy_only=False), np.float64) / 1e6
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _of_numbers(np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64))
    coded = pc.dictionary_encode(column.cast(pa.string()))
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    texts = np.array([_of_text(t) for t in coded.dictionary.to_pylist()] or [np.nan])
    index = np.asarray(pc.fill_null(coded.indices.cast(pa.int64()), -1))
    return np.where(index < 0, np.nan, texts[index])


def _of_numbers(given: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """By their size: 20240131 is a day, up to 1e11 seconds, to 1e14 milliseconds, to 1e17 microseconds, else nanoseconds."""
    size = np.abs(given)
    out = np.select([size < 1e11, size < 1e14, size < 1e17], [given, given / 1e3, given / 1e6], given / 1e9)
    days = (given >= 19_000_101) & (given <= 21_001_231) & (given == np.floor(given))
    if days.any() and days[np.isfinite(given)].all():
        found = {d: _of_text(str(int(d))) for d in np.unique(given[days])}
        out[days] = [found[d] for d in given[days]]
    return np.where(np.isfinite(given), out, np.nan)


def _of_text(text: str | None) -> float:
    """Seconds from 1970: an ISO date, 2024.1.2 오후 3:04, 2024년 1월 2일, 20240102T030405, or a number. NaN for other texts."""
    plain = hangul.normalise(text or "").strip()
    if (at := moment(plain)) is not None:
        return at / 1e6
    found = _WRITTEN.fullmatch(plain)
    compact = None if found else _ISO_DIGITS.fullmatch(plain)
    if compact and len(plain) in (8, 12, 13, 14, 15):
        found = None
        parts = [int(g or 0) for g in compact.groups()]
    elif found:
        year, month, day, half, hour, minute, second = found.groups()
        late = 12 if half in ("오후", "PM") and int(hour or 0) < 12 else -12 if half in ("오전", "AM") and int(hour or 0) == 12 else 0
        parts = [int(year), int(month), int(day), int(hour or 0) + late, int(minute or 0), int(second or 0)]
    else:
        try:
            return float(_of_numbers(np.array([float(plain)]))[0])
        except ValueError:
            return float("nan")
    try:
        return (datetime.datetime(*parts) - _EPOCH).total_seconds()  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return float("nan")
