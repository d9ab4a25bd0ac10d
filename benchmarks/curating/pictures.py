"""What is measured of pictures: shape, whiteness and hashes against peers, text detection by size, and the watermark head."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import PIL.Image

from curating.peer import Peer, flagged_words
from curating.rates import compare, portion, timed
from hannun import metrics, shards
from hannun.curate.image.header import measure_pixels, read_header, white_share
from hannun.curate.image.ocr import DEFAULT_SIDE, TextDetector
from hannun.curate.image.watermark import Watermarks
from hannun.curate.verdict import judge, pair_of
from hannun.item import Image
from hannun.recipes import watermark
from hannun.recipes.naver_pairs import MAX_WATERMARK, RULES


def photos(data: Path, count: int) -> list[PIL.Image.Image]:
    """Photos, products and scans of the data folder."""
    found: list[PIL.Image.Image] = []
    for file, share in (
        ("flickr8k/test-000.tar", 0.4),
        ("watermark/all-000.tar", 0.2),
        ("fashion/test-000.tar", 0.2),
        ("receipts/all-000.tar", 0.2),
    ):
        records = list(shards.read(data / file))[: round(count * share)]
        found += [Image(r.pictures[0]).load() for r in records]
    return found


def images(a: argparse.Namespace) -> None:
    """Shape, ratio and perceptual hash in every way; ours and the plain one also count white pixels. JPEGs of the web's sizes."""
    originals = photos(a.data, 60)
    for width, height in ((640, 480), (1600, 1200), (4000, 3000)):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for n, picture in enumerate(originals[:: 1 if width < 2000 else 3]):
                size = (width, height) if picture.width >= picture.height else (height, width)
                path = Path(folder) / f"{n}.jpg"
                picture.resize(size, PIL.Image.Resampling.BICUBIC).save(path, "JPEG", quality=88)
                paths.append(str(path))
            ways: dict[str, Callable[[], tuple[float, int]]] = {"hannun": lambda paths=paths: timed(lambda: _ours(paths))}
            peer = (
                Peer(a.data_juicer, {"pictures": paths, "texts": [], "words": flagged_words(Path(folder))}, Path(folder))
                if a.data_juicer
                else None
            )
            if peer is not None:
                ways["data-juicer"] = lambda peer=peer: peer("images")
            ways["plain Pillow + imagehash, decoded in full"] = lambda paths=paths: timed(lambda: _plain(paths))
            print(f"\n{width} × {height}, {len(paths)} pictures\n")
            compare(len(paths), "pictures", ways)
            if peer is not None:
                peer.close()
            same = [(measure_pixels(d, 0.9).white < 0.9) == (white_share(d) < 0.9) for d in (Path(p).read_bytes() for p in paths)]
            print(f"\nwhite decisions equal to full decoding: {sum(same)} of {len(same)}")


def _ours(paths: Sequence[str]) -> int:
    kept = 0
    for path in paths:
        data = Path(path).read_bytes()
        head = read_header(data)
        if judge(pair_of("", {"side": head.side, "ratio": head.ratio, "pixels": head.pixels}), RULES.headers).kept:
            kept += judge(pair_of("", {"white": measure_pixels(data, 0.9).white}), RULES.pictures).kept
    return kept


def _plain(paths: Sequence[str]) -> int:
    import imagehash

    kept = 0
    for path in paths:
        picture = PIL.Image.open(path)
        if min(picture.size) >= 200 and max(picture.size) <= 3 * min(picture.size):
            white = (np.asarray(picture.convert("RGB")).min(-1) >= 250).mean()
            imagehash.phash(picture)
            kept += bool(white < 0.9)
    return kept


def ocr(a: argparse.Namespace) -> None:
    """Text detection at several sizes: throughput, and agreement of the decisions with the default size's; one half of the pictures to
    choose a size by, the other to say what it is worth."""
    receipts, marked = (list(shards.read(a.data / f)) for f in ("receipts/all-000.tar", "watermark/all-000.tar"))
    for half, (name, split) in enumerate((("to choose by", "dev"), ("the other half", "test"))):
        records = receipts[half::2] + marked[half::2]
        for folder in ("flickr8k", "fashion"):
            records += list(shards.read(a.data / folder / f"{split}-000.tar"))[:40]
        every = [Image(r.pictures[0]).load() for r in records]
        found, seconds = {}, {}
        for side in (None, 320, 480, 640, 800):
            detector = TextDetector(side)
            detector.find(every[0])
            started = time.process_time()
            found[side] = [detector.find(p) for p in every]
            seconds[side] = time.process_time() - started
        print(
            f"\n{name}: {len(every)} pictures, {len(receipts[half::2])} of them receipts\n\n"
            "| side | pictures/s | same decision as the default | any text: same | Spearman of box counts | mean difference of area |\n"
            "|---|---|---|---|---|---|"
        )
        base = found[None]
        for side, boxes in found.items():
            same = portion(_dropped(b) == _dropped(c) for b, c in zip(boxes, base, strict=True))
            some = np.mean([(b.count > 0) == (c.count > 0) for b, c in zip(boxes, base, strict=True)])
            rank = metrics.spearman([b.count for b in boxes], [c.count for c in base])
            area = np.mean([abs(b.share - c.share) for b, c in zip(boxes, base, strict=True)])
            size = f"default (shorter side {DEFAULT_SIDE})" if side is None else f"longer side {side}"
            print(f"| {size} | {len(every) / seconds[side]:.1f} | {same} | {some:.3f} | {rank:.3f} | {area:.3f} |", flush=True)
        text = sum(map(_dropped, base[: len(receipts[half::2])]))
        print(f"\ndropped for text at the default: {sum(map(_dropped, base))}, {text} of them receipts")


def _dropped(boxes: object) -> bool:
    figures = {"ocr_boxes": boxes.count, "ocr_share": boxes.share}  # type: ignore[attr-defined]
    return not judge(pair_of("", figures), RULES.scored).kept


def marks(a: argparse.Namespace) -> None:
    """The shipped head on real photos that it was not trained on, beside the count of text boxes as a detector of its own."""
    pictures, marked = watermark.real(a.data)
    scores = np.array(Watermarks()(pictures))
    detector = TextDetector()
    boxes = np.array([detector.find(p).count for p in pictures], float)
    print("| scorer | AUC on real photos | \n|---|---|")
    for name, values in (("the head", scores), ("number of text boxes", np.minimum(boxes, 3)), ("chance", np.zeros(len(marked)))):
        low, high = watermark.interval(values, marked)
        print(f"| {name} | {watermark.auc(values, marked):.3f} ({low:.3f}–{high:.3f}) |")
    print(f"\n{int(marked.sum())} marked of {len(marked)}")
    dropped = scores >= MAX_WATERMARK
    print(f"the recipe's bound drops {dropped[marked == 1].mean():.3f} of the marked, {dropped[marked == 0].mean():.3f} of the others")
