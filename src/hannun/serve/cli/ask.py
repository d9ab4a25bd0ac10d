"""`hannun ask`: a question and a collection go in; a vision-language model's answer with its sources comes out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hannun.errors import InputError, MissingError
from hannun.serve import dialogue
from hannun.serve.cli.options import DEFAULT, In

if TYPE_CHECKING:
    from hannun.serve.ask import Answer
    from hannun.serve.vlm import Answers


def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    collection: In = DEFAULT,
    model: Annotated[str, typer.Option(envvar="HANNUN_ASK_MODEL", help="The name of the vision-language model.")] = "",
    endpoint: Annotated[str, typer.Option(envvar="HANNUN_ASK_URL", help="Its OpenAI-compatible address.")] = "http://localhost:11434/v1",
    image: Annotated[Path | None, typer.Option("--image", help="A picture that the question is about.")] = None,
    where: Annotated[str | None, typer.Option(help="Only items for which this holds.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many items the model is given.")] = 6,
    alone: Annotated[bool, typer.Option("--alone", help="Ask about the picture alone, without a collection.")] = False,
    local: Annotated[bool, typer.Option("--local", help="The model is a path or hub id, and answers here, without a server.")] = False,
    talk: Annotated[
        Path | None, typer.Option("--talk", metavar="FILE", help="A dialogue: kept in this file, and gone on with by the next question.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the model.")] = 120.0,
    json_out: Annotated[bool, typer.Option("--json", help="The answer and its sources as JSON.")] = False,
) -> int:
    """Answer a question from a collection with a vision-language model, citing what it used. The key is read from HANNUN_ASK_KEY."""
    from hannun import collection as face
    from hannun.item import Image
    from hannun.serve import ask as rag
    from hannun.serve.vlm import LocalModel

    if not model:
        raise InputError("no model came; name the one that your endpoint serves: --model NAME (HANNUN_ASK_MODEL)")
    if image is not None and not image.exists():
        raise MissingError(f"{image}: no such picture; check the path")
    at: Answers = LocalModel(model) if local else rag.ChatModel(endpoint, model, os.environ.get("HANNUN_ASK_KEY"), timeout)
    before = dialogue.read(talk) if talk is not None else ()
    if alone:
        if image is None:
            raise InputError("--alone came without a picture, expected --image FILE")
        found = rag.about(Image(image), question, at, before=before)
    else:
        content = {"text": question, **({"image": image} if image else {})}
        with face.open(collection, create=False) as opened:
            found = rag.ask(opened, content, at, where=where, limit=limit, before=before)
    if talk is not None and found.text:
        turn = dialogue.Turn(question, found.text, tuple(s.hit.id for s in found.cited))
        dialogue.write(talk, (*before, turn))
    return _told(found, collection, question, alone, json_out)


def _told(found: Answer, collection: str, question: str, alone: bool, json_out: bool) -> int:
    """The answer with its sources."""
    from hannun.serve.cli import output

    if not found.sources and not alone:
        raise MissingError(f"{collection}: nothing was found for {question!r}, so the model was not asked")
    if json_out:
        sources = [{"number": s.number, "cited": s.cited, **output.plain(s.hit)} for s in found.sources]
        typer.echo(json.dumps({"answer": found.text, "sources": sources, "unknown": found.unknown}, ensure_ascii=False, indent=1))
        return 0
    typer.echo(found.text)
    typer.echo("")
    for s in found.cited:
        typer.echo(f"[{s.number}] {output.title(s.hit)} · {s.hit.id}")
    if not found.cited and not alone:
        typer.echo("(the model cited none of its sources)")
    if found.unknown:
        typer.echo(f"(it cites {', '.join(f'[{n}]' for n in found.unknown)}, which it was not given)", err=True)
    return 0
