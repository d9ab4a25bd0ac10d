"""How fast foreign files are read, by kind, beside the library alone that decodes them: items a second of the processor, in one run.

    python benchmarks/reading.py [--count 40] [--kinds jpeg heic …]

Every file is drawn here, into a temporary folder. "Hannun" reads the folder with `sources.read` and decodes every picture, as indexing does
before it encodes; "library" opens the same files with the package that reads them and decodes the same pictures, with nothing around it.
Seconds are those of the processor, of the process that decodes videos too, so that what else the machine does hardly counts. Each is run
three times, and the best is printed.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import io
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image

from hannun import sources
from hannun.item import Item

SIZE = (1024, 768)  # pixels of a picture
ROWS = 5_000  # of a table


def picture(seed: int) -> PIL.Image.Image:
    """Smooth noise, which compresses about as a photo does."""
    small = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    return PIL.Image.fromarray(small).resize(SIZE, PIL.Image.Resampling.BICUBIC)


def pictures(form: str, ending: str) -> Callable[[Path, int], None]:
    """Writes so many pictures of a form of Pillow's."""

    def write(folder: Path, count: int) -> None:
        for n in range(count):
            picture(n).save(folder / f"{n}.{ending}", form)

    return write


def pillow(folder: Path) -> int:
    """Pillow alone."""
    files = sorted(folder.iterdir())
    for file in files:
        with PIL.Image.open(file) as opened:
            opened.convert("RGB")
    return len(files)


def pdf(folder: Path, count: int) -> None:
    """One PDF of so many pages."""
    pages = [picture(n) for n in range(count)]
    pages[0].save(folder / "a.pdf", save_all=True, append_images=pages[1:])


def pdfium(folder: Path) -> int:
    """pypdfium2 alone: the text, and the page at the same size, as a JPEG."""
    import pypdfium2

    document = pypdfium2.PdfDocument(folder / "a.pdf")
    for page in document:
        page.get_textpage().get_text_bounded()
        drawn = page.render(scale=1240 / max(page.get_size())).to_pil()
        drawn.save(io.BytesIO(), "JPEG", quality=90)
    return len(document)


def video(folder: Path, count: int) -> None:
    """A video of one scene each two seconds, 25 frames a second."""
    import cv2

    out = cv2.VideoWriter(str(folder / "a.mp4"), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"mp4v"), 25, (640, 480))
    for n in range(count):
        frame = np.asarray(picture(n).resize((640, 480)))
        for _ in range(50):
            out.write(frame)
    out.release()


def opencv(folder: Path) -> int:
    """OpenCV alone: every frame is decoded, one each two seconds is made a JPEG."""
    import cv2

    opened, frames = cv2.VideoCapture(str(folder / "a.mp4")), 0
    while opened.grab():
        if frames % 50 == 0:
            cv2.imencode(".jpg", opened.retrieve()[1])
        frames += 1
    return frames // 50


def rows() -> list[dict[str, object]]:
    """Rows of a shop."""
    return [{"id": str(n), "text": f"빨간 줄무늬 원피스 {n}", "price": 1000 * n, "category": "원피스"} for n in range(ROWS)]


def table(ending: str) -> Callable[[Path, int], None]:
    """Writes a table of ROWS rows."""

    def write(folder: Path, count: int) -> None:
        if ending == "jsonl":
            (folder / "t.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows()), "utf-8")
        elif ending == "csv":
            with (folder / "t.csv").open("w", encoding="utf-8", newline="") as f:
                out = csv.DictWriter(f, list(rows()[0]))
                out.writeheader()
                out.writerows(rows())
        else:
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.Table.from_pylist(rows()), folder / "t.parquet")

    return write


def plain_rows(folder: Path) -> int:
    """json, csv or pyarrow alone."""
    (file,) = folder.iterdir()
    if file.suffix == ".parquet":
        import pyarrow.parquet as pq

        return len(pq.read_table(file).to_pylist())
    with file.open(encoding="utf-8", newline="") as f:
        return len([json.loads(line) for line in f] if file.suffix == ".jsonl" else list(csv.DictReader(f)))


def page(folder: Path, count: int) -> None:
    """A page of the web with so many pictures beside it."""
    for n in range(count):
        picture(n).save(folder / f"{n}.jpg")
    body = "".join(f'<p>글 {n}</p><img src="{n}.jpg" alt="그림 {n}">' for n in range(count))
    (folder / "a.html").write_text(f"<html><title>옷</title><body>{body}</body></html>", "utf-8")


def loose(folder: Path) -> int:
    """Pillow alone, of the pictures of a page."""
    files = sorted(folder.glob("*.jpg"))
    for file in files:
        with PIL.Image.open(file) as opened:
            opened.convert("RGB")
    return len(files)


# kind → how it is written, the library alone, the package that it needs
KINDS: dict[str, tuple[Callable[[Path, int], None], Callable[[Path], int], str]] = {
    "jpeg": (pictures("JPEG", "jpg"), pillow, "PIL"),
    "png": (pictures("PNG", "png"), pillow, "PIL"),
    "webp": (pictures("WEBP", "webp"), pillow, "PIL"),
    "avif": (pictures("AVIF", "avif"), pillow, "PIL"),
    "jp2": (pictures("JPEG2000", "jp2"), pillow, "PIL"),
    "pdf": (pdf, pdfium, "pypdfium2"),
    "video": (video, opencv, "cv2"),
    "html": (page, loose, "PIL"),
    "jsonl": (table("jsonl"), plain_rows, "json"),
    "csv": (table("csv"), plain_rows, "csv"),
    "parquet": (table("parquet"), plain_rows, "pyarrow"),
}


def read(folder: Path) -> int:
    """Hannun: every item, every picture decoded."""
    count = 0
    for found in sources.read([folder]):
        if isinstance(found, Item):
            count += 1
            for image in found.images:
                image.load()
    return count


def best(work: Callable[[Path], int], folder: Path) -> float:
    """Things a second of the processor, the best of three."""
    rates = []
    for _ in range(3):
        begun = sum(os.times()[:4])
        rates.append(work(folder) / max(sum(os.times()[:4]) - begun, 0.01))
    return max(rates)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    given = parser.parse_args()
    print("| kind | Hannun, a second | the library alone | ratio |\n|---|---|---|---|")
    for kind in given.kinds:
        write, library, package = KINDS[kind]
        if importlib.util.find_spec(package) is None:
            print(f"| {kind} | – | {package} is not installed | |")
            continue
        with tempfile.TemporaryDirectory() as place:
            write(Path(place), given.count)
            ours, theirs = best(read, Path(place)), best(library, Path(place))
        print(f"| {kind} | {ours:,.1f} | {theirs:,.1f} | {ours / theirs:.2f} |", flush=True)


if __name__ == "__main__":
    main()
