"""Drawn pages with queries of five kinds, graded pairs of pages, and real receipts go in; nDCG@5 and Spearman come out.

nDCG@5 is Jina-VDR's figure (Günther et al. 2025). Single vectors: cosine. Several: MaxSim over token vectors where the encoder gives
them for both sides; else, where it has `patches`, the query's vector against the page's patch vectors. `text oracle` searches the
pages' words instead of their pictures: what an encoder that read perfectly would reach with the same text tower.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hannun import metrics
from hannun.embeddings import Embeddings, Floats
from hannun.evaluate.figure import Figure
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites import held_out
from hannun.evaluate.suites.suite import Measured, Suite
from hannun.evaluate.suites.visual_docs.draw import page
from hannun.evaluate.suites.visual_docs.records import LANGUAGES, QUERIES, DocumentRecord, graded, queries, records
from hannun.files import write_cached
from hannun.item import Content, Image
from hannun.metrics import Array

PER_KIND = 12  # pages of every kind in each language
K = 5


@cache
def _drawing() -> str:
    h = hashlib.blake2b(digest_size=4)
    for name in ("draw.py", "records.py"):
        h.update(Path(__file__).with_name(name).read_bytes())
    return h.hexdigest()


def _written(folder: Path, record: DocumentRecord) -> Path:
    target = folder / f"{record.id}.jpg"
    if not target.exists():
        write_cached(target, page(record))
    return target


def _write(work: tuple[Path, DocumentRecord]) -> Path:
    return _written(*work)


def draw_pages(folder: Path, wanted: Sequence[DocumentRecord]) -> list[Path]:
    """The records' pages as files, drawn where they are not there yet."""
    if all((folder / f"{r.id}.jpg").exists() for r in wanted):
        return [folder / f"{r.id}.jpg" for r in wanted]
    with ProcessPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(_write, [(folder, r) for r in wanted], chunksize=8))


def right_pages(record: DocumentRecord, kind: str, pages: Sequence[DocumentRecord]) -> Array:
    """Which pages answer a query about `record`: itself, and any other that says the same of the same owner."""
    label, amount = record.entries[record.asked]
    year = record.when.split()[0 if record.lang == "ko" else -1]

    def answers(other: DocumentRecord) -> bool:
        if other is record:
            return True
        same = other.lang == record.lang and other.owner == record.owner
        if kind == "fact":
            return same and (label, amount) in other.entries
        return same and kind in ("keywords", "question") and year in other.when and any(a == label for a, _ in other.entries)

    return np.array([answers(p) for p in pages], np.float64)


def late(asked: Embeddings, shown: Embeddings | list[Floats]) -> Array:
    """MaxSim of token vectors [queries, pages]: each query token's best match in the page, averaged over the query's tokens."""
    tokens = shown if isinstance(shown, list) else list(shown.tokens or ())
    mine = list(asked.tokens) if asked.tokens is not None and not isinstance(shown, list) else [d[None] for d in asked.dense]
    return np.stack([metrics.maxsim(q, tokens) for q in mine]).astype(np.float64)


def visual_docs(harness: Harness) -> Measured:
    """Queries by kind and language, single and multi vector, then graded pairs, then real receipts."""
    wanted = records(PER_KIND, harness.seed)
    folder = harness.place(f"visual_docs-{_drawing()}-{harness.seed}")
    shown: list[Content] = [*draw_pages(folder, wanted)]
    documents = harness.documents(shown)
    read = harness.documents([r.said for r in wanted]).dense
    found: list[Figure] = []
    several = _several(harness, shown, documents)
    for lang in LANGUAGES:
        mine = [n for n, r in enumerate(wanted) if r.lang == lang]
        for kind in QUERIES:
            rows = [(queries(wanted[n])[kind], shown[n]) for n in mine]
            left = [mine[k] for k in harness.unseen(rows)]  # these are asked for, among all
            asked = harness.queries([queries(wanted[n])[kind] for n in left])
            right = np.stack([right_pages(wanted[n], kind, wanted) for n in left])
            ways = {"single": asked.dense @ documents.dense.T, "text oracle": asked.dense @ read.T}
            if several is not None:
                ways["multi"] = late(asked, several)
            for way, scores in ways.items():
                ranked = metrics.by_rank(scores, right)
                note = f"among {len(wanted)} pages" + (", not pictures but their words" if way == "text oracle" else "")
                found.append(Figure(f"{lang} {kind}, {way} nDCG@{K}", metrics.ndcg(ranked, K), note=note))
    return Measured([*found, _graded(harness, folder, wanted), *_receipts(harness)])


def _graded(harness: Harness, folder: Path, wanted: list[DocumentRecord]) -> Figure:
    """How well cosines order pairs of pages by how alike they are."""
    pairs = graded(wanted)
    one, other = draw_pages(folder, [a for a, _, _ in pairs]), draw_pages(folder, [b for _, b, _ in pairs])
    left = harness.unseen(list(zip(one, other, strict=True)))
    first, second = (harness.documents([side[n] for n in left]).dense.astype(np.float64) for side in (one, other))
    both = np.stack([(first * second).sum(axis=1), np.array([pairs[n][2] for n in left], np.float64)], axis=1)
    return Figure("graded pairs of pages Spearman", both, "spearman", note="grades 0…5, from unrelated to the same page in another look")


def _several(harness: Harness, shown: Sequence[Content], documents: Embeddings) -> Embeddings | list[Floats] | None:
    if documents.tokens is not None:
        return documents
    patches: Any = getattr(harness.encoder, "patches", None)
    if patches is None:
        harness.notes.append("multi-vector figures left out: the encoder gives neither token nor patch vectors")
        return None
    harness.notes.append("multi-vector figures: the query's one vector against patch vectors, since the encoder gives no token vectors")
    made: list[Floats] = [p[:, : harness.dim or harness.encoder.dims[0]] for p in patches([Image(Path(str(s))) for s in shown])]
    return made


def _receipts(harness: Harness) -> list[Figure]:
    """Real scanned receipts (SROIE): asked for by company, by a statement of the total, and by a question."""
    if not (harness.data / "receipts").is_dir():
        harness.notes.append(
            f"real receipts left out: {harness.data / 'receipts'} is not there; they are of ICDAR 2019 SROIE (rrc.cvc.uab.es)"
        )
        return []
    pages = [p for p in held_out.receipts(harness) if p.facts.get("company") and p.facts.get("total")]
    if not pages:
        return []
    documents = harness.documents([p.item for p in pages]).dense
    ways = {
        "keywords": ("{company} {date}", ("company", "date")),
        "fact": ("The receipt of {company} comes to {total}.", ("company", "total")),
        "question": ("How much was paid at {company} on {date}?", ("company", "date")),
    }
    found = []
    for kind, (template, keys) in ways.items():
        asked = harness.queries([template.format(**{k: p.facts.get(k, "") for k in ("company", "date", "total")}) for p in pages]).dense
        right = [[float(all(a.facts.get(k) == b.facts.get(k) for k in keys)) for b in pages] for a in pages]
        ranked = metrics.by_rank(asked @ documents.T, right)
        found.append(Figure(f"real receipts {kind}, single nDCG@{K}", metrics.ndcg(ranked, K), note=f"among {len(pages)} scans"))
    return found


SUITES = (
    Suite("visual_docs", "drawn pages in Korean and English: tables, charts, forms, receipts, slides, maps, web, markdown", visual_docs),
)
