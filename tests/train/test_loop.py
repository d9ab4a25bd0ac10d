"""The training loop: schedule, resume, refusal of a loss that is not finite."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import child

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")

from hannun.errors import HannunError, InputError, StorageError  # noqa: E402
from hannun.train.loop import train  # noqa: E402
from hannun.train.run import Moment  # noqa: E402
from hannun.train.schedule import Schedule, parameters  # noqa: E402


def test_a_part_learns_at_its_share_of_the_rate(tmp_path: Path) -> None:
    torch.manual_seed(1)
    module = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 1))
    before = [p.detach().clone() for p in module.parameters()]
    schedule = Schedule(steps=1, learning_rate=1e-2, warmup=0, weight_decay=0, rates={"0": 0.1})
    train(module, step, schedule, tmp_path, lambda _: None)
    moved = [float((p.detach() - q).abs().max()) for p, q in zip(module.parameters(), before, strict=True)]
    assert moved == pytest.approx([1e-3, 1e-3, 1e-2, 1e-2], rel=1e-2)  # Adam's first step is the rate, whatever the gradient
    with pytest.raises(InputError, match=r"rates\.2 came"):
        parameters(module, 0.0, {"2": 0.1})


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
    assert torch.load(tmp_path / "last.pt", weights_only=True)["step"] == 2


def test_accumulated_calls_make_the_update_of_their_mean(tmp_path: Path) -> None:
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))

    def part(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
        rows = x[4 * (number % 2) : 4 * (number % 2) + 4]
        return {"square": (module(rows) ** 2).mean()}

    def whole(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
        return {"square": (module(x) ** 2).mean()}

    one = train(fresh(), whole, Schedule(3), tmp_path / "one", lambda _: None)
    two = train(fresh(), part, Schedule(3, accumulate=2), tmp_path / "two", lambda _: None)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a, b)


class Stream:
    """A batch is the next whole number."""

    def __init__(self) -> None:
        self.at = 0

    def next(self) -> int:
        self.at += 1
        return self.at

    def state(self) -> dict[str, Any]:
        return {"at": self.at}

    def restore(self, state: Any) -> None:
        self.at = state["at"]

    def __str__(self) -> str:
        return f"no. {self.at}"


def test_the_stream_of_batches_is_resumed_too(tmp_path: Path) -> None:
    seen: list[int] = []

    def run(stop: int) -> None:
        stream = Stream()

        def go(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
            if number == stop:
                raise KeyboardInterrupt
            seen.append(stream.next())
            return step(module, number)

        train(fresh(), go, Schedule(6, save_every=2), tmp_path, lambda _: None, batches=stream)

    with pytest.raises(KeyboardInterrupt):
        run(3)
    run(-1)
    assert seen == [1, 2, 3, 3, 4, 5, 6]  # batch 3 came after the checkpoint


def test_a_loss_or_gradient_that_is_not_finite_names_the_batch(tmp_path: Path) -> None:
    stream = Stream()

    def broken(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
        stream.next()
        loss = step(module, number)["square"]
        return {"root": loss + (torch.sqrt(0 * loss) if number == 2 else 0)}  # finite, and infinite in its gradient

    with pytest.raises(HannunError, match=r"gradient at step 2 is not finite, batch no. 3; .*last\.pt holds the last good step"):
        train(fresh(), broken, Schedule(4, save_every=1), tmp_path, lambda _: None, batches=stream)
    with pytest.raises(HannunError, match="no checkpoint had been written yet"):
        train(fresh(), lambda m, n: {"x": m.weight.sum() * float("inf")}, Schedule(4), tmp_path / "other", lambda _: None)


def test_it_stops_early_and_returns_the_best(tmp_path: Path) -> None:
    figures = iter([0.1, 0.5, 0.4, 0.3, 0.2])
    states: list[torch.Tensor] = []

    def validate(module: torch.nn.Module) -> float:
        assert not module.training
        states.append(next(module.parameters()).detach().clone())
        return next(figures)

    told: list[str] = []
    schedule = Schedule(50, validate_every=2, patience=2, save_every=100)
    best = train(fresh(), step, schedule, tmp_path, told.append, validate=validate)
    assert len(states) == 4 and torch.equal(next(best.parameters()), states[1])
    assert told[-1] == "stopped at step 8: no better validation 2 times"
    again = train(fresh(), step, schedule, tmp_path, told.append, validate=validate)  # it stays stopped, and the best stays the best
    assert len(states) == 4 and torch.equal(next(again.parameters()), states[1])


def test_validating_changes_nothing_else(tmp_path: Path) -> None:
    def validate(module: torch.nn.Module) -> float:
        return float(torch.rand(()))

    plain = train(fresh(), step, Schedule(6), tmp_path / "a", lambda _: None)
    watched = train(fresh(), step, Schedule(6, validate_every=6), tmp_path / "b", lambda _: None, validate=validate)
    for a, b in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(a, b)


def test_logs_and_the_report(tmp_path: Path) -> None:
    moments: list[Moment] = []
    train(fresh(), step, Schedule(6, log_every=2, save_every=2), tmp_path, lambda _: None, watch=moments.append, validate=None)
    assert [m.step for m in moments] == [1, 2, 3, 4, 5, 6] and moments[-1].left == 0 and moments[0].loss > 0
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.count("<polyline") == 4 and "learning_rate" in page and "<script" not in page and "http" not in page
    pytest.importorskip("tensorboard", reason="tensorboard is in the [train] extra")
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_rows_of_the_log_that_are_made_again_are_there_once(tmp_path: Path) -> None:
    def killed(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
        if number == 5:
            raise KeyboardInterrupt
        return step(module, number)

    with pytest.raises(KeyboardInterrupt):
        train(fresh(), killed, Schedule(8, save_every=3, log_every=1), tmp_path, lambda _: None)
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 6, "lo')  # as a killed process leaves it
    train(fresh(), step, Schedule(8, save_every=3, log_every=1), tmp_path, lambda _: None)
    assert [json.loads(x)["step"] for x in (tmp_path / "log.jsonl").read_text().splitlines()] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_bf16_runs_and_keeps_weights_in_fp32(tmp_path: Path) -> None:
    kinds = set()

    def go(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
        out = module(torch.randn(4, 3))
        kinds.add(out.dtype)
        return {"square": (out.float() ** 2).mean()}

    done = train(fresh(), go, Schedule(2, precision="bf16"), tmp_path, lambda _: None)
    assert kinds == {torch.bfloat16} and {p.dtype for p in done.parameters()} == {torch.float32}


def test_what_is_frozen_is_neither_trained_nor_saved(tmp_path: Path) -> None:
    def two() -> torch.nn.Module:
        torch.manual_seed(1)
        both = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 1))
        both[0].requires_grad_(False)
        return both

    done = train(two(), step, Schedule(4, save_every=2, ema=0.5), tmp_path, lambda _: None)
    saved = torch.load(tmp_path / "last.pt", weights_only=True)
    assert set(saved["module"]) == {"1.weight", "1.bias"} == set(saved["average"])
    assert torch.equal(done[0].weight, two()[0].weight) and not torch.equal(done[1].weight, two()[1].weight)
    with pytest.raises(InputError, match="without a trainable parameter"):
        train(two().requires_grad_(False), step, Schedule(4), tmp_path / "none", lambda _: None)
    with pytest.raises(InputError, match="is of another model"):
        train(torch.nn.Sequential(torch.nn.Linear(3, 7), torch.nn.Linear(7, 1)), step, Schedule(9), tmp_path, lambda _: None)


def test_adapters_of_peft_are_trained_alone(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="peft is in the [train] extra")
    torch.manual_seed(1)
    model = peft.get_peft_model(
        torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1)), peft.LoraConfig(r=2, target_modules=["0"])
    )
    train(model, step, Schedule(3), tmp_path, lambda _: None)
    assert all("lora" in k for k in torch.load(tmp_path / "last.pt", weights_only=True)["module"])


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(StorageError, match=r"last\.pt: cannot be read"):
        train(fresh(), step, Schedule(2), tmp_path, lambda _: None)


class Runs:
    """What a pickle may carry: unpickled, it makes a file."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.made),)


