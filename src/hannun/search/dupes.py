"""Vectors, pictures and their hashes go in, groups of items that are (nearly) the same come out: complete linkage over near neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import PIL.Image

from hannun.embeddings import Floats
from hannun.errors import InputError

GRID = 12  # cells a side: a crop of some percent moves no edge over a whole cell
APART = 0.12  # of colours, above which two pictures are not the same whatever their vectors say; chosen with PICTURES (docs/search.md)
PICTURES = 0.94  # cosine of two pictures, from which on they may be the same
THRESHOLD = 0.98  # cosine of two texts
MOST = 20_000_000  # pairs that are kept, 20 bytes each
_BLOCK = 4096  # rows compared at a time: 4096 × 4096 cosines are 64 MB


def looks(picture: PIL.Image.Image) -> Floats:
    """What two pictures are compared by, besides their vectors: their colours on a coarse grid [GRID, GRID, 3], 0…1."""
    small = picture.convert("RGB").resize((GRID, GRID), PIL.Image.Resampling.BOX, reducing_gap=2.0)
    return (np.asarray(small) / 255).astype(np.float32)


def apart(one: Floats, other: Floats) -> float:
    """How far apart two pictures look, 0…1: the mean distance of their colours over the worst quarter of the grid.

    A garment in another colour differs much in a few places; a copy that is encoded anew or cropped differs a little everywhere.
    """
    distances = np.sqrt(np.square(one - other).mean(axis=2)).ravel()
    return float(np.sort(distances)[-len(distances) // 4 :].mean())


@dataclass(frozen=True)
class Group:
    """Items that are nearly the same: their ids, the lowest cosine of two of them, and whether all have a picture in common (cosine 1)."""

    ids: tuple[str, ...]
    similarity: float
    exact: bool


Pairs = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]


def near(rows: Floats, threshold: float) -> Iterator[Pairs]:
    """Every pair (i < j) of unit rows [n, dim] whose cosine is at least `threshold`, block by block: all i, all j, all cosines.

    All are compared: 100,000 take a minute or two. Raises InputError where over MOST pairs are as near as that.
    """
    many = 0
    for first in range(0, len(rows), _BLOCK):
        for second in range(first, len(rows), _BLOCK):
            cosines = rows[first : first + _BLOCK] @ rows[second : second + _BLOCK].T
            i, j = np.nonzero(cosines >= threshold)
            below = first + i < second + j
            i, j = i[below], j[below]
            many += len(i)
            if many > MOST:
                raise InputError(f"threshold={threshold} came, and over {MOST:,} pairs are as near as that; raise it, or narrow the items")
            yield first + i, second + j, cosines[i, j]


def alike(pairs: Iterable[Pairs], look: Callable[[int], Floats | None], most: float = APART) -> Iterator[Pairs]:
    """Those of some pairs whose pictures look alike too. `look` tells how a row looks, once; where it does not know, a pair stays."""
    seen: dict[int, Floats | None] = {}

    def known(n: int) -> Floats | None:
        if n not in seen:
            seen[n] = look(n)
        return seen[n]

    for i, j, cosines in pairs:
        both = [(known(int(a)), known(int(b))) for a, b in zip(i, j, strict=True)]
        kept = np.array([a is None or b is None or apart(a, b) <= most for a, b in both], bool)
        yield i[kept], j[kept], cosines[kept]


def groups(ids: Sequence[str], pairs: Iterable[Pairs], digests: Mapping[str, Sequence[str]]) -> list[Group]:
    """Groups of two or more, the largest first, in which every two are near each other (complete linkage, Sørensen 1948).

    Args:
        ids: of the rows that the pairs speak of.
        pairs: rows that are near each other, and their cosines.
        digests: hashes of the pictures of items; an equal one links two items, with the cosine 1, whatever the vectors say.
    """
    group, members = _alike(ids, digests)
    weakest = dict.fromkeys(members, 1.0)
    links: dict[int, dict[int, int]] = {}  # between two groups: how many pairs of their members are near
    found = list(pairs)
    i, j, cosines = (np.concatenate([block[n] for block in found]) if found else np.zeros(0, np.intp) for n in range(3))
    # The nearest first: two groups become one with the last pair between them that was lacking, which is the farthest.
    for at in np.lexsort((j, i, -cosines)):
        a, b = group[int(i[at])], group[int(j[at])]
        if a == b:
            continue
        count = links.setdefault(a, {}).get(b, 0) + 1
        links[a][b] = links.setdefault(b, {})[a] = count
        if count == len(members[a]) * len(members[b]):
            weakest[a] = min(weakest[a], weakest.pop(b), float(cosines[at]))
            _merge(a, b, group, members, links)
    out = []
    for root, rows in members.items():
        if len(rows) > 1:
            names = tuple(sorted(ids[n] for n in rows))
            shared = set.intersection(*(set(digests.get(n, ())) for n in names))
            out.append(Group(names, min(weakest[root], 1.0), bool(shared)))
    return sorted(out, key=lambda g: (-len(g.ids), -g.similarity, g.ids))


def _alike(ids: Sequence[str], digests: Mapping[str, Sequence[str]]) -> tuple[list[int], dict[int, list[int]]]:
    """The group of each row, and the rows of each group, to begin with: those with a picture in common are together."""
    group, members = list(range(len(ids))), {n: [n] for n in range(len(ids))}
    first: dict[str, int] = {}
    for n, id in enumerate(ids):
        for digest in digests.get(id, ()):
            a, b = group[first.setdefault(digest, n)], group[n]
            if a != b:
                _merge(a, b, group, members, {})
    return group, members


def _merge(a: int, b: int, group: list[int], members: dict[int, list[int]], links: dict[int, dict[int, int]]) -> None:
    """Let group b become part of group a."""
    for n in members[b]:
        group[n] = a
    members[a] += members.pop(b)
    for other, count in links.pop(b, {}).items():
        links[other].pop(b)
        if other != a:
            links[a][other] = links[other][a] = links[a].get(other, 0) + count
