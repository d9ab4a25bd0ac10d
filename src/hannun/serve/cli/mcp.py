"""`hannun mcp`: a collection goes in; its MCP server answers on standard input and output, or on a port."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hannun.errors import MissingError
from hannun.serve.cli.options import DEFAULT, At


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
