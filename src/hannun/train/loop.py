"""A module, a step and a schedule go in; the trained module (its moving average or its best state, if asked for) comes out.

A step is a function (module, number) → named losses; the loop adds them up. Checkpoints are written whole or not at all, and
a run that was killed goes on from the last one with the same random numbers and the same batches.

    FOLDER/last.pt       where to go on      FOLDER/best.pt   the best state, when validating
    FOLDER/log.jsonl     one row per interval  FOLDER/tensorboard/  the same for TensorBoard, where it is installed
    FOLDER/report.html   curves, at the end
"""

from __future__ import annotations

import errno
import json
import math
import os
import pickle
import random
import re
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from hannun.errors import HannunError, InputError, StorageError, neighbours
from hannun.train import report
from hannun.train.distributed import averaged, world

Step = Callable[[nn.Module, int], Mapping[str, Tensor]]


class Resumable(Protocol):
    """What the step draws its batches from: its place is saved with every checkpoint. `str()` of it names the last batch."""

    def state(self) -> dict[str, Any]:
        """Where the stream is, as plain values."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        ...


@dataclass(frozen=True)
class Schedule:
    """How a run goes.

    `warmup` is a share of `steps`; `curve` is "cosine", "rsqrt" or "constant"; `ema` 0 keeps no average; a checkpoint every
    `save_every` steps. `accumulate` calls of the step make one update. `precision` is "fp32" or "bf16". With a validation,
    `validate_every` steps (0: never), and after `patience` of them without a better one the run stops (0: goes to the end).
    `rates` are multiples of the learning rate for parts of the module, by name: a tower that knows its work already learns more
    slowly than a new head (discriminative fine-tuning, Howard and Ruder 2018).
    """

    steps: int
    learning_rate: float = 1e-3
    warmup: float = 0.05
    weight_decay: float = 0.05
    clip: float = 1.0
    ema: float = 0.0
    seed: int = 0
    log_every: int = 50
    save_every: int = 500
    curve: str = "cosine"
    accumulate: int = 1
    precision: str = "fp32"
    validate_every: int = 0
    patience: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in (("curve", CURVES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise InputError(f"{name}={getattr(self, name)!r} came; {neighbours(str(getattr(self, name)), known)}")
        for name in ("steps", "log_every", "save_every", "accumulate"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)} came, expected 1 or more")


CURVES = ("cosine", "rsqrt", "constant")
PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True)
class Moment:
    """What a progress bar shows: `step` of `steps` done, the last loss, updates per second, and the seconds left."""

    step: int
    steps: int
    loss: float
    speed: float
    left: float


def rate(step: int, schedule: Schedule) -> float:
    """The share of the learning rate at a step: linear warm-up, then the curve.

    "cosine" falls by half a cosine to 0 (Loshchilov and Hutter 2017); "rsqrt" by 1/√ of the steps since, counted in warm-ups
    (Vaswani et al. 2017); "constant" stays.
    """
    warm = max(1, round(schedule.warmup * schedule.steps))
    if step < warm:
        return (step + 1) / warm
    match schedule.curve:
        case "constant":
            return 1.0
        case "rsqrt":
            return math.sqrt(warm / (step + 1))
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, schedule.steps - warm)))


def parameters(module: nn.Module, decay: float, rates: Mapping[str, float] | None = None) -> list[dict[str, Any]]:
    """Groups for the optimiser, each with its `share` of the rate: matrices decay, everything of fewer than two dimensions does not.

    Raises InputError for a name in `rates` under which nothing is trained.
    """
    trained = {k: p for k, p in module.named_parameters() if p.requires_grad}
    shares = dict.fromkeys(trained, 1.0)
    for name, share in (rates or {}).items():
        under = [k for k in trained if k == name or k.startswith(f"{name}.")]
        if not under:
            raise InputError(
                f"rates.{name} came, and nothing of that name is trained; {neighbours(name, [k for k, _ in module.named_children()])}"
            )
        shares |= dict.fromkeys(under, share)
    return [
        {"params": [p for k, p in trained.items() if shares[k] == share and (p.ndim >= 2) == matrix], "weight_decay": d, "share": share}
        for share in sorted({1.0, *shares.values()}, reverse=True)
        for matrix, d in ((True, decay), (False, 0.0))
    ]


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
) -> nn.Module:
    """Run the schedule; an existing `last.pt` in `folder` is continued.

    Args:
        module: what is trained; parameters that want no gradient stay as they are and are not saved.
        step: (module, number of the call) → named losses, which are added up.
        schedule: the numbers.
        folder: where checkpoints, logs and the report go.
        tell: gets a line now and then.
        batches: where the step takes its batches from, saved and restored with the checkpoints.
        validate: the module in eval mode → a figure, higher is better. The best state is kept and returned.
        watch: told of every update, for a progress bar.

    Raises:
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
        raise InputError("a launch with sharded weights (FSDP, DeepSpeed) came, and checkpoints here hold whole ones; launch with DDP")
    groups = parameters(module, schedule.weight_decay, schedule.rates)
    optimiser = torch.optim.AdamW(groups, lr=schedule.learning_rate, betas=(0.9, 0.98))
    module, optimiser = accelerator.prepare(module, optimiser)
    bare = accelerator.unwrap_model(module)
    run = _Run(bare, optimiser, schedule, folder, batches, accelerator.device, tell)
    run.resume()
    begun, last = time.monotonic(), run.start
    module.train()
    for number in range(run.start, schedule.steps):
        if run.stopped:
            break
        for group, made in zip(optimiser.param_groups, groups, strict=True):
            group["lr"] = schedule.learning_rate * made["share"] * rate(number, schedule)
        optimiser.zero_grad(set_to_none=True)
        total = 0.0
        with _unsynchronised(accelerator, module):
            for call in range(number * schedule.accumulate, (number + 1) * schedule.accumulate):
                with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=schedule.precision == "bf16"):
                    losses = dict(step(module, call))
                summed = torch.stack([*losses.values()]).sum()
                if not torch.isfinite(summed):
                    named = ", ".join(f"{k} {float(v.detach()):g}" for k, v in losses.items())
                    raise HannunError(f"the loss at step {number} is not finite ({named}){run.batch()}; {run.remedy()}")
                accelerator.backward(summed / schedule.accumulate)
                total += float(summed.detach()) / schedule.accumulate
                run.note(losses, summed)
        averaged(bare)
        if schedule.clip:
            norm = float(accelerator.clip_grad_norm_(module.parameters(), schedule.clip))
            if not math.isfinite(norm):
                raise HannunError(f"the gradient at step {number} is not finite{run.batch()}; {run.remedy()}")
        optimiser.step()
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
    return bare.eval()


