"""`hannun users`: behaviour logs go in; a model of users, their vectors, and who and what is near whom come out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hannun.errors import DependencyError, InputError, MissingError
from hannun.journal import Journal
from hannun.processes import once
from hannun.serve.cli.index import reading_of
from hannun.serve.cli.options import DEFAULT, In, Json
from hannun.serve.cli.train import Changed, ModelTo, Size, delivered, of_size, watched
from hannun.train.settled import settle

if TYPE_CHECKING:
    from hannun.collection import Hit
    from hannun.sources.logs import BehaviourLog

app = typer.Typer(help="Years of behaviour in one vector of each user.", no_args_is_help=True)

Logs = Annotated[list[Path], typer.Argument(metavar="LOG…", help="Tables of events: .csv, .tsv, .jsonl, .parquet.")]
LogColumns = Annotated[
    str | None, typer.Option("--columns", metavar="user=A,item=B,time=C,…", help="Which columns hold what; also action, surface, region.")
]
UserModel = Annotated[Path, typer.Option("--model", help="The folder of a model of users.")]
Items = Annotated[str | None, typer.Option("--items", help="Titles and pictures of the items: a collection, or a table with their ids.")]
ItemColumns = Annotated[
    str | None, typer.Option("--item-columns", metavar="text=A,image=B,id=C", help="Which columns of the table of items hold what.")
]
REACH = 1_000  # items of which the popular ones come first
Limit = Annotated[int, typer.Option(min=1, help="How many.")]


@app.command("train")
def train(
    logs: Logs,
    to: ModelTo,
    items: Items = None,
    columns: LogColumns = None,
    item_columns: ItemColumns = None,
    size: Size = "tiny",
    set_: Changed = None,
) -> int:
    """Learn to tell a user's future from their past. Killed and run again, it goes on from its last checkpoint."""
    karrot, skeleton = _recipe()
    recipe = of_size(karrot.SIZES, size, set_)
    log = _read(logs, columns)
    work = to.with_name(to.name + ".work")
    settle(work, recipe)
    data = karrot.UserData(log)
    if items is not None:
        from hannun.users.content import content_of

        place, columns_of = items, reading_of(item_columns, None, True)
        # A collection has one owner at a time.
        content, reads, said = once(lambda: content_of(log.items, place, recipe.backbone, columns_of))
        _tell(said)
        data = karrot.UserData(log, content, reads)
    with watched("karrot_user") as (tell, watch):
        lines = karrot.learned(recipe, data, skeleton.Training(recipe, work, tell, watch))
    return delivered(work, to, lines)


@app.command("embed")
def embed(
    logs: Logs,
    model: UserModel,
    to: Annotated[Path, typer.Option("--to", help="The .parquet to write: user, vector, events, event_timestamp, version.")],
    kept: Annotated[
        Path | None, typer.Option("--kept", help="A .parquet of what is kept between days: the log then holds new events alone.")
    ] = None,
    columns: LogColumns = None,
) -> int:
    """Vectors of all users of a log, or of all that were kept and a day's new events. Stopped and run again, it goes on where it was."""
    from hannun.serve.cli.output import progress

    network, version = _network(model)
    from hannun.users.vectors import KeptUsers, embedded

    log = _read(logs, columns)
    before = KeptUsers.read(kept, version) if kept is not None else None
    journal = Journal(to.with_name(to.name + ".work"))
    with progress("users", len({*log.users, *(before.users if before else ())})) as step:
        made, after, said = embedded(network, version, log, before, journal, step)
    made.write(to)
    if kept is not None:
        after.write(kept)
    journal.close()
    _tell(said)
    typer.echo(f"wrote {len(made.users):,} vectors of {made.vectors.shape[1]} values, version {version[:12]}, to {to}")
    return 0


@app.command("index")
def index(
    logs: Logs,
    model: UserModel,
    items: Annotated[str, typer.Option("--items", help="Titles and pictures of the items: a table with their ids.")],
    collection: In = DEFAULT,
    columns: LogColumns = None,
    item_columns: ItemColumns = None,
) -> int:
    """Put users and items into one collection: an item is asked for by a user, a user by a user, both by words."""
    from hannun import collection as face
    from hannun import sources
    from hannun.load import load
    from hannun.serve.cli import output
    from hannun.users.rows import item_rows, user_rows

    _folder().require_users(model)
    log = _read(logs, columns)
    with face.open(collection, load(model)) as opened, output.progress("users and items", len(log.users) + len(log.items)) as step:
        things = opened.add(item_rows(sources.read([Path(items)], reading_of(item_columns, None, True)), log), step)
        people = opened.add(user_rows(log), step)
    output.problems([*things.problems, *people.problems])
    same = things.unchanged + people.unchanged
    typer.echo(f"{things.added:,} items and {people.added:,} users added, {same:,} unchanged, in {collection}")
    return 0


