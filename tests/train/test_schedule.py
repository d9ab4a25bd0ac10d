"""The rate's curves, the groups of parameters, and what a recipe says of a run."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")

from hannun.errors import InputError  # noqa: E402
from hannun.recipe import Recipe, Stage  # noqa: E402
from hannun.train.schedule import Schedule, parameters, rate  # noqa: E402


def test_rate_warms_up_then_falls_by_half_a_cosine() -> None:
    s = Schedule(steps=12, warmup=1 / 6)  # two steps of warm-up, ten of cosine
    assert [rate(0, s), rate(1, s), rate(2, s), rate(7, s)] == pytest.approx([0.5, 1.0, 1.0, 0.5])
    assert rate(12, s) == pytest.approx(0.0)


def test_only_matrices_decay() -> None:
    decayed, free = parameters(torch.nn.Linear(3, 2), 0.1)
    assert [p.shape for p in decayed["params"]] == [(2, 3)] and decayed["weight_decay"] == 0.1  # type: ignore[attr-defined]
    assert [p.shape for p in free["params"]] == [(2,)] and free["weight_decay"] == 0.0  # type: ignore[attr-defined]


def test_rsqrt_and_constant_curves() -> None:
    s = Schedule(steps=100, warmup=0.04, curve="rsqrt")  # four steps of warm-up
    assert [rate(n, s) for n in (3, 15, 63)] == pytest.approx([1.0, math.sqrt(4 / 16), math.sqrt(4 / 64)])
    assert rate(99, Schedule(steps=100, curve="constant")) == 1.0
    with pytest.raises(InputError, match="curve='cosin' came; did you mean 'cosine'"):
        Schedule(steps=3, curve="cosin")
    with pytest.raises(InputError, match="steps=0"):
        Schedule(steps=0)


def test_a_recipe_says_how_its_run_goes() -> None:
    recipe = Recipe("x", {"a": 1.0}, frozenset(), 100, 8, 1e-3, (4,), ema=0.9, seed=3, warmup=0.1, curve="rsqrt", weight_decay=0.2,
                    precision="bf16", rates={"text": 0.5})  # fmt: skip
    said = Schedule.of(recipe)
    assert said == Schedule(100, 1e-3, 0.1, 0.2, ema=0.9, seed=3, curve="rsqrt", precision="bf16", rates={"text": 0.5})
    stage = Schedule.of(recipe, Stage("long", {"a": 1.0}, 7, 2, 1e-4))
    assert (stage.steps, stage.learning_rate, stage.curve) == (7, 1e-4, "rsqrt")
