"""mini tuned to a user's own data: a shop and a wardrobe that it never saw, beside mini itself and a linear probe on mini's vectors.

    python benchmarks/own_data.py --data ../shared/data [--work DIR] [--only grocery,clothing]

`grocery`: shop photos with English descriptions, names, and Korean names of our own (`grocery_ko.tsv`). Tuned on train, read once on val:
is a photo of the product among the first five for its description (60 products, 296 photos)? `clothing`: phone photos of clothes, tuned
on 17 Korean names, accuracy on the photos of senders that training never saw. Forgetting: Flickr8k's held-out Korean captions among
1,000 photos, R@10. The probe is logistic regression on mini's vectors, its C chosen on a fifth of train. Intervals: 95 %, bootstrap
over products, senders, photos. Minutes, processor minutes and memory of the tuning, reading the pictures included; `--work` keeps what
was read, and then the time is of the rest alone.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from hannun import metrics, shards
from hannun.datasets import pictures
from hannun.embeddings import Floats, unit
from hannun.encoder import Encoder
from hannun.item import Image, Item, Pair, Text
from hannun.journal import Journal
from hannun.load import load
from hannun.mini.text import WIDTH
from hannun.train import tune

CLOTHES = {
    "T-Shirt": "티셔츠", "Pants": "바지", "Longsleeve": "긴팔 티셔츠", "Shirt": "셔츠", "Dress": "원피스", "Shoes": "신발",
    "Shorts": "반바지", "Outwear": "겉옷", "Hat": "모자", "Skirt": "치마", "Polo": "폴로 셔츠", "Undershirt": "속옷 상의",
    "Blazer": "블레이저", "Hoodie": "후드티", "Body": "바디수트", "Top": "탑", "Blouse": "블라우스",
}  # fmt: skip
KOREAN = dict(line.split("\t") for line in Path(__file__).with_name("grocery_ko.tsv").read_text("utf-8").splitlines())
Record = tuple[Image, dict[str, Any]]


def records(file: Path) -> list[Record]:
    return [(Image(r.pictures[0]), r.data) for r in shards.read(file)]


def pairs_of(group: Sequence[Record], say: Any) -> list[Pair]:
    return [
        Pair(Item(f"{n}/{k}", (Text(t),), facts), Item(str(n), (picture,), facts))
        for n, (picture, facts) in enumerate(group)
        for k, t in enumerate(say(facts))
    ]


def tuned(name: str, group: Sequence[Record], say: Any, product: str, work: Path) -> tuple[Encoder, dict[str, Floats]]:
    """Tune, print what it cost and what it says of itself; the model that it wrote, and mini's own vectors by the picture's digest."""
    began, used = time.monotonic(), time.process_time()
    own = tune.own_pairs(pairs_of(group, say), product)
    outcome = tune.tune(own, work / f"{name}.work", lambda line: print(f"  {line}", flush=True))
    spent, processor = (time.monotonic() - began) / 60, (time.process_time() - used) / 60
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"  {len(own.pictures):,} pictures, {len(own.texts)} texts: {spent:.1f} min, {processor:.1f} processor min, peak {memory:.0f} MB")
    for m in outcome.lines:
        print(f"  {m.line()}")
    print(f"  kept: {outcome.kept} ({outcome.why})")
    tune.write(outcome, work / name, {})
    states = tune.states_of(own.pictures, own.keys, Journal(work / f"{name}.work"), lambda _: None, lambda _: None)
    return load(work / name), dict(zip(own.keys, unit(states[:, :WIDTH].astype(np.float32)), strict=True))


def probe(own: dict[str, Floats], group: Sequence[Record], label: str) -> Any:
    vectors, y = np.stack([own[p.digest()] for p, _ in group]), np.array([f[label] for _, f in group])
    chosen = np.arange(len(y)) % 5 == 0

    def held_out(c: float) -> float:
        return float(LogisticRegression(C=c, max_iter=500).fit(vectors[~chosen], y[~chosen]).score(vectors[chosen], y[chosen]))

    best = max((0.3, 1, 3, 10, 30), key=held_out)
    return LogisticRegression(C=best, max_iter=500).fit(vectors, y)


def row(name: str, values: npt.NDArray[Any], over: npt.NDArray[Any] | None = None, groups: Any = None) -> None:
    low, high = metrics.bootstrap(values, groups=groups)
    text = f"  {name:44} {values.mean():.3f} [{low:.3f}, {high:.3f}]"
    if over is not None:
        d, a, b, _ = metrics.paired(values, over, swaps=1, groups=groups)
        text += f"   over mini {d:+.3f} [{a:+.3f}, {b:+.3f}]"
    print(text, flush=True)


def grocery(data: Path, work: Path, mini: Encoder) -> Encoder:
    train, val = records(data / "grocery/train.tar"), records(data / "grocery/val.tar")
    model, own = tuned(
        "grocery", train, lambda f: [f["description"], f["product"].replace("-", " "), KOREAN[f["product"]]], "product", work
    )
    shown = np.array([f["product"] for _, f in val])
    here = sorted(set(shown))
    said = {f["product"]: f["description"] for _, f in val}
    right = np.array(here)[:, None] == shown[None, :]
    seen = {name: e.encode_document([Item("-", (p,)) for p, _ in val]).dense for name, e in (("mini", mini), ("tuned", model))}
    ways = {
        "description": [said[p] for p in here],
        "Korean name": [KOREAN[p] for p in here],
        "English name": [p.replace("-", " ") for p in here],
    }
    for way, queries in ways.items():
        asked = mini.encode_query(queries).dense
        ranks = {name: first(asked @ v.T, right) for name, v in seen.items()}
        for k in (1, 5):
            found = {name: (r <= k) * 1.0 for name, r in ranks.items()}
            row(f"{way} → photo of the product, R@{k}: mini", found["mini"])
            row(f"{way} → photo of the product, R@{k}: tuned", found["tuned"], found["mini"])
    made = probe(own, train, "product")
    odds = made.predict_log_proba(seen["mini"])[:, [list(made.classes_).index(p) for p in here]].T
    for k in (1, 5):
        row(f"product → its photo, R@{k}: linear probe (no words)", (first(odds, right) <= k) * 1.0)
    return model


def first(scores: npt.NDArray[Any], right: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    return np.asarray(1 + ((scores >= best) & ~right).sum(axis=1))


def clothing(data: Path, work: Path, mini: Encoder) -> Encoder:
    everything = records(data / "clothing/photos.tar")
    train, dev = ([r for r in everything if r[1]["split"] == s] for s in ("train", "dev"))
    model, own = tuned("clothing", train, lambda f: [CLOTHES[f["label"]]], "", work)
    names = list(CLOTHES)
    asked, labels = mini.encode_query([CLOTHES[n] for n in names]).dense, np.array([names.index(f["label"]) for _, f in dev])
    senders = np.unique([f["sender"] for _, f in dev], return_inverse=True)[1]
    right = {}
    for name, encoder in (("mini", mini), ("tuned", model)):
        vectors = encoder.encode_document([Item("-", (p,)) for p, _ in dev]).dense
        right[name] = ((vectors @ asked.T).argmax(axis=1) == labels) * 1.0
        row(f"Korean name of dev senders' clothes: {name}", right[name], right["mini"] if name == "tuned" else None, senders)
        if name == "mini":
            made = probe(own, train, "label")
            guessed = np.array([names.index(g) for g in made.predict(vectors)])
            row("the same: linear probe (no words)", (guessed == labels) * 1.0, right["mini"], senders)
    return model


def forgetting(data: Path, models: dict[str, Encoder], mini: Encoder) -> None:
    everything = pictures.flickr8k(data)
    held = [p for p in everything if p.split == "ko"]
    gallery = [*held, *(p for p in everything if p.split == "test")][:1000]
    captions = [c for p in held for c in p.facts["captions_ko"]]
    owner = np.array([n for n, p in enumerate(held) for _ in p.facts["captions_ko"]])
    asked = mini.encode_query(captions).dense
    before: npt.NDArray[Any] | None = None
    for name, encoder in {"mini": mini, **models}.items():
        seen = encoder.encode_document([p.item for p in gallery]).dense
        found = (metrics.pessimistic_rank(asked @ seen.T, owner) <= 10) * 1.0
        row(f"Flickr8k Korean caption → photo, R@10: {name}", found, before, owner)
        before = found if before is None else before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path)
    parser.add_argument("--only", default="grocery,clothing,forgetting")
    given = parser.parse_args()
    mini, models = load("mini"), dict[str, Encoder]()
    with tempfile.TemporaryDirectory() as place:
        work = given.work or Path(place)
        for name, part in (("grocery", grocery), ("clothing", clothing)):
            if name in given.only.split(","):
                print(name)
                models[name] = part(given.data, work, mini)
        if "forgetting" in given.only.split(","):
            print("forgetting")
            forgetting(given.data, models, mini)


if __name__ == "__main__":
    main()
