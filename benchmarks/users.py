"""The user model beside what it must beat, on real logs (`rank`, `ctr`, `cold`), and what one user and one day cost (`cost`).

    python benchmarks/users.py rank LastFM --data ../shared/data       # one set at a time; --seconds for each training
    python benchmarks/users.py ctr | cold | cost

Sequence sets and `ml` leave each user's last item out (the one before it chooses); `ml-time` and `amazon` cut at two moments for all users.
Every item is a candidate but those that the user had. Each method's state is chosen on dev, and test is read once, one seed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path

import numpy as np
import torch
from benchmarks.behaviour import bpr, sasrec

from hannun import metrics
from hannun.load import load
from hannun.models.sequence.cover import MergedHistory, cover
from hannun.models.sequence.history import History, grown, vectors
from hannun.models.sequence.network import LogNames, UserNetwork, UserShape
from hannun.recipes import karrot_user
from hannun.recipes.data.films import liked_films
from hannun.recipes.skeleton import Training
from hannun.sources.logs import BehaviourLog, of_columns
from hannun.users.histories import histories
from hannun.users.ranking import NextRanks, PastRanked, left_out, past_ranked
from hannun.users.windows import leaks, windows

SEQUENCES = ("Beauty", "LastFM", "Sports_and_Outdoors", "Toys_and_Games", "Yelp")
DAY = 86_400
# SASRec's dropout is 0.5 on sparse sets and 0.2 on MovieLens, as its authors have it; histories of 50, and of 200 on MovieLens.
DENSE = ("ml", "ml-time")


def sequences(data: Path, name: str) -> tuple[BehaviourLog, None]:
    """A file of `user item item …` lines; it has no times, so events are a day apart."""
    rows = [line.split() for line in (data / "users" / "sequences" / f"{name}.txt").read_text("utf-8").splitlines()]
    user = [r[0] for r in rows for _ in r[1:]]
    item = [i for r in rows for i in r[1:]]
    day = [n * DAY for r in rows for n in range(1, len(r))]
    return of_columns(user, item, np.array(day, np.int64)), None


def amazon(data: Path) -> tuple[BehaviourLog, np.ndarray]:
    events = []
    for n, path in enumerate(sorted((data / "users" / "amazon_titles").glob("*.jsonl"))):
        for m, line in enumerate(path.read_text("utf-8").splitlines()):
            row = json.loads(line)
            for e in (*row["history"], row["heldout"]):
                title = ((e or {}).get("product") or {}).get("title")
                if title:
                    events.append((f"{n}-{m}", title, e["timestamp_ms"] // 1000))
    log = of_columns(*([e[k] for e in events] for k in range(3)))
    return log, load("mini").encode_document([{"text": t} for t in log.items]).dense


def tasks(data: Path, name: str):
    """The log to train on, the content of its items, what chooses and what is read once."""
    log, content = liked_films(data) if name in DENSE else amazon(data) if name == "amazon" else sequences(data, name)
    if name in ("ml-time", "amazon"):
        cut = windows(log)
        assert not leaks(cut)
        return cut.train, content, past_ranked(cut, "dev"), past_ranked(cut, "test")
    train, dev = left_out(log, 2)
    return train, content, dev, left_out(log, 1)[1]


def trained(recipe, train, content, dev, folder: Path, tell=print) -> UserNetwork:
    lines: list[str] = []
    data = karrot_user.UserData(train, content)
    judge = (lambda m: dev.of_model(m).ndcg) if len(dev) >= karrot_user.JUDGES else None
    model = karrot_user.fitted(recipe, data, Training(recipe, folder, lines.append), judge)
    found = [line.split("validation ")[1].split()[0] for line in lines if "validation" in line]
    tell(f"  dev {dev.of_model(model).ndcg:.4f}; by time: {' '.join(found)}")
    return model


def rank(data: Path, name: str, recipe, seconds: float, peers: list[str], work: Path) -> None:
    """One set's table. Each method's ranks are kept in `work`, so that a run that was killed goes on."""
    work = work / name
    work.mkdir(parents=True, exist_ok=True)
    train, content, dev, test = tasks(data, name)
    users, items = len(train.users), len(train.items)
    print(f"\n{name}: {len(train):,} training events, {users:,} users, {items:,} items; dev {len(dev)}, test {len(test)} users", flush=True)
    past = [train.item[a:b].astype(np.int64) for a, b in itertools.pairwise(train.starts)]
    shape = {"length": 200 if name in DENSE else 50, "dropout": 0.2 if name in DENSE else 0.5}

    def by(model: sasrec.SASRec, task: PastRanked) -> NextRanks:
        return task.ranked(lambda some: model.scores([task.history(int(u)) for u in some]))

    def of_bpr() -> NextRanks:
        return test.ranked(bpr.train(train.user, train.item, users, items, lambda m: dev.ranked(m.scores).ndcg, seconds=seconds).scores)

    def of_sasrec(softmax: bool) -> NextRanks:
        keep = work / f"sasrec-{softmax}.pt"
        return by(sasrec.train(past, items, lambda m: by(m, dev).ndcg, seconds=seconds, softmax=softmax, keep=keep, **shape), test)

    def of_ours(c) -> NextRanks:
        return test.of_model(trained(recipe, train, c, dev, work / ("ids" if c is None else "titles")))

    methods = {"popularity": test.popularity, "last item": test.last_item}
    methods |= {"mean of item vectors": lambda: test.mean(content)} if content is not None else {}
    methods |= {"BPR-MF": of_bpr} if "bpr" in peers else {}
    methods |= {"karrot_user, ids": lambda: of_ours(None)} if "ids" in peers else {}
    methods |= {"karrot_user, ids + titles": lambda: of_ours(content)} if content is not None else {}
    methods |= {"SASRec": lambda: of_sasrec(False)} if "sasrec" in peers else {}
    methods |= {"SASRec, softmax": lambda: of_sasrec(True)} if "softmax" in peers else {}
    found: dict[str, NextRanks] = {}
    for called, make in methods.items():
        file = work / f"{called}.npy"
        if not file.exists():
            begun = time.monotonic()
            np.save(file, make().ranks)
            print(f"  {called}: {time.monotonic() - begun:.0f} s", flush=True)
        found[called] = NextRanks(np.load(file))
    print(PastRanked.header())
    for called, ranks in found.items():
        print(f"{called:28} {ranks.told()}")
    for base in ("SASRec", "SASRec, softmax"):
        for called in (k for k in found if k.startswith("karrot_user") and base in found):
            low, high = metrics.bootstrap(found[called].gains - found[base].gains)
            print(f"nDCG@10, {called} − {base}: {found[called].ndcg - found[base].ndcg:+.4f} [{low:+.4f}, {high:+.4f}]", flush=True)


# ------------------------------------------------------------------------------------------------------- a ranker downstream


def ctr(data: Path, recipe, work: Path) -> None:
    """Whether a rating is 4 or 5, on MovieLens-100k: a proxy of a click, as no impressions are at hand.

    The user model learns from the liked films of the first 70 % of the time, the ranker from the ratings of the next 15 %, with the user
    vectors of what was liked before; the last 15 % are read once. Users of under two events are the cold ones.
    """
    rows = np.loadtxt(data / "users" / "movielens_100k" / "u.data", dtype=np.int64)
    rows = rows[np.argsort(rows[:, 3], kind="stable")]
    first, second = (float(np.quantile(rows[:, 3], q)) for q in (0.7, 0.85))
    liked, content = liked_films(data)
    train = liked.only(liked.time <= first)
    inner = windows(train, (0.9, 0.9999))
    dev = past_ranked(inner, "dev")
    model = trained(recipe, inner.train, content, dev, work)
    place = {name: n for n, name in enumerate(liked.items)}
    user = {name: n for n, name in enumerate(liked.users)}
    known = {name: n for n, name in enumerate(model.known.items, start=1)}
    with torch.no_grad():
        table = model.tower(torch.arange(len(known) + 1))
        unit_items = torch.nn.functional.normalize(table, dim=-1).numpy()

    def features(begin: float, end: float):
        past, before = rows[rows[:, 3] <= begin], liked.only(liked.time <= begin)
        h = histories(before, model.known)
        made = vectors(model, grown(model, table, [h.of(n) for n in range(len(h))]))
        counts = np.diff(before.starts)
        base = past[:, 2].__ge__(4).mean()
        n_user, n_item = np.bincount(past[:, 0], minlength=2000), np.bincount(past[:, 1], minlength=2000)
        liked_user = np.bincount(past[:, 0], past[:, 2] >= 4, minlength=2000)
        liked_item = np.bincount(past[:, 1], past[:, 2] >= 4, minlength=2000)
        now = rows[(rows[:, 3] > begin) & (rows[:, 3] <= end)]
        u, i = now[:, 0], now[:, 1]
        plain = np.stack([
            (liked_user[u] + 5 * base) / (n_user[u] + 5), (liked_item[i] + 5 * base) / (n_item[i] + 5),
            np.log1p(n_user[u]), np.log1p(n_item[i]),
        ], 1)  # fmt: skip
        vector = np.stack([made[user[str(x)]] if str(x) in user else np.zeros(made.shape[1], np.float32) for x in u])
        item = np.stack([unit_items[known.get(str(x), 0)] for x in i])
        titles = np.stack([content[place[str(x)]] if str(x) in place else np.zeros(content.shape[1], np.float32) for x in i])
        cosine = (vector * item).sum(1, keepdims=True)
        history = np.array([counts[user[str(x)]] if str(x) in user else 0 for x in u])
        return plain, titles, np.concatenate([cosine, cosine * (np.log1p(history)[:, None] / 5), vector], 1), now[:, 2] >= 4, history

    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    plain, _, more, y, _ = features(first, second)
    plain2, _, more2, y2, history = features(second, float("inf"))
    scored = {}
    for called, a, b in (("without", plain, plain2), ("with", np.hstack([plain, more]), np.hstack([plain2, more2]))):
        scale = StandardScaler().fit(a)
        fitted = LogisticRegression(C=0.01, max_iter=2000).fit(scale.transform(a), y)
        scored[called] = fitted.predict_proba(scale.transform(b))[:, 1]
    print(f"\nctr: {len(y):,} ratings to learn from, {len(y2):,} to measure on; {y2.mean():.3f} are liked (a rating proxy)")
    print(f"{'history':14} {'ratings':>8}  AUC without → with: lift [95 %]          log-loss lift [95 %]")
    groups = [("all", history >= 0), ("0 or 1", history < 2), ("2 … 19", (history >= 2) & (history < 20)), ("20 …", history >= 20)]
    for called, which in groups:
        if which.sum() < 50:
            print(f"{called:14} {which.sum():8}  too few")
            continue
        labels, a, b = y2[which], scored["without"][which], scored["with"][which]
        rng, lifts = np.random.default_rng(0), []
        for _ in range(500):
            draw = rng.integers(0, len(labels), len(labels))
            lifts.append(
                (auc(b[draw], labels[draw]) - auc(a[draw], labels[draw]), loss(a[draw], labels[draw]) - loss(b[draw], labels[draw]))
            )
        (low, low2), (high, high2) = np.quantile(lifts, 0.025, axis=0), np.quantile(lifts, 0.975, axis=0)
        x, z = auc(a, labels), auc(b, labels)
        told = f"{x:.4f} → {z:.4f}: {z - x:+.4f} [{low:+.4f}, {high:+.4f}]"
        print(f"{called:14} {which.sum():8}  {told}   {loss(a, labels) - loss(b, labels):+.4f} [{low2:+.4f}, {high2:+.4f}]", flush=True)


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    ranks = metrics.average_ranks(scores)
    yes = labels.sum()
    return float((ranks[labels].sum() - yes * (yes + 1) / 2) / max(1, yes * (len(labels) - yes)))


def loss(p: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.log(np.where(labels, p, 1 - p).clip(1e-6)).mean())


# ------------------------------------------------------------------------------------------------------------------ cost


def cost() -> None:
    """One user of 10 … 10,000 events (synthetic: nobody here has so many), from the raw history and from what is kept; users a second."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    known = LogNames(tuple(map(str, range(5_000))), ("click", "buy"))
    model = UserNetwork(UserShape(dropout=0.0), known).eval()
    with torch.no_grad():
        table = model.tower(torch.arange(5_001))

    def drawn(n: int) -> History:
        zeros = np.zeros(n, np.int64)
        return History(rng.integers(1, 5_001, n), rng.integers(1, 3, n), zeros, zeros, np.sort(rng.uniform(0, 3e8, n)))

    def timed(work) -> float:
        took = []
        for _ in range(25):
            begun = time.perf_counter()
            work()
            took.append(time.perf_counter() - begun)
        return float(np.median(took)) * 1e3

    print(f"\ncost of one user, tiny, {torch.get_num_threads()} thread(s), median of 25")
    print(f"{'events':>7} tokens  whole ms  one new event ms  most |difference|")
    for n in (10, 100, 1_000, 10_000):
        h = drawn(n)
        whole = timed(lambda h=h: vectors(model, grown(model, table, [h])))
        kept = grown(model, table, [h.part(slice(0, n - 1))])
        new = timed(lambda h=h, kept=kept, n=n: vectors(model, grown(model, table, [h.part(slice(n - 1, n))], kept)))
        steps = [MergedHistory.none(64)]
        for begin in range(0, n, 37):  # days of 37 events
            steps = grown(model, table, [h.part(slice(begin, begin + 37))], steps)
        off = np.abs(vectors(model, steps) - vectors(model, grown(model, table, [h]))).max()
        print(f"{n:7} {len(cover(n)):6} {whole:9.2f} {new:17.2f} {off:18.1e}", flush=True)
    many = [drawn(int(n)) for n in np.clip(rng.lognormal(4.5, 1.0, 1_000), 2, 10_000)]
    begun = time.perf_counter()
    kept = grown(model, table, many)
    vectors(model, kept)
    print(f"users of {np.mean([len(m) for m in many]):.0f} events: {1_000 / (time.perf_counter() - begun):,.0f} users/s")
    today = [drawn(1) if n % 10 == 0 else drawn(1).part(slice(0, 0)) for n in range(1_000)]
    begun = time.perf_counter()
    after = grown(model, table, today, kept)
    vectors(model, [after[n] for n in range(0, 1_000, 10)])
    print(f"a day on which one of ten is active: {1_000 / (time.perf_counter() - begun):,.0f} users/s of all")


