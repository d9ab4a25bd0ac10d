"""`hannun backup` and `hannun restore`: a collection goes in and a folder or one file comes out, and the other way round."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def backup(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="What to back up.")],
    to: Annotated[Path, typer.Argument(metavar="TO", help="A new folder, or a new file ….tar.")],
) -> int:
    """Write a whole copy into a folder or one file. Pictures that lie outside the collection stay where they are."""
    from hannun import collection as face

    with face.open(collection, create=False) as opened:
        size = opened.backup(to)
        count = len(opened)
    typer.echo(f"{count} items, {size / 1e6:,.1f} MB written to {to}; get it back with `hannun restore {to} COLLECTION`")
    return 0


def restore(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `hannun backup` wrote.")],
    to: Annotated[Path, typer.Argument(metavar="COLLECTION", help="A place where nothing is.")],
) -> int:
    """Make a collection again of a backup."""
    from hannun import collection as face

    face.restore(source, to)
    with face.open(to, create=False) as opened:
        typer.echo(f"{to} has {len(opened)} items")
    return 0
