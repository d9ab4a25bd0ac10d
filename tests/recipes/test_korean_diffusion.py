"""korean_diffusion: each part learns and resumes, whose its numbers are, own pairs and teachers, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")

import torch

from hannun.catalogue import held_out, products
from hannun.errors import InputError, MissingError
from hannun.generate.generator import DrawSettings
from hannun.generate.opening import open_generator
from hannun.models.backbones import tiny_autoencoder
from hannun.models.diffusion_transformer import Painter, PainterShape
from hannun.models.export.painter import LatentCodec, write_painter
from hannun.models.state_head import StateHead, StateShape
from hannun.prompts.alignment import alignment
from hannun.prompts.student import open_student
from hannun.recipes import korean_diffusion
from hannun.recipes.data import drawn_prompts, parallel
from hannun.recipes.data.drawn_prompts import DrawnSet
from hannun.recipes.korean_diffusion import TINY, aligned, begin_teacher, decoded, paint, projected, taught
from hannun.recipes.skeleton import Training
from hannun.serve.cli.main import run
from hannun.train.steps.diffusion import LatentBatches
from hannun.train.steps.distillation import Distillation, ParallelBatches, losses
from tests.generate import models

WORDS = [("빨간 원피스", "a red dress"), ("파란 코트", "a blue coat"), ("초록 모자", "a green hat"), ("노란 치마", "a yellow skirt")]


def short(**steps: int) -> korean_diffusion.Recipe:
    changed = {f"stages.{k}.steps": str(v) for k, v in steps.items()}
    changed |= {f"stages.{s.name}.batch": "8" for s in TINY.stages} | {"weights.teacher_width": "32", "weights.teacher_layers": "1"}
    return TINY.changed(
        changed | {"weights.inside": "32", "weights.layers": "1", "weights.painter_width": "32", "weights.painter_layers": "1", "ema": "0"}
    )


def shown(count: int = 24) -> DrawnSet:
    """Pictures of products in which colours are pixels, and states that tell the products apart."""
    chosen = [p for p in products() if not held_out(p)][:: 1176 // count][:count]
    rng = np.random.default_rng(0)
    pixels = np.stack([np.full((64, 64, 3), drawn_prompts.COLOURS[p.color].rgb, np.uint8) for p in chosen])
    return DrawnSet(tuple(chosen), pixels, rng.normal(size=(len(chosen), 400)).astype(np.float32))


def test_numbers_say_whose_they_are() -> None:
    for recipe in korean_diffusion.SIZES.values():
        told = {name: origin for name, _, origin in recipe.rows()}
        assert all(o.startswith(("from the source", "ours")) for o in told.values())
    assert korean_diffusion.PAPER.teacher == "openai/clip-vit-large-patch14" and not TINY.teacher


def test_nothing_held_out_is_trained_on() -> None:
    open_ones, held = set(drawn_prompts.prompts(held=False)), set(drawn_prompts.prompts(held=True))
    assert open_ones and held and not open_ones & held and not {e for _, e in open_ones} & {e for _, e in held}
    plan = drawn_prompts.planned(200, 0, held=False)
    assert all(e.split == "train" for e in plan) and all(e.split == "test" for e in drawn_prompts.planned(50, 0, held=True))
    known = parallel.prompts(None)
    assert set(known.train) == {"drawn"} and not set(known.held) & set(known.train["drawn"])


def test_pictures_are_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn_prompts, "CHUNK", 2)
    lines: list[str] = []
    first = drawn_prompts.drawn(tmp_path, 3, 0, False, lines.append)
    assert lines == ["drawn 2 of 3", "drawn 3 of 3"] and len(first) == 3 and first.pixels.shape == (3, 64, 64, 3)
    (tmp_path / "0-open-3-000002.npz").unlink()
    again = drawn_prompts.drawn(tmp_path, 3, 0, False, lines.append)
    assert lines[2:] == ["drawn 3 of 3"] and np.array_equal(first.pixels, again.pixels) and again.products == first.products


def test_the_teacher_learns_what_pictures_show_and_goes_on(tmp_path: Path) -> None:
    lines: list[str] = []
    recipe, some = short(teacher=40), shown(16)
    teacher = taught(recipe, some, Training(recipe, tmp_path, lines.append))
    said = torch.nn.functional.normalize(teacher.states([drawn_prompts.asked(p)[0][1] for p in some.products]).pooled, dim=-1)
    seen = torch.nn.functional.normalize(torch.from_numpy(some.states[:, :384]), dim=-1)
    assert ((said @ seen.T).argmax(1) == torch.arange(16)).float().mean() > 0.6  # by chance 0.06
    again = taught(recipe, some, Training(recipe, tmp_path, lines.append))
    assert any("resumed at step 40" in line for line in lines) and torch.equal(again.states(["red"]).pooled, teacher.states(["red"]).pooled)


def test_the_student_comes_to_read_korean_as_the_teacher_reads_english(tmp_path: Path) -> None:
    recipe, teacher = short(align=60, contrast=5), begin_teacher([b for _, b in WORDS], 32, 1, 0)
    student = aligned(recipe, teacher, {"drawn": WORDS}, Training(recipe, tmp_path, lambda _: None))
    after, before = alignment(student, teacher, WORDS), alignment(teacher, teacher, WORDS)
    assert after["ko→en tokens"].mean() == after["en→en tokens"].mean() == 1 > before["ko→en tokens"].mean()
    assert after["ko tokens"].mean() > 0.6 > before["ko tokens"].mean()
    assert after["ko→en pooled"].mean() == 1 and after["ko pooled"].mean() > 0.6
    student.save(tmp_path / "model")
    assert open_student(tmp_path / "model").teacher == teacher.version
    points = projected({"student": student, "teacher": teacher}, {"ko": [a for a, _ in WORDS], "en": [b for _, b in WORDS]})
    assert set(points) == {"student ko", "student en", "teacher ko", "teacher en"} and all(p.shape == (4, 2) for p in points.values())


def test_the_losses_that_are_asked_for() -> None:
    torch.manual_seed(0)
    head = StateHead(StateShape(6, 4, 3, 8, 1, 2))
    read = torch.randn(8, 5, 6), torch.ones(8, 5, dtype=torch.bool)
    targets = torch.randn(4, 77, 4), torch.randn(4, 3)
    assert set(losses(head, read, targets, Distillation())) == {"tokens", "pooled"}
    assert set(losses(head, read, targets, Distillation(0, 0, 1.0))) == {"contrast"}
    losses(head, read, targets, Distillation(0, 1.0))["pooled"].backward()
    assert head.pooled.weight.grad is not None and head.tokens.weight.grad is None  # a loss on pooled vectors teaches no state
    with pytest.raises(InputError, match="one above"):
        Distillation(0, 0, 0)


def test_streams_are_functions_of_seed_and_number() -> None:
    batches = ParallelBatches({"a": WORDS, "b": [("x", "y")], "none": []}, {"a": 1.0, "b": 3.0, "none": 9.0}, 64, seed=3)
    first, second = batches.next(), batches.next()
    assert first != second and 30 < sum(p == ("x", "y") for p in first) < 62
    batches.restore({"number": 1})
    assert batches.next() == second
    with pytest.raises(InputError, match="no parallel texts"):
        ParallelBatches({"a": []}, {}, 4)
    latents = LatentBatches(torch.arange(6.0).view(6, 1, 1, 1), [["one", "two"]] * 6, 200, empty=0.5, seed=1)
    _, asked, noise, time = latents.next()
    assert {"", "one", "two"} == set(asked) and 60 < asked.count("") < 140 and noise.shape == (200, 1, 1, 1) and len(time) == 200
    latents.restore({"number": 0})
    assert latents.next()[1] == asked
    with pytest.raises(InputError, match="a prompt for each"):
        LatentBatches(torch.zeros(2, 1), [["a"], []], 2)


def test_the_painter_learns_goes_on_and_draws_without_torch(tmp_path: Path) -> None:
    """Two prompts, two colours: after some steps the words decide which is drawn."""
    recipe, some = short(paint=250), shown(2)
    teacher = begin_teacher([b for p in some.products for _, b in drawn_prompts.asked(p)], 32, 1, 0)
    colours = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])[:, :, None, None].expand(-1, -1, 2, 2)
    lines: list[str] = []
    painter = paint(recipe, teacher, colours, some, Training(recipe, tmp_path, lines.append))
    assert painter is not None
    again = paint(recipe, teacher, colours, some, Training(recipe, tmp_path, lines.append))
    assert again is not None and any("resumed at step 250" in line for line in lines)
    encoder, decoder = torch.nn.Conv2d(3, 2, 8, 8), torch.nn.Sequential(torch.nn.Upsample(scale_factor=8), torch.nn.Conv2d(2, 3, 1))
    with torch.no_grad():
        decoder[1].weight.copy_(torch.tensor([[0.25, 0.0], [0.0, 0.25], [0.0, 0.0]])[:, :, None, None])
        decoder[1].bias.fill_(0.5)
    parts = LatentCodec(encoder, decoder, torch.zeros(2), torch.ones(2))
    found = write_painter(tmp_path / "painter", "two", painter, parts, (teacher.network, teacher.tokenizer), None, "")
    assert max(found.values()) < 2e-3 and json.loads((tmp_path / "painter" / "painter.json").read_text())["side"] == 16
    generator = open_generator(tmp_path / "painter")
    texts = [drawn_prompts.asked(p)[0][1] for p in some.products]
    made = generator.generate(texts * 3, 0, DrawSettings(steps=12, guidance=2.0))
    means = [np.asarray(d.picture).mean((0, 1)) for d in made]
    assert all((m[0] > m[1]) == (n % 2 == 0) for n, m in enumerate(means)), means


def test_the_decoder_learns_the_drawings_and_the_latents_stay(tmp_path: Path) -> None:
    """Drawings of one colour each, and latents that are that colour in each cell: a decoder of random weights finds it again."""
    recipe, some = short(decode=60), shown(6)
    latents = torch.from_numpy(some.pixels[:, :8, :8]).permute(0, 3, 1, 2).float() / 255
    latents = torch.cat([latents, latents])
    torch.manual_seed(0)
    decoder = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.Upsample(scale_factor=8))
    parts = LatentCodec(torch.nn.Identity(), decoder, torch.zeros(3), torch.ones(3))
    wanted = torch.from_numpy(korean_diffusion.mirrored(some.pixels)).permute(0, 3, 1, 2) / 255

    def away(codec: LatentCodec) -> float:
        with torch.no_grad():
            return float((codec.decoder(latents) - wanted).abs().mean())

    before = away(parts)
    recipe = recipe.changed({"stages.decode.learning_rate": "0.03"})
    after = decoded(recipe, parts, latents, some, Training(recipe, tmp_path, lambda _: None))
    assert away(after) < before / 4 and after.encoder is parts.encoder and not any(p.requires_grad for p in after.decoder.parameters())
    assert decoded(short(decode=0), parts, latents, some, Training(recipe, tmp_path / "none", lambda _: None)) is parts


def test_a_painter_begins_by_passing_on_nothing() -> None:
    torch.manual_seed(0)
    network = Painter(PainterShape(4, 3, 8, 6, 32, 2, 2))
    out = network(torch.randn(2, 3, 4, 4), torch.rand(2), torch.randn(2, 77, 8), torch.randn(2, 6))
    assert out.shape == (2, 3, 4, 4) and not out.any()


def test_the_tiny_autoencoder_is_read_off_its_weights(tmp_path: Path) -> None:
    block = tiny_autoencoder.LatentBlock(8, 32)
    encoder = {"0.weight": torch.randn(8, 3, 3, 3), "0.bias": torch.zeros(8), "1.weight": torch.randn(8, 8, 3, 3)}
    encoder |= {f"2.{k}": v for k, v in block.state_dict().items()} | {"3.weight": torch.randn(4, 8, 3, 3), "3.bias": torch.zeros(4)}
    torch.save(encoder, tmp_path / tiny_autoencoder.NAMES["encoder"])
    made = tiny_autoencoder.encoder(tmp_path)
    assert made(torch.rand(1, 3, 8, 8)).shape == (1, 4, 4, 4) and not any(p.requires_grad for p in made.parameters())
    with pytest.raises(MissingError, match=r"docs/data\.md"):
        tiny_autoencoder.decoder(tmp_path)
    torch.save({"x": torch.zeros(1)}, tmp_path / tiny_autoencoder.NAMES["decoder"])
    with pytest.raises(InputError, match="no autoencoder of taef2's kind"):
        tiny_autoencoder.decoder(tmp_path)


@pytest.mark.skipif(not Path("../shared/data/vae").is_dir(), reason="the data folder is not here")
def test_the_real_autoencoder_gives_back_what_it_was_given() -> None:
    encoder, decoder = tiny_autoencoder.encoder(Path("../shared/data/vae")), tiny_autoencoder.decoder(Path("../shared/data/vae"))
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    with torch.no_grad():
        latents = encoder(ramp)
        back = decoder(latents)
    assert latents.shape == (1, 32, 8, 8) and (back - ramp).abs().mean() < 0.05


@pytest.fixture(scope="module")
def taught_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "english"
    begin_teacher([b for _, b in WORDS], 32, 1, 0).save(folder)
    return folder


def pairs_file(folder: Path, count: int = 40) -> Path:
    rows = [{"query": f"{a} {n}번", "positive": f"{b} number {n}"} for n in range(count // 4) for a, b in WORDS]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return folder / "pairs.jsonl"


def test_own_pairs_and_a_teacher_by_the_command(taught_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "korean_diffusion", "--pairs", str(pairs_file(tmp_path)), "--to", str(tmp_path / "out")]
    words += [w for n in ("align.steps=2", "align.batch=8", "contrast.steps=0") for w in ("--set", f"stages.{n}")] + [
        "--set",
        "weights.inside=32",
        "--set",
        "weights.layers=1",
    ]
    assert run(words) == 1 and "name the text model that they are to be read for: --teacher FOLDER" in capsys.readouterr().err
    assert run([*words, "--teacher", str(taught_folder)]) == 0
    told = capsys.readouterr()
    assert "held-out pairs" in told.out and "ko→en tokens" in told.out
    student = open_student(tmp_path / "out" / "model")
    assert student.states(["빨간 원피스"]).tokens.shape == (1, 77, 32)
    again = [
        *words[:4],
        "--to",
        str(tmp_path / "more"),
        *words[6:],
        "--teacher",
        str(taught_folder),
        "--start",
        str(tmp_path / "out" / "model"),
    ]
    assert run(again) == 0


def test_what_a_teacher_may_not_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "korean_diffusion", "--pairs", str(pairs_file(tmp_path)), "--to", str(tmp_path / "out"), "--teacher"]
    assert run([*words, str(tmp_path / "gone")]) == 1 and "no such folder" in capsys.readouterr().err
    assert run(["train", "kelip", "--teacher", "x"]) == 1 and "kelip distils nothing" in capsys.readouterr().err
    begin_teacher([], 32, 1, 0).save(tmp_path / "t")
    wide = models.student(tmp_path / "wide", 48, 384)
    assert run([*words, str(tmp_path / "t"), "--start", str(wide)]) == 1
    assert "gives states of 48 values, and the teacher's have 32" in capsys.readouterr().err
