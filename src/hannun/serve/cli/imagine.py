"""`hannun imagine`: words, and a picture that is to be changed, go in; drawn pictures, and what looks like them, come out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hannun.errors import InputError
from hannun.serve.cli.options import Json

if TYPE_CHECKING:
    import PIL.Image

    from hannun.generate.generator import DrawnPicture

_MODEL = "A folder of Stable Diffusion, or of a painter that `hannun train korean_diffusion` made."


def imagine(
    prompts: Annotated[list[str], typer.Argument(metavar="PROMPT…", help="What to draw, in Korean or English; - reads a line each.")],
    model: Annotated[Path | None, typer.Option("--model", envvar="HANNUN_IMAGINE_MODEL", metavar="FOLDER", help=_MODEL)] = None,
    text: Annotated[
        Path | None, typer.Option("--text", metavar="FOLDER", help="What reads the prompts instead of the model: a trained student.")
    ] = None,
    english: Annotated[bool, typer.Option("--english", help="Of a painter: read prompts as it was trained to, in English alone.")] = False,
    to: Annotated[Path, typer.Option("--to", help="The folder for the pictures.")] = Path("imagined"),
    count: Annotated[int, typer.Option(min=1, help="Pictures of each prompt.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the first picture; the others count on from it.")] = 0,
    steps: Annotated[int, typer.Option(help="Steps of denoising.")] = 30,
    scheduler: Annotated[str, typer.Option(help="ddim, dpm or lcm; of a painter euler or heun.")] = "",
    guidance: Annotated[float | None, typer.Option(help="How hard the words pull; 1 is off. The model's own when left out.")] = None,
    negative: Annotated[str, typer.Option(help="What not to draw.")] = "",
    size: Annotated[str, typer.Option(metavar="WxH", help="Pixels, multiples of 8; the model's own when left out.")] = "",
    start: Annotated[Path | None, typer.Option("--from", metavar="PICTURE", help="Change this picture.")] = None,
    strength: Annotated[float, typer.Option(help="With --from: how much of it is made anew, above 0 … 1.")] = 0.75,
    together: Annotated[int, typer.Option(min=0, help="Pictures that are drawn at once; 0 is all of them.")] = 0,
    low_memory: Annotated[bool, typer.Option("--low-memory", help="Take little memory and more time.")] = False,
    search: Annotated[str | None, typer.Option("--search", metavar="COLLECTION", help="Look there for what was drawn.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many hits of each picture.")] = 5,
    json_out: Json = False,
) -> int:
    """Draw pictures of words, or change a picture by words. Each PNG keeps prompt, seed, model, settings, and a mark that it is drawn."""
    from hannun.generate import pictures, words
    from hannun.generate.generator import MOST_PICTURES, DrawSettings
    from hannun.generate.opening import open_generator

    asked = [words.clean(p) for p in _lines(prompts)]
    for prompt in asked:
        words.refused(prompt, os.environ)
    if len(asked) * count > MOST_PICTURES:
        raise InputError(
            f"{len(asked) * count} pictures were asked for at once, the limit is {MOST_PICTURES}; run again with another --seed"
        )
    if to.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp") and not to.is_dir():
        raise InputError(f"--to {to} came, expected the folder for the pictures, such as {to.with_suffix('')}")
    width, height = _sides(size)
    away = words.clean(negative) if negative.strip() else ""
    settings = DrawSettings(steps, scheduler, 1.0 if guidance is None else guidance, away, width, height, strength, together)
    begin = _picture(start) if start is not None else None
    generator = open_generator(model, text, english, low_memory)
    settings = settings if guidance is not None else replace(settings, guidance=generator.guidance)
    texts = [p for p in asked for _ in range(count)]
    with _shown(steps) as told:
        made = generator.generate(texts, seed, settings, begin, told)
    paths = pictures.save(to, made, generator, settings, start.name if start is not None else "")
    rows = [_row(one, path, generator.version) for one, path in zip(made, paths, strict=True)]
    found = [_found(search, path, limit) for path in paths] if search is not None else []
    if json_out:
        plain = [{**row, **({"hits": found[n][1]} if found else {})} for n, row in enumerate(rows)]
        typer.echo(json.dumps(plain, ensure_ascii=False, indent=1))
        return 0
    for n, row in enumerate(rows):
        typer.echo(f"wrote {row['picture']}  (seed {row['seed']})")
        for note in row.get("notes", ()):
            typer.echo(f"  {row['prompt'][:40]!r}: {note}", err=True)
        if found:
            found[n][0]()
    return 0


def _lines(prompts: Sequence[str]) -> list[str]:
    """The prompts; `-` stands for the lines of standard input."""
    from hannun.sources import decode_text

    out: list[str] = []
    for prompt in prompts:
        out += decode_text(sys.stdin.buffer.read(), "standard input").splitlines() if prompt == "-" else [prompt]
    kept = [p for p in out if p.strip()] if "-" in prompts else out
    if not kept:
        raise InputError("no prompt came, expected words for what to draw, such as '빨간 줄무늬 원피스'")
    return kept


def _sides(size: str) -> tuple[int, int]:
    if not size:
        return 0, 0
    parts = size.lower().replace("×", "x").split("x")
    if len(parts) not in (1, 2) or not all(p.strip().isdigit() for p in parts):
        raise InputError(f"--size {size!r} came, expected WIDTHxHEIGHT in pixels, such as 512x512")
    sides = [int(p) for p in parts] * (3 - len(parts))
    return sides[0], sides[1]


def _picture(path: Path) -> PIL.Image.Image:
    from hannun.item import image_part

    return image_part(path).load()


def _row(one: DrawnPicture, path: Path, version: str) -> dict[str, Any]:
    notes = {"notes": list(one.notes)} if one.notes else {}
    return {"picture": str(path), "prompt": one.prompt, "seed": one.seed, "made_by": version, **notes}


def _found(collection: str, picture: Path, limit: int) -> tuple[Callable[[], None], list[dict[str, Any]]]:
    """What of a collection looks like a picture: a table to print, and plain rows."""
    from hannun import collection as face
    from hannun.serve.cli import output

    with face.open(collection, create=False) as opened:
        hits = opened.search({"image": picture}, limit=limit)
    return lambda: output.table(picture.name, hits), [output.plain(h) for h in hits]


@contextmanager
def _shown(steps: int) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, else a line every tenth of the way: what is told after each step."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:

        def said(done: int, of: int) -> None:
            if done == of or done % max(1, of // 10) == 0:
                typer.echo(f"step {done}/{of}", err=True)

        yield said
        return
    with Progress(TextColumn("drawing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("drawing", total=steps)
        yield lambda done, of: bar.update(task, completed=done, total=of)
