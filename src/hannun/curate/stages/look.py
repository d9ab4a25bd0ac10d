"""One raw part goes in; its rows with header, pixels and texts judged come out, by image hash."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hannun import generated
from hannun.curate import shuffle
from hannun.curate.image.header import image_hash, measure_pixels, read_header
from hannun.curate.stages.ledger import TaskLedger
from hannun.curate.stages.pictures import picture_bytes
from hannun.curate.stages.plan import RunPlan
from hannun.curate.verdict import Verdict, judge, pair_of
from hannun.decode import TooLarge
from hannun.errors import HannunError, PictureError

_WHITE = 0.9  # the share of white pixels that is counted exactly, where no rule has a bound on it


def look(plan: RunPlan, task: str) -> dict[str, Any]:
    """The pictures of one raw part: headers, pixels and texts judged; what is left goes on by image hash."""
    path = Path(task)
    ledger = TaskLedger(plan, "look", path.stem)
    kept: list[dict[str, Any]] = []
    for row in shuffle.rows(path):
        row.pop("problem")
        data, verdict = _judged(plan, row, ledger)
        if not verdict.kept:
            ledger.drop("picture", verdict, row, row["title"], data)
        elif ledger.clean_texts(row, keep_empty=bool(plan.links), data=data):
            kept.append(row)
    of = [shuffle.bucket(r["image_hash"], plan.buckets) for r in kept]
    shuffle.write(plan.work / "looked" / f"{path.stem}.parquet", kept, shuffle.LOOKED, of)
    if plan.links:
        refs = [{"ref": ref, "image_hash": r["image_hash"]} for r in kept for ref in _refs(r)]
        of = [shuffle.bucket(r["ref"], plan.buckets) for r in refs]
        shuffle.write(plan.work / "refs" / f"{path.stem}.parquet", refs, shuffle.REFS, of)
    return ledger.close()


def _judged(plan: RunPlan, row: dict[str, Any], ledger: TaskLedger) -> tuple[bytes | None, Verdict]:
    """The picture's bytes (None where they are of no use) and the verdict on it; what was measured goes into the row."""
    texts = {"title": row["title"], "queries": row["queries"][:3]}
    try:
        data = picture_bytes(row)
        row["image_hash"] = image_hash(data)
        ledger.tally.sample("_before", f"{row['source']}/{row['key']}", texts, data)
        header = read_header(data)
        figures = header.figures()
        ledger.measure(figures)
        verdict = judge(pair_of("", {**figures, "generated": float(generated.marked(data))}), plan.rules.headers)
        if not verdict.kept:
            return data, verdict
        pixels = measure_pixels(data, _WHITE if plan.rules.white is None else plan.rules.white)
        row |= {"width": header.width, "height": header.height, "white": pixels.white, "phash": pixels.phash, "tint": pixels.tint}
        ledger.measure({"white": pixels.white})
        return data, judge(pair_of("", {**figures, "white": pixels.white}), plan.rules.pictures)
    except PictureError as e:
        return None, Verdict("picture_bomb" if isinstance(e, TooLarge) else "picture_undecodable")
    except HannunError as e:
        row["title"] = row["title"] or str(e)[:200]
        return None, Verdict("picture_missing")


def _refs(row: Mapping[str, Any]) -> list[str]:
    """The names by which documents and clicks may mean this picture."""
    return [f"hash:{row['image_hash']}", f"key:{row['key']}", *([f"url:{row['url']}"] if row["url"] else [])]
