"""The folder of a shard of the first format goes in (the engine's files in the folder itself, no words), its points come out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as qe

from hannun.index.engine import Point

_AT_ONCE = 200


def beside(folder: Path) -> Path:
    """Where the store is made that is to take the shard's place."""
    return folder.with_name(folder.name + ".new")


def points(folder: Path) -> Iterator[list[Point]]:
    """All points, some at a time."""
    old = qe.EdgeShard.load(str(folder))
    offset: Any = None
    while True:
        records, offset = old.scroll(qe.ScrollRequest(offset=offset, limit=_AT_ONCE, with_payload=True, with_vector=True))
        some = []
        for r in records:
            payload = {k: v for k, v in (r.payload or {}).items() if k not in ("_t", "_i", "_ti", "_truths")}
            vectors = r.vector if isinstance(r.vector, dict) else {}
            some.append(Point(str(payload["id"]), {n: np.asarray(v, np.float32) for n, v in vectors.items()}, payload))
        yield some
        if offset is None:
            break
    old.close()


def replace(folder: Path) -> None:
    """Let the store that was made beside the shard take its place."""
    os.replace(folder, folder.with_name(folder.name + ".format-1"))
    finish(folder)


def finish(folder: Path) -> None:
    """The end of `replace`, which a killed process may have left to us."""
    first = folder.with_name(folder.name + ".format-1")
    if first.exists():
        if not folder.exists():
            os.replace(beside(folder), folder)
        shutil.rmtree(first, ignore_errors=True)
