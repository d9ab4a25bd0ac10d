"""The user model beside what it must beat, on real logs (`rank`, `ctr`, `cold`, `unseen`), and what it costs (`cost`, `size`).

    python benchmarks/users.py rank LastFM --data ../shared/data       # one set at a time; --seconds for each training
    python benchmarks/users.py ctr | cold | unseen | cost | size

Sequence sets and `ml` leave each user's last item out (the one before it chooses); `ml-time` and `amazon` cut at two moments for all users;
`ml-time-all` asks for all that each did after the second, and takes a user's mean. Every item is a candidate but those that the user had.
All methods learn from the events before dev; `last item, dev too` shows what a chain gains that counts dev's events as well. Each method's
state is chosen on dev, and test is read once. `--seeds 0,1,2`: what is trained is trained from each of them, and a user's gain is the mean
over them, so that an interval is of users and not of one seed's luck.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from behaviour import bpr, cost, ranker, sasrec
from hannun import metrics
from hannun.load import load
from hannun.models.sequence.history import History, grown, vectors
from hannun.models.sequence.network import LogNames, UserNetwork
from hannun.recipes import karrot_user
from hannun.recipes.data.films import liked_films
from hannun.recipes.skeleton import Training
from hannun.sources.logs import BehaviourLog, of_columns
from hannun.users.histories import histories
from hannun.users.ranking import NextRanks, PastRanked, left_out, past_ranked
from hannun.users.windows import LogWindows, leaks, windows

SEQUENCES = ("Beauty", "LastFM", "Sports_and_Outdoors", "Toys_and_Games", "Yelp")
DAY = 86_400
# SASRec's dropout is 0.5 on sparse sets and 0.2 on MovieLens, as its authors have it; histories of 50, and of 200 on MovieLens.
DENSE = ("ml", "ml-time", "ml-time-all")
MANY = 10_000  # users; from so many on SASRec takes 512 a batch, and the learning rate with it
SAMPLE = 1_000  # negatives of the softmax
S3REC = {"dim": 64, "heads": 2, "users": 128}  # SASRec as S3-Rec's authors trained it (Zhou et al. 2020), half as many users a batch


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


def chooses(cut: LogWindows) -> PastRanked:
    """What states are chosen by, of every method alike."""
    return karrot_user.judging(cut) or past_ranked(cut, "dev")


def tasks(data: Path, name: str):
    """The log to train on, the content of its items, what chooses and what is read once."""
    log, content = liked_films(data) if name in DENSE else amazon(data) if name == "amazon" else sequences(data, name)
    if name in ("ml-time", "ml-time-all", "amazon"):
        cut = windows(log)
        assert not leaks(cut)
        return cut.train, content, chooses(cut), past_ranked(cut, "test", every=name == "ml-time-all")
    train, dev = left_out(log, 2)
    return train, content, dev, left_out(log, 1)[1]


def trained(recipe, train, content, dev, folder: Path, tell=print) -> UserNetwork:
    lines: list[str] = []
    data = karrot_user.UserData(train, content)
    some = dev.some(karrot_user.MOST)
    judge = (lambda m: some.of_model(m).ndcg) if len(dev) >= karrot_user.JUDGES else None
    model = karrot_user.fitted(recipe, data, Training(recipe, folder, lines.append), judge)
    found = [line.split("validation ")[1].split()[0] for line in lines if "validation" in line]
    tell(f"  dev {some.of_model(model).ndcg:.4f}; by time: {' '.join(found)}")
    return model


def by_user(task: PastRanked, values: list[np.ndarray]) -> np.ndarray:
    """The mean over seeds, and of each user over what they are asked for."""
    who = np.unique(task.asked, return_inverse=True)[1]
    return np.bincount(who, np.mean(values, 0)) / np.bincount(who)


def mean_told(task: PastRanked, runs: list[NextRanks]) -> str:
    """As `NextRanks.told`, of the mean over seeds; and each seed's own nDCG@10 where there are several."""
    gains = by_user(task, [r.gains for r in runs])
    low, high = metrics.bootstrap(gains)
    by = f"  by seed {' '.join(f'{by_user(task, [r.gains]).mean():.4f}' for r in runs)}" if len(runs) > 1 else ""
    found = (by_user(task, [r.recall(k) for r in runs]).mean() for k in (10, 50))
    return f"{gains.mean():.4f} [{low:.4f}, {high:.4f}]  {'  '.join(f'{f:.4f}' for f in found)}{by}"


