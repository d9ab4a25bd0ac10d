"""A module, a step and a recipe's numbers go in; the trained module (its moving average, if asked for) comes out.

A step is a function (module, step number) → named losses; the loop adds them up. Checkpoints are written whole or not at all, and
a run that was killed goes on from the last one with the same random numbers.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from hannun.errors import HannunError

Step = Callable[[nn.Module, int], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Schedule:
    """How a run goes: `warmup` is a share of `steps`; `ema` 0 keeps no average; a checkpoint every `save_every` steps."""

    steps: int
    learning_rate: float = 1e-3
    warmup: float = 0.05
    weight_decay: float = 0.05
    clip: float = 1.0
    ema: float = 0.0
    seed: int = 0
    log_every: int = 50
    save_every: int = 500


def rate(step: int, schedule: Schedule) -> float:
    """The share of the learning rate at a step: linear warm-up, then half a cosine down to 0 (Loshchilov and Hutter 2017)."""
    warm = max(1, round(schedule.warmup * schedule.steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, schedule.steps - warm)))


def parameters(module: nn.Module, decay: float) -> list[dict[str, object]]:
    """Two groups for the optimiser: matrices decay, everything of fewer than two dimensions does not."""
    trained = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]


def train(module: nn.Module, step: Step, schedule: Schedule, folder: Path, tell: Callable[[str], None] = print) -> nn.Module:
    """Run the schedule, write `log.jsonl` and `last.pt` into `folder`; an existing `last.pt` is continued.

    Raises HannunError at the first loss that is not finite, naming the step; the last good checkpoint is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    accelerator = Accelerator()
    optimiser = torch.optim.AdamW(parameters(module, schedule.weight_decay), lr=schedule.learning_rate, betas=(0.9, 0.98))
    module, optimiser = accelerator.prepare(module, optimiser)
    bare = accelerator.unwrap_model(module)
    average = {k: v.detach().clone() for k, v in bare.state_dict().items()} if schedule.ema else None
    start, checkpoint = 0, folder / "last.pt"
    _seed(schedule.seed)
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=accelerator.device, weights_only=False)
        bare.load_state_dict(saved["module"])
        optimiser.load_state_dict(saved["optimiser"])
        average, start = saved["average"], saved["step"]
        _restore(saved["random"])
        tell(f"resumed at step {start}")
    elif (folder / "log.jsonl").exists():
        (folder / "log.jsonl").unlink()
    begun, sums, count = time.monotonic(), {}, 0  # type: ignore[var-annotated]
    module.train()
    for number in range(start, schedule.steps):
        for group in optimiser.param_groups:
            group["lr"] = schedule.learning_rate * rate(number, schedule)
        losses = step(module, number)
        total = torch.stack([*losses.values()]).sum()
        if not torch.isfinite(total):
            named = {k: float(v.detach()) for k, v in losses.items()}
            raise HannunError(
                f"the loss at step {number} is not finite ({named}); lower the learning rate. {checkpoint} holds the last good step"
            )
        optimiser.zero_grad(set_to_none=True)
        accelerator.backward(total)
        if schedule.clip:
            accelerator.clip_grad_norm_(module.parameters(), schedule.clip)
        optimiser.step()
        if average is not None:
            _follow(average, bare, min(schedule.ema, (number + 1) / (number + 10)))
        count += 1
        for k, v in {**losses, "loss": total}.items():
            sums[k] = sums.get(k, 0.0) + float(v.detach())
        if (number + 1) % schedule.log_every == 0 or number + 1 == schedule.steps:
            speed = (number + 1 - start) / (time.monotonic() - begun)
            mean = {k: round(v / count, 4) for k, v in sums.items()}
            tell(f"step {number + 1}/{schedule.steps}  {mean}  {speed:.2f} steps/s  {(schedule.steps - number - 1) / speed:.0f} s left")
            with (folder / "log.jsonl").open("a") as log:
                log.write(
                    json.dumps(
                        {
                            "step": number + 1,
                            "rate": rate(number, schedule) * schedule.learning_rate,
                            "steps_per_second": round(speed, 3),
                            **mean,
                        }
                    )
                    + "\n"
                )
            sums, count = {}, 0
        if (number + 1) % schedule.save_every == 0 or number + 1 == schedule.steps:
            state = {"module": bare.state_dict(), "optimiser": optimiser.state_dict(), "average": average, "step": number + 1}
            _save({**state, "random": _randomness(), "schedule": asdict(schedule)}, checkpoint)
    if average is not None:
        bare.load_state_dict(average)
    return bare.eval()


def _follow(average: dict[str, Tensor], module: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for k, v in module.state_dict().items():
            if v.dtype.is_floating_point:
                average[k].lerp_(v, 1 - decay)
            else:
                average[k].copy_(v)


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _randomness() -> dict[str, object]:
    return {"python": random.getstate(), "numpy": np.random.get_state(), "torch": torch.get_rng_state()}


def _restore(state: dict[str, object]) -> None:
    random.setstate(state["python"])  # type: ignore[arg-type]
    np.random.set_state(state["numpy"])  # type: ignore[arg-type]
    torch.set_rng_state(state["torch"])


def _save(state: dict[str, object], path: Path) -> None:
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)
