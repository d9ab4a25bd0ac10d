"""The table `classes.tsv` goes in; the 1000 ImageNet classes with everyday English and Korean names come out, in order.

The names are our own: short English ones, and the Korean that people say (말티즈, 축구공, 뚫어뻥), not the taxonomy's. Where a class has
several names the first is the one to show. Classes: Russakovsky et al. 2015, arXiv:1409.0575.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class ImageClass:
    """One class: its index in the network's output, and its names, the first one to show."""

    index: int
    english: tuple[str, ...]
    korean: tuple[str, ...]


@cache
def classes() -> tuple[ImageClass, ...]:
    """All 1000 classes, by index."""
    lines = Path(__file__).with_name("classes.tsv").read_text("utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return tuple(ImageClass(int(i), tuple(en.split(", ")), tuple(ko.split(", "))) for i, en, ko in rows)
