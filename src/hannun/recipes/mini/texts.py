"""Sentences go in; their vectors from the frozen text encoder (mini's `text.onnx`), cached on disk by content, come out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hannun import runtime
from hannun.files import whole

Halves = npt.NDArray[np.float16]
QUERY, PASSAGE = "query: ", "passage: "  # e5's prefixes (Wang et al. 2024): every text of a picture is a query


class TextVectors:
    """Rows of vectors found by text. `vectors` is [n, 384] float16; `row(text)` gives a text's place."""

    def __init__(self, folder: Path, model: Path, threads: int = 1, tell: Callable[[str], None] = print) -> None:
        self._file, self._model, self._threads, self._tell = folder / "texts.npz", model, threads, tell
        self.rows: dict[str, int] = {}
        self.vectors: Halves = np.zeros((0, 384), np.float16)
        if self._file.exists():
            with np.load(self._file) as f:
                self.vectors = f["vectors"]
                self.rows = {t: i for i, t in enumerate(str(f["texts"]).split("\0"))}

    def row(self, text: str) -> int:
        """The place of a text that was added."""
        return self.rows[text]

    def add(self, texts: Sequence[str], limit: int = 128) -> None:
        """Encode what is not there yet (up to `limit` tokens each) and save."""
        from tokenizers import Tokenizer

        new = [t for t in dict.fromkeys(texts) if t not in self.rows]
        if not new:
            return
        tokenizer = Tokenizer.from_file(str(self._model / "tokenizer.json"))
        tokenizer.enable_truncation(limit)
        ort = runtime.onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        session = ort.InferenceSession(str(self._model / "text.onnx"), options)
        ids = [e.ids for e in tokenizer.encode_batch_fast(new)]
        order = sorted(range(len(new)), key=lambda i: len(ids[i]))
        out = np.zeros((len(new), 384), np.float32)
        begun = time.monotonic()
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            width = max(len(ids[i]) for i in rows)
            batch, mask = np.ones((len(rows), width), np.int64), np.zeros((len(rows), width), np.int32)
            for k, i in enumerate(rows):
                batch[k, : len(ids[i])], mask[k, : len(ids[i])] = ids[i], 1
            out[rows] = session.run(["mean"], {"ids": batch, "mask": mask})[0]
            if start % 6400 == 0:
                self._tell(f"texts {start}/{len(new)}, {(start + 64) / (time.monotonic() - begun):.0f}/s")
        out /= np.linalg.norm(out, axis=1, keepdims=True)
        self.rows.update({t: len(self.rows) + k for k, t in enumerate(new)})
        self.vectors = np.concatenate([self.vectors, out.astype(np.float16)])
        with whole(self._file) as f:
            np.savez(f, vectors=self.vectors, texts="\0".join(self.rows))
