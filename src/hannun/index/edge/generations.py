"""One generation of a store's files goes in, the next comes out: made anew, optimised by a child process, or with points carried over.

The engine's `optimize` holds the interpreter for as long as it runs. So a child process does it on a copy, while this one
goes on with the generation in force and remembers the ids that it writes; these are carried over, and `current` then
changes in one step. Until that step the old generation holds all that was ever acknowledged, from it on the new one does:
whoever is killed at any moment finds one of the two, whole.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import qdrant_edge as qe

from hannun.files import whole_folder, write_whole
from hannun.index import request as form
from hannun.index.edge import binding, disk, frequencies
from hannun.index.engine import Layout

CARRY = 200  # points carried over at once; small, so that others get their turn

# What the child does; the engine lowers the priority of its threads itself. It dies with its parent where the system can see
# to that; else its copy is removed under it.
CHILD = """
import ctypes, json, os, signal, sys
import qdrant_edge as qe

folder, parent, words, numbers = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]), json.loads(sys.argv[4])
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
if os.name == "posix" and os.getppid() != parent:
    sys.exit(1)
shard = qe.EdgeShard.load(folder)
there = {p.replace(chr(34), "") for p in shard.info().payload_schema}
disk = qe.Memory.Cached
for paths, index in ((words, qe.KeywordIndexParams(memory=disk)), (numbers, qe.FloatIndexParams(memory=disk))):
    for path in paths:
        if path.replace(chr(34), "") not in there:
            shard.update(qe.UpdateOperation.create_field_index(path, index))
shard.optimize()
shard.flush()
shard.close()
"""


def create(folder: Path, layout: Layout) -> None:
    """Make a store without points where none is."""
    # Made beside its place and moved there whole: a shard whose making was killed midway can neither be loaded nor made again.
    with whole_folder(folder) as begun:
        disk.require(0, begun)
        (begun / "g1").mkdir()
        shard = qe.EdgeShard.create(str(begun / "g1"), binding.config(layout))
        for path in (form.WORDS, form.INITIALS):
            # The client's local mode knows only the default tokeniser; our terms are letters and digits in lower case, which it keeps.
            index = qe.TextIndexParams(scoring=qe.TextScoringParams(), memory=qe.Memory.Cold)
            shard.update(qe.UpdateOperation.create_field_index(path, index))
        shard.flush()
        shard.close()
        settle(begun, layout, "g1")
        frequencies.of_nothing().save(begun)


def settle(folder: Path, layout: Layout, generation: str) -> None:
    """Write what makes a folder with a generation in it a store."""
    write_whole(folder / "layout.json", json.dumps(asdict(layout)).encode())
    write_whole(folder / "current", generation.encode())


def optimiser(place: Path, layout: Layout, facts: Sequence[str]) -> subprocess.Popen[bytes]:
    """The child process that optimises the copy at `place`, with indexes of these facts; it has begun."""
    words, numbers = [form.values(f) for f in facts], [*form.read(layout), *map(form.key, facts)]
    command = [sys.executable, "-c", CHILD, str(place), str(os.getpid()), json.dumps(words), json.dumps(numbers)]
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def carry(ids: Sequence[str], source: qe.EdgeShard, target: qe.EdgeShard) -> bool:
    """Make these points in `target` what they are in `source`; returns whether some were there, which its BM25 goes on counting."""
    some: list[qe.PointId] = [*ids]
    stale = bool(target.retrieve(some, False, False))
    here = source.retrieve(some, True, True)
    there = {str(r.id) for r in here}
    gone = [i for i in some if i not in there]
    if here:
        target.update(qe.UpdateOperation.upsert_points([qe.Point(r.id, r.vector or {}, r.payload) for r in here]))
    if gone:
        target.update(qe.UpdateOperation.delete_points(gone))
    return stale
