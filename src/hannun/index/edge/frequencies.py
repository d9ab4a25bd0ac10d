"""Points that are written go in; how many points have words, and how long these are together, comes out, for BM25.

The engine's BM25 goes on counting what was deleted or replaced in the parts of a store that have been optimised. From the first such
write on (`stale`) words are weighed by us. `words.json` holds the sums between two openings; it is gone while the store is open, so
that a killed process leaves none, and they are counted again when they are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, final

from hannun import checksums
from hannun.files import write_whole
from hannun.index import request as form

FILE = "words.json"
FIELDS = (f"{form.OURS}.wl", f"{form.OURS}.cl")  # of a payload: the lengths of a point's words and of its initials
Payloads = Iterable[Mapping[str, Any]]
Sums = dict[str, list[int]]  # of words ("w") and initials ("c"): points that have them, and their lengths


@final
class Lengths:
    """The sums of one store. `sums` is None where they must be counted before they are used."""

    def __init__(self) -> None:
        self.stale = True
        self.sums: Sums | None = None

    def recall(self, folder: Path) -> None:
        """Take up the sums where they are there and whole; else they are counted when they are needed."""
        with suppress(OSError, KeyError, TypeError, ValueError, AttributeError):
            told = checksums.verified((folder / FILE).read_bytes()) or {}
            sums = {k: [int(n) for n in told["sums"][k]] for k in ("w", "c")}
            if all(len(pair) == 2 for pair in sums.values()):
                self.stale, self.sums = bool(told["stale"]), sums

    def save(self, folder: Path) -> None:
        """Keep the sums until the next opening. Raises StorageError."""
        if self.sums is not None:
            write_whole(folder / FILE, checksums.signed({"stale": self.stale, "sums": self.sums}))

    def change(self, before: Payloads, after: Payloads, optimised: bool) -> None:
        """Take points that are written out of the sums, and what they become into them; `optimised`: in a store that has been so."""
        assert self.sums is not None
        old = list(before)
        self.stale = self.stale or (bool(old) and optimised)
        _add(self.sums, old, -1)
        _add(self.sums, after, 1)

    def count(self, payloads: Payloads) -> None:
        """Count all points."""
        sums: Sums = {"w": [0, 0], "c": [0, 0]}
        _add(sums, payloads, 1)
        self.sums = sums


def of_nothing() -> Lengths:
    """The sums of a store without points."""
    made = Lengths()
    made.stale, made.sums = False, {"w": [0, 0], "c": [0, 0]}
    return made


def _add(sums: Sums, payloads: Payloads, sign: int) -> None:
    for payload in payloads:
        ours = payload.get(form.OURS) or {}
        for name, pair in sums.items():
            if length := ours.get(f"{name}l"):
                pair[0] += sign
                pair[1] += sign * length
