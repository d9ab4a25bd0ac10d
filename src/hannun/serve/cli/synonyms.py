"""`hannun synonyms`: a file of words that are the same goes into a collection; those in force come out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hannun.errors import InputError, MissingError
from hannun.serve.cli.options import DEFAULT, In


def synonyms(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Lines such as '바지, 팬츠' or '츄리닝 => 운동복'; left out, those in force are told."),
    ] = None,
    collection: In = DEFAULT,
    remove: Annotated[bool, typer.Option("--remove", help="Let the collection have none.")] = False,
) -> int:
    """Say which words are the same in a collection; searches follow at once, nothing is indexed again."""
    from hannun import collection as face
    from hannun.sources import decode_text

    if file is not None and remove:
        raise InputError(f"{file} and --remove came, expected one of them")
    if file is not None and not file.is_file():
        raise MissingError(f"{file}: no such file; check the path")
    lines = [] if remove else None if file is None else decode_text(file.read_bytes(), str(file)).splitlines()
    with face.open(collection, create=False) as opened:
        kept = opened.synonyms(lines)
    for line in kept:
        typer.echo(line)
    if not kept:
        typer.echo(f"{collection} has no synonyms", err=True)
    return 0
