"""`hannun embed`: texts or files go in; vectors come out in one file, their ids in another."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from hannun.errors import InputError
from hannun.item import Item, Problem
from hannun.serve.cli.options import Model


def embed(
    contents: Annotated[list[str], typer.Argument(metavar="TEXT|PATH…", help="Texts; with --files, files and folders as for index.")],
    to: Annotated[Path, typer.Option("--to", help="The .npz to write: dense float32 [n, dim]; ids go beside it as .jsonl.")],
    files: Annotated[bool, typer.Option("--files", help="The arguments are paths, not texts.")] = False,
    query: Annotated[bool, typer.Option("--query", help="Encode as queries instead of documents.")] = False,
    model: Model = None,
    dim: Annotated[int | None, typer.Option(help="Truncate to one of the model's dims.")] = None,
) -> int:
    """Turn texts or files into vectors in a file."""
    from hannun import encode, sources
    from hannun.load import load
    from hannun.serve.cli import output

    if to.suffix == ".jsonl":
        raise InputError(f"--to {to} came, but the ids go there; name a .npz file")
    encoder = load(model or "mini")
    if dim is not None and dim not in encoder.dims:
        raise InputError(f"dim={dim} came, but {encoder.name!r} declares the dims {', '.join(map(str, encoder.dims))}")
    items: list[Item] = []
    problems: list[Problem] = []
    for found in sources.read([Path(c) for c in contents]) if files else map(_text_item, contents):
        items.append(found) if isinstance(found, Item) else problems.append(found)
    with output.progress("encoding", len(items)) as advance:
        embeddings, kept = encode.embed(items, encoder, "query" if query else "document", problems, advance)
    if not kept:
        first = problems[0] if problems else Problem(" ".join(contents), "nothing to encode there")
        raise InputError(f"{first.where}: {first.reason}")
    rows = "".join(json.dumps({"id": it.id, "text": it.text}, ensure_ascii=False) + "\n" for it in kept)
    part = to.with_suffix(".jsonl.part")
    part.write_text(rows, "utf-8")
    (embeddings if dim is None else embeddings.truncate(dim)).save(to)
    os.replace(part, to.with_suffix(".jsonl"))
    output.problems(problems)
    typer.echo(f"wrote {len(kept)} vectors of {dim or embeddings.dim} values to {to}, their ids to {to.with_suffix('.jsonl')}")
    return 0


def _text_item(text: str) -> Item | Problem:
    from hannun.item import item

    made = item(text)
    return made if made.parts else Problem(repr(text), "is empty, expected text")