def rank(data: Path, name: str, recipe, seconds: float, peers: list[str], work: Path, seeds: list[int]) -> None:
    """One set's table. Each method's ranks are kept in `work`, so that a run that was killed goes on."""
    work = work / name
    work.mkdir(parents=True, exist_ok=True)
    train, content, dev, test = tasks(data, name)
    users, items = len(train.users), len(train.items)
    print(
        f"\n{name}: {len(train):,} training events, {users:,} users, {items:,} items; dev {len(dev)} items, test {len(test)} users",
        flush=True,
    )
    past = [train.item[a:b].astype(np.int64) for a, b in itertools.pairwise(train.starts)]
    shape = {"length": 200 if name in DENSE else 50, "dropout": 0.2 if name in DENSE else 0.5, "users": 128 if users < MANY else 512}

    some = dev.some(karrot_user.MOST)

    def by(model: sasrec.SASRec, task: PastRanked) -> NextRanks:
        return task.ranked(lambda who: model.scores([task.history(int(u)) for u in who]))

    def of_bpr(seed: int) -> NextRanks:
        def judge(m: bpr.BPR) -> float:
            return some.ranked(m.scores).ndcg

        return test.ranked(bpr.train(train.user, train.item, users, items, judge, seconds=seconds, seed=seed).scores)

    def of_sasrec(seed: int, negatives: int = 1, sized: dict[str, int] | None = None) -> NextRanks:
        keep = work / f"sasrec-{negatives}{'-64' if sized else ''}-{seed}.pt"
        own = {**shape, **(sized or {}), "negatives": negatives}
        made = sasrec.train(past, items, lambda m: by(m, some).ndcg, seconds=seconds, keep=keep, seed=seed, **own)
        return by(made, test)

    def of_ours(seed: int, c, popular: bool = False) -> NextRanks:
        own = replace(recipe, seed=seed)
        model = trained(own, train, c, dev, work / f"{'ids' if c is None else 'titles'}-{seed}")
        share = some.best_popular(model) if popular else 0.0
        print(f"  popularity counts {share:g} beside the cosine")
        return test.with_popular(model, [share])[0]

    plain = {"popularity": lambda: test.popularity(train), "last item": lambda: test.last_item(train)}
    plain |= {"last item, dev too": test.last_item}
    plain |= {"mean of item vectors": lambda: test.mean(content)} if content is not None else {}
    learnt = {"BPR-MF": of_bpr} if "bpr" in peers else {}
    learnt |= {"karrot_user, ids": lambda seed: of_ours(seed, None)} if "ids" in peers else {}
    learnt |= {"karrot_user, ids, popular": lambda seed: of_ours(seed, None, True)} if "ids" in peers else {}
    learnt |= {"karrot_user, ids + titles": lambda seed: of_ours(seed, content)} if content is not None and "titles" in peers else {}
    learnt |= {"SASRec, softmax": lambda seed: of_sasrec(seed, SAMPLE)} if "softmax" in peers else {}
    learnt |= {"SASRec": of_sasrec} if "sasrec" in peers else {}
    learnt |= {"SASRec, S3-Rec's sizes": lambda seed: of_sasrec(seed, sized=S3REC)} if "s3rec" in peers else {}
    made = [(called, seeds[:1], lambda seed, make=make: make()) for called, make in plain.items()]
    made += [(called, seeds, make) for called, make in learnt.items()]
    found: dict[str, list[NextRanks]] = {}
    for called, wanted, make in made:
        for seed in wanted:
            file = work / f"{called}-{seed}.npy"
            if not file.exists():
                begun = time.monotonic()
                np.save(file, make(seed).ranks)
                print(f"  {called}, seed {seed}: {time.monotonic() - begun:.0f} s", flush=True)
            found.setdefault(called, []).append(NextRanks(np.load(file)))
    print(PastRanked.header())
    for called, runs in found.items():
        print(f"{called:28} {mean_told(test, runs)}")
    differences({called: by_user(test, [r.gains for r in runs]) for called, runs in found.items()})


