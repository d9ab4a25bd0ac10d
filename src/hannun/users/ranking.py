"""Histories and what each user did next go in; the rank of it among all items, by a model or by what every model must beat, comes out.

Every item is a candidate but those that the user had (Krichene and Rendle 2020: sampled candidates mislead); an item that a method does
not know ranks last. Ties count against the method.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import normalize

from hannun import metrics
from hannun.embeddings import Floats, unit
from hannun.models.sequence.history import grown, vectors
from hannun.models.sequence.network import UserNetwork
from hannun.sources.logs import BehaviourLog
from hannun.users.histories import histories
from hannun.users.windows import LogWindows

CHUNK = 256  # users scored at a time
SHARES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08)  # of popularity, beside a cosine
Users = npt.NDArray[np.int64]
Score = Callable[[Users], npt.NDArray[np.floating]]  # users → scores [n, items], -inf for items that it does not know


@final
@dataclass(frozen=True, eq=False)
class NextRanks:
    """The rank of what each user did next."""

    ranks: npt.NDArray[np.int64]

    def recall(self, k: int) -> npt.NDArray[np.float64]:
        """1 where it is among the first k, by user."""
        return (self.ranks <= k).astype(np.float64)

    @property
    def gains(self) -> npt.NDArray[np.float64]:
        """nDCG@10 by user: there is one right answer."""
        return np.where(self.ranks <= 10, 1 / np.log2(1 + self.ranks.astype(np.float64)), 0.0)

    @property
    def ndcg(self) -> float:
        """The mean nDCG@10."""
        return float(self.gains.mean())

    def told(self) -> str:
        """nDCG@10 with its interval, Recall@10 and @50."""
        low, high = metrics.bootstrap(self.gains)
        return f"{self.ndcg:.4f} [{low:.4f}, {high:.4f}]  {self.recall(10).mean():.4f}  {self.recall(50).mean():.4f}"


@final
@dataclass(frozen=True, eq=False)
class PastRanked:
    """What is known `before`, whom to ask ([n], user numbers) and what each did next ([n], item numbers)."""

    before: BehaviourLog
    asked: Users
    target: Users

    def __len__(self) -> int:
        return len(self.asked)

    @staticmethod
    def header() -> str:
        """The head of a table of `told`."""
        return f"{'':28} {'nDCG@10 [95 %]':26} Recall@10  @50"

    def history(self, user: int) -> Users:
        """A user's items, first to last."""
        starts = self.before.starts
        return self.before.item[starts[user] : starts[user + 1]].astype(np.int64)

    def some(self, most: int) -> PastRanked:
        """Of at most so many users, the same ones each time: what is asked again and again need not be asked of a million."""
        if len(self) <= most:
            return self
        which = np.sort(np.random.default_rng(0).permutation(len(self))[:most])
        return PastRanked(self.before, self.asked[which], self.target[which])

    def ranked(self, score: Score) -> NextRanks:
        """By a method's scores."""
        out = np.zeros(len(self), np.int64)
        starts, item = self.before.starts, self.before.item
        for begin in range(0, len(self), CHUNK):
            users, wanted = self.asked[begin : begin + CHUNK], self.target[begin : begin + CHUNK]
            found = np.array(score(users))
            own = found[np.arange(len(users)), wanted]
            for row, user in enumerate(users):
                found[row, item[starts[user] : starts[user + 1]]] = -np.inf
            found[np.arange(len(users)), wanted] = own
            ranks = np.count_nonzero(found >= own[:, None], axis=1)
            out[begin : begin + CHUNK] = np.where(np.isfinite(own), ranks, found.shape[1])
        return NextRanks(out)

    def of_model(self, network: UserNetwork) -> NextRanks:
        """By the cosine of the user's vector and each item's."""
        return self.with_popular(network, [0.0])[0]

    def with_popular(self, network: UserNetwork, shares: Sequence[float]) -> list[NextRanks]:
        """By the cosine and `share` times the logarithm of 1 + how many events the item has, for each share."""
        network.eval()
        past = histories(self.before, network.known)
        with torch.no_grad():
            table = network.tower(torch.arange(len(network.known.items) + 1))
        things = normalize(table[1:], dim=-1).T
        row = {name: n for n, name in enumerate(self.before.items)}
        place = np.array([row[name] for name in network.known.items])
        popular = np.log1p(np.bincount(self.before.item, minlength=len(self.before.items))[place]).astype(np.float32)
        made: dict[int, Floats] = {}
        people = np.unique(self.asked).tolist()
        for begin in range(0, len(people), CHUNK):
            run = people[begin : begin + CHUNK]
            made |= dict(zip(run, vectors(network, grown(network, table, [past.of(u) for u in run])), strict=True))

        def score(users: Users, share: float) -> npt.NDArray[np.floating]:
            rows = np.stack([made[int(u)] for u in users])
            out = np.full((len(users), len(self.before.items)), -np.inf, np.float32)
            out[:, place] = (torch.from_numpy(rows) @ things).numpy() + np.float32(share) * popular
            return out

        return [self.ranked(lambda users, share=share: score(users, share)) for share in shares]  # type: ignore[misc]

    def best_popular(self, network: UserNetwork) -> float:
        """The share of popularity, one of SHARES, that ranks what these users did next best; the smallest of equals."""
        found = [r.ndcg for r in self.with_popular(network, SHARES)]
        return SHARES[int(np.argmax(found))]

    def popularity(self, learnt: BehaviourLog | None = None) -> NextRanks:
        """By how many events an item has in `learnt`, by default in all that is known before."""
        counts = np.bincount((learnt or self.before).item, minlength=len(self.before.items)).astype(np.float64)
        return self.ranked(lambda users: np.tile(counts, (len(users), 1)))

    def last_item(self, learnt: BehaviourLog | None = None) -> NextRanks:
        """By how often an item followed the user's last one, then by popularity (a first-order chain), both as in `popularity`."""
        log = learnt or self.before
        counts = np.bincount(log.item, minlength=len(log.items)).astype(np.float64)
        after: dict[int, Counter[int]] = defaultdict(Counter)
        same = log.user[1:] == log.user[:-1]
        for a, b in zip(log.item[:-1][same].tolist(), log.item[1:][same].tolist(), strict=True):
            after[a][b] += 1

        def score(users: Users) -> npt.NDArray[np.floating]:
            out = np.tile(counts / (counts.max() + 1), (len(users), 1))
            for row, user in enumerate(users):
                follows = after.get(int(self.history(int(user))[-1]), Counter())
                out[row, list(follows)] += list(follows.values())
            return out

        return self.ranked(score)

    def mean(self, content: Floats, recent: int = 10) -> NextRanks:
        """By the cosine with the mean of the content vectors [items, c] of the user's `recent` last items."""
        items = unit(content)
        return self.ranked(lambda users: unit(np.stack([items[self.history(int(u))[-recent:]].mean(0) for u in users])) @ items.T)

    def lines(self, name: str, network: UserNetwork, popular: float = 0.0) -> list[str]:
        """The model beside what it must beat, and, where it is not 0, with a share of popularity."""
        if not len(self):
            return []
        found = {"popularity": self.popularity(), "last item": self.last_item(), "user vector": self.of_model(network)}
        if popular:
            found[f"… and popular {popular:g}"] = self.with_popular(network, [popular])[0]
        return [f"{f'{name} {k}, {len(self)} users':28} {v.told()}" for k, v in found.items()]


