"""A folder and a recipe go in; the recipe is written beside the run, or refused where what lies there was made with another one.

A run that is killed goes on when the same command is given again. The same command with other settings would go on too, as neither the
one nor the other; so what differs is said, and nothing is done.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hannun.errors import InputError, StorageError
from hannun.files import whole
from hannun.processes import once
from hannun.recipe import Recipe

FILE = "recipe.json"
_WORDS = ("about", "origins", "name")  # what is said of the numbers, and no number


def settle(folder: Path, recipe: Recipe) -> None:
    """Write `folder`/recipe.json, by the first process. Raises InputError where a run with other settings has begun in the folder."""
    once(lambda: _settle(folder, recipe))


def _settle(folder: Path, recipe: Recipe) -> None:
    path = folder / FILE
    now = _plain(recipe)
    if path.exists() and any(folder.rglob("last.pt")):
        try:
            before = json.loads(path.read_text("utf-8"))
        except ValueError:
            before = {}  # half a file: the checkpoints compare their own schedules
        if changed := [f"{k} {_told(before[k])} → {_told(now[k])}" for k in now if k in before and before[k] != now[k]]:
            what = f"holds a run with other settings ({'; '.join(changed)})"
            raise InputError(f"{folder}: {what}; give those settings again, or another folder with --work")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise StorageError(f"{folder}: cannot be made ({e.strerror or e}); give another folder with --work") from None
    with whole(path, remedy="free some space, or give another folder with --work") as f:
        f.write(json.dumps(now, ensure_ascii=False, indent=1).encode())


def _plain(recipe: Recipe) -> dict[str, Any]:
    facts = {**asdict(recipe), "restricted": sorted(recipe.restricted)}
    found: dict[str, Any] = json.loads(json.dumps({k: v for k, v in facts.items() if k not in _WORDS}))
    return found


def _told(value: Any) -> str:
    return str(value) if not isinstance(value, dict | list) else json.dumps(value, ensure_ascii=False)[:120]
