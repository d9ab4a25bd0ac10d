"""The Network protocol: rows of texts and decoded pictures go in, one vector for each comes out; this file loads no model.

`checkpoint.CheckpointEncoder` makes an Encoder of any Network: it orders, groups, decodes and averages; a Network computes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Protocol

import PIL.Image

from hannun.embeddings import Embeddings
from hannun.item import Image, Item, Text
from hannun.models.adapters import Role, Task

__all__ = ["Network", "Role", "Row", "content", "decoded", "instructed", "plain_text", "shortened", "side_of"]

Row = tuple[str | PIL.Image.Image, ...]  # one item's texts and RGB pictures, in order; at least one of them

THINNEST = 100  # longer over shorter side of a picture; beyond it resizing explodes (Qwen's processor refuses 200)
MAX_TOKENS = 8192  # of a sequence, or the model's own window where that is shorter; longer texts lose their end
DEFAULT_SIDE = 224  # pixels, for a processor that does not say


class Network(Protocol):
    """A loaded model that turns rows of one kind into vectors of length `dim`.

    `side` is the pixels of the picture side that it looks at, `sees` whether it takes pictures, and
    `kinds` names those that have vectors of their own in one space: then a row is one text or one picture; else it may hold both.
    `tasks` are those it has prompts and adapters for, and `dims` the shorter dimensions it was trained for.
    """

    dim: int
    side: int
    sees: bool
    kinds: tuple[str, ...]

    @property
    def tasks(self) -> tuple[Task, ...]: ...

    @property
    def dims(self) -> tuple[int, ...]: ...

    def vectors(self, rows: Sequence[Row], role: Role, instruction: str | None, task: str = "") -> Embeddings:
        """Rows [n, dim] of any length, and token vectors where it has them; all rows are alike in whether they hold text and pictures."""
        ...


def content(it: Item) -> tuple[str | Image, ...]:
    """What networks read of an item, in order: its texts and pictures; parts of other kinds are passed over."""
    return tuple(p.value if isinstance(p, Text) else p for p in it.parts if isinstance(p, Text | Image))


def decoded(picture: PIL.Image.Image) -> PIL.Image.Image:
    """The picture, stretched where it is thinner than 1:THINNEST or under 4 pixels (3 rows look like channels to processors)."""
    width, height = picture.size
    least = max(4, math.ceil(max(width, height) / THINNEST))
    return picture if min(width, height) >= least else picture.resize((max(width, least), max(height, least)))


def plain_text(text: str, tokenizer: Any) -> str:
    """The text with the tokenizer's control tokens broken by a space, so that a written `<image>` is words, not a picture."""
    tokens = {t.content for t in tokenizer.added_tokens_decoder.values() if t.special and len(t.content) > 2}
    for token in tokens:
        text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def shortened(text: str, tokens: int, tokenizer: Any) -> str:
    """The text's beginning of at most `tokens` tokens."""
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return text if len(offsets) <= tokens else text[: offsets[max(0, tokens)][0]]


def side_of(image_processor: Any) -> int:
    """Pixels of the shorter side that a transformers image processor reads: its `size`, or the root of its pixel budget."""
    size = getattr(image_processor, "size", None) or {}
    size = dict(size) if not isinstance(size, int) else {"height": size}
    edges = [int(size[k]) for k in ("height", "width", "shortest_edge") if size.get(k)]
    if size.get("longest_edge") and getattr(image_processor, "merge_size", None):  # there `size` counts pixels of the whole picture
        return math.isqrt(int(size["longest_edge"]))
    return max(edges or [int(size.get("longest_edge") or DEFAULT_SIDE)])


def instructed(own: str, instruction: str | None) -> str:
    """The prompt to use: `instruction` in the model's "Instruct: …\\nQuery:" frame where it has one, else in its place."""
    if instruction is None:
        return own
    frame = re.fullmatch(r"(Instruct: ?).*?(\n ?Query: ?)", own, flags=re.DOTALL)
    return f"{frame[1]}{instruction}{frame[2]}" if frame else instruction
