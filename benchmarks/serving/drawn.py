"""Titles, queries that never come twice, and a collection of drawn document vectors."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from hannun import collection
from hannun.embeddings import Embeddings, unit
from hannun.encoder import Calibration
from hannun.item import Content, item
from hannun.mini.model import Mini

WORDS = (
    "빨간 파란 노란 하얀 검은 초록 보라 회색 분홍 갈색 남색 하늘색 베이지 주황 민트 은색",
    "줄무늬 체크 꽃무늬 민무늬 물방울 레이스 니트 데님 가죽 린넨 실크 면 울 벨벳 코듀로이 자수",
    "원피스 치마 코트 셔츠 바지 가방 신발 모자 목도리 장갑 재킷 조끼 양말 시계 반지 우산",
    "봄 여름 가을 겨울 사계절 환절기 장마철 한겨울",
)
COLOURS, PATTERNS, THINGS, SEASONS = (line.split() for line in WORDS)


def title(n: int) -> str:
    """The n-th of many different titles, four or five words long."""
    words = [COLOURS[n % 16], PATTERNS[n // 16 % 16], THINGS[n // 256 % 16], SEASONS[n // 4096 % 8], f"{n // 32768}호"]
    return " ".join(words)


class Known:
    """mini, whose document vectors are not made but drawn (seeded clusters): 100,000 of them in a minute. Queries are encoded."""

    def __init__(self, inner: Mini, queries: dict[str, Any] | None = None) -> None:
        self._inner, self._queries, self._rng = inner, queries, np.random.default_rng(0)
        self._centres = unit(self._rng.standard_normal((2000, 384)))
        self.name, self.fingerprint, self.dims, self.kinds, self.side = inner.name, inner.fingerprint, inner.dims, inner.kinds, 32
        self.calibration: Calibration = inner.calibration

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """By mini, or by heart."""
        if self._queries is not None:
            return Embeddings(np.stack([self._queries[item(c).text or ""] for c in contents]))
        return self._inner.encode_query(contents)

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Drawn."""
        near = self._centres[self._rng.integers(0, len(self._centres), len(contents))]
        return Embeddings(unit(near + 0.7 * unit(self._rng.standard_normal(near.shape))))


def build(work: Path, size: int) -> Path:
    """The collection, made once: every item has a title, a picture, a category and a price."""
    place = work / f"{size}.hannun"
    done = work / f"{size}.done"
    if not done.exists():
        work.mkdir(parents=True, exist_ok=True)
        dot = work / "dot.png"
        PIL.Image.new("RGB", (32, 32), (200, 30, 30)).save(dot)
        begun = time.perf_counter()
        with collection.open(place, Known(Mini())) as shop:
            have = len(shop)
            row = lambda n: {"id": str(n), "text": title(n), "image": dot, "category": THINGS[n // 256 % 16], "price": n % 997 * 100}  # noqa: E731
            shop.add(row(n) for n in range(have, size))
            print(f"{size:,} items added in {time.perf_counter() - begun:.0f} s", flush=True)
            shop.optimise()
        print(f"and indexed after {time.perf_counter() - begun:.0f} s", flush=True)
        done.touch()
    return place


def queries(salt: int) -> Iterator[str]:
    """Queries that never come twice."""
    n = salt * 10_000_019
    while True:
        n += 1
        yield f"{COLOURS[n * 7 % 16]} {PATTERNS[n * 5 % 16]} {THINGS[n * 3 % 16]} {n}"
