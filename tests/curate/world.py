"""A small polluted world for the tests of the pair factory: pictures drawn here, good rows, and one row for each way to be dropped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw

from hannun.curate.rules import Rules
from hannun.recipes.naver_pairs import RULES
from tests.conftest import draw, encoded

WORDS = ("원피스", "코트", "운동화", "가방", "모자", "의자", "화분", "자전거", "고양이", "강아지")


def scene(seed: int, size: tuple[int, int] = (240, 240)) -> PIL.Image.Image:
    """Shapes in colours: no two seeds look alike."""
    rng = np.random.default_rng(seed)
    picture = PIL.Image.new("RGB", size, tuple(int(c) for c in rng.integers(0, 200, 3)))
    pen = PIL.ImageDraw.Draw(picture)
    for _ in range(9):
        x, y, r = (int(v) for v in rng.integers(-40, 200, 3))
        pen.ellipse((x, y, x + abs(r) + 10, y + abs(r) + 10), fill=tuple(int(c) for c in rng.integers(0, 255, 3)))
    return picture


def discs(seed: int = 0) -> PIL.Image.Image:
    """Twelve discs in colours, 800 × 600: large enough to be looked at at a reduced scale."""
    rng = np.random.default_rng(seed)
    picture = PIL.Image.new("RGB", (800, 600), tuple(int(c) for c in rng.integers(0, 255, 3)))
    pen = PIL.ImageDraw.Draw(picture)
    for _ in range(12):
        x, y, r = (int(v) for v in rng.integers(0, 600, 3))
        pen.ellipse((x, y, x + r, y + r), fill=tuple(int(c) for c in rng.integers(0, 255, 3)))
    return picture


def make(folder: Path, good: int = 24, table: str = "rows.jsonl") -> Path:
    """Writes pictures and a table; returns the folder. Besides `good` rows: one of each kind that the cheap stages drop."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []

    def add(name: str, data: bytes, title: str | None, **more: Any) -> None:
        (folder / name).write_bytes(data)
        rows.append({"id": name, "image": name, "title": title, **more})

    for n in range(good):
        add(
            f"good{n:03d}.jpg",
            encoded(scene(n), "JPEG", quality=92),
            f"{WORDS[n % 10]} 사진 {n}번째",
            query=[f"{WORDS[n % 10]} 추천", "예쁜 것"],
            query_count=[n + 1, 1],
            attributes={"소재": "면"},
        )
    add("copy.jpg", (folder / "good000.jpg").read_bytes(), "같은 원피스", query=["파티 원피스"], query_count=[50])
    add("near.jpg", encoded(scene(1).resize((232, 232)), "JPEG", quality=70), "조금 작은 코트")
    add("small.jpg", encoded(scene(900, (199, 300)), "JPEG"), "작은 그림")
    add("long.jpg", encoded(scene(901, (900, 250)), "JPEG"), "긴 배너")
    add("white.jpg", encoded(draw((255, 255, 255), (300, 300)), "JPEG"), "하얀 종이")
    add("broken.jpg", encoded(scene(902), "JPEG")[:900], "깨진 그림")
    add("abuse.jpg", encoded(scene(903), "JPEG"), "시1발 원피스")
    add("lotto.jpg", encoded(scene(904), "JPEG"), "로또 당첨")
    add("foreign.jpg", encoded(scene(905), "JPEG"), "赤いドレスの女性")
    add("signs.jpg", encoded(scene(906), "JPEG"), "★☆★☆ ㅋㅋ 옷")
    add("phone.jpg", encoded(scene(907), "JPEG"), "의자 팝니다 010-1234-5678")
    add("bare.jpg", encoded(scene(908), "JPEG"), None)
    rows.append({"id": "gone", "image": "gone.jpg", "title": "없는 그림"})
    rows.append({"id": "url", "url": "http://127.0.0.1:9/x.jpg", "title": "주소만 있는 그림"})
    rows.append({"id": "none", "image": None, "title": "그림 없는 줄"})
    lines = [json.dumps(r, ensure_ascii=False) for r in rows]
    lines.insert(3, "{broken")
    (folder / table).write_text("\n".join(lines) + "\n", "utf-8")
    return folder


#: What `make` has dropped, apart from near duplicates' neighbours.
DROPPED = {
    "row/unreadable_row": 1,
    "row/not_fetched": 1,
    "row/no_picture": 1,
    "picture/picture_small": 1,
    "picture/picture_long": 1,
    "picture/picture_white": 1,
    "picture/picture_undecodable": 1,
    "picture/picture_missing": 1,
    "picture/picture_duplicate": 1,
    "picture/picture_near_duplicate": 1,
    "title/text_abuse": 1,
    "title/text_noise_word": 1,
    "title/text_other_script": 1,
    "title/text_signs": 1,
    "pair/pair_texts_dropped": 4,
    "pair/pair_no_text": 1,
    "masked/phone": 1,
}


def rules(shard: int = 10, **more: Any) -> Rules:
    """The recipe in shards of `shard`, without thresholds on similarity."""
    return replace(RULES, shard=shard, valid=0.1, titles=(), queries=(), **more)
