"""What a checkpoint holds and refuses: another schedule or recipe, a teacher that a hook moves, the record of what was trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")

from hannun.errors import InputError  # noqa: E402
from hannun.item import Item, Pair, Text  # noqa: E402
from hannun.recipe import Recipe  # noqa: E402
from hannun.seen import text_hash  # noqa: E402
from hannun.train.batches import Mixture, from_pairs  # noqa: E402
from hannun.train.loop import train  # noqa: E402
from hannun.train.schedule import Schedule  # noqa: E402
from hannun.train.settled import settle  # noqa: E402
from hannun.train.steps.contrastive import Contrast, contrastive  # noqa: E402
from tests.train.network import Net  # noqa: E402


def quiet(_: str) -> None:
    return


class Taught(torch.nn.Module):  # type: ignore[misc]
    """A layer, and a frozen teacher of it that follows it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.student, self.teacher, self.still = (torch.nn.Linear(3, 1) for _ in range(3))
        self.teacher.requires_grad_(False)
        self.still.requires_grad_(False)

    def follow(self) -> None:
        for slow, fast in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            slow.lerp_(fast, 0.1)


def step(module: Taught, number: int) -> dict[str, torch.Tensor]:
    x = torch.randn(4, 3)
    return {"apart": ((module.student(x) - module.teacher(x) - 1) ** 2).mean()}


def killed(module: Taught, number: int) -> dict[str, torch.Tensor]:
    if number == 5:
        raise KeyboardInterrupt
    return step(module, number)


def test_another_schedule_is_refused_and_what_differs_is_said(tmp_path: Path) -> None:
    train(Taught(), step, Schedule(4, save_every=2), tmp_path, quiet)
    with pytest.raises(InputError, match=r"another schedule \(steps 4 → 100; betas \(0\.9, 0\.98\) → \(0\.9, 0\.999\)\); give that one"):
        train(Taught(), step, Schedule(100, betas=(0.9, 0.999)), tmp_path, quiet)
    train(Taught(), step, Schedule(4, save_every=3, log_every=1), tmp_path, quiet)  # how often it speaks is free


def test_a_teacher_that_a_hook_moves_is_saved(tmp_path: Path) -> None:
    schedule = Schedule(8, 1e-2, save_every=3)
    numbers: list[int] = []

    def after(module: Taught, number: int) -> None:
        numbers.append(number)
        module.follow()

    whole = train(Taught(), step, schedule, tmp_path / "whole", quiet, after=after)
    assert numbers == list(range(8))
    with pytest.raises(KeyboardInterrupt):
        train(Taught(), killed, schedule, tmp_path / "broken", quiet, after=after)
    saved = torch.load(tmp_path / "broken/last.pt", weights_only=True)
    assert {k.partition(".")[0] for k in saved["module"]} == {"student", "teacher"}  # what stands still is not saved
    resumed = train(Taught(), step, schedule, tmp_path / "broken", quiet, after=after)
    assert not torch.equal(resumed.teacher.weight, Taught().teacher.weight)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def pairs(words: list[str]) -> list[Pair]:
    return [
        Pair(Item(w, (Text(f"{w} 하나 둘"),)), Item(w + "x", (Text(f"{w} 셋 넷"),)), (Item(w + "n", (Text(f"{w} 아닌 것"),)),))
        for w in words
    ]


def test_what_was_trained_on_is_known_over_stages_and_kills(tmp_path: Path) -> None:
    net = Net()

    def stage(words: list[str], name: str, stop: int = -1) -> None:
        mixture = Mixture([from_pairs("s", pairs(words))], 2)
        own = contrastive(mixture, Contrast())

        def go(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
            if number == stop:
                raise KeyboardInterrupt
            return dict(own(module, number))

        train(net, go, Schedule(3, save_every=1), tmp_path / name, quiet, batches=mixture)

    with pytest.raises(KeyboardInterrupt):
        stage(["가", "나", "다", "라"], "one", stop=1)
    stage(["가", "나", "다", "라"], "one")
    stage(["마", "바"], "two")
    assert len(net.trained_on) == 3 * 6
    for word in "가나다라마바":
        assert all(net.trained_on.holds(text_hash(f"{word} {rest}")) for rest in ("하나 둘", "셋 넷", "아닌 것"))


def test_another_recipe_is_refused(tmp_path: Path) -> None:
    recipe = Recipe("r", {"a": 1.0}, frozenset(), 10, 4, 1e-3, (8,), weights={"late": 0.5})
    settle(tmp_path, recipe)
    settle(tmp_path, replace(recipe, steps=20))  # nothing has been trained yet
    (tmp_path / "run").mkdir()
    (tmp_path / "run/last.pt").touch()
    settle(tmp_path, replace(recipe, steps=20, about="said otherwise"))
    with pytest.raises(
        InputError, match=r'other settings \(weights \{"late": 0.5\} → \{"late": 0.1\}; temperature 0.07 → 0.1\)|temperature'
    ):
        settle(tmp_path, replace(recipe, steps=20, weights={"late": 0.1}, temperature=0.1))
