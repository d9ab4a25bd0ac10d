"""A plan and the name of a task go in; the task's files, and what it counted, come out: the stages of a run, each a pure map over tasks.

scan → (fetch) → look → (link → join) → group → near → finish. A task's tally is written last: where it is there, the task is done.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from hannun import shards
from hannun.curate import shuffle
from hannun.curate.describe import tags
from hannun.curate.image.header import Header, image_hash, measure_pixels, read_header
from hannun.curate.image.ocr import TextDetector
from hannun.curate.image.scorer import Scorer
from hannun.curate.image.watermark import Watermarks
from hannun.curate.merge import Rejected, Texts, merge_rows, tidy
from hannun.curate.pair import near as neighbours
from hannun.curate.pair.score import agreement, picture_vectors, requires_parts
from hannun.curate.record import record
from hannun.curate.rows import Columns, ScanTask, chunks, read_links, read_rows
from hannun.curate.rules import Rules
from hannun.curate.tally import Tally
from hannun.curate.verdict import Verdict, judge, pair_of
from hannun.decode import TooLarge, examine
from hannun.encoder import Encoder
from hannun.errors import HannunError, PictureError
from hannun.item import Image, Member
from hannun.load import load

PART = 1000  # rows that one task looks at, by default
LINKS = 50_000  # rows of a file of links
BATCH = 32  # pictures decoded and scored together
_SIDE = 512  # pixels of the shorter side that models look at, at most


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


# ------------------------------------------------------------------------------------------------------------ stages


def scan(plan: RunPlan, task: str) -> dict[str, Any]:
    """One source file into raw parts of `part` rows; rows with a URL alone go to the fetcher's parts."""
    given = json.loads(task)
    source = ScanTask(given["number"], tuple(given["paths"]))
    book = _Book(plan, "scan", f"{source.number:05d}")
    stem, part = plan.work / "raw", 0
    texts_only: list[dict[str, Any]] = []
    rows = read_rows(source, plan.columns, plan.korean)
    for chunk in chunks((r for n, r in enumerate(rows) if n % plan.step == 0), plan.part):
        name = f"{source.number:05d}-{part:05d}"
        kept: list[dict[str, Any]] = []
        with (stem / f"{name}.pack").open("wb") as pack:
            for row in chunk:
                if "foreign" in row:
                    book.tally.counts["row/not_korean"] += row["foreign"]
                    book.tally.counts["in/row"] += row["foreign"]
                    continue
                book.tally.counts["in/row"] += 1
                if row["problem"]:
                    book.drop("row", Verdict("unreadable_row"), row, row["problem"])
                elif row["bytes"] is not None:
                    row |= {"path": pack.name, "offset": pack.tell(), "size": pack.write(row["bytes"])}
                    kept.append(row)
                elif row["path"]:
                    kept.append(row)
                elif row["url"] and plan.fetch:
                    texts_only += _worth_fetching(plan, row, book)
                elif row["url"]:
                    book.drop("row", Verdict("not_fetched"), row)
                else:
                    book.drop("row", Verdict("no_picture"), row)
        if os.path.getsize(stem / f"{name}.pack") == 0:
            (stem / f"{name}.pack").unlink()
        if kept:
            shuffle.write(stem / f"{name}.parquet", kept, shuffle.RAW)
        if len(texts_only) >= plan.part:
            _urls(plan, f"{name}", texts_only)
            texts_only = []
        part += 1
    if texts_only:
        _urls(plan, f"{source.number:05d}-{part:05d}", texts_only)
    return book.close()


def _worth_fetching(plan: RunPlan, row: dict[str, Any], book: _Book) -> list[dict[str, Any]]:
    """The row, unless its declared size or its texts would drop it: what is not fetched costs nobody anything."""
    width, height = row.get("width"), row.get("height")
    if width and height:
        head = Header(width, height, "")
        verdict = judge(pair_of("", _head_figures(head)), plan.rules.headers)
        if not verdict.kept:
            book.drop("picture", verdict, row)
            return []
    if not plan.links and not _texts(plan, row, book, keep_empty=False):
        return []
    return [row]


def _urls(plan: RunPlan, name: str, rows: Sequence[dict[str, Any]]) -> None:
    from hannun.curate.download import HOSTS, host

    shuffle.write(plan.work / "urls" / f"{name}.parquet", rows, shuffle.RAW, [shuffle.bucket(host(r["url"]), HOSTS) for r in rows])


