"""`hannun index`: paths go in; what of them was added, unchanged, removed and unreadable comes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hannun import hangul
from hannun.errors import InputError, MissingError
from hannun.serve.cli.options import DEFAULT, Model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hannun.collection import Quantise
    from hannun.item import Item, Problem


def index(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH…", help="Folders, pictures, .txt/.md, .jsonl/.csv/.tsv/.xlsx/.parquet, .pdf, .tar."),
    ],
    to: Annotated[
        str, typer.Option("--to", envvar="HANNUN_COLLECTION", metavar="COLLECTION", help="The collection, made where there is none.")
    ] = DEFAULT,
    model: Model = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove items whose files below PATH have vanished.")] = False,
    columns: Annotated[str | None, typer.Option(metavar="text=A,image=B,id=C", help="Which columns of tables hold what.")] = None,
    numbers: Annotated[str | None, typer.Option(metavar="COLUMN,…", help="Columns of amounts as people write them: 39,000원.")] = None,
    exif: Annotated[bool, typer.Option("--exif/--no-exif", help="Date, place and camera of pictures as facts.")] = True,
    words: Annotated[bool | None, typer.Option("--words/--no-words", help="Of a new one: keep words for ranking by words.")] = None,
    dictionary: Annotated[Path | None, typer.Option(help="Of a new one: a file of words to take whole, one a line.")] = None,
    quantise: Annotated[str | None, typer.Option(help="Of a new one: search int8 or binary vectors first.")] = None,
    prefix: Annotated[int | None, typer.Option(help="Of a new one: search so many values of each vector first.")] = None,
) -> int:
    """Read pictures, texts and rows into a collection. Run again, only what is new or changed is encoded."""
    from hannun import collection, sources
    from hannun.load import load
    from hannun.serve.cli import output

    whole = None if dictionary is None else _lines(dictionary)
    reading = sources.Reading(_columns(columns), _names(numbers), exif)
    gone = [p for p in paths if not p.exists()]
    if gone and not prune:
        raise MissingError(f"{gone[0]}: no such file or folder; check the path, or remove its items with --prune")
    found = sources.survey([p for p in paths if p not in gone], reading)
    kept = collection.open(to, load(model) if model else None, words=words, dictionary=whole, quantise=_quantise(quantise), prefix=prefix)
    with kept as opened, output.progress("indexing", sources.count(found)) as advance:
        seen: set[str] = set()

        def noted() -> Iterator[Item | Problem]:
            for one in sources.read(found, reading):
                if one.id is not None:
                    seen.add(one.id)
                yield one

        failure: InputError | None = None
        try:
            report = opened.add(noted(), advance)
        except InputError as e:
            report, failure = collection.Report(), e
        moved = opened.moved(seen) if report.added else 0
        if prune:
            report.removed = opened.prune(paths, seen)
            if gone and not report.removed and not seen:
                raise MissingError(f"{gone[0]}: no such file or folder, and {to} has no items from there; check the path")
        if failure is not None and not report.removed:
            raise failure
        opened.optimise()
        total = len(opened)
    output.problems(report.problems)
    removed = f", {report.removed} removed" if prune else ""
    removed += f", {moved} moved" if moved else ""
    typer.echo(f"{report.added} added, {report.unchanged} unchanged{removed}, {len(report.problems)} problems; {to} now has {total} items")
    if found.unread:
        typer.echo(f"not read: {found.unread_kinds()}")
    if not total and not report.problems and not report.removed:
        raise InputError(
            f"{', '.join(map(str, paths))}: nothing to index there; expected pictures, .txt/.md, "
            ".jsonl/.csv/.tsv/.xlsx/.parquet, .pdf or .tar files"
        )
    if total and not failure:
        typer.echo(f'next: hannun search "빨간 원피스" --in {to}')
    return 0


def _lines(file: Path) -> list[str]:
    from hannun import sources

    if not file.is_file():
        raise MissingError(f"{file}: no such file; check the path")
    return [line.strip() for line in sources.decode_text(file.read_bytes(), str(file)).splitlines() if line.strip()]


def _columns(given: str | None) -> dict[str, str]:
    pairs = [p.partition("=") for p in (given or "").split(",") if p]
    if not all(ours.strip() and theirs.strip() for ours, _, theirs in pairs):
        raise InputError(f"--columns {given!r} came, expected ours=theirs, such as text=상품명,image=사진,id=번호")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def _names(given: str | None) -> frozenset[str]:
    return frozenset(hangul.normalise(n) for n in (given or "").split(",") if n.strip())


def _quantise(name: str | None) -> Quantise | None:
    match name:
        case None | "none" | "int8" | "binary":
            return name
    raise InputError(f"--quantise {name!r} came, expected none, int8 or binary")
