"""`hannun imagine` on small models of the real classes: files, what they keep, a search for what was drawn, and every wrong call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("diffusers", reason="diffusers is in the [imagine] extra")

import torch

import hannun
from hannun import generated
from hannun.errors import HannunError, InputError, MissingError
from hannun.generate.generator import DrawSettings
from hannun.generate.opening import open_generator
from hannun.generate.stable import StableDiffusion
from hannun.serve.cli.main import run
from tests.conftest import draw
from tests.generate import models


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("models")
    return {
        "sd": models.stable(place / "sd"),
        "student": models.student(place / "student", 32, 32),
        "painter": models.painter(place / "painter"),
    }


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_a_picture_is_drawn_and_says_how(folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["imagine", "물 속을 헤엄치는 바다거북, 4K", "--model", str(folders["sd"]), "--text", str(folders["student"])]
    words += ["--steps", "2", "--seed", "1", "--size", "32x48", "--negative", "blurry", "--to", str(tmp_path), "--count", "2"]
    assert run([*words, "--json"]) == 0
    first, second = rows(capsys)
    data = Path(first["picture"]).read_bytes()
    told = generated.told(data)
    assert told["prompt"] == "물 속을 헤엄치는 바다거북, 4K" and told["seed"] == 1 and told["steps"] == 2 and told["negative"] == "blurry"
    assert told["made_by"] == first["made_by"] and "sd@" in told["made_by"] and "student@" in told["made_by"] and "strength" not in told
    with PIL.Image.open(first["picture"]) as picture:
        assert picture.size == (32, 48)
    assert second["seed"] == 2 and Path(first["picture"]).name == "물-속을-헤엄치는-바다거북-4K-1.png"
    assert run(words) == 0  # again: the same bytes, so the same files
    told_again = capsys.readouterr()
    assert "step 2/2" in told_again.err and len(list(tmp_path.glob("*.png"))) == 2
    assert run([*words, "--guidance", "2"]) == 0 and len(list(tmp_path.glob("*.png"))) == 4  # other settings write nothing over


def test_a_photo_is_changed(folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "photo.jpg"
    draw(size=(90, 61), seed=3).save(photo)
    words = ["imagine", "빨간 코트", "--model", str(folders["sd"]), "--from", str(photo), "--strength", "0.5", "--steps", "4"]
    assert run([*words, "--to", str(tmp_path / "out"), "--json"]) == 0
    (row,) = rows(capsys)
    data = Path(row["picture"]).read_bytes()
    told = generated.told(data)
    assert told["changed_from"] == "photo.jpg" and told["strength"] == 0.5 and b"compositeWithTrainedAlgorithmicMedia" in data
    with PIL.Image.open(row["picture"]) as picture:  # of the photo's shape, with no more pixels than the model was made for
        assert abs(picture.width / picture.height - 90 / 61) < 0.2 and picture.width * picture.height <= 64 * 64 * 1.2


def test_what_was_drawn_is_looked_for(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], toy_models: None
) -> None:
    with hannun.open(tmp_path / "c.hannun") as shop:
        shop.add([{"id": str(n), "image": draw((40 * n, 10, 90))} for n in range(4)])
    words = [
        "imagine",
        "a red dress",
        "--model",
        str(folders["painter"]),
        "--steps",
        "2",
        "--to",
        str(tmp_path),
        "--search",
        str(tmp_path / "c.hannun"),
    ]
    assert run([*words, "--limit", "2", "--json"]) == 0
    (row,) = rows(capsys)
    assert len(row["hits"]) == 2 and row["hits"][0]["id"] in "0123"
    assert run([*words, "--limit", "2"]) == 0 and "a-red-dress-0.png" in capsys.readouterr().out


def test_lines_of_standard_input_and_a_long_prompt(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import sys

    class Given:
        buffer = io.BytesIO(("빨간 옷\n\n" + "파란 코트 " * 60 + "\n").encode())

    monkeypatch.setattr(sys, "stdin", Given())
    assert run(["imagine", "-", "--model", str(folders["painter"]), "--steps", "1", "--to", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert told.out.count("wrote ") == 2 and told.err.count("read to 77 of") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["imagine", "", "--model", "{sd}"], "an empty prompt came"),
        (["imagine", "빨간 옷", "--text", "{student}"], "--text came for a painter"),
        (["imagine", "빨간 옷", "--model", "{tmp}/gone"], "no such folder"),
        (["imagine", "빨간 옷", "--model", "{tmp}"], "neither model_index.json nor painter.json"),
        (["imagine", "빨간 옷", "--model", "{sd}", "--size", "500x512"], "take 496 or 504"),
        (["imagine", "빨간 옷", "--model", "{sd}", "--size", "big"], "expected WIDTHxHEIGHT"),
        (["imagine", "빨간 옷", "--model", "{sd}", "--scheduler", "euler"], "the scheduler 'euler' came"),
        (["imagine", "빨간 옷", "--model", "{painter}", "--size", "128"], "draws 16 × 16 pixels alone"),
        (["imagine", "빨간 옷", "--model", "{painter}", "--text", "{student}"], "--text came for a painter"),
        (["imagine", "빨간 옷", "--model", "{sd}", "--english"], "--english came for a Stable Diffusion model"),
        (["imagine", "빨간 옷", "--model", "{sd}", "--text", "{painter}"], "holds no student of prompts"),
        (["imagine", "누드", "--model", "{sd}"], "word filter refuses"),
        (["imagine", "빨간 옷", "--model", "{sd}", "--count", "65"], "the limit is 64"),
        (["imagine", "빨간 옷", "--model", "{sd}", "--from", "{tmp}/gone.jpg"], "no such picture"),
    ],
)
def test_wrong_calls_say_what_to_do(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    names = {"tmp": str(tmp_path), **{k: str(v) for k, v in folders.items()}}
    assert run([w.format(**names) if "{" in w else w for w in words]) == 1
    told = capsys.readouterr().err
    assert said in told and told.startswith("error: ") and told.count("\n") == 1


def test_a_student_of_another_teacher_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    wide = models.student(tmp_path / "wide", 48, 32)
    with pytest.raises(InputError, match="states of 48 values, and sd is conditioned on 32"):
        open_generator(folders["sd"], wide)


def test_other_classes_and_damaged_folders(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "xl").mkdir()
    (tmp_path / "xl" / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    with pytest.raises(InputError, match="is a StableDiffusionXLPipeline, expected StableDiffusionPipeline"):
        open_generator(tmp_path / "xl")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "model_index.json").write_bytes((folders["sd"] / "model_index.json").read_bytes())
    with pytest.raises(InputError, match="cannot be opened as Stable Diffusion"):
        open_generator(tmp_path / "half")
    (tmp_path / "half" / "model_index.json").write_text("{")
    with pytest.raises(MissingError, match="cannot be read"):
        open_generator(tmp_path / "half")


def test_out_of_memory_it_tries_once_more_and_then_says_so(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    generator = open_generator(folders["sd"])
    assert isinstance(generator, StableDiffusion)
    network, room = type(generator._pipeline.unet), 2  # rows that the pretended memory has room for: a picture, with guidance
    whole = network.forward

    def small(self: Any, sample: torch.Tensor, *given: Any, **named: Any) -> Any:
        if len(sample) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return whole(self, sample, *given, **named)

    monkeypatch.setattr(network, "forward", small)
    made = generator.generate(["a", "b", "c"], 0, DrawSettings(steps=1))
    assert [d.seed for d in made] == [0, 1, 2]
    room = 0
    with pytest.raises(HannunError, match="out of memory at 64 × 64 pixels, one picture at a time; ask for a smaller one"):
        generator.generate(["a"], 0, DrawSettings(steps=1))


def test_lean_draws_the_same(folders: dict[str, Path]) -> None:
    lean, plain = open_generator(folders["sd"], lean=True), open_generator(folders["sd"])
    (a,), (b,) = (g.generate(["a red dress"], 0, DrawSettings(steps=2)) for g in (lean, plain))
    assert max(abs(x - y) for x, y in zip(a.picture.tobytes(), b.picture.tobytes(), strict=True)) <= 2


def test_the_states_are_what_the_pipeline_itself_would_read(folders: dict[str, Path]) -> None:
    generator = open_generator(folders["sd"])
    assert isinstance(generator, StableDiffusion)
    own, _ = generator._pipeline.encode_prompt("a red dress", torch.device("cpu"), 1, False)
    assert torch.allclose(own, generator._reader.states(["a red dress"]).tokens, atol=1e-5)
