"""The arguments of one command go in; what it did comes out as a table, a file, or JSON on standard output."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hannun import hangul
from hannun.errors import InputError, MissingError
from hannun.item import Item, Problem

if TYPE_CHECKING:
    from hannun.collection import Collection, Quantise
    from hannun.search.options import Share

# Not a Path: it may be an address, and a Path would fold the slashes of qdrant://.
In = Annotated[str, typer.Option("--in", envvar="HANNUN_COLLECTION", metavar="COLLECTION", help="A folder, or qdrant://host:6333/name.")]
At = Annotated[str, typer.Argument(metavar="[COLLECTION]", envvar="HANNUN_COLLECTION", help="A folder, or qdrant://host:6333/name.")]
Model = Annotated[str | None, typer.Option("--model", help="'mini', the path of a model, or a hub id.")]
DEFAULT = "my.hannun"


def index(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH…", help="Folders, pictures, .txt/.md, .jsonl/.csv/.tsv/.xlsx/.parquet, .tar."),
    ],
    to: Annotated[
        str, typer.Option("--to", envvar="HANNUN_COLLECTION", metavar="COLLECTION", help="The collection, made where there is none.")
    ] = DEFAULT,
    model: Model = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove items whose files below PATH have vanished.")] = False,
    columns: Annotated[str | None, typer.Option(metavar="text=A,image=B,id=C", help="Which columns of tables hold what.")] = None,
    numbers: Annotated[str | None, typer.Option(metavar="COLUMN,…", help="Columns of amounts as people write them: 39,000원.")] = None,
    exif: Annotated[bool, typer.Option("--exif/--no-exif", help="Date, place and camera of pictures as facts.")] = True,
    words: Annotated[bool | None, typer.Option("--words/--no-words", help="Of a new one: keep words for ranking by words.")] = None,
    dictionary: Annotated[Path | None, typer.Option(help="Of a new one: a file of words to take whole, one a line.")] = None,
    quantise: Annotated[str | None, typer.Option(help="Of a new one: search int8 or binary vectors first.")] = None,
    prefix: Annotated[int | None, typer.Option(help="Of a new one: search so many values of each vector first.")] = None,
) -> int:
    """Read pictures, texts and rows into a collection. Run again, only what is new or changed is encoded."""
    from hannun import collection, sources
    from hannun.load import load
    from hannun.serve.cli import show

    whole = None if dictionary is None else _lines(dictionary)
    reading = sources.Reading(_columns(columns), _names(numbers), exif)
    gone = [p for p in paths if not p.exists()]
    if gone and not prune:
        raise MissingError(f"{gone[0]}: no such file or folder; check the path, or remove its items with --prune")
    found = sources.survey([p for p in paths if p not in gone], reading)
    kept = collection.open(to, load(model) if model else None, words=words, dictionary=whole, quantise=_quantise(quantise), prefix=prefix)
    with kept as opened, show.progress("indexing", sources.count(found)) as advance:
        seen: set[str] = set()

        def noted() -> Any:
            for one in sources.read(found, reading):
                if one.id is not None:
                    seen.add(one.id)
                yield one

        failure: InputError | None = None
        try:
            report = opened.add(noted(), advance)
        except InputError as e:
            report, failure = collection.Report(), e
        moved = opened.moved(seen) if report.added else 0
        if prune:
            report.removed = opened.prune(paths, seen)
            if gone and not report.removed and not seen:
                raise MissingError(f"{gone[0]}: no such file or folder, and {to} has no items from there; check the path")
        if failure is not None and not report.removed:
            raise failure
        opened.optimise()
        total = len(opened)
    show.problems(report.problems)
    removed = f", {report.removed} removed" if prune else ""
    removed += f", {moved} moved" if moved else ""
    typer.echo(f"{report.added} added, {report.unchanged} unchanged{removed}, {len(report.problems)} problems; {to} now has {total} items")
    if found.unread:
        typer.echo(f"not read: {found.unread_kinds()}")
    if not total and not report.problems and not report.removed:
        raise InputError(
            f"{', '.join(map(str, paths))}: nothing to index there; expected pictures, .txt/.md, "
            ".jsonl/.csv/.tsv/.xlsx/.parquet or .tar files"
        )
    if total and not failure:
        typer.echo(f'next: hannun search "빨간 원피스" --in {to}')
    return 0


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
    explain: Annotated[bool, typer.Option("--explain", help="Say which part scored what.")] = False,
    why: Annotated[str | None, typer.Option(metavar="ID", help="Say where this item ranks, and what keeps it out.")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Hits as JSON.")] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write the hits as a page with pictures.")] = None,
) -> int:
    """Search a collection by words, by a picture, by both, or by examples."""
    from hannun import collection as face
    from hannun import sources
    from hannun.search.options import read_weights
    from hannun.search.relevance import FITS
    from hannun.serve.cli import show

    if words is None and image is None and not like:
        raise InputError("no query came, expected words, --image FILE or --like ID")
    if words == "-":  # for texts longer than the shell takes as an argument
        words = sources.decode_text(sys.stdin.buffer.read(), "standard input")
    query: dict[str, Any] | None = {"text": words or "", **({"image": image} if image is not None else {})}
    if words is None and image is None:
        query = None
    if image is not None and not image.exists():
        raise MissingError(f"{image}: no such picture; check the path")
    parts = read_weights(weights) if weights is not None else None
    if rerank not in (None, "tokens"):
        raise InputError(f"--rerank {rerank!r} came, expected tokens")
    fused: Any = fusion  # checked with the other options
    with face.open(collection, create=False) as opened:
        if keyboard and words:
            words = next(iter(opened.readings(words)), words)
            query = {**(query or {}), "text": words}
        wanted, unwanted = ([_example(opened, e) for e in given or ()] for given in (like, unlike))
        if why is not None:
            hits = [
                opened.why(
                    why,
                    query,
                    like=wanted,
                    unlike=unwanted,
                    mix=mix,
                    weights=parts,
                    words=_share(share),
                    fusion=fused,
                    where=where,
                    dim=dim,
                )
            ]
        else:
            hits = opened.search(
                query,
                like=wanted,
                unlike=unwanted,
                mix=mix,
                weights=parts,
                words=_share(share),
                fusion=fused,
                where=where,
                limit=limit,
                offset=offset,
                group_by=group_by,
                dim=dim,
                rerank="tokens" if rerank else None,
                diversity=diversity,
                shuffle=shuffle,
                explain=explain,
                floor=floor,
            )
        strange = why is None and bool(words) and not any(h.relevance is None or h.relevance >= FITS for h in hits)
        meant = opened.readings(words) if strange and words else ()
    if strange and words and not json_out:
        show.nothing_fits(words, meant)
    title = " + ".join(str(p) for p in ((words or "")[:80], image, *(f"like {e}" for e in like or ())) if p)
    if html is not None:
        show.gallery(html, title, [show.Section(title, image, hits)])
    if json_out:
        typer.echo(json.dumps([show.plain(h) for h in hits], ensure_ascii=False, indent=1))
    else:
        show.table(title, hits, offset)
        if html is not None:
            typer.echo(f"wrote {html}")
    return 0


def info(collection: At = DEFAULT) -> int:
    """What a collection holds and what made it, as JSON."""
    from hannun import collection as face

    with face.open(collection, create=False) as opened:
        typer.echo(json.dumps(opened.info(), ensure_ascii=False, indent=1))
    return 0


def delete(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID…]", help="Ids of items.")] = None,
    collection: In = DEFAULT,
    where: Annotated[str | None, typer.Option(help="Also every item for which this holds.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
) -> int:
    """Remove items by id or by condition. What is not there is no mistake: a delete that was stopped may be run again."""
    from hannun import collection as face

    if not ids and where is None:
        raise InputError("nothing to delete came, expected ids and/or --where CONDITION")
    with face.open(collection, create=False) as opened:
        named: dict[str, Item] = {}
        for each in dict.fromkeys(ids or ()):
            with contextlib.suppress(MissingError):
                named[each] = opened.get(each)
        missing = len(set(ids or ())) - len(named)
        if dry_run:
            going = named | ({} if where is None else {it.id: it for it in opened.items(where)})
            for it in going.values():
                typer.echo(f"{it.id}\t{it.text or (it.images[0] if it.images else '')}")
        removed = len(going) if dry_run else opened.delete(list(named), where)
        left = len(opened)
    told = f"{removed} {'would go' if dry_run else 'removed'}" + (f", {missing} not there" if missing else "")
    typer.echo(f"{told}; {collection} now has {left} items")
    return 0


def reindex(
    collection: At = DEFAULT,
    model: Model = None,
) -> int:
    """Encode every item again, with another model or a newer one. Stopped and run again, it goes on where it was."""
    from hannun import collection as face
    from hannun.load import load
    from hannun.serve.cli import show

    with face.open(collection, create=False) as opened:
        encoder = load(model or opened.settings.encoder)
        with show.progress("encoding", len(opened)) as advance:
            report = opened.reindex(encoder, advance)
        opened.optimise()
    typer.echo(f"{report.added} encoded, {report.unchanged} already done; {collection} is made by {encoder.name} ({encoder.fingerprint})")
    return 0


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
    from hannun.files import sync, whole
    from hannun.journal import Journal
    from hannun.load import load
    from hannun.serve.cli import show

    if to.suffix == ".jsonl":
        raise InputError(f"--to {to} came, but the ids go there; name a .npz file")
    encoder = load(model or "mini")
    if dim is not None and dim not in encoder.dims:
        raise InputError(f"dim={dim} came, but {encoder.name!r} declares the dims {', '.join(map(str, encoder.dims))}")
    items: list[Item] = []
    problems: list[Problem] = []
    for found in sources.read([Path(c) for c in contents]) if files else map(_text_item, contents):
        items.append(found) if isinstance(found, Item) else problems.append(found)
    journal = Journal(to.with_name(to.name + ".work"))
    with show.progress("encoding", len(items)) as advance:
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
    show.problems(problems)
    typer.echo(f"wrote {len(kept)} vectors of {dim or embeddings.dim} values to {to}, their ids to {ids}")
    return 0


def _text_item(text: str) -> Item | Problem:
    from hannun.item import item

    made = item(text)
    return made if made.parts else Problem(repr(text), "is empty, expected text")


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


def _share(text: str) -> Share:
    try:
        return "auto" if text == "auto" else float(text)
    except ValueError:
        raise InputError(f"--words {text!r} came, expected a number 0 … 1, or auto") from None
