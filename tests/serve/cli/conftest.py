"""A folder of pictures and texts, and a collection of it, with the toy encoder behind every model."""

from __future__ import annotations

from pathlib import Path

import pytest

from hannun.serve.cli.main import run
from tests.serve.cli.commands import Captured, pictures_in


@pytest.fixture(autouse=True)
def no_model(toy_models: None) -> None:
    """No command here waits for a real model."""


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three pictures, a text and a table, and a working folder beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return pictures_in(tmp_path)


@pytest.fixture
def shop(pictures: Path, capsys: Captured) -> Path:
    assert run(["index", "pics", "--to", "shop.hannun"]) == 0
    capsys.readouterr()
    return pictures.parent / "shop.hannun"
