"""Users' vectors as tables: a day after another gives what both give, a killed run goes on, and drift is seen where there is some."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")

import torch

from hannun.embeddings import unit
from hannun.errors import InputError, MissingError
from hannun.journal import Journal
from hannun.models.sequence.network import LogNames, UserNetwork, UserShape
from hannun.sources.logs import BehaviourLog, of_columns
from hannun.users import vectors as module
from hannun.users.drift import drift
from hannun.users.vectors import KeptUsers, UserVectors, embedded


def network() -> UserNetwork:
    torch.manual_seed(0)
    return UserNetwork(UserShape((32, 16), recent=8, kept=4), LogNames(tuple(map(str, range(30))), ("click",))).eval()


def drawn(users: int = 40, events: int = 900) -> BehaviourLog:
    rng = np.random.default_rng(1)
    user = [f"u{n}" for n in rng.integers(0, users, events)]
    columns: dict[str, Any] = {"action": ["click" if n % 3 else "hover" for n in range(events)]}
    return of_columns(user, [str(n) for n in rng.integers(0, 33, events)], rng.permutation(events) + 1, until=1e9, **columns)


def by_user(made: UserVectors) -> dict[str, Any]:
    return dict(zip(made.users, made.vectors, strict=True))


def test_a_day_after_another_gives_what_both_give(tmp_path: Path) -> None:
    model, log = network(), drawn()
    whole, _, said = embedded(model, "v1", log)
    assert any("of items that the model does not know" in line for line in said)
    assert any("of an unknown action (hover)" in line for line in said)
    moment = float(np.quantile(log.time, 0.95))
    _, kept, _ = embedded(model, "v1", log.only(log.time <= moment))
    kept.write(tmp_path / "kept.parquet")
    today = log.only(log.time > moment)
    made, after, said = embedded(model, "v1", today, KeptUsers.read(tmp_path / "kept.parquet", "v1"))
    one, other = by_user(whole), by_user(made)
    assert one.keys() == other.keys() and max(np.abs(one[u] - other[u]).max() for u in one) < 1e-4
    assert dict(zip(made.users, made.events, strict=True)) == dict(zip(whole.users, whole.events, strict=True))
    again, _, said = embedded(model, "v1", today, after)  # the same day a second time changes nothing
    assert f"{len(today):,} events are not later" in said[0] and all(np.array_equal(by_user(again)[u], other[u]) for u in other)


def test_tables_have_versions_and_come_back(tmp_path: Path) -> None:
    made, kept, _ = embedded(network(), "v1", drawn())
    made.write(tmp_path / "u.parquet")
    back = UserVectors.read(tmp_path / "u.parquet")
    assert back.users == made.users and back.version == "v1" and np.array_equal(back.vectors, made.vectors)
    assert np.array_equal(back.last, made.last)
    table = pq.read_table(tmp_path / "u.parquet")
    assert table.column_names == ["user", "vector", "events", "event_timestamp", "version"]
    assert table.schema.field("vector").type.list_size == 32
    kept.write(tmp_path / "kept.parquet")
    with pytest.raises(InputError, match="was kept by a model of version v1, and this is v2"):
        KeptUsers.read(tmp_path / "kept.parquet", "v2")
    assert not KeptUsers.read(tmp_path / "new.parquet", "v2").users
    with pytest.raises(InputError, match="no table of users' vectors"):
        UserVectors.read(tmp_path / "kept.parquet")
    with pytest.raises(MissingError, match="no such table"):
        UserVectors.read(tmp_path / "x.parquet")
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="not a whole Parquet"):
        UserVectors.read(tmp_path / "x.parquet")


def test_a_killed_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 8)
    model, log = network(), drawn()
    pieces = 0
    original = module._piece

    def dies(*given: Any) -> Any:
        nonlocal pieces
        pieces += 1
        if pieces == 4:
            raise KeyboardInterrupt
        return original(*given)

    monkeypatch.setattr(module, "_piece", dies)
    with pytest.raises(KeyboardInterrupt):
        embedded(model, "v1", log, journal=Journal(tmp_path / "work"))
    made, kept, _ = embedded(model, "v1", log, journal=Journal(tmp_path / "work"))
    assert pieces == 4 + 2  # five pieces in all, three of which were done
    whole, all_kept, _ = embedded(model, "v1", log)
    assert np.array_equal(made.vectors, whole.vectors)
    assert all(np.array_equal(kept.users[u].sums, all_kept.users[u].sums) for u in all_kept.users)
    embedded(model, "v2", log, journal=Journal(tmp_path / "work"))
    assert pieces == 6 + 5 + 5  # of another model nothing is taken over


def test_drift() -> None:
    rng = np.random.default_rng(0)
    names = tuple(map(str, range(400)))
    before = UserVectors(names, unit(rng.normal(size=(400, 16))), np.ones(400), np.ones(400), "v1")
    same = drift(before, before)
    assert (same.both, same.new, same.gone, same.turned) == (400, 0, 0, 0) and same.stability < 0.01 and same.centre > 0.999
    assert "the same population" in same.lines()[2]
    shift = unit(before.vectors + np.eye(16)[0])
    moved = drift(before, replace(before, users=(*names[1:], "new"), vectors=np.concatenate([shift[1:], shift[:1]])))
    assert (moved.both, moved.new, moved.gone) == (399, 1, 1) and moved.turned > 0.02 and moved.stability > 0.2
    assert "another population" in moved.lines()[2]
    with pytest.raises(InputError, match="nothing in common"):
        drift(before, replace(before, version="v2"))
    with pytest.raises(InputError, match="no user is in both"):
        drift(before, replace(before, users=tuple(f"x{n}" for n in names)))
