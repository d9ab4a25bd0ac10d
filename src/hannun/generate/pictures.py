"""Drawn pictures go in; PNG files that say how they were made, and items whose facts say it, come out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hannun import generated
from hannun.files import write_whole
from hannun.generate.generator import DrawnPicture, DrawSettings, Generator

_NAME = 40  # characters of the prompt in a file's name


def told(one: DrawnPicture, generator: Generator, settings: DrawSettings, start: str = "") -> dict[str, Any]:
    """What is kept with a picture: prompt, seed, model and settings; `start` names the picture that it was made of."""
    made = {generated.FACT: generator.version, "prompt": one.prompt, "seed": one.seed}
    used = {k: v for k, v in settings.told().items() if v not in ("", 0) or k == "guidance"}
    if not start:
        used.pop("strength", None)
    size = {"width": one.picture.width, "height": one.picture.height}
    return {**made, **used, **size, **({"changed_from": start} if start else {})}


def save(folder: Path, made: Sequence[DrawnPicture], generator: Generator, settings: DrawSettings, start: str = "") -> list[Path]:
    """Write each picture as a marked PNG named after its prompt and seed; no file that is there is written over. Raises StorageError."""
    paths = []
    for one in made:
        data = generated.png(one.picture, told(one, generator, settings, start), changed=bool(start))
        path = _free(folder, f"{_slug(one.prompt)}-{one.seed}", data)
        if not path.exists():
            write_whole(path, data)
        paths.append(path)
    return paths


def _slug(prompt: str) -> str:
    words = "".join(c if c.isalnum() else " " for c in prompt).split()
    return "-".join(words)[:_NAME].rstrip("-") or "picture"


def _free(folder: Path, name: str, data: bytes) -> Path:
    """A name that is free, or that of a file with these very bytes."""
    number = 1
    while True:
        path = folder / (f"{name}.png" if number == 1 else f"{name}-{number}.png")
        if not path.exists() or path.read_bytes() == data:
            return path
        number += 1