def test_a_checkpoint_that_would_run_is_refused(tmp_path: Path) -> None:
    torch.save({"module": Runs(tmp_path / "ran"), "step": 1}, tmp_path / "last.pt")
    with pytest.raises(
        StorageError, match=r"last\.pt: cannot be read .*posix\.mkdir, which is no data and could run\); delete it"
    ) as refused:
        train(fresh(), step, Schedule(2), tmp_path, lambda _: None)
    assert not (tmp_path / "ran").exists() and "\n" not in str(refused.value)


def test_a_checkpoint_of_before_is_gone_on_with(tmp_path: Path) -> None:
    """NumPy's random numbers used to be stored as its own array."""
    schedule = Schedule(6, save_every=3, seed=5)

    def drawn(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
        x = torch.from_numpy(np.random.random((4, 3)).astype(np.float32))
        if number == 3 and stop:
            raise KeyboardInterrupt
        return {"square": (module(x) ** 2).mean()}

    stop = False
    whole = train(fresh(), drawn, schedule, tmp_path / "whole", lambda _: None)
    stop = True
    with pytest.raises(KeyboardInterrupt):
        train(fresh(), drawn, schedule, tmp_path / "old", lambda _: None)
    stop = False
    saved = torch.load(tmp_path / "old" / "last.pt", weights_only=True)
    kind, keys, *rest = saved["random"]["numpy"]
    torch.save(
        {**saved, "random": {**saved["random"], "numpy": (kind, keys.numpy().astype(np.uint32), *rest)}}, tmp_path / "old" / "last.pt"
    )
    resumed = train(fresh(), drawn, schedule, tmp_path / "old", lambda _: None)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_full_disk_keeps_the_last_checkpoint(disk: Callable[[str], Path]) -> None:
    place = disk("1m")

    def go(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
        if number == 4:
            filled(place)
        return step(module, number)

    with pytest.raises(StorageError, match=r"last\.pt: cannot be written .*what was there before is kept; free some space"):
        train(fresh(), go, Schedule(9, save_every=3), place / "run", lambda _: None)
    assert torch.load(place / "run" / "last.pt", weights_only=True)["step"] == 3 and not list((place / "run").glob("*.part"))
    (place / "filler").unlink()
    told: list[str] = []
    train(fresh(), step, Schedule(9, save_every=3), place / "run", told.append)
    assert told[0] == "resumed at step 3"


def filled(place: Path) -> None:
    """Fill the disk to the last byte."""
    try:
        with (place / "filler").open("ab") as f:
            while True:
                f.write(b"0" * 4096)
                f.flush()
    except OSError:
        return


KILLED = """
import sys, time, torch
from pathlib import Path
from hannun.train.loop import train
from hannun.train.schedule import Schedule
from tests.train.test_loop import fresh, step
slow = float(sys.argv[2])
def go(module, number):
    time.sleep(slow)
    return step(module, number)
train(fresh(), go, Schedule(40, save_every=4, log_every=4, ema=0.9, seed=5), Path(sys.argv[1]), lambda _: None)
"""


def test_kill_9_loses_at_most_an_interval(tmp_path: Path) -> None:
    whole = train(fresh(), step, Schedule(40, save_every=4, log_every=4, ema=0.9, seed=5), tmp_path / "whole", lambda _: None)
    folder = tmp_path / "killed"
    process = child("-c", KILLED, str(folder), "0.05")
    until = time.monotonic() + 60
    while time.monotonic() < until and not (folder / "last.pt").exists():
        time.sleep(0.05)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    reached = [json.loads(x)["step"] for x in (folder / "log.jsonl").read_text().splitlines()][-1]
    saved = torch.load(folder / "last.pt", weights_only=True)["step"]
    assert 4 <= saved < 40 and reached - saved <= 4
    told: list[str] = []
    resumed = train(fresh(), step, Schedule(40, save_every=4, log_every=4, ema=0.9, seed=5), folder, told.append)
    assert told[0] == f"resumed at step {saved}"
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)  # to the bit


def test_small_steps_reach_a_bf16_checkpoint_only_through_fp32_weights(tmp_path: Path) -> None:
    """30 steps at 1e-5 move a weight by 3e-4 at most; bfloat16 holds 8 bits, so a weight of 0.1 moves by 4.9e-4 or not at all."""

    schedules = {p: Schedule(30, 1e-5, warmup=0, weight_decay=0, precision=p) for p in ("bf16", "pure-bf16")}
    shares = {}
    for precision, schedule in schedules.items():
        torch.manual_seed(0)
        module = torch.nn.Linear(64, 64, dtype=torch.bfloat16)
        before = module.weight.detach().float().clone()

        def go(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
            x = torch.randn(16, 64)
            return {"square": ((module(x).float() - x.flip(1)) ** 2).mean()}

        done = train(module, go, schedule, tmp_path / precision, lambda _: None)
        shares[precision] = float((done.weight.float() == before).float().mean())
    assert shares["pure-bf16"] > 0.5 and shares["bf16"] < 0.01
