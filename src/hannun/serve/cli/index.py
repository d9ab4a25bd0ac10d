"""`hannun index`: paths go in; what of them was added, unchanged, removed and unreadable comes out."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, final

import typer

from hannun import hangul
from hannun.errors import InputError, MissingError
from hannun.serve.cli.options import DEFAULT, Columns, Exif, Model, Numbers, To

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hannun.annotate.annotator import Annotator
    from hannun.annotate.printed import PrintReader
    from hannun.annotate.written import Tagged
    from hannun.collection import Collection, Progress, Quantise, Report
    from hannun.item import Item, Problem
    from hannun.sources import Reading, Survey


@final
@dataclass(frozen=True)
class IndexOutcome:
    """What became of files that were read into a collection.

    `report`: of what was added and removed; `moved`: how many items of it were there under another path; `read`: how many ids were
    seen; `failure`: the error of nothing that could be added.
    """

    report: Report
    moved: int
    read: int
    failure: InputError | None


def read_into(
    opened: Collection,
    found: Survey,
    reading: Reading,
    *,
    prune: Sequence[Path] = (),
    keep: Set[str] = frozenset(),
    progress: Progress | None = None,
) -> IndexOutcome:
    """Read files into a collection, and recognise those that were moved.

    Args:
        opened: the collection.
        found: the files.
        reading: how to read rows.
        prune: the paths below which items go whose files, or rows, were not read just now.
        keep: ids, or paths of files, whose items stay nevertheless.
        progress: called with how many more are done.
    """
    from hannun import sources
    from hannun.collection import Report
    from hannun.item import Problem

    found, seen = sources.changed(found, opened.rooted, opened.unchanged)
    passed, unread = len(seen), list[Problem]()

    def noted() -> Iterator[Item | Problem]:
        for one in sources.read(found, reading, opened.rooted):
            if one.id is not None:
                seen.add(one.id)
            if isinstance(one, Problem):
                unread.append(one)
            yield one

    failure: InputError | None = None
    try:
        report = opened.add(noted(), progress)
        report.unchanged += passed
    except InputError as e:
        report, failure = Report(unchanged=passed, problems=unread if passed else []), None if passed else e
    moved = opened.moved(seen) if report.added else 0
    if prune:
        report.removed = opened.prune(prune, seen | keep)
    return IndexOutcome(report, moved, len(seen), failure)


def index(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH…", help="Folders, pictures, videos, .txt/.md, .html, .jsonl/.csv/.tsv/.xlsx/.parquet/.arrow, .pdf, .tar."
        ),
    ],
    to: To = DEFAULT,
    model: Model = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove items whose files below PATH have vanished.")] = False,
    columns: Columns = None,
    numbers: Numbers = None,
    exif: Exif = True,
    words: Annotated[bool | None, typer.Option("--words/--no-words", help="Of a new one: keep words for ranking by words.")] = None,
    dictionary: Annotated[Path | None, typer.Option(help="Of a new one: a file of words to take whole, one a line.")] = None,
    quantise: Annotated[str | None, typer.Option(help="Of a new one: search int8 or binary vectors first.")] = None,
    prefix: Annotated[int | None, typer.Option(help="Of a new one: search so many values of each vector first.")] = None,
    careful: Annotated[
        bool | None, typer.Option("--careful", help="Of a new one: three looks at each picture; finds better, in three times the time.")
    ] = None,
    read: Annotated[bool, typer.Option("--read", help="Read what is printed in pictures, as words to find them by.")] = False,
    tag: Annotated[
        str | None, typer.Option("--tag", metavar="TOPIC", help="Also tag what is new, as `hannun tag` does: fashion, food, a .toml file.")
    ] = None,
) -> int:
    """Read pictures, texts and rows into a collection. Run again, only what is new or changed is encoded."""
    from hannun import collection, sources
    from hannun.load import load
    from hannun.serve.cli import output

    whole = None if dictionary is None else _lines(dictionary)
    reading = reading_of(columns, numbers, exif)
    looking = None if tag is None else _annotator(tag, model)
    gone = [p for p in paths if not p.exists()]
    if gone and not prune:
        raise MissingError(f"{gone[0]}: no such file or folder; check the path, or remove its items with --prune")
    found = sources.survey([p for p in paths if p not in gone], reading)
    reader = _reader() if read else None
    encoder = load(model) if model else None
    kept = collection.open(to, encoder, words=words, dictionary=whole, quantise=_quantise(quantise), prefix=prefix, careful=careful or None)
    with kept as opened, output.progress("indexing", sources.count(found)) as advance:
        outcome = read_into(opened, found, reading, prune=paths if prune else (), progress=advance)
        report, moved, failure = outcome.report, outcome.moved, outcome.failure
        if gone and not report.removed and not outcome.read:
            raise MissingError(f"{gone[0]}: no such file or folder, and {to} has no items from there; check the path")
        if failure is not None and not report.removed:
            raise failure
        tagged = None if looking is None else _annotated(opened, looking, "tagging")
        printed = None if reader is None else _annotated(opened, reader, "reading")
        opened.optimise()
        total = len(opened)
    output.problems(report.problems)
    removed = f", {report.removed} removed" if prune else ""
    removed += f", {moved} moved" if moved else ""
    typer.echo(f"{report.added} added, {report.unchanged} unchanged{removed}, {len(report.problems)} problems; {to} now has {total} items")
    if printed is not None:
        found_in, looked_at = sum(printed.findings.values()), printed.items
        typer.echo(f"print read: in {found_in} of {looked_at} items with pictures; {printed.unchanged} were read before")
    if found.unread:
        typer.echo(f"not read: {found.unread_kinds()}")
    if tagged is not None and looking is not None:
        typer.echo(tagged.told(looking.version))
    if not total and not report.problems and not report.removed:
        raise InputError(
            f"{', '.join(map(str, paths))}: nothing to index there; expected pictures, videos, .txt/.md, .html, "
            ".jsonl/.csv/.tsv/.xlsx/.parquet/.arrow, .pdf or .tar files"
        )
    if total and not failure:
        typer.echo(f'next: hannun search "빨간 원피스" --in {to}')
    return 0


def _reader() -> PrintReader:
    """Raises DependencyError, before anything is indexed, where print cannot be read here."""
    from hannun.annotate.printed import PrintReader

    reader = PrintReader()
    _ = reader.version
    return reader


def reading_of(columns: str | None, numbers: str | None, exif: bool) -> Reading:
    """How to read rows and pictures, by the options of the command line. Raises InputError for columns of another form."""
    from hannun import sources

    return sources.Reading(_columns(columns), _names(numbers), exif)


def _annotator(topic: str, model: str | None) -> Annotator:
    """Raises MissingError for a topic that is not there: before anything is read."""
    from hannun.serve.tags import annotator

    return annotator(topic, model=model or "mini")


def _annotated(opened: Collection, looking: Annotator, doing: str) -> Tagged:
    """What is found, written as facts after the items are there: a row's hash is of its own facts, so that it stays unchanged next time."""
    from hannun.annotate.written import tag
    from hannun.serve.cli.output import progress

    with progress(doing, len(opened)) as step:
        return tag(opened, looking, progress=step)


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
