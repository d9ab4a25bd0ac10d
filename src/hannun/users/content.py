"""The items of a log go in with where their titles and pictures are; a content vector for each comes out, zeros where there is nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from hannun import sources
from hannun.collection.opening import open as open_collection
from hannun.embeddings import Floats, unit
from hannun.encode import Encoded, encode
from hannun.errors import InputError
from hannun.item import Item, Problem
from hannun.load import load
from hannun.sources import Reading

PIECE = 512


def content_of(
    names: Sequence[str],
    items: str | Path,
    model: str = "mini",
    reading: Reading | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[Floats, str, list[str]]:
    """Content vectors [names, c] of a log's items, the name of the encoder that made them, and what is to be told.

    Args:
        names: the ids that the log has.
        items: a collection, whose stored vectors are taken, or files with a row for each item (`id`, `text`, `image`).
        model: the encoder of files; a collection has its own.
        reading: how rows of files are read.
        progress: told how many more items are done.

    Raises:
        InputError: none of the items is there. MissingError: no such collection or file.
    """
    found: dict[str, Floats] = {}
    unread: list[Problem] = []
    if (Path(items) / "hannun.json").exists() or "://" in str(items):
        with open_collection(items, create=False) as opened:
            reads = opened.settings.encoder
            for begin in range(0, len(names), PIECE):
                some = list(names[begin : begin + PIECE])
                found |= {i: _one(list(rows.values())) for i, rows in opened.vectors(some).items()}
                progress(len(some))
    else:
        reads, wanted, encoder = model, set(names), load(model)
        for chunk in encode(_wanted(items, wanted, reading, unread), encoder):
            found |= {made.item.id: _one(list(made.vectors.values())) for made in chunk if isinstance(made, Encoded)}
            progress(len(chunk))
    if not found:
        examples = ", ".join(names[:3])
        reason = (
            f"{unread[0].where}: {unread[0].reason.replace('--columns', '--item-columns')}" if unread else "are their ids written alike?"
        )
        raise InputError(f"{items}: has none of the {len(names):,} items of the log ({examples} …); {reason}")
    width = len(next(iter(found.values())))
    rows = np.stack([found.get(name, np.zeros(width, np.float32)) for name in names])
    without = len(names) - len(found)
    told = f"{without:,} of {len(names):,} items of the log have no content in {items}: their ids count alone"
    return rows, reads, [told] if without else []


def _one(vectors: Sequence[Floats]) -> Floats:
    """The mean direction of an item's vectors of one row each."""
    return unit(np.sum([v for v in vectors if v.ndim == 1], axis=0))


def _wanted(items: str | Path, names: set[str], reading: Reading | None, unread: list[Problem]) -> Iterator[Item]:
    """The items of files that the log has; what cannot be read is kept in `unread`."""
    for it in sources.read([Path(items)], reading or Reading()):
        if isinstance(it, Problem):
            unread.append(it)
        elif it.id in names:
            yield it
