"""The figures of evaluation: how far the metrics agree with their peers, what a run costs, and the embedded model's whole report.

    python benchmarks/evaluate.py --data ../shared/data [--only peers,cost,report]

`peers` prints the largest difference of every metric from ranx, trec_eval, scikit-learn, scipy and torchmetrics on the same random
inputs, and the time of both. `cost` runs `hannun eval mini --on ko_embed` in a process of its own, with an empty cache and with a full one:
wall time and processor time. `report` runs every suite whose data is there and leaves the report in --to.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hannun import metrics

QUERIES, DOCUMENTS = 300, 200


def timed(work: Callable[[], Any], repeats: int = 3) -> tuple[Any, float]:
    """What the work gives, and its best time in milliseconds."""
    best, found = float("inf"), None
    for _ in range(repeats):
        begun = time.perf_counter()
        found = work()
        best = min(best, time.perf_counter() - begun)
    return found, best * 1000


def line(metric: str, peer: str, difference: float, ours: float, theirs: float) -> None:
    """One row of the table."""
    print(f"{metric:24}{peer:18}{difference:12.1e}{ours:12.2f}{theirs:12.2f}", flush=True)


def peers() -> None:
    """Every metric beside its peers; ours and theirs on the same input, one after the other in one process."""
    random = np.random.default_rng(7)
    scores = random.permutation(QUERIES * DOCUMENTS).reshape(QUERIES, DOCUMENTS) / 1e4
    grades = random.integers(0, 4, scores.shape) * (random.random(scores.shape) < 0.1)
    grades[:, 0] = np.maximum(grades[:, 0], 1)
    print(f"{'metric':24}{'peer':18}{'difference':>12}{'ours, ms':>12}{'theirs, ms':>12}")
    ours = {
        "recall@10": lambda: metrics.recall(metrics.by_rank(scores, grades), 10),
        "precision@10": lambda: metrics.precision(metrics.by_rank(scores, grades), 10),
        "hit_rate@10": lambda: metrics.hit(metrics.by_rank(scores, grades), 10),
        "ndcg@10": lambda: metrics.ndcg(metrics.by_rank(scores, grades), 10),
        "ndcg_burges@10": lambda: metrics.ndcg(metrics.by_rank(scores, grades), 10, exponential=True),
        "mrr": lambda: metrics.reciprocal_rank(metrics.by_rank(scores, grades)),
        "map": lambda: metrics.average_precision(metrics.by_rank(scores, grades)),
    }
    try:
        import ranx

        qrels = ranx.Qrels({f"q{q}": {f"d{d}": int(g) for d, g in enumerate(row) if g} for q, row in enumerate(grades)})
        run = ranx.Run({f"q{q}": {f"d{d}": float(s) for d, s in enumerate(row)} for q, row in enumerate(scores)})
        rows = [int(q.removeprefix("q")) for q in run.run]
        for name, measure in ours.items():
            mine, my_time = timed(measure)
            theirs, their_time = timed(lambda name=name: np.asarray(ranx.evaluate(qrels, run, name, return_mean=False)))
            line(name, "ranx", float(np.abs(mine[rows] - theirs).max()), my_time, their_time)
    except ImportError as e:
        print(f"ranx left out: {e}")
    try:
        import pytrec_eval

        judged = {f"q{q}": {f"d{d}": int(g) for d, g in enumerate(row)} for q, row in enumerate(grades)}
        found = {f"q{q}": {f"d{d}": float(s) for d, s in enumerate(row)} for q, row in enumerate(scores)}
        names = {"recall_10": "recall@10", "P_10": "precision@10", "ndcg_cut_10": "ndcg@10", "recip_rank": "mrr", "map": "map"}
        asked = {"recall.10", "P.10", "ndcg_cut.10", "recip_rank", "map"}
        theirs, their_time = timed(lambda: pytrec_eval.RelevanceEvaluator(judged, asked).evaluate(found))
        for key, name in names.items():
            mine, my_time = timed(ours[name])
            line(name, "trec_eval", float(np.abs(mine - [theirs[f"q{q}"][key] for q in range(QUERIES)]).max()), my_time, their_time / 5)
    except ImportError as e:
        print(f"trec_eval left out: {e}")
    labels_and_correlations(random)
    learned(random, scores, grades)


def labels_and_correlations(random: np.random.Generator) -> None:
    """Classification and correlation against scikit-learn and scipy."""
    try:
        import scipy.stats
        import sklearn.metrics as sk
    except ImportError as e:
        print(f"scikit-learn and scipy left out: {e}")
        return
    truth, guess = random.integers(0, 50, 5000), random.integers(0, 50, 5000)
    a, b = random.integers(0, 30, 5000).astype(float), random.normal(size=5000)
    pairs: list[tuple[str, str, Callable[[], Any], Callable[[], Any]]] = [
        ("accuracy", "scikit-learn", lambda: metrics.accuracy(truth, guess), lambda: sk.accuracy_score(truth, guess)),
        ("macro-F1", "scikit-learn", lambda: metrics.macro_f1(truth, guess), lambda: sk.f1_score(truth, guess, average="macro")),
        ("Spearman", "scipy", lambda: metrics.spearman(a, b), lambda: scipy.stats.spearmanr(a, b)[0]),
    ]
    for name, peer, mine, their in pairs:
        (x, my_time), (y, their_time) = timed(mine), timed(their)
        line(name, peer, abs(float(x) - float(y)), my_time, their_time)


def learned(random: np.random.Generator, scores: Any, grades: Any) -> None:
    """torchmetrics: retrieval, the Fréchet distance. (BERTScore and CLIPScore are compared in tests/evaluate/test_peers.py.)"""
    try:
        import torch
        from torchmetrics.functional.retrieval import retrieval_normalized_dcg
        from torchmetrics.image.fid import FrechetInceptionDistance
    except ImportError as e:
        print(f"torchmetrics left out: {e}")
        return
    mine, my_time = timed(lambda: metrics.ndcg(metrics.by_rank(scores, grades), 10))
    s, g = torch.tensor(scores), torch.tensor(grades)
    theirs, their_time = timed(lambda: [float(retrieval_normalized_dcg(a, b, top_k=10)) for a, b in zip(s, g, strict=True)])
    line("ndcg@10", "torchmetrics", float(np.abs(mine - theirs).max()), my_time, their_time)

    class Same(torch.nn.Module):  # type: ignore[misc]
        num_features = 48

        def forward(self, x: Any) -> Any:
            return x.flatten(1).double()

    x, y = random.normal(size=(600, 48)), random.normal(0.3, 1.2, size=(500, 48))
    fid = FrechetInceptionDistance(feature=Same(), normalize=True).set_dtype(torch.float64)
    fid.update(torch.tensor(x).reshape(-1, 3, 4, 4), real=True)
    fid.update(torch.tensor(y).reshape(-1, 3, 4, 4), real=False)
    (d, my_time), (e, their_time) = timed(lambda: metrics.frechet_distance(x, y)), timed(lambda: float(fid.compute()), 1)
    line("Fréchet distance", "torchmetrics", abs(d - e), my_time, their_time)


def evaluation(data: Path, cache: Path, to: Path, suites: tuple[str, ...]) -> tuple[float, float]:
    """Wall and processor seconds of one `hannun eval mini`."""
    command = [sys.executable, "-m", "hannun.serve.cli.main", "eval", "mini", "--data", str(data), "--cache", str(cache), "--to", str(to)]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*command, *(w for s in suites for w in ("--on", s))], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - begun, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", default="peers,cost,report")
    parser.add_argument("--cache", type=Path, help="kept between runs; a temporary one when left out")
    parser.add_argument("--to", type=Path, default=Path("build/eval"))
    a = parser.parse_args()
    only = set(a.only.split(","))
    if "peers" in only:
        peers()
    with tempfile.TemporaryDirectory() as temporary:
        cache = a.cache or Path(temporary)
        if "cost" in only:
            for state in ("empty", "full"):
                wall, processor = evaluation(a.data, Path(temporary) / "cost", Path(temporary) / "report", ("ko_embed",))
                print(f"hannun eval mini --on ko_embed, {state} cache: {wall:.1f} s ({processor:.1f} s of processor time)", flush=True)
        if "report" in only:
            wall, processor = evaluation(a.data, cache, a.to, ())
            print(f"hannun eval mini, every suite: {wall:.1f} s ({processor:.1f} s of processor time); {a.to}/report.html")


if __name__ == "__main__":
    main()
