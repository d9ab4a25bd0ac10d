"""A query and the pictures of a document go in; they come out ranked, those that fit marked, near-duplicates under the best of them.

The score of a picture is its `relevance` to the query (`search.relevance`), which by the encoder's calibration means the same for every
query and document; below a threshold no picture is shown rather than a wrong one. THRESHOLD was chosen on labelled documents for a
wanted precision, and `threshold` chooses yours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import PIL.Image

from hannun.embeddings import Floats, unit
from hannun.encoder import Encoder, cells
from hannun.errors import HannunError, InputError
from hannun.item import Content, Image, Text, item
from hannun.search import locate
from hannun.search.crop import Box, crop
from hannun.search.relevance import relevance

THRESHOLD = 0.55  # for a precision of 0.8 on the documents to choose by (docs/thumbnails.md)
SAME = 0.95  # cosine from which two pictures of one document are one: encoded anew, scaled, a little cropped
LEAST = 64  # pixels of the shorter side below which a picture is an icon
LONGEST = 4.0  # longer side over shorter above which it is a banner or a rule


@dataclass(frozen=True)
class RankedPicture:
    """A picture of a document for a query.

    Attributes:
        number: its place among the pictures that came.
        score: 0 … 1, how surely it fits the query; 0 for one that was not looked at.
        shown: whether it is a thumbnail of the document for this query.
        why_not: "" for one that is shown; else too small, too long, unreadable, below the threshold, or the same as another.
        same_as: the number of the better one that it nearly equals.
        box: the window of it to show, where an aspect was asked for.
    """

    number: int
    score: float
    shown: bool
    why_not: str = ""
    same_as: int | None = None
    box: Box | None = None


@dataclass(frozen=True)
class Wanted:
    """What a thumbnail is to be: the least score, the share of the words by a picture in it, and the shape to cut it to (None: whole)."""

    threshold: float = THRESHOLD
    words: float = 0.0
    aspect: float | None = None
    same: float = SAME
    limit: int = 1

    def __post_init__(self) -> None:
        if not (0 <= self.threshold <= 1 and 0 <= self.words < 1 and 0 < self.same <= 1 and self.limit >= 1):
            raise InputError(
                f"threshold={self.threshold}, words={self.words}, same={self.same}, limit={self.limit} came, expected "
                "a threshold 0 … 1, words 0 … below 1, same above 0 … 1, and a limit of at least 1"
            )


def thumbnails(
    encoder: Encoder, query: Content, pictures: Sequence[Image], beside: Sequence[str] = (), wanted: Wanted = Wanted()
) -> list[RankedPicture]:
    """The pictures ranked for a query, best first; the first `wanted.limit` that fit are shown.

    Args:
        encoder: one with a vector for texts and one for pictures, in one space.
        query: words, a picture, or both.
        pictures: of one document, in its order.
        beside: the words by each of them; none where left out.
        wanted: see `Wanted`.

    Raises:
        InputError: the encoder gives no picture vectors, or an empty query came. A picture that cannot be read is ranked last.
    """
    if Image.kind not in encoder.kinds:
        raise InputError(f"{encoder.name} gives no vectors of pictures alone; take one with a text and a picture tower, such as mini")
    found = [_looked(n, p, encoder.side) for n, p in enumerate(pictures)]
    readable = [(n, p) for n, p, why in found if p is not None and not why]
    left = [RankedPicture(n, 0.0, False, why) for n, _, why in found if why]
    if not readable:
        return left
    asked = item(query, id="query")
    q = encoder.encode_query([asked]).dense[0]
    vectors = encoder.encode_document([p for _, p in readable]).dense
    told = [beside[n] if n < len(beside) else "" for n, _ in readable]
    scores = fits(encoder, q, asked.kinds, vectors, told, wanted.words)
    sharp = [sharpness(p) for _, p in readable]
    order = choose(scores, vectors, sharp, wanted)
    ranked = [replace(r, number=readable[r.number][0], same_as=None if r.same_as is None else readable[r.same_as][0]) for r in order]
    if wanted.aspect is not None:
        loaded = dict(readable)
        ranked = [_cut(encoder, q, pictures[r.number], loaded[r.number], r, wanted.aspect) if r.shown else r for r in ranked]
    return [*ranked, *left]


def fits(encoder: Encoder, query: Floats, kinds: Sequence[str], vectors: Floats, beside: Sequence[str], words: float) -> list[float]:
    """How surely each picture [n, dim] fits a query [dim] of these kinds, 0 … 1; `words` is the share of the text by it, if any."""
    shares = {k: 1 / len(kinds) for k in kinds if k in encoder.kinds}
    by_picture = relevance(encoder.calibration, shares, {Image.kind: 1.0})
    by_words = relevance(encoder.calibration, shares, {Text.kind: 1.0})
    cosines = vectors @ query
    texts = [n for n, t in enumerate(beside) if t.strip()] if words else []
    near = dict(zip(texts, encoder.encode_document([{"text": beside[n]} for n in texts]).dense @ query, strict=True)) if texts else {}
    out = []
    for n, cosine in enumerate(cosines):
        seen = by_picture({Image.kind: float(cosine)}, {})
        score = max(0.0, float(cosine)) if seen is None else seen  # of an encoder whose background is not known
        if n in near:
            said = by_words({Text.kind: float(near[n])}, {})
            score = (1 - words) * score + words * (max(0.0, float(near[n])) if said is None else said)
        out.append(score)
    return out


def choose(scores: Sequence[float], vectors: Floats, quality: Sequence[float], wanted: Wanted) -> list[RankedPicture]:
    """Which pictures are shown: by score, each group of near-duplicates once, by the one of the best quality.

    Args:
        scores: [n], 0 … 1.
        vectors: unit rows [n, dim] of the pictures.
        quality: [n], higher is better; decides only among near-duplicates.
        wanted: see `Wanted`.
    """
    near = unit(vectors) @ unit(vectors).T >= wanted.same
    best: dict[int, int] = {}  # picture → the one that stands for it
    for n in sorted(range(len(scores)), key=lambda i: (-quality[i], i)):
        best[n] = next((m for m in best if best[m] == m and near[n, m]), n)
    heads = [n for n in best if best[n] == n]
    # A group is as good as the best of it: a sharper copy must not lose the place that the other had.
    group = {h: max(scores[n] for n in best if best[n] == h) for h in heads}
    ranked: list[RankedPicture] = []
    for h in sorted(heads, key=lambda i: (-group[i], i)):
        shown = group[h] >= wanted.threshold and len(ranked) < wanted.limit
        why = "" if shown else "below the threshold" if group[h] < wanted.threshold else "beyond the limit"
        ranked.append(RankedPicture(h, group[h], shown, why))
    copies = [RankedPicture(n, scores[n], False, "the same as another", h) for n, h in best.items() if n != h]
    return [*ranked, *sorted(copies, key=lambda r: (-r.score, r.number))]


def threshold(scores: npt.ArrayLike, good: npt.ArrayLike, precision: float) -> tuple[float, float]:
    """The lowest threshold at which what is shown is good as often as wanted, and the coverage there: the share of documents that show one.

    Args:
        scores: [n] of the best picture of each labelled document.
        good: [n], whether that picture is good enough.
        precision: the wanted share of good ones among those that are shown.

    Raises:
        InputError: no threshold gives this precision, or the lists do not fit each other.
    """
    s, g = np.asarray(scores, np.float64), np.asarray(good, bool)
    if s.ndim != 1 or s.shape != g.shape or not len(s) or not 0 < precision <= 1:
        raise InputError(
            f"scores of shape {s.shape}, labels of {g.shape} and precision={precision} came, expected one label for each score"
        )
    order = np.argsort(-s, kind="stable")
    right = np.cumsum(g[order]) / np.arange(1, len(s) + 1)
    last = np.r_[s[order][:-1] != s[order][1:], True]  # equal scores fall on one side
    there = np.flatnonzero((right >= precision) & last)
    if not len(there):
        raise InputError(f"no threshold gives a precision of {precision} on these {len(s)} labels, the best is {right[last].max():.3f}")
    at = int(there[-1])
    return float(s[order][at]), (at + 1) / len(s)


def sharpness(picture: PIL.Image.Image) -> float:
    """How much detail a picture has: the mean change of light between neighbours at a side of 256, times the root of its own size."""
    side = min(256, max(picture.size))
    grey = picture.convert("L")
    grey.thumbnail((side, side), PIL.Image.Resampling.BILINEAR)
    light = np.asarray(grey, np.float32)
    if min(light.shape) < 3:
        return 0.0
    change = np.abs(np.diff(light, n=2, axis=0)).mean() + np.abs(np.diff(light, n=2, axis=1)).mean()
    return float(change * math.sqrt(min(1.0, max(picture.size) / 256)))


def _looked(number: int, picture: Image, side: int) -> tuple[int, PIL.Image.Image | None, str]:
    """A picture decoded at the scale that the encoder sees; or why it cannot be a thumbnail."""
    try:
        width, height = picture.size()
        if min(width, height) < LEAST:
            return number, None, "too small"
        if max(width, height) / min(width, height) > LONGEST:
            return number, None, "too long"
        return number, picture.load(side), ""
    except HannunError:
        return number, None, "unreadable"


def _cut(encoder: Encoder, query: Floats, picture: Image, small: PIL.Image.Image, ranked: RankedPicture, aspect: float) -> RankedPicture:
    """The picture with the window to show of it, in its own pixels."""
    sees = cells(encoder)
    grid = None
    if sees is not None:
        near = locate.nearness(locate.look(sees, Image(small), locate.WHOLE), query)
        grid = np.array(near.values, np.float32).reshape(near.rows, near.columns)
    box = crop(small, aspect, grid)
    width, height = picture.size()
    if (width < height) != (small.width < small.height):  # turned by its EXIF orientation
        width, height = height, width
    x, y = width / small.width, height / small.height
    return replace(ranked, box=(round(box[0] * x), round(box[1] * y), round(box[2] * x), round(box[3] * y)))
