"""The arguments of `train`, `mine` and `recipes` go in; trained models, pairs with hard negatives, and tables come out."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from hannun.errors import DependencyError, InputError, neighbours


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
    module = _module(recipe)
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


def mine(
    pairs: Annotated[list[Path], typer.Argument(metavar="PAIRS…", help="Pairs: .jsonl, .csv, .parquet with query and positive, or .tar.")],
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
    from hannun.serve.cli import show
    from hannun.train import negatives
    from hannun.train import pairs as reading

    first, _, last = ranks.partition("-")
    if not (first.isdigit() and last.isdigit()):
        raise InputError(f"--ranks {ranks!r} came, expected FIRST-LAST such as 10-100")
    window = negatives.Window(int(first), int(last), count, below, margin, product, seed=seed)
    found = list(reading.read(pairs))
    problems = [p for p in found if isinstance(p, Problem)]
    good = [p for p in found if isinstance(p, Pair)]
    show.problems(problems)
    if not good:
        raise InputError(f"{', '.join(map(str, pairs))}: holds no readable pairs")
    report = negatives.MiningReport()
    with face.open(collection, create=False) as opened, show.progress("mining", len(good)) as advance:
        negatives.write(good, opened, window, report, to, advance)
    for line in report.lines():
        typer.echo(line)
    typer.echo(f"wrote {report.pairs} pairs to {to}")
    return 0


def recipes(
    name: Annotated[str | None, typer.Argument(metavar="[RECIPE]", help="Show all settings of one, and where they are from.")] = None,
) -> int:
    """List the recipes, or the settings of one."""
    if name is None:
        for each in known():
            try:
                sizes = _module(each).SIZES
            except InputError:
                continue
            typer.echo(f"{each:20} {', '.join(sizes):14} {next(iter(sizes.values())).about}")
        return 0
    for size, recipe in _module(name).SIZES.items():
        typer.echo(f"{name} --size {size}: {recipe.about}")
        for setting, value, origin in recipe.rows():
            typer.echo(f"  {setting:22} {value[:90]:90}  {origin}")
    return 0


def known() -> list[str]:
    """The names of the recipes: the files in `hannun.recipes` but those that recipes share."""
    import hannun.recipes

    return sorted(m.name for m in pkgutil.iter_modules(hannun.recipes.__path__) if m.name not in ("data", "table"))


def _module(name: str) -> Any:
    if name not in known():
        raise InputError(f"no recipe {name!r}; {neighbours(name, known())}")
    try:
        module = importlib.import_module(f"hannun.recipes.{name}")
    except ModuleNotFoundError as e:
        raise DependencyError(f"the recipe {name} needs {e.name}; pip install 'hannun[train]'") from None
    if not hasattr(module, "SIZES"):
        raise InputError(f"the recipe {name} is not run by `hannun train`: see `python -m hannun.recipes.{name} --help`")
    return module


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
