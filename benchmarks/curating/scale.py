"""What a run over many rows takes: its peak memory, and what each stage does a second on one core."""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image

from curating.pictures import photos
from curating.rates import timed
from curating.texts import korean_texts
from hannun import shards
from hannun.curate.image.header import image_hash, measure_pixels, read_header
from hannun.curate.image.ocr import TextDetector
from hannun.curate.image.watermark import SIDE, Watermarks
from hannun.curate.merge import tidy
from hannun.item import Image
from hannun.mini.model import Mini
from hannun.recipes.naver_pairs import RULES

CHILD = """
import resource, sys
from dataclasses import replace
from pathlib import Path
from hannun.curate.run import run
from hannun.curate.stages.plan import RunPlan
from hannun.recipes.naver_pairs import RULES
result = run([Path(sys.argv[1])], RunPlan(Path(sys.argv[2]), replace(RULES, shard=500), model=None, ocr=False, watermark=None))
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_maxrss // 1024, result.manifest["pairs"], used.ru_utime + used.ru_stime)
"""


def memory(a: argparse.Namespace) -> None:
    """Peak memory of a whole run without models at one and at ten times the rows, a tenth of them near duplicates."""

    def picture(n: int) -> bytes:
        """Every tenth is nearly the one before it."""
        rng = np.random.default_rng(n - (n % 10 == 9))
        small = PIL.Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((240, 240), PIL.Image.Resampling.BICUBIC)
        out = io.BytesIO()
        small.save(out, "JPEG", quality=70 + n % 20)
        return out.getvalue()

    print("| rows | peak MB | pairs | seconds of processor time | rows/s |\n|---|---|---|---|---|")
    for rows in (1000, 10_000):
        with tempfile.TemporaryDirectory() as folder:
            raw = Path(folder) / "raw"
            raw.mkdir()
            for start in range(0, rows, 1000):
                rows_of_part = range(start, start + 1000)
                records = ((f"{n}", picture(n), {"title": f"빨간 원피스 {n}번 " + "여름 신상 " * (n % 7)}) for n in rows_of_part)
                shards.write(raw / f"raw-{start:06d}.tar", records)
            done = subprocess.run(
                [sys.executable, "-c", CHILD, str(raw), str(Path(folder) / "out")], capture_output=True, text=True, check=True
            )
            peak, pairs, seconds = done.stdout.split()[-3:]
            print(f"| {rows:,} | {peak} | {pairs} | {float(seconds):.0f} | {rows / float(seconds):.0f} |", flush=True)


def rates(a: argparse.Namespace) -> None:
    """What each stage does a second on one core: what the plan for 1.5 billion pairs is made of."""
    pictures = [p.resize((800, 600)) for p in photos(a.data, 60)]
    data = []
    for p in pictures:
        out = io.BytesIO()
        p.save(out, "JPEG", quality=88)
        data.append(out.getvalue())
    given = korean_texts(a.data, 4000)
    detector, head, encoder = TextDetector(), Watermarks(tower=Mini(threads=1)), Mini(threads=1)
    opened = [Image(d).load(SIDE) for d in data]
    detector.find(opened[0])
    head(opened[:2])
    encoder.encode_query(["가"])
    stages: dict[str, tuple[int, Callable[[], object]]] = {
        "texts cleaned and judged": (len(given), lambda: [tidy([t], [], RULES) for t in given]),
        "pictures looked at (800 × 600)": (len(data), lambda: [(image_hash(d), read_header(d), measure_pixels(d)) for d in data]),
        "pictures decoded for models": (len(data), lambda: [Image(d).load(SIDE) for d in data]),
        "text boxes": (len(opened), lambda: [detector.find(p) for p in opened]),
        "watermark scores": (len(opened), lambda: head(opened)),
        "picture vectors": (len(opened), lambda: encoder.encode_document([{"image": p} for p in opened])),
        "text vectors": (512, lambda: encoder.encode_query(given[:512])),
    }
    with tempfile.TemporaryDirectory() as folder:
        stages["pairs written"] = (
            600,
            lambda: shards.write(Path(folder) / "x.tar", ((f"{n}", data[n % 60], {"title": given[n]}) for n in range(600))),
        )
        print("| stage | a second on one core |\n|---|---|")
        for name, (count, make) in stages.items():
            best = min(timed(lambda make=make: make() and 0)[0] for _ in range(2))
            print(f"| {name} | {count / best:,.0f} |", flush=True)
    print(f"\nmean JPEG {sum(map(len, data)) / len(data) / 1024:.0f} KiB")
