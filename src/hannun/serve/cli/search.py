"""`hannun search`: words, pictures and examples go in; hits come out as a table, as JSON, or as a page."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hannun.errors import InputError, MissingError
from hannun.search.proposals import unwritten
from hannun.serve.cli.options import DEFAULT, In

if TYPE_CHECKING:
    from hannun.collection import Collection, Hit
    from hannun.search.options import Share


def search(
    words: Annotated[
        str | None,
        typer.Argument(metavar="[WORDS]", help="What to look for, in Korean or English; -WORD avoids it; - reads it from standard input."),
    ] = None,
    image: Annotated[Path | None, typer.Option("--image", help="A picture to look for, alone or together with words.")] = None,
    collection: In = DEFAULT,
    like: Annotated[list[str] | None, typer.Option(metavar="ID|FILE|WORDS", help="More like this; may be given again.")] = None,
    unlike: Annotated[list[str] | None, typer.Option(metavar="ID|FILE|WORDS", help="Not like this; may be given again.")] = None,
    mix: Annotated[float, typer.Option(help="With words and a picture: 1 only the words … 0 only the picture.")] = 0.5,
    weights: Annotated[str | None, typer.Option(help="How much the parts of an item count, e.g. text=0.7,image=0.3.")] = None,
    share: Annotated[
        str,
        typer.Option("--words", help="Rank by the words themselves: 0 meaning … 1 words alone; auto: 0.3 where there are texts."),
    ] = "auto",
    fusion: Annotated[str, typer.Option(help="How words and meaning are put together: scores or ranks.")] = "scores",
    where: Annotated[str | None, typer.Option(help="Only items for which this holds: 'category = 원피스 and price < 50000'.")] = None,
    limit: Annotated[int, typer.Option(help="How many hits.")] = 10,
    offset: Annotated[int, typer.Option(help="How many hits to pass over.")] = 0,
    group_by: Annotated[str | None, typer.Option(help="Only the best hit for each value of this fact.")] = None,
    dim: Annotated[int | None, typer.Option(help="Compare only so many values of each vector: one of the model's dims.")] = None,
    rerank: Annotated[str | None, typer.Option(help="tokens: order the top 50 anew by token vectors.")] = None,
    diversity: Annotated[float, typer.Option(help="0 pure relevance … 1 as varied as can be.")] = 0.0,
    shuffle: Annotated[int, typer.Option(help="Show the best of so many visual clusters first; 0 is off.")] = 0,
    keyboard: Annotated[bool, typer.Option("--keyboard", help="Words typed with the keyboard left on the other language: qkfrks.")] = False,
    floor: Annotated[float, typer.Option(help="Leave out hits that fit less than so; 0.5 leaves what fits, 0 everything.")] = 0.0,
    sort: Annotated[
        str | None, typer.Option(metavar="FACT|-FACT", help="What fits in the order of this fact; with a minus the greatest first.")
    ] = None,
    last: Annotated[str | None, typer.Option(help="Items for which this holds come after all others: 'stock = 0'.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say which part scored what.")] = False,
    why: Annotated[str | None, typer.Option(metavar="ID", help="Say where this item ranks, and what keeps it out.")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Hits as JSON.")] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write the hits as a page with pictures.")] = None,
) -> int:
    """Search a collection by words, by a picture, by both, or by examples."""
    from hannun import collection as face
    from hannun.search.options import read_weights
    from hannun.serve.cli import output

    query = _query(words, image, bool(like) or (sort is not None and why is None))
    ranking: dict[str, Any] = {"mix": mix, "weights": None if weights is None else read_weights(weights), "words": _share(share)}
    ranking |= {"fusion": fusion, "where": where, "dim": dim}
    page: dict[str, Any] = {"limit": limit, "offset": offset, "group_by": group_by, "rerank": rerank, "diversity": diversity}
    page |= {"shuffle": shuffle, "explain": explain, "floor": floor, "sort": sort, "last": last}
    if rerank not in (None, "tokens"):
        raise InputError(f"--rerank {rerank!r} came, expected tokens")
    with face.open(collection, create=False) as opened:
        if query is not None and keyboard and query["text"]:
            query["text"] = next(iter(opened.readings(query["text"])), query["text"])
        ranking |= {name: [_example(opened, e) for e in given or ()] for name, given in (("like", like), ("unlike", unlike))}
        hits = opened.search(query, **ranking, **page) if why is None else [opened.why(why, query, **ranking)]
        asked = query["text"] if query is not None and why is None else ""
        output.advice(opened)
        strange = bool(asked) and _strange(hits)
        barred = not hits and where is not None and not opened.count(where)
        meant = opened.readings(asked) if strange or unwritten(asked, (h.relevance for h in hits)) else ()
    if barred:
        output.none_meets(str(where))
    elif strange and not json_out:
        output.nothing_fits(asked, meant)
    elif meant and not json_out:
        output.meant(meant)
    title = (
        " + ".join(str(p) for p in ((query["text"][:80] if query else ""), image, *(f"like {e}" for e in like or ())) if p) or f"by {sort}"
    )
    _show(title, image, hits, offset, json_out, html)
    return 0


def _query(words: str | None, image: Path | None, examples: bool) -> dict[str, Any] | None:
    """The query's own content: words (from standard input where `-` came) and a picture; None where examples say it all."""
    from hannun.sources import decode_text

    if words is None and image is None:
        if not examples:
            raise InputError("no query came, expected words, --image FILE or --like ID")
        return None
    if words == "-":  # for texts longer than the shell takes as an argument
        words = decode_text(sys.stdin.buffer.read(), "standard input")
    if image is not None and not image.exists():
        raise MissingError(f"{image}: no such picture; check the path")
    return {"text": words or "", **({"image": image} if image is not None else {})}


def _strange(hits: list[Hit]) -> bool:
    """Whether nothing among the hits fits the query."""
    from hannun.search.relevance import FITS

    return not any(h.relevance is None or h.relevance >= FITS for h in hits)


def _show(title: str, image: Path | None, hits: list[Hit], offset: int, json_out: bool, html: Path | None) -> None:
    """The hits as JSON or as a table, and as a page where one is to be written."""
    from hannun.serve.cli import output

    if html is not None:
        output.gallery(html, title, [output.Section(title, image, hits)])
    if json_out:
        typer.echo(json.dumps([output.plain(h) for h in hits], ensure_ascii=False, indent=1))
        return
    output.table(title, hits, offset)
    if html is not None:
        typer.echo(f"wrote {html}")


def _example(opened: Collection, given: str) -> Any:
    """An example on the command line: `id:…`, `image:…` or `text:…`; without these, an item's id, or a picture's path, or words."""
    kind, colon, rest = given.partition(":")
    if colon and kind in ("id", "image", "text"):
        return {"id": rest} if kind == "id" else {kind: rest}
    if next(opened.items(ids=[given]), None) is not None:
        return {"id": given}
    from hannun.shards import PICTURES

    if Path(given).is_file():
        return Path(given)
    if Path(given).suffix[1:].lower() in PICTURES or given.startswith(("/", "./", "../", "~/")):
        raise MissingError(f"{given}: no such picture, and no item has this id; check the path, or write text:{given} for words")
    return given


def _share(text: str) -> Share:
    try:
        return "auto" if text == "auto" else float(text)
    except ValueError:
        raise InputError(f"--words {text!r} came, expected a number 0 … 1, or auto") from None
