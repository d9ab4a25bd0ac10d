"""Scored pairs and a labelled set go in; the similarity threshold whose pairs teach the most, for titles and for queries apart, comes out.

At each threshold the same small model is trained on the pairs that pass, for the same number of steps, and asked for zero-shot classes on
pictures that no pair has. Half of the labelled pictures choose the threshold, the other half say what it is worth.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hannun import encode, metrics, shards, sources
from hannun.embeddings import Floats, unit
from hannun.encoder import Encoder
from hannun.errors import InputError, MissingError
from hannun.files import write_whole
from hannun.item import Image, Item, Problem
from hannun.journal import Journal, digest

Kind = Literal["title", "query"]
NGRAMS = 1 << 31  # hashed values of character n-grams
MOST_GRAMS = 64  # of one text
THRESHOLDS = (-1.0, 0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
LEAST_PAIRS = 32  # a subset of fewer teaches nothing worth plotting

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """Pairs in rows: the pictures' vectors [n, d], and for each pair its picture's row, its text, and their similarity."""

    vectors: Floats
    rows: Ints
    texts: tuple[str, ...]
    similarity: Floats


@dataclass(frozen=True)
class Labelled:
    """Pictures' vectors [n, d], the class of each, the classes' names, and which half each picture belongs to (True chooses)."""

    vectors: Floats
    classes: Ints
    names: tuple[str, ...]
    chooses: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SmallModel:
    """The small model: a linear map over frozen picture vectors, and a bag of character n-grams that starts from nothing."""

    width: int = 96
    steps: int = 300
    batch: int = 128
    learning_rate: float = 0.01
    temperature: float = 0.07


@dataclass(frozen=True)
class SweepPoint:
    """One threshold: how many pairs pass, and the accuracy on the choosing half, mean over seeds, with its 95 % interval over pictures."""

    threshold: float
    pairs: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class SweepResult:
    """A kind's points, the threshold chosen (None where no subset was large enough), and its accuracy on the other half with interval."""

    kind: Kind
    points: tuple[SweepPoint, ...]
    threshold: float | None
    test: float
    test_low: float
    test_high: float


def grams(texts: Sequence[str]) -> Ints:
    """Hashed character 1-, 2- and 3-grams, int64 [n, MOST_GRAMS], 0 for nothing."""
    out = np.zeros((len(texts), MOST_GRAMS), np.int64)
    for n, text in enumerate(texts):
        padded = f" {text.lower()} "
        every = dict.fromkeys(padded[i : i + k] for k in (3, 2, 1) for i in range(len(padded) - k + 1))
        found = [1 + int.from_bytes(blake2b(g.encode(), digest_size=4).digest(), "big") % (NGRAMS - 1) for g in every if g.strip()]
        out[n, : len(found[:MOST_GRAMS])] = found[:MOST_GRAMS]
    return out


def train(vectors: Floats, rows: Ints, texts: Sequence[str], small: SmallModel, seed: int) -> Callable[[Floats, Sequence[str]], Floats]:
    """The small model trained on pairs (vectors[rows[i]], texts[i]); returns (picture vectors [n, d], texts [m]) → cosines [n, m]."""
    import torch
    from torch import nn

    from hannun.objectives.infonce import infonce

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    centre = vectors[np.unique(rows)].mean(0)
    picture = nn.Linear(vectors.shape[1], small.width, bias=False)
    ids = {t: n for n, t in enumerate(dict.fromkeys(texts))}
    hashed = grams(list(ids))
    vocabulary = np.unique(np.append(hashed, 0))  # a row for each n-gram of the pairs; others say nothing, as place 0 does
    ngrams = torch.from_numpy(np.searchsorted(vocabulary, hashed))
    bag = nn.EmbeddingBag(len(vocabulary), small.width, mode="mean", padding_idx=0)
    with torch.no_grad():
        bag.weight[1:].normal_(std=0.05)
    optimiser = torch.optim.AdamW([*picture.parameters(), *bag.parameters()], lr=small.learning_rate, weight_decay=0.02)
    of = torch.tensor([ids[t] for t in texts])
    pictures = torch.from_numpy(np.asarray(unit(vectors - centre)))
    place = torch.from_numpy(rows)
    normalize = nn.functional.normalize
    for step in range(small.steps):
        rate = small.learning_rate * min(1.0, (step + 1) / 20) * (1 - step / small.steps)
        for group in optimiser.param_groups:
            group["lr"] = rate
        chosen = torch.from_numpy(rng.choice(len(texts), min(small.batch, len(texts)), replace=False))
        same = (of[chosen][:, None] == of[chosen][None]) | (place[chosen][:, None] == place[chosen][None])
        images, words = normalize(picture(pictures[place[chosen]]), dim=-1), normalize(bag(ngrams[of[chosen]]), dim=-1)
        loss = infonce(words, images, 1 / small.temperature, ignore=same)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    def cosines(targets: Floats, names: Sequence[str]) -> Floats:
        with torch.no_grad():
            images = normalize(picture(torch.from_numpy(np.asarray(unit(targets - centre)))), dim=-1)
            wanted = grams(names)
            place_of = np.minimum(np.searchsorted(vocabulary, wanted), len(vocabulary) - 1)
            words = normalize(bag(torch.from_numpy(np.where(vocabulary[place_of] == wanted, place_of, 0))), dim=-1)
            scores: Floats = (images @ words.T).numpy()
        return scores

    return cosines


