"""A picture and a category go in; the part of the picture that shows a thing of this category comes out.

So one photo of a whole outfit answers for its skirt when asked of 치마, and for its shoes when asked of 신발. Candidates are the
things that stand out from the ground, each with a margin, the halves of the picture, and all of it. A trained head, where there is one
(KIND), says what each shows, else the category's words do; where no candidate shows the category, everything about it is unknown.
Which attributes are asked of it then is the schema's (`Schema.of`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
import numpy.typing as npt
import PIL.Image

from hannun.annotate.annotator import Annotator, Finding
from hannun.annotate.head import softmax
from hannun.annotate.looks import looks
from hannun.annotate.trained import TrainedHeads
from hannun.colour import lab
from hannun.embeddings import Floats
from hannun.encoder import Encoder
from hannun.errors import HannunError, InputError, neighbours
from hannun.item import Image, Item
from hannun.mini.model import Mini

SIDE = 48  # pixels that things are looked for in
APART = 14.0  # ΔE from the ground's colours nearby at which a pixel is a thing's
LEAST = 0.015  # of the picture that a thing covers
MARGIN = 0.12  # of a thing's side, around it
SHARPNESS = 25.0  # how much a cosine raises a category's odds
KIND, NOTHING = "범주", "없음"  # the head that says what category a window shows, and its class for one that shows none whole
SURE = 0.2  # of the head, below which no window shows the category
PROMPTS = ("{}", "{} 사진", "{} 상품")
#: What else things of a category are called: a window shows a category where any of these fits.
ALSO = {
    "상의": ("티셔츠", "셔츠", "윗옷"),
    "치마": ("스커트",),
    "신발": ("운동화", "구두", "부츠"),
    "바지": ("청바지",),
    "원피스": ("드레스",),
}

Box = tuple[int, int, int, int]


def windows(picture: PIL.Image.Image) -> list[Box]:
    """Where things may be: every thing that stands out, or else the halves; and all of the picture, last."""
    width, height = picture.size
    found = [_with_margin(b, picture.size) for b in things(picture)]
    if len(found) < 2:
        x, y = round(width * 0.55), round(height * 0.55)
        found += [(0, 0, width, y), (0, height - y, width, height), (0, 0, x, height), (width - x, 0, width, height)]
    return [*found[:6], (0, 0, width, height)]


def things(picture: PIL.Image.Image) -> list[Box]:
    """The boxes of connected things that differ from the ground about them, the largest first, in the picture's pixels."""
    small = lab(np.asarray(picture.convert("RGB").resize((SIDE, SIDE), PIL.Image.Resampling.BOX)))
    # The ground of a row is what its two ends show, of a column likewise: a sky that fades is no thing.
    ends = (small[:, :2].mean(1, keepdims=True), small[:, -2:].mean(1, keepdims=True), small[:2].mean(0), small[-2:].mean(0))
    apart = np.stack([np.linalg.norm(small - e, axis=-1) for e in ends]).min(axis=0)
    mask = apart > APART
    boxes = [b for b in _connected(mask) if (b[2] - b[0]) * (b[3] - b[1]) >= LEAST * SIDE * SIDE]
    x, y = picture.width / SIDE, picture.height / SIDE
    return [(round(b[0] * x), round(b[1] * y), round(b[2] * x), round(b[3] * y)) for b in boxes]


