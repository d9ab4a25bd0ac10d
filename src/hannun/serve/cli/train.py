"""`hannun train`: a recipe's name, its data and changed settings go in; a trained model and its figures come out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from hannun.curate.describe.attributes import sentence
from hannun.errors import DependencyError, InputError, neighbours
from hannun.files import whole_folder
from hannun.processes import once
from hannun.serve.cli import recipes
from hannun.serve.cli.index import reading_of
from hannun.serve.cli.options import Columns
from hannun.train.settled import settle

if TYPE_CHECKING:
    from hannun.recipe import Recipe
    from hannun.train.own import OwnData
    from hannun.train.run import Moment

_TAUGHT = ("korean_diffusion",)  # the recipes that have a teacher
_EVERY = 10.0  # seconds without a line after which one says how far the training is

Size = Annotated[str, typer.Option(help="Which of its sizes: paper, or tiny for a CPU.")]
Changed = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a setting; may be given several times.")]
ModelTo = Annotated[Path, typer.Option("--to", help="The folder of the model; checkpoints lie beside it until it is whole.")]


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="Its name; `hannun recipes` lists them.")],
    size: Size = "tiny",
    data: Annotated[Path, typer.Option(help="The folder of data sets.")] = Path("../shared/data"),
    backbone: Annotated[str, typer.Option(help="What the training begins at, in place of the recipe's: a model's folder or hub id.")] = "",
    teacher: Annotated[str, typer.Option(help="The model that is distilled, in place of the recipe's: a model's folder or hub id.")] = "",
    work: Annotated[Path | None, typer.Option(help="Checkpoints, logs and the model go here; by default build/RECIPE-SIZE.")] = None,
    pairs: Annotated[
        list[Path] | None,
        typer.Option(help="Your own pairs in place of the data sets: tables of pairs, items or clicks, tar shards; may be given again."),
    ] = None,
    dev: Annotated[list[Path] | None, typer.Option(help="Pairs to measure on; by default a share is held out.")] = None,
    columns: Columns = None,
    product: Annotated[str, typer.Option(help="A fact: items of equal value are one product.")] = "",
    start: Annotated[Path | None, typer.Option(help="The folder of a trained model to go on from.")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="The same as --work.")] = None,
    set_: Changed = None,
) -> int:
    """Train a recipe's model. Killed and run again, it goes on from its last checkpoint."""
    module = recipes.recipe_module(recipe)
    if size not in module.SIZES:
        raise InputError(f"{recipe} has no size {size!r}; {neighbours(size, module.SIZES)}")
    named = {k: v for k, v in (("backbone", backbone), ("teacher", teacher)) if v}
    chosen = module.SIZES[size].changed(named | settings(set_ or []))
    if teacher and recipe not in _TAUGHT:
        raise InputError(f"--teacher came, and {recipe} distils nothing; leave it out, or train {', '.join(_TAUGHT)}")
    for name, given in (("--dev", dev), ("--columns", columns), ("--product", product), ("--start", start)):
        if given and not pairs:
            raise InputError(f"{name} came without --pairs, and is of your own pairs; give them with --pairs")
    if not pairs and not data.exists():
        raise DependencyError(f"{data}: no such folder; give the data with --data, or your own pairs with --pairs")
    folder = to or work or Path("build") / f"{recipe}-{size}"
    own = _own(pairs, dev or [], columns, product) if pairs else None
    settle(folder, chosen)
    steps, batch = (chosen.stages[0].steps, chosen.stages[0].batch) if chosen.stages else (chosen.steps, chosen.batch)
    typer.echo(f"{recipe} --size {size}: {steps} steps of {batch} pairs; the first step tells how long they take here", err=True)
    with watched(recipe) as (tell, watch):
        if own is None:
            lines = module.run(chosen, data, folder, tell, watch)
        else:
            from hannun.recipes.skeleton import Training

            lines = module.own(chosen, own, start, Training(chosen, folder, tell, watch))
    for line in lines:
        typer.echo(line)
    typer.echo(f"wrote {folder}")
    return 0


