"""Wearable signals go in; activity recognition by other people's windows, with few examples and with none, and retrieval come out.

What takes part. `statistics`: a fixed baseline that reads the signal itself: moments, jerk, spectrum and correlations of a window,
scaled by the training people's. `caption`: the encoder under test through a Korean sentence of the window's statistics (the "statistical"
captions of SensorLM, Zhang et al. 2025). Where the encoder reads signals, it joins: `signal`, on people that `datasets.wearables` keeps
from training: with no example, by prompts in Korean and English; with 1, 5, 10 and 50 of each activity from training people, under a
logistic regression, beside the same on the statistics and the nearest caption among the examples; and days found by their captions.

People never stand on both sides: four folds of subjects for what learns nothing before, fixed people for what has learnt. Intervals
draw people. Windows: HMP 4 s at 32 Hz, SisFall 8 s at 25 Hz, at most two a recording, evenly spread.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hannun import metrics
from hannun.datasets import wearables
from hannun.datasets.wearables import ActivityWindows
from hannun.embeddings import unit
from hannun.evaluate.figure import Figure, hits, labels
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites.suite import Measured, Suite
from hannun.metrics import Array, Ints
from hannun.sensors.captions import caption
from hannun.sensors.templates import LANGUAGES
from hannun.signals import Signal

FOLDS = 4
NEIGHBOURS = 5
SHOTS = (1, 5, 20)
LEARNT_SHOTS = (1, 5, 10, 50)
DRAWS = 3  # of the examples that are shown
_BANDS = (0.1, 1.0, 2.0, 4.0, 8.0)  # Hz


def statistics(signals: ActivityWindows) -> Array:
    """Features of each window [n, features]: nothing is learnt here."""
    x = signals.windows
    size = np.linalg.norm(x[:, :, :3], axis=2, keepdims=True)
    x = np.concatenate([x, size], axis=2)
    centred = x - x.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(centred, axis=1)) ** 2
    hertz = np.fft.rfftfreq(x.shape[1], 1 / signals.rate)
    share = power / np.maximum(power.sum(axis=1, keepdims=True), 1e-12)
    bands = [share[:, (hertz >= a) & (hertz < b)].sum(axis=1) for a, b in zip((0.0, *_BANDS), (*_BANDS, np.inf), strict=True)]
    entropy = -(share * np.log(np.maximum(share, 1e-12))).sum(axis=1)
    jerk = np.abs(np.diff(x, axis=1)).mean(axis=1)
    norm = centred / np.maximum(np.sqrt((centred**2).sum(axis=1, keepdims=True)), 1e-12)
    among = np.einsum("ntc,ntd->ncd", norm, norm)[:, *np.triu_indices(x.shape[2], 1)]
    third = (centred**3).mean(axis=1) / np.maximum(x.std(axis=1) ** 3, 1e-9)
    quantiles = [np.quantile(x, q, axis=1) for q in (0.05, 0.25, 0.5, 0.75, 0.95)]
    first = [x[:, k * x.shape[1] // 3 : (k + 1) * x.shape[1] // 3].mean(axis=1) for k in range(3)]
    peak = hertz[power.argmax(axis=1)]
    return np.concatenate([x.mean(1), x.std(1), np.clip(third, -9, 9), *quantiles, *first, jerk, peak, entropy, *bands, among], axis=1)


def captions(signals: ActivityWindows) -> list[str]:
    """A Korean sentence of each window's statistics, in words and numbers, for encoders that read text."""
    said = []
    for window in signals.windows:
        size = np.linalg.norm(window[:, :3], axis=1)
        power = np.abs(np.fft.rfft(size - size.mean())) ** 2
        beat = np.fft.rfftfreq(len(size), 1 / signals.rate)[power.argmax()]
        lively = ("거의 움직임이 없고", "조금 움직이고", "활발히 움직이고", "아주 격하게 움직이고")[
            int(np.searchsorted((0.05, 0.2, 0.5), size.std()))
        ]
        way = "위아래앞뒤좌우"
        turned = np.abs(window[-len(window) // 4 :, :3].mean(0) - window[: len(window) // 4, :3].mean(0))
        leans = "자세가 크게 바뀐다" if turned.max() > 0.5 else "자세가 조금 바뀐다" if turned.max() > 0.2 else "자세가 그대로다"
        axes = ", ".join(f"{way[2 * k : 2 * k + 2]} 평균 {window[:, k].mean():.1f} 편차 {window[:, k].std():.2f}" for k in range(3))
        said.append(f"{lively} {leans}. 초당 {beat:.1f}번 반복된다. 최대 {size.max():.1f} g. {axes}.")
    return said


def folds(people: Ints) -> Ints:
    """The fold of each window: people dealt out by how many windows they have, most first, to the fold that has fewest."""
    ids, counts = np.unique(people, return_counts=True)
    load = np.zeros(FOLDS, np.int64)
    where = {}
    for k in np.argsort(-counts, kind="stable"):
        where[int(ids[k])] = int(load.argmin())
        load[load.argmin()] += counts[k]
    return np.array([where[int(p)] for p in people])


def scaled(features: Array, train: npt.NDArray[np.bool_]) -> Array:
    """Unit rows of features standardised by the training windows."""
    mean, deviation = features[train].mean(axis=0), features[train].std(axis=0)
    return np.asarray(unit((features - mean) / np.where(deviation > 1e-9, deviation, 1)), np.float64)


def recognise(features: Array, signals: ActivityWindows, seed: int, name: str) -> list[Figure]:
    """k nearest windows of other people, prototypes of few examples, and average precision of retrieval among other people."""
    fold = folds(signals.person)
    truth, classes = signals.activity, int(signals.activity.max()) + 1
    guess = np.zeros(len(truth), np.int64)
    few = {shots: np.zeros(len(truth), np.int64) for shots in SHOTS}
    precision: list[Array] = []
    rows: list[Ints] = []
    for k in range(FOLDS):
        test, train = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        x = scaled(features, fold != k)
        scores = x[test] @ x[train].T
        near = np.argsort(-scores, axis=1, kind="stable")[:, :NEIGHBOURS]
        votes = np.zeros((len(test), classes))
        np.add.at(votes, (np.arange(len(test))[:, None], truth[train][near]), np.take_along_axis(scores, near, axis=1))
        guess[test] = metrics.guess(votes, truth[test])
        random = np.random.default_rng([seed, k])
        for shots in SHOTS:
            chosen = [random.permutation(members)[:shots] if len(members := train[truth[train] == c]) else members for c in range(classes)]
            prototypes = unit(np.stack([x[c].mean(axis=0) if len(c) else np.zeros(x.shape[1]) for c in chosen]))
            few[shots][test] = metrics.guess(x[test] @ prototypes.T, truth[test])
        relevant = (truth[test][:, None] == truth[train]).astype(np.float64)
        precision.append(metrics.average_precision(metrics.by_rank(scores, relevant)))
        rows.append(test)
    order = np.argsort(np.concatenate(rows))
    note = f"{len(truth)} windows of {len(np.unique(signals.person))} people, {FOLDS} folds of people"
    found = labels(f"{name}, {NEIGHBOURS} nearest", truth, guess, signals.person, note)
    for shots, said in few.items():
        found.append(labels(f"{name}, {shots} examples", truth, said, signals.person)[1])
    found.append(Figure(f"{name}, same activity mAP", np.concatenate(precision)[order], groups=signals.person))
    return found


def zero_shot(harness: Harness, found: ActivityWindows, rows: Sequence[int], seen: Array) -> list[Figure]:
    """Which activity's prompts are nearest to each window, in Korean and in English."""
    figures = []
    for language in LANGUAGES:
        asked = [wearables.prompts(a, language, found.windows.shape[1] / found.rate) for a in found.activities]
        vectors = harness.queries([p for some in asked for p in some]).dense.astype(np.float64)
        classes = unit(vectors.reshape(len(asked), wearables.PROMPTS, -1).mean(axis=1))
        truth = found.activity[list(rows)]
        guess = metrics.guess(seen @ classes.T, truth)
        note = (
            f"{len(truth)} windows of {len(np.unique(found.person[list(rows)]))} people that training did not see, {len(asked)} activities"
        )
        figures += labels(f"{found.name} signal, zero-shot {language}", truth, guess, found.person[list(rows)], note)
    return figures


def few_shot(name: str, x: Array, found: ActivityWindows, train: Sequence[int], test: Sequence[int], nearest: bool = False) -> list[Figure]:
    """Macro-F1 on `test` of a logistic regression on few examples of `train`, or of the nearest one; DRAWS draws of them together."""
    truth, known = found.activity[list(test)], found.activity[list(train)]
    figures = []
    for shots in LEARNT_SHOTS:
        guesses = []
        for draw in range(DRAWS):
            rows = np.array(train)[metrics.shown(known, shots, draw)]
            if nearest:
                scores = np.full((len(test), int(found.activity.max()) + 1), -np.inf)
                near = x[list(test)] @ x[rows].T
                for k in np.unique(found.activity[rows]):
                    scores[:, k] = near[:, found.activity[rows] == k].max(axis=1)
            else:
                scores = metrics.logistic(x[rows], found.activity[rows], x[list(test)])
            guesses.append(metrics.guess(np.where(np.isfinite(scores), scores, -1e9), truth))
        people = np.tile(found.person[list(test)], DRAWS)
        figures.append(labels(f"{name}, {shots} examples", np.tile(truth, DRAWS), np.concatenate(guesses), people)[1])
    return figures


def learnt(harness: Harness, found: ActivityWindows) -> list[Figure]:
    """An encoder of signals beside the statistics and the nearest caption, on people whom training did not see."""
    split = found.split
    train, test = ([n for n, s in enumerate(split) if s == part] for part in ("train", "test"))
    seen = harness.documents([{"signal": found.signal(n)} for n in range(len(split))]).dense.astype(np.float64)
    figures = zero_shot(harness, found, test, seen[test])
    figures += few_shot(f"{found.name} signal, held-out people", seen, found, train, test)
    figures += few_shot(f"{found.name} statistics, held-out people", statistics(found), found, train, test)
    said = harness.documents([*captions(found)]).dense.astype(np.float64)
    return figures + few_shot(f"{found.name} nearest caption, held-out people", said, found, train, test, nearest=True)


def days(harness: Harness) -> list[Figure]:
    """Days of held-out people found among each other by what their captions say."""
    there = [d for d in wearables.fitbit_days(harness.data) if d.split == "test"]
    people = sorted({d.person for d in there})
    groups = np.array([people.index(d.person) for d in there])
    seen = harness.documents([{"signal": d.signal} for d in there]).dense
    figures = []
    for language in LANGUAGES:
        asked = harness.queries([caption(d.signal, language, ("semantic", "structural", "statistical")) for d in there]).dense
        ranks = metrics.pessimistic_rank(asked @ seen.T, np.arange(len(there)))
        figures += hits(f"fitbit days, caption {language} → day", ranks, groups=groups, note=f"{len(there)} days of {len(people)} people")
    return figures


def sensors(harness: Harness) -> Measured:
    """Both sets, by the baseline and by the encoder; days, where it reads signals."""
    for stem in (wearables.HMP, wearables.SISFALL):
        for ending in ("index.jsonl", "npz"):
            harness.file(f"{stem}.{ending}")
    reads = Signal.kind in harness.encoder.kinds
    found: list[Figure] = []
    for read in (wearables.hmp, wearables.sisfall):
        signals = read(harness.data)
        found += recognise(statistics(signals), signals, harness.seed, f"{signals.name} statistics")
        said = harness.documents([*captions(signals)]).dense.astype(np.float64)
        found += recognise(said, signals, harness.seed, f"{signals.name} caption")
        found += learnt(harness, signals) if reads else []
    if reads and (harness.data / wearables.FITBIT).exists():
        found += days(harness)
    harness.notes.append(
        "`statistics` is a fixed baseline that no encoder changes; `caption` is the encoder reading a sentence about the signal"
    )
    return Measured(found)


SUITES: Sequence[Suite] = (
    Suite(
        "sensors",
        "activities from wearable signals, people held out",
        sensors,
        ("sensors/hmp_wrist_32hz.npz", "sensors/sisfall_adl_25hz.npz"),
        "HMP (UCI, CC BY 4.0) and SisFall (Sucerquia et al. 2017)",
        pictures=False,
        no_rows="a row is a window of a signal, and what a model was trained on is kept of texts and pictures; people are held out",
    ),
)
