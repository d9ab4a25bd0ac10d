"""What noticing damage costs: check, opening and backup of a collection beside `cp -r`, opening without checksums, and `tar`.

    python benchmarks/reliability.py [--size 100000] [--work build/reliability] [--rounds 5]

Items are a title and a drawn vector of 384 numbers, indexed; no words, no pictures. Each pair is timed in turns in one run; the median
of the rounds and the ratio of the medians are printed. What is read has been read before (the disk's cache holds it): with a cold disk
both sides wait for the disk. `cp -r` and `tar` are told to keep holes (--sparse=always, --sparse).
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hannun import collection
from hannun.embeddings import Embeddings, unit
from hannun.encoder import UNCALIBRATED
from hannun.files import on_disk
from hannun.item import Content


class Drawn:
    """Vectors of seeded clusters in the place of a model."""

    name, fingerprint, dims, kinds, side, calibration = "drawn", "drawn-1", (384,), ("text",), 1, UNCALIBRATED

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self._centres = unit(self._rng.standard_normal((500, 384)))

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Drawn."""
        return self.encode_document(contents)

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Drawn."""
        near = self._centres[self._rng.integers(0, len(self._centres), len(contents))]
        return Embeddings(unit(near + 0.7 * unit(self._rng.standard_normal(near.shape))))


def timed(act: Callable[[], object]) -> float:
    """Seconds."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def opened(place: Path, sums: bool) -> float:
    """Seconds until it is open and has been searched once; closing is not counted."""
    if not sums:
        for file in place.glob("shard-*/checksums.*"):
            file.unlink()
    begun = time.perf_counter()
    with collection.open(place, Drawn(), create=False) as c:
        c.search("코트", limit=10)
        return time.perf_counter() - begun


def run(*command: str) -> None:
    """A command of the system."""
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--work", type=Path, default=Path("build/reliability"))
    parser.add_argument("--rounds", type=int, default=5)
    a = parser.parse_args()
    a.work.mkdir(parents=True, exist_ok=True)
    place = a.work / f"{a.size}.hannun"
    if not place.exists():
        made = place.with_suffix(".made")
        shutil.rmtree(made, ignore_errors=True)
        with collection.open(made, Drawn(), words=False) as c:
            c.add({"id": str(n), "text": f"코트 {n}"} for n in range(a.size))
            c.optimise()
        made.rename(place)
    copy, archive = a.work / "copy", a.work / "backup.tar"
    print(f"{a.size:,} items, {on_disk(place) / 2**20:,.0f} MB on the disk, median of {a.rounds} rounds\n")
    print("| | seconds | beside | seconds | ratio |\n|---|---|---|---|---|")

    def pair(what: str, ours: Callable[[], float], beside: str, theirs: Callable[[], float]) -> None:
        found: tuple[list[float], list[float]] = [], []
        for n in range(a.rounds):
            for k in (0, 1) if n % 2 else (1, 0):
                found[k].append((ours, theirs)[k]())
        x, y = (statistics.median(f) for f in found)
        print(f"| {what} | {x:.2f} | {beside} | {y:.2f} | {x / y:.2f} |", flush=True)

    def checked() -> float:
        took = timed(lambda: found.append(collection.check(place)))
        assert not found.pop().damaged
        return took

    def copied() -> float:
        shutil.rmtree(copy, ignore_errors=True)
        return timed(lambda: run("cp", "-r", "--sparse=always", str(place), str(copy)))

    def kept() -> float:
        archive.unlink(missing_ok=True)
        with collection.open(place, Drawn(), create=False) as c:
            return timed(lambda: c.backup(archive))

    def tarred() -> float:
        archive.unlink(missing_ok=True)
        return timed(lambda: run("tar", "--sparse", "-cf", str(archive), "-C", str(a.work), place.name))

    found: list[collection.Checked] = []
    pair("check", checked, "cp -r", copied)
    pair("backup to .tar", kept, "tar --sparse", tarred)
    other = a.work / "other"
    for folder in (copy, other):
        shutil.rmtree(folder, ignore_errors=True)
        run("cp", "-r", "--sparse=always", str(place), str(folder))
    pair("opening, one search", lambda: opened(copy, True), "without checksums", lambda: opened(other, False))
    for folder in (copy, other):
        shutil.rmtree(folder)
    archive.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
