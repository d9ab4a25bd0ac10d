"""Rows stay rows, in order, of length 1, whatever is done to them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from hannun.embeddings import Embeddings, average, concatenate, unit
from hannun.errors import InputError, MissingError


def rows(n: int, dim: int = 8, seed: int = 0) -> Embeddings:
    return Embeddings(unit(np.random.default_rng(seed).standard_normal((n, dim))))


def test_unit_rows() -> None:
    assert unit([[3, 4], [0, 0], [0, -2]]).tolist() == [[np.float32(0.6), np.float32(0.8)], [0, 0], [0, -1]]
    assert unit([3.0, 4.0]).dtype == np.float32


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(InputError, match="NaN or infinite"):
        unit([[1.0, bad]])


def test_shape_and_type_are_checked() -> None:
    with pytest.raises(InputError, match="float32"):
        Embeddings(np.zeros((2, 3)))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="shape"):
        Embeddings(np.zeros(3, np.float32))
    with pytest.raises(InputError, match="1 token matrices"):
        Embeddings(np.zeros((2, 3), np.float32), (np.zeros((1, 2), np.float32),))


def test_truncation_makes_unit_rows_again() -> None:
    short = Embeddings(unit([[3, 4, 12], [0, 5, 12]])).truncate(2)
    assert short.dim == 2
    assert short.dense == pytest.approx(np.array([[0.6, 0.8], [0, 1]]), abs=1e-6)
    for dim in (0, 4, -1):
        with pytest.raises(InputError, match="1…3"):
            Embeddings(unit([[1, 2, 3]])).truncate(dim)


def test_take_keeps_the_named_order_tokens_too() -> None:
    tokens = tuple(np.full((n + 1, 2), n, np.float32) for n in range(4))
    some = Embeddings(rows(4).dense, tokens)
    picked = some.take([3, 0])
    assert picked.dense.tolist() == [some.dense[3].tolist(), some.dense[0].tolist()]
    assert picked.tokens is not None and [t[0, 0] for t in picked.tokens] == [3, 0]
    part = some.take(slice(1, 3))
    assert part.tokens is not None and [t[0, 0] for t in part.tokens] == [1, 2] and len(part) == 2


def test_int8_is_near_and_symmetric() -> None:
    e = rows(20, 32)
    quantised = e.int8()
    assert quantised.dtype == np.int8 and quantised.min() >= -127
    assert np.abs(quantised / 127 - e.dense).max() <= 0.5 / 127 + 1e-6
    assert Embeddings(unit([[1, 0], [-1, 0]])).int8().tolist() == [[127, 0], [-127, 0]]


def test_binary_packs_eight_signs_to_a_byte() -> None:
    e = Embeddings(unit([[1, -1, 1, -1, -1, -1, -1, 1, 1]]))
    assert e.binary().tolist() == [[0b10100001, 0b10000000]]


def test_save_and_load(tmp_path: Path) -> None:
    for tokens in (None, tuple(np.random.default_rng(n).standard_normal((n, 4)).astype(np.float32) for n in (3, 0, 2))):
        saved = Embeddings(rows(3).dense, tokens)
        saved.save(tmp_path / "x.npz")
        back = Embeddings.load(tmp_path / "x.npz")
        assert (back.dense == saved.dense).all()
        assert (back.tokens is None) == (tokens is None)
        for mine, theirs in zip(tokens or (), back.tokens or (), strict=True):
            assert (mine == theirs).all()
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


def test_nothing_can_be_saved_and_loaded(tmp_path: Path) -> None:
    Embeddings(np.zeros((0, 4), np.float32), ()).save(tmp_path / "x.npz")
    back = Embeddings.load(tmp_path / "x.npz")
    assert back.dense.shape == (0, 4) and back.tokens == ()


def test_a_name_without_ending_is_kept(tmp_path: Path) -> None:
    rows(1).save(tmp_path / "vectors")
    assert len(Embeddings.load(tmp_path / "vectors")) == 1


@pytest.mark.parametrize("content", [b"", b"not npz", b"PK\x03\x04broken"])
def test_loading_something_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(InputError, match="not a file of embeddings"):
        Embeddings.load(tmp_path / "x.npz")
    with pytest.raises(MissingError, match="no such file"):
        Embeddings.load(tmp_path / "none.npz")


def test_an_array_of_another_kind_is_no_embeddings(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", other=np.zeros(3))
    with pytest.raises(InputError):
        Embeddings.load(tmp_path / "x.npz")
    np.save(tmp_path / "y.npy", np.zeros((2, 2)))
    with pytest.raises(InputError):
        Embeddings.load(tmp_path / "y.npy")


def test_concatenate() -> None:
    a, b = rows(2), rows(3, seed=1)
    assert concatenate([a, b], 8).dense.tolist() == [*a.dense.tolist(), *b.dense.tolist()]
    assert concatenate([], 8).dense.shape == (0, 8)


def test_average_normalises_before_and_after() -> None:
    long, short = np.array([[10, 0]], np.float32), np.array([[0, 0.1]], np.float32)
    assert average([long, short], [1, 1]) == pytest.approx(np.array([[1, 1]]) / math.sqrt(2), abs=1e-6)
    assert average([long, short], [3, 4]) == pytest.approx(np.array([[0.6, 0.8]]), abs=1e-6)
    assert average([long, short], [1, 0]) == pytest.approx(np.array([[1, 0]]), abs=1e-6)
