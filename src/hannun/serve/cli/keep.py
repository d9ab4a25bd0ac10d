"""A collection's name goes in; copies, backups, counts of its facts, changed facts and groups of near-duplicates come out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from hannun.errors import InputError, MissingError
from hannun.serve.cli.commands import DEFAULT, At, In

Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def copy(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="What to copy.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="Another folder, or qdrant://host:6333/name.")],
) -> int:
    """Copy a collection, vectors and all, to a folder or a cluster. Stopped and run again, it goes on where it was."""
    from hannun import collection as face
    from hannun.serve.cli import show

    with face.open(collection, create=False) as opened, show.progress("copying", len(opened)) as advance:
        report = opened.copy(to, advance)
    typer.echo(f"{report.added} copied, {report.unchanged} were there already; {to} has them all")
    return 0


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


def dupes(
    collection: At = DEFAULT,
    threshold: Annotated[float, typer.Option(help="The lowest cosine that makes two items near-duplicates.")] = 0.98,
    where: Annotated[str | None, typer.Option(help="Only among items for which this holds.")] = None,
    json_out: Json = False,
) -> int:
    """List groups of items that are the same or nearly so, by their pictures (or texts, where they have none)."""
    from hannun import collection as face

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
    typer.echo(f"{len(groups)} groups; {extra} items could go" if groups else f"no two items are as near as {threshold}")
    return 0


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
