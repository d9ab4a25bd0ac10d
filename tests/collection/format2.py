"""A small collection as the code before the words' second analysis wrote it goes into tests/collection/format2.tar.xz.

It is kept so that every later Hannun opens one. To make it again, with the code of commit e5f5b76 in a folder of its own:

    git worktree add ../before e5f5b76
    cd ../before && PYTHONPATH=src:. python ../hannun/tests/collection/format2.py ../hannun/tests/collection/format2.tar.xz

Six items: texts, a text with a picture given as bytes, two pictures of one item, facts of every kind, one item deleted again.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from pathlib import Path

from hannun import collection
from tests.conftest import draw, encoded
from tests.toy import Toy

ROWS = [
    {"id": "1", "text": "빨간 줄무늬 롱원피스", "price": 39000, "new": True, "tags": ["여름", "면"]},
    {"id": "2", "text": "辛라면 500 밀리리터", "price": 5000, "meta": {"size": "M"}, "day": "2025-11-01"},
    {"id": "3", "text": "파란 가방", "image": encoded(draw((30, 30, 200), (16, 16))), "price": 61000},
    {"id": "4", "text": "지울 물건"},
    {"id": "5", "image": [encoded(draw(seed=1)), encoded(draw(seed=2))]},
    {"id": "6", "text": "5만원권 상품권", "price": 50000},
]


def main(target: Path) -> None:
    """Write the collection, packed; the engine's files are mostly zeros."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "format2.hannun"
        with collection.open(folder, Toy()) as shop:
            shop.add(ROWS)
            shop.delete(["4"])
        with tarfile.open(target, "w:xz", preset=9) as archive:
            archive.add(folder, folder.name, filter=lambda f: None if f.name.endswith(("/lock", "/owner")) else f)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
