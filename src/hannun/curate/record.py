"""What is known of one picture goes in; the record that stands beside it in a shard comes out, as `record.schema.json` says.

The twelve fields up to `ocr_ratio_box` are those of Naver's pair factory, in its names (a score is called `kelip` after the seed's scorer;
the manifest names the encoder that was used). What Hannun adds comes after them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).with_name("record.schema.json")


def record(
    image_hash: str,
    url: str | None,
    size: tuple[int, int],
    title: str | None,
    title_score: float | None,
    queries: Sequence[str],
    counts: Sequence[int],
    query_scores: Sequence[float],
    figures: Mapping[str, float | None],
    copies: int,
    texts: Sequence[str],
    source: str,
) -> dict[str, Any]:
    """The record. `figures` may hold white, watermark, ocr_boxes, ocr_share and adult; `size` is (width, height) in pixels."""
    boxes = figures.get("ocr_boxes")
    return {
        "image_hash": image_hash,
        "image_url": url,
        "image_size": list(size),
        "title": title,
        "query": list(queries),
        "title_kelip_score": title_score,
        "query_count": list(counts),
        "query_kelip_score": list(query_scores),
        "image_white_pixel_ratio": _short(figures.get("white")),
        "watermark_score": _short(figures.get("watermark")),
        "ocr_num_box": None if boxes is None else int(boxes),
        "ocr_ratio_box": _short(figures.get("ocr_share")),
        "adult_score": _short(figures.get("adult")),
        "copies": copies,
        "text": list(texts),
        "source": source,
    }


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of the record (draft 2020-12)."""
    loaded: dict[str, Any] = json.loads(SCHEMA.read_text("utf-8"))
    return loaded


def _short(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
