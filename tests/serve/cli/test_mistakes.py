"""Every mistake is one clear line with a non-zero exit and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hannun import collection, sources
from hannun.serve.cli.main import run
from tests.conftest import bomb
from tests.serve.cli.commands import Captured, error, pictures_in
from tests.toy import Toy


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
        (["serch", "a"], 2, "Did you mean 'search', 'users', 'serve'?; see `hannun --help`"),
        (["users", "train"], 2, "see `hannun users train --help`"),
        # a collection where a command takes it with --in
        (["facets", "shop.hannun"], 2, "shop.hannun: is a collection; name it with `--in shop.hannun`"),
        (["facets", "--json", "shop.hannun"], 2, "name it with `--in shop.hannun`"),
        (["search", "shop.hannun", "a"], 2, "name it with `--in shop.hannun`"),
        (["delete", "shop.hannun", "r1"], 2, "name it with `--in shop.hannun`"),
        (["update", "shop.hannun", "r1", "--set", "a=1"], 2, "name it with `--in shop.hannun`"),
        (["synonyms", "shop.hannun", "pics/글.txt"], 2, "name it with `--in shop.hannun`"),
        (["tag", "shop.hannun"], 2, "name it with `--in shop.hannun`"),
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
