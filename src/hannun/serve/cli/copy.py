"""`hannun copy`: a collection goes in; the same one comes out in another folder or a cluster."""

from __future__ import annotations

from typing import Annotated

import typer


def copy(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="What to copy.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="Another folder, or qdrant://host:6333/name.")],
) -> int:
    """Copy a collection, vectors and all, to a folder or a cluster. Stopped and run again, it goes on where it was."""
    from hannun import collection as face
    from hannun.serve.cli import output

    with face.open(collection, create=False) as opened, output.progress("copying", len(opened)) as advance:
        report = opened.copy(to, advance)
    typer.echo(f"{report.added} copied, {report.unchanged} were there already; {to} has them all")
    return 0