def fetch(plan: RunPlan, task: str) -> dict[str, Any]:
    """The pictures of all URLs whose host is in one bucket, so that a host is asked by one task only."""
    from hannun.curate.download import Downloader

    book = _Book(plan, "fetch", f"{int(task):05d}")
    rows = shuffle.of_bucket(plan.parts("urls"), int(task))
    for part, chunk in enumerate(chunks(rows, plan.part)):
        name = f"u{int(task):05d}-{part:05d}"
        done = plan.work / "raw" / f"{name}.parquet"
        notes = plan.work / "fetched" / f"{name}.json"
        if not notes.exists():
            kept, failed = [], []
            with (plan.work / "raw" / f"{name}.pack").open("wb") as pack:
                for row, got in Downloader(plan.politeness, plan.private).download(chunk):
                    if isinstance(got, bytes):
                        kept.append({**row, "path": pack.name, "offset": pack.tell(), "size": pack.write(got)})
                    else:
                        failed.append({"reason": got, "row": {k: row[k] for k in ("key", "url", "source", "title")}})
            kept.sort(key=lambda r: (r["source"], r["key"]))
            shuffle.write(done, kept, shuffle.RAW)
            shuffle.text_file(notes, json.dumps(failed, ensure_ascii=False))
        for failure in json.loads(notes.read_text("utf-8")):
            book.drop("picture", Verdict(failure["reason"]), failure["row"])
    return book.close()


def look(plan: RunPlan, task: str) -> dict[str, Any]:
    """The pictures of one raw part: headers, pixels and texts judged; what is left goes on by image hash."""
    path = Path(task)
    book = _Book(plan, "look", path.stem)
    kept: list[dict[str, Any]] = []
    for row in shuffle.rows(path):
        row.pop("problem")
        text = {"title": row["title"], "queries": row["queries"][:3]}
        try:
            data = _bytes(row)
            row["image_hash"] = image_hash(data)
            book.tally.sample("_before", f"{row['source']}/{row['key']}", text, data)
            head = read_header(data)
            figures = _head_figures(head)
            book.measure(figures)
            verdict = judge(pair_of("", figures), plan.rules.headers)
            if verdict.kept:
                seen = measure_pixels(data, 0.9 if plan.rules.white is None else plan.rules.white)
                row |= {"width": head.width, "height": head.height, "white": seen.white, "phash": seen.phash, "tint": seen.tint}
                figures["white"] = seen.white
                book.measure({"white": seen.white})
                verdict = judge(pair_of("", figures), plan.rules.pictures)
        except PictureError as e:
            data, verdict = None, Verdict("picture_bomb" if isinstance(e, TooLarge) else "picture_undecodable")
        except HannunError as e:
            data, verdict = None, Verdict("picture_missing")
            row["title"] = row["title"] or str(e)[:200]
        if not verdict.kept:
            book.drop("picture", verdict, row, row["title"], data)
        elif _texts(plan, row, book, keep_empty=bool(plan.links), data=data):
            kept.append(row)
    shuffle.write(
        plan.work / "looked" / f"{path.stem}.parquet", kept, shuffle.LOOKED, [shuffle.bucket(r["image_hash"], plan.buckets) for r in kept]
    )
    if plan.links:
        refs = [{"ref": ref, "image_hash": r["image_hash"]} for r in kept for ref in _refs(r)]
        shuffle.write(
            plan.work / "refs" / f"{path.stem}.parquet", refs, shuffle.REFS, [shuffle.bucket(r["ref"], plan.buckets) for r in refs]
        )
    return book.close()


def link(plan: RunPlan, task: str) -> dict[str, Any]:
    """One table of documents or clicks, split by how it names its pictures."""
    given = json.loads(task)
    book = _Book(plan, "link", f"{given['number']:05d}")
    rows = read_links(Path(given["path"]), plan.columns)
    for part, chunk in enumerate(chunks(rows, LINKS)):
        book.tally.counts["in/link"] += len(chunk)
        path = plan.work / "links" / f"{given['number']:05d}-{part:05d}.parquet"
        shuffle.write(path, chunk, shuffle.LINKS, [shuffle.bucket(r["ref"], plan.buckets) for r in chunk])
    return book.close()


