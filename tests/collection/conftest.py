"""An open collection of a toy encoder, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hannun import collection
from hannun.collection import Collection
from tests.toy import Toy


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Collection]:
    with collection.open(tmp_path / "shop.hannun", Toy()) as opened:
        yield opened