def differences(gains: dict[str, np.ndarray]) -> None:
    """By how much the user vector is ahead of each peer that was run, paired by user."""
    for base in ("SASRec", "SASRec, softmax", "last item"):
        for called in (k for k in gains if k.startswith("karrot_user") and base in gains):
            apart = gains[called] - gains[base]
            low, high = metrics.bootstrap(apart)
            print(f"nDCG@10, {called} − {base}: {apart.mean():+.4f} [{low:+.4f}, {high:+.4f}]", flush=True)


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


def read_by_title(task: PastRanked, model: UserNetwork, content: np.ndarray) -> NextRanks:
    """By the cosine, where items that the model does not know by id, in histories and among candidates, are what their titles say."""
    row = {name: n for n, name in enumerate(model.known.items, start=1)}
    with torch.no_grad():
        ids = model.ids(torch.tensor([row.get(name, 0) for name in task.before.items]))
        table = model.told(torch.from_numpy(content)) + ids
        table = torch.cat([torch.zeros_like(table[:1]), table])
    past = histories(task.before, LogNames(task.before.items, model.known.actions, model.known.surfaces, model.known.regions))
    things = torch.nn.functional.normalize(table[1:], dim=-1).numpy().T
    return task.ranked(lambda users: vectors(model, grown(model, table, [past.of(int(u)) for u in users])) @ things)


def unseen(data: Path, recipe, work: Path) -> None:
    """Amazon's titles: products of which most have never been seen, so that titles are all there is to go by."""
    log, content = amazon(data)
    cut = windows(log)
    assert not leaks(cut)
    dev, test = chooses(cut), past_ranked(cut, "test")
    model = trained(recipe, cut.train, content, dev, work)
    known = set(model.known.items)
    new = np.array([log.items[i] not in known for i in test.target])
    print(f"\nunseen (Amazon titles): {len(cut.train):,} training events, {len(log.items):,} products")
    print(f"dev {len(dev)} items, test {len(test)} users")
    print(f"the next product of {new.sum()} of them was never seen before the split")
    print(PastRanked.header())
    found = {"popularity": test.popularity(), "last item": test.last_item(), "mean of titles": test.mean(content)}
    found |= {"user vector, ids alone": test.of_model(model), "user vector, titles read": read_by_title(test, model, content)}
    for called, ranks in found.items():
        print(f"{called:28} {ranks.told()}")
        if new.any():
            print(f"{'  … products never seen':28} {NextRanks(ranks.ranks[new]).told()}", flush=True)


