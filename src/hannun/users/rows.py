"""A log and its items go in; rows of users and of items for one collection come out."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from hannun.events import MAX_EVENTS
from hannun.item import Item, Problem
from hannun.sources.logs import BehaviourLog

USER = "user:"  # how the id of a user begins in a collection, where items have the ids that they have in the log
TYPE = "type"  # the fact that says which of the two a row is
COUNT = "count"  # … and how many events it has


def user_rows(log: BehaviourLog) -> Iterator[dict[str, Any]]:
    """A row of each user: what they did, and how often and until when as facts."""
    starts = log.starts
    for user, name in enumerate(log.users):
        which = range(max(int(starts[user]), int(starts[user + 1]) - MAX_EVENTS), int(starts[user + 1]))
        if not which:
            continue
        records = [_record(log, n) for n in which]
        yield {"id": f"{USER}{name}", "events": records, TYPE: "user", COUNT: len(which), "last": records[-1]["time"]}


def item_rows(items: Iterable[Item | Problem], log: BehaviourLog) -> Iterator[Item | Problem]:
    """The items, marked as such, with how many events of the log each has."""
    counts = dict(zip(log.items, np.bincount(log.item, minlength=len(log.items)).tolist(), strict=True))
    for it in items:
        yield replace(it, facts={**it.facts, TYPE: "item", COUNT: counts.get(it.id, 0)}) if isinstance(it, Item) else it


def _record(log: BehaviourLog, n: int) -> dict[str, Any]:
    when = datetime.datetime.fromtimestamp(float(log.time[n]), datetime.UTC).isoformat()
    named = {k: log.names[k][v[n]] for k, v in log.named.items() if v[n] >= 0}
    value = {"value": float(log.value[n])} if log.value is not None and np.isfinite(log.value[n]) else {}
    return {"time": when, "item": log.items[log.item[n]], **named, **value}
