"""Free pictures go in; the watermark head's weights, `curate/image/watermark.npz`, come out, with how well it finds real watermarks.

    python -m hannun.recipes.watermark --data FOLDER --clipart build/clipart [--work build/watermark]

Pictures get marks that are drawn here (`data/marks.py`), and the head learns to tell them from the same pictures without. What it
trains on is free to use: phone photos of clothes (CC0), photos of groceries (MIT), drawings of openclipart (public domain;
`make build/clipart` unpacks Debian's package). A mark is no sharper than the picture under it, and a quarter of the pictures, marked or
not, has a sign in it: neither sharpness nor words shall tell. The filter's threshold (`AT`) is laid where drawn marks on held-out pictures
of the same sources have a precision of PRECISION. The real watermarked photos of the data folder are never trained on and nothing is
chosen on them; they, and marks drawn on photos of other sources' test splits, are what is reported, for the head before beside the new one.
"""

from __future__ import annotations

import argparse
import io
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from hannun import metrics, shards
from hannun.curate.image.watermark import SIDE, WEIGHTS, Head, apart, features
from hannun.datasets import pictures
from hannun.embeddings import Floats
from hannun.errors import InputError, MissingError
from hannun.files import write_cached
from hannun.item import Image
from hannun.mini.model import Mini
from hannun.recipes.data.marks import KINDS, STRONGER, draw, sign

SEED = 0
PHOTOS, CHOSEN, TESTED = 4000, 300, 250  # trained on; held out to lay the threshold by; measured on
SOURCES = {"clothing": 0.45, "grocery": 0.3, "clipart": 0.25}  # shares of what is trained on
HELD = {"clothing": "dev", "grocery": "val", "clipart": "test"}  # the splits of the same that a threshold is chosen on
HIDDEN, EPOCHS, RATE, DECAY, DROPOUT = 16, 30, 3e-3, 0.05, 0.3
SIGNS = 0.25  # of the pictures that are trained on, how many have a sign
NEW = 0.45  # of the marks that are trained on, how many are of the kinds that nothing is measured on
PRECISION = 0.9  # of drawn marks, as many pictures without as with one, at the filter's threshold
AT = 0.9  # where that threshold lies in the head's scores (`naver_pairs.MAX_WATERMARK`)

#: A picture → the same without and with a mark.
Pairing = Callable[[PIL.Image.Image, np.random.Generator], tuple[PIL.Image.Image, PIL.Image.Image]]


def photos(data: Path, split: str, count: int) -> list[PIL.Image.Image]:
    """Photos without watermark to measure on, `count` at most: four fifths Flickr8k's, the others product photos."""
    found: list[PIL.Image.Image] = []
    for source, share in (("flickr8k", 0.8), ("fashion", 0.2)):
        found += [p.image.load() for p in islice(pictures.shards(data, source, split), round(count * share))]
    return found


def free(data: Path, clipart: Path, count: int, held: bool = False) -> list[PIL.Image.Image]:
    """Pictures without watermark, all of them free to use, about `count`, in turn: SOURCES says from where; held-out ones where asked."""
    split = HELD if held else dict.fromkeys(HELD, "train")
    every = {
        "clothing": [p for p in pictures.shards(data, "clothing") if p.facts["split"] == split["clothing"]],
        "grocery": list(pictures.shards(data, "grocery", split["grocery"])),
        "clipart": [p for p in pictures.clipart(clipart) if p.split == split["clipart"]],
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


def plainly(picture: PIL.Image.Image, rng: np.random.Generator) -> tuple[PIL.Image.Image, PIL.Image.Image]:
    """A picture without and with a mark of KINDS, otherwise treated alike: what is measured on."""
    grown = _varied(picture, rng)
    return grown, draw(grown, rng)


def hardly(picture: PIL.Image.Image, rng: np.random.Generator) -> tuple[PIL.Image.Image, PIL.Image.Image]:
    """The same to train on: perhaps a sign in both, marks of all kinds, and both made smaller and saved as JPEG in one way.

    Pictures of 200 pixels are grown to 512 to be marked: there a mark would be sharper than all around it, which gives it away.
    """
    native, grown = max(picture.size), _varied(picture, rng)
    if rng.random() < SIGNS:
        grown = sign(grown, rng)
    marked = draw(grown, rng, str(rng.choice(STRONGER if rng.random() > 1 - NEW else KINDS)))
    side, quality = int(rng.uniform(200, max(201, min(512, 1.25 * native)))), int(rng.integers(50, 96))
    return _worn(grown, side, quality), _worn(marked, side, quality)


def _worn(picture: PIL.Image.Image, side: int, quality: int) -> PIL.Image.Image:
    """At most `side` pixels long, and through a JPEG."""
    scale = min(1.0, side / max(picture.size))
    small = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), PIL.Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=quality)
    return PIL.Image.open(io.BytesIO(stream.getvalue())).convert("RGB")


