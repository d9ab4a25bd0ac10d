"""`hannun train` and `hannun recipes`: what reaches a recipe, and one clear line for every mistake."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")

from hannun.recipe import Recipe
from hannun.serve.cli import recipes as command
from hannun.serve.cli import train
from hannun.serve.cli.main import run
from hannun.train.run import Moment
from tests.conftest import finished

TINY = Recipe("toy", {"a": 1.0}, frozenset(), 10, 4, 1e-3, (8,), about="a toy", size="tiny", origins={"steps": "ours"})


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A recipe "toy" among the known ones; what it was run with."""
    seen: dict[str, Any] = {}

    def go(recipe: Recipe, data: Path, work: Path, tell: Any, watch: Any) -> list[str]:
        seen.update(recipe=recipe, data=data, work=work)
        tell("step 1")
        return ["recall 1.000"]

    def module(name: str) -> Any:
        return SimpleNamespace(SIZES={"tiny": TINY}, run=go) if name == "toy" else original(name)

    original = command.recipe_module
    monkeypatch.setattr(command, "recipe_module", module)
    monkeypatch.setattr(command, "numbers", lambda name: module(name).SIZES)
    monkeypatch.setattr(command, "known", lambda: ["toy"])
    return seen


def test_settings_reach_the_recipe(given: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "toy", "--data", str(tmp_path), "--work", str(tmp_path / "w"), "--set", "steps=3", "--set", "learning_rate=0.5"]
    assert run(words) == 0
    assert (given["recipe"].steps, given["recipe"].learning_rate, given["work"]) == (3, 0.5, tmp_path / "w")
    out = capsys.readouterr()
    assert "recall 1.000" in out.out and "step 1" in out.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--set", "stepz=3"], "did you mean 'steps'"),
        (["--set", "steps"], "expected NAME=VALUE"),
        (["--set", "steps=x"], "expected a whole number"),
        (["--size", "tinny"], "did you mean 'tiny'"),
        (["--data", "/nowhere"], "/nowhere: no such folder"),
    ],
)
def test_mistakes_are_one_line(
    given: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert run(["train", "toy", *([] if "--data" in words else ["--data", str(tmp_path)]), *words]) == 1
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1 and not given


def test_unknown_recipes_list_their_neighbours(given: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "toi"]) == 1
    assert "no recipe 'toi'; did you mean 'toy'" in capsys.readouterr().err


def test_recipes_are_listed_with_their_origins(given: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recipes"]) == 0 and run(["recipes", "toy"]) == 0
    out = capsys.readouterr().out
    assert "a toy" in out and any("steps" in line and line.endswith("ours") for line in out.splitlines())


def test_a_recipe_that_train_does_not_run_says_what_does(capsys: pytest.CaptureFixture[str]) -> None:
    """Each such command is there: a module that runs, or a command of hannun's."""
    others = [n for n in command.known() if (found := command.outline(n)) is not None and not found.sizes]
    assert {"mini", "watermark", "fashion200k", "naver_pairs"} <= set(others)
    for name in others:
        told = command.elsewhere(name)
        if told.startswith("python -m "):
            package = Path(str(command.hannun.recipes.__path__[0])) / name
            file = package / "__main__.py" if package.is_dir() else package.with_suffix(".py")
            assert "__main__" in file.read_text("utf-8") or (package.is_dir() and file.exists()), told
        else:
            assert run([*told.split()[1:3], "--help"]) == 0, told
    capsys.readouterr()
    assert run(["recipes", "naver_pairs"]) == 1 and "see `hannun curate run" in capsys.readouterr().err
    assert run(["recipes", "karrot_user", "--memory"]) == 1 and "trains no backbone" in capsys.readouterr().err


def test_a_log_is_never_silent_for_long(capsys: pytest.CaptureFixture[str]) -> None:
    log = train._Steady("toy", every=0.01)
    while "preparing" not in (out := capsys.readouterr().err):
        time.sleep(0.01)
    assert out.startswith("toy: preparing  (0:")
    log.watch(Moment(1, 1200, 2.5, 10.0, 119.9))
    seen = ""
    while "step 1/1200" not in seen:
        time.sleep(0.01)
        seen += capsys.readouterr().err
    log.close()
    assert "about 2:00 for 1200 steps\n" in seen and "step 1/1200  loss 2.500  about 2:00 left" in seen


def test_numbers_are_told_without_torch() -> None:
    """Every recipe that `train` runs shows its settings where torch is not installed, and the same ones as where it is."""
    for name in ("kanana_v", "jina_v4", "jina_clip", "kelip"):
        assert command.numbers(name) == command.recipe_module(name).SIZES
    hidden = (
        "import sys\n"
        "for n in ('torch', 'transformers', 'accelerate', 'peft'): sys.modules[n] = None\n"
        "from hannun.serve.cli.main import run\n"
        "sys.exit(run(['recipes', 'kanana_v']) or run(['recipes']) or run(['train', '--help']) or run(['tune', '--help']))\n"
    )
    done = finished("-c", hidden)
    assert done.returncode == 0 and "learning_rate" in done.stdout, done.stderr


def test_own_pairs_reach_the_recipe_apart(given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"상품 {n},글 {n}\n" for n in range(30))
    (tmp_path / "pairs.csv").write_text("query,positive\n" + rows, "utf-8")
    seen: dict[str, Any] = {}

    def own(recipe: Recipe, data: Any, start: Path | None, training: Any) -> list[str]:
        seen.update(data=data, work=training.work)
        return []

    module = SimpleNamespace(SIZES={"tiny": TINY}, own=own)
    monkeypatch.setattr(command, "recipe_module", lambda name: module)
    assert run(["train", "toy", "--pairs", str(tmp_path / "pairs.csv"), "--to", str(tmp_path / "to")]) == 0
    assert len(seen["data"].train) + len(seen["data"].dev) == 30 and len(seen["data"].dev) >= 8 and seen["work"] == tmp_path / "to"
    assert run(["train", "toy", "--dev", str(tmp_path / "pairs.csv")]) == 1  # of one's own pairs alone
