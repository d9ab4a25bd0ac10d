"""SensorLM beside what it must beat, on people whom training did not see; its variants beside each other; what captions say that is true.

    python benchmarks/sensors.py train --data ../shared/data        # trains what the tables compare: some minutes each on one thread
    python benchmarks/sensors.py recognise | retrieve | facts       # tables, of what has been trained

`recognise`: HMP and SisFall, macro-F1 of 12 and 19 activities: by prompts alone, and by 1, 5, 10 and 50 examples of each activity of
training people under a logistic regression, beside statistics under the same one and the nearest caption. `retrieve`: days and windows
by their own captions.
`facts`: every claim of template captions, of generated ones, and of the most similar training signal's caption, checked against the signal;
and BERTScore's F1 with the template's, on e5's last states.
Intervals are 95 % by bootstrap over people (of retrieval: over signals); few-shot is over DRAWS draws. All variants have
equal steps, one seed; `unlabelled` is CoCa that has never read an activity's name. Nothing is chosen on these people.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from captions import bert
from hannun import metrics
from hannun.datasets import wearables
from hannun.datasets.wearables import ActivityWindows
from hannun.evaluate.suites.sensors import captions as statistical
from hannun.evaluate.suites.sensors import statistics
from hannun.item import Item, Text
from hannun.models.captioner.speaking import captions as spoken
from hannun.models.checkpoint import open_model
from hannun.recipes import sensorlm, table
from hannun.recipes.data import signals
from hannun.recipes.skeleton import Training
from hannun.sensors.captions import NONE, caption
from hannun.sensors.checking import accuracy, checked
from hannun.sensors.templates import LANGUAGES

DRAWS, SHOTS = 5, (1, 5, 10, 50)
RUNS = (*sensorlm.VARIANTS, "unlabelled")
GENERATED, CHECKED = 40, 300  # signals of each set


def train(run: str, data: Path, work: Path, steps: int) -> None:
    """One of the models that are compared, kept in `work`/RUN/model."""
    if (work / run / "model").exists():
        print(f"{run}: trained already")
        return
    begun = time.process_time()
    recipe = replace(sensorlm.TINY, steps=steps, weights=sensorlm.VARIANTS.get(run, sensorlm.VARIANTS["CoCa"]))
    found = signals.described(data)
    if run == "unlabelled":  # numbers and trends of windows are told, and never what somebody did
        found |= {name: [(s, NONE, "") for s, _, _ in found[name]] for name in ("hmp", "sisfall")}
    training = Training(recipe, work / run, lambda line: print(f"{run}: {line}", flush=True))
    training.keep(sensorlm.learned(recipe, found, training))
    print(f"{run}: {(time.process_time() - begun) / 60:.1f} minutes of one thread", flush=True)


def models(work: Path) -> dict[str, Any]:
    """Those that have been trained."""
    return {run: open_model(work / run / "model") for run in RUNS if (work / run / "model").exists()}


def f1(truth: np.ndarray, guess: np.ndarray, people: np.ndarray) -> str:
    """Macro-F1 with its interval over people."""
    rows = np.stack([truth, guess], axis=1).astype(np.float64)
    low, high = metrics.bootstrap(rows, groups=people, statistic=lambda x: metrics.macro_f1(x[:, 0], x[:, 1]))
    return f"{metrics.macro_f1(truth, guess):.3f} [{low:.3f}, {high:.3f}]"


def few(x: np.ndarray, found: ActivityWindows, train_rows: list[int], test_rows: list[int], shots: int, nearest: bool) -> np.ndarray:
    """Guesses [draws, test] from few examples of each activity."""
    known = found.activity[train_rows]
    guesses = []
    for draw in range(DRAWS):
        rows = np.array(train_rows)[metrics.shown(known, shots, draw)]
        if nearest:
            guesses.append(found.activity[rows][(x[test_rows] @ x[rows].T).argmax(axis=1)])
        else:
            guesses.append(metrics.logistic(x[rows], found.activity[rows], x[test_rows]).argmax(axis=1))
    return np.stack(guesses)


def recognise(data: Path, work: Path) -> None:
    trained = models(work)
    for found in (wearables.hmp(data), wearables.sisfall(data)):
        split = found.split
        train_rows, test_rows = ([n for n, s in enumerate(split) if s == part] for part in ("train", "test"))
        truth, people = found.activity[test_rows], found.person[test_rows]
        many = f"{len(test_rows)} windows of {len(set(people))} people, {len(set(truth))} activities; {len(train_rows)} to learn from"
        print(f"\n{found.name}: {many}")
        print(f"{'zero-shot macro-F1':34} {'Korean prompts':24} English prompts")
        for run, model in trained.items():
            cells = [f1(*sensorlm.recognised(model, found, "test", language)) for language in LANGUAGES]
            print(f"{'  ' + run:34} {cells[0]:24} {cells[1]}")
        print(f"{'macro-F1 by examples':34} " + " ".join(f"{s:<24}" for s in SHOTS) + " all")
        vectors = {f"{run}, logistic": (_seen(model, found), False) for run, model in trained.items()}
        best = next(iter(trained.values()))
        said = table.of_model(best, "statistical")([Item("-", (Text(t),)) for t in statistical(found)], "query")
        vectors = {"statistics, logistic": (statistics(found), False), "nearest caption": (said, True)} | vectors
        guessed: dict[str, dict[Any, np.ndarray]] = {}
        for name, (x, nearest) in vectors.items():
            guessed[name] = {s: few(np.asarray(x), found, train_rows, test_rows, s, nearest) for s in SHOTS}
            whole = (
                found.activity[train_rows][(x[test_rows] @ x[train_rows].T).argmax(axis=1)]
                if nearest
                else metrics.logistic(x[train_rows], found.activity[train_rows], x[test_rows]).argmax(axis=1)
            )
            cells = [f1(np.tile(truth, DRAWS), g.reshape(-1), np.tile(people, DRAWS)) for g in guessed[name].values()]
            print(f"{'  ' + name:34} " + " ".join(f"{c:24}" for c in cells) + f" {f1(truth, whole, people)}", flush=True)
        for name in vectors:
            if name.endswith("logistic") and not name.startswith("statistics"):
                less = _difference(truth, people, guessed[name][10], guessed["statistics, logistic"][10])
                print(f"  {name} less statistics, 10 examples: {less}")


def _seen(model: Any, found: ActivityWindows) -> np.ndarray:
    return table.of_model(model)([Item("-", (found.signal(n),)) for n in range(len(found.activity))], "document").astype(np.float64)


def _difference(truth: np.ndarray, people: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> str:
    """Of macro-F1, over draws, with its interval over people."""
    rows = np.stack([np.tile(truth, DRAWS), ours.reshape(-1), theirs.reshape(-1)], axis=1).astype(np.float64)

    def less(x: np.ndarray) -> float:
        return metrics.macro_f1(x[:, 0], x[:, 1]) - metrics.macro_f1(x[:, 0], x[:, 2])

    low, high = metrics.bootstrap(rows, groups=np.tile(people, DRAWS), statistic=less)
    return f"{less(rows):+.3f} [{low:+.3f}, {high:+.3f}]"


def retrieve(data: Path, work: Path) -> None:
    found = {k: v[:300] for k, v in signals.described(data, "test").items()}
    for name, some in found.items():
        print(f"\n{name}: {len(some)} signals by their own captions, R@1 / R@5 / R@10 (chance R@10 {10 / len(some):.3f})")
        for run, model in models(work).items():
            cells = []
            for language in LANGUAGES:
                ranks = sensorlm.retrieved(model, some, language)
                low, high = metrics.bootstrap((ranks <= 10).astype(np.float64))
                cells.append(f"{language} " + " / ".join(f"{(ranks <= k).mean():.3f}" for k in (1, 5, 10)) + f" [{low:.3f}, {high:.3f}]")
            print(f"  {run:14} {cells[0]}   {cells[1]}", flush=True)


def facts(data: Path, work: Path) -> None:
    found = {k: v[:CHECKED] for k, v in signals.described(data, "test").items()}
    print(f"{'claims that hold':44} {'all':>16}  statistical  structural  semantic  unread  BERTScore")
    for name, some in found.items():
        claims = [
            c for n, (s, lab, _) in enumerate(some) for lang in LANGUAGES for c in checked(caption(s, lang, labels=lab, seed=n), s, lab)
        ]
        _line(f"{name}, templates", claims)
    trained = models(work)
    if not trained:
        print("nothing has been trained: templates alone")
        return
    for run in (r for r in ("CoCa", "captioning") if r in trained):
        for name, some in found.items():
            chosen = some[:: max(1, len(some) // GENERATED)][:GENERATED]
            for style in ("statistical", "semantic"):
                claims, said, real = [], [], []
                for language in LANGUAGES:
                    made = spoken(trained[run], [s for s, _, _ in chosen], style, language)
                    claims += [c for (s, lab, _), texts in zip(chosen, made, strict=True) for c in checked(texts[0][0], s, lab)]
                    said += [texts[0][0] for texts in made]
                    real += [[caption(s, language, (style,), lab)] for s, lab, _ in chosen]
                _line(f"{name}, {run} says, {style}", claims, bert(said, real).mean())
    run = next(iter(trained))
    known = signals.described(data)
    for name, some in found.items():
        chosen, others = some[:: max(1, len(some) // GENERATED)][:GENERATED], known[name][:: max(1, len(known[name]) // 1000)]
        embed = table.of_model(trained[run])
        near = (
            embed([Item("-", (s,)) for s, _, _ in chosen], "document") @ embed([Item("-", (s,)) for s, _, _ in others], "document").T
        ).argmax(1)
        for style in ("statistical", "semantic"):
            claims, said, real = [], [], []
            for language in LANGUAGES:
                texts = [caption(others[n][0], language, (style,), others[n][1]) for n in near]
                claims += [c for (s, lab, _), t in zip(chosen, texts, strict=True) for c in checked(t, s, lab)]
                said += texts
                real += [[caption(s, language, (style,), lab)] for s, lab, _ in chosen]
            _line(f"{name}, nearest training caption, {style}", claims, bert(said, real).mean())


def _line(name: str, claims: list[Any], likeness: float = 1.0) -> None:
    shares = [accuracy(claims, level) for level in ("statistical", "structural", "semantic")]
    unread = sum(c.found == "unread" for c in claims)
    right = sum(c.found == "right" for c in claims)
    print(
        f"{name:44} {right / max(1, len(claims)):.4f} of {len(claims):6,}  "
        + "  ".join(f"{s:10.3f}" for s in shares)
        + f"  {unread:6}  {likeness:.3f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "recognise", "retrieve", "facts"])
    parser.add_argument("runs", nargs="*", help=f"of `train`: {', '.join(RUNS)}; all where left out")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/sensors"), help="where trainings go on from when they were killed")
    parser.add_argument("--steps", type=int, default=sensorlm.TINY.steps)
    given = parser.parse_args()
    if given.what == "train":
        for run in given.runs or RUNS:
            train(run, given.data, given.work, given.steps)
        return
    {"recognise": recognise, "retrieve": retrieve, "facts": facts}[given.what](given.data, given.work)


if __name__ == "__main__":
    main()
