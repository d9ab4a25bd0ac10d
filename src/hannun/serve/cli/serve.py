"""A collection goes in; it is served over HTTP, to agents, or to a vision-language model, and its keys are kept."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hannun.errors import InputError, MissingError
from hannun.serve.cli.commands import DEFAULT, In

if TYPE_CHECKING:
    from hannun.serve.http.keys import Keys

At = Annotated[str, typer.Argument(metavar="COLLECTION", envvar="HANNUN_COLLECTION", help="A folder, or qdrant://host:6333/name.")]


def serve(
    collection: At = DEFAULT,
    host: Annotated[str | None, typer.Option(help="The address to listen on; 127.0.0.1 is for this machine alone.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 8470 when left out, 0 for any free one.")] = None,
    create: Annotated[bool, typer.Option("--create", help="Begin a collection where there is none.")] = False,
    without_keys: Annotated[bool, typer.Option("--without-keys", help="Serve other machines without keys.")] = False,
    log: Annotated[str, typer.Option(envvar="HANNUN_LOG", help="What is logged: debug, info, warning, error.")] = "info",
) -> int:
    """Serve a collection over HTTP, with its page. Every HANNUN_ variable is in docs/service.md."""
    from hannun.serve.http import logs, server
    from hannun.serve.http.settings import Settings

    if log.lower() not in ("debug", "info", "warning", "error"):
        raise InputError(f"--log {log!r} came, expected debug, info, warning or error")
    settings = Settings.of(host=host, port=port, without_keys=without_keys or None)
    logs.to_stderr(log)
    shown = settings.host if ":" not in settings.host else f"[{settings.host}]"
    server.serve(collection, settings, create=create, ready=f"serving {collection} at http://{shown}:{{port}}  (Ctrl-C stops it)")
    return 0


keys = typer.Typer(help="API keys of a service: who may read, who may write.", no_args_is_help=True)
File = Annotated[Path | None, typer.Option("--file", envvar="HANNUN_KEYS", help="The file of keys; beside the collection when left out.")]


@keys.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    collection: Annotated[Path, typer.Option("--in", envvar="HANNUN_COLLECTION", help="The collection.")] = Path(DEFAULT),
    scope: Annotated[list[str] | None, typer.Option(help="read and/or write; both when left out.")] = None,
    rate: Annotated[float, typer.Option(help="Requests a minute; 0 is the service's own limit.")] = 0.0,
    file: File = None,
) -> int:
    """Make a key and print it: only its hash is kept, so this is the one time to see it."""
    from hannun.serve.http.keys import SCOPES

    typer.echo(_keys(collection, file).add(name, scope or SCOPES, rate))
    return 0


@keys.command("list")
def keys_list(
    collection: Annotated[Path, typer.Option("--in", envvar="HANNUN_COLLECTION", help="The collection.")] = Path(DEFAULT), file: File = None
) -> int:
    """Whose keys there are."""
    for key in _keys(collection, file).all():
        rate = f"{key.rate:g}/min" if key.rate else "-"
        typer.echo(f"{key.name}\t{','.join(key.scopes)}\t{rate}\t{key.made}")
    return 0


@keys.command("revoke")
def keys_revoke(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    collection: Annotated[Path, typer.Option("--in", envvar="HANNUN_COLLECTION", help="The collection.")] = Path(DEFAULT),
    file: File = None,
) -> int:
    """Make a key worthless; a running service notices within a second."""
    _keys(collection, file).revoke(name)
    typer.echo(f"{name!r} is revoked")
    return 0


def _keys(collection: Path, file: Path | None) -> Keys:
    from hannun.serve.http.keys import Keys

    if file is None and not (collection / "hannun.json").exists():
        raise MissingError(f"{collection}: no collection there; give --in COLLECTION, or --file for the keys")
    return Keys(file or collection / "service" / "keys.json")


def mcp(
    collection: At = DEFAULT,
    files: Annotated[Path | None, typer.Option(help="Agents may name pictures below this folder by path.")] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Leave out the tools that change items.")] = False,
    port: Annotated[
        int | None, typer.Option(help="Serve over HTTP on this port of this machine, instead of standard input and output.")
    ] = None,
) -> int:
    """Give a collection, or a running service (http://…), to agents as MCP tools: search, similar, add, tag."""
    from hannun import collection as face
    from hannun.serve.mcp import tools

    if files is not None and not files.is_dir():
        raise MissingError(f"{files}: no such folder; check --files")
    with face.open(collection, create=False) as opened:
        made = tools.server(opened, files=files, writable=not read_only)
        if port is None:
            made.run("stdio")
        else:
            made.run("streamable-http", host="127.0.0.1", port=port)
    return 0


def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    collection: In = DEFAULT,
    model: Annotated[str, typer.Option(envvar="HANNUN_ASK_MODEL", help="The name of the vision-language model.")] = "",
    endpoint: Annotated[str, typer.Option(envvar="HANNUN_ASK_URL", help="Its OpenAI-compatible address.")] = "http://localhost:11434/v1",
    image: Annotated[Path | None, typer.Option("--image", help="A picture that the question is about.")] = None,
    where: Annotated[str | None, typer.Option(help="Only items for which this holds.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many items the model is given.")] = 6,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the model.")] = 120.0,
    json_out: Annotated[bool, typer.Option("--json", help="The answer and its sources as JSON.")] = False,
) -> int:
    """Answer a question from a collection with a vision-language model, citing what it used. The key is read from HANNUN_ASK_KEY."""
    from hannun import collection as face
    from hannun.serve import ask as rag
    from hannun.serve.cli import show

    if not model:
        raise InputError("no model came; name the one that your endpoint serves: --model NAME (HANNUN_ASK_MODEL)")
    if image is not None and not image.exists():
        raise MissingError(f"{image}: no such picture; check the path")
    at = rag.Model(endpoint, model, os.environ.get("HANNUN_ASK_KEY"), timeout)
    with face.open(collection, create=False) as opened:
        found = rag.ask(opened, {"text": question, **({"image": image} if image else {})}, at, where=where, limit=limit)
    if not found.sources:
        raise MissingError(f"{collection}: nothing was found for {question!r}, so the model was not asked")
    if json_out:
        sources = [{"number": s.number, "cited": s.cited, **show.plain(s.hit)} for s in found.sources]
        typer.echo(json.dumps({"answer": found.text, "sources": sources, "unknown": found.unknown}, ensure_ascii=False, indent=1))
        return 0
    typer.echo(found.text)
    typer.echo("")
    for s in found.cited:
        typer.echo(f"[{s.number}] {show.title(s.hit)} · {s.hit.id}")
    if not found.cited:
        typer.echo("(the model cited none of its sources)")
    if found.unknown:
        typer.echo(f"(it cites {', '.join(f'[{n}]' for n in found.unknown)}, which it was not given)", err=True)
    return 0