def join(plan: RunPlan, task: str) -> dict[str, Any]:
    """The links of one bucket of names, with the image hash in the place of the name."""
    number = int(task)
    book = _Book(plan, "join", f"{number:05d}")
    meant: dict[str, set[str]] = defaultdict(set)
    for row in shuffle.of_bucket(plan.parts("refs"), number):
        meant[row["ref"]].add(row["image_hash"])
    found: list[dict[str, Any]] = []
    for row in shuffle.of_bucket(plan.parts("links"), number):
        if row["ref"] not in meant:
            book.drop("link", Verdict("link_no_picture"), {"key": row["ref"], "source": row["source"]}, row["title"] or row["query"])
        found += [{**row, "image_hash": h} for h in sorted(meant.get(row["ref"], ()))]
    of = [shuffle.bucket(r["image_hash"], plan.buckets) for r in found]
    shuffle.write(plan.work / "joined" / f"{number:05d}.parquet", found, shuffle.JOINED, of)
    return book.close()


def group(plan: RunPlan, task: str) -> dict[str, Any]:
    """One row for each picture of a bucket, all its texts together; its bands go to those who look for near duplicates."""
    number = int(task)
    book = _Book(plan, "group", f"{number:05d}")
    pictures: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in shuffle.of_bucket(plan.parts("looked"), number):
        pictures[row["image_hash"]].append(row)
    linked: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in shuffle.of_bucket(plan.parts("joined"), number):
        linked[row["image_hash"]].append(row)
    kept: list[dict[str, Any]] = []
    for name in sorted(pictures):
        row, texts = merge_rows(pictures[name], linked[name], plan.rules)
        book.note(texts, row)
        for other in pictures[name][1:]:
            book.drop("picture", Verdict("picture_duplicate"), other, other["title"], row)
        if texts.any:
            kept.append(row)
        else:
            book.drop("picture", Verdict("pair_no_text"), row, None, row)
    shuffle.write(plan.work / "grouped" / f"{number:05d}.parquet", kept, shuffle.GROUPED)
    if plan.rules.near is not None:
        bands = [
            {"band": band, "image_hash": _rank(r), "phash": r["phash"], "tint": r["tint"]}
            for r in kept
            for band in neighbours.bands(r["phash"], plan.rules.near)
        ]
        of = [shuffle.bucket(str(b["band"]), plan.buckets) for b in bands]
        shuffle.write(plan.work / "bands" / f"{number:05d}.parquet", bands, shuffle.BANDS, of)
    return book.close()


def near(plan: RunPlan, task: str) -> dict[str, Any]:
    """The nearly equal pairs among pictures that share a band, for one bucket of bands: of each cluster, as few as hold it together."""
    number = int(task)
    book = _Book(plan, "near", f"{number:05d}")
    together: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in shuffle.of_bucket(plan.parts("bands"), number):
        together[row["band"]].append(row)
    edges: set[tuple[str, str]] = set()
    for same in together.values():
        different: dict[tuple[int, bytes], str] = {}  # one placeholder under a million addresses is compared once
        for row in sorted(same, key=lambda r: str(r["image_hash"])):
            first = different.setdefault((row["phash"], row["tint"]), row["image_hash"])
            if first != row["image_hash"]:
                edges.add((first, row["image_hash"]))
        if len(different) > 1:
            names = list(different.values())
            hashes = np.array([phash for phash, _ in different], np.uint64)
            tints = np.frombuffer(b"".join(tint for _, tint in different), np.uint8).reshape(-1, 8)
            found = neighbours.near(hashes, tints, plan.rules.near or 0, plan.rules.near_tint)
            roots = neighbours.clusters([(names[a], names[b]) for a, b in found])
            edges.update((root, name) for name, root in roots.items() if name != root)
    shuffle.write(plan.work / "edges" / f"{number:05d}.parquet", [{"a": a, "b": b} for a, b in sorted(edges)], shuffle.EDGES)
    return book.close()


def clusters(plan: RunPlan) -> None:
    """All near pairs into clusters: which picture gives way to which. The one step that is not a map; it holds the near pairs only."""
    target = plan.work / "clusters.parquet"
    if not target.exists():
        roots = neighbours.clusters([(r["a"], r["b"]) for path in plan.parts("edges") for r in shuffle.rows(path)])
        sizes = Counter(roots.values())
        rows = [{"image_hash": k.split("/")[1], "leader": root.split("/")[1], "size": sizes[root]} for k, root in sorted(roots.items())]
        shuffle.write(target, rows, shuffle.CLUSTERS, [shuffle.bucket(str(r["image_hash"]), plan.buckets) for r in rows])


