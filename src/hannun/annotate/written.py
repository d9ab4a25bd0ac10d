"""Findings go in; changes of an item's facts, and a collection with these facts, come out.

A finding becomes a fact of its own name (`색`: 빨강), which conditions, facets and pages use as any other. Beside them stands the fact
`tags`: the score of each and, by annotator, under `by` its version and under `words` what its findings are called besides. It says which
facts are findings: one of the user's own is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from hannun.annotate.annotator import Annotator, Finding
from hannun.collection import Collection
from hannun.facts import BY, TAGS, WORDS, found
from hannun.item import Item

BATCH = 32


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


def changes(facts: Mapping[str, Any], findings: Sequence[Finding], annotator: Annotator) -> dict[str, Any]:
    """The changes of an item's facts that an annotator's findings make; None removes a fact that an earlier finding made.

    Findings of other annotators stay. One that found a fact of the same name is no longer said to have been there: it looks again.
    """
    former = found(facts)
    own = {f.key for f in findings if f.key in facts and f.key not in former}
    told: dict[str, Any] = {f.key: f.value for f in findings if f.key not in own}
    known = [f for f in findings if f.value is not None and f.key not in own]
    before = facts.get(TAGS) if isinstance(facts.get(TAGS), dict) else {}
    tags: dict[str, Any] = {k: v for k, v in (before or {}).items() if k in former and k not in told}
    tags |= {f.key: round(f.score, 2) for f in known}
    versions, words = versions_of(facts), _words_of(facts)
    if annotator.name not in versions and former & set(told):  # then another one has found them
        versions, words = {}, {}
    words[annotator.name] = " ".join(dict.fromkeys(w for f in known for w in f.words))
    if any(words.values()):
        tags[WORDS] = {k: v for k, v in words.items() if v}
    return {**told, TAGS: {**tags, BY: {**versions, annotator.name: annotator.version}}}


def annotated(items: Sequence[Item], annotator: Annotator) -> Iterator[Item]:
    """The items with what an annotator finds among their facts: before they are added to a collection."""
    for it, findings in zip(items, annotator.annotate(items), strict=True):
        now = {**it.facts, **changes(it.facts, findings, annotator)} if findings else it.facts
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
        due = [it for it in items if again or versions_of(it.facts).get(annotator.name) != annotator.version]
        report.unchanged += len(items) - len(due)
        groups: dict[str, tuple[dict[str, Any], list[str]]] = {}
        for it, findings in zip(due, annotator.annotate(due), strict=True):
            if not findings:
                report.unseen += 1
                continue
            change = changes(it.facts, findings, annotator)
            _count(report, findings, change)
            groups.setdefault(repr(change), (change, []))[1].append(it.id)
        for change, some in groups.values():
            collection.update(change, some)
        if progress is not None:
            progress(len(items))
    return report


def versions_of(facts: Mapping[str, Any]) -> dict[str, str]:
    """The version of each annotator that has found something in an item, by the annotator's name."""
    return _by_annotator(facts, BY)


def _words_of(facts: Mapping[str, Any]) -> dict[str, str]:
    """What the findings of each annotator are called besides, by the annotator's name."""
    return _by_annotator(facts, WORDS)


def _by_annotator(facts: Mapping[str, Any], key: str) -> dict[str, str]:
    """What `tags` holds under a key; earlier it was the last annotator's alone, whose version begins with its name."""
    tags = facts.get(TAGS)
    told = tags.get(key) if isinstance(tags, Mapping) else None
    match told:
        case str():
            return {str(tags.get(BY, "")).partition("-")[0]: told} if isinstance(tags, Mapping) else {}
        case Mapping():
            return {str(k): str(v) for k, v in told.items()}
    return {}


def _count(report: Tagged, findings: Sequence[Finding], change: Mapping[str, Any]) -> None:
    report.items += 1
    for f in findings:
        counts = report.kept if f.key not in change else report.unknown if f.value is None else report.findings
        counts[f.key] = counts.get(f.key, 0) + 1
