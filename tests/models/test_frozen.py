"""What is kept is computed once, survives a killed run, and is full precision where nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from hannun.models.frozen import Kept, stamp


def counted(keys: Sequence[str], asked: list[str]) -> Callable[[Sequence[int]], list[np.ndarray]]:
    def compute(positions: Sequence[int]) -> list[np.ndarray]:
        asked.extend(keys[n] for n in positions)
        return [np.full((len(keys[n]), 2), len(keys[n]) / 3, np.float32) for n in positions]

    return compute


def test_each_key_is_computed_once_and_in_the_order_asked(tmp_path: Path) -> None:
    asked: list[str] = []
    keys = ["aaa", "b", "aaa", "cc"]
    kept = Kept(tmp_path, chunk=2)
    shapes = [a.shape for a in kept.states(keys, counted(keys, asked))]
    assert shapes == [(3, 2), (1, 2), (3, 2), (2, 2)] and sorted(asked) == ["aaa", "b", "cc"]
    again = Kept(tmp_path)
    assert len(again) == 3 and [a.shape for a in again.states(keys, counted(keys, asked))] == shapes and len(asked) == 3


def test_a_cut_file_costs_only_what_was_cut(tmp_path: Path) -> None:
    asked: list[str] = []
    keys = ["a", "bb", "ccc"]
    Kept(tmp_path, chunk=1).states(keys, counted(keys, asked))
    data = tmp_path / "states.bin"
    data.write_bytes(data.read_bytes()[:-3])  # the last of "ccc", which comes last because it is the longest
    with (tmp_path / "states.jsonl").open("a") as index:
        index.write('["dddd", 12')
    kept = Kept(tmp_path)
    values = kept.states(keys, counted(keys, asked))
    assert asked == ["a", "bb", "ccc", "ccc"]
    assert [float(v[0, 0]) for v in values] == [np.float16(1 / 3), np.float16(2 / 3), 1.0]


def test_processes_write_files_of_their_own_and_begin_with_those_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for rank, keys in ((0, ["a", "bb"]), (1, ["ccc", "bb"])):
        monkeypatch.setattr("hannun.models.frozen.world", lambda rank=rank: (rank, 2))
        Kept(tmp_path).states(keys, counted(keys, asked))
    assert asked == ["a", "bb", "ccc"] and {f.name for f in tmp_path.glob("*.bin")} == {"states.bin", "states-1.bin"}
    keys = ["ccc", "a", "bb"]
    assert [a.shape for a in Kept(tmp_path).states(keys, counted(keys, asked))] == [(3, 2), (1, 2), (2, 2)] and len(asked) == 3


def test_without_a_folder_nothing_is_rounded() -> None:
    keys = ["a", "a"]
    asked: list[str] = []
    first, second = Kept(None).states(keys, counted(keys, asked))
    assert first[0, 0] == np.float32(1 / 3) == second[0, 0] and asked == ["a"]


def test_what_was_had_on_the_way_is_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.put("a", np.ones(3))
    kept.put("a", np.zeros(3))
    assert kept.states(["a"], counted(["a"], []))[0].tolist() == [1, 1, 1]


def test_other_weights_are_kept_elsewhere(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    layer, file = torch.nn.Linear(2, 2), tmp_path / "f"
    file.write_bytes(b"a")
    first = stamp(layer, [file])
    assert first == stamp(layer, [file])
    file.write_bytes(b"b")
    second = stamp(layer, [file])
    with torch.no_grad():
        layer.bias += 1
    assert len({first, second, stamp(layer, [file])}) == 3
