"""`hannun eval`: a model and suites go in; tables on the terminal and a folder with JSON, HTML and a card come out."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hannun.errors import InputError, MissingError
from hannun.files import write_whole
from hannun.serve.cli.index import reading_of
from hannun.serve.cli.options import Cache, Columns, Data, On

if TYPE_CHECKING:
    from hannun.evaluate.report import EvalReport
    from hannun.evaluate.suites.suite import Suite
    from hannun.seen import Seen

_DATA = Path("../shared/data")


def evaluate(
    model: Annotated[str, typer.Argument(help="'mini', 'mini-free', the path of a model, or a hub id.")] = "mini",
    on: On = None,
    to: Annotated[Path | None, typer.Option("--to", help="The folder for report.json, report.html, card.md [default: eval/MODEL].")] = None,
    data: Data = None,
    dim: Annotated[int | None, typer.Option(help="Truncate to one of the model's dims.")] = None,
    seed: Annotated[int, typer.Option(help="Of intervals, few-shot draws and drawn pages.")] = 0,
    cache: Cache = None,
    json_out: Annotated[bool, typer.Option("--json", help="The report as JSON on standard output instead of tables.")] = False,
    pairs: Annotated[
        list[Path] | None,
        typer.Option(help="Measure retrieval on your own pairs instead: tables of pairs, items or clicks, tar shards; may be given again."),
    ] = None,
    columns: Columns = None,
    keep_trained: Annotated[
        bool, typer.Option("--keep-trained", help="Measure on rows too that the model was trained on; they are counted either way.")
    ] = False,
    list_them: Annotated[bool, typer.Option("--list", help="Name the suites and stop.")] = False,
) -> int:
    """Measure a model on a suite, or on all: a table with intervals, and a report in JSON and HTML with a model card."""
    from hannun.evaluate import suites

    if list_them:
        for s in suites.suites().values():
            typer.echo(f"{s.name:14} {s.about}")
        typer.echo(f"{'mteb:TASK':14} a public task by its name in mteb, such as mteb:KLUE-STS")
        return 0
    if pairs:
        return _retrieval(model, pairs, columns, dim, seed, json_out)
    if columns:
        raise InputError("--columns came without --pairs, and is of your own pairs; give them with --pairs")
    chosen = [suites.suite(name) for name in on] if on else list(suites.suites().values())
    report = measured(model, chosen, data, dim, seed, cache, command("eval", model, on, dim, seed), keep_trained)
    folder = to or Path("eval") / (Path(model).name or "model")
    _written(report, folder)
    if json_out:
        typer.echo(json.dumps(report.to_json(), ensure_ascii=False, indent=1))
    else:
        _tables(report)
    for name, why in report.skipped.items():
        typer.echo(f"skipped {why if why.startswith(name) else f'{name}: {why}'}", err=True)
    typer.echo(f"wrote {folder}/report.json, report.html and card.md", err=json_out)
    return 0


def _retrieval(model: str, pairs: list[Path], columns: str | None, dim: int | None, seed: int, json_out: bool) -> int:
    """Print how often answers are found by their queries, and queries by their answers, with intervals."""
    from hannun import metrics
    from hannun.item import Pair, Problem
    from hannun.load import load
    from hannun.serve.cli import output
    from hannun.train import own
    from hannun.train import pairs as reading

    read = list(reading.read(pairs, reading=reading_of(columns, None, True)))
    output.problems([p for p in read if isinstance(p, Problem)])
    good = [p for p in read if isinstance(p, Pair)]
    if len(good) < 2:
        raise InputError(f"{', '.join(map(str, pairs))}: holds {len(good)} readable pairs, expected 2 or more")
    found = own.retrieval(own.embedding(load(model), dim), good)
    rows = {k: (float(v.mean()), *metrics.bootstrap(v, seed=seed), len(v)) for k, v in found.items()}
    if json_out:
        typer.echo(json.dumps({k: dict(zip(("value", "low", "high", "n"), v, strict=True)) for k, v in rows.items()}, ensure_ascii=False))
        return 0
    table = grid(f"{model} on {len(good)} pairs of {', '.join(map(str, pairs))}", ("figure",), ("value", "95 %", "n"))
    for name, (value, low, high, n) in rows.items():
        table.add_row(name, f"{value:.3f}", f"[{low:.3f}, {high:.3f}]", str(n))
    console().print(table)
    return 0


def measured(
    model: str,
    chosen: list[Suite],
    data: Path | None,
    dim: int | None,
    seed: int,
    cache: Path | None,
    command: str,
    keep_trained: bool = False,
) -> EvalReport:
    """The report of a model on suites. Raises MissingError where the folder of data sets is none."""
    from hannun.evaluate import run
    from hannun.evaluate.harness import Harness, cache_folder
    from hannun.load import load

    if data is not None and not data.is_dir():
        raise MissingError(f"{data}: no such folder; give the folder of data sets with --data (docs/data.md says what belongs there)")
    said = typer.echo if sys.stderr.isatty() else lambda *_, **__: None
    encoder = load(model)
    harness = Harness(encoder, data or _DATA, cache or cache_folder(), seed, dim, trained=trained_on(model), keep_trained=keep_trained)
    return run.evaluate(harness, chosen, command=command, started=lambda name: said(f"{name} …", err=True))


def _written(report: EvalReport, folder: Path) -> None:
    from hannun.evaluate.card import card
    from hannun.evaluate.page import report_page

    report.save(folder)
    write_whole(folder / "report.html", report_page(report).encode())
    write_whole(folder / "card.md", card(report).encode())


def _tables(report: EvalReport) -> None:
    terminal = console()
    for s in report.to_json()["suites"]:
        table = grid(f"{s['suite']}: {s['about']}", ("figure",), ("value", "95 %", "n"))
        for f in s["figures"]:
            interval = "" if f["low"] is None else f"[{f['low']:.3f}, {f['high']:.3f}]"
            table.add_row(f["name"], f"{f['value']:.3f}", interval, "" if f["low"] is None else str(f["n"]))
        terminal.print(table)
        terminal.print(f"  {overlap(s['overlap'])}", style="dim", markup=False, highlight=False)
        for note in s["notes"]:
            terminal.print(f"  {note}", style="dim", markup=False, highlight=False)


def trained_on(model: str) -> Seen | None:
    """What a model says it was trained on: its folder's trained_on.npy, or the one beside mini's weights.

    mini-free was trained on a part of what mini was, so that its overlap is mini's at most.
    """
    from hannun.load import FREE_NAME
    from hannun.mini.model import HERE
    from hannun.seen import Seen

    return Seen.of(HERE if model in ("mini", FREE_NAME) else Path(model.partition("#")[0]))


def overlap(counted: dict[str, Any]) -> str:
    """A suite's overlap with what the model was trained on, in one line."""
    if not counted:
        return "what the model was trained on is not known (its folder has no trained_on.npy)"
    left = "measured all the same" if counted["kept"] else "left out"
    rows = f"{counted['known']:,} of {counted['rows']:,} rows, {left}; " if counted["rows"] else ""
    why = f" (rows: {counted['no_rows']})" if counted.get("no_rows") else ""
    return f"trained on: {rows}{counted['met']:,} of {counted['contents']:,} contents that were read{why}"


def console() -> Any:
    """The terminal; 160 columns where there is none, so that tables in a file are not folded."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=160)


def grid(title: str, left: tuple[str, ...], right: tuple[str, ...]) -> Any:
    """An empty table with columns of names on the left and of figures on the right."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=Text(title), title_justify="left")
    for name in left:
        grid.add_column(name, overflow="fold")
    for name in right:
        grid.add_column(name, justify="right", no_wrap=True)
    return grid


def command(name: str, model: str, on: list[str] | None, dim: int | None, seed: int) -> str:
    """The command in its plain form: without paths, which another machine would not have."""
    words = ["hannun", name, *model.split(" "), *(w for s in on or () for w in ("--on", s))]
    words += ["--dim", str(dim)] if dim is not None else []
    return shlex.join([*words, *(["--seed", str(seed)] if seed else [])])
