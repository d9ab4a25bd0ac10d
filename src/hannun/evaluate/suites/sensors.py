"""Wearable signals go in; activity recognition by other people's windows, with few examples too, and retrieval come out.

What takes part. `statistics`: a fixed baseline that reads the signal itself: moments, jerk, spectrum and correlations of a window,
scaled by the training people's. `caption`: the encoder under test, which reads no signals, through a Korean sentence of the window's
statistics (the "statistical" captions of SensorLM, Zhang et al. 2025). An encoder that reads signals themselves is not compared here yet.

People never stand on both sides: four folds of subjects, every window tested once by a model that never saw its person. Intervals
draw people. Windows: HMP 4 s at 32 Hz, SisFall 8 s at 25 Hz, at most WINDOWS per recording, evenly spread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hannun import metrics
from hannun.embeddings import unit
from hannun.evaluate.figure import Figure, labels
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites.suite import Measured, Suite
from hannun.metrics import Array, Ints

FOLDS = 4
NEIGHBOURS = 5
WINDOWS = 2
SHOTS = (1, 5, 20)
_BANDS = (0.1, 1.0, 2.0, 4.0, 8.0)  # Hz


@dataclass(frozen=True)
class Signals:
    """Windows [n, length, channels] in g and rad/s, the activity and the person of each."""

    name: str
    rate: float
    windows: Array
    activity: Ints
    person: Ints


def hmp(harness: Harness) -> Signals:
    """Wrist accelerometer, 14 activities, 16 people (Bruno et al. 2013)."""
    return _read(harness, "hmp wrist", "sensors/hmp_wrist_32hz", 32.0, 128, lambda x: -1.5 + x / 63 * 3)


def sisfall(harness: Harness) -> Signals:
    """Waist accelerometer (±16 g in 13 bits) and gyroscope (±2000 °/s in 16), 19 activities, 38 people (Sucerquia et al. 2017)."""
    scale = np.array([16 / 4096] * 3 + [np.deg2rad(2000 / 32768)] * 3)
    return _read(harness, "sisfall waist", "sensors/sisfall_adl_25hz", 25.0, 200, lambda x: x * scale)


def _read(harness: Harness, name: str, stem: str, rate: float, length: int, units: Callable[[Array], Array]) -> Signals:
    index = [json.loads(line) for line in harness.file(f"{stem}.index.jsonl").read_text("utf-8").splitlines()]
    with np.load(harness.file(f"{stem}.npz"), allow_pickle=False) as kept:
        signal = kept["x"]
    activities, people = sorted({r["activity"] for r in index}), sorted({r["subject"] for r in index})
    windows, activity, person = [], [], []
    for r in index:
        room = r["length"] - length
        starts = (
            [0] if room <= 0 else sorted({round(k * room / max(1, WINDOWS - 1)) for k in range(WINDOWS)}) if room >= length else [room // 2]
        )
        for start in starts:
            raw = signal[r["start"] + start : r["start"] + min(start + length, r["length"])].astype(np.float64)
            windows.append(units(np.pad(raw, ((0, length - len(raw)), (0, 0)), mode="edge")))
            activity.append(activities.index(r["activity"]))
            person.append(people.index(r["subject"]))
    return Signals(name, rate, np.stack(windows), np.array(activity), np.array(person))


def statistics(signals: Signals) -> Array:
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


def captions(signals: Signals) -> list[str]:
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


def recognise(features: Array, signals: Signals, seed: int, name: str) -> list[Figure]:
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


def sensors(harness: Harness) -> Measured:
    """Both sets, by the baseline and by the encoder."""
    found: list[Figure] = []
    for read in (hmp, sisfall):
        signals = read(harness)
        found += recognise(statistics(signals), signals, harness.seed, f"{signals.name} statistics")
        said = harness.documents([*captions(signals)]).dense.astype(np.float64)
        found += recognise(said, signals, harness.seed, f"{signals.name} caption")
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
