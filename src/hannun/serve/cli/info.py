"""`hannun info`: a collection goes in; what it holds and what made it come out as JSON."""

from __future__ import annotations

import json

import typer

from hannun.serve.cli.options import DEFAULT, At


def info(collection: At = DEFAULT) -> int:
    """What a collection holds and what made it, as JSON."""
    from hannun import collection as face
    from hannun.serve.cli import output

    with face.open(collection, create=False) as opened:
        typer.echo(json.dumps(opened.info(), ensure_ascii=False, indent=1))
        output.advice(opened)
    return 0
