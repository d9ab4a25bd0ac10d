"""`hannun locate` on drawn scenes, with the embedded model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from hannun.datasets import scenes
from hannun.serve.cli.main import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("scenes")
    for n, s in enumerate(scenes.drawn(2, 5)):
        s.picture.save(place / f"{n}.png")
    return place


def test_a_map_and_a_box_are_written_and_told(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (first, _) = scenes.drawn(2, 5)
    thing = first.things[2]  # red boots at the left
    assert run(["locate", str(folder / "0.png"), thing.ko, "--to", str(tmp_path / "heat.png"), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["picture"].endswith("0.png") and row["query"] == thing.ko and (row["width"], row["height"]) == first.picture.size
    x, y = row["peak"]
    left, upper, right, lower = row["box"]
    assert thing.box[0] <= x <= thing.box[2] and thing.box[1] <= y <= thing.box[3] and left <= x <= right and upper <= y <= lower
    assert len(row["heat"]["values"]) == row["heat"]["rows"] * row["heat"]["columns"] and 0 <= row["relevance"] <= 1
    with PIL.Image.open(row["written"]) as drawn:
        assert drawn.size == first.picture.size and np.asarray(drawn).std() > 5


def test_folders_several_queries_and_what_is_no_picture(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.png").write_bytes(b"no picture")
    assert run(["locate", str(folder), "의자", "--query", "모자", "--to", str(tmp_path / "maps")]) == 0
    told = capsys.readouterr()
    assert told.out.count("의자:") == told.out.count("모자:") == 2 and "bad.png" in told.err
    assert len(list((tmp_path / "maps").glob("*.png"))) == 4


def test_wrong_calls_say_what_to_do(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = str(folder / "0.png")
    for words, says in (
        ([one], "expected pictures and then words"),
        ([one, " "], "expected words"),
        ([str(folder / "none.jpg"), "x"], "no such file"),
        ([one, str(folder / "1.png"), "x", "--to", str(tmp_path / "a.png")], "expected a folder for more than one map"),
    ):
        assert run(["locate", *words]) == 1
        told = capsys.readouterr()
        assert says in told.err and told.err.count("\n") == 1 and not told.out
    assert not (tmp_path / "a.png").exists()
