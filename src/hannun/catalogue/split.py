"""`splits.json` goes in; what is held out for testing comes out: of garments' combinations, things' colours, pages, backgrounds, poses."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hannun.catalogue.garments import GARMENTS
from hannun.catalogue.palette import COLOURS, PATTERNS

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Product:
    """One combination of the full cross product."""

    kind: str
    color: str
    pattern: str


@functools.cache
def splits() -> Mapping[str, Any]:
    """What is held out for testing, from `splits.json`: backgrounds, poses, pages, things' colours, garments' combinations."""
    held: dict[str, Any] = json.loads(Path(__file__).with_name("splits.json").read_text(encoding="utf-8"))
    return held


def products() -> Iterator[Product]:
    """Every garment in every colour and pattern: 18 × 14 × 7."""
    return (Product(*p) for p in itertools.product(GARMENTS, COLOURS, PATTERNS))


def held_out(product: Product) -> bool:
    """Whether a combination of garment, colour and pattern is kept for testing."""
    return product.pattern in splits()["garments"][product.kind][product.color]


def split_of(content_held: bool, background: str, pose: str) -> Split:
    """The split of an entry: "test" where its content, its background or its pose is held out."""
    return "test" if content_held or background in splits()["backgrounds"] or pose in splits()["poses"] else "train"
