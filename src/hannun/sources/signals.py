"""Tables and exports of wearables go in; recordings come out, a day or a raw signal each; or items that can be indexed.

A table (.csv, .tsv, .jsonl, .parquet, .xlsx, .arrow) has a column of times and one for each channel, in Korean or English, of any rate;
columns of other names are said with `--columns HR=…,steps=…,time=…`. A column of a person's name parts people, `activity`, `sleep` and
`mood` are labels. Exports are Fitbit's (a folder or .zip of JSON files), Apple Health's (export.xml or .zip), Google Fit's daily metrics.
A .json or .jsonl may hold signals as Hannun sends them (`values`, `rate`, …).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hannun import hangul
from hannun.errors import InputError, MissingError, neighbours
from hannun.item import Item, Problem, Text
from hannun.sensors.captions import Labels, Level, caption
from hannun.sensors.channels import KNOWN, recognised
from hannun.sensors.episodes import Episode, named
from hannun.sensors.form import in_minutes
from hannun.sensors.recording import Samples, SignalRecording, joined, recordings
from hannun.sensors.templates import Language
from hannun.signals import Signal
from hannun.sources.columns import amount
from hannun.sources.logs import seconds
from hannun.sources.tables import TABLES, decode_text, ending, rows
from hannun.sources.wearables import of_export, seconds_of

TIME, PERSON, ACTIVITY, MOOD, SLEEP = "time", "person", "activity", "mood", "sleep"
ROLES = (TIME, PERSON, ACTIVITY, MOOD, SLEEP)
_ROLES: Mapping[str, tuple[str, ...]] = {
    TIME: (
        *("time", "timestamp", "datetime", "date_time", "measured_at", "ts", "start time", "starttime", "activityminute", "activityhour"),
        *("t", "date", "측정시각", "측정 시각", "측정일시", "일시", "시각", "시간", "날짜"),
    ),
    PERSON: ("person", "user", "user_id", "subject", "participant", "id", "사람", "사용자", "회원", "아이디"),
    ACTIVITY: ("activity", "label", "활동", "행동"),
    MOOD: ("mood", "기분"),
    SLEEP: ("sleep", "asleep", "수면", "잠"),
}
_CLOCKS = ("time", "시각", "시간", "측정시각")
_DATES = ("date", "날짜", "측정일")
_OFFSET = re.compile(r"(?<=\d)\s*(Z|[+-]\d\d:?\d\d)$")
_DATED = re.compile(r"\d{4}-\d\d-\d\d")
#: The levels of an item's words, what somebody did first.
WORDS: tuple[Level, ...] = ("semantic", "structural", "statistical")
HEAD = 4096  # bytes in which a .json of a signal names its values
_AWAKE = {"", "0", "false", "awake", "none", "no", "깸"}


@dataclass(frozen=True)
class SignalReading:
    """How tables of signals are read: `columns` ours → theirs, a `rate` in Hz where no column tells times, and the `shift` of UTC."""

    columns: Mapping[str, str] = field(default_factory=dict)
    rate: float | None = None
    shift: float = 0.0

    def __post_init__(self) -> None:
        for ours in self.columns:
            if ours not in ROLES and ours not in KNOWN and recognised(ours) is None:
                names = (*ROLES, *KNOWN)
                raise InputError(f"the column {ours!r} came, expected time=…, person=…, activity=… or a channel; {neighbours(ours, names)}")


def read_signals(paths: Sequence[Path], reading: SignalReading | None = None) -> Iterator[SignalRecording]:
    """The recordings of all paths; files of one export belong together. Raises MissingError, and InputError where nothing can be read."""
    how = reading if reading is not None else SignalReading()
    exports: list[Samples] = []
    for file in _files(paths):
        if ending(file) in TABLES:
            yield from of_table(file, how)
        elif (found := of_export(file, how.shift)) is not None:
            exports.append(found)
        elif ending(file) == "json" and (file in paths or sniffed(file)):
            yield from of_json(file)
        elif file in paths:
            raise InputError(f"{file}: holds no signals; expected a table, a .json of signals, an export.xml or a .zip of an export")
    if exports:
        yield from recordings(joined(exports), ", ".join(map(str, paths)), how.rate)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.exists():
            raise MissingError(f"{path}: no such file or folder; check the path")
        yield from [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))


def of_json(file: Path) -> Iterator[SignalRecording]:
    """The signals of a .json: one, or a list of them. Raises InputError."""
    try:
        given = json.loads(decode_text(file.read_bytes(), str(file)))
    except ValueError as e:
        raise InputError(f"{file}: is no JSON ({e}); mend the file") from None
    for number, one in enumerate(given if isinstance(given, list) else [given], start=1):
        if not isinstance(one, Mapping) or not Signal.reads(signal := one.get("signal", one)):
            raise InputError(f"{file}: holds no signal, expected 'values' and 'rate', or a list of these")
        for part in Signal.of(signal):
            yield SignalRecording(part, name=f"{file.stem}" if number == 1 else f"{file.stem}-{number}")


def sniffed(file: Path) -> bool:
    """Whether a .json begins like a signal: others are not read."""
    try:
        with file.open("rb") as f:
            return b'"values"' in f.read(HEAD)
    except OSError:
        return False


def is_signals(row: Mapping[str, Any]) -> bool:
    """Whether a row of a table is one of signals: it tells a time and a channel that is known, and has neither text nor picture."""
    names = {hangul.normalise(str(n)).strip().lower(): n for n in row}
    channels = [n for n in names if recognised(n) is not None]
    return bool(channels) and any(n in names for n in _ROLES[TIME]) and not {"text", "image", "signal"} & names.keys()


def held(table: Iterator[Mapping[str, Any] | Problem]) -> tuple[bool, Iterator[Mapping[str, Any] | Problem]]:
    """Whether the rows of a table are of signals, by the first of them, and all rows, that one too: nothing is read twice."""
    met: list[Mapping[str, Any] | Problem] = []
    for row in table:
        met.append(row)
        if not isinstance(row, Problem):
            return is_signals(row), itertools.chain(met, table)
    return False, iter(met)


def of_table(file: Path, how: SignalReading, some: Iterable[Mapping[str, Any] | Problem] | None = None) -> Iterator[SignalRecording]:
    """The recordings of a table, by person. Raises InputError where no column is a channel, or none tells times."""
    table = [r for r in (rows(file) if some is None else some) if not isinstance(r, Problem)]
    if not table:
        raise InputError(f"{file}: holds no rows, expected a column of times and one for each channel")
    if any("signal" in r and Signal.reads(_plain(r["signal"])) for r in table[:1]):
        for number, row in enumerate(table, start=1):
            for part in Signal.of(_plain(row["signal"])):
                yield SignalRecording(
                    part, _told(row.get("labels")), str(row.get("id") or f"{file.stem}#{number}"), str(row.get("person") or "")
                )
        return
    roles, channels = _columns(file, table, how)
    people = [str(r.get(roles[PERSON], "")) for r in table] if PERSON in roles else [""] * len(table)
    times = _times(file, table, roles, how)
    for person in dict.fromkeys(people):
        here = [n for n, p in enumerate(people) if p == person]
        samples = Samples(person)
        for key, column in channels.items():
            values, odd = _numbers([table[n].get(column) for n in here])
            if odd:
                samples.tell(f"{column}: {odd:,} cells are no numbers, and are masked")
            samples.add(key, times[here], values)
        if (lost := int((~np.isfinite(times[here])).sum())) > 0:
            samples.tell(f"{roles.get(TIME, TIME)}: {lost:,} rows without a time that can be read were left out")
        _labelled(samples, table, times, here, roles)
        yield from recordings(samples, f"{file}" + (f", {person}" if person else ""), how.rate)


def _columns(file: Path, table: Sequence[Mapping[str, Any]], how: SignalReading) -> tuple[dict[str, str], dict[str, str]]:
    """Role → column, and channel → column. Columns of numbers that nobody knows are channels of their own name."""
    there = list(dict.fromkeys(str(n) for row in table for n in row))
    plain = {hangul.normalise(n).strip().lower(): n for n in there}
    for theirs in how.columns.values():
        if theirs not in there:
            raise InputError(f"{file}: has no column {theirs!r}; {neighbours(theirs, there)}")
    roles = {r: plain[n] for r, names in _ROLES.items() for n in reversed(names) if n in plain}
    roles |= {r: c for r, c in how.columns.items() if r in ROLES}
    mine = {recognised(o) or o: c for o, c in how.columns.items() if o not in ROLES}
    taken = {*roles.values(), *mine.values(), *(plain[n] for n in (*_CLOCKS, *_DATES, "end time") if n in plain)}
    known: dict[str, str] = {}
    for name, column in plain.items():
        if column not in taken and (key := recognised(name)) is not None and key not in mine:
            known.setdefault(key, column)
    channels = {**known, **mine}
    if not how.columns:  # with --columns only what is named or known is read
        taken |= set(channels.values())
        more = [c for c in there if c not in taken and all(isinstance(r.get(c), int | float) for r in table[:5] if r.get(c) is not None)]
        channels |= {c: c for c in more if channels and any(r.get(c) is not None for r in table[:100])}
    if not channels:
        names = ", ".join(there)[:200]
        raise InputError(
            f"{file}: has the columns {names}, none of which is a channel with any value; say which with --columns HR=…,steps=…,time=…"
        )
    return roles, channels


def _times(file: Path, table: Sequence[Mapping[str, Any]], roles: Mapping[str, str], how: SignalReading) -> npt.NDArray[np.float64]:
    """Seconds from 1970 by the clock on the wall; by the row's number and the rate where no column tells them."""
    if TIME not in roles:
        if how.rate is None:
            raise InputError(
                f"{file}: no column tells times; name it with --columns time=…, or say how many rows come in a second with --rate"
            )
        return np.arange(len(table)) / how.rate
    plain = {hangul.normalise(str(n)).strip().lower(): str(n) for n in table[0]}
    clock, date = (next((plain[n] for n in names if n in plain), None) for names in (_CLOCKS, _DATES))
    cells = [r.get(roles[TIME]) for r in table]
    if clock and date and clock != date:
        cells = [f"{r.get(date)} {r.get(clock)}" for r in table]
    elif (dated := _DATED.search(file.stem)) is not None and isinstance(cells[0], str) and re.match(r"\d\d?:\d\d", cells[0]):
        cells = [f"{dated[0]} {c}" for c in cells]  # Google Fit names the day in the file alone
    found = _read_times(cells, how)
    if not np.isfinite(found).any():
        raise InputError(f"{file}: {roles[TIME]!r} holds {str(cells[0])!r}, expected times such as 2026-11-01T06:30 or 2026.11.1 오전 6:30")
    return found


