"""`hannun thumbnail`: documents and a query go in; the picture of each that fits the query comes out, or none where none does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hannun.errors import InputError
from hannun.serve.cli.options import Json, Model

if TYPE_CHECKING:
    from hannun.search.thumbnail import RankedPicture
    from hannun.sources.illustrated import Illustrated


def thumbnail(
    documents: Annotated[list[Path], typer.Argument(metavar="DOCUMENT…", help="HTML, Markdown and PDF files, or folders of pictures.")],
    query: Annotated[str | None, typer.Option("--query", help="What was searched for.")] = None,
    image: Annotated[Path | None, typer.Option("--image", help="A picture that was searched for, alone or with words.")] = None,
    aspect: Annotated[str | None, typer.Option(metavar="W:H", help="Cut to this shape: 1:1, 4:3, 320x180; whole when left out.")] = None,
    threshold: Annotated[float | None, typer.Option(help="The least score of a picture that is shown, 0 … 1.")] = None,
    words: Annotated[float, typer.Option(help="The share of the words by a picture (alt, caption) in its score, 0 … below 1.")] = 0.0,
    limit: Annotated[int, typer.Option(min=1, help="How many pictures of a document are shown.")] = 1,
    to: Annotated[Path | None, typer.Option("--to", help="Write what is shown into this folder.")] = None,
    model: Model = None,
    json_out: Json = False,
) -> int:
    """Choose the pictures of documents that fit a query; none where none fits (then it exits with 1). Near-duplicates count once."""
    from hannun.load import load
    from hannun.search import crop
    from hannun.search.thumbnail import THRESHOLD, Wanted, thumbnails
    from hannun.sources import illustrated

    asked: dict[str, Any] = {**({"text": query} if query else {}), **({"image": image} if image else {})}
    if not asked:
        raise InputError("no query came, expected --query WORDS and/or --image FILE")
    least = THRESHOLD if threshold is None else threshold
    wanted = Wanted(least, words, crop.aspect(aspect) if aspect else None, limit=limit)
    encoder = load(model or "mini")
    rows: list[dict[str, Any]] = []
    for path in documents:
        read = illustrated.read(path)
        ranked = thumbnails(encoder, asked, [f.image for f in read.figures], [f.words for f in read.figures], wanted)
        written = _write(to, path, read, ranked) if to is not None else {}
        rows.append(_row(path, read, ranked, written))
    if json_out:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        for row in rows:
            _show(row)
    return 0 if any(p["shown"] for row in rows for p in row["pictures"]) else 1


def _row(path: Path, read: Illustrated, ranked: list[RankedPicture], written: dict[int, str]) -> dict[str, Any]:
    pictures = [
        {
            "number": r.number,
            "picture": read.figures[r.number].name or str(read.figures[r.number].image),
            "score": round(r.score, 4),
            "shown": r.shown,
            **({"why_not": r.why_not} if r.why_not else {}),
            **({"same_as": r.same_as} if r.same_as is not None else {}),
            **({"box": list(r.box)} if r.box is not None else {}),
            **({"written": written[r.number]} if r.number in written else {}),
        }
        for r in ranked
    ]
    return {"document": str(path), "title": read.title, "pictures": pictures, "unread": [{"picture": p, "why": w} for p, w in read.unread]}


def _write(folder: Path, path: Path, read: Illustrated, ranked: list[RankedPicture]) -> dict[int, str]:
    """The pictures that are shown, as JPEG files named after the document: by number, the path of each."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for r in (r for r in ranked if r.shown):
        picture = read.figures[r.number].image.load()
        file = folder / f"{path.resolve().stem}-{r.number}.jpg"
        (picture.crop(r.box) if r.box is not None else picture).save(file, "JPEG", quality=90)
        written[r.number] = str(file)
    return written


def _show(row: dict[str, Any]) -> None:
    typer.echo(row["document"] + ("" if any(p["shown"] for p in row["pictures"]) else ": no picture fits"))
    for p in row["pictures"]:
        mark, why = ("→" if p["shown"] else " "), p.get("why_not", "")
        told = f"  {why} ({p['same_as']})" if "same_as" in p else f"  {why}" if why else ""
        written = f"  → {p['written']}" if "written" in p else ""
        typer.echo(f" {mark} {p['score']:.3f}  {p['number']:>3}  {p['picture'][:80]}{told}{written}")
    for u in row["unread"]:
        typer.echo(f"   not read: {u['picture']}: {u['why']}", err=True)
