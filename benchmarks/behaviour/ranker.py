"""Ratings, and a model of users, go in; whether a ranker with the user vector tells better which ratings are good comes out.

A rating of 4 or 5 stands for a click, as no impressions are at hand. A logistic regression learns from the ratings between two moments,
with and without the vector, and is measured once on what came after. Everything it reads of a rating is of that rating's own time: rates,
counts and the vector know what came before it, to the second, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from hannun import metrics
from hannun.models.sequence.history import grown, vectors
from hannun.models.sequence.network import UserNetwork
from hannun.sources.logs import BehaviourLog
from hannun.users.histories import histories

GROUPS = ((0, 2), (2, 10), (10, 30), (30, 10**9))  # liked films before the rating
SHRUNK = (0.0, 5.0, 20.0)  # a vector of n events counts n / (n + this)
BLOCK = 4_096


@dataclass(frozen=True)
class Examples:
    """Of each rating: plain features, the user's vector, its cosine with the film, films liked before, and whether it is good."""

    plain: np.ndarray
    vector: np.ndarray
    cosine: np.ndarray
    history: np.ndarray
    good: np.ndarray

    def part(self, which) -> Examples:
        return Examples(*(getattr(self, n)[which] for n in ("plain", "vector", "cosine", "history", "good")))

    def features(self, shrunk: float | None) -> np.ndarray:
        """Without the vector, for None."""
        if shrunk is None:
            return self.plain
        known = (self.history / (self.history + shrunk + 1e-9))[:, None]
        cosine = self.cosine[:, None] * known
        return np.concatenate([self.plain, cosine, cosine * np.log1p(self.history)[:, None] / 5, self.vector * known], 1)


def before(keys: np.ndarray, times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each row, how many earlier rows (by time, strictly) have its key, and the sum of their values."""
    order = np.lexsort((times, keys))
    k, t, v = keys[order], times[order], values[order].astype(float)
    begins = np.r_[True, k[1:] != k[:-1]]
    first = np.maximum.accumulate(np.where(begins, np.arange(len(k)), 0))
    tied = np.maximum.accumulate(np.where(begins | np.r_[True, t[1:] != t[:-1]], np.arange(len(k)), 0))
    total = np.r_[0.0, np.cumsum(v)]
    count, summed = np.zeros(len(k)), np.zeros(len(k))
    count[order], summed[order] = tied - first, total[tied] - total[first]
    return count, summed


def examples(rows: np.ndarray, liked: BehaviourLog, model: UserNetwork, begin: float) -> Examples:
    """Of all ratings (user, film, stars, time) after a moment."""
    good, after = rows[:, 2] >= 4, rows[:, 3] > begin
    base = good[~after].mean()
    plain = []
    for column in (0, 1):
        count, summed = before(rows[:, column], rows[:, 3], good)
        plain += [(summed + 5 * base) / (count + 5), np.log1p(count)]
    now = rows[after]
    known = {name: n for n, name in enumerate(model.known.items, start=1)}
    users = {name: n for n, name in enumerate(liked.users)}
    past = histories(liked, model.known)
    with torch.no_grad():
        table = model.tower(torch.arange(len(known) + 1))
    films = torch.nn.functional.normalize(table, dim=-1).numpy()[[known.get(str(f), 0) for f in now[:, 1]]]
    vector, history = np.zeros((len(now), model.dims[0]), np.float32), np.zeros(len(now), np.int64)
    for begin_at in range(0, len(now), BLOCK):
        wanted, at = [], []
        for n in range(begin_at, min(begin_at + BLOCK, len(now))):
            user = users.get(str(now[n, 0]))
            if user is None:
                continue
            had = past.of(user)
            history[n] = np.searchsorted(had.time, now[n, 3], side="left")
            if history[n]:
                wanted.append((user, int(history[n])))
                at.append(n)
        states = sorted(set(wanted))
        made = vectors(model, grown(model, table, [past.of(u).part(slice(0, length)) for u, length in states]))
        place = {state: n for n, state in enumerate(states)}
        vector[at] = made[[place[w] for w in wanted]]
    return Examples(np.stack(plain, 1)[after], vector, (vector * films).sum(1), history, good[after])


def predicted(learn: Examples, asked: Examples, shrunk: float | None) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler().fit(learn.features(shrunk))
    fitted = LogisticRegression(C=0.01, max_iter=2000).fit(scale.transform(learn.features(shrunk)), learn.good)
    return fitted.predict_proba(scale.transform(asked.features(shrunk)))[:, 1]


def lift(rows: np.ndarray, liked: BehaviourLog, model: UserNetwork, first: float, second: float) -> None:
    """Print the lift by how much of the user is known. The user model has seen nothing after the moment `first`."""
    every = examples(rows, liked, model, first)
    late = rows[rows[:, 3] > first][:, 3] > second
    learn, asked = every.part(~late), every.part(late)
    cut = len(learn.good) * 2 // 3  # what the shrinking is chosen on is the last third of what is learnt from
    tried = {s: auc(predicted(learn.part(slice(cut)), held := learn.part(slice(cut, None)), s), held.good) for s in SHRUNK}
    shrunk = max(tried, key=tried.__getitem__)
    print(f"\nctr: {len(learn.good):,} ratings to learn from, {len(asked.good):,} to measure on")
    print(f"{asked.good.mean():.3f} of them are good (a rating proxy)")
    print("shrinking chosen on the last third of what is learnt from: " + ", ".join(f"{k:g}: AUC {v:.4f}" for k, v in tried.items()))
    without, with_it = predicted(learn, asked, None), predicted(learn, asked, shrunk)
    print(f"{'liked before':14} {'ratings':>8}  AUC without → with: lift [95 %]          log-loss lift [95 %]")
    groups = [("all", asked.history >= 0)]
    groups += [(f"{a} … {b - 1}" if b < 10**9 else f"{a} …", (asked.history >= a) & (asked.history < b)) for a, b in GROUPS]
    for called, which in groups:
        if which.sum() < 50:
            print(f"{called:14} {which.sum():8}  too few")
            continue
        print(f"{called:14} {which.sum():8}  {told(without[which], with_it[which], asked.good[which])}", flush=True)


def told(a: np.ndarray, b: np.ndarray, good: np.ndarray) -> str:
    rng, lifts = np.random.default_rng(0), []
    for _ in range(500):
        draw = rng.integers(0, len(good), len(good))
        lifts.append((auc(b[draw], good[draw]) - auc(a[draw], good[draw]), loss(a[draw], good[draw]) - loss(b[draw], good[draw])))
    (low, low2), (high, high2) = np.quantile(lifts, 0.025, axis=0), np.quantile(lifts, 0.975, axis=0)
    x, z = auc(a, good), auc(b, good)
    return f"{x:.4f} → {z:.4f}: {z - x:+.4f} [{low:+.4f}, {high:+.4f}]   {loss(a, good) - loss(b, good):+.4f} [{low2:+.4f}, {high2:+.4f}]"


def auc(scores: np.ndarray, good: np.ndarray) -> float:
    ranks = metrics.average_ranks(scores)
    yes = good.sum()
    return float((ranks[good].sum() - yes * (yes + 1) / 2) / max(1, yes * (len(good) - yes)))


def loss(p: np.ndarray, good: np.ndarray) -> float:
    return float(-np.log(np.where(good, p, 1 - p).clip(1e-6)).mean())
