"""A log, a model and what was kept of yesterday go in; a table of users' vectors comes out as Parquet, and what is to be kept for tomorrow.

Work goes in pieces of users, each journaled: killed and run again, it does only what is missing. The table has the columns `user`,
`vector`, `events`, `event_timestamp` (of the last event) and `version` (the model's fingerprint), as feature stores want them: an entity,
a time, features. Who has no new events keeps the vector of yesterday, since only distances in time within a history are read.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from hannun.embeddings import Floats
from hannun.errors import InputError, MissingError
from hannun.files import whole
from hannun.journal import Journal, digest
from hannun.models.sequence.cover import MergedHistory
from hannun.models.sequence.history import grown, vectors
from hannun.models.sequence.network import UserNetwork
from hannun.sources.logs import BehaviourLog
from hannun.users.histories import Histories, histories

PIECE = 1_024  # users of a piece of work
VERSION = b"hannun.version"


@final
@dataclass(frozen=True, eq=False)
class UserVectors:
    """Unit vectors [n, d] of users, how many events each has, and when the last was (seconds from 1970). `version`: of the model."""

    users: tuple[str, ...]
    vectors: Floats
    events: np.ndarray[Any, Any]
    last: np.ndarray[Any, Any]
    version: str

    def write(self, path: Path) -> None:
        """As Parquet, whole or not at all. Raises StorageError."""
        flat = pa.FixedSizeListArray.from_arrays(pa.array(self.vectors.ravel(), pa.float32()), self.vectors.shape[1])
        when = pa.array((self.last * 1e6).astype(np.int64), pa.int64()).cast(pa.timestamp("us", "UTC"))
        columns = {
            "user": pa.array(self.users, pa.string()),
            "vector": flat,
            "events": pa.array(self.events.astype(np.int64)),
            "event_timestamp": when,
            "version": pa.array([self.version] * len(self.users), pa.string()).dictionary_encode(),
        }
        _write(pa.table(columns).replace_schema_metadata({VERSION: self.version.encode()}), path)

    @staticmethod
    def read(path: Path) -> UserVectors:
        """What `write` wrote. Raises MissingError, InputError."""
        table = _read(path)
        try:
            made = table.column("vector").combine_chunks()
            width = made.type.list_size
            rows = np.asarray(made.flatten(), np.float32).reshape(len(made), width)
            last = np.asarray(table.column("event_timestamp").cast(pa.int64())) / 1e6
            version = (table.schema.metadata or {})[VERSION].decode()
            return UserVectors(tuple(table.column("user").to_pylist()), rows, np.asarray(table.column("events")), last, version)
        except (KeyError, AttributeError, pa.ArrowException) as e:
            raise InputError(f"{path}: is no table of users' vectors ({e}); write one with `hannun users embed`") from None


@final
@dataclass(eq=False)
class KeptUsers:
    """What is kept of every user between days, by a model of one version."""

    version: str
    users: dict[str, MergedHistory] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """As Parquet, whole or not at all. Raises StorageError."""
        kept = list(self.users.values())
        columns = {
            "user": pa.array(list(self.users), pa.string()),
            "events": pa.array([k.events for k in kept], pa.int64()),
            "last": pa.array([k.last for k in kept], pa.float64()),
            "times": pa.array([k.times for k in kept], pa.large_list(pa.float64())),
            "sums": pa.array([k.sums.tobytes() for k in kept], pa.large_binary()),
        }
        _write(pa.table(columns).replace_schema_metadata({VERSION: self.version.encode()}), path)

    @staticmethod
    def read(path: Path, version: str) -> KeptUsers:
        """What `write` wrote, or nothing where there is no file. Raises InputError for what another model left."""
        if not path.exists():
            return KeptUsers(version)
        table = _read(path)
        if (found := (table.schema.metadata or {}).get(VERSION, b"").decode()) != version:
            told = f"{path}: was kept by a model of version {found or '?'}, and this is {version}"
            raise InputError(f"{told}; embed the whole log again into another file")
        kept: dict[str, MergedHistory] = {}
        for row in table.to_pylist():
            times = np.array(row["times"], np.float64)
            sums = np.frombuffer(row["sums"], np.float32).reshape(len(times), -1).copy()
            kept[row["user"]] = MergedHistory(row["events"], sums, times, row["last"])
        return KeptUsers(version, kept)


def embedded(
    network: UserNetwork,
    version: str,
    log: BehaviourLog,
    kept: KeptUsers | None = None,
    journal: Journal | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[UserVectors, KeptUsers, list[str]]:
    """The vectors of all users, those of `kept` among them, what is to be kept, and what is to be told.

    Events that are not later than the last one that was kept of their user are left out and told: they would have come before.
    """
    kept, journal = kept or KeptUsers(version), journal or Journal()
    log, said = _later(log, kept.users)
    past = histories(log, network.known)
    active = [n for n in range(len(past)) if past.starts[n] < past.starts[n + 1]]
    place = {past.users[n]: n for n in active}
    names = [*place, *(u for u in kept.users if u not in place)]
    with torch.no_grad():
        table = network.tower(torch.arange(len(network.known.items) + 1))
    rows: list[Floats] = []
    grew: dict[str, MergedHistory] = {}
    for begin in range(0, len(names), PIECE):
        some = names[begin : begin + PIECE]
        inputs = _inputs(version, some, place, past, kept.users)
        made, after = _unpacked(journal.get(inputs, lambda some=some: _packed(*_piece(network, table, some, place, past, kept.users))))  # type: ignore[misc]
        rows.append(made)
        grew |= dict(zip(some, after, strict=True))
        progress(len(some))
    whole_rows = np.concatenate(rows) if rows else np.zeros((0, network.dims[0]), np.float32)
    counts, last = np.array([k.events for k in grew.values()], np.int64), np.array([k.last for k in grew.values()])
    return UserVectors(tuple(names), whole_rows, counts, last, version), KeptUsers(version, grew), [*said, *past.said]


def _later(log: BehaviourLog, kept: Mapping[str, MergedHistory]) -> tuple[BehaviourLog, list[str]]:
    known = np.array([kept[u].last if u in kept else -np.inf for u in log.users] or [0.0])
    late = log.time <= known[log.user]
    if not late.any():
        return log, []
    told = f"{int(late.sum()):,} events are not later than what was kept of their user, and were left out"
    return log.only(~late), [f"{told}; embed the whole log again to have them"]


def _piece(
    network: UserNetwork,
    table: torch.Tensor,
    users: list[str],
    place: Mapping[str, int],
    past: Histories,
    kept: Mapping[str, MergedHistory],
) -> tuple[Floats, list[MergedHistory]]:
    before = [kept.get(u) or MergedHistory.none(network.dims[0]) for u in users]
    new = [past.of(place[u]) if u in place else past.events.part(slice(0, 0)) for u in users]
    after = grown(network, table, new, before)
    return vectors(network, after), after


def _inputs(version: str, users: list[str], place: Mapping[str, int], past: Histories, kept: Mapping[str, MergedHistory]) -> str:
    """The hash of all that a piece follows from."""

    def told() -> Iterator[str | bytes]:
        for u in users:
            yield u
            if (k := kept.get(u)) is not None:
                yield f"{k.events} {k.last}"
                yield k.sums.tobytes()
            if u in place:
                h = past.of(place[u])
                for column in (h.item, h.action, h.surface, h.region, h.price, h.time):
                    yield column.tobytes()

    return digest(version, *told())


def _packed(rows: Floats, kept: list[MergedHistory]) -> bytes:
    out = io.BytesIO()
    np.savez(
        out,
        rows=rows,
        events=np.array([k.events for k in kept]),
        last=np.array([k.last for k in kept]),
        lengths=np.array([len(k.times) for k in kept]),
        times=np.concatenate([k.times for k in kept]),
        sums=np.concatenate([k.sums for k in kept]),
    )
    return out.getvalue()


def _unpacked(data: bytes) -> tuple[Floats, list[MergedHistory]]:
    with np.load(io.BytesIO(data), allow_pickle=False) as f:
        ends = np.cumsum(f["lengths"])[:-1]
        parts = zip(f["events"], np.split(f["sums"], ends), np.split(f["times"], ends), f["last"], strict=True)
        return f["rows"], [MergedHistory(int(n), sums, times, float(last)) for n, sums, times, last in parts]


def _write(table: pa.Table, path: Path) -> None:
    with whole(path) as f:
        pq.write_table(table, f, row_group_size=16_384)


def _read(path: Path) -> pa.Table:
    if not path.exists():
        raise MissingError(f"{path}: no such table; write one with `hannun users embed`")
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as e:
        raise InputError(f"{path}: is not a whole Parquet file ({str(e).splitlines()[0][:120]})") from None