# ------------------------------------------------------------------------------------------------------------------ cold


def kmrd(data: Path) -> tuple[BehaviourLog, np.ndarray]:
    """Korean film ratings of 8 or more as events, and mini's vectors of the titles."""
    import gzip

    folder = data / "users" / "kmrd_small"
    films = {}

    def lines(name: str) -> list[str]:
        return gzip.decompress((folder / name).read_bytes()).decode().splitlines()[1:]

    for line in lines("movies.txt.gz"):
        cells = line.split("\t")
        films[cells[0]] = cells[1]
    genres: dict[str, list[str]] = {}
    for line in lines("genres.csv.gz"):
        film, genre = line.split(",", 1)
        genres.setdefault(film, []).append(genre)
    rows = [line.split(",") for line in lines("rates.csv.gz")]
    rows = [r for r in rows if int(r[2]) >= 8 and r[1] in films]
    log = of_columns([r[0] for r in rows], [r[1] for r in rows], np.array([int(r[3]) for r in rows]))
    return log, load("mini").encode_document([{"text": f"{films[i]} ({', '.join(genres.get(i, []))})"} for i in log.items]).dense


def cold(data: Path, recipe, work: Path) -> None:
    """Films of the last tenth of the time on kmrd: asked by one event, and by its title alone, as of somebody without a history."""
    log, content = kmrd(data)
    cut = windows(log)
    assert not leaks(cut)
    dev, test = past_ranked(cut, "dev"), past_ranked(cut, "test")
    print(f"\ncold (kmrd): {len(cut.train):,} training events; dev {len(dev)}, test {len(test)} users with a past and a future", flush=True)
    model = trained(recipe, cut.train, content, dev, work)
    last = PastRanked(only_last(test), test.asked, test.target)
    with torch.no_grad():
        told = model.told(torch.from_numpy(content))
        told = torch.cat([torch.zeros_like(told[:1]), told])
        items = torch.nn.functional.normalize(model.tower(torch.arange(len(model.known.items) + 1)), dim=-1)[1:].numpy()
    row = {name: n for n, name in enumerate(log.items)}
    place = np.array([row[name] for name in model.known.items])

    def by_title(users):
        one = [History(*(np.full(1, x, np.int64) for x in (last.history(int(u))[-1] + 1, 0, 0, 0)), np.zeros(1)) for u in users]
        out = np.full((len(users), len(log.items)), -np.inf, np.float32)
        out[:, place] = vectors(model, grown(model, told, one)) @ items.T
        return out

    print(PastRanked.header())
    found = {
        "popularity": test.popularity(),
        "last item": test.last_item(),
        "mean of item vectors": test.mean(content),
        "user vector, whole history": test.of_model(model),
        "user vector, one event": last.of_model(model),
        "user vector, one title": last.ranked(by_title),
        "title against titles": last.mean(content, 1),
    }
    for called, ranks in found.items():
        print(f"{called:28} {ranks.told()}", flush=True)


def only_last(task: PastRanked) -> BehaviourLog:
    """The log with each asked user's last event alone."""
    starts = task.before.starts
    keep = np.ones(len(task.before), np.bool_)
    for user in task.asked:
        keep[starts[user] : starts[user + 1] - 1] = False
    return task.before.only(keep)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("rank", "ctr", "cost", "cold"))
    parser.add_argument("sets", nargs="*", help=f"of rank: ml, ml-time, amazon, {', '.join(SEQUENCES)}")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seconds", type=float, default=300.0, help="for each training of a peer")
    parser.add_argument("--work", type=Path, default=Path("build/users"), help="where trainings go on from when they were killed")
    parser.add_argument("--peers", default="bpr,sasrec,softmax,ids")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    recipe = karrot_user.TINY.changed(dict(s.split("=", 1) for s in given.set))
    match given.what:
        case "rank":
            for name in given.sets or ("ml", "LastFM"):
                rank(given.data, name, recipe, given.seconds, given.peers.split(","), given.work)
        case "ctr":
            ctr(given.data, recipe, given.work / "ctr")
        case "cold":
            cold(given.data, recipe, given.work / "cold")
        case "cost":
            cost()


if __name__ == "__main__":
    main()
