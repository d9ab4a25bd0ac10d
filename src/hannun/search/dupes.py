"""Vectors and picture hashes go in, groups of items that are (nearly) the same come out: union-find over near neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hannun.embeddings import Floats

THRESHOLD = 0.95  # cosine; measured on pictures encoded anew, cropped and scaled (docs/search.md)
_BLOCK = 4096  # rows compared at a time: 4096 × 4096 cosines are 64 MB


@dataclass(frozen=True)
class Group:
    """Items that are nearly the same: their ids, the lowest cosine that links them, and whether all have a picture in common."""

    ids: tuple[str, ...]
    similarity: float
    exact: bool


def near(rows: Floats, threshold: float) -> Iterator[tuple[int, int, float]]:
    """Every pair (i < j) of unit rows [n, dim] whose cosine is at least `threshold`. All are compared: 100,000 take a minute or two."""
    for first in range(0, len(rows), _BLOCK):
        for second in range(first, len(rows), _BLOCK):
            cosines = rows[first : first + _BLOCK] @ rows[second : second + _BLOCK].T
            for i, j in zip(*np.nonzero(cosines >= threshold), strict=True):
                if first + i < second + j:
                    yield first + int(i), second + int(j), float(cosines[i, j])


def groups(ids: Sequence[str], pairs: Iterable[tuple[int, int, float]], digests: Mapping[str, Sequence[str]]) -> list[Group]:
    """Groups of two or more, the largest first.

    Args:
        ids: of the rows that the pairs speak of.
        pairs: rows that are near each other, and their cosine.
        digests: hashes of the pictures of items; an equal one links two items with the cosine 1.
    """
    place = {id: n for n, id in enumerate(ids)}
    above = list(range(len(ids)))
    weakest = [1.0] * len(ids)

    def top(n: int) -> int:
        while above[n] != n:
            above[n] = above[above[n]]  # path halving
            n = above[n]
        return n

    def join(a: int, b: int, cosine: float) -> None:
        a, b = top(a), top(b)
        if a != b:
            weakest[a] = min(weakest[a], weakest[b], cosine)
            above[b] = a

    first: dict[str, int] = {}
    for id, hashes in digests.items():
        for digest in hashes:
            if id in place:
                join(first.setdefault(digest, place[id]), place[id], 1.0)
    # The nearest first: the weakest link of a group is then the one that it needed.
    for i, j, cosine in sorted(pairs, key=lambda p: -p[2]):
        join(i, j, cosine)
    members: dict[int, list[str]] = {}
    for n, id in enumerate(ids):
        members.setdefault(top(n), []).append(id)
    found = []
    for root, group in members.items():
        if len(group) > 1:
            shared = set.intersection(*(set(digests.get(i, ())) for i in group))
            found.append(Group(tuple(sorted(group)), min(weakest[root], 1.0), bool(shared)))
    return sorted(found, key=lambda g: (-len(g.ids), -g.similarity, g.ids))
