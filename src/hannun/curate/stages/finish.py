"""One bucket's pictures go in; measured by models, judged and scored, they come out as a training shard and one for validation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import PIL.Image

from hannun import shards
from hannun.curate import shuffle
from hannun.curate.describe import tags
from hannun.curate.pair.score import agreement, picture_vectors
from hannun.curate.record import record
from hannun.curate.stages.ledger import TaskLedger
from hannun.curate.stages.models import StageModels, models_of
from hannun.curate.stages.pictures import decoded, jpeg
from hannun.curate.stages.plan import RunPlan
from hannun.curate.verdict import Verdict, judge, pair_of
from hannun.errors import HannunError

BATCH = 32  # pictures decoded and scored together

_Row = dict[str, Any]
_Finished = tuple[str, bytes, Mapping[str, Any]]  # key, JPEG bytes, record
_Pending = list[tuple[_Row, Future[tuple[bytes, PIL.Image.Image]]]]  # rows with their pictures that are being decoded


def finish(plan: RunPlan, task: str) -> dict[str, Any]:
    """One bucket's pictures measured by models, judged, scored and written: one training shard, and one for validation."""
    number = int(task)
    ledger = TaskLedger(plan, "finish", f"{number:05d}")
    held_out: list[_Finished] = []

    def training() -> Iterator[_Finished]:
        for pair in _pairs(plan, _without_near_duplicates(plan, number, ledger), ledger):
            if shuffle.bucket(f"split/{pair[0]}", 1_000_000) < plan.rules.valid * 1_000_000:
                held_out.append(pair)
            else:
                yield pair

    files: dict[str, Any] = {}
    width = max(3, len(str(plan.buckets - 1)))
    for split, pairs in (("train", training()), ("valid", iter(held_out))):
        path = plan.out / "shards" / f"{split}-{number:0{width}d}.tar"
        written = shards.write(path, pairs)
        if written.records:
            files[path.name] = {"records": written.records, "bytes": written.bytes, "sha256": written.sha256}
        else:
            path.unlink()
    return ledger.close({"shards": files})


def _without_near_duplicates(plan: RunPlan, number: int, ledger: TaskLedger) -> list[_Row]:
    """The bucket's rows that lead their cluster, or are in none; the sizes of clusters count as copies."""
    leaders: dict[str, tuple[str, int]] = {}
    if plan.rules.near is not None:
        rows = shuffle.of_bucket([plan.work / "clusters.parquet"], number)
        leaders = {r["image_hash"]: (r["leader"], r["size"]) for r in rows}
    kept = []
    for row in shuffle.rows(plan.work / "grouped" / f"{number:05d}.parquet"):
        leader, size = leaders.get(row["image_hash"], (row["image_hash"], 1))
        if leader != row["image_hash"]:
            ledger.drop("picture", Verdict("picture_near_duplicate"), row, row["title"], row)
        else:
            row["copies"] += size - 1
            kept.append(row)
    return kept


def _pairs(plan: RunPlan, rows: Sequence[_Row], ledger: TaskLedger) -> Iterator[_Finished]:
    """The finished pairs, in the rows' order; the next batch is decoded while models look at one."""
    models = models_of(plan)
    waiting = iter(rows)
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="hannun-decode") as pool:
        ahead: list[_Pending] = []
        for batch in iter(lambda: list(islice(waiting, BATCH)), []):
            ahead.append([(row, pool.submit(decoded, row)) for row in batch])
            if len(ahead) > 1:
                yield from _scored(plan, models, ahead.pop(0), ledger)
        for pending in ahead:
            yield from _scored(plan, models, pending, ledger)


@dataclass(frozen=True)
class _Measured:
    """A row on its way through the models: its picture's bytes, the picture decoded, and the figures found so far."""

    row: _Row
    data: bytes
    picture: PIL.Image.Image
    figures: dict[str, float]


def _scored(plan: RunPlan, models: StageModels, pending: _Pending, ledger: TaskLedger) -> Iterator[_Finished]:
    passed = _passed(plan, _measured(models, pending, ledger), ledger)
    texts = [[*([o.row["title"]] if o.row["title"] else []), *o.row["queries"]] for o in passed]
    scores: list[list[float]] = [[] for _ in passed]
    if models.encoder is not None and passed:
        vectors = picture_vectors([o.picture for o in passed], models.encoder)
        scores = agreement(vectors, texts, models.encoder)
    for one, of_texts in zip(passed, scores, strict=True):
        yield from _finished(plan, one, of_texts, ledger)


