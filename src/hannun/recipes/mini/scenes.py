"""The table of scenes goes in; for each of the 1,000 classes what a photo in which it is recognised is likely to show comes out.

A network that was taught the names of things knows none for people: of a boy who plays it says "soccer ball". What is around a thing is
known without any picture, so it was written down (as CuPL has a language model describe classes: Pratt et al. 2023), in Korean and in
English, for classes one by one or in groups: all breeds are a dog, trunks are a beach. The phrases are our own.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hannun.datasets.pictures import HERE

FILE = "class_scenes.tsv"
Floats = npt.NDArray[np.float32]


@functools.cache
def scenes() -> dict[int, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Class → its Korean and its English phrases; classes without any are left out."""
    found: dict[int, tuple[list[str], list[str]]] = {}
    for line in (HERE / FILE).read_text(encoding="utf-8").splitlines()[1:]:
        ranges, english, korean = line.split("\t")
        for part in ranges.split(","):
            first, _, last = part.partition("-")
            for number in range(int(first), int(last or first) + 1):
                both = found.setdefault(number, ([], []))
                both[0].extend(korean.split(";"))
                both[1].extend(english.split(";"))
    return {k: (tuple(dict.fromkeys(ko)), tuple(dict.fromkeys(en))) for k, (ko, en) in sorted(found.items())}


def phrases() -> list[str]:
    """All phrases of both languages, each once."""
    return list(dict.fromkeys(t for both in scenes().values() for side in both for t in side))


def with_scenes(names: Floats, vectors: Mapping[str, Floats]) -> Floats:
    """Vectors of the class names [1000, k, 384] → [1000, 2k, 384]: as many more of scenes, half of them Korean.

    A class's scenes are the mean of its phrases' unit vectors, so that names and scenes count alike in the class's vector; one without
    scenes has its names twice.
    """
    half, more = names.shape[1] // 2, names.copy()
    for number, (korean, english) in scenes().items():
        for columns, some in ((slice(0, half), korean), (slice(half, None), english)):
            mean = np.mean([vectors[t] / np.linalg.norm(vectors[t]) for t in some], axis=0)
            more[number, columns] = mean / np.linalg.norm(mean)
    return np.concatenate([names, more], axis=1)
