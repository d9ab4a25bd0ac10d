"""What a run is to do: everything that decides its output in one record, and where its stages hand rows to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hannun.curate.rows import Columns
from hannun.curate.rules import Rules

PART = 1000  # rows that one task looks at, by default


@dataclass(frozen=True)
class RunPlan:
    """Everything that decides what a run makes; it travels to every worker.

    `model` scores pairs (None leaves them unscored); `adult` and `watermark` name classifiers for `image.classifier` ("head" is the
    embedded watermark head);
    `private` lets the fetcher ask addresses of one's own network; `step` takes every nth row only, for a dry run; `part` is how
    many rows one task looks at; `buckets` is settled once the rows are counted.
    """

    out: Path
    rules: Rules
    columns: Columns = field(default_factory=Columns)
    korean: float = 0.0
    model: str | None = "mini"
    ocr: bool = True
    watermark: str | None = "head"
    adult: str | None = None
    links: tuple[str, ...] = ()
    fetch: bool = False
    politeness: float = 1.0
    private: bool = False
    step: int = 1
    part: int = PART
    buckets: int = 1

    @property
    def work(self) -> Path:
        """Where the stages hand rows to each other."""
        return self.out / "work"

    def parts(self, *stages: str) -> list[Path]:
        """The finished parquet files of stages, in order."""
        return [p for s in stages for p in sorted((self.work / s).glob("*.parquet"))]
