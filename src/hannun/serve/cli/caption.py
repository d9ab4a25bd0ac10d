"""`hannun caption`: pictures go in; what can be said of each comes out, in a style and a language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hannun.errors import InputError, MissingError, PictureError, neighbours
from hannun.serve.cli.options import Json, Model

if TYPE_CHECKING:
    from hannun.encoder import Caption

BEAMS = 4
_TOGETHER = 16  # pictures that are told of at once: lines come while others wait


def caption(
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURE…", help="Pictures, and folders of them.")],
    style: Annotated[str, typer.Option(help="caption, query (what one would search it by) or product (a name in a shop).")] = "caption",
    lang: Annotated[str, typer.Option("--lang", help="ko or en.")] = "ko",
    beams: Annotated[int, typer.Option(min=1, help="How many texts are followed at once; 1 is fastest.")] = BEAMS,
    count: Annotated[int, typer.Option(min=1, help="How many texts of a picture are shown, the best first.")] = 1,
    nucleus: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Draw instead, among the likeliest words of this share: another text by each seed.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="The draw, with --nucleus.")] = 0,
    model: Model = None,
    json_out: Json = False,
) -> int:
    """Say what is to be seen in pictures: a caption, a query or a product's name, in Korean or English."""
    from hannun.continuation import Manner
    from hannun.encoder import captioner
    from hannun.load import load

    writer = captioner(load(model or "mini"))
    if writer is None:
        raise InputError(f"{model or 'mini'} writes no captions, expected a captioner; `hannun train prompt_coca` makes one")
    if style not in writer.styles:
        raise InputError(f"--style {style} came; {neighbours(style, writer.styles)}")
    if count > beams and not nucleus:
        raise InputError(f"--count {count} and --beams {beams} came, expected as many beams as texts, or more")
    manner = Manner(beams=1 if nucleus else beams, nucleus=nucleus, seed=seed)
    files = _files(pictures)
    rows: list[dict[str, Any]] = []
    for at in range(0, len(files), _TOGETHER):
        for path, said in _told(writer, files[at : at + _TOGETHER], style, lang, manner):
            if isinstance(said, str):
                typer.echo(f"not read: {said}", err=True)
                rows.append({"picture": str(path), "error": said})
                continue
            kept = said[:count]
            rows.append({"picture": str(path), "style": style, "lang": lang, "texts": [_row(c) for c in kept]})
            if not json_out:
                for c in kept:
                    typer.echo(f"{path}\t{c.text}" if len(files) > 1 or count > 1 else c.text)
    if json_out:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    return 0 if any("texts" in r for r in rows) else 1


def _row(c: Caption) -> dict[str, Any]:
    return {"text": c.text, "likelihood": round(c.likelihood, 4), **({} if c.ended else {"ended": False})}


def _files(given: list[Path]) -> list[Path]:
    """The pictures named, and those in folders. Raises MissingError and InputError."""
    from hannun.shards import PICTURES

    out: list[Path] = []
    for path in given:
        if not path.exists():
            raise MissingError(f"{path}: no such picture or folder; check the path")
        out += sorted(p for p in path.rglob("*") if p.suffix.lower().removeprefix(".") in PICTURES) if path.is_dir() else [path]
    if not out:
        raise InputError(f"{', '.join(map(str, given))}: no picture is there, expected files such as .jpg, .png or .webp")
    return out


def _told(writer: Any, files: list[Path], style: str, lang: str, manner: Any) -> list[tuple[Path, list[Caption] | str]]:
    """Of each file its texts, or why there are none: a broken one stops no other."""
    from hannun.item import Image

    try:
        return list(zip(files, writer.caption([Image(p) for p in files], style, lang, manner), strict=True))
    except PictureError as e:
        if len(files) == 1:
            return [(files[0], str(e))]
        return [row for p in files for row in _told(writer, [p], style, lang, manner)]
