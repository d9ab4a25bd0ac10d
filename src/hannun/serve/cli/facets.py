"""`hannun facets`: names of facts go in; their values with counts come out."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hannun.serve.cli.options import DEFAULT, In, Json


def facets(
    fields: Annotated[list[str] | None, typer.Argument(metavar="[FACT…]", help="Names of facts; all that have few values.")] = None,
    collection: In = DEFAULT,
    where: Annotated[str | None, typer.Option(help="Count only items for which this holds.")] = None,
    limit: Annotated[int, typer.Option(help="How many values of each.")] = 12,
    json_out: Json = False,
) -> int:
    """Count the values of facts."""
    from hannun import collection as face

    with face.open(collection, create=False) as opened:
        found = opened.facets(fields or None, where, limit)
    if json_out:
        told = {name: [{"value": v, "count": n} for v, n in values] for name, values in found.items()}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return 0
    for name, values in found.items():
        typer.echo(f"{name}: " + (", ".join(f"{v} {n}" for v, n in values) or "no item has it"))
    return 0