def _measured(models: StageModels, pending: _Pending, ledger: TaskLedger) -> list[_Measured]:
    """The rows whose pictures could be decoded, with the figures of text detector and classifiers."""
    ready: list[_Measured] = []
    for row, future in pending:
        try:
            data, picture = future.result()
            ready.append(_Measured(row, data, picture, {"white": row["white"]}))
        except HannunError:
            ledger.drop("picture", Verdict("picture_undecodable"), row, row["title"])
    pictures = [o.picture for o in ready]
    if models.boxes is not None:
        for one, boxes in zip(ready, map(models.boxes.find, pictures), strict=True):
            one.figures.update({"ocr_boxes": boxes.count, "ocr_share": boxes.share})
    for name, scorer in (("watermark", models.watermark), ("adult", models.adult)):
        if scorer is not None and pictures:
            for one, value in zip(ready, scorer(pictures), strict=True):
                one.figures[name] = value
    return ready


def _passed(plan: RunPlan, measured: Sequence[_Measured], ledger: TaskLedger) -> list[_Measured]:
    passed = []
    for one in measured:
        ledger.measure({k: v for k, v in one.figures.items() if k != "white"})
        verdict = judge(pair_of("", one.figures), plan.rules.scored)
        if verdict.kept:
            passed.append(one)
        else:
            ledger.drop("picture", verdict, one.row, one.row["title"], one.data)
    return passed


def _finished(plan: RunPlan, one: _Measured, scores: Sequence[float], ledger: TaskLedger) -> Iterator[_Finished]:
    """The pair as a record, if a text is left that agrees with the picture. `scores`: the title's, if there is one, then the queries'."""
    row, data = one.row, one.data
    query_scores = list(scores)
    title_score = query_scores.pop(0) if row["title"] and scores else None
    title, title_verdict = _agreeing_title(plan, one, title_score, ledger)
    queries, query_verdict = _agreeing_queries(plan, one, query_scores, ledger)
    if title is None and not queries:
        figures = next((v.figures for v in (title_verdict, query_verdict) if not v.kept), {})
        ledger.drop("pair", Verdict("pair_no_agreeing_text", figures), row, row["title"] or (row["queries"] or [None])[0], data)
        return
    texts = [q for q, _, _ in queries]
    attributes = json.loads(row["attributes"]) if row["attributes"] else {}
    descriptions = list(tags.texts(title, texts, attributes)) if plan.rules.describe else []
    written = record(
        row["image_hash"], row["url"], (row["width"], row["height"]), title, None if title is None else title_score, texts,
        [c for _, c, _ in queries], [s for _, _, s in queries] if scores else [], one.figures, row["copies"], descriptions,
        Path(row["source"]).name,
    )  # fmt: skip
    ledger.tally.counts["out/pair"] += 1
    ledger.tally.counts["out/title"] += title is not None
    ledger.tally.counts["out/query"] += len(texts)
    ledger.measure({"copies": row["copies"], **({"title_length": len(title)} if title else {})})
    ledger.tally.sample("_after", row["image_hash"], {"title": title, "queries": texts[:3]}, data)
    yield row["image_hash"], jpeg(data, plan.rules.store), written


def _agreeing_title(plan: RunPlan, one: _Measured, score: float | None, ledger: TaskLedger) -> tuple[str | None, Verdict]:
    """The title, or None with the verdict that drops it; without a score it is kept as it is."""
    title = one.row["title"]
    if score is None:
        return title, Verdict()
    ledger.measure({"title_similarity": score})
    verdict = judge(pair_of(title, one.figures, {"similarity": score}), plan.rules.titles)
    if verdict.kept:
        return title, verdict
    ledger.drop("title", verdict, one.row, title, one.data)
    return None, verdict


def _agreeing_queries(
    plan: RunPlan, one: _Measured, scores: Sequence[float], ledger: TaskLedger
) -> tuple[list[tuple[str, int, float]], Verdict]:
    """(query, count, score) of those that agree, and the first verdict that dropped one; without scores all are kept."""
    kept: list[tuple[str, int, float]] = []
    first = Verdict()
    rows = list(zip(one.row["queries"], one.row["counts"], strict=True))
    if not scores:
        return [(query, count, 0.0) for query, count in rows], first
    for (query, count), score in zip(rows, scores, strict=True):
        ledger.measure({"query_similarity": score})
        verdict = judge(pair_of(query, one.figures, {"similarity": score}), plan.rules.queries)
        if verdict.kept:
            kept.append((query, count, score))
        else:
            ledger.drop("query", verdict, one.row, query, one.data)
            first = verdict if first.kept else first
    return kept, first
