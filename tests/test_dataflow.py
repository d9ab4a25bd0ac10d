"""Daft, as Hannun loads it: named where it is missing, and given time to let go before the process ends."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable
from typing import Any

import pytest

from hannun import dataflow
from hannun.errors import DependencyError


@pytest.fixture(autouse=True)
def forgotten() -> None:
    dataflow._waiting.cache_clear()


def test_a_process_waits_for_its_threads_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("daft", reason="daft is in hannun[curate]")
    registered: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
    monkeypatch.setattr(atexit, "register", lambda f, *a: registered.append((f, a)))
    assert dataflow.daft("curating runs on", "curate") is dataflow.daft("curating runs on", "curate")
    waits = [a[0] for f, a in registered if f.__name__ == "sleep"]
    assert len(waits) == 1 and waits[0] >= 0.1


def test_it_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "daft", None)
    with pytest.raises(DependencyError, match=r"^curating runs on Daft; pip install -c constraints.txt '\.\[curate\]'"):
        dataflow.daft("curating runs on", "curate")
