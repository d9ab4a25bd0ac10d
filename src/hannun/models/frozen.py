"""Texts and pictures go in, what the frozen layers say of them comes out; each is computed once and kept on disk.

A recipe that freezes the lower part of a backbone pays for it in the first epoch only. The file grows at its end and the index is
written after it, so that a killed run loses the last few entries and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from hannun.processes import world

Array = npt.NDArray[Any]
Halves = npt.NDArray[np.float16]


def stamp(module: Any, files: Sequence[Path] = ()) -> str:
    """16 characters that change with a frozen module's weights or with these files: what its states are kept under."""
    h = hashlib.blake2b(digest_size=8)
    for name, value in sorted(module.state_dict().items()):
        h.update(name.encode() + value.detach().cpu().numpy().tobytes())
    for file in files:
        h.update(file.read_bytes())
    return h.hexdigest()


def _own() -> str:
    """The name of the files that this process writes."""
    rank = world()[0]
    return f"states-{rank}" if rank else "states"


@final
class Kept:
    """Arrays by key: `states.bin` holds them end to end in float16, `states.jsonl` their keys, offsets and shapes.

    Of several processes each writes files of its own (`states-1.bin`, …) and begins with what all of them have kept.
    `folder` None keeps nothing, so that everything is computed anew in full precision: right for an encoder in service. `chunk` keys
    are computed together.
    """

    def __init__(self, folder: Path | None, chunk: int = 32) -> None:
        self._folder, self._chunk = folder, chunk
        self._places: dict[str, tuple[str, int, tuple[int, ...]]] = {}  # the file's name, the offset and the shape
        self._maps: dict[str, Halves] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._read()

    def _read(self) -> None:
        assert self._folder is not None
        for index in sorted(self._folder.glob("states*.jsonl")):
            self._reopen(index.stem)
            for line in index.read_text("utf-8").splitlines():
                try:
                    key, at, shape = json.loads(line)
                except ValueError:  # the last line of a killed run
                    continue
                if at + int(np.prod(shape)) <= len(self._maps[index.stem]):
                    self._places[key] = (index.stem, at, tuple(shape))

    def _reopen(self, name: str) -> None:
        assert self._folder is not None
        data = self._folder / f"{name}.bin"
        size = data.stat().st_size // 2 if data.exists() else 0  # a killed run may have left half a number
        self._maps[name] = np.memmap(data, np.float16, "r", shape=(size,)) if size else np.zeros(0, np.float16)

    def __len__(self) -> int:
        return len(self._places)

    def states(self, keys: Sequence[str], compute: Callable[[Sequence[int]], Sequence[Array]]) -> list[Array]:
        """One array for each key; `compute` is asked for the positions in `keys` that are not kept yet."""
        first = {k: n for n, k in reversed(list(enumerate(keys)))}
        missing = sorted((n for k, n in first.items() if k not in self._places), key=lambda n: len(keys[n]))  # like lengths: less padding
        fresh: dict[str, Array] = {}
        for at in range(0, len(missing), self._chunk):
            rows = missing[at : at + self._chunk]
            found = {keys[n]: a for n, a in zip(rows, compute(rows), strict=True)}
            if self._folder is None:
                fresh.update(found)
            else:
                self._append({k: np.asarray(a, dtype=np.float16) for k, a in found.items()})
        if missing and self._folder is not None:
            self._reopen(_own())
        return [fresh[k] if k in fresh else self._get(k) for k in keys]

    def put(self, key: str, array: Array) -> None:
        """Keep an array that was had on the way to another one; nothing without a folder."""
        if self._folder is not None and key not in self._places:
            self._append({key: np.asarray(array, dtype=np.float16)})
            self._reopen(_own())

    def _get(self, key: str) -> Halves:
        name, at, shape = self._places[key]
        return self._maps[name][at : at + int(np.prod(shape))].reshape(shape)

    def _append(self, found: dict[str, Halves]) -> None:
        assert self._folder is not None
        lines, name = [], _own()
        with (self._folder / f"{name}.bin").open("ab") as data:
            at = (os.fstat(data.fileno()).st_size + 1) // 2
            data.write(b"\0" * (2 * at - os.fstat(data.fileno()).st_size))
            for key, array in found.items():
                data.write(np.ascontiguousarray(array).tobytes())
                self._places[key] = (name, at, array.shape)
                lines.append(json.dumps([key, at, list(array.shape)], ensure_ascii=False))
                at += array.size
        with (self._folder / f"{name}.jsonl").open("a", encoding="utf-8") as index:
            index.write("".join(f"{line}\n" for line in lines))
