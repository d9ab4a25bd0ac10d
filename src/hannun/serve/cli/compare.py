"""`hannun compare`: models or reports go in; their paired differences come out as a table, as JSON, and as a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from hannun.errors import InputError
from hannun.files import write_whole
from hannun.serve.cli.evaluate import command, console, grid, measured
from hannun.serve.cli.options import Cache, Data, On


def compare(
    models: Annotated[list[str], typer.Argument(metavar="MODEL|REPORT…", help="Two or more: models, or folders that `hannun eval` wrote.")],
    on: On = None,
    to: Annotated[Path | None, typer.Option("--to", help="Write compare.json and compare.html there.")] = None,
    data: Data = None,
    dim: Annotated[int | None, typer.Option(help="Truncate every model that is measured now.")] = None,
    seed: Annotated[int, typer.Option(help="Of intervals and tests.")] = 0,
    cache: Cache = None,
    json_out: Annotated[bool, typer.Option("--json", help="The differences as JSON on standard output.")] = False,
) -> int:
    """Set models side by side: differences from the first, paired query by query, with intervals and significance."""
    from hannun.evaluate import suites
    from hannun.evaluate.compare import compare as compared
    from hannun.evaluate.page import comparison_page
    from hannun.evaluate.report import EvalReport

    if len(models) < 2:
        raise InputError(f"{len(models)} model came, expected two or more to compare")
    reports = []
    for m in models:
        if (Path(m) / "report.json").is_file() or Path(m).name == "report.json":
            reports.append(EvalReport.load(Path(m)))
            continue
        if not on:
            raise InputError(
                f"{m} is no report, so it must be measured now: expected --on SUITE (repeat for more), or a folder from `hannun eval`"
            )
        reports.append(
            measured(m, [suites.suite(n) for n in on], data, dim, seed, cache, command("compare", " ".join(models), on, dim, seed))
        )
    found = compared(reports, seed=seed)
    if to is not None:
        to.mkdir(parents=True, exist_ok=True)
        write_whole(to / "compare.json", json.dumps(found.to_json(), ensure_ascii=False, indent=1).encode())
        write_whole(to / "compare.html", comparison_page(found).encode())
    if json_out:
        typer.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=1))
        return 0
    terminal = console()
    for model, rows in zip(found.models[1:], found.rows, strict=True):
        table = grid(f"{model} against {found.models[0]}", ("suite", "figure"), ("first", "other", "difference", "95 %", "p (Holm)", ""))
        for r in rows:
            interval = f"[{r.low:+.3f}, {r.high:+.3f}]"
            table.add_row(
                r.suite, r.name, f"{r.first:.3f}", f"{r.other:.3f}", f"{r.difference:+.3f}", interval, f"{r.adjusted:.3f}", r.verdict
            )
        terminal.print(table)
    for line in found.left_out:
        typer.echo(f"left out: {line}", err=True)
    if to is not None:
        typer.echo(f"wrote {to}/compare.json and compare.html")
    return 0