@app.command("similar")
def similar(
    user: Annotated[str | None, typer.Argument(metavar="[USER]", help="The id of a user, as in the log.")] = None,
    text: Annotated[str | None, typer.Option(help="Words in place of a user: who likes this?")] = None,
    collection: In = DEFAULT,
    limit: Limit = 10,
    json_out: Json = False,
) -> int:
    """The users nearest to a user, or to words."""
    _show(_asked(collection, user, text, "type = user", limit, new=False), json_out)
    return 0


@app.command("recommend")
def recommend(
    user: Annotated[str | None, typer.Argument(metavar="[USER]", help="The id of a user, as in the log.")] = None,
    text: Annotated[str | None, typer.Option(help="A profile in words, of somebody who has done nothing yet.")] = None,
    collection: In = DEFAULT,
    limit: Limit = 10,
    again: Annotated[bool, typer.Option("--again", help="Also items that the user has had.")] = False,
    popular: Annotated[
        float, typer.Option(min=0.0, help="How much popularity counts beside the nearness; `hannun users train` tells the best.")
    ] = 0.0,
    json_out: Json = False,
) -> int:
    """The items nearest to a user, but those they have had."""
    found = _asked(collection, user, text, "type = item", REACH if popular else limit, new=not again)
    _show(_popular(found, popular)[:limit] if popular else found, json_out)
    return 0


def _popular(hits: Sequence[Hit], share: float) -> list[Hit]:
    """In the order of the score and `share` times the logarithm of 1 + how many events the item has."""
    from hannun.users.rows import COUNT

    if hits and not any(COUNT in h.item.facts for h in hits):
        raise InputError("--popular came, and the items do not say how many events they have; put them in again with `hannun users index`")
    known = [replace(h, score=h.score + share * math.log1p(float(h.item.facts.get(COUNT) or 0))) for h in hits]
    return sorted(known, key=lambda h: -h.score)


@app.command("drift")
def drift(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="What `hannun users embed` wrote on one day.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="… and on a later one.")],
    json_out: Json = False,
) -> int:
    """How far users have moved between two days, and whether they are another population."""
    _folder()
    from hannun.users.drift import drift as measured
    from hannun.users.vectors import UserVectors

    found = measured(UserVectors.read(before), UserVectors.read(after))
    for line in [json.dumps(found.to_json())] if json_out else found.lines():
        typer.echo(line)
    return 0


def _read(logs: Sequence[Path], columns: str | None) -> BehaviourLog:
    from hannun.sources.logs import mapped, read_log

    log = read_log(logs, mapped(columns))
    typer.echo(f"{len(log):,} events of {len(log.users):,} users with {len(log.items):,} items", err=True)
    _tell(log.said)
    return log


def _tell(said: Sequence[str]) -> None:
    for line in said:
        typer.echo(line, err=True)


def _recipe() -> tuple[Any, Any]:
    try:
        from hannun.recipes import karrot_user, skeleton
    except ImportError as e:
        raise DependencyError(f"models of users need {e.name}; pip install -c constraints.txt '.[users]' in Hannun's folder") from None
    return karrot_user, skeleton


def _folder() -> Any:
    try:
        from hannun.models.sequence import folder
    except ImportError as e:
        raise DependencyError(f"models of users need {e.name}; pip install -c constraints.txt '.[users]' in Hannun's folder") from None
    return folder


def _network(model: Path) -> tuple[Any, str]:
    folder = _folder()
    return folder.open_users(model), folder.fingerprint(model)


def _asked(collection: str, user: str | None, text: str | None, where: str, limit: int, new: bool) -> list[Hit]:
    from hannun import collection as face
    from hannun.users.rows import USER

    if (user is None) == (text is None):
        raise InputError("expected the id of a user, or --text WORDS (one of the two)")
    with face.open(collection, create=False) as opened:
        if user is None:
            return list(opened.search(text, where=where, words=0, limit=limit))
        id = f"{USER}{user}"
        if id not in opened:
            raise MissingError(f"{collection}: has no user {user!r}; put users into it with `hannun users index`")
        had = {r["item"] for p in opened.get(id).parts for r in _records(p) if "item" in r} if new else set()
        return [h for h in opened.similar(id, where=where, limit=limit + min(len(had), 1_000)) if h.id not in had][:limit]


def _records(part: Any) -> Iterator[dict[str, Any]]:
    yield from getattr(part, "records", ())


def _show(hits: Sequence[Hit], json_out: bool) -> None:
    if json_out:
        typer.echo(json.dumps([{"id": h.id, "score": round(h.score, 4), "text": h.item.text} for h in hits], ensure_ascii=False, indent=1))
        return
    for h in hits:
        typer.echo(f"{h.score:.3f}  {h.id}  {(h.item.text or '')[:80]}")
