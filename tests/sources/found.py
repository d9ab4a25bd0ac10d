"""What a folder or a table holds, read at once into items and problems; and tables to read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hannun import sources
from hannun.item import Item, Problem, plain_facts
from tests.conftest import draw


def read(*paths: Path) -> tuple[list[Item], list[Problem]]:
    found = list(sources.read(paths))
    return [f for f in found if isinstance(f, Item)], [f for f in found if isinstance(f, Problem)]


def plain(it: Item) -> dict[str, Any]:
    return plain_facts(it.facts)


def table(folder: Path, name: str, *rows: object) -> Path:
    (folder / name).write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return folder / name


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    draw().save(path)
    return path
