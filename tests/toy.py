"""A test double: content goes in, vectors of letter pairs and mean colours come out; fast, deterministic, and no model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import final

import numpy as np

from hannun.embeddings import Embeddings, Floats, unit
from hannun.encoder import UNCALIBRATED, Calibration
from hannun.item import Content, Image, Item, Text, item, require_content

DIM = 64
READS = (Text.kind, Image.kind)


@final
class Toy:
    """Texts are hashed letter pairs; pictures are their mean colours on an 8×8 grid; both land in 64 dimensions."""

    def __init__(self, version: str = "1", parts: bool = True) -> None:
        self.name, self.fingerprint, self.dims, self.side = f"toy{version}", f"toy-{version}-{parts}", (DIM, 32), 16
        self.kinds: tuple[str, ...] = READS if parts else ()
        self.calibration: Calibration = UNCALIBRATED
        self.encoded = 0

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        return self._encode(contents)

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        return self._encode(contents)

    def _encode(self, contents: Sequence[Content]) -> Embeddings:
        rows = [self._row(require_content(item(c), READS).only(READS)) for c in contents]
        self.encoded += len(rows)
        return Embeddings(np.stack(rows) if rows else np.zeros((0, DIM), np.float32))

    def _row(self, it: Item) -> Floats:
        parts = [self._text(p.value) for p in it.parts if isinstance(p, Text)] + [self._picture(p) for p in it.images]
        return unit(np.sum(parts, axis=0))

    def _text(self, text: str) -> Floats:
        row = np.zeros(DIM, np.float32)
        for pair in zip(f" {text}", f"{text} ", strict=True):
            row[hashlib.blake2b("".join(pair).encode("utf-8", "replace"), digest_size=2).digest()[0] % DIM] += 1
        return unit(row)

    def _picture(self, picture: Image) -> Floats:
        small = np.asarray(picture.load(self.side).resize((8, 8)).convert("L"), dtype=np.float32).ravel()
        return unit(small - 100)
