"""Commands run in this process: their hits, and the one line that a mistake prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hannun.serve.cli.main import run
from tests.conftest import draw

Captured = pytest.CaptureFixture[str]


def pictures_in(place: Path) -> Path:
    folder = place / "pics"
    folder.mkdir()
    for n, name in enumerate(["빨간 원피스", "파란 가방", "노란 모자"]):
        draw(seed=n, size=(32, 32)).save(folder / f"{name}.png")
    (folder / "글.txt").write_text("초록 바지 이야기", "utf-8")
    rows = [
        {"id": "r1", "text": "빨간 줄무늬 원피스", "category": "원피스", "price": 39000},
        {"id": "r2", "text": "검은 코트", "category": "코트", "price": 99000},
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return folder


def hits(capsys: Captured, *arguments: str) -> list[dict[str, Any]]:
    assert run(["search", *arguments, "--in", "shop.hannun", "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def error(capsys: Captured, arguments: list[str], status: int = 1) -> str:
    """The one line that a bad command prints."""
    assert run(arguments) == status
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in err and "error: " not in out, err
    assert err.splitlines()[-1] == lines[0]
    return lines[0]
