"""Behaviour logs go in; how well what a user does next is ranked, among all items, comes out.

What takes part. `popularity`: the items most users have. `last item`: what followed the last item most often (a first-order chain, then
popularity). `titles`: the encoder under test, which sees no logs: the mean of the vectors of a user's last items' titles against the
titles of all. `user vector`: an encoder of events (`hannun users train`), which reads the history itself; items that it does not know by id
it knows by their titles, and sets that have none and are not the log it learnt from it leaves out. Figures of other people's models of
behaviour, trained on the same splits, are printed by `benchmarks/users.py rank`.

Sequences are split by leaving each user's last item out; MovieLens and Amazon's titles by time, one moment for all users, so that
nothing after a label's time is seen. Every item is a candidate (Krichene & Rendle 2020: sampled candidates mislead), except those a user
had already.
"""

from __future__ import annotations

import datetime
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hannun import metrics
from hannun.evaluate.figure import Figure, gains, value
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites.suite import Measured, Suite
from hannun.events import Events
from hannun.item import item
from hannun.metrics import Ints

DAY = 86_400
KNOWN = 0.9  # of the ids of a log without titles, and of the model's: else they are numbers of other things
RUN = 256  # users encoded at a time
RECENT = 5  # a user's last titles that the encoder reads
SEQUENCES = ("Beauty", "LastFM", "Sports_and_Outdoors", "Toys_and_Games", "Yelp")
TIME = 0.9  # the share of events before the moment of the split
K = 10


def _ranked(name: str, ranks: Ints, shown: npt.NDArray[np.integer[Any]], items: int, note: str) -> list[Figure]:
    hit = Figure(f"{name} HR@{K}", (ranks <= K).astype(np.float64), note=note)
    mrr = Figure(f"{name} MRR", 1 / ranks.astype(np.float64))
    return [hit, gains(name, ranks, K), mrr, value(f"{name} coverage@{K}", metrics.coverage(shown, items))]


def chains(histories: Sequence[Ints], targets: Ints, events: Sequence[Ints], items: int, name: str, note: str) -> list[Figure]:
    """Popularity and last item, counted over `events`, asked for `targets` after `histories`."""
    popular = np.bincount(np.concatenate(list(events)), minlength=items).astype(np.float64)
    popular /= popular.max() + 1  # below 1: it only orders what the chain leaves equal
    after: dict[int, Counter[int]] = defaultdict(Counter)
    for seen in events:
        for a, b in itertools.pairwise(seen):
            after[int(a)][int(b)] += 1
    figures: list[Figure] = []
    for method in ("popularity", "last item"):
        ranks, shown = np.zeros(len(targets), np.int64), np.zeros((len(targets), K), np.int64)
        for u, (history, target) in enumerate(zip(histories, targets, strict=True)):
            scores = popular.copy()
            if method == "last item" and (follows := after.get(int(history[-1]))):
                scores[list(follows)] += list(follows.values())
            had = history[history != target]
            scores[had] = -1.0
            ranks[u] = (scores >= scores[target]).sum()
            shown[u] = np.argpartition(-scores, K)[:K]
        figures += _ranked(f"{name} {method}", ranks, shown, items, note)
    return figures


def sequences(harness: Harness, name: str) -> list[Figure]:
    """One file of `user item item …` lines in the order of time; the last item of each is asked for."""
    rows = [
        np.array(line.split()[1:], np.int64) - 1 for line in harness.file(f"users/sequences/{name}.txt").read_text("utf-8").splitlines()
    ]
    rows = [r for r in rows if len(r) >= 3]
    if not rows:
        return []
    items = int(max(r.max() for r in rows)) + 1
    note = f"{len(rows)} users, {items} items, last item left out"
    histories, targets = [r[:-1] for r in rows], np.array([r[-1] for r in rows])
    asked = NextAsked(name, histories, [np.arange(1, len(h) + 1) * DAY for h in histories], targets, [str(n) for n in range(1, items + 1)])
    return chains(histories, targets, histories, items, name, note) + behaviour(harness, asked, note)


@dataclass(frozen=True, eq=False)
class NextAsked:
    """Of each user the items that they had [t], when (seconds from 1970) and what came next; the items' ids, and titles if any."""

    name: str
    histories: Sequence[Ints]
    times: Sequence[Ints]
    targets: Ints
    ids: Sequence[str]
    titles: Sequence[str] = ()

    def events(self, user: int) -> list[dict[str, str]]:
        """A user's history as an Events part has it."""
        pairs = zip(self.histories[user].tolist(), self.times[user].tolist(), strict=True)
        named = [{"time": datetime.datetime.fromtimestamp(t, datetime.UTC).isoformat(), "item": self.ids[i]} for i, t in pairs]
        return [e | {"text": self.titles[i]} for e, i in zip(named, self.histories[user], strict=True)] if self.titles else named


