"""A store's files go in; out come those that are not what was written, and the checksums to know it by the next time.

    checksums.json  of every file, written when the store is closed: the store is at rest
    checksums.open  the same, while it is open or after a kill: it still holds for what the engine never rewrites

Opening reads all that the engine may rewrite, as its sums are made anew at the end and must not vouch for damage, and of the rest
the small files up to `_READ` bytes; the others (vectors and graphs of optimised segments, the bulk of a large store) are looked at
by length, and read whole by `hannun check`, a backup and a copy. Their first sums are carried over for as long as they exist.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from hannun import checksums
from hannun.checksums import Damage, Sums
from hannun.errors import StorageError
from hannun.files import sync

CLOSED, OPEN = "checksums.json", "checksums.open"
REMEDY = "restore a backup, or index again into a new collection"
_READ = 64 * 2**20  # bytes of never rewritten files that an opening reads: a tenth of a second of one core

# Files of optimised segments that the engine opens for reading only and replaces together with their segment.
_FIXED = frozenset(
    {
        *("matrix.dat", "graph.bin", "links.bin", "links_compressed.bin", "hnsw_config.json", "id_tracker.mappings"),
        *("postings.dat", "vocab.dat", "term_frequencies.dat", "point_to_tokens_count.dat", "point_to_doc_len.dat"),
        *(
            "point_to_values.bin",
            "values_to_points.bin",
            "data.bin",
            "data_block_index.bin",
            "histogram_borders.bin",
            "histogram_config.json",
        ),
        *("quantized.data", "quantized.meta.json", "quantized.config.json"),
    }
)


def fixed(name: str) -> bool:
    """Whether the engine never rewrites a file of this name."""
    return name.rpartition("/")[2] in _FIXED


def known(folder: Path) -> Sums:
    """The sums that hold for a store as it lies there: of all its files after a clean close, of the fixed ones after a kill."""
    if (sums := checksums.read(folder / CLOSED)) is not None:
        return sums
    last = checksums.read(folder / OPEN) or {}
    with contextlib.suppress(OSError, UnicodeError):
        here = (folder / "current").read_text("utf-8").strip() + "/"
        return {n: s for n, s in last.items() if fixed(n) and n.startswith(here)}
    return {}


def at_rest(folder: Path) -> bool:
    """Whether the store was closed by its last process, so that every file can be judged."""
    return checksums.read(folder / CLOSED) is not None


def damaged(folder: Path, sums: Sums, whole: Iterable[str]) -> list[Damage]:
    """Files that are not as their sums say: by length all of them, by content those in `whole`."""
    return checksums.damaged(folder, sums, whole, REMEDY)


def read_at_opening(sums: Sums) -> set[str]:
    """The files that an opening reads whole."""
    wanted = {n for n in sums if not fixed(n)}
    room = _READ
    for size, name in sorted((s[0], n) for n, s in sums.items() if fixed(n)):
        room -= size
        if room < 0:
            break
        wanted.add(name)
    return wanted


def raise_for(found: list[Damage]) -> None:
    """Raises StorageError that names the first damaged file, and counts the others."""
    if found:
        others = f" (and {len(found) - 1} other files; `hannun check` lists them)" if len(found) > 1 else ""
        raise StorageError(f"{found[0].file}: {found[0].what}{others}; {found[0].remedy}")


def begin(folder: Path) -> None:
    """Mark a store as open; needs no room."""
    with contextlib.suppress(FileNotFoundError):
        os.replace(folder / CLOSED, folder / OPEN)


def note(folder: Path, sums: Sums) -> None:
    """Keep the sums of fixed files while the store is open. A disk without room keeps none: then less can be judged after a kill."""
    with contextlib.suppress(StorageError):
        checksums.write(folder / OPEN, sums)


def of_fixed(folder: Path, generation: str) -> Sums:
    """The sums of a generation's fixed files."""
    return checksums.of(folder, (n for n in _names(folder, generation) if fixed(n)))


def finish(folder: Path, generation: str, before: Sums, read: Sums | None = None) -> None:
    """Write the sums of a store that has been closed, whose fixed files had the sums `before`. Without room it stays marked as open.

    `read`: sums that were told when the files were copied here.
    """
    names = ["current", "layout.json", *_names(folder, generation)]
    kept = {n: s for n, s in (read or {}).items() if n in names} | {n: before[n] for n in names if n in before and fixed(n)}
    sums = {**checksums.of(folder, (n for n in names if n not in kept)), **kept}
    for name, s in sums.items():
        if before.get(name) != s:  # the sums may not be on the disk before what they are of
            sync(folder / name)
    with contextlib.suppress(StorageError):
        checksums.write(folder / CLOSED, sums)
        (folder / OPEN).unlink(missing_ok=True)


def _names(folder: Path, generation: str) -> list[str]:
    place = folder / generation
    return sorted(f.relative_to(folder).as_posix() for f in place.rglob("*") if f.is_file() and not f.name.endswith((".part", ".tmp")))
