"""Tables of documents and clicks, and the names of pictures, go in; their texts with the hash of the picture they mean come out."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from hannun.curate import shuffle
from hannun.curate.rows import chunks, read_links
from hannun.curate.stages.ledger import TaskLedger
from hannun.curate.stages.plan import RunPlan
from hannun.curate.verdict import Verdict

LINKS = 50_000  # rows of a file of links


def link(plan: RunPlan, task: str) -> dict[str, Any]:
    """One table of documents or clicks, split by how it names its pictures."""
    given = json.loads(task)
    ledger = TaskLedger(plan, "link", f"{given['number']:05d}")
    rows = read_links(Path(given["path"]), plan.columns)
    for part, chunk in enumerate(chunks(rows, LINKS)):
        ledger.tally.counts["in/link"] += len(chunk)
        path = plan.work / "links" / f"{given['number']:05d}-{part:05d}.parquet"
        shuffle.write(path, chunk, shuffle.LINKS, [shuffle.bucket(r["ref"], plan.buckets) for r in chunk])
    return ledger.close()


def join(plan: RunPlan, task: str) -> dict[str, Any]:
    """The links of one bucket of names, with the image hash in the place of the name."""
    number = int(task)
    ledger = TaskLedger(plan, "join", f"{number:05d}")
    hashes: dict[str, set[str]] = defaultdict(set)
    for row in shuffle.of_bucket(plan.parts("refs"), number):
        hashes[row["ref"]].add(row["image_hash"])
    joined: list[dict[str, Any]] = []
    for row in shuffle.of_bucket(plan.parts("links"), number):
        if row["ref"] not in hashes:
            ledger.drop("link", Verdict("link_no_picture"), {"key": row["ref"], "source": row["source"]}, row["title"] or row["query"])
        joined += [{**row, "image_hash": h} for h in sorted(hashes.get(row["ref"], ()))]
    of = [shuffle.bucket(r["image_hash"], plan.buckets) for r in joined]
    shuffle.write(plan.work / "joined" / f"{number:05d}.parquet", joined, shuffle.JOINED, of)
    return ledger.close()
