"""`hannun curate`: what it prints, and that mistakes are one line and a non-zero exit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("daft", reason="daft is in hannun[curate]")
pytest.importorskip("ko_pii", reason="ko-pii is in hannun[curate]")

from hannun.curate.stages import models
from hannun.serve.cli.main import run
from tests.curate import world
from tests.toy import Toy

LIGHT = ["--no-ocr", "--watermark", "none", "--workers", "1"]


def test_run_report_and_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(models, "load", lambda name: Toy())
    monkeypatch.setattr(models, "_loaded", models._loaded.__wrapped__)
    source, out = world.make(tmp_path / "raw", good=6), tmp_path / "pairs"
    assert run(["curate", "run", str(source), "--to", str(out), "--min-title", "-1", "--min-query", "-1", "--dry-run", "100", *LIGHT]) == 0
    assert "picture_small" in capsys.readouterr().out and not out.exists()
    assert run(["curate", "run", str(source), "--to", str(out), "--min-title", "-1", "--min-query", "-1", *LIGHT]) == 0
    said = capsys.readouterr().out
    assert "7 pairs" in said and "picture_near_duplicate" in said and (out / "report.html").exists()
    assert run(["curate", "report", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["out/pair"] == 7
    assert run(["curate", "report", str(out), "--reason", "picture_small"]) == 0
    assert json.loads(capsys.readouterr().out)["key"] == "small.jpg"
    assert run(["curate", "report", str(out), "--to", str(tmp_path / "again.html")]) == 0
    assert "picture_small" in (tmp_path / "again.html").read_text("utf-8")
    assert run(["curate", "report", str(out), "--reason", "picture_smal"]) == 1
    assert "did you mean 'picture_small'" in capsys.readouterr().err
    assert run(["curate", "noise", str(out), "--least-count", "2", "--to", str(tmp_path / "words.txt")]) == 0
    assert (tmp_path / "words.txt").read_text("utf-8").startswith("# confirm")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nowhere"], "no such file or folder"),
        (["run", ".", "--personal", "burn"], "expected 'mask' or 'drop'"),
        (["run", ".", "--columns", "title"], "expected ours=theirs"),
        (["run", ".", "--columns", "titel=x"], "did you mean 'title'"),
        (["run", "goods.csv"], "run again with `--columns title=상품명,image=사진,key=번호`"),
        (
            ["run", "goods.csv", "--columns", "title=상품명"],
            "expected 'image' or 'url' (and 'title'); run again with `--columns",
        ),
        (["run", ".", "--noise-words", "none.txt"], "no such list"),
        (["report", "."], "no finished curation run"),
        (["sweep", "none", "--eval", "none"], "no such file or folder"),
        (["noise", "none"], "no such file or folder"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "goods.csv").write_text("번호,상품명,사진\n1,빨간 원피스,a.jpg\n", "utf-8")
    assert run(["curate", *arguments]) == 1
    err = capsys.readouterr().err
    assert said in err and err.splitlines()[-1].startswith("error: ") and [f.name for f in tmp_path.iterdir()] == ["goods.csv"]