def sweep(
    kind: Kind,
    pairs: Scored,
    labelled: Labelled,
    thresholds: Sequence[float] = THRESHOLDS,
    small: SmallModel | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    done: Callable[[int], None] = lambda n: None,
    journal: Journal | None = None,
) -> SweepResult:
    """Train at each threshold, choose the best on one half of `labelled`, and measure that one on the other half.

    A training that a `journal` has of equal pairs, settings and seed is not done again.
    """
    small = small or SmallModel()
    journal = journal or Journal()
    target, vectors = digest(labelled.vectors.tobytes(), *labelled.names), digest(pairs.vectors.tobytes())
    points: list[SweepPoint] = []
    hits: dict[float, Floats] = {}
    for threshold in thresholds:
        passed = np.flatnonzero(pairs.similarity >= threshold)
        if len(passed) >= LEAST_PAIRS:
            texts = [pairs.texts[n] for n in passed]
            rows = pairs.rows[passed]
            inputs = [target, repr(small), vectors, digest(rows.tobytes(), *texts)]

            def guess(seed: int, rows: Ints = rows, texts: Sequence[str] = texts) -> bytes:
                cosines = train(pairs.vectors, rows, texts, small, seed)(labelled.vectors, labelled.names)
                return cosines.argmax(1).astype(np.int64).tobytes()

            kept = [journal.get(digest(*inputs, str(seed)), partial(guess, seed)) for seed in seeds]
            guesses = [np.frombuffer(k, np.int64) for k in kept]
            hits[threshold] = np.mean([g == labelled.classes for g in guesses], axis=0).astype(np.float32)
            mine = hits[threshold][labelled.chooses]
            low, high = metrics.bootstrap(mine.astype(float))
            points.append(SweepPoint(threshold, len(passed), float(mine.mean()), low, high))
        done(1)
    if not points:
        return SweepResult(kind, (), None, float("nan"), float("nan"), float("nan"))
    best = max(points, key=lambda p: (p.accuracy, p.threshold))
    other = hits[best.threshold][~labelled.chooses].astype(float)
    low, high = metrics.bootstrap(other)
    return SweepResult(kind, tuple(points), best.threshold, float(other.mean()), low, high)


def read_pairs(
    paths: Sequence[Path], encoder: Encoder, progress: Callable[[int], None] = lambda n: None, journal: Journal | None = None
) -> dict[Kind, Scored]:
    """Titles and queries of shards that `run` wrote with scores, with the pictures' vectors. Raises InputError without scores."""
    items: list[Item] = []
    data: dict[str, dict[str, Any]] = {}
    for path in training_shards(paths):
        for record in shards.read(path):
            if record.pictures and "title_kelip_score" in record.data:
                items.append(Item(record.key, (Image(record.pictures[0]),)))
                data[record.key] = record.data
    problems: list[Problem] = []
    embeddings, kept = encode.embed(items, encoder, "document", problems, progress, journal) if items else (None, [])
    rows: dict[Kind, list[tuple[int, str, float]]] = {"title": [], "query": []}
    for n, it in enumerate(kept):
        d = data[it.id]
        if d["title"] and d["title_kelip_score"] is not None:
            rows["title"].append((n, d["title"], float(d["title_kelip_score"])))
        rows["query"] += [(n, q, float(s)) for q, s in zip(d["query"], d["query_kelip_score"], strict=False)]
    if embeddings is None or not any(rows.values()):
        raise InputError(
            f"{', '.join(map(str, paths))}: holds no scored pairs; make them with `hannun curate run … --min-title -1 --min-query -1`"
        )
    return {
        kind: Scored(
            embeddings.dense,
            np.array([r[0] for r in found], np.int64),
            tuple(r[1] for r in found),
            np.array([r[2] for r in found], np.float32),
        )
        for kind, found in rows.items()
        if found
    }


