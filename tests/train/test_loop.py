"""The training loop: schedule, resume, refusal of a loss that is not finite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")

from hannun.errors import HannunError  # noqa: E402
from hannun.train.loop import Schedule, parameters, rate, train  # noqa: E402


def test_rate_warms_up_then_falls_by_half_a_cosine() -> None:
    s = Schedule(steps=12, warmup=1 / 6)  # two steps of warm-up, ten of cosine
    assert [rate(0, s), rate(1, s), rate(2, s), rate(7, s)] == pytest.approx([0.5, 1.0, 1.0, 0.5])
    assert rate(12, s) == pytest.approx(0.0)


def test_only_matrices_decay() -> None:
    decayed, free = parameters(torch.nn.Linear(3, 2), 0.1)
    assert [p.shape for p in decayed["params"]] == [(2, 3)] and decayed["weight_decay"] == 0.1  # type: ignore[attr-defined]
    assert [p.shape for p in free["params"]] == [(2,)] and free["weight_decay"] == 0.0  # type: ignore[attr-defined]


def step(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
    x = torch.randn(4, 3)  # from the loop's own generator: a resumed run must see the same numbers
    return {"square": ((module(x) - x.sum(1, keepdim=True)) ** 2).mean()}


def fresh() -> torch.nn.Module:
    torch.manual_seed(1)
    return torch.nn.Linear(3, 1)


def test_a_killed_run_ends_where_an_unbroken_one_does(tmp_path: Path) -> None:
    schedule = Schedule(steps=8, save_every=3, log_every=2, ema=0.9, seed=5)
    whole = train(fresh(), step, schedule, tmp_path / "whole", lambda _: None)

    def killed(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
        if number == 5:
            raise KeyboardInterrupt
        return step(module, number)

    with pytest.raises(KeyboardInterrupt):
        train(fresh(), killed, schedule, tmp_path / "broken", lambda _: None)
    told: list[str] = []
    resumed = train(fresh(), step, schedule, tmp_path / "broken", told.append)
    assert told[0] == "resumed at step 3"
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)
    rows = [json.loads(x) for x in (tmp_path / "whole/log.jsonl").read_text().splitlines()]
    assert [r["step"] for r in rows] == [2, 4, 6, 8] and all("square" in r for r in rows)


def test_a_loss_that_is_not_finite_stops_and_names_its_step(tmp_path: Path) -> None:
    def broken(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
        return {"square": step(module, number)["square"] * (float("nan") if number == 2 else 1)}

    with pytest.raises(HannunError, match="step 2 is not finite"):
        train(fresh(), broken, Schedule(steps=4, save_every=1), tmp_path, lambda _: None)
    assert torch.load(tmp_path / "last.pt", weights_only=False)["step"] == 2
