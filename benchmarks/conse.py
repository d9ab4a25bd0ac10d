"""Texts and pictures go in, vectors of the untrained baseline come out: ConSE, the model that mini was before it was trained.

A picture is the convex combination of its likely ImageNet classes' names (Norouzi et al. 2014, arXiv:1312.5650), in Korean and
English, in the centred space of multilingual-e5-small. Prompts, TOP and TEMPERATURE were chosen on Flickr8k's training split.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
from tokenizers import Tokenizer

from hannun.embeddings import Embeddings, Floats, unit
from hannun.encoder import UNCALIBRATED
from hannun.item import Content, item
from hannun.mini.classes import classes
from hannun.mini.image import SIDE, ImageTower
from hannun.mini.model import HERE
from hannun.mini.session import open_session

PROMPTS = ("a photo of a {}", "{} 사진")  # English, Korean
TOP = 50  # classes that a picture is a mixture of (ConSE's T); 10 in the paper, with a sharper network
TEMPERATURE = 2.0  # of the softmax over class scores; flatter than 1, because photos show more than one thing


@final
class ConSE:
    """The baseline as an Encoder, on the same two networks as mini, before any training of ours."""

    name, fingerprint, dims, kinds, side, calibration = "conse", "conse-1", (384,), ("text", "image"), SIDE, UNCALIBRATED

    def __init__(self) -> None:
        self._tokenizer = Tokenizer.from_file(str(HERE / "tokenizer.json"))
        self._tokenizer.enable_truncation(512)
        self._session = open_session(HERE / "text.onnx")
        self._tower = ImageTower(HERE)
        flat = [[(prompt.format(n), row) for row, c in enumerate(classes()) for n in names(c)] for prompt, names in _SIDES]
        both = np.zeros((len(classes()), 384), np.float32)
        for side in flat:
            sums = np.zeros_like(both)
            np.add.at(sums, [row for _, row in side], self._means([text for text, _ in side], "passage"))
            both += unit(sums)
        self._centre = unit(both).mean(axis=0)
        self._classes = unit(unit(both) - self._centre)

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Unit rows [n, 384]."""
        return self._encode(contents, "query")

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Unit rows [n, 384]."""
        return self._encode(contents, "passage")

    def _encode(self, contents: Sequence[Content], role: str) -> Embeddings:
        items = [item(c, id="-") for c in contents]
        if all(it.images for it in items):
            return Embeddings(unit(self._mixture(self._tower.logits([it.images[0] for it in items]))))
        return Embeddings(unit(self._means([it.text or "" for it in items], role) - self._centre))

    def _mixture(self, logits: Floats) -> Floats:
        kept = np.argpartition(-logits, TOP - 1, axis=1)[:, :TOP]
        scores = np.take_along_axis(logits, kept, axis=1) / TEMPERATURE
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        sparse = np.zeros_like(logits)
        np.put_along_axis(sparse, kept, weights / weights.sum(axis=1, keepdims=True), axis=1)
        return sparse @ self._classes

    def _means(self, texts: Sequence[str], role: str) -> Floats:
        ids = [e.ids for e in self._tokenizer.encode_batch_fast([f"{role}: {t}" for t in texts])]
        out = np.zeros((len(texts), 384), np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(ids[i]))
        for start in range(0, len(order), 32):
            rows = order[start : start + 32]
            batch = np.ones((len(rows), max(len(ids[r]) for r in rows)), np.int64)
            mask = np.zeros(batch.shape, np.int32)
            for k, r in enumerate(rows):
                batch[k, : len(ids[r])], mask[k, : len(ids[r])] = ids[r], 1
            (out[rows],) = self._session.run(["mean"], {"ids": batch, "mask": mask})
        return unit(out)


_SIDES = ((PROMPTS[0], lambda c: c.english), (PROMPTS[1], lambda c: c.korean))
