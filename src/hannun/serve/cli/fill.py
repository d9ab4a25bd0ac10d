"""`hannun fill`: a table of labelled pictures goes in; generated pictures for its rare classes, in a table of their own, come out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hannun.errors import InputError
from hannun.serve.cli.index import reading_of
from hannun.serve.cli.options import Columns, Json

if TYPE_CHECKING:
    from hannun.generate.filling import FillPlan
    from hannun.item import Item

_TOLD = 5  # problems of a table that are told


def fill(
    table: Annotated[list[Path], typer.Argument(metavar="TABLE…", help="Tables of pictures with a column of labels; or their folders.")],
    label: Annotated[str, typer.Option("--label", metavar="COLUMN", help="The column whose values are the classes.")],
    prompt: Annotated[str, typer.Option("--prompt", metavar="WORDS", help="What to draw, with columns in braces: '{색} {무늬} 원피스'.")],
    model: Annotated[
        Path | None,
        typer.Option("--model", envvar="HANNUN_IMAGINE_MODEL", metavar="FOLDER", help="What draws, as `hannun imagine` takes it."),
    ] = None,
    text: Annotated[
        Path | None, typer.Option("--text", metavar="FOLDER", help="What reads the prompts instead of the model: a trained student.")
    ] = None,
    to: Annotated[Path, typer.Option("--to", help="The folder for the pictures and filled.jsonl.")] = Path("filled"),
    least: Annotated[int, typer.Option(min=0, help="Pictures that a class is to have; 0 is half of what the middle class has.")] = 0,
    mixed: Annotated[bool, typer.Option("--mixed", help="Take the prompt's other words from any row, not from rows of the class.")] = False,
    test: Annotated[
        list[Path] | None, typer.Option("--test", metavar="TABLE", help="What is measured on: refused where a picture was generated.")
    ] = None,
    plan_only: Annotated[bool, typer.Option("--plan", help="Only say what is lacking.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the first picture; the others count on from it.")] = 0,
    steps: Annotated[int, typer.Option(help="Steps of denoising.")] = 30,
    guidance: Annotated[float | None, typer.Option(help="How hard the words pull; 1 is off. The model's own when left out.")] = None,
    columns: Columns = None,
    json_out: Json = False,
) -> int:
    """Fill rare classes with generated pictures for training. Each is marked, and none is let into what is measured on."""
    from hannun.generate import filling, words
    from hannun.generate.generator import DrawSettings
    from hannun.generate.opening import open_generator
    from hannun.serve.cli.output import progress

    plan = filling.FillPlan(label, prompt, least, mixed)
    rows, notes = filling.real(_items(table, columns), plan)
    lacking, goal = filling.lacking(rows, plan)
    begun = filling.table(to / filling.TABLE) if (to / filling.TABLE).is_file() else []
    measured = _items(test, columns) if test else []
    _stay_real(measured, begun)
    for note in notes:
        typer.echo(note, err=True)
    if not lacking or plan_only:
        return _planned(rows, plan, lacking, goal, json_out)
    generator = open_generator(model, text)
    settings = DrawSettings(steps, guidance=generator.guidance if guidance is None else guidance)
    with progress("drawing", sum(lacking.values())) as step:
        reached = 0

        def told(done: int, of: int) -> None:
            nonlocal reached
            step(done - reached)
            reached = done

        made = filling.fill(rows, plan, generator, settings, to, seed, lambda p: words.refused(p, os.environ), told)
    _stay_real(measured, made)
    if json_out:
        typer.echo(json.dumps({"least": goal, "filled": lacking, "table": str(to / filling.TABLE)}, ensure_ascii=False, indent=1))
        return 0
    for value, number in lacking.items():
        typer.echo(f"{label} {value}: {number} of {goal} are drawn")
    typer.echo(f"wrote {to / filling.TABLE}; train on {' '.join(map(str, table))} {to / filling.TABLE}")
    return 0


def _items(paths: list[Path], columns: str | None) -> list[Item]:
    from hannun import sources
    from hannun.item import Item

    found = list(sources.read(paths, reading_of(columns, None, False)))
    for problem in [p for p in found if not isinstance(p, Item)][:_TOLD]:
        typer.echo(f"{problem.where}: {problem.reason}", err=True)
    return [it for it in found if isinstance(it, Item)]


def _stay_real(measured: list[Item], filled: list[dict[str, object]]) -> None:
    """Raises InputError where something that is measured on was generated."""
    from hannun.generate import filling

    found = list(filling.planted(measured, filled))
    if found:
        some = "; ".join(f"{id} {why}" for id, why in found[:5])
        raise InputError(f"{len(found)} rows of what is measured on were generated ({some}); take them out of it")


def _planned(rows: list[Item], plan: FillPlan, lacking: dict[str, int], goal: int, json_out: bool) -> int:
    if json_out:
        typer.echo(json.dumps({"least": goal, "lacking": lacking}, ensure_ascii=False, indent=1))
        return 0
    for value, number in lacking.items():
        typer.echo(f"{plan.label} {value}: has {goal - number}, lacks {number} of {goal}")
    if not lacking:
        typer.echo(f"no class of {plan.label} has fewer than {goal} pictures, so nothing is drawn")
    return 0
