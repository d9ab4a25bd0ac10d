"""`hannun caption` with the captioner in the package, where it is there: styles, languages, folders, broken pictures, wrong calls."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import hannun
from hannun.continuation import Manner
from hannun.encoder import captioner
from hannun.item import Image
from hannun.mini.captions import CaptionWriter
from hannun.mini.model import HERE
from hannun.serve.cli.main import run
from tests.conftest import draw, encoded

ships = pytest.mark.skipif(not CaptionWriter(HERE).styles, reason="no captioner is in this package; `hannun train prompt_coca` makes one")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for n in range(2):
        (folder / f"{n}.png").write_bytes(encoded(draw((200, 60 * n, 30), (120, 90), seed=n)))
    return folder


@ships
def test_each_style_in_each_language(shown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = {}
    for style in ("caption", "query", "product"):
        for lang in ("ko", "en"):
            assert run(["caption", str(shown / "0.png"), "--style", style, "--lang", lang]) == 0
            said[style, lang] = capsys.readouterr().out.strip()
    assert len(set(said.values())) == 6 and all(said.values())
    from hannun.hangul import hangul_ratio

    assert all((hangul_ratio(t) > 0.5) == (lang == "ko") for (_, lang), t in said.items())
    assert said["caption", "ko"].endswith(".") and not said["query", "ko"].endswith(".")


@ships
def test_folders_json_and_a_broken_picture_that_stops_no_other(shown: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes((shown / "0.png").read_bytes())
    (tmp_path / "b.png").write_bytes(b"not a picture")
    (tmp_path / "c.png").write_bytes((shown / "1.png").read_bytes())
    assert run(["caption", str(tmp_path), "--json", "--beams", "3", "--count", "3"]) == 0
    out, err = capsys.readouterr()
    rows = json.loads(out)
    assert [Path(r["picture"]).name for r in rows] == ["a.png", "b.png", "c.png"] and "b.png" in err
    assert "error" in rows[1] and len({t["text"] for t in rows[0]["texts"]}) == 3
    likelihoods = [t["likelihood"] for t in rows[2]["texts"]]
    assert all(v < 0 for v in likelihoods)
    assert run(["caption", str(tmp_path / "b.png")]) == 1 and "not read" in capsys.readouterr().err
    assert run(["caption", str(tmp_path / "a.png"), str(tmp_path / "c.png")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


@ships
def test_batches_say_what_pictures_alone_say_and_seeds_draw(shown: Path) -> None:
    mini = captioner(hannun.load())
    assert mini is not None
    pictures = [Image(p) for p in sorted(shown.glob("*.png"))]
    together = mini.caption(pictures, "caption", "en", Manner())
    alone = [mini.caption([p], "caption", "en", Manner())[0] for p in pictures]
    assert [t[0].likelihood for t in together] == pytest.approx([t[0].likelihood for t in alone], abs=0.2)  # int8 rounds by the batch
    drawn = [mini.caption(pictures[:1], "caption", "ko", Manner(nucleus=0.95, seed=n))[0][0].text for n in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1] and len(set(drawn)) > 1
    assert np.isfinite([c.likelihood for each in together for c in each]).all()


@ships
def test_wrong_calls_say_what_to_do(shown: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = str(shown / "0.png")
    for words, told in (
        ([picture, "--style", "querry"], "did you mean 'query'"),
        ([picture, "--lang", "fr"], "'fr' came"),
        ([str(shown / "none.png")], "no such picture or folder"),
        ([str(tmp_path)], "no picture is there"),
        ([picture, "--count", "9"], "expected as many beams as texts"),
    ):
        assert run(["caption", *words]) == 1
        assert told in capsys.readouterr().err


def test_a_model_that_writes_nothing_says_what_does(tmp_path: Path) -> None:
    assert captioner(hannun.load()) is None or CaptionWriter(HERE).styles
    assert CaptionWriter(tmp_path).styles == ()
    with pytest.raises(hannun.HannunError, match="hannun train prompt_coca"):
        CaptionWriter(tmp_path).caption([], "caption", "ko", Manner())
