"""A collection of the rows, read only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hannun import collection
from hannun.collection import Collection
from tests.search.searcher.rows import rows
from tests.toy import Toy


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """Read only."""
    with collection.open(tmp_path_factory.mktemp("s") / "shop.hannun", Toy()) as opened:
        opened.add(rows())
        yield opened