@final
class OfCategory:
    """An annotator that looks only at the part of a picture that shows a thing of one category. Raises InputError for an unknown one."""

    def __init__(
        self, inner: Annotator, encoder: Encoder, category: str, categories: Sequence[str], trained: TrainedHeads | None = None
    ) -> None:
        """`trained` may have a head KIND, of the features of `encoder`, which then is mini; without one the category's words count."""
        if category not in categories:
            raise InputError(f"no category {category!r}; {neighbours(category, categories)}")
        self._inner, self._encoder, self._category, self._categories = inner, encoder, category, tuple(categories)
        there = trained is not None and KIND in trained.heads and category in trained.heads[KIND].classes
        self._trained = trained if there and isinstance(encoder, Mini) else None
        self._said: Floats | None = None

    @property
    def name(self) -> str:
        """The inner annotator's."""
        return self._inner.name

    @property
    def version(self) -> str:
        """The inner annotator's, and the category."""
        return f"{self._inner.version}@{self._category}"

    @property
    def keys(self) -> tuple[str, ...]:
        """The inner annotator's."""
        return self._inner.keys

    def annotate(self, items: Sequence[Item]) -> list[tuple[Finding, ...]]:
        """See `Annotator.annotate`; of an item's pictures the first counts."""
        seen = [self._part(it) for it in items]
        found = iter(self._inner.annotate([one for one in seen if isinstance(one, Item)]))
        return [next(found) if isinstance(one, Item) else self._unknown(one) for one in seen]

    def box(self, picture: PIL.Image.Image) -> tuple[Box, float]:
        """The window of a picture that shows the category best, and how likely it does."""
        boxes = windows(picture)
        crops = [picture.crop(b) for b in boxes]
        if self._trained is not None and isinstance(self._encoder, Mini):
            p = self._trained.probabilities(KIND, looks([Image(c) for c in crops], self._encoder))
            likely = p[:, self._trained.heads[KIND].classes.index(self._category)]
        else:
            p = softmax(SHARPNESS * self._fit(self._encoder.encode_document(crops).dense))
            likely = p[:, self._categories.index(self._category)]
        best = int(likely.argmax())
        return boxes[best], float(likely[best])

    def _part(self, it: Item) -> Item | float | None:
        """The part of an item's picture that shows the category; how likely the likeliest does where none does; None without a picture."""
        try:
            picture = it.images[0].load(2 * self._encoder.side) if it.images else None
        except HannunError:  # gone or damaged: told where it is indexed
            return None
        if picture is None:
            return None
        box, likely = self.box(picture)
        return likely if self._trained is not None and likely < SURE else Item(it.id, (Image(picture.crop(box)),))

    def _unknown(self, likely: float | None) -> tuple[Finding, ...]:
        return () if likely is None else tuple(Finding(key, None, likely) for key in self.keys)

    def _fit(self, vectors: Floats) -> Floats:
        """How well windows [n, dim] fit each category, by the best of its words: [n, categories]."""
        if self._said is None:
            words = [[c, *ALSO.get(c, ())] for c in self._categories]
            flat = [p.format(w) for some in words for w in some for p in PROMPTS]
            rows = iter(self._encoder.encode_query([{"text": t} for t in flat]).dense)
            means = [[np.mean([next(rows) for _ in PROMPTS], axis=0) for _ in some] for some in words]
            most = max(map(len, words))
            self._said = np.stack([np.stack((some * most)[:most]) for some in means]).astype(np.float32)
        near = vectors @ self._said.reshape(-1, vectors.shape[1]).T
        return np.asarray(near.reshape(len(vectors), *self._said.shape[:2]).max(axis=-1), np.float32)


def _with_margin(box: Box, size: tuple[int, int]) -> Box:
    dx, dy = round((box[2] - box[0]) * MARGIN), round((box[3] - box[1]) * MARGIN)
    return (max(0, box[0] - dx), max(0, box[1] - dy), min(size[0], box[2] + dx), min(size[1], box[3] + dy))


def _connected(mask: npt.NDArray[np.bool_]) -> list[Box]:
    """The boxes of what hangs together in a mask, the largest area first."""
    left, found = set(zip(*(a.tolist() for a in np.nonzero(mask)), strict=True)), []
    while left:
        waiting = [left.pop()]
        some = []
        while waiting:
            r, c = waiting.pop()
            some.append((r, c))
            for near in ((r + a, c + b) for a in (-1, 0, 1) for b in (-1, 0, 1)):
                if near in left:
                    left.remove(near)
                    waiting.append(near)
        rows, columns = [r for r, _ in some], [c for _, c in some]
        found.append((len(some), (min(columns), min(rows), max(columns) + 1, max(rows) + 1)))
    return [b for _, b in sorted(found, reverse=True)]
