"""Texts, pictures and both together go in, unit vectors [n, 384] in one space come out: the encoder named "mini".

"mini-free" is the same networks with heads that nothing of a restricted licence taught: weights that a company may ship.
Both towers were trained by `hannun.recipes.mini`: multilingual-e5-small (Wang et al. 2024) with a projection, EfficientNet-Lite2 with
a small Transformer over 3 × 3 cells and a learned share of ConSE (Norouzi et al. 2014). Vectors may be truncated to any of `dims`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, final

import numpy as np

from hannun.continuation import Manner
from hannun.embeddings import Embeddings, Floats, unit
from hannun.encoder import Calibration, Caption
from hannun.item import Content, Image, Text, item, require_content
from hannun.mini.captions import CaptionWriter
from hannun.mini.image import GRID, SIDE, ImageTower
from hannun.mini.session import there
from hannun.mini.text import WIDTH, Role, TextTower

HERE = Path(__file__).parent
FREE = HERE / "free"  # the heads of "mini-free", which are trained on nothing whose licence forbids some uses
WEIGHTS = ("text.onnx", "tokenizer.json", "image.onnx")
RECIPE = "mini"  # change it with anything in code that changes a vector: resizing, prompts, windows
KINDS = (Text.kind, Image.kind)
DIMS = (384, 256, 128, 96, 64, 48, 32)  # Matryoshka


@final
class Mini:
    """The embedded Encoder. Making one costs nothing: each tower is loaded when first needed, once, by any thread."""

    def __init__(self, folder: Path = HERE, threads: int | None = None, heads: Path | None = None) -> None:
        """`folder` holds the weights; `threads` is by default the number of cores this process may run on.

        `heads` is a folder of other heads over the same bodies (FREE, or one that `hannun.recipes.mini.free` wrote).
        """
        self._folder, self._heads = folder, heads
        self._text, self._image = TextTower(folder, threads, heads), ImageTower(folder, threads, heads=heads)
        self._inside = ImageTower(folder, threads, states=True, heads=heads)  # apart: what only encodes need not keep what lies inside
        self._writer = CaptionWriter(heads or folder, threads)
        self._lock = threading.Lock()
        self._facts: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """ "mini"; with other heads "mini-" and the name of their folder: "mini-free"."""
        return "mini" if self._heads is None else f"mini-{self._heads.name}"

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and of the recipe, as written at export (hashing 40 MB at each start would cost more than a query)."""
        return str(self._read()["fingerprint"])

    @property
    def dims(self) -> tuple[int, ...]:
        """The nested dimensions of its training, the full one first."""
        return DIMS

    @property
    def kinds(self) -> tuple[str, ...]:
        """Text and picture of an item have a vector each."""
        return KINDS

    @property
    def side(self) -> int:
        """260 pixels."""
        return SIDE

    @property
    def calibration(self) -> Calibration:
        """Measured at export on training splits."""
        return Calibration.from_json(self._read()["calibration"])

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Vectors of what is asked. mini has no task description, so `instruction` changes nothing."""
        return self._encode(contents, "query")

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Vectors of what is searched. mini has no task description, so `instruction` changes nothing."""
        return self._encode(contents, "passage")

    def _encode(self, contents: Sequence[Content], role: Role) -> Embeddings:
        return encoded(contents, lambda texts: self._texts(texts, role), self._pictures)

    @property
    def grid(self) -> tuple[int, int]:
        """3 × 3 cells."""
        return GRID, GRID

    def patches(self, pictures: Sequence[Image]) -> Floats:
        """Unit vectors of 3 × 3 cells of each picture, row by row, in the space of the texts: float32 [n, 9, 384]."""
        return self._image.patches(pictures)

    def seen(self, pictures: Sequence[Image]) -> tuple[Floats, Floats, Floats]:
        """What annotators read of pictures, of one pass.

        Unit vectors [n, 384], not those of `encode_document` but those that the head of the network gives, before hubs are moved; class
        scores of the network behind them [n, 1000], textures and colours of 3 × 3 cells [n, 1800].
        """
        dense, logits, cells = self._inside.seen(pictures)
        return unit(dense), logits, cells

    @property
    def styles(self) -> tuple[str, ...]:
        """What it can write of a picture: "caption", "query", "product"; none where the captioner's weights were left out."""
        return self._writer.styles

    def caption(self, pictures: Sequence[Image], style: str, language: str, manner: Manner) -> list[list[Caption]]:
        """Of each picture texts in a style and in Korean ("ko") or English ("en"), the best first. Raises InputError, PictureError."""
        return self._writer.caption(pictures, style, language, manner)

    def _texts(self, texts: Sequence[str], role: Role) -> Floats:
        return unit(self._text.encode(texts, role))

    def _pictures(self, pictures: Sequence[Image]) -> Floats:
        return unit(self._image.dense(pictures))

    def _read(self) -> dict[str, Any]:
        with self._lock:
            if self._facts is None:
                self._facts = json.loads(there((self._heads or self._folder) / "space.json").read_text("utf-8"))
            return self._facts


def encoded(contents: Sequence[Content], texts: Callable[[list[str]], Floats], pictures: Callable[[list[Image]], Floats]) -> Embeddings:
    """Unit vectors of contents: of each the mean of its text's and its pictures', where it has both."""
    items = [require_content(item(c, id="-"), KINDS) for c in contents]  # an id of our own: hashing would read the pictures twice
    total = np.zeros((len(items), WIDTH), np.float32)
    worded = [(n, it.text) for n, it in enumerate(items) if it.text]
    if worded:
        total[[n for n, _ in worded]] += texts([t for _, t in worded])
    seen = [(n, p) for n, it in enumerate(items) for p in it.images]
    if seen:
        pictured = np.zeros_like(total)
        np.add.at(pictured, [n for n, _ in seen], pictures([p for _, p in seen]))
        total += unit(pictured)
    return Embeddings(unit(total))


def fingerprint(folder: Path) -> str:
    """128 bits over the weight files and the recipe, as hex."""
    h = blake2b(RECIPE.encode(), digest_size=16)
    for name in WEIGHTS:
        h.update(blake2b((folder / name).read_bytes()).digest())
    return h.hexdigest()