def past_ranked(cut: LogWindows, name: str, every: bool = False) -> PastRanked:
    """The users with a past before "dev" or "test", and the first item of that window that they had not had; with `every`, all of those,
    each asked for by itself."""
    later, moment = (cut.dev, cut.moments[0]) if name == "dev" else (cut.test, cut.moments[1])
    whole = joined(cut)
    before = whole.only(whole.time <= moment)
    starts, ends = before.starts, later.starts
    asked, target = [], []
    for user in np.flatnonzero((np.diff(starts) > 0) & (np.diff(ends) > 0)).tolist():
        had = set(before.item[starts[user] : starts[user + 1]].tolist())
        new = [i for i in dict.fromkeys(later.item[ends[user] : ends[user + 1]].tolist()) if i not in had]
        new = new if every else new[:1]
        asked += [user] * len(new)
        target += new
    return PastRanked(before, np.array(asked, np.int64), np.array(target, np.int64))


def joined(cut: LogWindows) -> BehaviourLog:
    """The whole log again, in its order."""
    parts = cut.train, cut.dev, cut.test
    user, time = np.concatenate([p.user for p in parts]), np.concatenate([p.time for p in parts])
    order = np.lexsort((np.arange(len(time)), time, user))
    named = {k: np.concatenate([p.named[k] for p in parts])[order] for k in cut.train.named}
    value = None if cut.train.value is None else np.concatenate([p.value for p in parts if p.value is not None])[order]
    first, item = cut.train, np.concatenate([p.item for p in parts])
    return BehaviourLog(user[order], item[order], time[order], first.users, first.items, named, first.names, value)


def left_out(log: BehaviourLog, back: int = 1) -> tuple[BehaviourLog, PastRanked]:
    """The log without each user's `back` last events, and the task to find the first of those: leave-one-out, as sequence sets are split.

    Users of under `back` + 2 events are not asked, and keep all they have.
    """
    starts = log.starts
    asked = np.flatnonzero(np.diff(starts) >= back + 2)
    keep = np.ones(len(log), np.bool_)
    for user in asked:
        keep[starts[user + 1] - back : starts[user + 1]] = False
    before = log.only(keep)
    return before, PastRanked(before, asked, log.item[starts[asked + 1] - back].astype(np.int64))
