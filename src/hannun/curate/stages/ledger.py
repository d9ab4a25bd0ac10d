"""Verdicts, texts and figures of one task go in; its tally, and its part of the ledger of what was dropped, come out as files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from hannun.curate import shuffle
from hannun.curate.merge import Texts, tidy
from hannun.curate.stages.pictures import picture_bytes
from hannun.curate.stages.plan import RunPlan
from hannun.curate.tally import RANGES, Tally
from hannun.curate.text import pii
from hannun.curate.verdict import Verdict
from hannun.errors import HannunError
from hannun.files import write_whole


@final
class TaskLedger:
    """What one task counts and drops; nothing of it is written before `close`."""

    def __init__(self, plan: RunPlan, stage: str, name: str) -> None:
        self.plan, self.stage, self.name = plan, stage, name
        self.tally = Tally()
        self.rows: list[dict[str, Any]] = []

    def drop(
        self, kind: str, verdict: Verdict, row: Mapping[str, Any], text: str | None = None, picture: bytes | Mapping[str, Any] | None = None
    ) -> None:
        """Into the ledger, and among the samples of its reason; `picture` is its bytes, or the row to read it from."""
        reason = verdict.reason or ""
        self.tally.counts[f"{kind}/{reason}"] += 1
        masked = pii.mask(text, pii.find(text)) if text else None
        self.rows.append(
            {
                "stage": self.stage,
                "kind": kind,
                "reason": reason,
                "figures": json.dumps({k: round(v, 4) for k, v in verdict.figures.items()}),
                "key": row.get("key"),
                "image_hash": row.get("image_hash"),
                "text": masked[:500] if masked else None,
                "url": row.get("url"),
                "source": row.get("source"),
            }
        )
        sample = {"text": (masked or "")[:120], "figures": dict(verdict.figures)}
        self.tally.sample(reason, f"{row.get('source')}/{row.get('key')}/{masked}", sample, self._sample_picture(reason, picture))

    def _sample_picture(self, reason: str, picture: bytes | Mapping[str, Any] | None) -> bytes | None:
        """The picture of a sample; it is read from its row only while samples of the reason are few."""
        if not isinstance(picture, Mapping):
            return picture
        if len(self.tally.samples.get(reason, ())) >= 2:
            return None
        try:
            return picture_bytes(picture)
        except HannunError:
            return None

    def add_texts(self, texts: Texts, row: Mapping[str, Any]) -> None:
        """The texts that were dropped, and how many were masked."""
        for one in texts.rejected:
            self.drop(one.kind, one.verdict, row, one.text)
        for kind, n in (texts.masked or {}).items():
            self.tally.counts[f"masked/{kind}"] += n

    def clean_texts(self, row: dict[str, Any], keep_empty: bool, data: bytes | None = None) -> bool:
        """Clean the row's texts in place; whether the row stays. `data` is its picture, for the sample of a row that does not."""
        had_text = bool(row["title"] or row["queries"])
        texts = tidy([row["title"]], list(zip(row["queries"] or (), row["counts"] or (), strict=True)), self.plan.rules)
        self.add_texts(texts, row)
        row |= {"title": texts.title, "queries": list(texts.queries), "counts": list(texts.counts)}
        if texts.any or keep_empty:
            return True
        self.drop("pair", Verdict("pair_texts_dropped" if had_text else "pair_no_text"), row, None, data)
        return False

    def measure(self, figures: Mapping[str, float]) -> None:
        """Figures into their histograms; those without one are passed over."""
        for name, value in figures.items():
            if name in RANGES:
                self.tally.measure(name, value)

    def close(self, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Write ledger and tally, in this order; returns what the run wants to know at once."""
        shuffle.write(self.plan.out / "ledger" / f"{self.stage}-{self.name}.parquet", self.rows, shuffle.LEDGER)
        plain = {**self.tally.plain(), **(more or {})}
        write_whole(tally_file(self.plan, self.stage, self.name), json.dumps(plain, ensure_ascii=False).encode())
        return {"name": self.name, "counts": plain["counts"]}


def tally_file(plan: RunPlan, stage: str, name: str) -> Path:
    """Where a task's tally lies; a task is done when it is there."""
    return plan.work / "tallies" / f"{stage}-{name}.tally.json"
