"""`hannun embed`: texts or files go in; vectors come out in one file, their ids in another."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hannun.errors import InputError, MissingError
from hannun.files import sync, whole
from hannun.journal import Journal
from hannun.serve.cli.options import Model

if TYPE_CHECKING:
    from hannun.item import Item, Problem


def embed(
    contents: Annotated[list[str], typer.Argument(metavar="TEXT|PATH…", help="Texts; with --files, files and folders as for index.")],
    to: Annotated[Path, typer.Option("--to", help="The .npz to write: dense float32 [n, dim]; ids go beside it as .jsonl.")],
    files: Annotated[bool, typer.Option("--files", help="The arguments are paths, not texts.")] = False,
    query: Annotated[bool, typer.Option("--query", help="Encode as queries instead of documents.")] = False,
    model: Model = None,
    dim: Annotated[int | None, typer.Option(help="Truncate to one of the model's dims.")] = None,
) -> int:
    """Turn texts or files into vectors in a file. Stopped and run again, it goes on where it was."""
    from hannun import encode, sources
    from hannun.item import Item, Problem
    from hannun.load import load
    from hannun.serve.cli import output

    if to.suffix == ".jsonl":
        raise InputError(f"--to {to} came, but the ids go there; name a .npz file")
    if not to.parent.is_dir():
        raise MissingError(f"{to}: there is no folder {to.parent}; make it, or write elsewhere")
    encoder = load(model or "mini")
    if dim is not None and dim not in encoder.dims:
        raise InputError(f"dim={dim} came, but {encoder.name!r} declares the dims {', '.join(map(str, encoder.dims))}")
    items: list[Item] = []
    problems: list[Problem] = []
    for found in sources.read([Path(c) for c in contents]) if files else map(_text_item, contents):
        items.append(found) if isinstance(found, Item) else problems.append(found)
    journal = Journal(to.with_name(to.name + ".work"))
    with output.progress("encoding", len(items)) as advance:
        embeddings, kept = encode.embed(items, encoder, "query" if query else "document", problems, advance, journal)
    if not kept:
        journal.close()
        first = problems[0] if problems else Problem(" ".join(contents), "nothing to encode there")
        raise InputError(f"{first.where}: {first.reason}")
    ids = to.with_suffix(".jsonl")
    with whole(ids) as f:
        f.writelines((json.dumps({"id": it.id, "text": it.text}, ensure_ascii=False) + "\n").encode() for it in kept)
        with whole(to) as vectors:
            (embeddings if dim is None else embeddings.truncate(dim)).write(vectors)
            vectors.flush()
            os.fsync(vectors.fileno())  # there is room for both
            ids.unlink(missing_ok=True)  # at no moment do the ids of an earlier run lie beside the vectors of this one
            sync(to.parent)
    journal.close()
    output.problems(problems)
    typer.echo(f"wrote {len(kept)} vectors of {dim or embeddings.dim} values to {to}, their ids to {ids}")
    return 0


def _text_item(text: str) -> Item | Problem:
    from hannun.item import Problem, item

    made = item(text)
    return made if made.parts else Problem(repr(text), "is empty, expected text")
