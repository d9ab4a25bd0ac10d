"""The data folder goes in; the rows of its text sets come out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hannun.errors import DependencyError


def plain(text: str) -> str:
    """The text with white space folded: what two copies of one text share."""
    return " ".join(text.split())


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a .jsonl. Raises DependencyError where the data are not there."""
    if not path.exists():
        raise DependencyError(f"{path}: is not there; give the folder of data sets with --data")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def korsts(data: Path, split: str) -> list[dict[str, Any]]:
    """KorSTS beside STS-B: `ko` and `en` pairs, `score` 0 … 5."""
    return [r for r in rows(data / "texts/korsts_stsb.jsonl") if r["split"] == split]
