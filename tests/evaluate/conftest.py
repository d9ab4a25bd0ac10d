"""What the tests of evaluate share: a harness with the toy encoder, a small drawn catalogue, and the real data where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from hannun.evaluate.harness import Harness
from hannun.evaluate.suites import drawn
from tests.conftest import ROOT
from tests.toy import Toy

DATA = ROOT.parent / "shared" / "data"


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    """The toy encoder, an empty data folder, an empty cache."""
    (tmp_path / "data").mkdir()
    return Harness(Toy(), tmp_path / "data", tmp_path / "cache")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that several tests draw into."""
    return tmp_path_factory.mktemp("drawn")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine held-out entries and one composed pattern of three garments instead of hundreds: drawing is what takes long."""
    every, products = drawn.held_out(), list(drawn.catalogue.products())
    few = [e for e in every if "pattern" in e.facts][:6] + [e for e in every if e.category == "사물"][:3]
    kinds = list(dict.fromkeys(p.kind for p in products))[:3]
    monkeypatch.setattr(drawn, "held_out", lambda: few)
    monkeypatch.setattr(drawn, "_COMPOSED", 1)
    monkeypatch.setattr(drawn.catalogue, "products", lambda: iter([p for p in products if p.kind in kinds]))


@pytest.fixture
def data() -> Path:
    """The folder of real data sets."""
    if not DATA.is_dir():
        pytest.skip("the real data sets are not here (../shared/data)")
    return DATA
