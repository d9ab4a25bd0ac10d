"""`hannun serve`: a collection goes in; it is served over HTTP, with its page."""

from __future__ import annotations

from typing import Annotated

import typer

from hannun.errors import InputError
from hannun.serve.cli.options import DEFAULT, At
from hannun.serve.http import logs, server
from hannun.serve.http.settings import ServiceSettings


def serve(
    collection: At = DEFAULT,
    host: Annotated[str | None, typer.Option(help="The address to listen on; 127.0.0.1 is for this machine alone.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 8470 when left out, 0 for any free one.")] = None,
    create: Annotated[bool, typer.Option("--create", help="Begin a collection where there is none.")] = False,
    without_keys: Annotated[bool, typer.Option("--without-keys", help="Serve other machines without keys.")] = False,
    log: Annotated[str, typer.Option(envvar="HANNUN_LOG", help="What is logged: debug, info, warning, error.")] = "info",
) -> int:
    """Serve a collection over HTTP, with its page. Every HANNUN_ variable is in docs/service.md."""
    if log.lower() not in ("debug", "info", "warning", "error"):
        raise InputError(f"--log {log!r} came, expected debug, info, warning or error")
    settings = ServiceSettings.of(host=host, port=port, without_keys=without_keys or None)
    logs.to_stderr(log)
    shown = settings.host if ":" not in settings.host else f"[{settings.host}]"
    server.serve(collection, settings, create=create, ready=f"serving {collection} at http://{shown}:{{port}}  (Ctrl-C stops it)")
    return 0
