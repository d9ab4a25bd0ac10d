"""An older collection's points go in, what this version keeps beside them comes out: words of today's analysis, facts to filter by.

Everything here may be killed at any moment and called again: a collection's settings change when all of it is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from hannun.collection.points import batched, worded
from hannun.collection.records import Progress, Report
from hannun.collection.settings import Settings
from hannun.encode import Done
from hannun.index.conditions import kept
from hannun.index.engine import Engine

_AT_ONCE = 200  # points; small, so that others get their turn


def add_words(engine: Engine, settings: Settings) -> None:
    """Write the points of a collection of format 1 again, with words."""
    for chunk in batched(engine.points(), 500):
        engine.upsert(worded(chunk, settings))
    engine.flush()


def rewrite_words(engine: Engine, settings: Settings, writing: AbstractContextManager[object], progress: Progress | None) -> Report:
    """Analyse every text anew; vectors stay, and points whose words are right already are not written.

    Args:
        writing: held while some points are read and written, so that nobody changes them between.
    """
    report = Report()
    for some in batched(sorted(str(p["id"]) for p in engine.scan(["id"])), _AT_ONCE):
        with writing:
            stored = list(engine.points(some))
            anew = worded(stored, settings)
            changed = [new for old, new in zip(stored, anew, strict=True) if (old.words, old.initials) != (new.words, new.initials)]
            engine.update(changed)
        report.added += len(changed)
        report.unchanged += len(stored) - len(changed)
        if progress is not None:
            progress(Done(len(some), len(some) - len(changed)))
    engine.flush()
    return report


def store_conditions(engine: Engine) -> None:
    """Store beside the facts what conditions on dicts, dates and texts within texts read. The caller keeps writers out."""
    wanted = (str(p["id"]) for p in engine.scan(["id", "facts"]) if _reads_more(p.get("facts") or {}))
    for some in batched(sorted(wanted), _AT_ONCE):
        engine.update(list(engine.points(list(some))))
    engine.flush()


def _reads_more(told: Mapping[str, Any]) -> bool:
    """Whether conditions read more of these facts than their words: dicts, lists, dates and times."""
    found = kept(told)
    return len(found) > 1
