"""`hannun tune`: a collection goes in; mini, adapted to it, comes out as a model folder, where it is better on what was held out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hannun.errors import HannunError, InputError
from hannun.journal import Journal
from hannun.processes import alone
from hannun.serve.cli.options import DEFAULT, At

if TYPE_CHECKING:
    from hannun.collection import Collection
    from hannun.item import Pair


def tune(
    collection: At = DEFAULT,
    to: Annotated[Path | None, typer.Option("--to", help="The folder of the model; by default the collection's name with .model.")] = None,
    clicks: Annotated[
        list[Path] | None, typer.Option(help="Logs of clicks: rows of query, clicked and shown, with ids of items; may be given again.")
    ] = None,
    product: Annotated[str, typer.Option(help="A fact: items of equal value are one product.")] = "",
    steps: Annotated[int, typer.Option(help="Steps of the training.")] = 200,
) -> int:
    """Adapt mini to a collection by its own words and pictures, and keep the model only if it is better on what was held out."""
    from hannun import collection as face
    from hannun.mini.model import Mini
    from hannun.serve.cli import output
    from hannun.train import tune as tuning
    from hannun.train.heads import HeadSettings

    alone("hannun tune")
    if steps < 1:
        raise InputError(f"--steps {steps} came, expected 1 or more")
    folder = to or Path(f"{collection.rstrip('/')}.model")
    if folder.exists() and not (folder / "hannun.json").exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: is there already and is no model; give another folder with --to")
    with face.open(collection, create=False) as opened:
        name = opened.settings.encoder
        own = tuning.own_pairs(_pairs(opened, clicks or []), product)
    tuning.checked(own)
    work = folder.with_name(folder.name + ".work")
    with output.progress("looking", len(own.pictures)) as advance:
        outcome = tuning.tune(
            own,
            work,
            lambda line: typer.echo(line, err=True),
            advance,
            HeadSettings(steps=steps),
        )
    typer.echo(f"{'':44} {'number':>6}  before  after  difference [95 %]")
    for line in outcome.lines:
        typer.echo(line.line())
    Journal(work).close()
    if not outcome.kept:
        typer.echo(f"no model is kept: {outcome.why}; {collection} stays as it is")
        return 1
    tuning.write(outcome, folder, {"collection": collection, "encoder": name, "start": Mini().name, "pictures": len(own.pictures)})
    typer.echo(f"wrote {folder}: {outcome.why}")
    typer.echo(f"next: hannun reindex {collection} --model {folder}")
    return 0


def _pairs(opened: Collection, clicks: list[Path]) -> list[Pair]:
    """The collection's own pairs of words and pictures, and those of clicks; what gives none is told."""
    from hannun.item import Pair, Problem
    from hannun.serve.cli import output
    from hannun.train import pairs as reading

    found: list[Pair] = []
    known = {}
    alone = 0
    for it in opened:
        known[it.id] = it
        try:
            found += reading.of_item(it, "collection")
        except HannunError:
            alone += 1
    if alone:
        typer.echo(f"{alone} of {len(known)} items have a text or a picture alone and give no pair", err=True)
    read = list(reading.read(clicks, known=known.get)) if clicks else []
    output.problems([p for p in read if isinstance(p, Problem)])
    return found + [p for p in read if isinstance(p, Pair)]
