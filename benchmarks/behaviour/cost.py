"""What one user costs by the length of their history (`of_one_user`), and what a log of millions of events does (`of_a_log`); printed."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from hannun.models.sequence.cover import MergedHistory, cover
from hannun.models.sequence.folder import save_users
from hannun.models.sequence.history import History, grown, vectors
from hannun.models.sequence.network import LogNames, UserNetwork, UserShape

FILES, ITEMS, EACH = 4, 50_000, 100  # files of a log, its items, and events of a user in the mean


def of_one_user() -> None:
    """One user of 10 … 10,000 events (synthetic: nobody here has so many), from the raw history and from what is kept; users a second."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    known = LogNames(tuple(map(str, range(5_000))), ("click", "buy"))
    model = UserNetwork(UserShape(dropout=0.0), known).eval()
    with torch.no_grad():
        table = model.tower(torch.arange(5_001))

    def drawn(n: int) -> History:
        zeros = np.zeros(n, np.int64)
        return History(rng.integers(1, 5_001, n), rng.integers(1, 3, n), zeros, zeros, zeros, np.sort(rng.uniform(0, 3e8, n)))

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


def of_a_log(events: int, work: Path) -> None:
    """A synthetic log in Parquet: time and memory of what `hannun users train` reads before it learns, and of `hannun users embed`."""
    work.mkdir(parents=True, exist_ok=True)
    users = events // EACH
    logs = [work / f"{events}-{n}.parquet" for n in range(FILES)]
    for n, path in enumerate(logs):
        if not path.exists():
            _drawn(np.random.default_rng(n), events // FILES, users, path)
    size = sum(p.stat().st_size for p in logs) / 1e6
    print(f"\n{events:,} events, about {users:,} users, {ITEMS:,} items, {len(logs)} files of Parquet, {size:,.0f} MB; one thread of torch")
    torch.manual_seed(0)
    model = UserNetwork(UserShape(dropout=0.0, prices=True), LogNames(tuple(f"i{n}" for n in range(ITEMS)), ("click", "buy")))
    save_users(model, work / "model")
    read = "from hannun.sources.logs import read_log; from pathlib import Path; log = read_log([*map(Path, sys.argv[1:])])"
    more = "from hannun.users.histories import histories, names_of; past = histories(log, names_of(log))"
    asked = "print(f'{len(past.events):,} events of {len(past):,} users')"
    _measured("read and number (users train)", [sys.executable, "-c", f"import sys; {read}; {more}; {asked}", *map(str, logs)])
    out = [(work / f"{name}.parquet") for name in ("vectors", "kept")]
    for path in out:
        path.unlink(missing_ok=True)
    command = "import sys; from hannun.serve.cli.main import run; sys.exit(run(sys.argv[1:]))"
    words = ["users", "embed", *map(str, logs), "--model", str(work / "model"), "--to", str(out[0]), "--kept", str(out[1])]
    _measured("users embed", [sys.executable, "-c", command, *words])
    size, kept = (p.stat().st_size / 1e6 for p in out)
    print(f"{pq.read_metadata(out[0]).num_rows:,} vectors, {size:,.0f} MB; kept {kept:,.0f} MB")


def _drawn(rng: np.random.Generator, events: int, users: int, path: Path) -> None:
    """Users by a lognormal number of events, items by Zipf's law, three years."""
    share = rng.lognormal(0, 1, users)
    user = rng.choice(users, events, p=share / share.sum())
    item = np.minimum(rng.zipf(1.3, events), ITEMS) - 1
    names = {"user": ("u", user), "item": ("i", item)}
    columns = {k: pa.array(np.char.add(p, v.astype(str))) for k, (p, v) in names.items()}
    columns["time"] = pa.array(rng.integers(1_600_000_000, 1_700_000_000, events))
    columns["action"] = pa.array(np.array(["click", "buy"])[(rng.random(events) < 0.1).astype(int)])
    columns["price"] = pa.array(np.round(np.exp(rng.normal(9, 1.2, events)), -2))
    pq.write_table(pa.table(columns), path)


def _measured(called: str, words: list[str]) -> None:
    """Run in a process of its own; tell its time, and the most memory that any such process has had until now."""
    begun = time.perf_counter()
    subprocess.run(words, check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"{called:32} {time.perf_counter() - begun:7.0f} s, peak {peak:.2f} GB", flush=True)
