"""Documents whose pictures are graded go in; the threshold that gives the wanted precision, and the table of thumbnails, come out.

    python -m hannun.recipes.smart_thumbnail --data FOLDER                       # documents assembled of real captioned photos
    python -m hannun.recipes.smart_thumbnail --labels labelled.csv --precision 0.9    # yours: document, query, image, grade (words)

The system is Naver's smart thumbnail (MDS): a document is found by many queries, and each is to see the picture that fits it. The table is
the talk's: coverage (documents that show one), how many of those are graded over 2 and over 3, the count of low ones (grade 1 or 2) and the
mean grade; for the first picture, for the picture whose words fit best, and for ours. The threshold is chosen on other documents.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hannun import metrics
from hannun.datasets.documents import GOOD, Document, Graded, documents
from hannun.embeddings import Floats, unit
from hannun.encoder import Encoder
from hannun.errors import InputError
from hannun.item import image_part
from hannun.load import load
from hannun.search.thumbnail import Wanted, choose, fits, sharpness, threshold
from hannun.sources import tables

PRECISION = 0.9  # ours: of the thumbnails that are shown, so many are graded GOOD or better on the choosing half
WORDS = 0.0  # ours: the share of the words by a picture
SEED = 0


@dataclass(frozen=True)
class SeenDocument:
    """A document with all that is reckoned once: grades [n], the scores [n] of its pictures by looks, by words, and their vectors."""

    grades: tuple[int, ...]
    looks: tuple[float, ...]
    words: tuple[float, ...]
    vectors: Floats
    sharp: tuple[float, ...]


@dataclass(frozen=True)
class ThumbnailRow:
    """One row of the table: the grade of the thumbnail of each document, 0 where none is shown."""

    name: str
    grades: tuple[int, ...]

    def told(self) -> str:
        """Coverage, shares, low count, mean, with raw counts and 95 % intervals."""
        shown = np.array([g for g in self.grades if g])
        if not len(shown):
            return f"{self.name:14} nothing shown of {len(self.grades)}"
        over = [_share(shown > k) for k in (2, 3)]
        return (
            f"{self.name:14} {len(shown):4}/{len(self.grades)} ({len(shown) / len(self.grades):.3f})  >2 {over[0]}  >3 {over[1]}  "
            f"low {int((shown <= 2).sum()):3}  mean {shown.mean():.2f}"
        )


def look(encoder: Encoder, made: Sequence[Document]) -> list[SeenDocument]:
    """The scores of every picture of every document; a picture that stands in several documents is encoded once."""
    every: dict[str, Graded] = {p.key: p for d in made for p in d.pictures}
    place = {k: n for n, k in enumerate(every)}
    vectors = encoder.encode_document([{"image": p.image} for p in every.values()]).dense
    sharp = [sharpness(p.image.load(256)) for p in every.values()]
    queries = encoder.encode_query([d.query for d in made]).dense
    told = sorted({p.words for d in made for p in d.pictures})
    said = dict(zip(told, unit(encoder.encode_document([{"text": t} for t in told]).dense), strict=True))
    found = []
    for d, q in zip(made, queries, strict=True):
        rows = [place[p.key] for p in d.pictures]
        looks = fits(encoder, q, ("text",), vectors[rows], (), 0.0)
        words = [float(said[p.words] @ q) for p in d.pictures]
        found.append(
            SeenDocument(tuple(p.grade for p in d.pictures), tuple(looks), tuple(words), vectors[rows], tuple(sharp[r] for r in rows))
        )
    return found


def ours(seen: SeenDocument, wanted: Wanted) -> int:
    """The grade of the thumbnail, 0 where none is shown."""
    best = choose(seen.looks, seen.vectors, seen.sharp, wanted)[0]
    return seen.grades[best.number] if best.shown else 0


def chosen(seen: Sequence[SeenDocument], precision: float) -> tuple[float, float]:
    """The threshold for a wanted precision on labelled documents, and the coverage there."""
    tops = [choose(s.looks, s.vectors, s.sharp, Wanted(0.0))[0] for s in seen]
    return threshold([t.score for t in tops], [s.grades[t.number] >= GOOD for s, t in zip(seen, tops, strict=True)], precision)


def table(seen: Sequence[SeenDocument], least: float) -> list[ThumbnailRow]:
    """First picture, words alone, ours without and with the threshold; then the first two on the documents that ours shows one of."""
    mine = ThumbnailRow("ours", tuple(ours(s, Wanted(least)) for s in seen))
    first = ThumbnailRow("first picture", tuple(s.grades[0] for s in seen))
    texts = ThumbnailRow("text only", tuple(s.grades[int(np.argmax(s.words))] for s in seen))
    whole = ThumbnailRow("ours, all", tuple(ours(s, Wanted(0.0)) for s in seen))
    same = [
        ThumbnailRow(f"{r.name[:9]} =cov", tuple(g if m else 0 for g, m in zip(r.grades, mine.grades, strict=True))) for r in (first, texts)
    ]
    return [first, texts, whole, mine, *same]


def labelled(path: Path) -> list[Document]:
    """Documents of a table with the columns document, query, image, grade (1 … 5) and, if there is one, words. Raises InputError."""
    found: dict[tuple[str, str], list[Graded]] = {}
    for n, row in enumerate(tables.rows(path)):
        given = dict(row) if isinstance(row, dict) else {}
        try:
            grade = int(given["grade"])
            key = (str(given["document"]), str(given["query"]))
            image = image_part(path.parent / str(given["image"]))
        except (KeyError, ValueError):
            raise InputError(f"{path}, row {n + 1}: expected the columns document, query, image and grade (1 … 5)") from None
        found.setdefault(key, []).append(Graded(str(image), image, grade, str(given.get("words") or "")))
    return [Document(query, tuple(pictures)) for (_, query), pictures in found.items()]


def _share(yes: npt.NDArray[np.bool_]) -> str:
    low, high = metrics.bootstrap(yes.astype(float))
    return f"{yes.mean():.3f} [{low:.3f}, {high:.3f}] ({int(yes.sum())})"


def main() -> None:
    """The command of this recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder of data sets")
    parser.add_argument("--labels", type=Path, help="a table of your own: document, query, image, grade")
    parser.add_argument("--precision", type=float, default=PRECISION)
    parser.add_argument("--documents", type=int, default=0, help="at most so many of each split; 0 for all")
    parser.add_argument("--model", default="mini")
    given = parser.parse_args()
    if (given.data is None) == (given.labels is None):
        raise InputError("expected --data FOLDER or --labels TABLE")
    encoder = load(given.model)
    most = given.documents or None
    if given.labels is not None:
        every = labelled(given.labels)
        halves = {"choose": every[::2][:most], "test": every[1::2][:most]}
    else:
        halves = {split: documents(given.data, split, SEED)[:most] for split in ("choose", "test", "ko")}
    least, coverage = chosen(look(encoder, halves["choose"]), given.precision)
    print(f"threshold {least:.4f} for a precision of {given.precision}: coverage {coverage:.3f} of {len(halves['dev'])} documents")
    for split in (s for s in halves if s != "choose"):
        print(f"\n{split}: {len(halves[split])} documents")
        for row in table(look(encoder, halves[split]), least):
            print(row.told())


if __name__ == "__main__":
    main()