def finish(plan: RunPlan, task: str) -> dict[str, Any]:
    """One bucket's pictures measured by models, judged, scored and written: one training shard, and one for validation."""
    number = int(task)
    book = _Book(plan, "finish", f"{number:05d}")
    place = plan.work / "clusters.parquet"
    leads = {r["image_hash"]: (r["leader"], r["size"]) for r in shuffle.of_bucket([place], number)} if plan.rules.near is not None else {}
    held: list[tuple[str, bytes, Mapping[str, Any]]] = []

    def training() -> Iterator[tuple[str, bytes, Mapping[str, Any]]]:
        for key, data, made in _finished(plan, shuffle.rows(plan.work / "grouped" / f"{number:05d}.parquet"), leads, book):
            if shuffle.bucket(f"split/{key}", 1_000_000) < plan.rules.valid * 1_000_000:
                held.append((key, data, made))
            else:
                yield key, data, made

    made: dict[str, Any] = {}
    width = max(3, len(str(plan.buckets - 1)))
    for split, rows in (("train", training()), ("valid", iter(held))):
        path = plan.out / "shards" / f"{split}-{number:0{width}d}.tar"
        written = shards.write(path, rows)
        if written.records:
            made[path.name] = {"records": written.records, "bytes": written.bytes, "sha256": written.sha256}
        else:
            path.unlink()
    return book.close({"shards": made})


def _finished(
    plan: RunPlan, rows: Iterator[dict[str, Any]], leads: Mapping[str, tuple[str, int]], book: _Book
) -> Iterator[tuple[str, bytes, Mapping[str, Any]]]:
    models = _models(plan)
    alone = []
    for row in rows:
        leader, size = leads.get(row["image_hash"], (row["image_hash"], 1))
        if leader != row["image_hash"]:
            book.drop("picture", Verdict("picture_near_duplicate"), row, row["title"], row)
        else:
            row["copies"] += size - 1
            alone.append(row)
    waiting = iter(alone)
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="hannun-decode") as pool:
        batches = iter(lambda: list(islice(waiting, BATCH)), [])
        ahead: list[Any] = []
        for batch in batches:
            ahead.append([(row, pool.submit(_opened, row)) for row in batch])
            if len(ahead) > 1:
                yield from _scored(plan, models, ahead.pop(0), book)
        for batch in ahead:
            yield from _scored(plan, models, batch, book)


@dataclass(frozen=True)
class _Opened:
    """A row on its way through the models: its picture's bytes, the picture decoded, and the figures found so far."""

    row: dict[str, Any]
    data: bytes
    picture: PIL.Image.Image
    figures: dict[str, float]


def _scored(plan: RunPlan, models: _Models, batch: Any, book: _Book) -> Iterator[tuple[str, bytes, Mapping[str, Any]]]:
    ready: list[_Opened] = []
    for row, opened in batch:
        try:
            data, picture = opened.result()
            ready.append(_Opened(row, data, picture, {"white": row["white"]}))
        except HannunError:
            book.drop("picture", Verdict("picture_undecodable"), row, row["title"])
    pictures = [o.picture for o in ready]
    if models.boxes is not None:
        for one, boxes in zip(ready, map(models.boxes.find, pictures), strict=True):
            one.figures.update({"ocr_boxes": boxes.count, "ocr_share": boxes.share})
    for name, scorer in (("watermark", models.watermark), ("adult", models.adult)):
        if scorer is not None and pictures:
            for one, value in zip(ready, scorer(pictures), strict=True):
                one.figures[name] = value
    passed: list[_Opened] = []
    for one in ready:
        book.measure({k: v for k, v in one.figures.items() if k != "white"})
        verdict = judge(pair_of("", one.figures), plan.rules.scored)
        if verdict.kept:
            passed.append(one)
        else:
            book.drop("picture", verdict, one.row, one.row["title"], one.data)
    texts = [[*([o.row["title"]] if o.row["title"] else []), *o.row["queries"]] for o in passed]
    scores: list[list[float]] = [[] for _ in passed]
    if models.encoder is not None and passed:
        vectors = picture_vectors([o.picture for o in passed], models.encoder)
        scores = agreement(vectors, texts, models.encoder)
    for one, found in zip(passed, scores, strict=True):
        yield from _judged(plan, one, found, book)


