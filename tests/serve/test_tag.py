"""`hannun tag` on pictures, on a collection, by topics and by category."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import hannun
from hannun import catalogue
from hannun.errors import InputError, MissingError
from hannun.serve.cli.main import run
from hannun.serve.tags import annotator, topics

#: A picture whose kind the names of things find, one whose colour every annotator is sure of (0.65 and more, half is asked).
DRESS, COAT = "dress-red-plain", "coat-red-checked"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tag")
    every = {e.id: e for e in catalogue.entries()}
    (made / "photos").mkdir()
    for id in DRESS, COAT:
        every[id].picture().save(made / "photos" / f"{id}.jpg", quality=90)
    return made


def test_pictures_are_told_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tag", str(folder / "photos"), "--zero-shot", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["version"].startswith("fashion-zero-") and len(told["pictures"]) == 2
    findings = {f["key"]: f for p in told["pictures"] if COAT in p["picture"] for f in p["findings"]}
    assert findings["색"]["value"] == "빨강" and 0.4 <= findings["색"]["score"] <= 1
    assert run(["tag", str(folder / f"photos/{COAT}.jpg"), "--zero-shot", "--english"]) == 0
    assert "colour\tred\t" in capsys.readouterr().out


def test_a_collection_gets_facts_that_conditions_use(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = folder / "c.hannun"
    with hannun.open(place, words=False) as c:
        c.add(folder / "photos")
    assert run(["tag", "--collection", str(place), "--zero-shot"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("2 tagged by fashion-zero-") and "\n  색: " in told
    with hannun.open(place) as c:
        assert COAT in [Path(i.id).stem for i in c.items("색 = 빨강")]
    assert run(["tag", "--collection", str(place), "--zero-shot"]) == 0 and "0 tagged" in capsys.readouterr().out


def test_tags_are_written_as_files_are_indexed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = folder / "indexed.hannun"
    assert run(["index", str(folder / "photos"), "--to", str(place), "--tag", "fashion"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("2 added, 0 unchanged") and "\n2 tagged by fashion-" in told
    with hannun.open(place) as c:
        (coat,) = [i for i in c.items("색 = 빨강") if COAT in i.id]
        assert 0.4 <= coat.facts["tags"]["색"] <= 1
        # The files' names are not Korean: the word that finds the coat is the tag's.
        (hit,) = c.search("빨간색 체크", limit=1, explain=True)
        assert hit.id == coat.id and hit.why is not None and "빨간색" in [w for w, _ in hit.why.terms]
    assert run(["index", str(folder / "photos"), "--to", str(place), "--tag", "fashion"]) == 0
    assert "0 added, 2 unchanged" in (again := capsys.readouterr().out) and "0 tagged by fashion-" in again
    assert run(["index", str(folder / "photos"), "--to", str(folder / "none.hannun"), "--tag", "fashon"]) == 1
    assert "did you mean 'fashion'" in capsys.readouterr().err and not (folder / "none.hannun").exists()


def test_a_category_asks_for_its_own_attributes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = str(folder / f"photos/{DRESS}.jpg")
    assert run(["tag", picture, "--category", "치마", "--json"]) == 0
    keys = [f["key"] for f in json.loads(capsys.readouterr().out)["pictures"][0]["findings"]]
    assert "스커트스타일" in keys and "토스타일" not in keys
    assert run(["tag", picture, "--category", "치미"]) == 1 and "did you mean '치마'" in capsys.readouterr().err


def test_another_topic_is_one_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert {"fashion", "food"} <= set(topics())
    assert annotator("food").keys == ("분류", "품목")
    own = folder / "own.toml"
    own.write_text('[attribute."옷"]\n[attribute."옷".values]\n"원피스"=["dress"]\n"기차"=["train"]\n', "utf-8")
    assert run(["tag", str(folder / f"photos/{DRESS}.jpg"), "--topic", str(own)]) == 0
    assert "옷\t원피스\t" in capsys.readouterr().out
    with pytest.raises(MissingError, match="did you mean 'food'"):
        annotator("foot")


def test_wrong_calls(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tag"]) == 1 and "one of the two" in capsys.readouterr().err
    with pytest.raises(InputError, match="no category"):
        annotator(category="우산")
