"""Verdicts and figures go in one by one; counts by reason, histograms and a few samples come out, and add up over tasks.

Samples are those with the least hash of their key, so that the same run shows the same ones however its tasks were spread.
"""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, final

import PIL.Image

from hannun.errors import HannunError
from hannun.item import Image

SAMPLES = 8  # of each reason
THUMBNAIL = 112  # pixels
#: Where each figure's histogram begins and ends; what lies outside is counted in the outermost bins.
RANGES: dict[str, tuple[float, float]] = {
    "side": (0, 1600), "ratio": (1, 6), "white": (0, 1), "ocr_boxes": (0, 40), "ocr_share": (0, 1), "watermark": (0, 1), "adult": (0, 1),
    "title_similarity": (-0.2, 0.6), "query_similarity": (-0.2, 0.6), "title_length": (0, 120), "copies": (1, 20),
}  # fmt: skip
BINS = 40


@final
class Tally:
    """What one task, or a whole run, counted."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()  # "kind/reason", and "in/kind", "out/kind" for what entered and left
        self.histograms: dict[str, list[int]] = {}
        self.samples: dict[str, list[tuple[str, dict[str, Any]]]] = {}

    def measure(self, name: str, value: float) -> None:
        """Add a figure to its histogram."""
        low, high = RANGES[name]
        place = int((value - low) / (high - low) * BINS)
        self.histograms.setdefault(name, [0] * BINS)[min(BINS - 1, max(0, place))] += 1

    def sample(self, reason: str, key: str, shown: Mapping[str, Any], picture: bytes | None = None) -> None:
        """Keep this one as a sample of the reason if its hash is among the least; its picture is made a thumbnail only then."""
        order = blake2b(f"{reason}/{key}".encode(), digest_size=8).hexdigest()
        kept = self.samples.setdefault(reason, [])
        if len(kept) >= SAMPLES and order >= kept[-1][0]:
            return
        kept.append((order, {**shown, "thumbnail": thumbnail(picture) if picture is not None else None}))
        kept.sort(key=lambda s: (s[0], json.dumps(s[1], sort_keys=True, default=str)))
        del kept[SAMPLES:]

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {"counts": dict(sorted(self.counts.items())), "histograms": self.histograms, "samples": self.samples}

    @staticmethod
    def merged(parts: Iterable[Mapping[str, Any]]) -> Tally:
        """The sum of what `plain` gave."""
        total = Tally()
        for part in parts:
            total.counts.update(part["counts"])
            for name, bins in part["histograms"].items():
                old = total.histograms.setdefault(name, [0] * BINS)
                total.histograms[name] = [a + b for a, b in zip(old, bins, strict=True)]
            for reason, kept in part["samples"].items():
                every = [*total.samples.get(reason, []), *((order, shown) for order, shown in kept)]
                every.sort(key=lambda s: (s[0], json.dumps(s[1], sort_keys=True, default=str)))
                total.samples[reason] = every[:SAMPLES]
        return total


def read(folder: Path) -> Tally:
    """The sum of all tallies below a folder."""
    return Tally.merged(json.loads(p.read_text("utf-8")) for p in sorted(folder.rglob("*.tally.json")))


def funnel(tally: Tally) -> list[tuple[str, str, int]]:
    """(kind, reason, how many), the most frequent first within rows, pictures, titles, queries and pairs."""
    split = [(name.partition("/"), n) for name, n in tally.counts.items() if not name.startswith(("in/", "out/", "masked/"))]
    rows = [(kind, reason, n) for (kind, _, reason), n in split]
    order = ("row", "link", "picture", "title", "query", "pair")
    return sorted(rows, key=lambda f: (order.index(f[0]), -f[2], f[1]))


def thumbnail(data: bytes) -> str | None:
    """A small JPEG in base64, or None for what cannot be decoded."""
    try:
        small = Image(data).load(THUMBNAIL)
    except HannunError:
        return None
    small.thumbnail((THUMBNAIL, THUMBNAIL), PIL.Image.Resampling.BILINEAR)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=70)
    return base64.b64encode(out.getvalue()).decode()
