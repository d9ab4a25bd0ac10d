"""docs/weaker.md goes in: each figure that it quotes still stands on the page that the row names, and each command is one that is there."""

from __future__ import annotations

import importlib.util
import re
import shlex

import pytest

from tests.test_docs import ROOT
from tests.test_pages import parse_script

PAGE = (ROOT / "docs/weaker.md").read_text("utf-8")
FIGURE = re.compile(r"\d+\.\d+|\d,\d{3}")


def rows(text: str) -> list[list[str]]:
    """The cells of each row of its tables, without heads and lines."""
    found = [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    return [r for r in found if not r[0].startswith("what, and where")]


def quoted_from(cell: str) -> str:
    """The text of the pages that a row's first cell names."""
    pages = [f"docs/{name}" for name in re.findall(r"\(([a-z_]+\.md)\)", cell)] or (["README.md"] if "(README)" in cell else [])
    return "\n".join((ROOT / p).read_text("utf-8") for p in pages)


@pytest.mark.parametrize("row", rows(PAGE), ids=lambda r: r[0][:50])
def test_each_figure_stands_on_the_page_that_it_is_from(row: list[str]) -> None:
    text = quoted_from(row[0])
    assert text, f"{row[0]}: names no page"
    figures = FIGURE.findall(f"{row[1]} {row[2]}")
    assert len(figures) >= 1
    gone = [f for f in figures if not re.search(rf"(?<![\d.]){re.escape(f)}(?!\d)", text)]
    assert not gone, f"{row[0]}: {gone} no longer stand there: write docs/weaker.md anew from that page"


def test_the_first_figure_of_ours_is_behind_theirs_or_the_order_is_said() -> None:
    """Where less is better the cell says its unit; in all other rows theirs is the higher."""
    for row in rows(PAGE):
        ours, theirs = (float(FIGURE.findall(cell)[0].replace(",", "")) if FIGURE.findall(cell) else 1.0 for cell in row[1:3])
        assert (ours > theirs) == (" ms " in f"{row[0]} " or "over the same request" in row[0]), row


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`(python [^`]+)`", PAGE))))
def test_each_command_is_there_with_its_options(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("scripts of training need torch to begin")
    parse_script(shlex.split(command), monkeypatch)


def test_a_figure_that_was_measured_anew_is_seen() -> None:
    (row,) = rows("| what, and where it is told | ours | theirs |\n|---|---|---|\n| x ([users](users.md)) | 0.9999 | 0.051 |\n")
    with pytest.raises(AssertionError, match=r"\['0\.9999'\]"):
        test_each_figure_stands_on_the_page_that_it_is_from(row)
