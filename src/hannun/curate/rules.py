"""The numbers of a recipe go in; the filters of each stage, in order and picklable, come out: everything that decides what is kept.

`hannun.recipes.naver_pairs` is the one that Naver's talk describes; another recipe is another `Rules`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, Literal

from hannun.curate.verdict import AtLeast, AtMost, Below, Bound, Filter

#: What is done with personal data: the text is dropped, or its place masked.
Personal = Literal["drop", "mask"]


@dataclass(frozen=True)
class Rules:
    """Filters by the stage that can decide them, cheap ones first, and the numbers that are not filters.

    `headers` see width, height, side, ratio, pixels, and whether the picture says that it is generated; `pictures` also white; `scored` see
    what models measured: ocr_boxes, ocr_share, watermark, adult; `titles` and `queries` see the text and its `similarity` to the picture.
    `texts` see the text alone.
    """

    name: str
    headers: tuple[Filter, ...] = ()
    pictures: tuple[Filter, ...] = ()
    texts: tuple[Filter, ...] = ()
    scored: tuple[Filter, ...] = ()
    titles: tuple[Filter, ...] = ()
    queries: tuple[Filter, ...] = ()
    personal: Personal = "mask"
    near: int | None = 3  # bits; None keeps near duplicates
    near_tint: int = 12
    describe: bool = True  # also say attributes as sentences, and tag every text
    shard: int = 1000  # pairs of one shard, about
    valid: float = 0.01  # share of clusters that go into the validation shards
    store: int | None = None  # shorter side of the stored pictures; None stores the bytes as they came

    @property
    def white(self) -> float | None:
        """The bound on white pixels, which decides how exactly they must be counted."""
        return next((f.bound for f in self.pictures if isinstance(f, Below | AtMost) and f.fact == "white"), None)

    def bounds(self) -> list[Bound]:
        """All filters that are a bound on a figure, for drawing them over histograms."""
        every = (*self.headers, *self.pictures, *self.scored, *self.titles, *self.queries)
        return [f for f in every if isinstance(f, AtLeast | AtMost | Below)]

    def plain(self) -> dict[str, Any]:
        """As JSON values, for the manifest."""

        def plain(value: Any) -> Any:
            if isinstance(value, tuple):
                return [plain(v) for v in value]
            if is_dataclass(value) and not isinstance(value, type):
                return {"filter": type(value).__name__, **asdict(value)}
            return value if isinstance(value, str | int | float | bool) or value is None else getattr(value, "__name__", repr(value))

        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}
