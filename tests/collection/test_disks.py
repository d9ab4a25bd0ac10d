"""Disks that are read-only, full, or fail."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hannun import collection
from hannun.errors import StorageError
from tests.collection.contents import everything, rows
from tests.conftest import draw, encoded, finished
from tests.toy import Toy


def test_a_read_only_disk(tmp_path: Path, disk: Callable[[str], Path]) -> None:
    place = disk("200m")
    with collection.open(place / "c", Toy()) as shop:
        shop.add(rows(3))
    disk("200m,ro")
    with pytest.raises(StorageError, match=r"cannot be opened for writing .*make it writable"):
        collection.open(place / "new", Toy())
    with collection.open(place / "c", Toy()) as shop:
        assert len(shop) == 3  # more in tests/faults/test_storage.py
    disk("200m,rw")
    with collection.open(place / "c", Toy()) as shop:
        assert len(shop) == 3


FILL = """
import sys
from pathlib import Path
from hannun import collection
from hannun.errors import HannunError
from tests.toy import Toy
try:
    with collection.open(sys.argv[1], Toy(), words=False) as c:
        print(c.add({"id": str(i), "text": f"빨간 원피스 {i}", "long": f"{i}" * 100_000} for i in range(int(sys.argv[2]))).added)
except HannunError as e:
    print(type(e).__name__, e)
"""


def test_a_disk_that_fills_up(disk: Callable[[str], Path]) -> None:
    """In a child, because a full disk under a memory-mapped file would kill the process that wrote."""
    place = disk("8m")
    small = finished("-c", FILL, str(place / "c"), "5")
    assert small.returncode == 0 and small.stdout.startswith("StorageError") and "the disk is full" in small.stdout, small
    disk("220m")
    full = finished("-c", FILL, str(place / "c"), "400")
    assert full.returncode == 0 and full.stdout.startswith("StorageError") and "the disk is full" in full.stdout, full
    assert len(full.stdout.splitlines()) == 1
    (place / "ballast").write_bytes(b"x" * (shutil.disk_usage(place).free - 5 * 2**20))  # somebody else fills the rest
    again = finished("-c", FILL, str(place / "c"), "400")
    assert again.returncode == 0 and "the disk is full" in again.stdout, again
    disk("600m")
    with collection.open(place / "c", Toy()) as shop:
        kept = len(everything(shop))
        assert 0 < kept < 400 and len(shop.search("빨간 원피스", limit=400)) == kept
    more = finished("-c", FILL, str(place / "c"), "400")
    assert more.stdout == f"{400 - kept}\n", more
    with collection.open(place / "c", Toy()) as shop:
        assert set(everything(shop)) == {str(i) for i in range(400)}


def test_a_disk_without_room_where_none_can_be_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with collection.open(tmp_path / "c", Toy()) as shop:
        shop.add(rows(3))
        usage = shutil.disk_usage(tmp_path)
        with monkeypatch.context() as full:
            full.setattr("shutil.disk_usage", lambda _: type(usage)(usage.total, usage.total, 2**20))
            for change in (lambda: shop.add(rows(9)), lambda: shop.delete(["1"]), lambda: shop.reindex(Toy("2"))):
                with pytest.raises(StorageError, match=r"the disk is full \(1 MB free, \d+ MB needed\)"):
                    change()
            assert len(shop.search("원피스")) == 3
        assert shop.add(rows(9)).added == 6


def test_a_write_that_fails_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with collection.open(tmp_path / "c", Toy()) as shop:
        with monkeypatch.context() as full:
            full.setattr("os.fsync", no_space)
            with pytest.raises(StorageError, match="No space left"):
                shop.add([{"id": "1", "image": encoded(draw())}])
            with pytest.raises(StorageError, match="No space left"):
                collection.open(tmp_path / "new", Toy())
        assert not list((tmp_path / "c").rglob("*.part"))
        assert shop.add([{"id": "1", "image": encoded(draw())}]).added == 1
    collection.open(tmp_path / "new", Toy()).close()
