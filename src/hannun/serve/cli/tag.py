"""`hannun tag`: pictures or a collection go in; what annotators find in them comes out, as a table or as facts of the collection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hannun.errors import HannunError, InputError
from hannun.serve.cli.options import Json, Model

if TYPE_CHECKING:
    from hannun.annotate.annotator import Annotator
    from hannun.item import Item


def tag(
    pictures: Annotated[list[Path] | None, typer.Argument(metavar="[PICTURE…]", help="Pictures, or folders of them.")] = None,
    collection: Annotated[
        str | None, typer.Option("--collection", "--in", metavar="COLLECTION", help="Write what is found into this collection.")
    ] = None,
    topic: Annotated[str, typer.Option("--topic", help="What may be found: fashion, food, or a .toml file of your own.")] = "fashion",
    category: Annotated[str | None, typer.Option("--category", help="Only the attributes of things of this category: 치마, 신발.")] = None,
    weights: Annotated[Path | None, typer.Option("--weights", help="Heads that you trained, instead of those that come with it.")] = None,
    zero_shot: Annotated[bool, typer.Option("--zero-shot", help="By prompts alone, without trained heads.")] = False,
    english: Annotated[bool, typer.Option("--english", help="Names and values in English.")] = False,
    where: Annotated[str | None, typer.Option(help="Only items for which this holds.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Also items that this version has looked at.")] = False,
    model: Model = None,
    json_out: Json = False,
) -> int:
    """Find colour, type, pattern and other attributes of pictures, each with its probability, or *unknown*."""
    from hannun import sources
    from hannun.item import Item
    from hannun.serve.tags import annotator

    if bool(pictures) == bool(collection):
        raise InputError("expected pictures, or --collection COLLECTION (one of the two)")
    looking = annotator(topic, category=category, weights=weights, zero_shot=zero_shot, english=english, model=model or "mini")
    if collection is not None:
        return _written(collection, looking, where, again, json_out)
    items = [it for it in sources.read(pictures or ()) if isinstance(it, Item) and it.images]
    if not items:
        raise InputError("no pictures are there, expected at least one")
    found = looking.annotate(items)
    if json_out:
        told = [[{"key": f.key, "value": f.value, "score": round(f.score, 4)} for f in findings] for findings in found]
        rows = [{"picture": it.id, "findings": findings} for it, findings in zip(items, told, strict=True)]
        typer.echo(json.dumps({"annotator": looking.name, "version": looking.version, "pictures": rows}, ensure_ascii=False, indent=1))
        return 0 if any(found) else 1
    for it, findings in zip(items, found, strict=True):
        if not findings:
            typer.echo(f"not read: {_unreadable(it)}", err=True)
            continue
        typer.echo(it.id)
        for f in findings:
            typer.echo(f"  {f.key}\t{f.value or '?'}\t{f.score:.2f}")
    return 0 if any(found) else 1


def _unreadable(it: Item) -> str:
    """Why no picture of an item can be looked at."""
    try:
        it.images[0].load()
    except HannunError as e:
        return str(e)
    return f"{it.id}: has no picture that can be read"


def _written(collection: str, looking: Annotator, where: str | None, again: bool, json_out: bool) -> int:
    """What is found, as facts of the collection."""
    from hannun import collection as face
    from hannun.annotate.written import tag as write
    from hannun.serve.cli.output import progress

    with face.open(collection, create=False) as opened, progress("tagging", len(opened)) as step:
        report = write(opened, looking, where, again, step)
    if json_out:
        typer.echo(json.dumps({"version": looking.version, **vars(report)}, ensure_ascii=False, indent=1))
    else:
        typer.echo(report.told(looking.version))
    return 0