def _judged(plan: RunPlan, one: _Opened, scores: Sequence[float], book: _Book) -> Iterator[tuple[str, bytes, Mapping[str, Any]]]:
    """The pair as a record, if a text is left that agrees with the picture."""
    row, data, figures = one.row, one.data, one.figures
    title, title_score = row["title"], None
    rest = list(scores)
    verdict = Verdict("pair_no_text")
    if title and scores:
        title_score = rest.pop(0)
        book.measure({"title_similarity": title_score})
        said = judge(pair_of(title, figures, {"similarity": title_score}), plan.rules.titles)
        if not said.kept:
            book.drop("title", said, row, title, data)
            title, title_score, verdict = None, None, said
    asked: list[tuple[str, int, float]] = []
    for n, (query, count) in enumerate(zip(row["queries"], row["counts"], strict=True)):
        if not scores:
            asked.append((query, count, 0.0))
            continue
        book.measure({"query_similarity": rest[n]})
        said = judge(pair_of(query, figures, {"similarity": rest[n]}), plan.rules.queries)
        if said.kept:
            asked.append((query, count, rest[n]))
        else:
            book.drop("query", said, row, query, data)
            verdict = said if verdict.reason == "pair_no_text" else verdict
    if title is None and not asked:
        book.drop("pair", Verdict("pair_no_agreeing_text", verdict.figures), row, row["title"] or (row["queries"] or [None])[0], data)
        return
    queries = [q for q, _, _ in asked]
    attributes = json.loads(row["attributes"]) if row["attributes"] else {}
    said_all = list(tags.texts(title, queries, attributes)) if plan.rules.describe else []
    made = record(
        row["image_hash"], row["url"], (row["width"], row["height"]), title, title_score, queries, [c for _, c, _ in asked],
        [s for _, _, s in asked] if scores else [], figures, row["copies"], said_all, Path(row["source"]).name,
    )  # fmt: skip
    book.tally.counts["out/pair"] += 1
    book.tally.counts["out/title"] += title is not None
    book.tally.counts["out/query"] += len(queries)
    book.measure({"copies": row["copies"], **({"title_length": len(title)} if title else {})})
    book.tally.sample("_after", row["image_hash"], {"title": title, "queries": queries[:3]}, data)
    yield row["image_hash"], _stored(data, plan.rules.store), made


# ------------------------------------------------------------------------------------------------------------ models


@dataclass(frozen=True)
class _Models:
    boxes: TextDetector | None
    watermark: Scorer | None
    adult: Scorer | None
    encoder: Encoder | None


def _models(plan: RunPlan) -> _Models:
    return _loaded(plan.ocr, plan.watermark, plan.adult, plan.model)


@cache
def _loaded(ocr: bool, watermark: str | None, adult: str | None, model: str | None) -> _Models:
    """Loaded once in each worker."""
    from hannun.curate.image.classifier import classifier

    encoder = requires_parts(load(model)) if model else None
    marks: Scorer | None = Watermarks() if watermark == "head" else classifier(watermark) if watermark else None
    return _Models(TextDetector() if ocr else None, marks, classifier(adult) if adult else None, encoder)


# -------------------------------------------------------------------------------------------------------------- rows


