"""Command-line arguments go in, an exit status comes out; the `hannun` command starts here."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

import hannun
from hannun.errors import HannunError
from hannun.processes import Stopped, together
from hannun.serve.cli import (
    ask,
    backup,
    caption,
    check,
    compact,
    compare,
    copy,
    curate,
    delete,
    demo,
    dupes,
    embed,
    evaluate,
    export,
    facets,
    fill,
    imagine,
    index,
    info,
    keys,
    korean,
    locate,
    mcp,
    mine,
    recipes,
    reindex,
    search,
    sensor,
    serve,
    synonyms,
    tag,
    thumbnail,
    train,
    tune,
    update,
    users,
    watch,
)

# ClickException: of the click that newer typers carry inside, or of the installed one that older ones use.
_WrongUsage: type[Exception] = typer.BadParameter.__mro__[2]
_TRAIN = (["train"], ["tune"], ["users", "train"], ["sensor", "train"])  # what torchrun may have started in several processes
_INTERRUPTED = "interrupted; run the same command again to go on"

app = typer.Typer(
    name="hannun",
    help="한눈: search pictures and Korean texts, offline. Start with `hannun demo`.",
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"hannun {hannun.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")] = False,
) -> None:
    pass


app.command("demo")(demo.demo)
app.command("index")(index.index)
app.command("watch")(watch.watch)
app.command("search")(search.search)
app.command("info")(info.info)
app.command("delete")(delete.delete)
app.command("reindex")(reindex.reindex)
app.command("embed")(embed.embed)
app.add_typer(curate.app, name="curate")
app.command("copy")(copy.copy)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("check")(check.check)
app.command("compact")(compact.compact)
app.command("dupes")(dupes.dupes)
app.command("facets")(facets.facets)
app.command("update")(update.update)
app.command("synonyms")(synonyms.synonyms)
app.command("eval")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("export")(export.export)
app.command("train")(train.train)
app.command("tune")(tune.tune)
app.command("mine")(mine.mine)
app.command("recipes")(recipes.recipes)
app.command("serve")(serve.serve)
app.add_typer(keys.app, name="keys")
app.command("mcp")(mcp.mcp)
app.command("ask")(ask.ask)
app.command("tag")(tag.tag)
app.command("thumbnail")(thumbnail.thumbnail)
app.command("locate")(locate.locate)
app.command("imagine")(imagine.imagine)
app.command("fill")(fill.fill)
app.command("caption")(caption.caption)
app.add_typer(users.app, name="users")
app.add_typer(sensor.app, name="sensor")


def main() -> None:
    """Run the command line; one line on standard error and a non-zero exit for every mistake that Hannun knows of."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit status of a command: 0 done, 1 nothing could be done, 2 wrong usage, 130 interrupted."""
    try:
        command = typer.main.get_command(app)
        if korean.is_locale(os.environ):
            korean.translate(command)
        arguments = [_on_disk(a) for a in arguments]
        if (place := _misplaced(command, arguments)) is not None:
            return _fail(f"{place}: is a collection; name it with `--in {place}`", 2)
        with together() if arguments[:1] in _TRAIN or arguments[:2] in _TRAIN else contextlib.nullcontext():
            result = command(args=_words_last(arguments) or ["--help"], prog_name="hannun", standalone_mode=False)
        if result == 130:
            return _fail(_INTERRUPTED, 130)
        return 2 if not arguments else result if isinstance(result, int) else 0
    except Stopped:
        return 1
    except HannunError as e:
        return _fail(str(e), 1)
    except _WrongUsage as e:
        said = str(getattr(e, "format_message", e.__str__)())
        return _fail(f"{said.rstrip('.')}; see `{getattr(getattr(e, 'ctx', None), 'command_path', 'hannun')} --help`", 2)
    except (typer.Abort, KeyboardInterrupt):
        return _fail(_INTERRUPTED, 130)
    except (BrokenPipeError, SystemExit):  # typer makes the second of the first: the reader has gone (`| head`), which is no mistake
        return 0
    except ImportError as e:  # of an extra that is not installed, where no command has said so in words of its own
        return _fail(_missing(e), 1)
    except OSError as e:
        full = e.errno == errno.ENOSPC
        remedy = "the disk is full; free some space and run the command again" if full else f"{e.filename or 'a file'}: {e.strerror or e}"
        return _fail(remedy, 1)


def _on_disk(argument: str) -> str:
    """An argument that names a file or folder, in the form that the disk has: a keyboard writes NFC, and a Mac's files come in NFD."""
    option, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
    if value.isascii() or "://" in value or os.path.exists(value):
        return argument
    from hannun.sources import on_disk

    there = str(on_disk(Path(value)))
    return option + equals + there if os.path.exists(there) else argument  # words stay as they came


def _missing(error: ImportError) -> str:
    """What is said of a package that is not there, or that does not start: which extra brings it, as far as its name tells."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return f"a package cannot be started ({error}); install it anew"
    top = error.name.partition(".")[0]
    try:
        wanted = metadata.requires("hannun") or []
    except metadata.PackageNotFoundError:
        wanted = []
    extras = (found[1] for w in wanted if (found := re.fullmatch(rf"{re.escape(top)}\b[^;]*; extra == '([\w-]+)'", w.replace('"', "'"))))
    extra = next(extras, None)
    remedy = f"pip install -c constraints.txt '.[{extra}]' in Hannun's folder" if extra else "see the extras in pyproject.toml"
    return f"this needs the package {top}; {remedy}"


def _misplaced(command: Any, arguments: list[str]) -> str | None:
    """The collection that stands behind a command which takes it with --in, as other commands do not; None where all is in its place.

    What commands of that kind have behind them (names of facts, ids, words) would be taken for such a name, of nothing that is there.
    """
    named = getattr(command, "commands", {}).get(arguments[0] if arguments else "")
    if named is None or not any("--in" in p.opts for p in named.params):
        return None
    flags = tuple(o for p in named.params if getattr(p, "is_flag", False) for o in (*p.opts, *p.secondary_opts))
    loose = (a for before, a in pairwise(arguments) if a[:1] != "-" and _stands_alone(before, flags))
    return next((a for a in loose if os.path.isfile(os.path.join(a, "hannun.json"))), None)


def _words_last(arguments: list[str]) -> list[str]:
    """Words that begin with a minus (`-20도 침낭`, `-검정`) behind `--`, so that they are not taken for options: these have two here."""
    if arguments[:1] not in (["search"], ["ask"]) or "--" in arguments:
        return arguments
    flags = ("--keyboard", "--explain", "--json")
    words = [n for n, a in enumerate(arguments) if a[:1] == "-" and a[1:2] not in ("", "-") and _stands_alone(arguments[n - 1], flags)]
    return [*(a for n, a in enumerate(arguments) if n not in words), *(["--"] if words else []), *(arguments[n] for n in words)]


def _stands_alone(before: str, flags: tuple[str, ...]) -> bool:
    """Whether what comes after this argument is not the value of an option."""
    return not before.startswith("--") or "=" in before or before in flags


def _fail(message: str, status: int) -> int:
    typer.echo("error: " + " ".join(message.split()), err=True)
    return status


if __name__ == "__main__":
    main()
