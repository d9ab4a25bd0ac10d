"""One source file goes in; raw parts, and parts of rows whose picture is still to be fetched, come out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from hannun.curate import shuffle
from hannun.curate.download import HOSTS, host
from hannun.curate.image.header import Header
from hannun.curate.rows import ScanTask, chunks, read_rows
from hannun.curate.stages.ledger import TaskLedger
from hannun.curate.stages.plan import RunPlan
from hannun.curate.verdict import Verdict, judge, pair_of


def scan(plan: RunPlan, task: str) -> dict[str, Any]:
    """One source file into raw parts of `part` rows; rows with a URL alone go to the fetcher's parts."""
    given = json.loads(task)
    source = ScanTask(given["number"], tuple(given["paths"]))
    ledger = TaskLedger(plan, "scan", f"{source.number:05d}")
    part = 0
    to_fetch: list[dict[str, Any]] = []
    rows = read_rows(source, plan.columns, plan.korean)
    for chunk in chunks((r for n, r in enumerate(rows) if n % plan.step == 0), plan.part):
        name = f"{source.number:05d}-{part:05d}"
        kept, urls = _routed(plan, name, chunk, ledger)
        to_fetch += urls
        if kept:
            shuffle.write(plan.work / "raw" / f"{name}.parquet", kept, shuffle.RAW)
        if len(to_fetch) >= plan.part:
            _write_urls(plan, name, to_fetch)
            to_fetch = []
        part += 1
    if to_fetch:
        _write_urls(plan, f"{source.number:05d}-{part:05d}", to_fetch)
    return ledger.close()


def _routed(
    plan: RunPlan, name: str, rows: Iterable[dict[str, Any]], ledger: TaskLedger
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows whose picture is at hand, those out of a table's cells in a pack beside; and rows whose picture is to be fetched."""
    kept: list[dict[str, Any]] = []
    to_fetch: list[dict[str, Any]] = []
    place = plan.work / "raw" / f"{name}.pack"
    with place.open("wb") as pack:
        for row in rows:
            if "foreign" in row:
                ledger.tally.counts["row/not_korean"] += row["foreign"]
                ledger.tally.counts["in/row"] += row["foreign"]
                continue
            ledger.tally.counts["in/row"] += 1
            reason = _useless(plan, row)
            if reason is not None:
                ledger.drop("row", Verdict(reason), row, row["problem"])
            elif row["bytes"] is not None:
                kept.append({**row, "path": pack.name, "offset": pack.tell(), "size": pack.write(row["bytes"])})
            elif row["path"]:
                kept.append(row)
            elif _worth_fetching(plan, row, ledger):
                to_fetch.append(row)
    if os.path.getsize(place) == 0:
        place.unlink()
    return kept, to_fetch


def _useless(plan: RunPlan, row: dict[str, Any]) -> str | None:
    """Why nothing can be made of a row, or None."""
    if row["problem"]:
        return "unreadable_row"
    if row["bytes"] is not None or row["path"]:
        return None
    if not row["url"]:
        return "no_picture"
    return None if plan.fetch else "not_fetched"


def _worth_fetching(plan: RunPlan, row: dict[str, Any], ledger: TaskLedger) -> bool:
    """Whether neither the declared size nor the texts drop the row: what is not fetched costs nobody anything."""
    width, height = row.get("width"), row.get("height")
    if width and height:
        verdict = judge(pair_of("", Header(width, height, "").figures()), plan.rules.headers)
        if not verdict.kept:
            ledger.drop("picture", verdict, row)
            return False
    return bool(plan.links) or ledger.clean_texts(row, keep_empty=False)


def _write_urls(plan: RunPlan, name: str, rows: Sequence[dict[str, Any]]) -> None:
    shuffle.write(plan.work / "urls" / f"{name}.parquet", rows, shuffle.RAW, [shuffle.bucket(host(r["url"]), HOSTS) for r in rows])