def behaviour(harness: Harness, asked: NextAsked, note: str) -> list[Figure]:
    """The figures of an encoder of events; none of another encoder, nor where the items are neither known to it nor have titles."""
    if Events.kind not in harness.encoder.kinds:
        return []
    from hannun.models.sequence.encoder import UserEncoder

    if not isinstance(encoder := harness.encoder, UserEncoder):
        return []
    known, there = frozenset(encoder.network.known.items), frozenset(asked.ids)
    shared = len(known & there)
    if encoder.content is None or not asked.titles:
        if shared < KNOWN * max(len(known), len(there)):
            told = f"shares {shared} ids with the {len(known)} items of the model, and has no titles that it reads"
            harness.notes.append(f"{asked.name}: {told}: `user vector` is left out")
            return []
        readable = [n for n, i in enumerate(asked.ids) if i in known]
    else:
        readable = list(range(len(asked.ids)))
    said = asked.titles or asked.ids
    things = encoder.encode_document([item({"id": asked.ids[n], "text": said[n]}) for n in readable])
    dim = harness.dim or encoder.dims[0]
    rows = things.truncate(dim).dense.T
    ranks, shown = [], []
    for begin in range(0, len(asked.targets), RUN):
        run = slice(begin, begin + RUN)
        people = encoder.encode_document([{"events": asked.events(u)} for u in range(len(asked.targets))[run]])
        scores = np.full((len(people), len(asked.ids)), -2.0, np.float32)
        scores[:, readable] = people.truncate(dim).dense @ rows
        found = _found(asked.histories[run], asked.targets[run], scores)
        ranks.append(found[0])
        shown.append(found[1])
    said_of = f"{note}; {shared} items known by id"
    return _ranked(f"{asked.name} user vector", np.concatenate(ranks), np.concatenate(shown), len(asked.ids), said_of)


def _found(histories: Sequence[Ints], targets: Ints, scores: npt.NDArray[Any]) -> tuple[Ints, npt.NDArray[np.integer[Any]]]:
    """The ranks of the targets, and the first K of each user, by `scores` [users, items], in which what they had is put last."""
    for u, (history, target) in enumerate(zip(histories, targets, strict=True)):
        scores[u, history[history != target]] = -3.0
    return metrics.pessimistic_rank(scores, targets), np.argpartition(-scores, K, axis=1)[:, :K]


def _titles(harness: Harness, histories: Sequence[Ints], targets: Ints, titles: list[str], name: str, note: str) -> list[Figure]:
    documents = harness.documents([*titles]).dense
    asked = np.stack([documents[h[-RECENT:]].mean(axis=0) for h in histories])
    return _ranked(f"{name} titles", *_found(histories, targets, (asked @ documents.T).astype(np.float64)), len(titles), note)


def movielens(harness: Harness) -> list[Figure]:
    """MovieLens-100k: after one moment in time, each user's next film rated 4 or 5, from what they had rated so before."""
    films = [line.split("|") for line in harness.file("users/movielens_100k/u.item").read_text("latin-1").splitlines()]
    genres = [line.split("|")[0] for line in harness.file("users/movielens_100k/u.genre").read_text("latin-1").splitlines() if "|" in line]
    titles = [f"{f[1]} ({', '.join(g for g, yes in zip(genres, f[5:], strict=False) if yes == '1')})" for f in films]
    events = np.loadtxt(harness.file("users/movielens_100k/u.data"), dtype=np.int64)
    liked = events[events[:, 2] >= 4]
    liked = liked[np.lexsort((liked[:, 1], liked[:, 0], liked[:, 3]))]
    ids = [str(n) for n in range(1, len(titles) + 1)]
    return _by_time(harness, liked[:, 0], liked[:, 1] - 1, liked[:, 3], titles, "movielens", ids)


def amazon(harness: Harness) -> list[Figure]:
    """Amazon reviews of one category with titles: every history, cut at one moment in time for all users."""
    users: list[int] = []
    bought: list[int] = []
    times: list[int] = []
    titles: dict[str, int] = {}
    for n, path in enumerate(harness.files("users/amazon_titles/*.jsonl")):
        for m, line in enumerate(Path(path).read_text("utf-8").splitlines()):
            row = json.loads(line)
            for event in (*row["history"], row["heldout"]):
                title = ((event or {}).get("product") or {}).get("title")
                if title:
                    users.append(n * 1_000_000 + m)
                    bought.append(titles.setdefault(title, len(titles)))
                    times.append(event["timestamp_ms"])
    order = np.lexsort((bought, users, times))
    who, what, when = (np.array(x, np.int64)[order] for x in (users, bought, times))
    return _by_time(harness, who, what, when // 1000, list(titles), "amazon beauty", list(titles))


def _by_time(harness: Harness, users: Ints, items: Ints, times: Ints, titles: list[str], name: str, ids: Sequence[str]) -> list[Figure]:
    if not len(times):
        return []
    moment = np.quantile(times, TIME)
    before: dict[int, list[int]] = defaultdict(list)
    seen_at: dict[int, list[int]] = defaultdict(list)
    after: dict[int, int] = {}
    for u, i, t in zip(users.tolist(), items.tolist(), times.tolist(), strict=True):
        if t <= moment:
            before[u].append(i)
            seen_at[u].append(t)
        elif u not in after and i not in before[u]:
            after[u] = i
    asked = [u for u in after if before[u]]
    if not asked:
        return []
    histories, targets = [np.array(before[u]) for u in asked], np.array([after[u] for u in asked])
    events = [np.array(seen) for seen in before.values() if seen]
    note = f"{len(asked)} users, {len(titles)} items, split at {TIME:.0%} of the time"
    found = chains(histories, targets, events, len(titles), name, note) + _titles(harness, histories, targets, titles, name, note)
    return found + behaviour(harness, NextAsked(name, histories, [np.array(seen_at[u]) for u in asked], targets, ids, titles), note)


def logs(harness: Harness) -> Measured:
    """Every log that is there."""
    found = [f for name in SEQUENCES for f in sequences(harness, name)] + movielens(harness) + amazon(harness)
    harness.notes.append("`popularity` and `last item` are baselines that no encoder changes; `titles` is the encoder reading titles alone")
    return Measured(found)


SUITES = (
    Suite(
        "logs",
        "what a user does next, from histories",
        logs,
        ("users/sequences", "users/movielens_100k", "users/amazon_titles"),
        "grouplens.org (MovieLens 100K), the SASRec/S3-Rec sequence files, Amazon Reviews 2023",
        pictures=False,
        no_rows="a row is what a user does next, which no text or picture tells; the items' titles are counted among the contents",
    ),
)
