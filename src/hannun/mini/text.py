"""Texts go in, their joint-space vectors [n, 384] (multilingual-e5-small, projected) come out, through onnxruntime and without torch.

Texts of more than 512 tokens are read through windows of 512, WINDOWS at most and then spread evenly over the text; their
vectors are averaged by length. So a text of 100,000 characters costs at most WINDOWS passes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, final

import numpy as np

from hannun.embeddings import Floats
from hannun.mini.session import open_session, there

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

Role = Literal["query", "passage"]

WIDTH = 384
LENGTH = 512  # tokens that the network has places for, <s> and </s> included
WINDOWS = 16  # windows of one text at most: 8,000 tokens, some 15,000 Korean characters, are read whole
_BATCH_TOKENS = 4096  # padded tokens of one pass: larger ones are no faster and leave the cache
_START, _PAD, _END = 0, 1, 2


@dataclass(frozen=True, eq=False)
class TextTokenStates:
    """The last layer's states [tokens read, 384] of a text, of how many tokens it is, and the character up to which it was read."""

    states: Floats
    tokens: int
    end: int


@final
class TextTower:
    """The text network and its tokeniser, loaded when first used; may be shared between threads."""

    def __init__(self, folder: Path, threads: int | None = None, heads: Path | None = None) -> None:
        """`folder` holds the network and its tokeniser, `heads` other values for its head (see `hannun.mini.heads`)."""
        self._folder, self._threads, self._heads, self._lock = folder, threads, heads, threading.Lock()
        self._loaded: tuple[Tokenizer, InferenceSession] | None = None
        self._inner: InferenceSession | None = None  # the same network, which also gives its tokens' states

    def _load(self) -> tuple[Tokenizer, InferenceSession]:
        with self._lock:
            if self._loaded is None:
                from tokenizers import Tokenizer

                tokenizer = Tokenizer.from_file(str(there(self._folder / "tokenizer.json")))
                self._loaded = tokenizer, open_session(self._folder / "text.onnx", self._threads, heads=self._heads)
            return self._loaded

    def encode(self, texts: Sequence[str], role: Role) -> Floats:
        """Joint-space vectors, float32 [n, 384], of unit length only for one window. `role` is the prefix that e5 was trained with."""
        if not texts:
            return np.zeros((0, WIDTH), np.float32)
        tokenizer, session = self._load()
        prefix = tokenizer.encode(f"{role}:", add_special_tokens=False).ids
        windows: list[list[int]] = []
        owners: list[int] = []
        for n, encoding in enumerate(tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)):
            for window in _windows(encoding.ids, LENGTH - 2 - len(prefix)):
                windows.append([_START, *prefix, *window, _END])
                owners.append(n)
        sums = np.zeros((len(texts), WIDTH), np.float32)
        weights = np.zeros((len(texts), 1), np.float32)
        for rows in _batches([len(w) for w in windows]):
            ids = np.full((len(rows), max(len(windows[r]) for r in rows)), _PAD, np.int64)
            mask = np.zeros(ids.shape, np.int32)
            for i, r in enumerate(rows):
                ids[i, : len(windows[r])] = windows[r]
                mask[i, : len(windows[r])] = 1
            (means,) = session.run(["dense"], {"ids": ids, "mask": mask})
            for i, r in enumerate(rows):
                sums[owners[r]] += means[i] * len(windows[r])
                weights[owners[r]] += len(windows[r])
        return sums / weights

    def states(self, texts: Sequence[str], length: int, role: Role = "query") -> list[TextTokenStates]:
        """What a text's tokens are turned into before they are averaged; at most `length`, `<s>`, prefix and `</s>` among them.

        Not of the joint space: that is of means alone.
        """
        tokenizer, _ = self._load()
        with self._lock:
            if self._inner is None:
                self._inner = open_session(self._folder / "text.onnx", self._threads, ("states",))
        prefix = tokenizer.encode(f"{role}:", add_special_tokens=False).ids
        room = length - 2 - len(prefix)
        read = tokenizer.encode_batch(list(texts), add_special_tokens=False)
        rows = [[_START, *prefix, *e.ids[:room], _END] for e in read]
        made: list[Floats] = [np.zeros((0, WIDTH), np.float32)] * len(rows)
        for some in _batches([len(r) for r in rows]):
            ids = np.full((len(some), max(len(rows[n]) for n in some)), _PAD, np.int64)
            mask = np.zeros(ids.shape, np.int32)
            for i, n in enumerate(some):
                ids[i, : len(rows[n])], mask[i, : len(rows[n])] = rows[n], 1
            (states,) = self._inner.run(["states"], {"ids": ids, "mask": mask})
            for i, n in enumerate(some):
                made[n] = states[i, : len(rows[n])].astype(np.float32)
        around = 2 + len(prefix)
        return [
            TextTokenStates(m, len(e.ids) + around, e.offsets[room - 1][1] if len(e.ids) > room else len(t))
            for m, e, t in zip(made, read, texts, strict=True)
        ]


def _windows(ids: list[int], width: int) -> list[list[int]]:
    """The ids cut into pieces of `width`; where that makes too many, WINDOWS of them at even distances, the first and last included."""
    count = -(-len(ids) // width)
    if count <= WINDOWS:
        return [ids[a : a + width] for a in range(0, max(len(ids), 1), width)]
    return [ids[a : a + width] for a in np.linspace(0, len(ids) - width, WINDOWS).astype(int).tolist()]


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Row numbers grouped by similar length, so that little is padded; no group has more than _BATCH_TOKENS padded tokens."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and lengths[row] * (len(batch) + 1) > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
