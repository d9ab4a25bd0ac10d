"""The URLs of one bucket of hosts go in; raw parts with the pictures that could be fetched come out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hannun.curate import shuffle
from hannun.curate.download import Downloader
from hannun.curate.rows import chunks
from hannun.curate.stages.ledger import TaskLedger
from hannun.curate.stages.plan import RunPlan
from hannun.curate.verdict import Verdict
from hannun.files import write_whole


def fetch(plan: RunPlan, task: str) -> dict[str, Any]:
    """The pictures of all URLs whose host is in one bucket, so that a host is asked by one task only."""
    ledger = TaskLedger(plan, "fetch", f"{int(task):05d}")
    rows = shuffle.of_bucket(plan.parts("urls"), int(task))
    for part, chunk in enumerate(chunks(rows, plan.part)):
        name = f"u{int(task):05d}-{part:05d}"
        failures = plan.work / "fetched" / f"{name}.json"  # written last: where it is there, nothing of the part is asked for again
        if not failures.exists():
            _download(plan, name, chunk, failures)
        for failure in json.loads(failures.read_text("utf-8")):
            ledger.drop("picture", Verdict(failure["reason"]), failure["row"])
    return ledger.close()


def _download(plan: RunPlan, name: str, rows: list[dict[str, Any]], failures: Path) -> None:
    kept, failed = [], []
    with (plan.work / "raw" / f"{name}.pack").open("wb") as pack:
        for row, answer in Downloader(plan.politeness, plan.private).download(rows):
            if isinstance(answer, bytes):
                kept.append({**row, "path": pack.name, "offset": pack.tell(), "size": pack.write(answer)})
            else:
                failed.append({"reason": answer, "row": {k: row[k] for k in ("key", "url", "source", "title")}})
    kept.sort(key=lambda r: (r["source"], r["key"]))
    shuffle.write(plan.work / "raw" / f"{name}.parquet", kept, shuffle.RAW)
    write_whole(failures, json.dumps(failed, ensure_ascii=False).encode())