def read_labelled(
    table: Path, encoder: Encoder, progress: Callable[[int], None] = lambda n: None, journal: Journal | None = None
) -> Labelled:
    """A table (or shard) of pictures with a `label` each; halves by the hash of the id. Raises InputError where labels are missing."""
    if not table.exists():
        raise MissingError(f"{table}: no such file; expected a table of pictures with a 'label'")
    items = [i for i in sources.read([table]) if isinstance(i, Item) and i.images and i.facts.get("label")]
    if len(items) < 4:
        raise InputError(f"{table}: has {len(items)} pictures with a 'label', expected some for each class")
    bare = [Item(i.id, i.images[:1], i.facts) for i in items]
    embeddings, kept = encode.embed(bare, encoder, "document", [], progress, journal)
    names = sorted({str(i.facts["label"]) for i in kept})
    place = {name: n for n, name in enumerate(names)}
    halves = np.array([blake2b(i.id.encode(), digest_size=1).digest()[0] % 2 == 0 for i in kept])
    return Labelled(embeddings.dense, np.array([place[str(i.facts["label"])] for i in kept], np.int64), tuple(names), halves)


def write(out: Path, swept: Sequence[SweepResult], encoder: Encoder, small: SmallModel) -> Path:
    """`sweep.json` and `sweep.html` with a plot for titles and one for queries; returns the page's path."""
    summary: Mapping[str, Any] = {
        "scorer": {"name": encoder.name, "fingerprint": encoder.fingerprint},
        "small": asdict(small),
        "swept": [asdict(s) for s in swept],
    }
    write_whole(out / "sweep.json", json.dumps(summary, ensure_ascii=False, indent=1).encode())
    figures = "".join(f"<figure>{plot(s)}</figure>" for s in swept if s.points)
    page = out / "sweep.html"
    head = "<!doctype html><html lang=ko><meta charset=utf-8><title>sweep</title>"
    write_whole(page, f"{head}<h1>유사도 문턱 · similarity thresholds</h1>{figures}</html>".encode())
    return page


def plot(swept: SweepResult) -> str:
    """Accuracy with its interval, and the number of pairs, over the threshold: an SVG."""
    import matplotlib

    matplotlib.use("Agg")
    import koreanize_matplotlib  # noqa: F401  (sets a Korean font)
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(6, 3.6))
    x = [max(p.threshold, -0.2) for p in swept.points]
    y = [p.accuracy for p in swept.points]
    axis.errorbar(
        x,
        y,
        [[p.accuracy - p.low for p in swept.points], [p.high - p.accuracy for p in swept.points]],
        marker="o",
        capsize=3,
        color="#2f7d5b",
    )
    axis.set_xlabel("유사도 문턱 · threshold (왼쪽 끝: 모두 · leftmost: all)")
    axis.set_ylabel("zero-shot 정확도 · accuracy")
    if swept.threshold is not None:
        axis.axvline(max(swept.threshold, -0.2), color="#c0392b", linestyle="--", linewidth=1)
    count = axis.twinx()
    count.plot(x, [p.pairs for p in swept.points], color="#999999", linewidth=1)
    count.set_ylabel("짝의 수 · pairs")
    count.set_ylim(bottom=0)
    axis.set_title({"title": "제목 · titles", "query": "질의 · queries"}[swept.kind])
    figure.tight_layout()
    out = io.StringIO()
    figure.savefig(out, format="svg")
    pyplot.close(figure)
    return out.getvalue()[out.getvalue().index("<svg") :]


def training_shards(paths: Sequence[Path]) -> list[Path]:
    """The training shards below folders, and files as they are, in order. Raises MissingError."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise MissingError(f"{path}: no such file or folder; check the path")
        found += sorted(path.rglob("train-*.tar")) if path.is_dir() else [path]
    return found