def _own(pairs: list[Path], dev: list[Path], columns: str | None, product: str) -> OwnData:
    """What is trained and measured on; what cannot be read is told. Raises InputError where nothing is left."""
    from hannun.item import Pair, Problem
    from hannun.serve.cli import output
    from hannun.train import own
    from hannun.train import pairs as reading

    how = reading_of(columns, None, True)
    found: list[list[Pair]] = []
    for given in (pairs, dev):
        read = list(reading.read(given, reading=how)) if given else []
        output.problems([p for p in read if isinstance(p, Problem)])
        found.append([p for p in read if isinstance(p, Pair)])
    if not found[0]:
        raise InputError(f"{', '.join(map(str, pairs))}: holds no readable pairs")
    return own.apart(found[0], found[1], product, sentence)


def of_size(sizes: Mapping[str, Recipe], size: str, changed: list[str] | None) -> Recipe:
    """A recipe's size with changed settings, for commands of one recipe. Raises InputError."""
    if size not in sizes:
        raise InputError(f"there is no size {size!r}; {neighbours(size, sizes)}")
    return sizes[size].changed(settings(changed or []))


def delivered(work: Path, to: Path, lines: Sequence[str]) -> int:
    """Move the model that was trained in `work` to where it was asked for, whole or not at all, and print its figures."""

    def moved() -> None:
        with whole_folder(to) as part:
            for file in (work / "model").iterdir():
                file.rename(part / file.name)

    once(moved)
    for line in lines:
        typer.echo(line)
    typer.echo(f"wrote {to}")
    return 0


def settings(given: list[str]) -> dict[str, str]:
    """`--set NAME=VALUE` as names and values. Raises InputError."""
    out = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise InputError(f"--set {each!r} came, expected NAME=VALUE")
        out[name.strip()] = value.strip()
    return out


@final
class _Steady:
    """Lines for a log: what is told, and a line of how far the training is wherever `every` seconds pass without one."""

    def __init__(self, title: str, every: float = _EVERY) -> None:
        self._title, self._every, self._began = title, every, time.monotonic()
        self._moment: Moment | None = None
        self._spoke = threading.Event()  # set: a line was written
        self._done = False
        self._thread = threading.Thread(target=self._keep_talking, name="hannun-train-log", daemon=True)
        self._thread.start()

    def tell(self, line: str) -> None:
        """Write a line."""
        typer.echo(line, err=True)
        self._spoke.set()

    def watch(self, moment: Moment) -> None:
        """Keep how far it is; the first moment says at once how long all will take."""
        first, self._moment = self._moment is None, moment
        if first:
            self.tell(f"about {_minutes(moment.left)} for {moment.steps} steps")

    def close(self) -> None:
        """Write no more lines."""
        self._done = True
        self._spoke.set()
        self._thread.join()

    def _keep_talking(self) -> None:
        while not self._done:
            if self._spoke.wait(self._every):
                self._spoke.clear()
                continue
            m, since = self._moment, _minutes(time.monotonic() - self._began)
            far = "preparing" if m is None else f"step {m.step}/{m.steps}  loss {m.loss:.3f}  about {_minutes(m.left)} left"
            typer.echo(f"{self._title}: {far}  ({since} since the start)", err=True)


def _minutes(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"


@contextmanager
def watched(title: str) -> Iterator[tuple[Any, Any]]:
    """(tell, watch): lines above a bar with loss, speed and time left on a terminal; else lines alone, one every few seconds at least."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        steady = _Steady(title)
        try:
            yield steady.tell, steady.watch
        finally:
            steady.close()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}  loss {task.fields[loss]:.3f}"),
        TextColumn("{task.fields[speed]:.2f} steps/s  {task.fields[left]} left"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=None, loss=float("nan"), speed=0.0, left="?", visible=False)

        def watch(moment: Moment) -> None:
            left = _minutes(moment.left)
            bar.update(task, completed=moment.step, total=moment.steps, loss=moment.loss, speed=moment.speed, left=left, visible=True)

        yield bar.console.print, watch
