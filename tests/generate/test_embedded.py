"""The embedded painter: words of colours become these colours, in both languages, without torch and without a model named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from hannun import generated
from hannun.generate.generator import DrawSettings
from hannun.generate.opening import EMBEDDED, open_generator
from hannun.mini.model import HERE as MINI
from hannun.serve.cli.main import run

FEW = DrawSettings(steps=10, guidance=3.0)
COLOURS = {"빨간": 0, "red": 0, "초록색": 1, "green": 1, "파란": 2, "blue": 2}  # the channel that is the strongest


def middle(picture: PIL.Image.Image) -> np.ndarray:
    """The mean of red, green and blue where the garment is."""
    return np.asarray(picture, np.float64)[20:44, 20:44].mean((0, 1))


def test_a_colour_is_drawn_as_it_is_said_in_both_languages() -> None:
    prompts = {c: f"plain {c} coat" if c.isascii() else f"{c} 민무늬 코트" for c in COLOURS}
    made = open_generator(None).generate(list(prompts.values()), 0, FEW)
    for one, (word, channel) in zip(made, COLOURS.items(), strict=True):
        assert one.picture.size == (64, 64) and int(middle(one.picture).argmax()) == channel, (word, middle(one.picture))


def test_the_command_needs_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["imagine", "빨간 줄무늬 원피스", "--steps", "4", "--to", str(tmp_path), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    told = generated.told(Path(row["picture"]).read_bytes())
    assert told["made_by"].startswith("mini_painter@") and told["guidance"] == open_generator(None).guidance


def test_a_picture_is_changed(tmp_path: Path) -> None:
    start = PIL.Image.new("RGB", (64, 64), (90, 90, 90))
    (kept,) = open_generator(None).generate(["파란 민무늬 코트"], 0, DrawSettings(steps=4, guidance=1.0, strength=0.05), start)
    assert np.abs(middle(kept.picture) - 90).max() < 40


@pytest.mark.parametrize(
    ("prompt", "strange"),
    [("물 속의 바다거북", True), ("a sea turtle", True), ("파란 티 셔츠", False), ("red t-shirt", False), ("that thing", True)],
)
def test_a_prompt_of_things_it_never_learned_is_told(prompt: str, strange: bool) -> None:
    (made,) = open_generator(None).generate([prompt], 0, DrawSettings(steps=1))
    assert ["names nothing that mini_painter learned to draw (원피스" in note for note in made.notes] == ([True] if strange else [])


def test_it_draws_without_torch(tmp_path: Path) -> None:
    program = "import sys; from hannun.serve.cli.main import run; code = run(sys.argv[1:]); sys.exit(code or 'torch' in sys.modules)"
    words = ["imagine", "blue coat", "--steps", "1", "--to", str(tmp_path)]
    assert subprocess.run([sys.executable, "-c", program, *words], capture_output=True, check=False).returncode == 0


def test_what_it_brings_and_what_it_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert sum(f.stat().st_size for f in EMBEDDED.iterdir()) <= 13 * 2**20
    assert run(["imagine", "a red coat", "--english"]) == 1
    assert "has no English text model of its own; leave out --english" in capsys.readouterr().err


def test_its_prompts_are_read_by_the_frozen_encoder_and_no_trained_projection() -> None:
    """mini's text projection is trained anew now and then; what the painter's head reads stands before it, and must stay."""
    onnx = pytest.importorskip("onnx", reason="onnx is in the [mini] extra")
    graph = onnx.load(str(MINI / "text.onnx")).graph
    makes = {name: node for node in graph.node for name in node.output}

    def above(name: str) -> set[str]:
        found, ahead = {name}, [name]
        while ahead:
            for given in makes[ahead.pop()].input:
                if given not in found:
                    found.add(given)
                    ahead += [given] if given in makes else []
        return found

    assert any(name.startswith("joint") for name in above("dense"))
    assert not any(name.startswith("joint") for name in above("states"))
