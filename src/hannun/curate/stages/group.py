"""One bucket's rows and joined texts go in; one row for each picture comes out, and its bands for the search for near duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from hannun.curate import shuffle
from hannun.curate.merge import merge_rows
from hannun.curate.pair.near import bands
from hannun.curate.stages.ledger import TaskLedger
from hannun.curate.stages.plan import RunPlan
from hannun.curate.verdict import Verdict


def group(plan: RunPlan, task: str) -> dict[str, Any]:
    """One row for each picture of a bucket, all its texts together; its bands go to those who look for near duplicates."""
    number = int(task)
    ledger = TaskLedger(plan, "group", f"{number:05d}")
    pictures: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in shuffle.of_bucket(plan.parts("looked"), number):
        pictures[row["image_hash"]].append(row)
    linked: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in shuffle.of_bucket(plan.parts("joined"), number):
        linked[row["image_hash"]].append(row)
    kept: list[dict[str, Any]] = []
    for name in sorted(pictures):
        row, texts = merge_rows(pictures[name], linked[name], plan.rules)
        ledger.add_texts(texts, row)
        for other in pictures[name][1:]:
            ledger.drop("picture", Verdict("picture_duplicate"), other, other["title"], row)
        if texts.any:
            kept.append(row)
        else:
            ledger.drop("picture", Verdict("pair_no_text"), row, None, row)
    shuffle.write(plan.work / "grouped" / f"{number:05d}.parquet", kept, shuffle.GROUPED)
    if plan.rules.near is not None:
        banded = [
            {"band": band, "image_hash": _rank(r), "phash": r["phash"], "tint": r["tint"]}
            for r in kept
            for band in bands(r["phash"], plan.rules.near)
        ]
        of = [shuffle.bucket(str(b["band"]), plan.buckets) for b in banded]
        shuffle.write(plan.work / "bands" / f"{number:05d}.parquet", banded, shuffle.BANDS, of)
    return ledger.close()


def _rank(row: Mapping[str, Any]) -> str:
    """Sorts the largest picture of a cluster first; of equal ones, the least hash."""
    return f"{10**10 - row['width'] * row['height']:011d}/{row['image_hash']}"
