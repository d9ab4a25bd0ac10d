"""An engine of each kind, and one that can be opened again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hannun.errors import HannunError
from hannun.index.engine import Engine, Layout
from tests.contracts.engines.points import DIMS, ENGINES, Opener


@pytest.fixture(params=ENGINES)
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    opened: list[Engine] = []

    def open_it(parts: tuple[str, ...] = ("text", "image"), **rest: Any) -> Engine:
        opened.append(ENGINES[request.param](tmp_path, Layout(parts, DIMS, **rest)))
        return opened[-1]

    yield open_it
    for engine in opened[-1:]:
        with contextlib.suppress(HannunError):
            engine.close()


@pytest.fixture
def engine(opener: Opener) -> Engine:
    return opener(("text", "image"))
