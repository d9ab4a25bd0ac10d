"""`hannun compact`: a collection goes in; what no item needs any more is removed."""

from __future__ import annotations

import typer

from hannun.serve.cli.options import DEFAULT, At


def compact(collection: At = DEFAULT) -> int:
    """Remove the pictures of deleted items, and what killed processes left behind."""
    from hannun import collection as face

    with face.open(collection, create=False) as opened:
        done = opened.compact()
    typer.echo(f"{done.removed} removed, {done.bytes / 1e6:,.1f} MB freed")
    return 0
