"""`hannun dupes`: a collection goes in; groups of the same or nearly the same items come out."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hannun.serve.cli.options import DEFAULT, At, Json


def dupes(
    collection: At = DEFAULT,
    threshold: Annotated[
        float | None, typer.Option(help="The lowest cosine that makes two items near-duplicates [default: 0.94 pictures, 0.98 texts].")
    ] = None,
    where: Annotated[str | None, typer.Option(help="Only among items for which this holds.")] = None,
    json_out: Json = False,
) -> int:
    """List groups of items that are the same or nearly so, by their pictures (or texts, where they have none)."""
    from hannun import collection as face
    from hannun.search.dupes import PICTURES, THRESHOLD

    with face.open(collection, create=False) as opened:
        groups = opened.dupes(threshold, where)
    if json_out:
        told = [{"ids": g.ids, "similarity": round(g.similarity, 4), "exact": g.exact} for g in groups]
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return 0
    for g in groups:
        typer.echo(f"{len(g.ids)} items, {'the same picture' if g.exact else f'cosine {g.similarity:.3f}'}")
        typer.echo("".join(f"  {i}\n" for i in g.ids), nl=False)
    extra = sum(len(g.ids) - 1 for g in groups)
    near = f"{threshold}" if threshold else f"{PICTURES} (pictures) or {THRESHOLD} (texts)"
    typer.echo(f"{len(groups)} groups; {extra} items could go" if groups else f"no two items are as near as {near}")
    return 0
