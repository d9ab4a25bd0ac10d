"""Messages lose the folders of this machine, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from hannun.serve.outside import outside


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("/srv/photos/a.jpg: no such picture", "a.jpg: no such picture"),
        ("/srv/my photos (2)/a b.jpg: no such picture; check the path", "a b.jpg: no such picture; check the path"),
        ("/srv/x.tar::0001.jpg: is damaged", "x.tar::0001.jpg: is damaged"),
        ("'image' is '/srv/my photos/a.jpg', expected", "'image' is 'a.jpg', expected"),
        ("cannot open /srv/shop/wal/0001: No such file (os error 2)", "cannot open 0001: No such file (os error 2)"),
        ("/data/shop.hannun/shard-1: the disk is full", "shop/shard-1: the disk is full"),
        ("see /data/shop.hannun", "see shop"),
        ("/data/shop.hannun2: other", "shop.hannun2: other"),
        ("12/24 hours, 1 / 2, and/or", "12/24 hours, 1 / 2, and/or"),
        ("send it to http://127.0.0.1:8470/v1/items/a", "send it to http://127.0.0.1:8470/v1/items/a"),
        ("is the one served here (GET /v1/models)", "is the one served here (GET /v1/models)"),
        ("`category = 원피스/치마` does not hold", "`category = 원피스/치마` does not hold"),
    ],
)
def test_paths_become_names(message: str, told: str) -> None:
    assert outside(message, [(Path("/data/shop.hannun"), "shop"), ("qdrant://host:6333/shop", "shop")]) == told
