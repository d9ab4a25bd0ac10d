"""`hannun delete`: ids and conditions go in; items leave the collection, or are shown with --dry-run."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

import typer

from hannun.errors import InputError, MissingError
from hannun.serve.cli.options import DEFAULT, In

if TYPE_CHECKING:
    from hannun.item import Item


def delete(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID…]", help="Ids of items.")] = None,
    collection: In = DEFAULT,
    where: Annotated[str | None, typer.Option(help="Also every item for which this holds.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
) -> int:
    """Remove items by id or by condition. What is not there is no mistake: a delete that was stopped may be run again."""
    from hannun import collection as face

    if not ids and where is None:
        raise InputError("nothing to delete came, expected ids and/or --where CONDITION")
    with face.open(collection, create=False) as opened:
        named: dict[str, Item] = {}
        for each in dict.fromkeys(ids or ()):
            with contextlib.suppress(MissingError):
                named[each] = opened.get(each)
        missing = len(set(ids or ())) - len(named)
        if dry_run:
            going = named | ({} if where is None else {it.id: it for it in opened.items(where)})
            for it in going.values():
                typer.echo(f"{it.id}\t{it.text or (it.images[0] if it.images else '')}")
        removed = len(going) if dry_run else opened.delete(list(named), where)
        left = len(opened)
    told = f"{removed} {'would go' if dry_run else 'removed'}" + (f", {missing} not there" if missing else "")
    typer.echo(f"{told}; {collection} now has {left} items")
    return 0