def cold(data: Path, recipe, work: Path) -> None:
    """Films of the last tenth of the time on kmrd: asked by one event, and by its title alone, as of somebody without a history."""
    log, content = kmrd(data)
    cut = windows(log)
    assert not leaks(cut)
    dev, test = chooses(cut), past_ranked(cut, "test")
    print(
        f"\ncold (kmrd): {len(cut.train):,} training events; dev {len(dev)} items, test {len(test)} users with a past and a future",
        flush=True,
    )
    model = trained(recipe, cut.train, content, dev, work)
    last = PastRanked(only_last(test), test.asked, test.target)
    with torch.no_grad():
        told = model.told(torch.from_numpy(content))
        told = torch.cat([torch.zeros_like(told[:1]), told])
        items = torch.nn.functional.normalize(model.tower(torch.arange(len(model.known.items) + 1)), dim=-1)[1:].numpy()
    row = {name: n for n, name in enumerate(log.items)}
    place = np.array([row[name] for name in model.known.items])

    def by_title(users):
        one = [History(*(np.full(1, x, np.int64) for x in (last.history(int(u))[-1] + 1, 0, 0, 0, 0)), np.zeros(1)) for u in users]
        out = np.full((len(users), len(log.items)), -np.inf, np.float32)
        out[:, place] = vectors(model, grown(model, told, one)) @ items.T
        return out

    popular = dev.best_popular(model)
    print(f"popularity counts {popular:g} beside the cosine, as dev chose")
    print(PastRanked.header())
    found = {
        "popularity": test.popularity(),
        "last item": test.last_item(),
        "mean of item vectors": test.mean(content),
        "user vector, whole history": test.of_model(model),
        "… and popularity": test.with_popular(model, [popular])[0],
        "user vector, one event": last.of_model(model),
        "… one event, and popularity": last.with_popular(model, [popular])[0],
        "user vector, one title": last.ranked(by_title),
        "title against titles": last.mean(content, 1),
    }
    for called, ranks in found.items():
        print(f"{called:28} {ranks.told()}", flush=True)
    gained = found["… and popularity"].gains - found["popularity"].gains
    low, high = metrics.bootstrap(gained)
    print(f"nDCG@10, user vector and popularity − popularity: {gained.mean():+.4f} [{low:+.4f}, {high:+.4f}]")


def ctr(data: Path, recipe, work: Path) -> None:
    """The user model learns from the liked films of the first 70 % of the time; the rest is `behaviour.ranker`'s."""
    rows = np.loadtxt(data / "users" / "movielens_100k" / "u.data", dtype=np.int64)
    rows = rows[np.argsort(rows[:, 3], kind="stable")]
    first, second = (float(np.quantile(rows[:, 3], q)) for q in (0.7, 0.85))
    liked, content = liked_films(data)
    inner = windows(liked.only(liked.time <= first), (0.9, 0.9999))
    model = trained(recipe, inner.train, content, chooses(inner), work)
    ranker.lift(rows, liked, model, first, second)


def only_last(task: PastRanked) -> BehaviourLog:
    """The log with each asked user's last event alone."""
    starts = task.before.starts
    keep = np.ones(len(task.before), np.bool_)
    for user in task.asked:
        keep[starts[user] : starts[user + 1] - 1] = False
    return task.before.only(keep)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("rank", "ctr", "cost", "cold", "unseen", "size"))
    parser.add_argument("sets", nargs="*", help=f"of rank: ml, ml-time, ml-time-all, amazon, {', '.join(SEQUENCES)}")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seconds", type=float, default=300.0, help="for each training of a peer")
    parser.add_argument("--work", type=Path, default=Path("build/users"), help="where trainings go on from when they were killed")
    parser.add_argument("--seeds", default="0", help="of rank")
    parser.add_argument("--peers", default="bpr,sasrec,softmax,ids,titles")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--events", type=int, default=10_000_000, help="of size")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    recipe = karrot_user.TINY.changed(dict(s.split("=", 1) for s in given.set))
    match given.what:
        case "rank":
            for name in given.sets or ("ml", "LastFM"):
                rank(given.data, name, recipe, given.seconds, given.peers.split(","), given.work, [int(n) for n in given.seeds.split(",")])
        case "ctr":
            ctr(given.data, recipe, given.work / "ctr")
        case "cold":
            cold(given.data, recipe, given.work / "cold")
        case "unseen":
            unseen(given.data, recipe, given.work / "unseen")
        case "cost":
            cost.of_one_user()
        case "size":
            cost.of_a_log(given.events, given.work / "size")


if __name__ == "__main__":
    main()
