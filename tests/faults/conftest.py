"""Counts of the faults that were tried go in while the tests run; a table of them comes out at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

Tally = Callable[[str, int], None]
_TRIED = pytest.StashKey[Counter[str]]()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """`tally(what, count)`: so many more of this kind were tried."""
    tried = request.config.stash.setdefault(_TRIED, Counter())

    def add(what: str, count: int) -> None:
        tried[what] += count

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if tried := config.stash.get(_TRIED, None):
        terminalreporter.section("faults tried")
        for what, count in sorted(tried.items()):
            terminalreporter.write_line(f"{count:>9,}  {what}")
