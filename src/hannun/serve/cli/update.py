"""`hannun update`: ids, conditions and FACT=VALUE go in; the items have the new facts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hannun.errors import InputError, MissingError
from hannun.serve.cli.options import DEFAULT, In


def update(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID…]", help="Ids of items.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", metavar="FACT=VALUE", help="May be given again; FACT= removes it.")] = None,
    collection: In = DEFAULT,
    where: Annotated[str | None, typer.Option(help="Also every item for which this holds.")] = None,
) -> int:
    """Change facts of items; nothing is encoded again."""
    from hannun import collection as face

    if not changes:
        raise InputError("no change came, expected --set FACT=VALUE")
    if not ids and where is None:
        raise InputError("no items came, expected ids and/or --where CONDITION")
    wanted = dict(_change(c) for c in changes)
    with face.open(collection, create=False) as opened:
        changed = opened.update(wanted, ids or (), where)
    if not changed:
        raise MissingError(f"{collection}: has none of these items; see `hannun search` for ids")
    typer.echo(f"{changed} changed")
    return 0


def _change(text: str) -> tuple[str, Any]:
    from hannun.search.where import value

    name, equals, written = text.partition("=")
    if not equals or not name.strip():
        raise InputError(f"--set {text!r} came, expected FACT=VALUE, e.g. price=39000")
    return name.strip(), value(written) if written.strip() else None