def examples(
    plain: Sequence[PIL.Image.Image], tower: Mini, pairing: Pairing, seed: int, kept: Path | None = None, batch: int = 32
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Features [2n, d] and labels [2n]: each picture without and with a mark.

    What the folder `kept` holds already is read from there, so that a run that was killed goes on after the sets that were done.
    """
    path = kept / f"{tower.fingerprint}-{pairing.__name__}-{seed}-{len(plain)}.npy" if kept is not None else None
    if path is None or not path.exists():
        rng, rows = np.random.default_rng(seed), list[npt.NDArray[np.float16]]()
        for start in range(0, len(plain), batch):
            views = [view for p in plain[start : start + batch] for view in pairing(p, rng)]
            rows.append(features(views, tower).astype(np.float16))
        x = np.concatenate(rows)
        if path is not None:
            stream = io.BytesIO()
            np.save(stream, x, allow_pickle=False)
            write_cached(path, stream.getvalue())
    else:
        x = np.load(path, allow_pickle=False)
    return x.astype(np.float32), np.tile([0, 1], len(plain))


def _varied(picture: PIL.Image.Image, rng: np.random.Generator) -> PIL.Image.Image:
    """At 512 pixels, in other proportions: a mark must look the same on a portrait photo and on a landscape one."""
    ratio = math.exp(float(rng.uniform(-0.45, 0.45)))
    width, height = picture.size
    w, h = (width, round(width / ratio)) if ratio > 1 else (round(height * ratio), height)
    x, y = int(rng.integers(0, width - min(w, width) + 1)), int(rng.integers(0, height - min(h, height) + 1))
    cut = picture.crop((x, y, x + min(w, width), y + min(h, height)))
    scale = 512 / max(cut.size)
    return cut.resize((max(1, round(cut.width * scale)), max(1, round(cut.height * scale))), PIL.Image.Resampling.BICUBIC)


def train(x: Floats, y: npt.NDArray[np.int64], fingerprint: str, epochs: int = EPOCHS, seed: int = SEED) -> Head:
    """The head, trained with dropout on the cells; a picture and the same with a mark always stand in one batch."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    cells = apart(x)
    scale = 1 / (x.reshape(len(x), 18, -1).std((0, 1)) + 1e-3)
    inputs, target = torch.from_numpy(cells * scale), torch.from_numpy(y.astype(np.float32)).reshape(-1, 2)
    inner, outer = nn.Linear(inputs.shape[-1], HIDDEN), nn.Parameter(torch.randn(18, HIDDEN) * 0.05)
    bias, drop = nn.Parameter(torch.zeros(1)), nn.Dropout(DROPOUT)
    optimiser = torch.optim.AdamW([*inner.parameters(), outer, bias], lr=RATE, weight_decay=DECAY)
    for epoch in range(epochs):
        for pairs in torch.randperm(len(target)).split(64):
            rows = torch.stack([2 * pairs, 2 * pairs + 1], 1).flatten()
            said = (torch.relu(inner(drop(inputs[rows]))) * outer).sum((1, 2)) / 3 + bias
            loss = nn.functional.binary_cross_entropy_with_logits(said, target[pairs].flatten())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - (epoch + 1) / epochs) + 1e-5
    weights = [v.detach().numpy() for v in (inner.weight.T, inner.bias, outer / 3)]
    return Head(scale, weights[0].copy(), weights[1].copy(), weights[2].copy(), float(bias.detach()), fingerprint)


def threshold(scores: Floats, labels: npt.NDArray[np.int64], precision: float) -> float:
    """The lowest score from which on the precision is reached, so that most marks are found; 1 where none reaches it."""
    order = np.argsort(-scores, kind="stable")
    reached = np.cumsum(labels[order]) / np.arange(1, len(order) + 1) >= precision
    last = np.r_[np.diff(scores[order]) < 0, True]  # equal scores are called alike
    return float(scores[order][np.flatnonzero(reached & last)[-1]]) if (reached & last).any() else 1.0


