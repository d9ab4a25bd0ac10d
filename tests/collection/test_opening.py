"""One owner at a time, and folders that are something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hannun import collection
from hannun.collection import Collection
from hannun.errors import CollectionBusy, InputError, MissingError, StorageError
from tests.conftest import child, draw
from tests.toy import Toy


def test_a_second_process_is_told_who_has_it(tmp_path: Path) -> None:
    code = "import sys; from hannun import collection; from tests.toy import Toy\n"
    code += "c = collection.open(sys.argv[1], Toy()); print('open', flush=True); sys.stdin.read()"
    other = child("-c", code, str(tmp_path / "c"))
    try:
        assert other.stdout is not None and other.stdout.readline() == "open\n"
        with pytest.raises(CollectionBusy, match=rf"process {other.pid} has this collection open"):
            collection.open(tmp_path / "c", Toy())
    finally:
        other.kill()
        other.communicate()
    with collection.open(tmp_path / "c", Toy()) as shop:  # the lock died with its owner
        assert len(shop) == 0


def test_one_process_cannot_open_it_twice_but_again_after_closing(tmp_path: Path) -> None:
    first = collection.open(tmp_path / "c", Toy())
    with pytest.raises(CollectionBusy):
        collection.open(tmp_path / "c", Toy())
    first.close()
    collection.open(tmp_path / "c", Toy()).close()


def test_places_that_cannot_be_a_collection(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/photo.jpg").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        collection.open(tmp_path / "file", Toy())
    with pytest.raises(InputError, match="other things in it"):
        collection.open(tmp_path / "other", Toy())
    assert [f.name for f in (tmp_path / "other").iterdir()] == ["photo.jpg"]
    with pytest.raises(MissingError, match=r"no collection there; make one with `hannun index"):
        collection.open(tmp_path / "none", Toy(), create=False)
    assert not (tmp_path / "none").exists()
    (tmp_path / "empty").mkdir()
    collection.open(tmp_path / "empty", Toy()).close()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 1}', '{"format": 1, "calibration": 5}', "\x00" * 40])
def test_a_damaged_settings_file_is_told(tmp_path: Path, damage: str) -> None:
    collection.open(tmp_path / "c", Toy()).close()
    whole = (tmp_path / "c/hannun.json").read_text("utf-8")
    (tmp_path / "c/hannun.json").write_text(damage)
    with pytest.raises(StorageError, match=r"hannun\.json: is damaged"):
        collection.open(tmp_path / "c", Toy())
    (tmp_path / "c/hannun.json").write_text(whole.replace('"format": 2', '"format": 99'), "utf-8")
    with pytest.raises(InputError, match="has format 99"):
        collection.open(tmp_path / "c", Toy())
    (tmp_path / "c/hannun.json").write_text(whole, "utf-8")
    collection.open(tmp_path / "c", Toy()).close()


def test_info(shop: Collection) -> None:
    shop.add(
        [
            {"id": "1", "text": "a", "price": 1},
            {"id": "2", "image": draw(), "price": 2, "색": "x"},
            {"id": "3", "text": "b", "image": draw()},
        ]
    )
    info = shop.info()
    assert (info["items"], info["with_text"], info["with_picture"]) == (3, 2, 2) and info["facts"] == {"price": 2, "색": 1}
    assert (info["encoder"], info["fingerprint"], info["dims"], info["part_vectors"]) == ("toy1", "toy-1-True", [64, 32], True)
    assert info["bytes"] > 0 and json.dumps(info)