def _read_times(cells: Sequence[Any], how: SignalReading) -> npt.NDArray[np.float64]:
    import pyarrow as pa

    if all(isinstance(c, int | float) and not isinstance(c, bool) for c in cells if c is not None):
        numbers = np.array([np.nan if c is None else float(c) for c in cells])
        if np.nanmax(numbers, initial=0) < 1e8:  # seconds from the begin of a recording, not from 1970
            return numbers
        return seconds(pa.array(numbers)) + how.shift
    texts = ["" if c is None else str(c).strip() for c in cells]
    if sum("/" in t for t in texts[:100]) > min(len(texts), 100) / 2:
        return np.array([seconds_of(t) for t in texts])
    utc = np.array([t.endswith("Z") for t in texts])
    return np.asarray(seconds(pa.array([_OFFSET.sub("", t) for t in texts])) + np.where(utc, how.shift, 0.0), np.float64)


def _numbers(cells: Sequence[Any]) -> tuple[npt.NDArray[np.float64], int]:
    """Cells as numbers, NaN for what is none, and how many were neither empty nor a number."""
    made = np.full(len(cells), np.nan)
    odd = 0
    for n, cell in enumerate(cells):
        if isinstance(cell, int | float):
            made[n] = float(cell)
        elif cell is not None and str(cell).strip().lower() not in ("", "nan", "null", "na", "-"):
            value = amount(str(cell))
            made[n], odd = (np.nan, odd + 1) if value is None else (float(value), odd)
    return made, odd


