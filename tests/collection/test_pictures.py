"""Pictures that a collection holds itself: kept once, moved with it, gone with their last item."""

from __future__ import annotations

import shutil
from pathlib import Path

from hannun import collection, sources
from tests.conftest import draw, encoded, shard
from tests.toy import Toy


def test_bytes_and_decoded_pictures_are_kept_once_and_move_with_the_folder(tmp_path: Path) -> None:
    data, decoded = encoded(draw(seed=1), "JPEG"), draw(seed=2)
    with collection.open(tmp_path / "a", Toy()) as shop:
        shop.add([{"id": "1", "image": data}, {"id": "2", "image": data, "text": "b"}, {"id": "3", "image": decoded}])
        assert len([f for f in (tmp_path / "a/pictures").rglob("*") if f.is_file()]) == 2
        assert shop.add([{"id": "1", "image": data}, {"id": "3", "image": decoded}]).unchanged == 2
    shutil.move(tmp_path / "a", tmp_path / "b")
    with collection.open(tmp_path / "b", Toy()) as moved:
        assert moved.get("1").images[0].read() == moved.get("2").images[0].read() == data
        assert moved.get("3").images[0].load().tobytes() == decoded.tobytes()
        assert moved.search(data, weights=(0, 1))[0].item.images[0].read() == data
        assert moved.reindex(Toy("2")).added == 3


def test_pictures_in_tars_are_read_where_they_lie(tmp_path: Path) -> None:
    data = encoded(draw(seed=3))
    shard(tmp_path / "s.tar", ("k.png", data))
    with collection.open(tmp_path / "c", Toy()) as shop:
        shop.add(sources.read([tmp_path / "s.tar"]))
        assert shop.get("k").images[0].read() == data and not (tmp_path / "c/pictures").exists()
        assert shop.reindex(Toy("2")).added == 1


def stored(place: Path) -> int:
    return len([f for f in (place / "pictures").rglob("*") if f.is_file()])


def test_stored_pictures_go_with_their_last_item(tmp_path: Path) -> None:
    one, two, three = (encoded(draw(seed=n)) for n in range(3))
    with collection.open(tmp_path / "c", Toy()) as shop:
        shop.add([{"id": "1", "image": one}, {"id": "2", "image": [one, two]}, {"id": "3", "image": three, "n": 3}])
        assert stored(tmp_path / "c") == 3
        shop.delete(["1"])
        assert stored(tmp_path / "c") == 3 and shop.get("2").images[0].read() == one
        shop.add([{"id": "2", "image": two}])
        assert stored(tmp_path / "c") == 2 and shop.get("2").images[0].read() == two
        shop.delete(where="n = 3")
        assert stored(tmp_path / "c") == 1
        shop.reindex(Toy("2"))
    shutil.move(tmp_path / "c", tmp_path / "d")
    with collection.open(tmp_path / "d", Toy("2")) as moved:  # reindexing leaves them the collection's own
        assert moved.get("2").images[0].read() == two and moved.delete(["2"]) == 1 and stored(tmp_path / "d") == 0
