"""`hannun train`: a recipe's name, its data and changed settings go in; a trained model and its figures come out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from hannun.errors import DependencyError, InputError, neighbours
from hannun.serve.cli import recipes


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="Its name; `hannun recipes` lists them.")],
    size: Annotated[str, typer.Option(help="Which of its sizes: paper, or tiny for a CPU.")] = "tiny",
    data: Annotated[Path, typer.Option(help="The folder of data sets.")] = Path("../shared/data"),
    work: Annotated[Path | None, typer.Option(help="Checkpoints, logs and the model go here; by default build/RECIPE-SIZE.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a setting; may be given several times.")
    ] = None,
) -> int:
    """Train a recipe's model. Killed and run again, it goes on from its last checkpoint."""
    module = recipes.recipe_module(recipe)
    if size not in module.SIZES:
        raise InputError(f"{recipe} has no size {size!r}; {neighbours(size, module.SIZES)}")
    chosen = module.SIZES[size].changed(_settings(set_ or []))
    if not data.exists():
        raise DependencyError(f"{data}: no such folder; give the data with --data")
    folder = work or Path("build") / f"{recipe}-{size}"
    with _watched(recipe) as (tell, watch):
        lines = module.run(chosen, data, folder, tell, watch)
    for line in lines:
        typer.echo(line)
    typer.echo(f"wrote {folder}")
    return 0


def _settings(given: list[str]) -> dict[str, str]:
    out = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise InputError(f"--set {each!r} came, expected NAME=VALUE")
        out[name.strip()] = value.strip()
    return out


@contextmanager
def _watched(title: str) -> Iterator[tuple[Any, Any]]:
    """(tell, watch): lines above a bar with loss, speed and time left on a terminal; only the lines where there is none."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield (lambda line: typer.echo(line, err=True)), None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}  loss {task.fields[loss]:.3f}"),
        TextColumn("{task.fields[speed]:.2f} steps/s  {task.fields[left]} left"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=None, loss=float("nan"), speed=0.0, left="?", visible=False)

        def watch(moment: Any) -> None:
            minutes, seconds = divmod(round(moment.left), 60)
            left = f"{minutes}:{seconds:02}"
            bar.update(task, completed=moment.step, total=moment.steps, loss=moment.loss, speed=moment.speed, left=left, visible=True)

        yield bar.console.print, watch
