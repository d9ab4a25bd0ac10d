"""Free pictures go in; the watermark head's weights, `curate/image/watermark.npz`, come out, with how well it finds real watermarks.

    python -m hannun.recipes.watermark --data FOLDER --clipart build/clipart

Pictures get marks that are drawn here (text, logo with text, tiled, Korean, in a corner, in the middle); the head learns to tell
them from the same pictures without. What it trains on is free to use: phone photos of clothes (CC0), photos of groceries (MIT), drawings
of openclipart (public domain; `make build/clipart` unpacks Debian's package). The real watermarked photos of the data folder are never
trained on; they, and marks drawn on photos of other sources' test splits, are what is reported, for the head before beside the new one.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from hannun import metrics, shards
from hannun.curate.image.watermark import SIDE, WEIGHTS, Head, features
from hannun.datasets import pictures
from hannun.embeddings import Floats
from hannun.errors import MissingError
from hannun.item import Image
from hannun.mini.model import Mini

SEED = 0
PHOTOS = 2600
SOURCES = {"clothing": 0.45, "grocery": 0.3, "clipart": 0.25}  # shares of what is trained on
HIDDEN = 32

def photos(data: Path, split: str, count: int) -> list[PIL.Image.Image]:
    """Photos without watermark to measure on, `count` at most: four fifths Flickr8k's, the others product photos."""
    found: list[PIL.Image.Image] = []
    for source, share in (("flickr8k", 0.8), ("fashion", 0.2)):
        found += [p.image.load() for p in islice(pictures.shards(data, source, split), round(count * share))]
    return found


def free(data: Path, clipart: Path, count: int) -> list[PIL.Image.Image]:
    """Pictures without watermark to train on, all of them free to use, about `count`, in turn: SOURCES says from where."""
    every = {
        "clothing": [p for p in pictures.shards(data, "clothing") if p.facts["split"] == "train"],
        "grocery": list(pictures.shards(data, "grocery", "train")),
        "clipart": [p for p in pictures.clipart(clipart) if p.split == "train"],
    }
    if empty := [k for k, found in every.items() if not found]:
        raise MissingError(f"{data} and {clipart}: hold no pictures of {', '.join(empty)}; get the data folder, and `make build/clipart`")
    rng = np.random.default_rng(SEED)
    chosen = [every[k][n] for k, share in SOURCES.items() for n in rng.permutation(len(every[k]))[: round(count * share)]]
    return [chosen[n].image.load(SIDE) for n in rng.permutation(len(chosen))]


def real(data: Path) -> tuple[list[PIL.Image.Image], npt.NDArray[np.int64]]:
    """The real photos, and whether each has a watermark."""
    records = list(shards.read(data / "watermark" / "all-000.tar"))
    return [Image(r.pictures[0]).load() for r in records], np.array([int(r.data["watermark"]) for r in records])


def auc(scores: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    """The chance that a marked picture scores over an unmarked one; ties count half."""
    high, low = scores[labels == 1], scores[labels == 0]
    return float(((high[:, None] > low[None]) + 0.5 * (high[:, None] == low[None])).mean())


def interval(scores: npt.NDArray[Any], labels: npt.NDArray[Any], times: int = 1000) -> tuple[float, float]:
    """95 % bootstrap interval of the AUC, over pictures, marked and unmarked drawn apart."""
    rng = np.random.default_rng(SEED)
    groups = [np.flatnonzero(labels == k) for k in (0, 1)]
    values = []
    for _ in range(times):
        rows = np.concatenate([rng.choice(g, len(g)) for g in groups])
        values.append(auc(scores[rows], labels[rows]))
    return float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))