class _Book:
    """What one task writes down: its tally, and its page of the ledger."""

    def __init__(self, plan: RunPlan, stage: str, name: str) -> None:
        self.plan, self.stage, self.name = plan, stage, name
        self.tally, self.ledger = Tally(), []  # type: ignore[var-annotated]

    def drop(
        self, kind: str, verdict: Verdict, row: Mapping[str, Any], text: str | None = None, shown: bytes | Mapping[str, Any] | None = None
    ) -> None:
        """Into the ledger, and among the samples of its reason; `shown` is the picture, or the row to read it from."""
        from hannun.curate.text import pii

        reason = verdict.reason or ""
        self.tally.counts[f"{kind}/{reason}"] += 1
        masked = pii.mask(text, pii.find(text)) if text else None
        entry: dict[str, Any] = {
            "stage": self.stage,
            "kind": kind,
            "reason": reason,
            "figures": json.dumps({k: round(v, 4) for k, v in verdict.figures.items()}),
        }
        entry |= {"key": row.get("key"), "image_hash": row.get("image_hash"), "text": masked[:500] if masked else None}
        self.ledger.append({**entry, "url": row.get("url"), "source": row.get("source")})
        data = shown if isinstance(shown, bytes) else None
        if isinstance(shown, Mapping) and len(self.tally.samples.get(reason, ())) < 2:
            try:
                data = _bytes(shown)
            except HannunError:
                data = None
        self.tally.sample(
            reason, f"{row.get('source')}/{row.get('key')}/{masked}", {"text": (masked or "")[:120], "figures": dict(verdict.figures)}, data
        )

    def note(self, texts: Texts, row: Mapping[str, Any]) -> None:
        """The texts that were dropped, and how many were masked."""
        for one in texts.rejected:
            self._reject(one, row)
        for kind, n in (texts.masked or {}).items():
            self.tally.counts[f"masked/{kind}"] += n

    def _reject(self, one: Rejected, row: Mapping[str, Any]) -> None:
        self.drop(one.kind, one.verdict, row, one.text)

    def measure(self, figures: Mapping[str, float]) -> None:
        """Figures into their histograms; those without one are passed over."""
        from hannun.curate.tally import RANGES

        for name, value in figures.items():
            if name in RANGES:
                self.tally.measure(name, value)

    def close(self, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Write ledger and tally, in this order; returns what the run wants to know at once."""
        shuffle.write(self.plan.out / "ledger" / f"{self.stage}-{self.name}.parquet", self.ledger, shuffle.LEDGER)
        plain = {**self.tally.plain(), **(more or {})}
        shuffle.text_file(tally_file(self.plan, self.stage, self.name), json.dumps(plain, ensure_ascii=False))
        return {"name": self.name, "counts": plain["counts"]}


def tally_file(plan: RunPlan, stage: str, name: str) -> Path:
    """Where a task's tally lies; a task is done when it is there."""
    return plan.work / "tallies" / f"{stage}-{name}.tally.json"


def _texts(plan: RunPlan, row: dict[str, Any], book: _Book, keep_empty: bool, data: bytes | None = None) -> bool:
    """The row's texts cleaned in place; whether the row stays."""
    said = bool(row["title"] or row["queries"])
    texts = tidy([row["title"]], list(zip(row["queries"] or (), row["counts"] or (), strict=True)), plan.rules)
    book.note(texts, row)
    row |= {"title": texts.title, "queries": list(texts.queries), "counts": list(texts.counts)}
    if texts.any or keep_empty:
        return True
    book.drop("pair", Verdict("pair_texts_dropped" if said else "pair_no_text"), row, None, data)
    return False


def _head_figures(head: Header) -> dict[str, float]:
    return {"width": head.width, "height": head.height, "side": head.side, "ratio": head.ratio, "pixels": head.pixels}


def _bytes(row: Mapping[str, Any]) -> bytes:
    path = Path(row["path"])
    return Image(path if row["size"] < 0 else Member(path, row["offset"], row["size"], row["key"])).read()


def _opened(row: Mapping[str, Any]) -> tuple[bytes, PIL.Image.Image]:
    data = _bytes(row)
    return data, Image(data).load(_SIDE)


def _stored(data: bytes, side: int | None) -> bytes:
    """The bytes for the shard: as they came if they are a JPEG of fitting size, else a JPEG made of the picture."""
    import io

    def fits(whole: PIL.Image.Image) -> bool:
        return whole.format == "JPEG" and whole.mode == "RGB" and (side is None or min(whole.size) <= side)

    if examine(data, "picture", fits):
        return data
    made = Image(data).load(side)
    if side is not None and min(made.size) > side:
        scale = side / min(made.size)
        made = made.resize((round(made.width * scale), round(made.height * scale)), PIL.Image.Resampling.BICUBIC)
    out = io.BytesIO()
    made.save(out, "JPEG", quality=92)
    return out.getvalue()


def _refs(row: Mapping[str, Any]) -> list[str]:
    """The names by which documents and clicks may mean this picture."""
    return [f"hash:{row['image_hash']}", f"key:{row['key']}", *([f"url:{row['url']}"] if row["url"] else [])]


def _rank(row: Mapping[str, Any]) -> str:
    """Sorts the largest picture of a cluster first; of equal ones, the least hash."""
    return f"{10**10 - row['width'] * row['height']:011d}/{row['image_hash']}"
