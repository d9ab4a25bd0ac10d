"""A module, a step and a schedule go in; the trained module (its moving average or its best state, if asked for) comes out.

A step is a function (module, number) → named losses; the loop adds them up. Checkpoints are written whole or not at all, and
a run that was killed goes on from the last one with the same random numbers and the same batches.

    FOLDER/last.pt       where to go on      FOLDER/best.pt   the best state, when validating
    FOLDER/log.jsonl     one row per interval  FOLDER/tensorboard/  the same for TensorBoard, where it is installed
    FOLDER/report.html   curves, at the end
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from hannun.errors import HannunError, InputError, StorageError
from hannun.processes import world
from hannun.train.compiled import compiled
from hannun.train.distributed import alike, averaged, clipped, sharded
from hannun.train.run import Moment, Resumable, Run
from hannun.train.schedule import Schedule, parameters, rate

Step = Callable[[nn.Module, int], Mapping[str, Tensor]]
After = Callable[[nn.Module, int], None]


# This function is long because it is the loop: what happens in one update, in its order, with nothing between that must be looked up.
def train(
    module: nn.Module,
    step: Step,
    schedule: Schedule,
    folder: Path,
    tell: Callable[[str], None] = print,
    *,
    batches: Resumable | None = None,
    validate: Callable[[nn.Module], float] | None = None,
    watch: Callable[[Moment], None] | None = None,
    after: After | None = None,
) -> nn.Module:
    """Run the schedule; an existing `last.pt` in `folder` is continued.

    Args:
        module: what is trained; parameters that want no gradient are saved where `after` moves them.
        step: (module, number of the call) → named losses, which are added up.
        schedule: the numbers.
        folder: where checkpoints, logs and the report go.
        tell: gets a line now and then. Of several processes the first one's is called, and its `watch`.
        batches: where the step takes its batches from, saved and restored with the checkpoints.
        validate: the module in eval mode → a figure, higher is better. The best state is kept and returned.
        watch: told of every update, for a progress bar.
        after: (module, number of the update), called when the weights have moved: a momentum teacher follows, a queue takes in keys.

    Raises:
        InputError: the folder holds a run of another model or schedule; the message says what differs.
        HannunError: a loss or gradient is not finite; the message names the step and batch, the last good checkpoint is kept.
        StorageError: the disk is full; the last checkpoint is kept.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise StorageError(f"{folder}: cannot be made ({e.strerror or e})") from None
    if not any(p.requires_grad for p in module.parameters()):
        raise InputError("a module without a trainable parameter came, expected at least one; unfreeze some")
    accelerator = Accelerator()
    if _sharded(accelerator):
        raise InputError("a launch with accelerate's own FSDP or DeepSpeed came; launch with torchrun, and give Schedule(sharding='full')")
    if world()[0]:
        tell, watch = _nothing, None
    compiled(module, schedule.compile, tell)
    optimiser, groups, divides = _prepared(module, schedule, accelerator)
    run = Run(module, optimiser, schedule, folder, batches, accelerator.device, tell)
    run.resume()
    begun, last = time.monotonic(), run.start
    module.train()
    for number in range(run.start, schedule.steps):
        if run.stopped:
            break
        for group, made in zip(optimiser.param_groups, groups, strict=True):
            group["lr"] = schedule.learning_rate * made["share"] * rate(number, schedule)
        total = _gradients(module, step, number, schedule, accelerator, run, divides)
        optimiser.step()
        if after is not None:
            with torch.no_grad():
                after(module, number)
        run.follow(number)
        done = number + 1
        speed = (done - last) / max(time.monotonic() - begun, 1e-9)
        if watch is not None:
            watch(Moment(done, schedule.steps, total, speed, (schedule.steps - done) / speed))
        if done % schedule.log_every == 0 or done == schedule.steps:
            run.log(done, speed)
        if validate is not None and schedule.validate_every and (done % schedule.validate_every == 0 or done == schedule.steps):
            run.judge(done, validate, module)
        if done % schedule.save_every == 0 or done == schedule.steps or run.stopped:
            run.save(done)
    run.finish()
    return module.eval()


def _nothing(line: str) -> None:
    """Where lines go that another process tells."""


def _prepared(module: nn.Module, schedule: Schedule, accelerator: Accelerator) -> tuple[Any, list[dict[str, Any]], bool]:
    """The module made ready in place; its optimiser, the groups of its parameters, and whether its weights are divided.

    Of several processes each has the module as it is, with no wrapper around: gradients are averaged once after the last chunk.
    """
    kinds(module, schedule.precision)
    alike(module.to(accelerator.device))
    divides = schedule.sharding == "full" and world()[1] > 1
    if divides:
        sharded(module)
    groups = parameters(module, schedule.weight_decay, schedule.rates)
    optimiser = torch.optim.AdamW(groups, lr=schedule.learning_rate, betas=schedule.betas)
    return accelerator.prepare(optimiser), groups, divides


def _gradients(module: nn.Module, step: Step, number: int, schedule: Schedule, accelerator: Accelerator, run: Run, divides: bool) -> float:
    """Fill the gradients of one update, averaged over processes and clipped; returns the loss. Raises HannunError for one not finite."""
    for p in module.parameters():
        p.grad = None
    total = 0.0
    for call in range(number * schedule.accumulate, (number + 1) * schedule.accumulate):
        half = schedule.precision != "fp32"
        with run.speed.counting(), torch.autocast(accelerator.device.type, torch.bfloat16, enabled=half):
            losses = dict(step(module, call))
        summed = torch.stack([*losses.values()]).sum()
        if not torch.isfinite(summed):
            named = ", ".join(f"{k} {float(v.detach()):g}" for k, v in losses.items())
            raise HannunError(f"the loss at step {number} is not finite ({named}){run.batch()}; {run.remedy()}")
        accelerator.backward(summed / schedule.accumulate)
        total += float(summed.detach()) / schedule.accumulate
        run.note(losses, summed)
    averaged(module)
    if schedule.clip:
        norm = clipped(module, schedule.clip) if divides else float(accelerator.clip_grad_norm_(module.parameters(), schedule.clip))
        if not math.isfinite(norm):
            raise HannunError(f"the gradient at step {number} is not finite{run.batch()}; {run.remedy()}")
    return total


def kinds(module: nn.Module, precision: str) -> None:
    """What is trained in the kind of number that `precision` keeps it in, in place (see Schedule); "fp32" turns what is frozen too."""
    for p in module.parameters():
        if not p.is_floating_point():
            continue
        if precision == "fp32" or (precision == "bf16" and p.requires_grad):
            p.data = p.data.float()
        elif precision == "pure-bf16" and p.ndim:
            p.data = p.data.bfloat16()


def _sharded(accelerator: Accelerator) -> bool:
    """Whether no process holds the whole model. Gradient caching itself is exact there too; saving and averaging are not made for it."""
    return str(accelerator.distributed_type).rsplit(".", 1)[-1] in ("FSDP", "DEEPSPEED", "MEGATRON_LM")
