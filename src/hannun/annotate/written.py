"""Findings go in; changes of an item's facts, and a collection with these facts, come out.

A finding becomes a fact of its own name (`색`: 빨강), which conditions, facets and pages use as any other. Beside them stands the fact
`tags`: the score of each and, under `by`, the annotator's version. It says which facts are findings: one of the user's own is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from hannun.annotate.annotator import Annotator, Finding
from hannun.collection import Collection
from hannun.facts import BY, TAGS, found
from hannun.item import Item

BATCH = 32
WORDS = "words"  # in `tags`: what the findings are called besides


@dataclass
class Tagged:
    """What became of a collection: items looked at, left alone (this version has been there), unseen; findings and unknowns by name."""

    items: int = 0
    unchanged: int = 0
    unseen: int = 0
    findings: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)  # facts of the user's own of the same name

    def told(self, version: str) -> str:
        """In words: a line of what was looked at, and one for each attribute."""
        unseen = f", {self.unseen} without a readable picture" if self.unseen else ""
        lines = [f"{self.items} tagged by {version}, {self.unchanged} unchanged{unseen}"]
        for key in {**self.findings, **self.unknown, **self.kept}:
            some = [f"{self.findings.get(key, 0)} found", f"{self.unknown.get(key, 0)} unknown"]
            if self.kept.get(key):
                some.append(f"{self.kept[key]} left alone: they have a fact {key!r} of their own")
            lines.append(f"  {key}: {', '.join(some)}")
        return "\n".join(lines)


def changes(facts: Mapping[str, Any], findings: Sequence[Finding], version: str) -> dict[str, Any]:
    """The changes of an item's facts that its findings make; None removes a fact that an earlier finding made. Findings of others stay."""
    former = found(facts)
    own = {f.key for f in findings if f.key in facts and f.key not in former}
    told: dict[str, Any] = {f.key: f.value for f in findings if f.key not in own}
    known = [f for f in findings if f.value is not None and f.key not in own]
    before = facts.get(TAGS) if isinstance(facts.get(TAGS), dict) else {}
    tags: dict[str, Any] = {k: v for k, v in (before or {}).items() if k in former and k not in told}
    tags |= {f.key: round(f.score, 2) for f in known}
    words = dict.fromkeys(w for f in known for w in f.words)
    if words:
        tags[WORDS] = " ".join(words)
    return {**told, TAGS: {**tags, BY: version}}


def annotated(items: Sequence[Item], annotator: Annotator) -> Iterator[Item]:
    """The items with what an annotator finds among their facts: before they are added to a collection."""
    for it, findings in zip(items, annotator.annotate(items), strict=True):
        now = {**it.facts, **changes(it.facts, findings, annotator.version)} if findings else it.facts
        yield Item(it.id, it.parts, {k: v for k, v in now.items() if v is not None})


def tag(
    collection: Collection,
    annotator: Annotator,
    where: str | None = None,
    again: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Tagged:
    """Write what an annotator finds into a collection; run again, only what is new or was found by another version is looked at.

    Args:
        collection: opened for writing.
        annotator: what looks.
        where: only the items that this condition holds for.
        again: look at all of them.
        progress: told how many more items are done, after every batch.
    """
    report = Tagged()
    source = iter([it.id for it in collection.items(where)])  # what is updated meanwhile must not move what is read
    while ids := list(islice(source, BATCH)):
        items = list(collection.items(ids=ids))
        due = [it for it in items if again or version_of(it.facts) != annotator.version]
        report.unchanged += len(items) - len(due)
        groups: dict[str, tuple[dict[str, Any], list[str]]] = {}
        for it, findings in zip(due, annotator.annotate(due), strict=True):
            if not findings:
                report.unseen += 1
                continue
            change = changes(it.facts, findings, annotator.version)
            _count(report, findings, change)
            groups.setdefault(repr(change), (change, []))[1].append(it.id)
        for change, some in groups.values():
            collection.update(change, some)
        if progress is not None:
            progress(len(items))
    return report


def version_of(facts: Mapping[str, Any]) -> str:
    """The version of the annotator that last found something in an item; "" where none has."""
    tags = facts.get(TAGS)
    return str(tags.get(BY, "")) if isinstance(tags, Mapping) else ""


def _count(report: Tagged, findings: Sequence[Finding], change: Mapping[str, Any]) -> None:
    report.items += 1
    for f in findings:
        counts = report.kept if f.key not in change else report.unknown if f.value is None else report.findings
        counts[f.key] = counts.get(f.key, 0) + 1
