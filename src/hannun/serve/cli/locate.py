"""`hannun locate`: pictures and words go in; where in each picture the words are comes out, as a box and as a map over the picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hannun.errors import InputError, PictureError
from hannun.files import whole
from hannun.serve.cli.options import Json, Model

if TYPE_CHECKING:
    from hannun.item import Image, Problem
    from hannun.search.locate import Located

_DRAWN = (".png", ".jpg", ".jpeg", ".webp")


def locate(
    contents: Annotated[list[str], typer.Argument(metavar="PICTURE… WORDS", help="Pictures or folders of them, then what to look for.")],
    query: Annotated[list[str] | None, typer.Option("--query", help="What else to look for; may be given several times.")] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="The map over the picture: a .png for one picture and one query, a folder for several.")
    ] = None,
    model: Model = None,
    json_out: Json = False,
) -> int:
    """Show where in pictures something is. The hottest place is told whatever is asked: whether it is there at all, `relevance` says."""
    from hannun.load import load
    from hannun.search import locate as places
    from hannun.serve.cli import output

    if len(contents) < 2:
        raise InputError(f"{contents[0]!r} came alone, expected pictures and then words: hannun locate photo.jpg '빨간 모자'")
    asked = [contents[-1], *(query or ())]
    if empty := [q for q in asked if not q.strip()]:
        raise InputError(f"{empty[0]!r} came as what to look for, expected words")
    found, unread = _pictures([Path(c) for c in contents[:-1]])
    if to is not None and to.suffix.lower() in _DRAWN and len(found) * len(asked) != 1:
        raise InputError(f"--to {to} came for {len(found)} pictures and {len(asked)} queries, expected a folder for more than one map")
    encoder = load(model or "mini")
    sees = places.sees_cells(encoder)
    vectors = places.queries(encoder, asked)
    rows: list[dict[str, Any]] = []
    for place, picture in found:
        seen = _seen(place, picture, encoder, asked, sees, vectors)
        if not isinstance(seen, list):
            unread.append(seen)
            continue
        for n, (row, where, loaded) in enumerate(seen):
            if to is not None:
                row["written"] = str(_written(to, f"{len(rows):03}-{Path(place).stem}-{n}", places.overlay(loaded, where)))
            rows.append(row)
    if json_out:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        for row in rows:
            _show(row)
    output.problems(unread)
    return 0 if rows else 1


def _pictures(paths: list[Path]) -> tuple[list[tuple[str, Image]], list[Problem]]:
    """The pictures at paths and in folders, with where they lie; what is none is told."""
    from hannun import sources
    from hannun.item import Item, Problem

    found: list[tuple[str, Image]] = []
    unread: list[Problem] = []
    for path in paths:
        for one in sources.read([path]):
            if isinstance(one, Problem):
                unread.append(one)
            elif isinstance(one, Item) and one.images:
                found += [(str(p), p) for p in one.images]
            elif isinstance(one, Item):
                unread.append(Problem(str(path), "holds words and no picture, expected pictures"))
    return found, unread


def _seen(
    place: str, picture: Image, encoder: Any, asked: list[str], sees: Any, vectors: Any
) -> list[tuple[dict[str, Any], Located, Any]] | Problem:
    """A row, the place and the loaded picture for each query; or why the picture cannot be read."""
    from hannun.item import Image as Picture
    from hannun.item import Problem, Text
    from hannun.search import locate as places
    from hannun.search.relevance import relevance

    try:
        loaded = picture.load()
    except PictureError as e:
        return Problem(place, str(e).removeprefix(f"{place}: "))
    upright = Picture(loaded)
    looked = places.look(sees, upright, places.looks(sees))
    judge = relevance(encoder.calibration, {Text.kind: 1.0}, {Picture.kind: 1.0}) if encoder.kinds else None
    near = encoder.encode_document([upright]).dense[0]
    out = []
    for words, vector in zip(asked, vectors, strict=True):
        where = places.located(looked, vector)
        fits = judge({Picture.kind: float(near @ vector)}, {}) if judge is not None else None
        row = {
            "picture": place,
            "query": words,
            "width": loaded.width,
            "height": loaded.height,
            "box": list(where.box),
            "peak": [round(v, 1) for v in where.peak],
            "score": round(where.score, 4),
            **({} if fits is None else {"relevance": round(fits, 4)}),
            "heat": {"rows": where.heat.rows, "columns": where.heat.columns, "values": [round(v, 4) for v in where.heat.values]},
        }
        out.append((row, where, loaded))
    return out


def _written(to: Path, name: str, drawn: Any) -> Path:
    """The map under its name, whole or not at all."""
    file = to if to.suffix.lower() in _DRAWN else to / f"{name}.png"
    format = {".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}.get(file.suffix.lower(), "PNG")
    with whole(file) as f:
        drawn.save(f, format)
    return file


def _show(row: dict[str, Any]) -> None:
    left, upper, right, lower = row["box"]
    fits = f"  relevance {row['relevance']:.2f}" if "relevance" in row else ""
    written = f"  → {row['written']}" if "written" in row else ""
    size = f"of {row['width']} × {row['height']}"
    typer.echo(f"{row['picture']}  {row['query']}: {left},{upper} … {right},{lower} {size}  score {row['score']:.3f}{fits}{written}")
