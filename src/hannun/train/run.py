"""A module, its optimiser and a folder go in; a resumable run comes out: its checkpoints, its log, its average, its best state."""

from __future__ import annotations

import json
import math
import pickle
import random
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from hannun.errors import InputError, StorageError
from hannun.files import whole
from hannun.processes import once, world
from hannun.seen import Seen
from hannun.train import distributed, report, speed
from hannun.train.record import Recording
from hannun.train.schedule import Schedule, differences, rate
from hannun.train.speed import Speed


class Resumable(Protocol):
    """What the step draws its batches from: its place is saved with every checkpoint. `str()` of it names the last batch."""

    def state(self) -> dict[str, Any]:
        """Where the stream is, as plain values."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        ...


@dataclass(frozen=True)
class Moment:
    """What a progress bar shows: `step` of `steps` done, the last loss, updates per second, and the seconds left."""

    step: int
    steps: int
    loss: float
    speed: float
    left: float


class Run:
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
        self.board: Any = None
        self.speed = Speed(bare, device)
        self._begun = {k: _sample(p) for k, p in bare.named_parameters(remove_duplicate=False) if not p.requires_grad}

    def _trained(self) -> dict[str, Tensor]:
        """What the optimiser changes: parameters that want a gradient, and buffers (a frozen backbone is not saved again and again)."""
        frozen = {k for k, p in self.bare.named_parameters(remove_duplicate=False) if not p.requires_grad}
        return {k: v for k, v in self.bare.state_dict().items() if k not in frozen}

    def _changed(self) -> dict[str, Tensor]:
        """What training changes in any way: a frozen parameter that an `after` hook moves, such as a momentum teacher's, is among it."""
        own = dict(self.bare.named_parameters(remove_duplicate=False))
        moved = {k: own[k].detach() for k, begun in self._begun.items() if not torch.equal(_sample(own[k]), begun)}
        return {**self._trained(), **moved}

    def _record(self) -> Any:
        return self.batches.record if isinstance(self.batches, Recording) else None

    def resume(self) -> None:
        """Load `last.pt`, where there is one; log rows that came after it are dropped, since they are made again."""
        _seed(self.schedule.seed + world()[0])
        if self.checkpoint.exists():
            saved = _read(self.checkpoint)
            foreign = (
                sorted(set(saved["module"]) ^ set(self.bare.state_dict())) if len(saved["module"]) > len(self.bare.state_dict()) else []
            )
            try:
                missing = distributed.load(self.bare, saved["module"])
                distributed.load_optimiser(self.optimiser, saved["optimiser"])
            except (RuntimeError, ValueError) as e:
                raise InputError(f"{self.checkpoint}: is of another model ({str(e).splitlines()[0]}); choose another folder") from None
            if missing.unexpected_keys or foreign or set(self._trained()) & set(missing.missing_keys):
                raise InputError(f"{self.checkpoint}: is of another model; choose another folder")
            if changed := differences(saved["schedule"], self.schedule) if saved.get("schedule") else []:
                what = f"was made with another schedule ({'; '.join(changed)})"
                raise InputError(f"{self.checkpoint}: {what}; give that one again, or choose another folder")
            own = self._trained()
            kept = saved["average"]
            self.average = None if kept is None else {k: distributed.divided(v, own[k]).to(own[k].device) for k, v in kept.items()}
            self.start = saved["step"]
            if (record := self._record()) is not None and saved.get("trained_on") is not None:
                record.take(Seen(saved["trained_on"].cpu().numpy().view(np.uint64)))
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
            self.board = speed.board(self.folder, asdict(self.schedule))

    def note(self, losses: Mapping[str, Tensor], total: Tensor) -> None:
        """Add one call's losses to the interval's sums."""
        self.count += 1
        for k, v in {**losses, "loss": total}.items():
            self.sums[k] = self.sums.get(k, 0.0) + float(v.detach())

    def log(self, done: int, steps_a_second: float) -> None:
        """One line told, one row written."""
        mean = {k: round(v / max(1, self.count), 4) for k, v in self.sums.items()}
        self.sums, self.count = {}, 0
        steps = self.schedule.steps
        self.tell(f"step {done}/{steps}  {mean}  {steps_a_second:.2f} steps/s  {(steps - done) / steps_a_second:.0f} s left")
        learning = rate(done - 1, self.schedule) * self.schedule.learning_rate
        self._write({"step": done, "rate": learning, "steps_per_second": round(steps_a_second, 3), **self.speed.read(), **mean})

    def _write(self, row: dict[str, Any]) -> None:
        if world()[0]:
            return
        try:
            with (self.folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(row) + "\n")
        except OSError as e:
            path = self.folder / "log.jsonl"
            raise StorageError(f"{path}: cannot be written ({e.strerror or e}); {_remedy(path)}") from None
        if self.writer is not None:
            for k, v in row.items():
                if k != "step":
                    self.writer.add_scalar(k, v, row["step"])
        if self.board is not None:
            self.board.log({k: v for k, v in row.items() if k != "step"}, step=row["step"])

    def judge(self, done: int, validate: Callable[[nn.Module], float], module: nn.Module) -> None:
        """Validate; keep the best state; count how long it has not improved. Leaves the random numbers as they were."""
        state = _randomness()
        module.eval()
        own = {k: v.detach().clone() for k, v in self._trained().items()} if self.average is not None else None
        if self.average is not None:
            self.bare.load_state_dict(self.average, strict=False)
        with torch.no_grad():
            figure = self._judged(validate, module)
        better = figure > self.best
        if better:
            self.best, self.waited = figure, 0
            kept = distributed.whole(self._changed())
            if world()[0] == 0:
                _save({"module": kept, "step": done, "validation": figure}, self.folder / "best.pt")
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

    def _judged(self, validate: Callable[[nn.Module], float], module: nn.Module) -> float:
        """The figure, one for all processes; where they hold a part of the weights each, they must all compute it."""
        if not any(isinstance(p, DTensor) for p in module.parameters()):
            return once(lambda: float(validate(module)))
        figure = float(validate(module))
        return once(lambda: figure)

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
        record = self._record()
        module, optimiser, average = (distributed.whole(x) for x in (self._changed(), self.optimiser.state_dict(), self.average))
        if rank:
            return
        state = {
            "module": module,
            "optimiser": optimiser,
            "average": average,
            "trained_on": None if record is None else torch.from_numpy(record.seen().values.view(np.int64)),
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
            distributed.load(self.bare, _read(best)["module"])
        elif self.average is not None:
            self.bare.load_state_dict(self.average, strict=False)
        if (record := self._record()) is not None:
            before = getattr(self.bare, "trained_on", None)  # of an earlier stage
            self.bare.trained_on = record.seen() if before is None else before | record.seen()
        if self.writer is not None:
            self.writer.close()
        if self.board is not None:
            self.board.finish()
        self.speed.close()
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


def _sample(parameter: Tensor) -> Tensor:
    """64 of its values: a parameter that moves moves there too."""
    flat = getattr(parameter, "to_local", lambda: parameter)().detach().reshape(-1)
    return flat[:: max(1, flat.numel() // 64)][:64].clone()


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


def _read(path: Path) -> dict[str, Any]:
    """What `_save` wrote: tensors and plain values. Whatever else a file holds could run when it is read, and is refused.

    Older checkpoints hold NumPy's random numbers as an array, which is let in: it is data too.
    """
    try:
        with torch.serialization.safe_globals(_ARRAYS):
            saved = torch.load(path, map_location="cpu", weights_only=True)  # loading moves it to where the module is
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
    with whole(path, remedy=_remedy(path)) as f:
        try:
            torch.save(state, f)
        except RuntimeError as e:  # torch wraps a write that failed in one
            raise _cause(e) from None


def _whole(path: Path, data: bytes) -> None:
    with whole(path, remedy=_remedy(path)) as f:
        f.write(data)


def _remedy(path: Path) -> str:
    kept = "what was there before is kept; " if path.exists() else ""
    return f"{kept}free some space or make the folder writable, then run the same again"


def _cause(error: RuntimeError) -> OSError:
    """The failed write behind it, or one with its first line."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    return cause or OSError((str(error).splitlines() or ["no reason given"])[0])
