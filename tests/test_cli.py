"""The command line: what it prints, what it writes, and one clear line with a non-zero exit for every mistake."""

from __future__ import annotations

import io
import json
import re
import signal
import tarfile
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from hannun import collection, sources
from hannun.embeddings import Embeddings
from hannun.serve.cli import korean
from hannun.serve.cli.main import app, run
from tests.conftest import TOY_CLI, bomb, child, draw, encoded, finished
from tests.toy import Toy

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("toy_models")


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three pictures, a text and a table, and a working folder beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return pictures_in(tmp_path)


def pictures_in(place: Path) -> Path:
    folder = place / "pics"
    folder.mkdir()
    for n, name in enumerate(["빨간 원피스", "파란 가방", "노란 모자"]):
        draw(seed=n, size=(32, 32)).save(folder / f"{name}.png")
    (folder / "글.txt").write_text("초록 바지 이야기", "utf-8")
    rows = [
        {"id": "r1", "text": "빨간 줄무늬 원피스", "category": "원피스", "price": 39000},
        {"id": "r2", "text": "검은 코트", "category": "코트", "price": 99000},
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return folder


@pytest.fixture
def shop(pictures: Path, capsys: Captured) -> Path:
    assert run(["index", "pics", "--to", "shop.hannun"]) == 0
    capsys.readouterr()
    return pictures.parent / "shop.hannun"


def hits(capsys: Captured, *arguments: str) -> list[dict[str, Any]]:
    assert run(["search", *arguments, "--in", "shop.hannun", "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def error(capsys: Captured, arguments: list[str], status: int = 1) -> str:
    """The one line that a bad command prints."""
    assert run(arguments) == status
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in err and "error: " not in out, err
    assert err.splitlines()[-1] == lines[0]
    return lines[0]


# index


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


# search


def test_search_by_words(shop: Path, capsys: Captured) -> None:
    found = hits(capsys, "빨간 줄무늬 원피스")
    assert (
        found[0]["id"] == "r1" and found[0]["text"] == "빨간 줄무늬 원피스" and found[0]["facts"] == {"category": "원피스", "price": 39000}
    )
    assert [h["score"] for h in found] == sorted((h["score"] for h in found), reverse=True) and len(found) == 6
    assert hits(capsys, unicodedata.normalize("NFD", "빨간 줄무늬 원피스")) == found
    assert hits(capsys, "빨간 줄무늬 원피스", "--limit", "2", "--offset", "1") == found[1:3]


def test_search_by_picture_and_by_both(shop: Path, capsys: Captured) -> None:
    picture = "pics/파란 가방.png"
    found = hits(capsys, "--image", picture, "--explain")
    assert (
        found[0]["id"].endswith("파란 가방.png")
        and found[0]["explain"]["parts"]["image"] > 0.99
        and found[0]["images"] == [str(shop.parent / picture)]
    )
    assert hits(capsys, "빨간 줄무늬 원피스", "--image", picture, "--mix", "0")[0]["id"].endswith("파란 가방.png")
    assert hits(capsys, "빨간 줄무늬 원피스", "--image", picture, "--mix", "1")[0]["id"] == "r1"


def test_search_with_weights_and_conditions(shop: Path, capsys: Captured) -> None:
    assert {h["id"] for h in hits(capsys, "옷", "--weights", "1,0")} == {"r1", "r2", "pics/글.txt"}
    assert [h["id"] for h in hits(capsys, "옷", "--where", "category = 원피스 and price < 50000")] == ["r1"]
    assert [h["id"] for h in hits(capsys, "옷", "--where", "id in (r2)")] == ["r2"]
    assert hits(capsys, "옷", "--where", "price > 1000000") == []


def test_the_table(shop: Path, capsys: Captured) -> None:
    score = f"{hits(capsys, '빨간 줄무늬 원피스')[0]['score']:.3f}"
    assert run(["search", "빨간 줄무늬 원피스", "--in", "shop.hannun"]) == 0
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if "│" in line]
    assert re.search(rf"1 │ {re.escape(score)} │ +(\d+%)? │ 빨간 줄무늬 원피스 +│ r1", rows[0]) and any(
        "노란 모자" in r and "pics/노란 모자.png" in r for r in rows
    )
    assert run(["search", "[bold]x[/bold]", "--where", "price > 1e9", "--in", "shop.hannun"]) == 0
    assert "[bold]x[/bold]: nothing found" in capsys.readouterr().out


def test_the_page_needs_nothing_else(shop: Path, pictures: Path, capsys: Captured) -> None:
    nasty = '<script>alert("x")</script>'
    (pictures / "nasty.jsonl").write_text(json.dumps({"id": "<b>", "text": nasty, "title": nasty, "category": nasty}) + "\n")
    assert run(["index", "pics", "--to", "shop.hannun"]) == 0
    assert run(["search", nasty, "--image", "pics/파란 가방.png", "--in", "shop.hannun", "--html", "out.html"]) == 0
    assert "wrote out.html" in capsys.readouterr().out
    page = Path("out.html").read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") == 4  # the query's picture and three hits
    assert not re.search(r"""(src|href)=(?!["']?data:)|url\(|@import|<link|<script""", page)
    assert "&lt;script&gt;" in page and "노란 모자" in page and page.startswith("<!doctype html>")
    assert not Path("out.html.part").exists()


def test_a_page_shows_hits_whose_pictures_are_gone(shop: Path, pictures: Path, capsys: Captured) -> None:
    (pictures / "파란 가방.png").unlink()
    assert run(["search", "가방", "--in", "shop.hannun", "--html", "out.html"]) == 0
    assert Path("out.html").read_text("utf-8").count("data:image/jpeg") == 3


# info, delete, reindex, embed


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
    with tarfile.open(Path(__file__).parent / "collection/format2.tar.xz") as archive:
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


# Examples, words, groups and reasons


def test_examples_are_ids_files_or_words(shop: Path, capsys: Captured) -> None:
    bag = "pics/파란 가방.png"
    like = hits(capsys, "--like", "r1")
    assert "r1" not in [h["id"] for h in like] and len(like) == 5 and like == hits(capsys, "--like", "id:r1")
    assert hits(capsys, "--like", "image:pics/파란 가방.png")[0]["id"] == bag  # the file itself, so that the item of it is found
    assert hits(capsys, "--like", f"./{bag}") == hits(capsys, "--like", f"image:{bag}")
    assert hits(capsys, "--like", bag) == hits(capsys, "--like", f"id:{bag}")  # an id before a file
    assert hits(capsys, "--like", "검은 코트")[0]["id"] == "r2" == hits(capsys, "--like", "text:검은 코트")[0]["id"]
    plain = {h["id"]: h["score"] for h in hits(capsys, "원피스")}
    away = {h["id"]: h["score"] for h in hits(capsys, "원피스", "--unlike", "빨간 줄무늬")}
    assert away["r1"] < plain["r1"] and hits(capsys, "원피스 -줄무늬") == hits(capsys, "원피스", "--unlike", "줄무늬")


def test_words_groups_dims_and_reasons(shop: Path, capsys: Captured) -> None:
    pytest.importorskip("kiwipiepy")
    (found,) = hits(capsys, "원피스가", "--words", "1", "--where", "price > 0", "--explain")
    assert found["id"] == "r1" and found["explain"]["parts"] == {"words": 1.0}
    assert {w["word"] for w in found["explain"]["words"]} >= {"원피스"}
    assert hits(capsys, "dnjsvltm", "--keyboard", "--words", "1", "--where", "price > 0")[0]["id"] == "r1"
    grouped = hits(capsys, "원피스", "--group-by", "category", "--where", "price > 0")
    assert {h["group"] for h in grouped} == {"원피스", "코트"} and grouped[0]["also"] == []
    assert hits(capsys, "빨간 줄무늬 원피스", "--dim", "32")[0]["id"] == "r1"
    assert run(["search", "빨간 원피스", "--in", "shop.hannun", "--explain", "--words", "0.5", "--limit", "1"]) == 0
    assert re.search(r"text 0\.\d+ · words 1\.000 · .*빨갛다 \+\d", capsys.readouterr().out)
    (why,) = hits(capsys, "빨간 원피스", "--why", "r2", "--where", "price < 50000")
    assert why["id"] == "r2" and why["explain"]["note"] == "`price < 50000` does not hold"


# Keeping


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


# Mistakes


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a collection and what a collection cannot be made of; one for all mistakes, for none may change it."""
    place = tmp_path_factory.mktemp("spoiled")
    folder = pictures_in(place)
    with collection.open(place / "shop.hannun", Toy()) as made:
        made.add(sources.read([folder]))
    (place / "empty").mkdir()
    (place / "zero.jpg").touch()
    (folder / "table.docx").touch()
    (place / "bomb.png").write_bytes(bomb())
    return place


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["index", "nowhere"], 1, "nowhere: no such file or folder"),
        (["index", "pics", "nowhere"], 1, "nowhere: no such file or folder"),
        (["index", "empty"], 1, "empty: nothing to index there"),
        (["index", "pics/table.docx"], 1, "is of no kind that can be indexed"),
        (["index", "pics", "--to", "pics"], 1, "pics: is a folder with other things in it"),
        (["index", "pics", "--to", "pics/글.txt"], 1, "is a file, expected the folder of a collection"),
        (["index", "pics", "--to", "shop.hannun", "--model", "toy2"], 1, "hannun reindex shop.hannun --model toy2"),
        (["index", "pics", "--model", "unknown"], 1, "unknown: no such model"),
        (["index"], 2, "Missing argument"),
        (["search"], 1, "no query came"),
        (["search", "", "--in", "shop.hannun"], 1, "empty content came"),
        (["search", "  ", "--in", "shop.hannun"], 1, "empty content came"),
        (["search", "a", "--in", "nowhere"], 1, "nowhere: no collection there; make one with `hannun index PATH --to nowhere`"),
        (["search", "a", "--in", "pics"], 1, "pics: no collection there"),
        (["search", "--image", "none.jpg", "--in", "shop.hannun"], 1, "none.jpg: no such picture"),
        (["search", "--image", "pics", "--in", "shop.hannun"], 1, "pics: is a folder"),
        (["search", "--image", "pics/글.txt", "--in", "shop.hannun"], 1, "글.txt: is not a picture"),
        (["search", "--image", "zero.jpg", "--in", "shop.hannun"], 1, "zero.jpg: is empty"),
        (["search", "--image", "bomb.png", "--in", "shop.hannun"], 1, "bomb.png: has over 178,956,970 pixels"),
        (["search", "a", "--in", "shop.hannun", "--where", "price <"], 1, "character 8: the condition ends, expected a value"),
        (["search", "a", "--in", "shop.hannun", "--where", ""], 1, "empty condition"),
        (["search", "a", "--in", "shop.hannun", "--where", "price < 싸다"], 1, "'싸다' is not a number"),
        (["search", "a", "--in", "shop.hannun", "--weights", "1"], 1, "--weights '1' came"),
        (["search", "a", "--in", "shop.hannun", "--weights", "a,b"], 1, "--weights 'a,b' came"),
        (["search", "a", "--in", "shop.hannun", "--weights", "0,0"], 1, "not all 0"),
        (["search", "a", "--in", "shop.hannun", "--weights", "nan,1"], 1, "expected numbers"),
        (["search", "a", "--in", "shop.hannun", "--mix", "2"], 1, "mix=2.0 came"),
        (["search", "a", "--in", "shop.hannun", "--mix", "x"], 2, "--mix"),
        (["search", "a", "--in", "shop.hannun", "--limit", "0"], 1, "limit=0 came"),
        (["search", "a", "--in", "shop.hannun", "--offset", "-1"], 1, "offset=-1 came"),
        (["search", "a", "--in", "shop.hannun", "--html", "no/such/out.html"], 1, "no/such/out.html"),
        (["search", "a", "--in", "shop.hannun", "--colour"], 2, "No such option"),
        (["search", "-줄무늬", "--in", "shop.hannun"], 1, "only words to avoid"),
        (["search", "--in", "shop.hannun", "--", "-줄무늬"], 1, "only words to avoid"),
        (["search", "a", "--in", "shop.hannun", "--words", "2"], 1, "words=2.0 came"),
        (["search", "a", "--in", "shop.hannun", "--fusion", "x"], 1, "fusion='x' came"),
        (["search", "a", "--in", "shop.hannun", "--dim", "7"], 1, "declares the dims 64, 32"),
        (["search", "a", "--in", "shop.hannun", "--rerank", "x"], 1, "--rerank 'x' came"),
        (["search", "a", "--in", "shop.hannun", "--rerank", "tokens"], 1, "gives no token vectors"),
        (["search", "--like", "id:none", "--in", "shop.hannun"], 1, "no item 'none'"),
        (["search", "a", "--why", "none", "--in", "shop.hannun"], 1, "no item 'none'"),
        (["search", "a", "--in", "ftp://x"], 1, "is no address of a collection"),
        (["index", "pics", "--to", "new.hannun", "--quantise", "x"], 1, "--quantise 'x' came"),
        (["index", "pics", "--to", "shop.hannun", "--no-words"], 1, "was made with words=True"),
        (["index", "pics", "--to", "shop.hannun", "--dictionary", "pics/글.txt"], 1, "was made with dictionary=()"),
        (["index", "pics", "--to", "shop.hannun", "--dictionary", "none.txt"], 1, "none.txt: no such file"),
        (["copy", "nowhere", "b"], 1, "nowhere: no collection there"),
        (["copy", "shop.hannun", "shop.hannun"], 1, "has this collection open"),
        (["copy", "shop.hannun"], 2, "Missing argument"),
        (["backup", "shop.hannun", "pics"], 1, "pics: is there already"),
        (["restore", "none.tar", "b"], 1, "no such backup"),
        (["restore", "zero.jpg", "b"], 1, "is no backup of a collection"),
        (["dupes", "shop.hannun", "--threshold", "0"], 1, "threshold=0.0 came"),
        (["dupes", "nowhere"], 1, "nowhere: no collection there"),
        (["update", "r1", "--in", "shop.hannun"], 1, "no change came"),
        (["update", "--set", "a=1", "--in", "shop.hannun"], 1, "no items came"),
        (["update", "r1", "--set", "a", "--in", "shop.hannun"], 1, "--set 'a' came"),
        (["update", "none", "--set", "a=1", "--in", "shop.hannun"], 1, "has none of these items"),
        (["update", "r1", "--set", "text=x", "--in", "shop.hannun"], 1, "a change of 'text' came"),
        (["info", "nowhere"], 1, "nowhere: no collection there"),
        (["delete", "x", "--in", "nowhere"], 1, "nowhere: no collection there"),
        (["delete", "--where", "a =", "--in", "shop.hannun"], 1, "expected a value"),
        (["reindex", "nowhere"], 1, "nowhere: no collection there"),
        (["reindex", "shop.hannun", "--model", "unknown"], 1, "unknown: no such model"),
        (["embed", "", "--to", "x.npz"], 1, "is empty, expected text"),
        (["embed", "a", "--to", "no/such/x.npz"], 1, "no/such/x.npz"),
        (["embed", "a", "--to", "x.jsonl"], 1, "x.jsonl"),
        (["embed", "a", "--to", "x.npz", "--dim", "7"], 1, "declares the dims 64, 32"),
        (["embed", "--files", "nowhere", "--to", "x.npz"], 1, "nowhere: no such file"),
        (["embed", "--files", "empty", "--to", "x.npz"], 1, "nothing to encode there"),
        (["embed", "a"], 2, "Missing option"),
        (["serch", "a"], 2, "No such command 'serch'"),
    ],
)
def test_every_mistake_is_one_clear_line(
    spoiled: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, arguments: list[str], status: int, message: str
) -> None:
    monkeypatch.chdir(spoiled)
    assert message in error(capsys, arguments, status)
    assert run(["info", "shop.hannun"]) == 0
    assert json.loads(capsys.readouterr().out)["items"] == 6  # nothing lost


def test_rows_without_the_expected_columns(pictures: Path, capsys: Captured) -> None:
    (pictures / "other.csv").write_text("name,url\na,b\nc,d\n")
    assert "has the columns name, url, expected 'text' and/or 'image'" in error(capsys, ["index", "pics/other.csv", "--to", "o.hannun"])


def test_odd_queries_find_something(shop: Path, capsys: Captured) -> None:
    for words in ("👗", "가" * 100_000, "ㅋㅋ", "[red]", "'", "\ud800"):
        assert len(hits(capsys, words)) == 6


def test_a_query_too_long_for_an_argument_comes_from_standard_input(shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(("빨간 원피스 " * 14_300).encode())))
    assert [h["id"] for h in hits(capsys, "-", "--in", str(shop))] == [
        h["id"] for h in hits(capsys, "빨간 원피스 " * 14_300, "--in", str(shop))
    ]


def test_help_and_version(capsys: Captured) -> None:
    assert run(["--version"]) == 0 and re.fullmatch(r"hannun \d+\.\d+\.\d+\n", capsys.readouterr().out)
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(
        f" {name} " in out
        for name in (
            "demo",
            "index",
            "search",
            "info",
            "delete",
            "reindex",
            "embed",
            "copy",
            "backup",
            "restore",
            "dupes",
            "facets",
            "update",
        )
    )
    assert run([]) == 2
    assert "Usage" in capsys.readouterr().out


# As a process of its own


def test_from_the_shell(pictures: Path) -> None:
    cwd = pictures.parent
    made = finished("-c", TOY_CLI, "index", "pics", "--to", "s.hannun", "--no-words", cwd=cwd)
    assert made.returncode == 0 and "6 added" in made.stdout and "\x1b" not in made.stderr + made.stdout, made
    found = finished("-c", TOY_CLI, "search", "빨간 줄무늬 원피스", "--in", "s.hannun", "--json", cwd=cwd)
    assert json.loads(found.stdout)[0]["id"] == "r1" and found.stderr == ""
    for arguments in (["search", "a", "--in", "none"], ["search", "a", "--in", "s.hannun", "--where", "x"], ["index", "none"], ["nothing"]):
        bad = finished("-c", TOY_CLI, *arguments, cwd=cwd)
        assert bad.returncode != 0 and bad.stdout == "" and len(bad.stderr.splitlines()) == 1 and bad.stderr.startswith("error: "), bad


def test_a_reader_that_leaves_early_is_no_mistake(shop: Path) -> None:
    process = child("-c", TOY_CLI, "search", "원피스", "--in", "shop.hannun", "--json", cwd=shop.parent)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(30) == 0
    process.stderr.close()


def test_interrupted_and_run_again(pictures: Path) -> None:
    # After 200 texts each takes ten times as long, so that there is time to interrupt.
    begun = pictures.parent / "begun"
    slow = (
        "import pathlib, time\nfrom tests.toy import Toy\nold, done = Toy._text, []\n"
        f"def slow(self, text):\n    time.sleep(0.005 if len(done) < 200 else 0.05)\n    done.append(text)\n"
        f"    if len(done) == 200: pathlib.Path({str(begun)!r}).touch()\n    return old(self, text)\n"
        "Toy._text = slow\n" + TOY_CLI
    )
    rows = "".join(json.dumps({"id": str(n), "text": f"글 {n}"}) + "\n" for n in range(400))
    (pictures / "many.jsonl").write_text(rows)
    process = child("-c", slow, "index", "pics", "--to", "s.hannun", "--no-words", cwd=pictures.parent)  # words would take their time
    deadline = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and err.splitlines()[-1] == "error: interrupted; run the same command again to go on", err
    again = finished("-c", TOY_CLI, "index", "pics", "--to", "s.hannun", cwd=pictures.parent)
    assert again.returncode == 0 and "now has 406 items" in again.stdout, again
    assert int(re.search(r"(\d+) unchanged", again.stdout)[1]) > 0  # type: ignore[index]


@pytest.mark.parametrize("words", ["-20도 원피스", "-검정 원피스", "-LG 원피스"])
def test_words_that_begin_with_a_minus(shop: Path, capsys: Captured, words: str) -> None:
    for given in (
        [words, "--in", "shop.hannun", "--json"],
        ["--in", "shop.hannun", "--json", words],
        ["--json", words, "--in=shop.hannun"],
    ):
        assert run(["search", *given]) == 0 and len(json.loads(capsys.readouterr().out)) > 1
    assert run(["search", "원피스", "--unlike", "-검정", "--in", "shop.hannun"]) == 0  # the value of an option stays with it


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


# A newcomer's first hour


def test_every_help_text_has_its_korean(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def texts(command: Any) -> Iterator[str]:
        yield from (t for t in (command.help, *(getattr(p, "help", None) for p in command.params)) if t)
        for below in getattr(command, "commands", {}).values():
            yield from texts(below)

    english = set(texts(typer.main.get_command(app)))
    assert english - set(korean.HELP) == set() == set(korean.HELP) - english
    assert all(re.search("[가-힣]", t) for t in korean.HELP.values())
    assert run(["search", "--help"]) == 0 and "How many hits." in capsys.readouterr().out
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    assert run(["search", "--help"]) == 0 and "결과 수." in (out := capsys.readouterr().out) and "How many hits." not in out
    assert run(["--help"]) == 0 and "사진, 글, 표의 행을 읽어 컬렉션에 넣습니다" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environment", "spoken"),
    [
        ({"LANG": "ko_KR.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ko_KR"}, True),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "kok_IN"}, False),
        ({}, False),
    ],
)
def test_the_locale_is_the_first_that_is_set(environment: dict[str, str], spoken: bool) -> None:
    assert korean.is_locale(environment) is spoken


def test_a_table_in_a_pipe_breaks_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    title = "아주 긴 이름의 빨간 줄무늬 원피스 " * 5
    folder = tmp_path / ("가" * 60) / ("나" * 60)
    folder.mkdir(parents=True)
    draw().save(folder / "a.png")
    Path("rows.jsonl").write_text(json.dumps({"id": "1", "text": title.strip()}) + "\n", "utf-8")
    assert run(["index", "rows.jsonl", str(folder), "--to", "s.hannun", "--no-words"]) == 0
    capsys.readouterr()
    assert run(["search", "원피스", "--in", "s.hannun"]) == 0
    out = capsys.readouterr().out
    assert f"{'가' * 60}/{'나' * 60}/a.png" in out and title.strip() in out and "…" not in out


def test_the_list_of_recipes_and_every_help_need_no_torch(tmp_path: Path) -> None:
    without = (
        "import sys\nsys.modules['torch'] = sys.modules['transformers'] = None\n"
        "import typer\nfrom hannun.serve.cli.main import app, run\n"
        "assert run(['recipes']) == 0\n"
        "for name in typer.main.get_command(app).commands:\n    assert run([name, '--help']) == 0, name\n"
        "sys.exit(run(['recipes', 'kelip']))\n"
    )
    done = finished("-c", without, cwd=tmp_path)
    assert all(re.search(rf"^{name} +paper, tiny +\S", done.stdout, re.MULTILINE) for name in ("jina_clip", "jina_v4", "kanana_v", "kelip"))
    assert (done.returncode, done.stderr) == (0, "") and re.search(r"^kelip --size paper: ", done.stdout, re.MULTILINE)


def test_the_shell_completes_commands_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_HANNUN_COMPLETE", "complete_bash")
    for typed, offered in (("hannun se", {"search", "serve"}), ("hannun search --wh", {"--where", "--why"})):
        monkeypatch.setenv("COMP_WORDS", typed)
        monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
        done = finished("-c", "import sys\nsys.argv[0] = 'hannun'\nfrom hannun.serve.cli.main import main\nmain()")
        assert set(done.stdout.split()) >= offered, done
