"""`hannun sensor`: recordings of wearables go in; what they say in words, rows to index, a trained model, whether words hold come out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hannun.errors import DependencyError, InputError, neighbours
from hannun.files import write_whole
from hannun.sensors.templates import LANGUAGES, Language
from hannun.serve.cli.options import Json
from hannun.serve.cli.train import Changed, ModelTo, Size, delivered, of_size, watched
from hannun.train.settled import settle

if TYPE_CHECKING:
    from hannun.sensors.checking import Claim
    from hannun.sensors.recording import SignalRecording
    from hannun.sources.signals import SignalReading

app = typer.Typer(help="What signals of wearables say: described, checked, indexed, learnt.", no_args_is_help=True)

Recordings = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH…", help="Tables with times, .json signals, or exports: Fitbit, Apple Health (export.xml, .zip), Google Fit."
    ),
]
SignalColumns = Annotated[
    str | None,
    typer.Option("--columns", metavar="HR=A,steps=B,time=C,…", help="Which columns hold what; also person, activity, sleep, mood."),
]
Rate = Annotated[float | None, typer.Option(min=1e-6, help="Rows in a second, where no column tells times.")]
Zone = Annotated[str, typer.Option(metavar="+09:00", help="Where the watch was worn: added to times that are in UTC.")]
Lang = Annotated[str, typer.Option(metavar="ko|en", help="The language of the sentences.")]
Levels = Annotated[str, typer.Option(metavar="LEVEL,…", help="statistical, structural, semantic: any of them, in the order given.")]
SensorModel = Annotated[
    Path | None, typer.Option("--model", help="A trained model of signals, which describes them in its own words besides.")
]

_ZONE = re.compile(r"([+-])(\d{1,2}):?(\d\d)?")
_ALL = "statistical,structural,semantic"


@app.command("describe")
def describe(
    paths: Recordings,
    lang: Lang = "ko",
    levels: Levels = _ALL,
    columns: SignalColumns = None,
    rate: Rate = None,
    zone: Zone = "+00:00",
    model: SensorModel = None,
    json_out: Json = False,
) -> int:
    """Say what each day, or each raw recording, holds: numbers, trends, activities. Nothing that was not measured is told."""
    from hannun.sensors.captions import caption

    language, chosen = _language(lang), _levels(levels)
    found = _read(paths, columns, rate, zone)
    words = [caption(r.signal, language, chosen, r.labels) for r in found]
    own = _generated(model, found, language, chosen) if model is not None else [None] * len(found)
    rows = [_row(r, language, chosen, text, said) for r, text, said in zip(found, words, own, strict=True)]
    if json_out:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return 0
    for one in rows:
        typer.echo(f"{one['name']}  {one.get('person', '')}".rstrip())
        typer.echo(one["text"] or ("  (이 수준에서 말할 것이 없습니다)" if language == "ko" else "  (nothing to tell at this level)"))
        if "generated" in one:
            typer.echo(f"model: {one['generated']}  ({one['right']} of {one['claims']} claims hold)")
        typer.echo("")
    return 0


@app.command("days")
def days(
    paths: Recordings,
    to: Annotated[Path, typer.Option("--to", help="The .jsonl to write: a row a recording, which `hannun index` reads.")],
    lang: Lang = "ko",
    levels: Levels = "semantic,structural,statistical",
    columns: SignalColumns = None,
    rate: Rate = None,
    zone: Zone = "+00:00",
) -> int:
    """Write a row for each day of an export, or each raw recording: its words, its signal, its date."""
    from hannun.sources.signals import row

    language, chosen = _language(lang), _levels(levels)
    found = _read(paths, columns, rate, zone)
    lines = [json.dumps(row(r, language, chosen), ensure_ascii=False) for r in found]
    write_whole(to, ("\n".join(lines) + "\n").encode())
    typer.echo(f"wrote {len(lines):,} recordings to {to}")
    typer.echo(f"next: hannun index {to} --to days.hannun")
    return 0


@app.command("check")
def check(
    paths: Recordings,
    text: Annotated[str, typer.Option(help="Sentences about the recording, in Korean or English.")],
    columns: SignalColumns = None,
    rate: Rate = None,
    zone: Zone = "+00:00",
    json_out: Json = False,
) -> int:
    """Hold every number and trend of a text against the signal; ends with 1 where one is wrong or cannot be read."""
    from hannun.sensors.checking import checked

    found = _read(paths, columns, rate, zone)
    if len(found) != 1:
        raise InputError(f"{len(found)} recordings came, expected one; give the file of one day")
    claims = checked(text, found[0].signal, found[0].labels)
    if json_out:
        typer.echo(json.dumps([vars(c) for c in claims], ensure_ascii=False, indent=1))
    else:
        for c in claims:
            typer.echo(f"{c.found:6} {c.what}" + (f"  (the signal says {c.instead})" if c.instead else "") + f"  — {c.sentence}")
    return 0 if claims and all(c.found == "right" for c in claims) else 1


@app.command("train")
def train(
    paths: Recordings,
    to: ModelTo,
    columns: SignalColumns = None,
    rate: Rate = None,
    zone: Zone = "+00:00",
    size: Size = "tiny",
    start: Annotated[Path | None, typer.Option(help="The folder of a trained model to go on from.")] = None,
    set_: Changed = None,
) -> int:
    """Learn signals and their captions from recordings of your own; a fifth of the people, or days, is measured on."""
    sensorlm, skeleton = _recipe()
    recipe = of_size(sensorlm.SIZES, size, set_)
    found = _read(paths, columns, rate, zone)
    work = to.with_name(to.name + ".work")
    settle(work, recipe)
    with watched("sensorlm") as (tell, watch):
        lines = sensorlm.of_own(recipe, found, skeleton.Training(recipe, work, tell, watch), start)
    return delivered(work, to, lines)


def _reading(columns: str | None, rate: float | None, zone: str) -> SignalReading:
    from hannun.sources.signals import SignalReading

    pairs = [p.partition("=") for p in (columns or "").split(",") if p.strip()]
    if not all(ours.strip() and theirs.strip() for ours, _, theirs in pairs):
        raise InputError(f"--columns {columns!r} came, expected ours=theirs, such as HR=맥박,time=측정시각")
    if (at := _ZONE.fullmatch(zone.strip())) is None:
        raise InputError(f"--zone {zone!r} came, expected hours from UTC, such as +09:00")
    shift = (int(at[2]) * 60 + int(at[3] or 0)) * (60 if at[1] == "+" else -60)
    return SignalReading({ours.strip(): theirs.strip() for ours, _, theirs in pairs}, rate, shift)


def _read(paths: Sequence[Path], columns: str | None, rate: float | None, zone: str) -> list[SignalRecording]:
    from hannun.sources.signals import read_signals

    found, told = [], set[str]()
    for recording in read_signals(paths, _reading(columns, rate, zone)):
        for line in recording.said:
            if line not in told:
                told.add(line)
                typer.echo(line, err=True)
        found.append(recording)
    if not found:
        raise InputError(f"{', '.join(map(str, paths))}: no signals there; expected tables with times, .json signals, or an export")
    return found


def _language(given: str) -> Language:
    chosen = next((known for known in LANGUAGES if known == given), None)
    if chosen is None:
        raise InputError(f"--lang {given!r} came, expected ko or en")
    return chosen


def _levels(given: str) -> tuple[Any, ...]:
    from hannun.sensors.captions import LEVELS

    chosen = tuple(level.strip() for level in given.split(",") if level.strip())
    for level in chosen:
        if level not in LEVELS:
            raise InputError(f"--levels {given!r} came, expected some of {', '.join(LEVELS)}; {neighbours(level, LEVELS)}")
    if not chosen or len(set(chosen)) < len(chosen):
        raise InputError(f"--levels {given!r} came, expected one or more of {', '.join(LEVELS)}, each once")
    return chosen


def _row(recording: SignalRecording, language: Language, levels: tuple[Any, ...], text: str, said: list[Claim] | None) -> dict[str, Any]:
    from hannun.sources.signals import facts_of

    found: dict[str, Any] = {"name": recording.name, **facts_of(recording), "language": language, "levels": list(levels), "text": text}
    found["channels"] = list(recording.signal.channels)
    if recording.said:
        found["put_right"] = list(recording.said)
    if said is not None:
        found["generated"] = " ".join(dict.fromkeys(c.sentence for c in said))
        found["claims"], found["right"] = len(said), sum(c.found == "right" for c in said)
    return found


def _generated(model: Path, found: Sequence[SignalRecording], language: Language, levels: tuple[Any, ...]) -> list[list[Claim]]:
    """What a model says of each recording, every claim of it checked."""
    from hannun.sensors.checking import checked

    try:
        from hannun.models.captioner.network import Captioner
        from hannun.models.captioner.speaking import captions
        from hannun.models.checkpoint import open_model
    except ImportError as e:
        raise DependencyError(f"models of signals need {e.name}; pip install -c constraints.txt '.[train]' in Hannun's folder") from None
    opened: Any = open_model(model)
    if not isinstance(opened, Captioner) or opened.source.kind != found[0].signal.kind:
        raise InputError(f"{model}: is no model of signals; give the folder that `hannun sensor train` or `hannun train sensorlm` wrote")
    styles = {frozenset(name.split("+")): name for name in opened.shape.styles}
    made = captions(opened, [r.signal for r in found], styles[frozenset(levels)], language)
    return [checked(texts[0][0], r.signal, r.labels) for texts, r in zip(made, found, strict=True)]


def _recipe() -> tuple[Any, Any]:
    try:
        from hannun.recipes import sensorlm, skeleton
    except ImportError as e:
        raise DependencyError(f"models of signals need {e.name}; pip install -c constraints.txt '.[train]' in Hannun's folder") from None
    return sensorlm, skeleton
