"""`hannun info`, `delete`, `reindex`, `embed`, `copy`, `backup`, `dupes`, `facets` and `update`."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from hannun.embeddings import Embeddings
from hannun.serve.cli.main import run
from tests.conftest import ROOT
from tests.serve.cli.commands import Captured, error, hits
from tests.toy import Toy


def test_info(shop: Path, capsys: Captured) -> None:
    assert run(["info", "shop.hannun"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert (info["items"], info["with_picture"], info["with_text"], info["encoder"]) == (6, 3, 3, "toy1")


def test_delete(shop: Path, capsys: Captured) -> None:
    assert run(["delete", "r1", "none", "--in", "shop.hannun"]) == 0
    assert "1 removed, 1 not there; shop.hannun now has 5 items" in capsys.readouterr().out
    assert run(["delete", "--where", "price >= 99000", "--in", "shop.hannun"]) == 0
    assert "now has 4 items" in capsys.readouterr().out
    assert run(["delete", "r1", "--in", "shop.hannun"]) == 0  # run again after it had finished
    assert "0 removed, 1 not there; shop.hannun now has 4 items" in capsys.readouterr().out
    assert "nothing to delete came" in error(capsys, ["delete", "--in", "shop.hannun"])


def test_delete_shows_what_would_go(shop: Path, capsys: Captured) -> None:
    assert run(["delete", "r1", "none", "--where", "price >= 99000", "--in", "shop.hannun", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0].startswith("r1\t") and "2 would go, 1 not there; shop.hannun now has 6 items" in said


def test_reindex(shop: Path, capsys: Captured) -> None:
    assert run(["reindex", "shop.hannun", "--model", "toy2"]) == 0
    out, err = capsys.readouterr()
    assert "6 encoded, 0 already done; shop.hannun is made by toy2" in out and "encoding" in err
    assert hits(capsys, "빨간 줄무늬 원피스")[0]["id"] == "r1"
    assert run(["reindex", "shop.hannun"]) == 0
    assert "0 encoded, 6 already done" in capsys.readouterr().out


def test_words_of_an_earlier_analysis(shop: Path, capsys: Captured) -> None:
    with tarfile.open(ROOT / "tests/collection/format2.tar.xz") as archive:
        archive.extractall(filter="data")
    assert run(["search", "가방", "--in", "format2.hannun", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)[0]["id"] == "3" and "`hannun reindex format2.hannun` finds more of them" in err
    assert run(["reindex", "format2.hannun"]) == 0
    assert "2 with their words made anew, 3 already done" in capsys.readouterr().out
    assert run(["info", "format2.hannun"]) == 0
    assert capsys.readouterr().err == ""


def test_embed_texts(pictures: Path, capsys: Captured) -> None:
    assert run(["embed", "원피스", "pics/파란 가방.png", "", "--to", "x.npz"]) == 0
    out, err = capsys.readouterr()
    assert "wrote 2 vectors of 64 values to x.npz, their ids to x.jsonl" in out and "is empty, expected text" in err
    made = Embeddings.load("x.npz")
    assert made.dense == pytest.approx(Toy().encode_document(["원피스", "pics/파란 가방.png"]).dense, abs=1e-6)  # a str is text
    assert [json.loads(line)["text"] for line in Path("x.jsonl").read_text("utf-8").splitlines()] == ["원피스", "pics/파란 가방.png"]


def test_embed_files(pictures: Path, capsys: Captured) -> None:
    (pictures / "zero.jpg").touch()
    assert run(["embed", "--files", "pics", "--to", "x.npz", "--dim", "32", "--query"]) == 0
    out, err = capsys.readouterr()
    assert "wrote 6 vectors of 32 values" in out and "zero.jpg: is empty" in err
    assert Embeddings.load("x.npz").dense.shape == (6, 32) and len(Path("x.jsonl").read_text("utf-8").splitlines()) == 6


def test_copy_backup_and_restore(shop: Path, capsys: Captured) -> None:
    before = hits(capsys, "원피스")
    assert run(["copy", "shop.hannun", "copied.hannun"]) == 0
    assert "6 copied, 0 were there already" in capsys.readouterr().out
    assert run(["copy", "shop.hannun", "copied.hannun"]) == 0
    assert "0 copied, 6 were there already" in capsys.readouterr().out
    assert run(["backup", "shop.hannun", "back.tar"]) == 0 and "6 items" in capsys.readouterr().out
    assert run(["restore", "back.tar", "again.hannun"]) == 0 and "again.hannun has 6 items" in capsys.readouterr().out
    for name in ("copied.hannun", "again.hannun"):
        assert run(["search", "원피스", "--in", name, "--json"]) == 0 and json.loads(capsys.readouterr().out) == before


def test_dupes(pictures: Path, shop: Path, capsys: Captured) -> None:
    (pictures / "again.png").write_bytes((pictures / "파란 가방.png").read_bytes())
    assert run(["dupes", "shop.hannun", "--threshold", "0.999"]) == 0
    assert "no two items are as near as 0.999" in capsys.readouterr().out
    assert run(["index", "pics", "--to", "shop.hannun"]) == 0
    capsys.readouterr()
    assert run(["dupes", "shop.hannun", "--threshold", "0.999"]) == 0
    assert "2 items, the same picture\n" in (out := capsys.readouterr().out) and "1 groups; 1 items could go" in out
    assert run(["dupes", "shop.hannun", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["exact"] is True


def test_facets_and_update(shop: Path, capsys: Captured) -> None:
    assert run(["facets", "category", "--in", "shop.hannun"]) == 0 and "category: 원피스 1, 코트 1" in capsys.readouterr().out
    assert (
        run(["update", "r1", "--where", "id = r2", "--set", "category=옷", "--set", "price=", "--set", "sale=true", "--in", "shop.hannun"])
        == 0
    )
    assert capsys.readouterr().out == "2 changed\n"
    assert run(["facets", "--in", "shop.hannun", "--json"]) == 0 and json.loads(capsys.readouterr().out) == {}
    assert run(["facets", "category", "--in", "shop.hannun", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"category": [{"value": "옷", "count": 2}]}
    assert run(["facets", "price", "--in", "shop.hannun"]) == 1  # no item has it any more
    assert "no item has the fact 'price'" in capsys.readouterr().err
    assert hits(capsys, "빨간 줄무늬 원피스", "--where", "sale = true")[0]["facts"] == {"category": "옷", "sale": True}
