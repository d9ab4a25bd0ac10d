"""`hannun keys`: names and scopes go in; a service's API keys are made, listed and revoked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hannun.errors import MissingError
from hannun.serve.cli.options import DEFAULT
from hannun.serve.http.keys import SCOPES, Keys

app = typer.Typer(help="API keys of a service: who may read, who may write.", no_args_is_help=True)
File = Annotated[Path | None, typer.Option("--file", envvar="HANNUN_KEYS", help="The file of keys; beside the collection when left out.")]
Collection = Annotated[Path, typer.Option("--in", envvar="HANNUN_COLLECTION", help="The collection.")]


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    collection: Collection = Path(DEFAULT),
    scope: Annotated[list[str] | None, typer.Option(help="read and/or write; both when left out.")] = None,
    rate: Annotated[float, typer.Option(help="Requests a minute; 0 is the service's own limit.")] = 0.0,
    file: File = None,
) -> int:
    """Make a key and print it: only its hash is kept, so this is the one time to see it."""
    typer.echo(_keys(collection, file).add(name, scope or SCOPES, rate))
    return 0


@app.command("list")
def show(collection: Collection = Path(DEFAULT), file: File = None) -> int:
    """Whose keys there are."""
    for key in _keys(collection, file).all():
        rate = f"{key.rate:g}/min" if key.rate else "-"
        typer.echo(f"{key.name}\t{','.join(key.scopes)}\t{rate}\t{key.made}")
    return 0


@app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    collection: Collection = Path(DEFAULT),
    file: File = None,
) -> int:
    """Make a key worthless; a running service notices within a second."""
    _keys(collection, file).revoke(name)
    typer.echo(f"{name!r} is revoked")
    return 0


def _keys(collection: Path, file: Path | None) -> Keys:
    if file is None and not (collection / "hannun.json").exists():
        raise MissingError(f"{collection}: no collection there; give --in COLLECTION, or --file for the keys")
    return Keys(file or collection / "service" / "keys.json")
