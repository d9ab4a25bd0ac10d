"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT = "my.hannun"

# Not a Path: it may be an address, and a Path would fold the slashes of qdrant://.
In = Annotated[str, typer.Option("--in", envvar="HANNUN_COLLECTION", metavar="COLLECTION", help="A folder, or qdrant://host:6333/name.")]
At = Annotated[str, typer.Argument(metavar="[COLLECTION]", envvar="HANNUN_COLLECTION", help="A folder, or qdrant://host:6333/name.")]
Model = Annotated[str | None, typer.Option("--model", help="'mini', 'mini-free', the path of a model, or a hub id.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Data = Annotated[Path | None, typer.Option("--data", envvar="HANNUN_DATA", help="The folder of data sets [default: ../shared/data].")]
Cache = Annotated[Path | None, typer.Option("--cache", help="Where vectors and drawn pictures are kept [default: ~/.cache/hannun/eval].")]
On = Annotated[list[str] | None, typer.Option("--on", help="A suite, or mteb:TASK; may be repeated. All of them when left out.")]
To = Annotated[
    str, typer.Option("--to", envvar="HANNUN_COLLECTION", metavar="COLLECTION", help="The collection, made where there is none.")
]
Columns = Annotated[str | None, typer.Option(metavar="text=A,image=B,id=C", help="Which columns of tables hold what.")]
Numbers = Annotated[str | None, typer.Option(metavar="COLUMN,…", help="Columns of amounts as people write them: 39,000원.")]
Exif = Annotated[bool, typer.Option("--exif/--no-exif", help="Date, place and camera of pictures as facts.")]
