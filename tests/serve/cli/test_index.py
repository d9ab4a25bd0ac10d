"""`hannun index`: what it counts, lists, prunes and reads of tables."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hannun.serve.cli.main import run
from tests.conftest import bomb, draw, encoded
from tests.serve.cli.commands import Captured, error


def test_index_counts_and_names_the_next_command(pictures: Path, capsys: Captured) -> None:
    assert run(["index", "pics", "--to", "shop.hannun"]) == 0
    out, err = capsys.readouterr()
    assert "6 added, 0 unchanged, 0 problems; shop.hannun now has 6 items" in out
    assert 'next: hannun search "빨간 원피스" --in shop.hannun' in out and "indexing" in err and "6/6" in err
    assert run(["index", "pics", "--to", "shop.hannun"]) == 0
    assert "0 added, 6 unchanged" in capsys.readouterr().out


def test_the_collection_may_stand_in_the_environment(pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("HANNUN_COLLECTION", "env.hannun")
    assert run(["index", "pics"]) == 0 and Path("env.hannun/hannun.json").exists()
    capsys.readouterr()
    assert run(["search", "원피스", "--json"]) == 0 and json.loads(capsys.readouterr().out)
    assert run(["info"]) == 0 and json.loads(capsys.readouterr().out)["items"] == 6


def test_broken_and_hostile_files_are_listed_and_stop_nothing(pictures: Path, capsys: Captured) -> None:
    whole = encoded(draw(size=(99, 99), seed=5), "JPEG")
    bad = {
        "half.jpg": whole[:500],
        "zero.jpg": b"",
        "text.jpg": "글".encode(),
        "bomb.png": bomb(),
        "broken.csv": b"\xff\xfe\0",
        "broken.tar": b"x" * 99,
    }
    for name, data in bad.items():
        (pictures / name).write_bytes(data)
    (pictures / "really-a-jpeg.png").write_bytes(whole)
    assert run(["index", "pics", "--to", "shop.hannun"]) == 0
    out, err = capsys.readouterr()
    assert "7 added, 0 unchanged, 6 problems" in out and "6 could not be read:" in err
    for name in bad:
        assert len(re.findall(rf"^  .*{re.escape(name)}: \S", err, re.MULTILINE)) == 1
    assert run(["index", "pics", "--to", "shop.hannun"]) == 0
    assert "0 added, 7 unchanged, 6 problems" in capsys.readouterr().out


def test_prune(pictures: Path, shop: Path, capsys: Captured) -> None:
    (pictures / "파란 가방.png").unlink()
    (pictures / "rows.jsonl").write_text('{"id": "r2", "text": "검은 코트", "category": "코트", "price": 99000}\n', "utf-8")
    assert run(["index", "pics", "--to", "shop.hannun"]) == 0
    assert "now has 6 items" in capsys.readouterr().out
    assert run(["index", str(pictures), "--to", "shop.hannun", "--prune"]) == 0
    assert "0 added, 4 unchanged, 2 removed, 0 problems; shop.hannun now has 4 items" in capsys.readouterr().out


def test_prune_of_a_folder_that_is_empty_now(pictures: Path, shop: Path, capsys: Captured) -> None:
    for file in pictures.iterdir():
        file.unlink()
    assert run(["index", "pics", "--to", "shop.hannun", "--prune"]) in (0, 1)
    capsys.readouterr()
    assert run(["info", "shop.hannun"]) == 0 and json.loads(capsys.readouterr().out)["items"] == 0


def test_one_broken_file_is_an_error_because_nothing_could_be_done(pictures: Path, capsys: Captured) -> None:
    (pictures / "zero.jpg").touch()
    assert "zero.jpg: is empty (0 bytes)" in error(capsys, ["index", "pics/zero.jpg", "--to", "shop.hannun"])


def test_columns_and_amounts_of_a_table_and_what_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("in/t.csv").write_bytes('번호,상품명,가격\n1,빨간 원피스,"39,000"\n'.encode("cp949"))
    Path("in/a.hwp").write_text("x")
    assert run(["index", "in", "--to", "s.hannun"]) == 1 and "--columns text=상품명,id=번호" in capsys.readouterr().err
    given = ["index", "in", "--to", "s.hannun", "--columns", "text=상품명,id=번호", "--numbers", "가격"]
    assert run(given) == 0 and "not read: 1 .hwp" in capsys.readouterr().out
    assert run(["search", "원피스", "--where", "가격 >= 39000", "--in", "s.hannun", "--json"]) == 0
    assert [h["id"] for h in json.loads(capsys.readouterr().out)] == ["1"]
    assert run([*given[:4], "--columns", "title=a"]) == 1 and "expected text=…, image=… or id=…" in capsys.readouterr().err
    assert (
        run(["search", "원피스", "--where", "값 = 1", "--in", "s.hannun"]) == 1 and "no item has the fact '값'" in capsys.readouterr().err
    )


def test_a_folder_that_was_renamed_or_has_vanished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old").mkdir()
    draw().save("old/a.png")
    assert run(["index", "old", "--to", "s.hannun"]) == 0
    Path("old").rename("new")
    assert run(["index", "new", "--to", "s.hannun"]) == 0 and "1 moved" in capsys.readouterr().out
    assert run(["index", "gone", "--to", "s.hannun"]) == 1 and "--prune" in capsys.readouterr().err
    assert run(["index", "gone", "--prune", "--to", "s.hannun"]) == 1 and "has no items from there" in capsys.readouterr().err
    Path("new").rename("away")
    assert run(["index", "new", "--prune", "--to", "s.hannun"]) == 0 and "1 removed" in capsys.readouterr().out