def laid(head: Head, limit: float, at: float = AT) -> Head:
    """The same head in the same order, whose score is `at` where it was `limit`."""
    moved = math.log(at / (1 - at)) - math.log(max(limit, 1e-6) / max(1 - limit, 1e-6))
    return replace(head, outer_bias=head.outer_bias + moved)


def told(scores: Floats, labels: npt.NDArray[np.int64]) -> str:
    """AUC, and at the filter's threshold precision, recall, and how many pictures without a mark are dropped; with 95 % intervals."""
    low, high = interval(scores, labels)
    said, taken = [f"AUC {auc(scores, labels):.3f} [{low:.3f}, {high:.3f}]"], scores >= AT
    for name, among in (("precision", labels[taken] == 1), ("recall", taken[labels == 1]), ("dropped of the others", taken[labels == 0])):
        least, most = metrics.bootstrap(among.astype(float)) if len(among) else (math.nan, math.nan)
        said.append(f"{name} {among.mean() if len(among) else math.nan:.3f} [{least:.3f}, {most:.3f}]")
    return "  ".join(said)


def compared(new: Floats, old: Floats, labels: npt.NDArray[np.int64], times: int = 1000) -> str:
    """What the first scores have more than the second over the same pictures: AUC, and recall at the threshold; paired 95 % intervals."""
    rng = np.random.default_rng(SEED)
    groups = [np.flatnonzero(labels == k) for k in (0, 1)]
    draws = [np.concatenate([rng.choice(g, len(g)) for g in groups]) for _ in range(times)]
    figures: dict[str, Callable[[npt.NDArray[Any], npt.NDArray[Any]], float]] = {
        "AUC": auc,
        "recall": lambda s, y: float((s[y == 1] >= AT).mean()),
    }
    said = []
    for name, figure in figures.items():
        least, most = np.quantile([figure(new[r], labels[r]) - figure(old[r], labels[r]) for r in draws], (0.025, 0.975))
        said.append(f"{name} {figure(new, labels) - figure(old, labels):+.3f} [{least:+.3f}, {most:+.3f}]")
    return "  ".join(said)


def main() -> None:
    """Train, report, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--clipart", type=Path, required=True, help="where openclipart-png is unpacked")
    parser.add_argument("--to", type=Path, default=WEIGHTS)
    parser.add_argument("--work", type=Path, default=Path("build/watermark"), help="features that are made already: a killed run goes on")
    parser.add_argument("--photos", type=int, default=PHOTOS)
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    tower = Mini(threads=a.threads)
    heads: dict[str, Head] = {}
    with suppress(MissingError, InputError):  # none there, or one of another make: nothing to stand beside the new one
        heads = {"before": Head.load()} if Head.load().fingerprint == tower.fingerprint else {}
    raw = train(*examples(free(a.data, a.clipart, a.photos), tower, hardly, SEED, a.work), tower.fingerprint)
    chosen, marks = examples(free(a.data, a.clipart, CHOSEN, held=True), tower, hardly, SEED + 5, a.work)
    heads["trained"] = laid(raw, threshold(raw.score(chosen), marks, PRECISION))
    shown, marked = real(a.data)
    test = photos(a.data, "test", TESTED)
    sets = {
        "real photos": (features(shown, tower), marked),
        "marks drawn on photos of test splits": examples(test, tower, plainly, SEED + 2, a.work),
        "the same with other kinds of marks, signs, and marks no sharper than the photo": examples(test, tower, hardly, SEED + 3, a.work),
    }
    for name, (rows, labels) in sets.items():
        print(f"{name} ({labels.sum()} marked of {len(labels)}), none trained on")
        scores = {which: head.score(rows) for which, head in heads.items()}
        for which, found in scores.items():
            print(f"  {which:8} {told(found, labels)}")
        if "before" in scores:
            print(f"  trained less before: {compared(scores['trained'], scores['before'], labels)}")
    heads["trained"].save(a.to)
    print(f"wrote {a.to} ({a.to.stat().st_size:,} bytes) for the picture tower {tower.fingerprint}")


if __name__ == "__main__":
    main()
