"""`hannun mine`: training pairs and a collection go in; pairs with hard negatives come out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hannun.errors import InputError


def mine(
    pairs: Annotated[
        list[Path],
        typer.Argument(metavar="PAIRS…", help="Tables or .tar shards: rows of query and positive, or of query and clicked."),
    ],
    collection: Annotated[Path, typer.Option("--in", envvar="HANNUN_COLLECTION", help="The collection to search for negatives.")],
    to: Annotated[Path, typer.Option("--to", help="The .jsonl to write.")] = Path("mined.jsonl"),
    count: Annotated[int, typer.Option(help="Negatives of each pair.")] = 7,
    ranks: Annotated[str, typer.Option(help="From which ranks: FIRST-LAST.")] = "1-100",
    below: Annotated[float, typer.Option(help="A negative scores below this share of the positive's score.")] = 0.95,
    margin: Annotated[float, typer.Option(help="… and by so much below it.")] = 0.0,
    product: Annotated[str, typer.Option(help="A fact: items of equal value are one product.")] = "",
    seed: Annotated[int | None, typer.Option(help="Draw from the ranks instead of taking the hardest.")] = None,
) -> int:
    """Find hard negatives for training pairs by searching a collection that holds their positives. Run again, it goes on where it was."""
    from hannun import collection as face
    from hannun.item import Pair, Problem
    from hannun.serve.cli import output
    from hannun.train import negatives
    from hannun.train import pairs as reading

    first, _, last = ranks.partition("-")
    if not (first.isdigit() and last.isdigit()):
        raise InputError(f"--ranks {ranks!r} came, expected FIRST-LAST such as 10-100")
    window = negatives.Window(int(first), int(last), count, below, margin, product, seed=seed)
    report = negatives.MiningReport()
    with face.open(collection, create=False) as opened:
        found = list(reading.read(pairs, known=lambda id: opened.get(id) if id in opened else None))  # clicks name its items
        output.problems([p for p in found if isinstance(p, Problem)])
        good = [p for p in found if isinstance(p, Pair)]
        if not good:
            raise InputError(f"{', '.join(map(str, pairs))}: holds no readable pairs")
        with output.progress("mining", len(good)) as advance:
            negatives.write(good, opened, window, report, to, advance)
    for line in report.lines():
        typer.echo(line)
    typer.echo(f"wrote {report.pairs} pairs to {to}")
    return 0
