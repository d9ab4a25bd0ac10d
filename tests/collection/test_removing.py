"""What is deleted, or has vanished from where it came from, is gone, and nothing else."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from hannun import sources
from hannun.collection import Collection
from hannun.errors import InputError, MissingError, WhereError
from tests.collection.contents import everything, rows
from tests.conftest import draw


def test_delete_by_id_and_by_condition(shop: Collection) -> None:
    shop.add(rows(20))
    assert shop.delete(["1", "none", "1"]) == 1
    assert shop.delete(where="n >= 15") == 5
    assert shop.delete(["2"], where="n = 2 or n = 3") == 2
    assert shop.delete() == 0 and shop.delete(["1"]) == 0
    assert len(everything(shop)) == 12 and all(h.item.facts["n"] < 15 for h in shop.search("원피스", limit=20))
    with pytest.raises(MissingError, match="no item '1'"):
        shop.get("1")
    with pytest.raises(InputError, match="expected a list"):
        shop.delete("12")
    with pytest.raises(WhereError):
        shop.delete(["4"], where="n >")
    assert "4" in everything(shop)


def test_prune_removes_what_has_vanished_below_the_paths_and_nothing_else(
    shop: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.png", "a/2.png", "a/사진.png", "ab/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        draw().save(tmp_path / unicodedata.normalize("NFD", name))
    (tmp_path / "a/t.jsonl").write_text('{"id": "r1", "text": "x"}\n{"id": "r2", "text": "y"}\n')
    shop.add(sources.read([tmp_path / "a", tmp_path / "ab"]))
    shop.add([{"id": "mine", "text": "by hand"}])
    (tmp_path / "a/1.png").unlink()
    (tmp_path / "ab/3.png").unlink()
    (tmp_path / "a/t.jsonl").write_text('{"id": "r2", "text": "y"}\n')
    monkeypatch.chdir(tmp_path)
    found = {f.id for f in sources.read([Path("a")]) if f.id}
    assert shop.prune([Path("../" + tmp_path.name + "/a")], found) == 2
    left = everything(shop).keys()
    assert left == {"a/2.png", "a/사진.png", "ab/3.png", "r2", "mine"}


def test_a_table_that_cannot_be_read_today_has_not_vanished(shop: Collection, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,text\n1,하나\n2,둘\n", "utf-8")
    shop.add(sources.read([tmp_path]))
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00\x00")
    found = {f.id for f in sources.read([tmp_path]) if f.id}
    assert shop.prune([tmp_path], found) == 0 and len(shop) == 2