def _labelled(
    samples: Samples, table: Sequence[Mapping[str, Any]], times: npt.NDArray[np.float64], here: Sequence[int], roles: Mapping[str, str]
) -> None:
    """Runs of one activity and of sleep, and moods, of the rows of one person."""
    order = [n for n in sorted(here, key=lambda n: times[n]) if np.isfinite(times[n])]
    step = float(np.median(np.diff(times[order]))) if len(order) > 1 else 0.0
    for role in (ACTIVITY, SLEEP):
        if role not in roles:
            continue
        said = [(_word(table[n].get(roles[role]), role), float(times[n])) for n in order]
        for word, run in itertools.groupby(said, key=lambda s: s[0]):
            moments = [t for _, t in run]
            if word:
                samples.activities.append((word, moments[0], moments[-1] + step))
    if MOOD in roles:
        samples.moods += [(str(m).strip(), float(times[n])) for n in order if (m := table[n].get(roles[MOOD])) and str(m).strip()]


def _word(cell: Any, role: str) -> str:
    plain = "" if cell is None else str(cell).strip()
    if role == SLEEP:
        return "" if plain.lower().removesuffix(".0") in _AWAKE else "asleep"
    return "" if plain.lower() in _AWAKE else plain


def _plain(cell: Any) -> Any:
    """A cell that holds JSON as text is what it says."""
    if isinstance(cell, str) and cell.lstrip().startswith(("{", "[")):
        try:
            return json.loads(cell)
        except ValueError:
            return cell
    return cell


