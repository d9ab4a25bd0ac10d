"""Entries of the catalogue go in; a folder of `<id>.jpg` files and `catalogue.jsonl` comes out."""

from __future__ import annotations

import functools
import io
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from hannun.catalogue import entry as drawn
from hannun.catalogue.entry import Entry
from hannun.errors import StorageError
from hannun.files import write_cached

_QUALITY = 88


def write(folder: Path | str, entries: Sequence[Entry] | None = None, progress: Callable[[int], None] | None = None) -> Path:
    """Writes `<id>.jpg` files and `catalogue.jsonl`, and returns the path of the latter.

    Pictures that are there already are skipped, so a run that was killed is finished by the next one; every file appears
    under its name only when it is whole, and the table last. `progress` is told how many more pictures are done.
    Raises StorageError when the disk is full or read-only.
    """
    chosen, home = list(drawn.entries() if entries is None else entries), Path(folder)
    try:
        home.mkdir(parents=True, exist_ok=True)
        # Processes, not threads: drawing is many small calls that hold the interpreter's lock.
        with ProcessPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for _ in pool.map(functools.partial(_write_picture, home), chosen, chunksize=4):
                if progress is not None:
                    progress(1)
        rows = "".join(json.dumps(entry.row(), ensure_ascii=False) + "\n" for entry in chosen)
        write_cached(home / "catalogue.jsonl", rows.encode())
    except OSError as e:
        raise StorageError(f"{home}: the catalogue cannot be written ({e.strerror or e}); free some space or choose another folder") from e
    return home / "catalogue.jsonl"


def _write_picture(home: Path, entry: Entry) -> None:
    target = home / f"{entry.id}.jpg"
    if not target.exists():
        encoded = io.BytesIO()
        drawn.picture(entry).save(encoded, "JPEG", quality=_QUALITY)
        write_cached(target, encoded.getvalue())
