"""Perceptual hashes go in; pairs of nearly equal pictures, and their clusters, come out.

Two 64-bit hashes at most d bits apart agree in at least one of d + 1 bands (pigeonhole), so only pictures that share a band are compared;
and since a band's value says which file its pictures are in, no step needs all hashes at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

DISTANCE = 3  # bits: with four bands of 16 bits. Ours, see docs/curate.md
TINT = 12  # of 255, the most that a quarter's chroma may differ: another colour of one garment is another picture

Hashes = npt.NDArray[np.uint64]
_CHUNK = 512


def bands(phash: int, distance: int = DISTANCE) -> list[int]:
    """The distance + 1 bands of a hash, each a number that holds the band's place too."""
    count = distance + 1
    edges = [round(64 * n / count) for n in range(count + 1)]
    return [n << 32 | (phash >> edges[n] & (1 << edges[n + 1] - edges[n]) - 1) for n in range(count)]


def near_pairs(phashes: Hashes, tints: npt.NDArray[np.uint8], distance: int = DISTANCE, tint: int = TINT) -> Iterator[tuple[int, int]]:
    """Index pairs (a < b) of nearly equal pictures: hashes [n] at most `distance` bits apart and chroma [n, 8] at most `tint`."""
    n = len(phashes)
    for start in range(0, n, _CHUNK):
        rows = phashes[start : start + _CHUNK]
        apart = np.bitwise_count(rows[:, None] ^ phashes[None, start:])
        for a, b in np.argwhere(apart <= distance):
            first, second = start + int(a), start + int(b)
            if first < second and int(np.abs(tints[first].astype(np.int16) - tints[second]).max()) <= tint:
                yield first, second


def cluster_roots(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Key → the least key of its cluster, for every key that is in a pair."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        path = []
        while (up := parent.setdefault(key, key)) != key:
            path.append(key)
            key = up
        for below in path:
            parent[below] = key
        return key

    for a, b in pairs:
        x, y = sorted((root(a), root(b)))
        parent[y] = x
    return {key: root(key) for key in list(parent)}
