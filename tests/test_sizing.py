"""The tables of docs/cluster.md are those that the measured rates give, and agree with the page that works 1.5 billion out."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

from tests.test_architecture import ROOT, script


@pytest.fixture(scope="module")
def sizing() -> ModuleType:
    return script("sizing")


def test_the_page_has_the_tables_of_now(sizing: ModuleType) -> None:
    page = (ROOT / "docs/cluster.md").read_text("utf-8")
    assert sizing.placed(page) == page, "run: python docs/sizing.py"


def test_the_same_work_as_on_the_page_of_1_5_billion(sizing: ModuleType) -> None:
    page = (ROOT / "docs/curate_at_scale.md").read_text("utf-8").partition("## Work")[2]
    by_hand = [float(hours.replace(",", "")) for hours in re.findall(r"^\| [a-z ]+ \| [\d.]+ billion \| ([\d,]+) \|$", page, re.MULTILINE)]
    assert [round(hours) for hours in sizing.curation(1_500_000_000).values()] == by_hand


def test_every_rate_is_read(sizing: ModuleType) -> None:
    assert len(sizing.rates()) == 8
    assert sizing.rate("text vectors") == sizing.rates()["text vectors (mini)"]
    with pytest.raises(ValueError, match="expected 1"):
        sizing.rate("picture")  # three begin so
    assert sizing.item().disk > sizing.item().mapped > sizing.item().own > 0


def test_machines_by_memory(sizing: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """100 raw pairs, 40 kept, two vectors of 1,000 bytes and 24 of one's own, two copies: 40 × 2 × 1,024 × 2 bytes are 160 KiB."""
    monkeypatch.setattr(sizing, "item", lambda: sizing.Item(2000.0, 1000.0, 24.0))
    monkeypatch.setattr(sizing, "ASSUMED", sizing.Assumed(memory=1, filled=50 / 2**20))  # 50 KiB of a machine
    assert sizing.machines(100) == 4
    assert sizing.machines(1) == 2  # never fewer than copies


def test_how_numbers_are_written(sizing: ModuleType) -> None:
    assert [sizing.amount(v) for v in (0.0113, 9.8, 12.4, 29200.4)] == ["0.011", "9.8", "12", "29,200"]
    assert [sizing.size(v) for v in (999, 1500, 2.4e12, 3e15)] == ["999 B", "1.5 kB", "2.4 TB", "3,000 TB"]
