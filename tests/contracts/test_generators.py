"""The contract of every generator: sizes, the same seed twice, batches, pictures that are changed, notes, and what is refused."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")

from hannun.errors import InputError
from hannun.generate.generator import DrawSettings, Generator
from hannun.generate.opening import open_generator
from tests.generate import models

FEW = DrawSettings(steps=2, guidance=3.0)
ASKED = ["a red dress", "빨간 원피스"]


@pytest.fixture(scope="module", params=["stable diffusion", "stable diffusion, student", "painter", "painter, english"])
def generator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator:
    folder = tmp_path_factory.mktemp("generator")
    if request.param.startswith("painter"):
        return open_generator(models.painter(folder / "p"), english="english" in request.param)
    pytest.importorskip("diffusers", reason="diffusers is in the [imagine] extra")
    text = models.student(folder / "s", 32, 32) if "student" in request.param else None
    return open_generator(models.stable(folder / "sd"), text)


def apart(a: PIL.Image.Image, b: PIL.Image.Image) -> int:
    return int(np.abs(np.asarray(a, np.int16) - np.asarray(b, np.int16)).max())


def test_a_picture_of_its_size_for_each_text_with_seeds_counted_on(generator: Generator) -> None:
    steps: list[tuple[int, int]] = []
    made = generator.generate(ASKED, 5, FEW, None, lambda done, of: steps.append((done, of)))
    assert [(d.prompt, d.seed, d.picture.size, d.picture.mode) for d in made] == [
        (t, 5 + n, generator.sides, "RGB") for n, t in enumerate(ASKED)
    ]
    assert steps[-1][0] == steps[-1][1] and len(steps) == len(set(steps)) and not any(d.notes for d in made)


def test_the_same_arguments_give_the_same_pictures_whatever_is_drawn_beside(generator: Generator) -> None:
    first, second = generator.generate(ASKED, 5, FEW)
    again, one = generator.generate(ASKED, 5, DrawSettings(steps=2, guidance=3.0, together=1))
    (alone,) = generator.generate(ASKED[1:], 6, FEW)
    assert (
        apart(first.picture, again.picture) <= 1 and apart(second.picture, one.picture) <= 1 and apart(second.picture, alone.picture) <= 1
    )
    (other,) = generator.generate(ASKED[1:], 7, FEW)
    assert apart(alone.picture, other.picture) > 1


@pytest.mark.parametrize("changed", [{"guidance": 12.0}, {"steps": 4}, {"negative": "a blue coat", "guidance": 12.0}])
def test_settings_count(generator: Generator, changed: dict[str, float | str]) -> None:
    before = DrawSettings(steps=2, guidance=12.0 if "negative" in changed else 1.0)
    (a,), (b,) = (generator.generate(ASKED[:1], 3, s) for s in (before, DrawSettings(**{"steps": 2, **changed})))  # type: ignore[arg-type]
    assert apart(a.picture, b.picture) > 0


def test_every_scheduler_draws_and_an_unknown_one_is_refused(generator: Generator) -> None:
    for name in generator.schedulers:
        (made,) = generator.generate(ASKED[:1], 0, DrawSettings(steps=3, scheduler=name))
        assert made.picture.size == generator.sides
    with pytest.raises(InputError, match=r"did you mean|known:"):
        generator.generate(ASKED[:1], 0, DrawSettings(scheduler=generator.schedulers[0] + "x"))


def test_a_picture_is_changed_by_its_strength(generator: Generator) -> None:
    start = PIL.Image.effect_noise(generator.sides, 80).convert("RGB")
    slight, whole, again = (generator.generate(ASKED[:1], 1, DrawSettings(steps=4, strength=s), start)[0].picture for s in (0.3, 1.0, 0.3))
    assert slight.size == start.size and apart(slight, again) <= 1 and apart(slight, whole) > 1


def test_a_long_prompt_says_what_was_left_out(generator: Generator) -> None:
    (made,) = generator.generate(["a red dress " * 40 + "마지막"], 0, FEW)
    assert "77 of" in made.notes[0] and "left out" in made.notes[0]


def test_the_version_names_it(generator: Generator) -> None:
    assert generator.version.startswith(f"{generator.name}@")