def _sharded(accelerator: Accelerator) -> bool:
    """Whether no process holds the whole model. Gradient caching itself is exact there too; saving and averaging are not made for it."""
    return str(accelerator.distributed_type).rsplit(".", 1)[-1] in ("FSDP", "DEEPSPEED", "MEGATRON_LM")


def _unsynchronised(accelerator: Accelerator, module: nn.Module) -> AbstractContextManager[Any]:
    """DDP keeps its hands off: chunks run backward many times in one step, and gradients are averaged once, after the last."""
    return nullcontext() if world()[1] == 1 else accelerator.no_sync(module)


class _Run:
    """The state of one run besides the module's: what a checkpoint holds, and the files."""

    def __init__(
        self,
        bare: nn.Module,
        optimiser: Any,
        schedule: Schedule,
        folder: Path,
        batches: Resumable | None,
        device: torch.device,
        tell: Callable[[str], None],
    ) -> None:
        self.bare, self.optimiser, self.schedule, self.folder, self.batches = bare, optimiser, schedule, folder, batches
        self.device, self.tell = device, tell
        self.checkpoint = folder / "last.pt"
        self.average = {k: v.detach().clone() for k, v in self._trained().items()} if schedule.ema else None
        self.start, self.best, self.waited, self.stopped = 0, -math.inf, 0, False
        self.sums: dict[str, float] = {}
        self.count = 0
        self.writer: Any = None

    def _trained(self) -> dict[str, Tensor]:
        """What training changes: parameters that want a gradient, and buffers (a frozen backbone is not saved again and again)."""
        frozen = {k for k, p in self.bare.named_parameters(remove_duplicate=False) if not p.requires_grad}
        return {k: v for k, v in self.bare.state_dict().items() if k not in frozen}

    def resume(self) -> None:
        """Load `last.pt`, where there is one; log rows that came after it are dropped, since they are made again."""
        _seed(self.schedule.seed + world()[0])
        if self.checkpoint.exists():
            saved = _read(self.checkpoint, self.device)
            foreign = (
                sorted(set(saved["module"]) ^ set(self.bare.state_dict())) if len(saved["module"]) > len(self.bare.state_dict()) else []
            )
            try:
                missing = self.bare.load_state_dict(saved["module"], strict=False)
                self.optimiser.load_state_dict(saved["optimiser"])
            except (RuntimeError, ValueError) as e:
                raise InputError(f"{self.checkpoint}: is of another model ({str(e).splitlines()[0]}); choose another folder") from None
            if missing.unexpected_keys or foreign or set(self._trained()) & set(missing.missing_keys):
                raise InputError(f"{self.checkpoint}: is of another model; choose another folder")
            self.average, self.start = saved["average"], saved["step"]
            self.best, self.waited, self.stopped = saved.get("best", -math.inf), saved.get("waited", 0), saved.get("stopped", False)
            if self.batches is not None and saved.get("batches") is not None:
                self.batches.restore(saved["batches"])
            _restore(saved["random"] if world()[1] == 1 else saved.get("others", {}).get(world()[0], saved["random"]))
            self.tell(f"resumed at step {self.start}")
        log = self.folder / "log.jsonl"
        if world()[0] == 0 and log.exists():
            kept = [r for r in report.rows(log) if r["step"] <= self.start] if self.start else []
            _whole(log, "".join(json.dumps(r) + "\n" for r in kept).encode())
        if world()[0] == 0:
            board = self.folder / "tensorboard"
            if not self.start:
                shutil.rmtree(board, ignore_errors=True)
            with suppress(ImportError):
                from torch.utils.tensorboard import SummaryWriter

                self.writer = SummaryWriter(str(board), purge_step=self.start + 1)

    def note(self, losses: Mapping[str, Tensor], total: Tensor) -> None:
        """Add one call's losses to the interval's sums."""
        self.count += 1
        for k, v in {**losses, "loss": total}.items():
            self.sums[k] = self.sums.get(k, 0.0) + float(v.detach())

    def log(self, done: int, speed: float) -> None:
        """One line told, one row written."""
        mean = {k: round(v / max(1, self.count), 4) for k, v in self.sums.items()}
        self.sums, self.count = {}, 0
        steps = self.schedule.steps
        self.tell(f"step {done}/{steps}  {mean}  {speed:.2f} steps/s  {(steps - done) / speed:.0f} s left")
        learning = rate(done - 1, self.schedule) * self.schedule.learning_rate
        self._write({"step": done, "rate": learning, "steps_per_second": round(speed, 3), **mean})

    def _write(self, row: dict[str, Any]) -> None:
        if world()[0]:
            return
        try:
            with (self.folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(row) + "\n")
        except OSError as e:
            raise _full(self.folder / "log.jsonl", e) from None
        if self.writer is not None:
            for k, v in row.items():
                if k != "step":
                    self.writer.add_scalar(k, v, row["step"])

    def judge(self, done: int, validate: Callable[[nn.Module], float], module: nn.Module) -> None:
        """Validate; keep the best state; count how long it has not improved. Leaves the random numbers as they were."""
        state = _randomness()
        module.eval()
        own = {k: v.detach().clone() for k, v in self._trained().items()} if self.average is not None else None
        if self.average is not None:
            self.bare.load_state_dict(self.average, strict=False)
        with torch.no_grad():
            figure = float(validate(module))
        better = figure > self.best
        if better:
            self.best, self.waited = figure, 0
            if world()[0] == 0:
                _save({"module": self._trained(), "step": done, "validation": figure}, self.folder / "best.pt")
        else:
            self.waited += 1
        if own is not None:
            self.bare.load_state_dict(own, strict=False)
        module.train()
        _restore(state)
        self._write({"step": done, "validation": figure})
        self.tell(f"step {done}  validation {figure:.4f}" + ("" if better else f" (best {self.best:.4f})"))
        if self.schedule.patience and self.waited >= self.schedule.patience:
            self.stopped = True
            self.tell(f"stopped at step {done}: no better validation {self.waited} times")

    def follow(self, number: int) -> None:
        """Move the average."""
        if self.average is not None:
            _follow(self.average, self._trained(), min(self.schedule.ema, (number + 1) / (number + 10)))

    def save(self, done: int) -> None:
        """Write `last.pt`, whole or not at all."""
        rank, size = world()
        numbers: list[Any] = [_randomness()]
        if size > 1:
            numbers = [None] * size
            torch.distributed.all_gather_object(numbers, _randomness())
        if rank:
            return
        state = {
            "module": self._trained(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "step": done,
            "random": numbers[0],
            "others": dict(enumerate(numbers)),
            "schedule": asdict(self.schedule),
            "batches": None if self.batches is None else self.batches.state(),
            "best": self.best,
            "waited": self.waited,
            "stopped": self.stopped,
        }
        _save(state, self.checkpoint)

    def finish(self) -> None:
        """Put the state to be returned into the module, and write the report."""
        best = self.folder / "best.pt"
        if self.best > -math.inf and best.exists():
            self.bare.load_state_dict(_read(best, self.device)["module"], strict=False)
        elif self.average is not None:
            self.bare.load_state_dict(self.average, strict=False)
        if self.writer is not None:
            self.writer.close()
        if world()[0] == 0 and (self.folder / "log.jsonl").exists():
            page = report.html(self.folder.name, report.rows(self.folder / "log.jsonl"), asdict(self.schedule))
            _whole(self.folder / "report.html", page.encode())

    def batch(self) -> str:
        """Which batch it was, for an error message."""
        return "" if self.batches is None else f", batch {self.batches}"

    def remedy(self) -> str:
        """What to do about a number that is not finite, and what is kept."""
        kept = f"{self.checkpoint} holds the last good step" if self.checkpoint.exists() else "no checkpoint had been written yet"
        return f"lower the learning rate, or look at that batch. {kept}"


def _follow(average: dict[str, Tensor], now: Mapping[str, Tensor], decay: float) -> None:
    with torch.no_grad():
        for k, v in now.items():
            if v.dtype.is_floating_point:
                average[k].lerp_(v, 1 - decay)
            else:
                average[k].copy_(v)


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _randomness() -> dict[str, Any]:
    cuda = [torch.cuda.get_rng_state()] if torch.cuda.is_available() else []
    drawn: Any = np.random.get_state()
    kind, keys, *rest = drawn
    plain = (kind, torch.from_numpy(keys.astype(np.int64)), *rest)  # a checkpoint holds tensors and plain values alone
    return {"python": random.getstate(), "numpy": plain, "torch": torch.get_rng_state(), "cuda": cuda}


def _restore(state: Mapping[str, Any]) -> None:
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.asarray(keys.cpu() if isinstance(keys, Tensor) else keys).astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"].cpu())
    for each in state.get("cuda", ())[: 1 if torch.cuda.is_available() else 0]:
        torch.cuda.set_rng_state(each.cpu())


def _read(path: Path, device: torch.device) -> dict[str, Any]:
    """What `_save` wrote: tensors and plain values. Whatever else a file holds could run when it is read, and is refused.

    Older checkpoints hold NumPy's random numbers as an array, which is let in: it is data too.
    """
    try:
        with torch.serialization.safe_globals(_ARRAYS):
            saved = torch.load(path, map_location=device, weights_only=True)
        if isinstance(saved, dict) and "module" in saved:
            return saved
        reason = "it holds something else"
    except pickle.UnpicklingError as e:
        named = re.search(r"GLOBAL ([\w.]+)", str(e))
        reason = f"it holds {named[1]}, which is no data and could run" if named else "it is damaged"
    except Exception as e:  # a damaged file makes torch raise anything
        reason = (str(e).splitlines() or [type(e).__name__])[0][:200]
    raise StorageError(f"{path}: cannot be read as a checkpoint ({reason}); delete it to begin anew, or give another --work")


#: NumPy's array, as old and new versions of it write one.
_ARRAYS: list[Any] = [
    np.ndarray,
    np.dtype,
    type(np.dtype(np.uint32)),
    *((np.zeros(0).__reduce__()[0], f"numpy.{core}.multiarray._reconstruct") for core in ("_core", "core")),
]


def _save(state: dict[str, Any], path: Path) -> None:
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as f:
            torch.save(state, f)
            f.flush()
            os.fsync(f.fileno())
        os.replace(part, path)
    except (OSError, RuntimeError) as e:  # torch wraps a write that failed in a RuntimeError
        part.unlink(missing_ok=True)
        raise _full(path, e) from None


def _whole(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as e:
        part.unlink(missing_ok=True)
        raise _full(path, e) from None


def _full(path: Path, error: Exception) -> StorageError:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    why = (cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error).splitlines()[0]) or "no reason given"
    full = isinstance(cause, OSError) and cause.errno == errno.ENOSPC
    kept = "; what was there before is kept" if path.exists() else ""
    return StorageError(
        f"{path}: cannot be written ({why}){kept}; {'free some space' if full else 'see to the disk'} and run the same again"
    )