def _told(labels: Any) -> Labels:
    """The labels that `row` wrote, and none of anything else."""
    some = labels if isinstance(labels, list) else []
    whole = [e for e in some if isinstance(e, Mapping) and {"activity", "start", "end"} <= e.keys()]
    return Labels(tuple(Episode(*named(str(e["activity"])), int(e["start"]), int(e["end"])) for e in whole))


def row(recording: SignalRecording, language: Language = "ko", levels: Sequence[Level] = WORDS) -> dict[str, Any]:
    """A recording as a row of a .jsonl that `hannun index` reads: its caption as text, the signal, its date and person as facts."""
    signal = recording.signal
    found: dict[str, Any] = {"id": "-".join(x for x in (recording.person, recording.name) if x) or None}
    found["text"] = caption(signal, language, levels, recording.labels)
    found["signal"] = signal.to_json()
    if recording.labels.episodes:
        found["labels"] = [{"activity": e.korean, "start": e.start, "end": e.end} for e in recording.labels.episodes]
    return {k: v for k, v in {**found, **facts_of(recording)}.items() if v is not None}


def facts_of(recording: SignalRecording) -> dict[str, Any]:
    """What is told of a recording beside its caption: its date and person, and how many steps of a day."""
    signal = recording.signal
    found: dict[str, Any] = {"date": signal.start[:10]} if signal.start else {}
    if recording.person:
        found["person"] = recording.person
    if "steps" in signal.channels and in_minutes(signal):
        column = signal.channels.index("steps")
        found["steps"] = int(np.rint(signal.values[signal.measured[:, column], column].sum()))
    return found


def items(file: Path, place: str, table: Iterable[Mapping[str, Any] | Problem] = ()) -> Iterator[Item | Problem]:
    """The recordings of a .json, or of a table's rows, as items with Korean captions for words; what was put right is told once."""
    told: set[str] = set()
    found = of_json(file) if ending(file) == "json" else of_table(file, SignalReading(), table)
    many = list(found)
    for one in many:
        for line in one.said:
            if line not in told:
                told.add(line)
                yield Problem(str(file), line)
        called = "-".join(x for x in (one.person, one.name if one.signal.start else "") if x)
        id = place if len(many) == 1 else f"{place}#{called or many.index(one) + 1}"
        yield Item(id, (Text(caption(one.signal, "ko", WORDS, one.labels)), replace(one.signal)), facts_of(one))
