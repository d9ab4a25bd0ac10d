"""Vectors in rows go in; the same vectors shortened, quantised, joined or saved come out.

`Embeddings` is a dense float32 matrix [n, dim] of unit rows and, where the model gives them, one matrix of token vectors
[length_i, token_dim] for each row.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from hannun.errors import InputError, MissingError
from hannun.files import whole

Floats = npt.NDArray[np.float32]


def unit(rows: npt.ArrayLike) -> Floats:
    """Rows [..., dim] scaled to Euclidean length 1; a zero row stays zero. Raises InputError where a value is not finite."""
    x = np.asarray(rows, dtype=np.float32)
    if x.ndim == 1:
        length = math.sqrt(np.add.reduce(x * x))
        if math.isfinite(length):
            return x / np.float32(length or 1)
    norm: Floats = np.sqrt(np.add.reduce(x * x, axis=-1, keepdims=True))
    # A value that is not finite has no finite length; nor have very large ones, which are looked at one by one.
    if not np.isfinite(norm).all() and not np.isfinite(x).all():
        raise InputError("vectors with NaN or infinite values came, expected finite ones; the encoder or its input is broken")
    return np.asarray(x / np.where(norm > 0, norm, 1), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Unit rows [n, dim] float32 in `dense`; `tokens` holds n matrices [length_i, token_dim], or is None."""

    dense: Floats
    tokens: tuple[Floats, ...] | None = None

    def __post_init__(self) -> None:
        if self.dense.ndim != 2 or self.dense.dtype != np.float32:
            raise InputError(f"dense has shape {self.dense.shape} and type {self.dense.dtype}, expected float32 [n, dim]")
        if self.tokens is not None and len(self.tokens) != len(self.dense):
            raise InputError(f"{len(self.tokens)} token matrices came with {len(self.dense)} rows, expected one each")

    def __len__(self) -> int:
        return len(self.dense)

    def __repr__(self) -> str:
        tokens = "" if self.tokens is None else f", and {sum(map(len, self.tokens)):,} token vectors"
        return f"Embeddings({len(self)} × {self.dim} float32{tokens})"

    def __iter__(self) -> Iterator[Floats]:
        return iter(self.dense)

    @property
    def dim(self) -> int:
        """The length of a row."""
        return int(self.dense.shape[1])

    def take(self, rows: Sequence[int] | npt.NDArray[np.intp] | slice) -> Embeddings:
        """The named rows, in the named order."""
        tokens = self.tokens
        index = range(len(self))[rows] if isinstance(rows, slice) else rows
        return Embeddings(self.dense[rows], None if tokens is None else tuple(tokens[i] for i in index))

    def truncate(self, dim: int) -> Embeddings:
        """The first `dim` values of each row, made unit rows again (Matryoshka, Kusupati et al. 2022); token vectors are kept."""
        if not 1 <= dim <= self.dim:
            raise InputError(f"dim={dim} came, expected 1…{self.dim}")
        return Embeddings(unit(self.dense[:, :dim]), self.tokens)

    def int8(self) -> npt.NDArray[np.int8]:
        """Rows as int8 [n, dim], 127 for +1: symmetric, so that dot products divide by 127²."""
        return np.clip(np.rint(self.dense * 127), -127, 127).astype(np.int8)

    def binary(self) -> npt.NDArray[np.uint8]:
        """The signs, packed eight to a byte, [n, ceil(dim / 8)] uint8: compare with the Hamming distance."""
        return np.packbits(self.dense > 0, axis=1)

    def save(self, path: str | Path) -> None:
        """Written whole or not at all, as `write` writes. Raises StorageError."""
        with whole(Path(path)) as f:
            self.write(f)

    def write(self, file: BinaryIO) -> None:
        """Into an open file as .npz: `dense`, and `tokens` end to end with their `lengths`."""
        arrays: dict[str, npt.NDArray[np.generic]] = {"dense": self.dense}
        if self.tokens is not None:
            arrays["lengths"] = np.array([len(t) for t in self.tokens], dtype=np.int64)
            arrays["tokens"] = np.concatenate(self.tokens) if self.tokens else np.zeros((0, 0), np.float32)
        np.savez(file, allow_pickle=False, **arrays)

    @staticmethod
    def load(path: str | Path) -> Embeddings:
        """What `save` wrote. Raises MissingError, or InputError when the file holds something else."""
        if not Path(path).exists():
            raise MissingError(f"{path}: no such file, expected embeddings saved as .npz")
        try:
            with Path(path).open("rb") as f:
                return Embeddings.read(f)
        except (ValueError, KeyError, OSError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as e:
            raise InputError(f"{path}: is not a file of embeddings ({e}); make one with `hannun embed`") from None

    @staticmethod
    def read(file: BinaryIO) -> Embeddings:
        """What `write` wrote. Raises whatever numpy does where it is something else."""
        with np.load(file, allow_pickle=False) as f:
            tokens = None
            if "tokens" in f:
                tokens = tuple(np.split(f["tokens"], np.cumsum(f["lengths"])[:-1])) if len(f["lengths"]) else ()
            return Embeddings(f["dense"], tokens)


def concatenate(pieces: Sequence[Embeddings], dim: int) -> Embeddings:
    """Embeddings one under another; `dim` shapes the result where there are none."""
    if not pieces:
        return Embeddings(np.zeros((0, dim), np.float32))
    tokens = None if any(p.tokens is None for p in pieces) else tuple(t for p in pieces for t in p.tokens or ())
    return Embeddings(np.concatenate([p.dense for p in pieces]), tokens)


def average(parts: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """Weighted mean of unit rows, made unit again: normalise each, average, renormalise. All parts are [n, dim]."""
    return unit(np.sum([w * unit(p) for p, w in zip(parts, weights, strict=True)], axis=0))
