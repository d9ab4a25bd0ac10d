"""Rows of one picture (equal image hash), of documents and of clicks go in; one row, its texts cleaned and merged, comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hannun.curate.rules import Rules
from hannun.curate.text import pii
from hannun.curate.text.clean import clean
from hannun.curate.verdict import Verdict, judge, pair_of
from hannun.item import MAX_TEXT


@dataclass(frozen=True)
class Rejected:
    """A text that was dropped: "title" or "query", the text with personal data masked, and the verdict."""

    kind: str
    text: str
    verdict: Verdict


@dataclass(frozen=True)
class Texts:
    """What is left of a picture's texts: the title, queries by falling count; what was dropped, and how many were masked by kind."""

    title: str | None
    queries: tuple[str, ...]
    counts: tuple[int, ...]
    rejected: tuple[Rejected, ...] = ()
    masked: Mapping[str, int] | None = None

    @property
    def any(self) -> bool:
        """Whether a title or a query is left."""
        return self.title is not None or bool(self.queries)


def tidy(titles: Sequence[str | None], queries: Sequence[tuple[str, int]], rules: Rules) -> Texts:
    """Texts cleaned and judged; equal queries become one, their counts added. Of several titles the most frequent one is taken."""
    rejected: list[Rejected] = []
    masked: dict[str, int] = {}

    def cleaned_or_none(kind: str, text: str) -> str | None:
        cleaned = clean(text[:MAX_TEXT])
        spans = pii.find(cleaned)
        shown = pii.mask(cleaned, spans) if spans else cleaned
        if spans and rules.personal == "drop":
            verdict = Verdict(f"text_personal_{spans[0].kind}")
        else:
            for span in spans:
                masked[span.kind] = masked.get(span.kind, 0) + 1
            verdict = judge(pair_of(shown, {}), rules.texts)
        if verdict.reason is None:
            return shown
        rejected.append(Rejected(kind, shown[:200], verdict))
        return None

    title = most_frequent([t for t in (cleaned_or_none("title", t) for t in titles if t) if t is not None])
    totals: dict[str, int] = {}
    for query, count in queries:
        kept = cleaned_or_none("query", query)
        if kept is not None:
            totals[kept] = totals.get(kept, 0) + count
    ordered = sorted(totals.items(), key=lambda q: (-q[1], q[0]))
    return Texts(title, tuple(q for q, _ in ordered), tuple(c for _, c in ordered), tuple(rejected), masked or None)


def most_frequent(titles: Sequence[str]) -> str | None:
    """The title that comes most often, of equally frequent ones the first; None where there is none."""
    return max(titles, key=titles.count) if len(titles) > 1 else titles[0] if titles else None


def merge_rows(rows: Iterable[Mapping[str, Any]], linked: Iterable[Mapping[str, Any]], rules: Rules) -> tuple[dict[str, Any], Texts]:
    """The row of one picture out of all rows with its hash, and its texts. The first row by (source, key) gives place and URL.

    `linked` are rows of documents and clicks that were found to mean this picture; only their texts still need cleaning.
    """
    ordered = sorted(rows, key=lambda r: (r["source"], r["key"]))
    first = dict(ordered[0])
    extra = sorted(linked, key=lambda r: (r["source"], r["title"] or "", r["query"] or ""))
    new = tidy([r["title"] for r in extra], [(r["query"], r["count"] or 1) for r in extra if r["query"]], rules)
    title = most_frequent([r["title"] for r in ordered if r["title"]] + ([new.title] if new.title else []))
    totals: Counter[str] = Counter(dict(zip(new.queries, new.counts, strict=True)))
    for row in ordered:
        for query, count in zip(row["queries"] or (), row["counts"] or (), strict=True):
            totals[query] += count
    queries = sorted(totals.items(), key=lambda q: (-q[1], q[0]))
    first |= {"title": title, "queries": [q for q, _ in queries], "counts": [c for _, c in queries], "copies": len(ordered)}
    first["url"] = first["url"] or next((r["url"] for r in ordered if r["url"]), None)
    first["attributes"] = first["attributes"] or next((r["attributes"] for r in ordered if r["attributes"]), None)
    return first, Texts(title, tuple(first["queries"]), tuple(first["counts"]), new.rejected, new.masked)