def examples(
    plain: Sequence[PIL.Image.Image], tower: Mini, rng: np.random.Generator, batch: int = 32
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Features [2n, d] and labels [2n]: each picture without and with a mark, otherwise treated alike."""
    rows: list[Floats] = []
    for start in range(0, len(plain), batch):
        views = []
        for picture in plain[start : start + batch]:
            grown = _varied(picture, rng)
            views += [grown, draw(grown, rng)]
        rows.append(features(views, tower))
    return np.concatenate(rows), np.tile([0, 1], len(plain))


def _varied(picture: PIL.Image.Image, rng: np.random.Generator) -> PIL.Image.Image:
    """At 512 pixels, in other proportions: a mark must look the same on a portrait photo and on a landscape one."""
    ratio = math.exp(float(rng.uniform(-0.45, 0.45)))
    width, height = picture.size
    w, h = (width, round(width / ratio)) if ratio > 1 else (round(height * ratio), height)
    x, y = int(rng.integers(0, width - min(w, width) + 1)), int(rng.integers(0, height - min(h, height) + 1))
    cut = picture.crop((x, y, x + min(w, width), y + min(h, height)))
    scale = 512 / max(cut.size)
    return cut.resize((max(1, round(cut.width * scale)), max(1, round(cut.height * scale))), PIL.Image.Resampling.BICUBIC)


def train(x: Floats, y: npt.NDArray[np.int64], fingerprint: str, epochs: int = 40, decay: float = 0.05, seed: int = SEED) -> Head:
    """The head, trained with dropout on its inputs; a tenth of the photos is held out to choose the epoch."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    mean, scale = x.mean(0), 1 / (x.std(0) + 1e-3)
    inputs, target = torch.from_numpy((x - mean) * scale), torch.from_numpy(y.astype(np.float32))
    held = int(len(x) // 2 * 0.9) * 2
    net = nn.Sequential(nn.Dropout(0.3), nn.Linear(x.shape[1], HIDDEN), nn.ReLU(), nn.Dropout(0.3), nn.Linear(HIDDEN, 1))
    optimiser = torch.optim.AdamW(net.parameters(), lr=5e-4, weight_decay=decay)
    best, kept = -1.0, None
    for _ in range(epochs):
        net.train()
        for rows in torch.randperm(held).split(128):
            loss = nn.functional.binary_cross_entropy_with_logits(net(inputs[rows])[:, 0], target[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        net.eval()
        with torch.no_grad():
            value = auc(net(inputs[held:])[:, 0].numpy(), y[held:])
        if value > best:
            best, kept = value, {k: v.clone() for k, v in net.state_dict().items()}
    assert kept is not None
    w = {k: v.numpy() for k, v in kept.items()}
    return Head(mean, scale, w["1.weight"].T.copy(), w["1.bias"], w["4.weight"][0], float(w["4.bias"][0]), fingerprint)


def told(scores: Floats, labels: npt.NDArray[np.int64]) -> str:
    """AUC, and precision and recall where the scores call a picture marked, with 95 % intervals."""
    low, high = interval(scores, labels)
    said = [f"AUC {auc(scores, labels):.3f} [{low:.3f}, {high:.3f}]"]
    for limit in (0.5, 0.9):
        taken = scores >= limit
        for name, among in (("precision", labels[taken] == 1), ("recall", taken[labels == 1])):
            least, most = metrics.bootstrap(among.astype(float)) if len(among) else (math.nan, math.nan)
            said.append(f"{name} at {limit} {among.mean() if len(among) else math.nan:.3f} [{least:.3f}, {most:.3f}]")
    return "  ".join(said)


def main() -> None:
    """Train, report, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--clipart", type=Path, required=True, help="where openclipart-png is unpacked")
    parser.add_argument("--to", type=Path, default=WEIGHTS)
    parser.add_argument("--photos", type=int, default=PHOTOS)
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    tower = Mini(threads=a.threads)
    heads = {"before": Head.load()} if WEIGHTS.exists() and Head.load().fingerprint == tower.fingerprint else {}
    x, y = examples(free(a.data, a.clipart, a.photos), tower, np.random.default_rng(SEED))
    heads["trained"] = train(x, y, tower.fingerprint)
    shown, marked = real(a.data)
    sets = {
        "real photos": (features(shown, tower), marked),
        "marks drawn on photos of test splits": examples(photos(a.data, "test", a.photos // 6), tower, np.random.default_rng(SEED + 1)),
    }
    for name, (rows, labels) in sets.items():
        print(f"{name} ({labels.sum()} marked of {len(labels)}), none trained on")
        for which, head in heads.items():
            print(f"  {which:8} {told(head.score(rows), labels)}")
    heads["trained"].save(a.to)
    print(f"wrote {a.to} ({a.to.stat().st_size:,} bytes) for the picture tower {tower.fingerprint}")


if __name__ == "__main__":
    main()
