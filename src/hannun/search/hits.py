"""What the engine found goes in (payloads, scores, what they were made of); Hits, with reasons where they are asked for, come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from hannun.embeddings import Floats
from hannun.index.engine import Scalar
from hannun.item import Image, Item, Member, Text, parts_of
from hannun.search import preview

PARTS = "parts"  # the payload's key for the parts of kinds that have no key of their own, by kind
STORED = ("id", "text", "images", PARTS, "facts")  # what of a payload `stored_item` reads


@dataclass(frozen=True)
class PatchMap:
    """How near the query is to each cell of a picture: cosines, row by row."""

    rows: int
    columns: int
    values: tuple[float, ...]


@dataclass(frozen=True)
class Why:
    """What a hit's score was made of.

    Attributes:
        parts: by kind (or "joint"): the query's cosine with that part of the item; "words": its BM25 over the best one's;
            "rerank": what the reranker said. Only what counted is there.
        terms: the words of the query that its text has, with what each gave to BM25, largest first.
        picture: which of its pictures is nearest to the query, from 0, where it has several.
        patches: the query against the cells of its nearest picture, where the encoder sees cells.
        rank: its rank, from 1, before reranking, diversity, shuffle and grouping; 0 where it was not reached.
        note: what kept it out, of a near miss; else empty.
    """

    parts: Mapping[str, float]
    terms: tuple[tuple[str, float], ...] = ()
    picture: int | None = None
    patches: PatchMap | None = None
    rank: int = 0
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values; what is not there is left out."""
        told: dict[str, Any] = {"parts": {k: round(v, 4) for k, v in self.parts.items()}, "rank": self.rank}
        if self.terms:
            told["words"] = [{"word": w, "score": round(s, 4)} for w, s in self.terms]
        if self.picture is not None:
            told["picture"] = self.picture
        if self.patches is not None:
            p = self.patches
            told["patches"] = {"rows": p.rows, "columns": p.columns, "values": [round(v, 4) for v in p.values]}
        return told | ({"note": self.note} if self.note else {})


@dataclass(frozen=True)
class Hit:
    """One result.

    Attributes:
        id: the item's.
        score: higher is better. A calibrated cosine, at most 1; with `words` a mixture of it and of the words' share; with `rerank`
            the reranker's own. Diversity and shuffle change the order, not the scores.
        item: the item itself.
        group: the value it stands for, where hits are grouped by a fact.
        also: further hits of its group, best first.
        why: what the score was made of, where it was asked for.
        relevance: how surely it is related to the query, 0…1, by the encoder's calibration: it hangs on no option and on no other item;
            1 where its text has every word of the query. From about 0.5 on a hit fits. None where the encoder is not calibrated.
    """

    id: str
    score: float
    item: Item
    group: Scalar | None = None
    also: tuple[Hit, ...] = ()
    why: Why | None = None
    relevance: float | None = None

    def __repr__(self) -> str:
        fits = "" if self.relevance is None else f", relevance={self.relevance:.2f}"
        return f"Hit({self.id!r}, score={self.score:.3f}{fits}, {preview.line(self.item)!r})"

    def _repr_html_(self) -> str:
        return Hits([self])._repr_html_()


@final
class Hits(list[Hit]):
    """A list of hits, best first; a notebook shows it as a table with thumbnails."""

    def _repr_html_(self) -> str:
        return preview.table([(h.score, h.item) for h in self])


@dataclass
class Found:
    """A candidate on its way to becoming a hit; `payload` and `vectors` (of kinds that count) are None until it is known to be wanted."""

    id: str
    score: float
    rank: int = 0
    payload: Mapping[str, Any] | None = None
    vectors: Mapping[str, Floats] | None = None
    parts: dict[str, float] = field(default_factory=dict)
    terms: tuple[tuple[str, float], ...] = ()
    picture: int | None = None
    relevance: float | None = None
    group: Scalar | None = None
    also: list[Found] = field(default_factory=list)
    last: bool = False


def stored_item(payload: Mapping[str, Any], root: Path) -> Item:
    """The Item that a payload was made of."""
    text: Sequence[Text] = [Text(payload["text"])] if payload.get("text") else []
    pictures = [Image(reference(p, root)) for p in payload.get("images", ())]
    return Item(str(payload["id"]), (*text, *pictures, *parts_of(payload.get(PARTS) or {})), payload.get("facts") or {})


def reference(stored: str | Mapping[str, Any], root: Path) -> Path | Member:
    """Where a stored picture lies: an absolute path, one in the collection's folder `root`, or a place in a tar."""
    if isinstance(stored, str):
        return root / stored
    return Member(Path(stored["archive"]), int(stored["offset"]), int(stored["size"]), str(stored["name"]))


def foremost(row: Mapping[str, Any], kinds: Sequence[str]) -> str:
    """The kind by whose vector an item is compared with others as a thing: as it looks, where it has a picture; else its first kind."""
    return next(k for k in (Image.kind, *kinds) if k in row)
