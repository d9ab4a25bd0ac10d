"""`hannun search`: by words, picture and both, with weights, conditions, examples, groups and reasons; its table and its page."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from pathlib import Path

import pytest

from hannun.serve.cli.main import run
from tests.serve.cli.commands import Captured, hits


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


def test_a_condition_that_holds_for_nothing_is_told_apart_from_a_query_that_nothing_fits(shop: Path, capsys: Captured) -> None:
    assert run(["search", "옷", "--where", "category = 신발", "--in", "shop.hannun"]) == 0
    err = capsys.readouterr().err
    assert "no item meets --where 'category = 신발'; see a fact's values with `hannun facets FACT --in COLLECTION`" in err
    assert "nothing fits" not in err
    assert run(["search", "옷", "--where", "category = 코트", "--floor", "1", "--in", "shop.hannun"]) == 0
    assert "no item meets" not in capsys.readouterr().err


def test_a_file_is_found_by_its_name_as_it_is_typed(shop: Path, capsys: Captured) -> None:
    copied = Path(unicodedata.normalize("NFD", "맥에서 온 사진"))
    copied.mkdir()
    (copied / unicodedata.normalize("NFD", "가방.png")).write_bytes(Path("pics/파란 가방.png").read_bytes())
    typed = "맥에서 온 사진/가방.png"
    assert not Path(typed).exists()
    for given in (["--image", typed], [f"--image={typed}"], ["--like", typed]):
        assert hits(capsys, *given)[0]["id"].endswith("파란 가방.png")
    assert run(["index", "맥에서 온 사진", "--to", "mac.hannun"]) == 0 and "1 added" in capsys.readouterr().out


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


def test_odd_queries_find_something(shop: Path, capsys: Captured) -> None:
    for words in ("👗", "가" * 100_000, "ㅋㅋ", "[red]", "'", "\ud800"):
        assert len(hits(capsys, words)) == 6


def test_a_query_too_long_for_an_argument_comes_from_standard_input(shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(("빨간 원피스 " * 14_300).encode())))
    assert [h["id"] for h in hits(capsys, "-", "--in", str(shop))] == [
        h["id"] for h in hits(capsys, "빨간 원피스 " * 14_300, "--in", str(shop))
    ]


@pytest.mark.parametrize("words", ["-20도 원피스", "-검정 원피스", "-LG 원피스"])
def test_words_that_begin_with_a_minus(shop: Path, capsys: Captured, words: str) -> None:
    for given in (
        [words, "--in", "shop.hannun", "--json"],
        ["--in", "shop.hannun", "--json", words],
        ["--json", words, "--in=shop.hannun"],
    ):
        assert run(["search", *given]) == 0 and len(json.loads(capsys.readouterr().out)) > 1
    assert run(["search", "원피스", "--unlike", "-검정", "--in", "shop.hannun"]) == 0  # the value of an option stays with it
