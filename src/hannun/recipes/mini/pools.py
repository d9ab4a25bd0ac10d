"""Cached features and described pictures go in; what a step draws from comes out: views of pictures, sentences as rows of text vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import normalize

from hannun.datasets.sentences import Described
from hannun.recipes.mini import features
from hannun.recipes.mini.texts import QUERY, TextVectors

Ints = npt.NDArray[np.int64]
SentenceRow = tuple[int, int, frozenset[str]]  # a text row, its negative's row or -1, the words it requires


@dataclass(frozen=True)
class Views:
    """All views of all sources end to end: `places[key]` lists a picture's rows, view 0 first; row i's map is `maps[file[i]][line[i]]`."""

    maps: Sequence[npt.NDArray[np.float16]]
    file: Ints
    line: Ints
    cells: npt.NDArray[np.float16]
    share: npt.NDArray[np.float16]
    classes: npt.NDArray[np.int16]
    places: Mapping[str, list[int]]

    def take(self, rows: Sequence[int] | Ints) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Maps [n, 81, MAP], cells [n, 9, CELL], shares [n, 20], classes [n, 20] of the rows, as `PictureHead` wants them."""
        at = np.asarray(rows)
        maps = np.stack([self.maps[f][k] for f, k in zip(self.file[at], self.line[at], strict=True)])
        return (
            torch.from_numpy(maps.astype(np.float32)),
            torch.from_numpy(self.cells[at].astype(np.float32)),
            torch.from_numpy(self.share[at].astype(np.float32)),
            torch.from_numpy(self.classes[at].astype(np.int64)),
        )

    @staticmethod
    def load(folder: Path, sources: Sequence[str], views: int) -> Views:
        """Every cached view of the named sources."""
        parts = [features.load(folder, s, v) for v in range(views) for s in sources if list(folder.glob(f"{s}.{v}.*.npz"))]
        places: dict[str, list[int]] = {}
        start = 0
        for p in parts:
            for i, key in enumerate(p.keys):
                places.setdefault(key, []).append(start + i)
            start += len(p.keys)
        maps = [m for p in parts for m in p.maps]
        lengths = [len(m) for m in maps]
        joined = [np.concatenate([getattr(p, k) for p in parts]) for k in ("cells", "share", "classes")]
        file, line = np.repeat(np.arange(len(maps)), lengths), np.concatenate([np.arange(n) for n in lengths])
        return Views(maps, file, line, joined[0], joined[1], joined[2], places)


@dataclass(frozen=True)
class Pool:
    """The pictures of one source that training may use, with their sentences as rows of text vectors."""

    described: Sequence[Described]
    korean: list[list[SentenceRow]]  # per picture
    english: list[list[SentenceRow]]

    def gist(self, teacher: Tensor) -> Tensor:
        """[n, 384] unit rows: the mean of the teacher's vectors of each picture's sentences."""
        rows = [[c[0] for c in (*k, *e)] or [0] for k, e in zip(self.korean, self.english, strict=True)]
        return normalize(torch.stack([teacher[r].mean(0) for r in rows]), dim=-1)


def pool(described: Sequence[Described], texts: TextVectors) -> Pool:
    """Rows looked up; sentences that were not embedded are left out."""
    sides: tuple[list[list[SentenceRow]], ...] = ([], [])
    for d in described:
        for side, korean in zip(sides, (True, False), strict=True):
            side.append(
                [
                    (texts.rows[QUERY + s.text], texts.rows.get(QUERY + s.negative, -1) if s.negative else -1, s.requires)
                    for s in d.sentences
                    if s.korean == korean and QUERY + s.text in texts.rows
                ]
            )
    return Pool(described, *sides)


def false_negatives(required: Sequence[frozenset[str]], true: Sequence[frozenset[str]]) -> Tensor:
    """[n, n], True at (i, j) where picture i satisfies sentence j; a sentence that requires nothing is satisfied by none."""
    return torch.tensor([[bool(r) and r <= t for r in required] for t in true])


def pick(
    korean: list[SentenceRow], english: list[SentenceRow], share: float, rng: np.random.Generator
) -> tuple[SentenceRow, SentenceRow] | None:
    """Two of a picture's sentences: Korean first with a chance of `share`, then the other language; or the only language twice."""
    sides = [korean, english] if rng.random() < share else [english, korean]
    sides = [s for s in sides if s]
    if not sides:
        return None
    first, second = sides[0], sides[-1]
    return first[int(rng.integers(len(first)))], second[int(rng.integers(len(second)))]
