"""What `hannun index --read` finds that pictures alone do not: signs in Korean on photos, and scanned receipts.

    python benchmarks/printed.py --data ../shared/data [--split dev|test] [--count 60]

Signs: photos of Flickr8k, enlarged to 640 pixels, each with a made-up shop's name drawn on it in Nanum fonts (its size, colours, place and
slant by a seed); the query is the name. Receipts: the query is the company's first two words, and every receipt of that company answers.
Half of the receipts (even ones) are "dev", which settings were chosen on. Each query is asked of one collection of pictures alone and of
the same one after reading. "false": photos without a sign in which words were read nevertheless.
"""

from __future__ import annotations

import argparse
import glob
import io
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import matplotlib.font_manager as fonts
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

import hannun
from hannun import metrics
from hannun.annotate.printed import KEY, PrintReader
from hannun.annotate.written import tag
from hannun.datasets import pictures
from hannun.item import Image, Item

FIRST = (
    "스타", "하늘", "한강", "미래", "사랑", "명동", "부산", "제주", "서울", "달빛", "청춘", "행복", "초록", "바다", "구름", "은하", "대박",
    "할매", "원조", "새벽", "소문난", "착한", "푸른", "골목", "우리", "장수",
)  # fmt: skip
SECOND = (
    "커피", "분식", "약국", "미용실", "서점", "식당", "김밥", "치킨", "마트", "빵집", "꽃집", "안경", "세탁소", "부동산", "노래방", "문구",
    "철물점", "한의원", "국밥", "냉면",
)  # fmt: skip


def nanum() -> list[str]:
    """Paths of Nanum fonts: those of the package that Hannun's charts use, or the system's."""
    import koreanize_matplotlib

    own = sorted(glob.glob(str(Path(koreanize_matplotlib.__file__).parent / "fonts" / "*.ttf")))
    return own or sorted(f for f in fonts.findSystemFonts() if "Nanum" in f and "Gothic" in f)


def signed(photo: PIL.Image.Image, text: str, rng: random.Random, font: str) -> PIL.Image.Image:
    """The photo with a board on it that says the text."""
    photo = photo.resize((640, 640), PIL.Image.Resampling.BICUBIC)
    letters = PIL.ImageFont.truetype(font, rng.randint(24, 56))
    left, top, right, bottom = letters.getbbox(text)
    board = PIL.Image.new("RGBA", (int(right - left) + 40, int(bottom - top) + 30), (*(rng.randint(0, 255) for _ in range(3)), 255))
    ink = (255, 255, 255) if sum(board.getpixel((0, 0))[:3]) < 380 else (10, 10, 10)
    PIL.ImageDraw.Draw(board).text((20 - left, 15 - top), text, font=letters, fill=ink)
    board = board.rotate(rng.uniform(-6, 6), expand=True, resample=PIL.Image.Resampling.BICUBIC)
    place = rng.randint(0, max(0, 640 - board.width)), rng.randint(0, max(0, 640 - board.height))
    photo.paste(board, place, board)
    return photo


def asked(name: str, items: Sequence[Item], queries: Sequence[tuple[str, set[str]]], reader: PrintReader) -> set[str]:
    """Print recall at 1 and at 10 before and after reading; return the ids of items in which words were found."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "c.hannun"
        with hannun.open(place) as c:
            c.add(items)
        for turn in ("pictures alone", "with print"):
            if turn == "with print":
                began = time.process_time()
                with hannun.open(place) as c:
                    tag(c, reader)
                print(f"{name}: {(time.process_time() - began) / len(items):.2f} s a picture of this process, Tesseract's apart")
            with hannun.open(place) as c:
                found = [[h.id for h in c.search(q, limit=10)] for q, _ in queries]
            hits = np.array([[bool(right & set(ids[:k])) for k in (1, 10)] for ids, (_, right) in zip(found, queries, strict=True)], float)
            for k, at in ((0, 1), (1, 10)):
                low, high = metrics.bootstrap(hits[:, k])
                print(f"{name:10} {turn:16} R@{at:<2} {hits[:, k].mean():.3f} [{low:.3f}, {high:.3f}]", flush=True)
        with hannun.open(place) as c:
            return {it.id for it in c if KEY in it.facts}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--split", default="test")
    parser.add_argument("--count", type=int, default=60)
    a = parser.parse_args()
    rng, reader, letters = random.Random(a.split), PrintReader(), nanum()
    photos = list(pictures.shards(a.data, "flickr8k", a.split))[: 2 * a.count]
    names = rng.sample([f"{x}{y}" if rng.random() < 0.5 else f"{x} {y}" for x in FIRST for y in SECOND], a.count)
    shown = [
        Item(str(n), (Image(signed(p.image.load(), names[n], rng, rng.choice(letters)) if n < a.count else p.image.load()),))
        for n, p in enumerate(photos)
    ]
    shown = [Item(it.id, tuple(Image(png(i.load())) for i in it.images)) for it in shown]
    read = asked("signs", shown, [(name, {str(n)}) for n, name in enumerate(names)], reader)
    print(f"false: {sum(str(n) in read for n in range(a.count, len(shown)))} of {len(shown) - a.count} photos without a sign")
    receipts = list(pictures.shards(a.data, "receipts"))[0 if a.split == "dev" else 1 :: 2][: a.count]
    companies: dict[str, set[str]] = {}
    for p in receipts:
        companies.setdefault(" ".join(p.facts["company"].split()[:2]), set()).add(p.key)
    asked("receipts", [p.item for p in receipts], list(companies.items()), reader)


def png(picture: PIL.Image.Image) -> bytes:
    """A picture as a file's bytes."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


if __name__ == "__main__":
    main()
