"""`hannun check`: a collection goes in; what is damaged in it comes out."""

from __future__ import annotations

from typing import Annotated

import typer

from hannun.serve.cli.options import DEFAULT, At


def check(
    collection: At = DEFAULT,
    accept: Annotated[
        bool, typer.Option("--accept", help="Without a backup: take the engine's files as they are, with new checksums.")
    ] = False,
) -> int:
    """Read everything a collection holds, and name each damaged file and what to do. Exits with 1 where one is."""
    from hannun import collection as face

    found = face.check(collection, accept)
    for note in found.notes:
        typer.echo(f"note: {note}")
    for damage in found.damaged:
        typer.echo(f"damaged: {damage}")
    read = f"{found.files} files, {found.bytes / 1e6:,.1f} MB checked"
    typer.echo(f"{read}: {len(found.damaged)} damaged" if found.damaged else f"{read}: all are as they were written")
    return 1 if found.damaged else 0
